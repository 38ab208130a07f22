//! What the broker tells: connections, sessions, subscriptions, wills.

use std::{mem, time::Duration};

use mqtt_engine::{BrokerEvent, DisconnectCause, QoS, packet::ReasonCode};

use super::{Oracle, Person};
use crate::{
    coverage::Row,
    names::SHARED_S,
    turmoil::setup::index_of,
    violation::{Checked, ensure},
};

/// The client that sees everything.
pub(in crate::turmoil) const WATCHER: &str = "watcher";

/// The time between a start and an end of the broker's program; nothing in it outlives that.
#[derive(Debug, Default)]
pub(super) struct BrokerLife {
    number: u32,
    is_up: bool,
    /// The first number that was published in it.
    pub(super) began_with: u64,
}

impl BrokerLife {
    pub(super) const fn is_alive(&self, life: u32) -> bool {
        self.is_up && self.number == life
    }

    pub(super) const fn is_first(&self) -> bool {
        self.number == 1
    }

    pub(super) const fn is_up(&self) -> bool {
        self.is_up
    }
}

/// A will that was announced: what is owed, and what was seen.
#[derive(Debug, Default)]
pub(super) struct WillState {
    /// On the broker's clock.
    waits_until: Option<Duration>,
    pub(super) owed: u32,
    pub(super) seen: u32,
}

impl WillState {
    pub(super) const fn is_settled(&self) -> bool {
        self.waits_until.is_none() && self.owed == self.seen
    }
}

impl Oracle {
    /// The broker's program has started, with nothing in its memory.
    pub(in crate::turmoil) fn broker_started(&mut self) -> u32 {
        self.broker.number += 1;
        self.broker.is_up = true;
        self.broker.began_with = self.next_number;
        let life = self.broker.number;
        self.note(|| format!("the broker starts, life {life}"));
        life
    }

    /// Whether the broker of this life is still there.
    pub(in crate::turmoil) const fn is_alive(&self, life: u32) -> bool {
        self.broker.is_alive(life)
    }

    /// It is about to end: nothing that it says from now on counts, nobody owes anything any more.
    pub(in crate::turmoil) fn broker_ends(&mut self) {
        self.broker.is_up = false;
        self.retained.clear();
        for person in &mut self.people {
            person.session_ends();
            person.will = WillState::default();
            person.may_lose_session = true;
        }
        self.packets.broker_ends();
        self.note(|| "the broker ends".to_owned());
    }

    /// The broker is about to grant a subscription.
    pub(in crate::turmoil) fn subscribed(&mut self, life: u32, client_id: &str, filter: &str, qos: QoS) {
        let since = self.next_number;
        let Some(index) = index_of(client_id).filter(|_| self.broker.is_alive(life)) else { return };
        if filter == SHARED_S {
            self.people[index].shares_since.get_or_insert(since);
        } else if !filter.starts_with("x/") {
            self.people[index].filters.entry(filter.to_owned()).or_insert((since, qos));
            self.note(|| format!("c{index} subscribes to {filter} with {qos:?} since {since}"));
        }
    }

    /// Something the broker told, at a moment of its clock.
    pub(in crate::turmoil) fn told(&mut self, life: u32, event: &BrokerEvent, now: Duration) -> Checked {
        if !self.broker.is_alive(life) {
            return Ok(());
        }
        self.note(|| format!("broker: {event:?}"));
        match event {
            BrokerEvent::Connected { client_id, session_present, clean_start, .. } => {
                index_of(client_id.as_str())
                    .map_or(Ok(()), |index| self.connected(index, *session_present, *clean_start, now))
            }
            BrokerEvent::Disconnected { client_id, reason, .. } => {
                self.count_cause(reason);
                if let Some(index) = client_id.as_ref().and_then(|id| index_of(id.as_str())) {
                    self.disconnected(index, reason.publishes_will(), now);
                }
                Ok(())
            }
            BrokerEvent::Dropped { client_id, topic, why } => {
                ensure!(client_id.as_str() != WATCHER, "the watcher misses nothing", "{topic:?}: {why}");
                if let Some(index) = index_of(client_id.as_str()) {
                    self.people[index].missed = true;
                }
                self.count(Row::QueueFull);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A client heard that it is connected, and whether to its old session.
    pub(in crate::turmoil) fn heard_connack(&mut self, index: usize, is_present: bool) {
        self.note(|| format!("c{index} is connected, session present: {is_present}"));
        let person = &mut self.people[index];
        if mem::take(&mut person.has_new_session) && is_present && person.connections > 0 {
            person.is_in_hole = true;
            person.missed = true;
            self.count(Row::SessionHole);
        }
        let person = &mut self.people[index];
        let row = match (is_present, person.connections) {
            (true, 0) => Row::SessionKept,
            (true, _) => Row::SessionResumed,
            (false, 0) => Row::SessionBegun,
            (false, _) => Row::SessionLost,
        };
        person.connections += 1;
        self.count(row);
    }

    fn connected(&mut self, index: usize, is_present: bool, clean_start: bool, now: Duration) -> Checked {
        self.let_wills_pass(now);
        let person = &mut self.people[index];
        ensure!(
            is_present == (person.session.is_some() && !clean_start),
            "session present",
            "c{index}: {is_present}, {:?}, clean start {clean_start}",
            person.session
        );
        // Cancelled, or due with the end of the session.
        let had_will = person.will.waits_until.take().is_some();
        person.will.owed += u32::from(had_will && clean_start);
        if !is_present {
            person.session_ends();
            person.has_new_session = true;
        }
        let lasts = if person.is_v5 { person.session_lasts } else { !clean_start };
        person.session = Some(lasts);
        self.coverage.count_if(had_will && !clean_start, Row::WillCancelled);
        Ok(())
    }

    fn disconnected(&mut self, index: usize, publishes_will: bool, now: Duration) {
        let person = &mut self.people[index];
        let lasts = person.session == Some(true);
        match person.will_delay.filter(|_| publishes_will) {
            Some(delay) if lasts && !delay.is_zero() => person.will.waits_until = Some(now + delay),
            Some(_) => {
                person.will.owed += 1;
                self.coverage.count(Row::WillAtOnce);
            }
            None => {}
        }
        if !lasts {
            person.session_ends();
        }
    }

    /// Time passes on the broker's clock.
    pub(in crate::turmoil) fn let_wills_pass(&mut self, now: Duration) {
        for person in &mut self.people {
            let will = &mut person.will;
            if will.waits_until.take_if(|until| *until <= now).is_some() {
                will.owed += 1;
                self.coverage.count(Row::WillDelayed);
            }
        }
    }

    pub(super) fn will_seen(&mut self, index: usize) -> Checked {
        self.people[index].will.seen += 1;
        Ok(())
    }

    fn count_cause(&mut self, cause: &DisconnectCause) {
        match cause {
            DisconnectCause::KeepAliveTimeout => self.count(Row::KeepAliveEnds),
            DisconnectCause::ConnectTimeout => self.count(Row::ConnectTimeout),
            DisconnectCause::Closed(ReasonCode::SessionTakenOver) => self.count(Row::Takeover),
            _ => {}
        }
    }
}

impl Person {
    fn session_ends(&mut self) {
        self.session = None;
        self.filters.clear();
        self.expected.clear();
    }
}
