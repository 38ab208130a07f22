//! Waiting, on any runtime's clock.

use core::{
    future::{pending, poll_fn},
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use mqtt_engine::Timestamp;

use crate::Runtime;

/// As far as a timer is ever set: not every runtime knows times that are centuries away.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// Waits for a moment; for ever if there is none.
pub(crate) async fn sleep_until<R: Runtime>(runtime: &R, moment: Option<Timestamp>) {
    let Some(moment) = moment else { return pending().await };
    while let now = runtime.now()
        && now < moment
    {
        runtime.sleep_until(moment.min(now + FAR)).await;
    }
}

/// The future's output, unless the moment comes first.
pub async fn timeout_at<R: Runtime, F: Future>(
    runtime: &R,
    moment: Timestamp,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut late = pin!(sleep_until(runtime, Some(moment)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Lets other tasks run now and then. A stream that always has something would keep its task from ever waiting, and not every
/// runtime interrupts such a task.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    rounds: u8,
}

impl Turn {
    /// So many rounds without waiting are one turn.
    const ROUNDS: u8 = 4;

    /// Counts a round (a read of many packets, say): `Pending` once after each turn, and then the task is woken again.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.rounds += 1;
        if self.rounds <= Self::ROUNDS {
            return Poll::Ready(());
        }
        self.rounds = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The task waits anyway, which ends the turn.
    pub(crate) const fn end(&mut self) {
        self.rounds = 0;
    }
}
