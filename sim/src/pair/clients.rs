//! The clients and the programs that use them.

use std::collections::{BTreeMap, VecDeque};

use mqtt_engine::{
    Acknowledgement, Client, ClientConfig, ClientEvent, DeliveryToken, DisconnectReason, QoS, Timestamp,
    Violation as EngineViolation, packet::ReasonCode,
};

use super::World;
use crate::{
    coverage::Row,
    names::{number, topic_index},
    violation::{Checked, ensure},
};

/// A client, its program, and what the program remembers.
pub(super) struct Person {
    pub(super) client: Client,
    pub(super) config: ClientConfig,
    /// Its connection.
    pub(super) link: Option<usize>,
    /// Counts the starts of the program.
    pub(super) incarnation: u32,
    /// The numbers of the messages whose fate is open.
    pub(super) tokens: BTreeMap<u64, u64>,
    /// With the session and the number of the message.
    pub(super) unacknowledged: Vec<(DeliveryToken, u32, u64)>,
    /// Subscribe and unsubscribe requests without an answer.
    pub(super) requests: usize,
    /// A publish was refused for want of room, and no word since that there is room.
    pub(super) is_blocked: bool,
    /// How often one was, less the words since.
    pub(super) blocked_calls: u32,
    /// The session that the client has read of last, and those that the program has not heard of yet.
    pub(super) known: Option<u32>,
    pub(super) connecting: VecDeque<u32>,
    /// The session in which the events come that the program takes now.
    pub(super) generation: u32,
    /// The client will reject a session that it has no part of.
    pub(super) rejects: bool,
    /// What keep alive is in force, in seconds, and when it last wrote; for as long as its timers are on time.
    pub(super) keep_alive: u16,
    pub(super) last_written: Option<Timestamp>,
}

impl Person {
    pub(super) fn new(config: ClientConfig, now: Timestamp) -> Self {
        Self {
            client: Client::new(config.clone(), now),
            config,
            link: None,
            incarnation: 0,
            tokens: BTreeMap::new(),
            unacknowledged: Vec::new(),
            requests: 0,
            is_blocked: false,
            blocked_calls: 0,
            known: None,
            connecting: VecDeque::new(),
            generation: 0,
            rejects: false,
            keep_alive: 0,
            last_written: None,
        }
    }

    /// The same client starts again; nothing is left of the first one.
    pub(super) fn restarted(&self, config: ClientConfig, now: Timestamp) -> Self {
        Self { incarnation: self.incarnation + 1, ..Self::new(config, now) }
    }
}

impl World<'_> {
    /// The program takes events.
    pub(super) fn poll(&mut self, index: usize, count: usize) -> Checked {
        for _ in 0..count {
            let Some(event) = self.people[index].client.poll_event() else { return Ok(()) };
            self.activity += 1;
            self.trace.note(self.now, || format!("p{index} {event:?}"));
            self.tell_client(index);
            self.told(index, event)?;
        }
        Ok(())
    }

    fn told(&mut self, index: usize, event: ClientEvent) -> Checked {
        let person = &mut self.people[index];
        let is_astray = self.model.is_astray(index);
        match event {
            ClientEvent::Connected(_) => {
                let generation = person.connecting.pop_front();
                ensure!(generation.is_some(), "connected", "p{index} without a CONNACK");
                person.generation = generation.unwrap_or(0);
            }
            ClientEvent::Received { token, message, duplicate } => {
                let is_manual = person.config.acknowledgement == Acknowledgement::Manual;
                if is_manual && message.qos > QoS::AtMostOnce {
                    let number = number(&message.payload).unwrap_or(0);
                    person.unacknowledged.push((token, person.generation, number));
                }
                let generation = person.generation;
                self.model.received(index, generation, &message, duplicate)?;
            }
            ClientEvent::Published { token, outcome } => {
                let number = person.tokens.remove(&token.as_u64());
                ensure!(number.is_some(), "one fate", "p{index}, token {token:?}: {outcome:?}");
                self.model.fated(index, number.unwrap_or(0), outcome, self.now)?;
            }
            ClientEvent::Subscribed { .. } | ClientEvent::Unsubscribed { .. } => {
                ensure!(person.requests > 0, "one answer", "p{index}: {event:?}");
                person.requests -= 1;
            }
            ClientEvent::Writable => {
                ensure!(person.blocked_calls > 0, "writable once", "p{index} was not blocked");
                person.blocked_calls -= 1;
                person.is_blocked = false;
                self.count(Row::WritableAgain);
            }
            ClientEvent::Discarded { topic, .. } => {
                self.count(Row::OversizeDiscarded);
                if let Some(topic) = topic {
                    self.model.dropped(index, topic.as_str());
                }
            }
            ClientEvent::Tolerated { deviation } => {
                ensure!(is_astray, "a deviation", "p{index} met {deviation:?}");
            }
            ClientEvent::Disconnected { reason } => self.connection_ended(index, &reason)?,
            _ => {}
        }
        Ok(())
    }

    fn connection_ended(&mut self, index: usize, reason: &DisconnectReason) -> Checked {
        let is_astray = self.model.is_astray(index);
        let person = &mut self.people[index];
        match reason {
            DisconnectReason::Misbehaved(EngineViolation::SessionPresent) => {
                ensure!(person.rejects, "session present", "p{index} rejects what it is part of");
                person.rejects = false;
            }
            DisconnectReason::Malformed(_)
            | DisconnectReason::Misbehaved(_)
            | DisconnectReason::Unencodable(_)
            | DisconnectReason::AnswerTooLarge
            | DisconnectReason::Refused(_) => {
                ensure!(is_astray, "the client blames the broker", "p{index}: {reason:?}");
            }
            DisconnectReason::PingTimeout => self.count(Row::PingTimeout),
            DisconnectReason::ConnectTimeout => self.count(Row::ConnectTimeout),
            _ => {}
        }
        Ok(())
    }

    /// The program acknowledges, or refuses, one of the messages that wait for it.
    pub(super) fn acknowledge(&mut self, index: usize, place: usize, refuses: bool) -> Checked {
        let now = self.clock();
        let person = &mut self.people[index];
        if person.unacknowledged.is_empty() {
            return Ok(());
        }
        let place = place % person.unacknowledged.len();
        let (token, generation, number) = person.unacknowledged.swap_remove(place);
        let reason = if refuses { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
        person.client.acknowledge(token, reason, now);
        self.tell_client(index);
        if refuses {
            self.count(Row::Acknowledged0x80);
            self.model.refused(index, generation, number);
        }
        Ok(())
    }

    /// Whether a name is one of the workload's topics.
    pub(super) fn is_ours(topic: &str) -> bool {
        topic_index(topic).is_some()
    }
}
