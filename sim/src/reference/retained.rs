//! The retained messages: the last one of each topic, within two limits.

use std::collections::BTreeMap;

use mqtt_engine::{Message, QoS, Timestamp};

use super::matching::matches;
use crate::{
    coverage::{Coverage, Row},
    names::{TOPICS, number, topic_index},
};

#[derive(Clone, Copy, Debug)]
struct Kept {
    number: Option<u64>,
    qos: QoS,
    cost: usize,
    expires: Option<Timestamp>,
    since: u64,
}

/// A message that was kept until a moment.
#[derive(Clone, Copy, Debug)]
struct Past {
    topic: u8,
    number: u64,
    until: u64,
}

#[derive(Debug)]
pub(crate) struct Retained {
    count_limit: usize,
    bytes_limit: usize,
    kept: BTreeMap<String, Kept>,
    past: Vec<Past>,
}

impl Retained {
    pub(crate) const fn new(count_limit: usize, bytes_limit: usize) -> Self {
        Self { count_limit, bytes_limit, kept: BTreeMap::new(), past: Vec::new() }
    }

    /// A message to be retained was accepted, at this moment.
    pub(crate) fn store(&mut self, message: &Message, moment: u64, now: Timestamp, coverage: &mut Coverage) {
        let topic = message.topic.as_str();
        let was_there = self.remove(topic, moment);
        if message.payload.is_empty() {
            return coverage.count_if(was_there, Row::RetainedCleared);
        }
        let cost = message.cost();
        if self.kept.len() >= self.count_limit || self.bytes() + cost > self.bytes_limit {
            return coverage.count(Row::RetainedFull);
        }
        coverage.count_if(was_there, Row::RetainedReplaced);
        let expires = message.properties.message_expiry.map(|span| now + span);
        let kept = Kept { number: number(&message.payload), qos: message.qos, cost, expires, since: moment };
        self.kept.insert(topic.to_owned(), kept);
    }

    fn remove(&mut self, topic: &str, moment: u64) -> bool {
        let Some(kept) = self.kept.remove(topic) else { return false };
        if let (Some(topic), Some(number)) = (topic_index(topic), kept.number) {
            self.past.push(Past { topic, number, until: moment });
        }
        true
    }

    pub(crate) fn expire(&mut self, moment: u64, now: Timestamp, coverage: &mut Coverage) {
        let is_over = |kept: &Kept| kept.expires.is_some_and(|expires| expires <= now);
        while let Some(topic) =
            self.kept.iter().find(|(_, kept)| is_over(kept)).map(|(topic, _)| topic.clone())
        {
            // Behind a subscription of the same moment.
            self.remove(&topic, moment + 1);
            coverage.count(Row::RetainedExpired);
        }
    }

    /// The broker has lost all of them.
    pub(crate) fn lose(&mut self, moment: u64) {
        while let Some(topic) = self.kept.keys().next().cloned() {
            self.remove(&topic, moment + 1);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kept.values().map(|kept| kept.cost).sum()
    }

    /// Topics and numbers.
    pub(crate) fn all(&self) -> BTreeMap<String, Option<u64>> {
        self.kept.iter().map(|(topic, kept)| (topic.clone(), kept.number)).collect()
    }

    /// Whether a message was kept at some time after a moment.
    pub(crate) fn was_kept_since(&self, since: u64, topic: u8, number: u64, filter: &str) -> bool {
        let name = TOPICS[usize::from(topic)];
        let is_kept = self.kept.get(name).is_some_and(|kept| kept.number == Some(number));
        let was_kept = |past: &Past| past.topic == topic && past.number == number && past.until > since;
        matches(filter, name) && (is_kept || self.past.iter().any(was_kept))
    }

    /// What was there then, is there still, and is not sent at most once only or soon out of date.
    pub(crate) fn kept_throughout(
        &self,
        since: u64,
        granted: QoS,
        filter: &str,
        now: Timestamp,
    ) -> impl Iterator<Item = (u8, u64)> {
        self.kept.iter().filter_map(move |(topic, kept)| {
            let number = kept.number.filter(|number| *number > 0)?;
            let is_due = kept.since <= since
                && kept.expires.is_none_or(|expires| expires > now)
                && kept.qos.min(granted) > QoS::AtMostOnce
                && matches(filter, topic);
            is_due.then_some((topic_index(topic)?, number))
        })
    }
}
