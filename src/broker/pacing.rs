//! Publishers wait for subscribers that are slower, but not for those that stand still.
//!
//! While the queue of a connected session is more than half full, QoS 1 and 2 messages for it are accepted, but acknowledged
//! only when there is room again or the patience is over. A publisher with a bounded window (Receive Maximum in 5.0, the
//! habit of every client in 3.1.1) then sends no faster than its slowest live subscriber reads. Its input is not held up, so
//! that its own acknowledgements keep flowing, and nobody waits for himself.

use alloc::vec::Vec;
use core::mem;

use super::{Broker, sessions::SessionKey, slab::Key, timers::Timer};
use crate::{QoS, RequestToken, Timestamp, packet::ReasonCode};

/// What waits for a session to read.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// Accepted messages, by the session that sent them and its number for them.
    held: Vec<(SessionKey, u64)>,
    /// When the patience is over, while something is held.
    until: Option<Timestamp>,
    /// The patience was over: nobody waits until the queue has been half empty again.
    is_given_up: bool,
}

impl Pressure {
    /// A message went to the session, connected as it is, whose queue is at most half full or not; whether its publisher is to wait.
    pub(super) fn is_felt(&mut self, qos: QoS, has_room: bool) -> bool {
        self.is_given_up &= !has_room;
        !has_room && !self.is_given_up && qos > QoS::AtMostOnce
    }
}

impl Broker {
    /// Acknowledges a routed message later if one of its receivers is under pressure; whether it does.
    pub(super) fn hold(&mut self, publisher: Key, token: RequestToken, session: SessionKey) -> bool {
        let Some(slow) = self.pressed.take() else { return false };
        let patience = self.config.subscriber_patience;
        let Some(stored) = self.sessions.get_mut(slow) else { return false };
        let pressure = &mut stored.pressure;
        if patience.is_zero() || pressure.held.len() >= self.config.connection.queue_count {
            return false;
        }
        let now = self.now;
        let delivery =
            self.connections.get_mut(publisher).and_then(|peer| peer.connection.defer_publish(token, now));
        let Some(delivery) = delivery else { return false };
        pressure.held.push((session, delivery));
        if pressure.until.is_none() {
            let until = Some(self.now + patience);
            pressure.until = self.timers.advance(Timer::Pressure(slow.0), None, until);
        }
        true
    }

    /// The patience with a session is over.
    pub(super) fn give_up_on(&mut self, key: SessionKey) {
        if let Some(stored) = self.sessions.get_mut(key) {
            stored.pressure.until = None;
            stored.pressure.is_given_up = true;
        }
        self.release(key);
    }

    /// Acknowledges what was held for a session that has read, so that its queue is at most half full.
    pub(super) fn release_if_relieved(&mut self, key: SessionKey) {
        if self.is_relieved(key) {
            self.release(key);
        }
    }

    /// Whether something is held for a session that has read.
    pub(super) fn is_relieved(&self, key: SessionKey) -> bool {
        let Some(stored) = self.sessions.get(key) else { return false };
        let peer = stored.connection().and_then(|connection| self.connections.get(connection));
        !stored.pressure.held.is_empty() && peer.is_some_and(|peer| peer.connection.room().is_some())
    }

    /// Whether something waits for a look at a session's outbox: acknowledgements that are held, or retained messages.
    pub(super) fn has_waiting(&self, key: SessionKey) -> bool {
        let Some(stored) = self.sessions.get(key) else { return false };
        (!stored.pressure.held.is_empty() || !stored.replays.is_empty())
            && (self.is_relieved(key) || self.next_replay(key).is_some())
    }

    /// Acknowledges all that was held for a session.
    pub(super) fn release(&mut self, key: SessionKey) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        let held = mem::take(&mut stored.pressure.held);
        self.timers.remove(Timer::Pressure(key.0), stored.pressure.until.take());
        for (publisher, delivery) in held {
            let Some(stored) = self.sessions.get_mut(publisher) else { continue };
            let Some(connection) = stored.connection() else {
                stored.acknowledge_away(delivery);
                continue;
            };
            if let Some(peer) = self.connections.get_mut(connection) {
                peer.connection.acknowledge_earlier(delivery, ReasonCode::Success);
                peer.mark_ready(connection, &mut self.ready);
            }
        }
    }
}
