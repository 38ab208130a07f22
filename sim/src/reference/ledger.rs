//! What a broker's session owes to its client: the copies of accepted messages in their order, and what came of them.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_engine::{QoS, Timestamp};

use super::{
    matching::{matches, shared},
    retained::Retained,
};
use crate::violation::{Checked, ensure};

/// Subscription identifiers, how often each: four bits for each of 1 to 15.
pub(crate) type Identifiers = u64;

/// One identifier; none for 0.
pub(crate) const fn identifier(value: u32) -> Identifiers {
    if value == 0 { 0 } else { 1 << (4 * (value % 16)) }
}

/// What a message looks like to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Looks {
    pub(crate) topic: u8,
    pub(crate) number: u64,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) identifiers: Identifiers,
}

/// A message that was accepted while its session subscribed to it.
#[derive(Clone, Copy, Debug)]
struct Owed {
    looks: Looks,
    /// Whether it must arrive if nothing ends or drops it, and until when at most.
    must_arrive: bool,
    expires: Timestamp,
}

/// All copies of one topic and QoS, which must arrive in this order.
#[derive(Debug, Default)]
struct Line {
    copies: Vec<Owed>,
    /// Behind the last one that has arrived.
    next: usize,
}

/// The retained messages that a new subscription gets.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) filter: &'static str,
    pub(crate) qos: QoS,
    pub(crate) identifiers: Identifiers,
    /// The moment when it was made.
    pub(crate) since: u64,
    /// The subscription is still the one that it came with.
    pub(crate) is_current: bool,
}

/// How a message came that is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// As it was accepted.
    Live,
    /// Again.
    Repeated,
    /// For a new subscription.
    Retained,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lines: BTreeMap<(u8, QoS), Line>,
    pub(crate) replays: Vec<Replay>,
    /// What has arrived, and at which moment last.
    received: BTreeMap<u64, u64>,
    /// How often each retained message came, repetitions apart.
    replayed: BTreeMap<Looks, usize>,
    /// Messages that the client's program refused: who refuses a QoS 2 message may get it again.
    pub(crate) refused: BTreeSet<u64>,
    /// The shared filters that it was ever a member of.
    pub(crate) memberships: BTreeSet<&'static str>,
    /// The filters whose SUBACK was ever sent, or lost with its connection.
    pub(crate) announced: BTreeSet<&'static str>,
}

impl Ledger {
    pub(crate) fn owe(&mut self, looks: Looks, must_arrive: bool, expires: Timestamp) {
        let owed = Owed { looks, must_arrive, expires };
        self.lines.entry((looks.topic, looks.qos)).or_default().copies.push(owed);
    }

    /// The broker sends a message: not before the SUBACK of a subscription that it is for. The topic is empty behind an alias.
    pub(crate) fn sent(&self, topic: &str) -> Checked {
        let mut filters = self.announced.iter().map(|filter| shared(filter).unwrap_or(filter));
        let is_announced = topic.is_empty() || filters.any(|filter| matches(filter, topic));
        ensure!(is_announced, "a message before its SUBACK", "{topic}: {:?}", self.announced);
        Ok(())
    }

    /// A message has arrived; `None` if it must not.
    ///
    /// First transmissions come in order. A marked repetition of QoS 1 may be of a message that has arrived, or the first
    /// that arrives of it; QoS 0 and 2 come once per copy.
    pub(crate) fn receive(
        &mut self,
        looks: Looks,
        duplicate: bool,
        retained: &Retained,
        moment: u64,
    ) -> Option<Receipt> {
        let may_come_again = looks.qos == QoS::AtLeastOnce || self.refused.contains(&looks.number);
        if self.is_replayed(looks, duplicate && may_come_again, retained) {
            self.received.insert(looks.number, moment);
            return Some(Receipt::Retained);
        }
        if let Some(line) = self.lines.get_mut(&(looks.topic, looks.qos)) {
            let (before, after) = line.copies.split_at(line.next);
            if may_come_again && duplicate && before.iter().any(|owed| owed.looks == looks) {
                return Some(Receipt::Repeated);
            }
            if let Some(place) = after.iter().position(|owed| owed.looks == looks) {
                line.next += place + 1;
                self.received.insert(looks.number, moment);
                return Some(Receipt::Live);
            }
        }
        None
    }

    /// Whether it may be the retained message of a subscription, each of which gets it once. Also if it could be a copy with Retain
    /// As Published: which comes first is the broker's choice.
    fn is_replayed(&mut self, looks: Looks, is_again: bool, retained: &Retained) -> bool {
        let of_replays = self.replays.iter().filter(|replay| {
            looks.retain
                && replay.identifiers == looks.identifiers
                && looks.qos <= replay.qos
                && retained.was_kept_since(replay.since, looks.topic, looks.number, replay.filter)
        });
        let most = of_replays.count();
        if most == 0 || is_again {
            return most > 0;
        }
        let line = self.lines.get(&(looks.topic, looks.qos));
        let copies = line.into_iter().flat_map(|line| &line.copies).filter(|owed| owed.looks == looks);
        let most = most + copies.count();
        let came = self.replayed.entry(looks).or_default();
        *came += 1;
        *came <= most
    }

    /// What did not arrive up to now, though it must have: topic and number.
    pub(crate) fn missing(&self, now: Timestamp) -> impl Iterator<Item = (u8, u64)> {
        let copies = self.lines.values().flat_map(|line| &line.copies);
        copies
            .filter(move |owed| owed.must_arrive && owed.expires > now)
            .filter(|owed| !self.received.contains_key(&owed.looks.number))
            .map(|owed| (owed.looks.topic, owed.looks.number))
    }

    /// Retained messages that stood there when a subscription was made and stand there still must have arrived.
    pub(crate) fn missing_retained(
        &self,
        retained: &Retained,
        now: Timestamp,
    ) -> impl Iterator<Item = (u8, u64)> {
        let current = self.replays.iter().filter(|replay| replay.is_current);
        current
            .flat_map(move |replay| {
                let due = retained.kept_throughout(replay.since, replay.qos, replay.filter, now);
                due.map(|one| (one, replay.since))
            })
            .filter(|((_, number), since)| self.received.get(number).is_none_or(|last| last < since))
            .map(|(one, _)| one)
    }

    /// Its client asks anew, or no more, for retained messages of this filter.
    pub(crate) fn outdate(&mut self, filter: &str) {
        let of_filter = self.replays.iter_mut().filter(|replay| replay.filter == filter);
        of_filter.for_each(|replay| replay.is_current = false);
    }
}
