//! The machines' time, told by tokio's clock.

use core::time::Duration;

use mqtt_engine::Timestamp;
use tokio::time::Instant;

/// As far as a timer is ever set: a machine that waits longer is asked again then, which changes nothing.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// Counts from its creation. It follows tokio's clock, so tests may pause it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }

    /// When a moment of the machine comes, at the latest [`FAR`] from now.
    pub(crate) fn instant(self, moment: Timestamp) -> Instant {
        Instant::now() + moment.saturating_since(self.now()).min(FAR)
    }

    /// Waits for a moment; for ever if there is none.
    pub(crate) async fn sleep_until(self, moment: Option<Timestamp>) {
        match moment {
            // A timer of tokio has the resolution of a millisecond and never fires early; a moment that has come is not waited for.
            Some(moment) if moment > self.now() => tokio::time::sleep_until(self.instant(moment)).await,
            Some(_) => {}
            None => core::future::pending().await,
        }
    }
}
