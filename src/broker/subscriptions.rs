//! Who subscribes to what.

use alloc::vec::Vec;

use super::{
    sessions::SessionKey,
    tree::{TopicTree, Walk},
};
use crate::{QoS, TopicFilter, TopicName};

/// How a subscriber wants its messages (5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The highest QoS to deliver with.
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) identifier: Option<u32>,
}

/// A subscription that matches a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) session: SessionKey,
    pub(super) options: Options,
}

/// The subscriptions of all sessions, by filter.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// The subscribers of each filter, sorted by session.
    tree: TopicTree<Vec<Match>>,
    count: usize,
    walk: Walk,
}

impl Subscriptions {
    pub(super) fn new() -> Self {
        Self { tree: TopicTree::new(), count: 0, walk: Walk::default() }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Adds a subscription, or replaces the one of the same session and filter [MQTT-3.8.4-3] (both versions); `true` if it is new.
    pub(super) fn insert(&mut self, filter: &TopicFilter, session: SessionKey, options: Options) -> bool {
        let subscribers = self.tree.get_or_insert_with(filter.as_bytes(), Vec::new);
        match subscribers.binary_search_by_key(&session, |entry| entry.session) {
            Ok(at) => {
                subscribers[at].options = options;
                false
            }
            Err(at) => {
                subscribers.insert(at, Match { session, options });
                self.count += 1;
                true
            }
        }
    }

    /// Removes a subscription; the filter is compared byte by byte [MQTT-3.10.4-1] (both versions). `false` if there is none.
    pub(super) fn remove(&mut self, filter: &TopicFilter, session: SessionKey) -> bool {
        let removed = self.tree.update(filter.as_bytes(), |subscribers| {
            let found = subscribers.binary_search_by_key(&session, |entry| entry.session);
            if let Ok(at) = found {
                subscribers.remove(at);
            }
            (!subscribers.is_empty(), found.is_ok())
        });
        let removed = removed.unwrap_or(false);
        self.count -= usize::from(removed);
        removed
    }

    /// Collects the subscriptions that match a topic, those of one session next to each other.
    ///
    /// The work grows with the number of matching subscriptions and with the levels of the topic, not with the number of
    /// subscriptions.
    pub(super) fn matching(&mut self, topic: &TopicName, matches: &mut Vec<Match>) {
        matches.clear();
        self.tree.visit_matching_filters(topic.as_bytes(), &mut self.walk, |subscribers| {
            matches.extend_from_slice(subscribers);
        });
        matches.sort_unstable_by_key(|entry| entry.session);
    }
}
