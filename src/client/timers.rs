//! Time: keep alive, time-outs, expiry. Every timer is derived from what happened, none is stored.

use core::{mem, time::Duration};

use super::{Client, ClientEvent, DisconnectReason, Phase};
use crate::{
    Timestamp,
    packet::{Packet, ReasonCode},
    time::earliest,
};

/// What the client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// The transport is open, CONNACK is due.
    Connect,
    /// PINGREQ was sent, anything from the server is due.
    Ping,
    /// A packet to the server is due.
    KeepAlive,
    /// An unanswered packet is due once more.
    Retransmit,
    /// A queued message expires.
    Expiry,
}

impl Timer {
    const ALL: [Self; 5] = [Self::Connect, Self::Ping, Self::KeepAlive, Self::Retransmit, Self::Expiry];

    const fn words(self) -> &'static str {
        match self {
            Self::Connect => "connect timeout",
            Self::Ping => "ping timeout",
            Self::KeepAlive => "keep alive",
            Self::Retransmit => "retransmission",
            Self::Expiry => "message expiry",
        }
    }
}

impl Client {
    /// When [`handle_timeout`](Self::handle_timeout) is due. The moment of [`Transport::Open`](crate::Transport::Open) is not among the
    /// reasons: waiting for it is the driver's part.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.next_timer().map(|(when, _)| when)
    }

    /// Why there is a [`deadline`](Self::deadline), for people who debug.
    #[must_use]
    pub fn why_deadline(&self) -> Option<&'static str> {
        self.next_timer().map(|(_, timer)| timer.words())
    }

    /// Lets time pass. Harmless when nothing is due, and however late.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.pass(now);
        self.settle();
    }

    fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        earliest(Timer::ALL, |timer| self.when(timer))
    }

    /// Lets time pass to `now` and does what was due; each timer once, so a late call makes no storm.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if mem::take(&mut self.wire.was_paused) {
            self.wire.reading_since = self.now;
        }
        self.fire_if_due(Timer::Connect);
        self.fire_if_due(Timer::Ping);
        self.fire_if_due(Timer::KeepAlive);
        self.fire_if_due(Timer::Retransmit);
        self.fire_if_due(Timer::Expiry);
    }

    #[inline(always)]
    fn fire_if_due(&mut self, timer: Timer) {
        if self.when(timer).is_some_and(|when| when <= self.now) {
            self.fire(timer);
        }
    }

    #[inline(always)]
    fn when(&self, timer: Timer) -> Option<Timestamp> {
        let wire = &self.wire;
        match timer {
            Timer::Connect => {
                (self.phase == Phase::Connecting).then(|| wire.opened + self.config.connect_timeout)
            }
            Timer::Expiry => self.session.next_expiry(),
            Timer::Retransmit => wire.link.retransmit_at().filter(|_| self.is_connected()),
            // While the program lets the input pause, the answer may lie unread in the transport, and for a while after.
            Timer::Ping => wire
                .ping_sent
                .filter(|_| self.is_connected() && !self.is_program_slow())
                .map(|sent| sent.max(wire.last_received).max(wire.reading_since) + self.config.ping_timeout),
            Timer::KeepAlive => (self.is_connected() && wire.keep_alive > 0).then(|| {
                // Sending alone proves nothing about the server, receiving alone nothing to it [MQTT-3.1.2-23] (3.1.1)
                // [MQTT-3.1.2-20] (5.0): each direction must move within the keep alive.
                let quiet_since = if wire.ping_sent.is_some() {
                    wire.last_sent
                } else {
                    wire.last_sent.min(wire.last_received)
                };
                quiet_since + Duration::from_secs(wire.keep_alive.into())
            }),
        }
    }

    #[cold]
    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => self.fail(DisconnectReason::ConnectTimeout, None),
            // 0x8D is for servers only [MQTT-3.14.2-1] (5.0).
            Timer::Ping => self.fail(DisconnectReason::PingTimeout, Some(ReasonCode::UnspecifiedError)),
            Timer::KeepAlive => {
                self.write_if_it_fits(&Packet::PingReq);
                self.wire.ping_sent.get_or_insert(self.now);
                self.wire.pings_due = self.wire.pings_due.saturating_add(1);
                self.wire.last_sent = self.now;
            }
            Timer::Retransmit => self.session.retransmit(&mut self.wire.link, &mut self.outbox, self.now),
            Timer::Expiry => self.session.expire(self.now, &mut self.fates),
        }
    }

    /// PINGRESP arrived.
    pub(super) fn pinged(&mut self) {
        self.wire.ping_sent = None;
        // A pause of the input may leave several unanswered.
        if let Some(due) = self.wire.pings_due.checked_sub(1) {
            self.wire.pings_due = due;
        } else {
            self.deviates(
                super::Deviation::UnexpectedPingResp,
                crate::session::Violation::UnexpectedPingResp,
            );
        }
    }

    pub(super) fn emit(&mut self, event: ClientEvent) {
        self.event_bytes += event.cost();
        // Twice the room, from one event on: a board with 8 KiB of RAM has no room for four.
        if self.events.len() == self.events.capacity() {
            self.events.reserve_exact(self.events.len().max(1));
        }
        self.events.push_back(event);
    }
}
