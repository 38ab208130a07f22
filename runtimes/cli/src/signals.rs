//! Being asked to stop.

use tokio::signal;

use crate::failure::Failure;

/// Ends when the user or the system asks the process to stop, from now on: Ctrl-C, and SIGTERM where there is one.
#[cfg(unix)]
pub(crate) fn stop() -> Result<impl Future<Output = ()>, Failure> {
    use signal::unix::{SignalKind, signal};

    let hear =
        |kind| signal(kind).map_err(|error| Failure::new(format!("signals can't be received: {error}")));
    let mut interrupts = hear(SignalKind::interrupt())?;
    let mut terminations = hear(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
    })
}

/// Ends when the user asks the process to stop: Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        if signal::ctrl_c().await.is_err() {
            // It can't be heard; the process then dies of it, as ever.
            core::future::pending::<()>().await;
        }
    })
}

/// Being asked to read the settings anew: SIGHUP, where there is one.
#[derive(Debug)]
pub(crate) struct Hangups(#[cfg(unix)] signal::unix::Signal);

/// From now on, SIGHUP no longer ends the process.
pub(crate) fn hangups() -> Result<Hangups, Failure> {
    #[cfg(unix)]
    return signal::unix::signal(signal::unix::SignalKind::hangup())
        .map(Hangups)
        .map_err(|error| Failure::new(format!("signals can't be received: {error}")));
    #[cfg(not(unix))]
    Ok(Hangups())
}

impl Hangups {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        core::future::pending().await
    }
}
