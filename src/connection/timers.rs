//! Time: how long a client may take for its CONNECT, how long it may be silent after it, and when what waits for it expires.

use super::{Connection, DisconnectCause, Flow, Phase};
use crate::{Timestamp, time::earliest};

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// CONNACK is due.
    Connect,
    /// A packet from the client is due.
    KeepAlive,
    /// A queued message expires, and those behind it may be free to go.
    Expiry,
}

impl Timer {
    const ALL: [Self; 3] = [Self::Connect, Self::KeepAlive, Self::Expiry];

    const fn words(self) -> &'static str {
        match self {
            Self::Connect => "connect timeout",
            Self::KeepAlive => "keep alive",
            Self::Expiry => "message expiry",
        }
    }
}

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.next_timer().map(|(when, _)| when)
    }

    /// Why there is a [`deadline`](Self::deadline), for people who debug.
    #[must_use]
    pub fn why_deadline(&self) -> Option<&'static str> {
        self.next_timer().map(|(_, timer)| timer.words())
    }

    /// Lets time pass. Early and late calls do no harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.pass(now);
    }

    fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        earliest(Timer::ALL, |timer| self.when(timer))
    }

    #[inline(always)]
    fn when(&self, timer: Timer) -> Option<Timestamp> {
        match (timer, self.phase) {
            (
                Timer::Connect,
                Phase::AwaitingConnect { until }
                | Phase::Deciding { until }
                | Phase::Authenticating { until },
            ) => Some(until),
            // A client can't be blamed for silence while its packets are not read.
            (Timer::KeepAlive, Phase::Open) if !self.is_waiting() => self.keep_alive.deadline(),
            (Timer::Expiry, Phase::Open) => self.flow.as_ref()?.session.next_expiry(),
            _ => None,
        }
    }

    /// Lets time pass to `now`.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.fire_if_due(Timer::Connect);
        self.fire_if_due(Timer::KeepAlive);
        self.fire_if_due(Timer::Expiry);
    }

    #[inline(always)]
    fn fire_if_due(&mut self, timer: Timer) {
        if self.when(timer).is_some_and(|when| when <= self.now) {
            self.fire(timer);
        }
    }

    #[cold]
    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => self.end(DisconnectCause::ConnectTimeout),
            Timer::KeepAlive => self.end(DisconnectCause::KeepAliveTimeout),
            // [MQTT-3.3.2-5] (5.0)
            Timer::Expiry => {
                if let Some(Flow { session, .. }) = &mut self.flow {
                    session.expire(self.now, &mut self.fates);
                }
                self.fill(self.now);
            }
        }
    }
}
