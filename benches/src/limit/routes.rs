//! Whom a message goes to.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use mqtt_engine::{TopicFilter, TopicName};

/// One subscription of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscriber {
    pub(super) connection: usize,
    pub(super) qos: u8,
}

/// All subscriptions, and the answers for the topics that came since they changed: one look for each further message.
#[derive(Debug, Default)]
pub(super) struct Routes {
    filters: Vec<(TopicFilter, Subscriber)>,
    /// Where the answer for a topic is.
    known: HashMap<Box<[u8]>, usize, RandomState>,
    answers: Vec<Vec<Subscriber>>,
}

impl Routes {
    pub(super) fn add(&mut self, filter: TopicFilter, subscriber: Subscriber) {
        self.filters.push((filter, subscriber));
        self.changed();
    }

    pub(super) fn forget(&mut self, connection: usize) {
        self.filters.retain(|(_, subscriber)| subscriber.connection != connection);
        self.changed();
    }

    fn changed(&mut self) {
        self.known.clear();
        self.answers.clear();
    }

    /// The subscribers of a topic.
    pub(super) fn of(&mut self, topic: &[u8]) -> &[Subscriber] {
        let place = self.known.get(topic).copied().unwrap_or_else(|| {
            let answer = self.find(topic).unwrap_or_default();
            self.answers.push(answer);
            self.known.insert(topic.into(), self.answers.len() - 1);
            self.answers.len() - 1
        });
        &self.answers[place]
    }

    fn find(&self, topic: &[u8]) -> Option<Vec<Subscriber>> {
        let topic = TopicName::try_from(std::str::from_utf8(topic).ok()?).ok()?;
        let matching = self.filters.iter().filter(|(filter, _)| filter.matches(&topic));
        Some(matching.map(|(_, subscriber)| *subscriber).collect())
    }
}
