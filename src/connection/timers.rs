//! Time: how long a client may take for its CONNECT, and how long it may be silent after it.

use super::{Connection, DisconnectCause, Phase};
use crate::Timestamp;

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// CONNACK is due.
    Connect,
    /// A packet from the client is due.
    KeepAlive,
}

impl Timer {
    const fn words(self) -> &'static str {
        match self {
            Self::Connect => "connect timeout",
            Self::KeepAlive => "keep alive",
        }
    }

    /// What the connection ends with.
    const fn cause(self) -> DisconnectCause {
        match self {
            Self::Connect => DisconnectCause::ConnectTimeout,
            Self::KeepAlive => DisconnectCause::KeepAliveTimeout,
        }
    }
}

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timer().map(|(when, _)| when)
    }

    /// Why there is a [`deadline`](Self::deadline), for people who debug.
    #[must_use]
    pub fn why_deadline(&self) -> Option<&'static str> {
        self.timer().map(|(_, timer)| timer.words())
    }

    /// Lets time pass. Early and late calls do no harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.pass(now);
    }

    fn timer(&self) -> Option<(Timestamp, Timer)> {
        match self.phase {
            Phase::AwaitingConnect { until }
            | Phase::Deciding { until }
            | Phase::Authenticating { until } => Some((until, Timer::Connect)),
            // A client can't be blamed for silence while its packets are not read.
            Phase::Open if !self.is_waiting() => Some((self.keep_alive.deadline()?, Timer::KeepAlive)),
            Phase::Open | Phase::Ended | Phase::Gone => None,
        }
    }

    /// Lets time pass to `now`.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if let Some((when, timer)) = self.timer()
            && when <= self.now
        {
            self.end(timer.cause());
        }
    }
}
