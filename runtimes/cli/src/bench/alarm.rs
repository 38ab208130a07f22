//! Waiting for less than a millisecond, which is all that waiting for sockets is exact to.

use core::time::Duration;
use std::io;

use mio::Registry;
#[cfg(target_os = "linux")]
use {
    mio::{Interest, Token, unix::SourceFd},
    rustix::{
        fd::{AsRawFd, OwnedFd},
        time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
            timerfd_settime,
        },
    },
};

/// A timer that the system tells of as it does of sockets; on Linux. Elsewhere messages are sent up to a millisecond late.
#[derive(Debug)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: OwnedFd,
}

/// The number under which it is told of: no connection has it.
#[cfg(target_os = "linux")]
const NUMBER: usize = usize::MAX - 1;

#[cfg(target_os = "linux")]
impl Alarm {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), Token(NUMBER), Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Sets it for a span that is not whole milliseconds; tells how long to wait at most besides.
    pub(super) fn set(&self, patience: Duration) -> io::Result<Duration> {
        if patience.subsec_nanos().is_multiple_of(1_000_000) {
            return Ok(patience);
        }
        let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: nothing, it_value: value };
        // Whether it rang before does not matter: it rings once more.
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(patience + Duration::from_millis(1))
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as where there is a timer")]
impl Alarm {
    pub(super) fn new(_: &Registry) -> io::Result<Self> {
        Ok(Self {})
    }

    pub(super) fn set(&self, patience: Duration) -> io::Result<Duration> {
        Ok(patience)
    }
}
