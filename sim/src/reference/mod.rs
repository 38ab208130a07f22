//! What client and broker owe each other, kept in the simplest way that can be right: lists that are searched from one end
//! to the other, and no thought of speed.
//!
//! A watcher subscribes to everything and tells each message that the broker has accepted, at the moment when it does.

mod fates;
mod ledger;
pub(crate) mod matching;
mod retained;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use mqtt_engine::{Message, PublishOutcome, QoS, Timestamp};

pub(crate) use self::{
    fates::Forwarded,
    ledger::Identifiers,
    sessions::{ConnectSeen, Session, Subscription},
};
use self::{
    ledger::{Looks, Receipt, identifier},
    matching::{matches, shared},
    retained::Retained,
};
use crate::{
    coverage::{Coverage, Row},
    names::{FIRST_WILL, TOPICS, is_intact, number, topic_index},
    violation::{Checked, ensure},
};

/// A message of a client or of the embedding program.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// `None`: the embedding program.
    pub(crate) publisher: Option<usize>,
    pub(crate) topic: u8,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) length: usize,
    pub(crate) expiry: u8,
    /// When it was handed over, by the clock that its machine was shown.
    given: Timestamp,
    /// The first of its publisher's connections on which it can have been sent.
    first_chance: u32,
    /// The start of the client's program that it belongs to.
    pub(crate) incarnation: u32,
    pub(crate) outcome: Option<PublishOutcome>,
    /// How often the broker accepted it, when first, and in which session of its publisher last.
    accepted: u32,
    accepted_at: u64,
    accepted_in: u32,
    /// When the last copy that was accepted is of no use any more.
    expires: Timestamp,
    /// How often it was delivered through a shared subscription.
    shared: u32,
    /// Which member it was sent to last.
    sent_to: Option<usize>,
}

impl Published {
    pub(crate) fn new(
        publisher: Option<usize>,
        topic: u8,
        message: &Message,
        incarnation: u32,
        given: Timestamp,
    ) -> Self {
        let expiry = message.properties.message_expiry.map_or(0, |span| span.as_secs() as u8);
        Self {
            publisher,
            topic,
            qos: message.qos,
            retain: message.retain,
            length: message.payload.len(),
            expiry,
            given,
            first_chance: 0,
            incarnation,
            outcome: None,
            accepted: 0,
            accepted_at: 0,
            accepted_in: 0,
            expires: Timestamp::ZERO,
            shared: 0,
            sent_to: None,
        }
    }
}

/// What the watcher can't see of the message that the broker is about to accept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source {
    /// A client, and the session that its message was read in.
    pub(crate) publisher: Option<(usize, u32)>,
    pub(crate) qos: QoS,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) sessions: Vec<Session>,
    pub(crate) retained: Retained,
    pub(crate) coverage: Coverage,
    /// By number; the first one is no message.
    published: Vec<Published>,
    /// Counts what happens at the broker: messages that are accepted, and subscriptions.
    moment: u64,
    /// The last number accepted from a client, of a topic and QoS.
    order: BTreeMap<(Option<usize>, u8, QoS), u64>,
    /// How many messages were dropped for a client, by topic.
    drops: BTreeMap<(usize, u8), usize>,
    /// How many connections each client has made, and the last of them that told of a lost session.
    connections: BTreeMap<usize, (u32, u32)>,
    /// Clients whose state and the broker's came apart, through no fault of theirs.
    astray: BTreeSet<usize>,
    /// When the broker started.
    broker_since: u64,
    /// When a member of a shared subscription last ended its session.
    member_ended: u64,
    rules: Rules,
}

/// What the broker's settings and its program allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) subscriptions: usize,
    pub(crate) retained_count: usize,
    pub(crate) retained_bytes: usize,
    pub(crate) packet_size: u32,
    /// Clients may not publish to `no/…`.
    pub(crate) forbids_publish: bool,
    /// Clients may not subscribe to `no/…`.
    pub(crate) forbids_subscribe: bool,
}

impl Model {
    pub(crate) fn new(clients: usize, rules: Rules) -> Self {
        let nothing = Message::new(TOPICS[0], "").expect("a topic");
        Self {
            sessions: (0..clients).map(|_| Session::default()).collect(),
            retained: Retained::new(rules.retained_count, rules.retained_bytes),
            coverage: Coverage::default(),
            published: vec![Published::new(None, 0, &nothing, 0, Timestamp::ZERO)],
            moment: 0,
            order: BTreeMap::new(),
            drops: BTreeMap::new(),
            connections: BTreeMap::new(),
            astray: BTreeSet::new(),
            broker_since: 0,
            member_ended: 0,
            rules,
        }
    }

    pub(crate) const fn next_number(&self) -> u64 {
        self.published.len() as u64
    }

    /// A message was handed to a client, connected or not, or to the broker, under the next number.
    pub(crate) fn publish(&mut self, published: Published, is_connected: bool) {
        let made = published.publisher.and_then(|client| self.connections.get(&client));
        let first_chance = made.map_or(0, |(count, _)| *count) + u32::from(!is_connected);
        self.published.push(Published { first_chance, ..published });
    }

    pub(crate) fn is_astray(&self, client: usize) -> bool {
        self.astray.contains(&client)
    }

    /// Whether a message was accepted in this session of its publisher.
    pub(crate) fn was_accepted_in(&self, number: u64, generation: u32) -> bool {
        self.published
            .get(number as usize)
            .is_some_and(|one| one.accepted > 0 && one.accepted_in == generation)
    }

    /// Time passes at the broker: sessions end, wills become due, retained messages expire.
    pub(crate) fn let_pass(&mut self, now: Timestamp) {
        let Self { sessions, retained, coverage, moment, .. } = self;
        retained.expire(*moment, now, coverage);
        for session in sessions {
            let existed = session.exists;
            session.let_pass(now, coverage);
            if existed && !session.exists {
                self.member_ended = *moment;
            }
        }
    }

    /// The broker has accepted a client.
    pub(crate) fn connected(
        &mut self,
        client: usize,
        incarnation: u32,
        seen: ConnectSeen,
        present: bool,
    ) -> Checked {
        let session = &mut self.sessions[client];
        let generation = session.generation;
        let expected = session.connect(seen, incarnation, &mut self.coverage);
        if session.generation != generation {
            self.member_ended = self.moment;
        }
        ensure!(present == expected, "session present", "p{client} hears {present}, not {expected}");
        Ok(())
    }

    /// A connection that was accepted has ended.
    pub(crate) fn disconnected(&mut self, client: usize, goodbye: bool, expiry: Option<u32>, now: Timestamp) {
        let session = &mut self.sessions[client];
        session.disconnect(goodbye, expiry, now, &mut self.coverage);
        if !session.exists {
            self.member_ended = self.moment;
        }
    }

    /// The client has read what the broker said about its session of this generation.
    pub(crate) fn learned(
        &mut self,
        client: usize,
        present: bool,
        generation: u32,
        incarnation: u32,
        known: Option<u32>,
    ) {
        let is_foreign = self.sessions[client].incarnation != incarnation
            || known.is_some_and(|known| known != generation);
        if present && is_foreign {
            self.coverage.count(Row::SessionHole);
            self.astray.insert(client);
        }
        let (count, last_loss) = self.connections.entry(client).or_default();
        *count += 1;
        if !present && known.is_some() {
            *last_loss = *count;
            self.coverage.count(Row::SessionLost);
        }
    }

    pub(crate) fn broker_restarted(&mut self) {
        self.retained.lose(self.moment);
        self.sessions.iter_mut().for_each(Session::lose);
        self.broker_since = self.moment;
        self.member_ended = self.moment;
    }

    /// The reason codes that SUBACK must carry.
    pub(crate) fn subscribe(&mut self, client: usize, wanted: &[Subscription]) -> Vec<u8> {
        let Rules { subscriptions: limit, forbids_subscribe, .. } = self.rules;
        self.moment += 1;
        let session = &mut self.sessions[client];
        let mut codes = Vec::new();
        for one in wanted {
            let code = if forbids_subscribe && one.filter.starts_with("no/") {
                0x87
            } else {
                session.subscribe(Subscription { since: self.moment, ..*one }, limit)
            };
            self.coverage.count_if(code >= 0x80, Row::SubscribeRefused);
            codes.push(code);
        }
        codes
    }

    /// Something was dropped for a client.
    pub(crate) fn dropped(&mut self, client: usize, topic: &str) {
        if let Some(topic) = topic_index(topic) {
            *self.drops.entry((client, topic)).or_default() += 1;
        }
    }

    /// The broker has accepted a message.
    pub(crate) fn accepted(&mut self, message: &Message, source: Source, now: Timestamp) -> Checked {
        self.moment += 1;
        let message = &message.clone().with_qos(source.qos);
        if message.retain {
            self.retained.store(message, self.moment, now, &mut self.coverage);
        }
        let Some(topic) = topic_index(message.topic.as_str()) else { return Ok(()) };
        let number = number(&message.payload).unwrap_or(0);
        let mut publisher = source.publisher;
        let expires = message.properties.message_expiry.map_or(Timestamp::MAX, |span| now + span);
        if topic >= FIRST_WILL {
            let client = usize::from(topic - FIRST_WILL);
            let Some(session) = self.sessions.get_mut(client) else { return Ok(()) };
            session.wills.seen += 1;
            let wills = session.wills;
            ensure!(wills.seen <= wills.owed, "a will that is not owed", "p{client}: {wills:?}");
            publisher = Some((client, wills.generation));
        } else if number > 0 {
            self.accept_numbered(number, topic, message, publisher)?;
            let published = &mut self.published[number as usize];
            ensure!(
                (expires < Timestamp::MAX) == (published.expiry > 0),
                "expiry",
                "message {number} is accepted with another"
            );
            published.expires = published.expires.max(expires);
        }
        self.distribute(number, topic, message, publisher, expires);
        Ok(())
    }

    fn accept_numbered(
        &mut self,
        number: u64,
        topic: u8,
        message: &Message,
        publisher: Option<(usize, u32)>,
    ) -> Checked {
        let Some(published) = self.published.get_mut(number as usize) else {
            return Err(crate::Violation {
                rule: "a message from nowhere",
                details: format!("number {number} in {}", message.topic.as_str()),
            });
        };
        let name = TOPICS[usize::from(published.topic)];
        ensure!(topic == published.topic, "topic", "message {number} to {name} came to {}", message.topic);
        let is_intact = message.payload.len() == published.length && is_intact(&message.payload);
        ensure!(is_intact, "payload", "message {number}: {published:?}");
        ensure!(message.retain == published.retain, "RETAIN as published", "message {number}");
        let came_from = publisher.map(|(client, _)| client);
        ensure!(
            came_from == published.publisher,
            "publisher",
            "message {number} of {came_from:?}: {published:?}"
        );
        ensure!(message.qos == published.qos, "QoS", "message {number}: {published:?}");
        let is_allowed =
            published.publisher.is_none() || !self.rules.forbids_publish || !name.starts_with("no/");
        ensure!(is_allowed, "a forbidden message is accepted", "message {number} to {name}");
        let generation = publisher.map_or(0, |(_, generation)| generation);
        let is_again = published.accepted > 0 && published.accepted_in == generation;
        ensure!(
            !is_again || published.qos == QoS::AtLeastOnce,
            "accepted at most once",
            "message {number}: {published:?}"
        );
        self.coverage.count_if(published.accepted > 0, Row::DuplicateQoS1PassedOn);
        published.accepted += 1;
        published.accepted_in = generation;
        if published.accepted == 1 {
            published.accepted_at = self.moment;
            let flow = (published.publisher, topic, published.qos);
            let last = self.order.insert(flow, number);
            // What the broker took for a repetition, by another's identifier, comes when its session is lost.
            let is_astray = came_from.is_some_and(|client| self.is_astray(client));
            ensure!(
                last < Some(number) || is_astray,
                "order of acceptance",
                "{number} of {flow:?} after {last:?}"
            );
        }
        Ok(())
    }

    /// Each session that subscribes to it is owed a copy.
    fn distribute(
        &mut self,
        number: u64,
        topic: u8,
        message: &Message,
        publisher: Option<(usize, u32)>,
        expires: Timestamp,
    ) {
        let name = TOPICS[usize::from(topic)];
        for (client, session) in self.sessions.iter_mut().enumerate().filter(|(_, session)| session.exists) {
            let matching = session
                .subscriptions
                .iter()
                .filter(|one| shared(one.filter).is_none() && matches(one.filter, name));
            let own = publisher.is_some_and(|(publisher, _)| publisher == client);
            let all = matching.clone().count();
            let wanted: Vec<&Subscription> = matching.filter(|one| !(own && one.no_local)).collect();
            self.coverage.count_if(wanted.len() < all, Row::NoLocal);
            self.coverage.count_if(wanted.len() > 1, Row::Overlapping);
            let Some(granted) = wanted.iter().map(|one| one.qos).max() else { continue };
            let looks = Looks {
                topic,
                number,
                qos: granted.min(message.qos),
                retain: message.retain && wanted.iter().any(|one| one.retain_as_published),
                identifiers: wanted.iter().map(|one| one.identifiers).sum(),
            };
            let must_arrive = looks.qos > QoS::AtMostOnce && number > 0;
            session.ledger().owe(looks, must_arrive, expires);
        }
    }

    /// A client's program got a message, in this session of its own count.
    pub(crate) fn received(
        &mut self,
        client: usize,
        generation: u32,
        message: &Message,
        duplicate: bool,
    ) -> Checked {
        let Some(topic) = topic_index(message.topic.as_str()) else { return Ok(()) };
        let number = number(&message.payload).unwrap_or(0);
        let name = message.topic.as_str();
        let Some(published) = self.published.get_mut(number as usize) else {
            ensure!(false, "a message from nowhere", "number {number} in {name} for p{client}");
            return Ok(());
        };
        if number > 0 {
            ensure!(topic == published.topic, "topic", "message {number} came to p{client} in {name}");
            let is_intact = message.payload.len() == published.length && is_intact(&message.payload);
            ensure!(is_intact, "payload", "message {number} for p{client}");
            ensure!(published.accepted > 0, "not accepted", "message {number} came to p{client}");
            let left = message.properties.message_expiry.map_or(0, |span| span.as_secs());
            ensure!(left <= published.expiry.into(), "expiry", "message {number}: {left} s are left");
        }
        if self.astray.contains(&client) {
            return Ok(());
        }
        if name.starts_with("$s/") || name.starts_with("$t/") {
            return self.received_shared(client, generation, number, message);
        }
        let identifiers: Identifiers =
            message.properties.subscription_identifiers.iter().map(identifier).sum();
        let looks = Looks { topic, number, qos: message.qos, retain: message.retain, identifiers };
        let ledger = self.sessions[client].ledgers.get_mut(generation as usize);
        match ledger.and_then(|ledger| ledger.receive(looks, duplicate, &self.retained, self.moment)) {
            Some(Receipt::Live | Receipt::Repeated) => Ok(()),
            Some(Receipt::Retained) => {
                self.coverage.count(Row::RetainedReplayed);
                Ok(())
            }
            None => {
                let dup = if duplicate { ", marked as a repetition" } else { "" };
                ensure!(
                    false,
                    "not owed: not subscribed to, twice, or out of order",
                    "p{client} in its session {generation} got {looks:?} to {name}{dup}"
                );
                Ok(())
            }
        }
    }

    /// The broker sends a message to a client.
    pub(crate) fn sent(&mut self, client: usize, number: u64) {
        let Some(published) = self.published.get_mut(number as usize).filter(|_| number > 0) else { return };
        if TOPICS[usize::from(published.topic)].starts_with("$s/") {
            let former = published.sent_to.replace(client);
            self.coverage.count_if(former.is_some_and(|former| former != client), Row::SharedRedistributed);
        }
    }

    /// A client's program refuses a message.
    pub(crate) fn refused(&mut self, client: usize, generation: u32, number: u64) {
        if let Some(ledger) = self.sessions[client].ledgers.get_mut(generation as usize) {
            ledger.refused.insert(number);
        }
    }

    fn received_shared(&mut self, client: usize, generation: u32, number: u64, message: &Message) -> Checked {
        let ledger = self.sessions[client].ledgers.get(generation as usize);
        let topic = message.topic.as_str();
        let is_member = ledger.is_some_and(|ledger| {
            ledger
                .memberships
                .iter()
                .any(|filter| shared(filter).is_some_and(|filter| matches(filter, topic)))
        });
        ensure!(is_member, "not owed: not a member", "message {number} to {topic} for p{client}");
        let published = &mut self.published[number as usize];
        if number == 0 {
            return Ok(());
        }
        ensure!(message.qos <= published.qos, "QoS", "shared message {number} for p{client}");
        let is_refused = ledger.is_some_and(|ledger| ledger.refused.contains(&number));
        published.shared += u32::from(!is_refused);
        let is_once =
            published.qos == QoS::AtMostOnce || published.qos == QoS::ExactlyOnce && topic.starts_with("$s/");
        ensure!(
            !is_once || published.shared <= published.accepted,
            "shared message twice",
            "message {number}: {published:?}"
        );
        Ok(())
    }

    /// Every will that is owed was published.
    pub(crate) fn check_wills(&self) -> Checked {
        for (client, session) in self.sessions.iter().enumerate() {
            let wills = session.wills;
            ensure!(wills.seen == wills.owed, "wills published", "p{client}: {wills:?}");
        }
        Ok(())
    }

    /// Everything has come to its end: what must have happened, has. `incarnations` are the last starts of the clients.
    pub(crate) fn check(&mut self, now: Timestamp, incarnations: &[u32]) -> Checked {
        self.let_pass(now);
        self.check_wills()?;
        for (number, one) in self.published.iter().enumerate().skip(1) {
            let Some(publisher) = one.publisher else { continue };
            let is_over = one.incarnation < incarnations[publisher] || one.qos == QoS::AtMostOnce;
            ensure!(is_over || one.outcome.is_some(), "no fate", "message {number}: {one:?}");
        }
        for client in 0..self.sessions.len() {
            self.check_arrivals(client, now)?;
        }
        self.check_shared()
    }

    fn check_arrivals(&self, client: usize, now: Timestamp) -> Checked {
        let session = &self.sessions[client];
        if self.astray.contains(&client) || !session.exists {
            return Ok(());
        }
        let Some(ledger) = session.ledgers.get(session.generation as usize) else { return Ok(()) };
        let mut missing: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for (topic, number) in ledger.missing(now).chain(ledger.missing_retained(&self.retained, now)) {
            missing.entry(topic).or_default().push(number);
        }
        for (topic, numbers) in missing {
            let dropped = self.drops.get(&(client, topic)).copied().unwrap_or(0);
            ensure!(
                numbers.len() <= dropped,
                "lost",
                "messages {numbers:?} to {} for p{client}; {dropped} were dropped; the first: {:?}",
                TOPICS[usize::from(topic)],
                self.published[numbers[0] as usize]
            );
        }
        Ok(())
    }

    /// A member of the group that was there all the time sees to it that nothing is lost but what was dropped, and QoS 2
    /// messages that were sent to a member whose session has ended [the specification forbids to hand those on].
    fn check_shared(&self) -> Checked {
        for (number, one) in self.published.iter().enumerate().skip(1) {
            let is_due = TOPICS[usize::from(one.topic)].starts_with("$s/")
                && one.qos > QoS::AtMostOnce
                && one.expiry == 0
                && one.length > 0
                && one.accepted > 0
                && one.accepted_at > self.broker_since
                && self.astray.is_empty()
                && (one.qos == QoS::AtLeastOnce || one.accepted_at > self.member_ended);
            let has_anchor = self.sessions.iter().any(|session| session.is_member_since(one.accepted_at));
            let is_excused = self.drops.keys().any(|(_, topic)| *topic == one.topic);
            ensure!(
                !is_due || !has_anchor || is_excused || one.shared > 0,
                "lost for all members",
                "message {number}: {one:?}"
            );
        }
        Ok(())
    }
}
