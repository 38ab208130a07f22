//! What a broker owes to whom, told by a watcher that sees every accepted message in its order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mqtt_engine::{
    BrokerEvent, Message, PublishOutcome, QoS, Timestamp,
    packet::{ProtocolVersion, ReasonCode},
};

use crate::{PERSONS, Subscriber};

/// A message of a person.
#[derive(Debug)]
pub struct Published {
    pub publisher: usize,
    pub topic: &'static str,
    pub qos: QoS,
    pub retain: bool,
    pub expires: bool,
    pub outcome: Option<PublishOutcome>,
    /// How often the broker accepted it.
    pub accepted: u32,
    /// How often it was delivered through the shared subscription.
    pub shared: u32,
}

/// A will: its delay, and what is known of it.
#[derive(Debug, Default)]
struct WillState {
    delay: Option<Duration>,
    waits_until: Option<Timestamp>,
    owed: u32,
    seen: u32,
}

type Flow = (usize, &'static str, QoS);

#[derive(Default)]
pub struct Model {
    pub published: BTreeMap<u64, Published>,
    pub dropped: BTreeSet<String>,
    retained: BTreeMap<String, u64>,
    expected: BTreeSet<(usize, u64)>,
    order: BTreeMap<Flow, u64>,
    received: [BTreeMap<u64, u32>; PERSONS],
    received_in_order: [BTreeMap<(Flow, QoS), u64>; PERSONS],
    wills: [WillState; PERSONS],
    /// Whether the session outlives its connection.
    sessions: BTreeMap<usize, bool>,
    expiries: [u32; PERSONS],
}

pub fn number(payload: &[u8]) -> u64 {
    str::from_utf8(payload).unwrap().split(':').next().unwrap().parse().unwrap()
}

pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

fn person(client_id: &str) -> Option<usize> {
    client_id.strip_prefix('p').map(|index| index.parse().unwrap())
}

impl Model {
    pub fn meet(&mut self, index: usize, expiry: u32, will_delay: Option<Duration>) {
        self.expiries[index] = expiry;
        self.wills[index].delay = will_delay;
    }

    /// Something the broker told.
    pub fn told(&mut self, event: &BrokerEvent, now: Timestamp) {
        match event {
            BrokerEvent::Connected { client_id, version, session_present, clean_start, .. } => {
                let Some(index) = person(client_id.as_str()) else { return };
                let is_stored = self.sessions.contains_key(&index);
                assert_eq!(*session_present, is_stored && !clean_start, "session present of {client_id}");
                let lasts =
                    if *version == ProtocolVersion::V5 { self.expiries[index] > 0 } else { !clean_start };
                self.sessions.insert(index, lasts);
                self.let_pass(now);
                let will = &mut self.wills[index];
                // Cancelled, or due with the end of the session.
                will.owed += u32::from(will.waits_until.take().is_some() && *clean_start);
            }
            BrokerEvent::Disconnected { client_id: Some(client_id), reason, .. } => {
                let Some(index) = person(client_id.as_str()) else { return };
                let lasts = self.sessions[&index];
                if !lasts {
                    self.sessions.remove(&index);
                }
                let will = &mut self.wills[index];
                match will.delay.filter(|_| reason.publishes_will()) {
                    Some(delay) if lasts && !delay.is_zero() => will.waits_until = Some(now + delay),
                    Some(_) => will.owed += 1,
                    None => {}
                }
            }
            BrokerEvent::Dropped { client_id, why, .. } => {
                assert_ne!(client_id.as_str(), "watcher", "{why}");
                self.dropped.insert(client_id.as_str().to_owned());
            }
            _ => {}
        }
    }

    fn let_pass(&mut self, now: Timestamp) {
        for will in &mut self.wills {
            will.owed += u32::from(will.waits_until.take_if(|until| *until <= now).is_some());
        }
    }

    /// The watcher got a message: the broker has accepted it.
    pub fn accepted(&mut self, message: &Message, subscribers: &[Subscriber]) {
        if let Some(index) = message.topic.as_str().strip_prefix("will/") {
            self.wills[index.parse::<usize>().unwrap()].seen += 1;
            return;
        }
        let number = number(&message.payload);
        let published = self.published.get_mut(&number).expect("a message that was published");
        assert_eq!(message.topic, published.topic);
        assert!(!published.topic.starts_with("no/"), "message {number} was refused");
        published.accepted += 1;
        assert!(published.qos == QoS::AtLeastOnce || published.accepted == 1, "message {number}, QoS 0 or 2");
        if published.accepted == 1 {
            let flow = (published.publisher, published.topic, published.qos);
            let last = self.order.insert(flow, number);
            assert!(last < Some(number), "{number} of {flow:?} comes after {last:?}");
        }
        assert_eq!(message.retain, published.retain, "retain as published");
        if published.retain {
            self.retained.insert(published.topic.to_owned(), number);
        }
        let qos = published.qos;
        for (index, subscriber) in subscribers.iter().enumerate().filter(|(_, one)| one.lasts) {
            let granted = subscriber.filters.iter().filter(|(filter, _)| matches(filter, published.topic));
            let granted = granted.map(|(_, qos)| *qos).max();
            if granted.is_some_and(|granted| granted.min(qos) > QoS::AtMostOnce) && !published.expires {
                self.expected.insert((index, number));
            }
        }
    }

    /// A person got a message.
    pub fn received(&mut self, index: usize, message: &Message) {
        let number = number(&message.payload);
        let published = self.published.get_mut(&number).expect("a message that was published");
        assert_eq!(message.topic, published.topic);
        assert!(published.accepted > 0, "message {number} was not accepted");
        if message.retain {
            return assert!(published.retain, "message {number}");
        }
        if published.topic.starts_with("s/") {
            published.shared += 1;
            let once = published.qos != QoS::AtLeastOnce;
            return assert!(!once || published.shared == 1, "shared message {number} twice");
        }
        let count = self.received[index].entry(number).or_default();
        *count += 1;
        let once = message.qos != QoS::AtLeastOnce && published.qos != QoS::AtLeastOnce;
        assert!(!once || *count == 1, "message {number}, QoS {:?}, comes twice to {index}", message.qos);
        // A repetition may be the first that a client gets, if it was away before, or has just subscribed.
        let is_kept = message.qos > QoS::AtMostOnce && !published.topic.starts_with("x/");
        if *count == 1 && (once || is_kept) {
            let flow = ((published.publisher, published.topic, published.qos), message.qos);
            let last = self.received_in_order[index].insert(flow, number);
            assert!(last < Some(number), "{number} of {flow:?} comes to {index} after {last:?}");
        }
    }

    /// Everything has come to its end.
    pub fn check(&mut self, now: Timestamp, versions: &[ProtocolVersion], subscribers: &[Subscriber]) {
        self.let_pass(now);
        for (index, will) in self.wills.iter().enumerate() {
            assert_eq!(will.seen, will.owed, "wills of {index}");
        }
        for (number, one) in &self.published {
            let lasts = subscribers[one.publisher].lasts;
            match one.outcome {
                None => assert_eq!(one.qos, QoS::AtMostOnce, "message {number} has no fate"),
                Some(PublishOutcome::Acknowledged { reason }) if one.topic.starts_with("no/") => {
                    assert!(versions[one.publisher] < ProtocolVersion::V5, "{number} was refused: {reason}");
                }
                Some(PublishOutcome::Acknowledged { .. }) => {
                    assert!(one.accepted > 0, "message {number} is lost");
                }
                Some(PublishOutcome::Refused { reason }) => {
                    assert!(one.topic.starts_with("no/"), "message {number}");
                    assert_eq!(reason, ReasonCode::NotAuthorized);
                }
                Some(PublishOutcome::Expired) => assert!(one.expires),
                Some(PublishOutcome::Unknown) => assert!(!lasts, "message {number}"),
                Some(_) => {}
            }
            let is_shared = one.topic.starts_with("s/") && one.accepted > 0 && !one.expires;
            let all_last = subscribers.iter().all(|one| one.lasts || !one.shares);
            let is_owed = one.qos == QoS::AtLeastOnce || one.qos == QoS::ExactlyOnce && all_last;
            if is_shared && is_owed && self.dropped.is_empty() {
                assert!(one.shared > 0, "shared message {number} is lost: {one:?}");
            }
        }
        for (index, number) in &self.expected {
            let is_there = self.received[*index].contains_key(number);
            let may_miss = self.dropped.contains(&format!("p{index}"));
            assert!(
                is_there || may_miss,
                "message {number} is lost for {index} {:?} {versions:?}: {:?}",
                subscribers[*index],
                self.published[number]
            );
        }
    }

    /// What a new subscriber gets: everything that was retained without an expiry.
    pub fn kept(&self) -> BTreeMap<String, u64> {
        let stays = |number: &u64| !self.published[number].expires;
        self.retained.iter().filter(|(_, n)| stays(n)).map(|(topic, n)| (topic.clone(), *n)).collect()
    }
}
