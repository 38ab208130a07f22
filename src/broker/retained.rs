//! Messages kept for future subscribers (section 3.3.1.3 of both specifications).

use alloc::{collections::BTreeSet, vec::Vec};

use super::tree::TopicTree;
use crate::{Message, Timestamp, TopicFilter, TopicName, session::left};

/// The last retained message of each topic, bounded in count and bytes.
/// [MQTT-3.1.2-7] (3.1.1)
#[derive(Debug)]
pub(super) struct Retained {
    tree: TopicTree<Kept>,
    expiries: BTreeSet<(Timestamp, TopicName)>,
    count: usize,
    bytes: usize,
    limits: (usize, usize),
}

#[derive(Debug)]
struct Kept {
    message: Message,
    expires: Option<Timestamp>,
}

/// How many messages find room somewhere, and at what cost.
pub(super) type Room = (usize, usize);

/// How many messages are collected at a time.
const PORTION: usize = 64;

/// There is no room for another retained message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Retained {
    pub(super) fn new(count: usize, bytes: usize) -> Self {
        Self { tree: TopicTree::new(), expiries: BTreeSet::new(), count: 0, bytes: 0, limits: (count, bytes) }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// What the messages cost, by [`Message::cost`].
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a message in place of the topic's former one; an empty one only removes that [MQTT-3.3.1-5] [MQTT-3.3.1-10]
    /// [MQTT-3.3.1-11] (3.1.1), [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] (5.0), and so does one whose time has passed already.
    ///
    /// # Errors
    ///
    /// Full: the former one is removed all the same, since it is out of date.
    /// [MQTT-3.3.1-7] (3.1.1)
    pub(super) fn store(&mut self, message: &Message, now: Timestamp) -> Result<(), Full> {
        self.remove(&message.topic);
        if message.payload.is_empty() || message.has_expired() {
            return Ok(());
        }
        let cost = message.cost();
        let (count, bytes) = self.limits;
        if self.count >= count || self.bytes.saturating_add(cost) > bytes {
            return Err(Full);
        }
        let mut message = message.detached();
        message.retain = true;
        let expires = message.expires(now);
        if let Some(expires) = expires {
            self.expiries.insert((expires, message.topic.clone()));
        }
        self.count += 1;
        self.bytes += cost;
        let topic = message.topic.clone();
        self.tree.get_or_insert_with(topic.as_bytes(), || Kept { message, expires });
        Ok(())
    }

    fn remove(&mut self, topic: &TopicName) {
        let Self { tree, expiries, count, bytes, .. } = self;
        tree.update(topic.as_bytes(), |kept| {
            if let Some(expires) = kept.expires {
                expiries.remove(&(expires, topic.clone()));
            }
            *count -= 1;
            *bytes -= kept.message.cost();
            (false, ())
        });
    }

    /// Removes the messages that `refuses` names; how many.
    pub(super) fn remove_all(&mut self, mut refuses: impl FnMut(&Message) -> bool) -> usize {
        let kept = self.tree.values().map(|kept| &kept.message);
        let refused: Vec<_> =
            kept.filter(|message| refuses(message)).map(|message| message.topic.clone()).collect();
        refused.iter().for_each(|topic| self.remove(topic));
        refused.len()
    }

    /// Collects messages whose topics match a filter, in the order of their topics and from behind the topic `after` on, with
    /// what is left of their expiry [MQTT-3.3.2-6] (5.0): as many as there is room for, one at least. Also says whether those
    /// are all.
    pub(super) fn collect(
        &self,
        filter: &TopicFilter,
        after: Option<&TopicName>,
        (count, mut bytes): Room,
        now: Timestamp,
    ) -> (Vec<Message>, bool) {
        let (mut found, mut is_complete) = (Vec::new(), true);
        self.tree.visit_matching_names(filter.as_bytes(), after.map(TopicName::as_bytes), |kept| {
            let cost = kept.message.cost();
            if !found.is_empty() && (found.len() >= count.min(PORTION) || cost > bytes) {
                is_complete = false;
                return false;
            }
            bytes = bytes.saturating_sub(cost);
            let mut message = kept.message.clone();
            if kept.expires.is_some() {
                message.properties.message_expiry = left(kept.expires, now);
            }
            found.push(message);
            true
        });
        (found, is_complete)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// The topic whose message expires next.
    pub(super) fn next_expired(&self) -> Option<&TopicName> {
        self.expiries.first().map(|(_, topic)| topic)
    }

    /// Drops the messages whose time has passed.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((expires, topic)) = self.expiries.first()
            && *expires <= now
        {
            let topic = topic.clone();
            self.remove(&topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn message(topic: &str, payload: &str) -> Message {
        Message::new(topic, payload.as_bytes().to_vec()).unwrap()
    }

    fn topics(retained: &Retained, filter: &str, now: Timestamp) -> Vec<TopicName> {
        let (found, _) = retained.collect(&TopicFilter::try_from(filter).unwrap(), None, (9, 10_000), now);
        assert!(found.iter().all(|message| message.retain));
        found.into_iter().map(|message| message.topic).collect()
    }

    /// [MQTT-3.3.1-10] [MQTT-3.3.1-11] (3.1.1), [MQTT-3.3.1-6] [MQTT-3.3.1-7] (5.0)
    #[test]
    fn an_empty_message_removes_and_is_not_kept() {
        let mut retained = Retained::new(10, 10_000);
        retained.store(&message("a/b", "1"), Timestamp::ZERO).unwrap();
        retained.store(&message("a/b", "2"), Timestamp::ZERO).unwrap();
        assert_eq!(retained.count(), 1);
        assert_eq!(topics(&retained, "a/#", Timestamp::ZERO), ["a/b"]);
        retained.store(&message("a/b", ""), Timestamp::ZERO).unwrap();
        assert_eq!((retained.count(), retained.bytes()), (0, 0));
        assert_eq!(topics(&retained, "#", Timestamp::ZERO), [""; 0]);
    }

    #[test]
    fn both_limits_hold_and_a_refused_update_leaves_nothing_out_of_date() {
        let cost = message("a", "1").cost();
        let mut retained = Retained::new(2, 10 * cost);
        retained.store(&message("a", "1"), Timestamp::ZERO).unwrap();
        retained.store(&message("b", "1"), Timestamp::ZERO).unwrap();
        assert_eq!(retained.store(&message("c", "1"), Timestamp::ZERO), Err(Full));
        assert_eq!(
            retained.store(&message("a", "2"), Timestamp::ZERO),
            Ok(()),
            "a replacement needs no room"
        );

        let mut retained = Retained::new(10, 2 * cost);
        retained.store(&message("a", "1"), Timestamp::ZERO).unwrap();
        retained.store(&message("b", "1"), Timestamp::ZERO).unwrap();
        assert_eq!(retained.store(&message("a", "longer"), Timestamp::ZERO), Err(Full));
        assert_eq!(topics(&retained, "#", Timestamp::ZERO), ["b"]);
        assert_eq!(retained.bytes(), cost);
    }

    /// Whether time is let pass before somebody subscribes must make no difference.
    #[test]
    fn what_expires_at_once_is_not_kept_and_removes() {
        let mut retained = Retained::new(10, 10_000);
        retained.store(&message("a", "1"), Timestamp::ZERO).unwrap();
        let mut gone = message("a", "2");
        gone.properties.message_expiry = Some(Duration::from_millis(999));
        assert_eq!(retained.store(&gone, Timestamp::ZERO), Ok(()));
        assert_eq!((retained.count(), retained.bytes(), retained.next_expiry()), (0, 0, None));
    }

    /// [MQTT-3.3.2-6] (5.0)
    #[test]
    fn expiries_are_counted_down_and_end() {
        let mut retained = Retained::new(10, 10_000);
        let mut short = message("a", "1");
        short.properties.message_expiry = Some(Duration::from_secs(10));
        retained.store(&short, Timestamp::ZERO).unwrap();
        retained.store(&message("b", "1"), Timestamp::ZERO).unwrap();
        let (found, _) = retained.collect(
            &TopicFilter::try_from("a").unwrap(),
            None,
            (9, 10_000),
            Timestamp::from_secs(4),
        );
        assert_eq!(found[0].properties.message_expiry, Some(Duration::from_secs(6)));
        assert_eq!(retained.next_expiry(), Some(Timestamp::from_secs(10)));
        retained.expire(Timestamp::from_secs(10));
        assert_eq!(topics(&retained, "#", Timestamp::from_secs(10)), ["b"]);
        assert_eq!((retained.count(), retained.next_expiry()), (1, None));
    }
}
