//! What clients were allowed once and goes on: looked at anew when the program's rules have changed.

use alloc::vec::Vec;

use super::{
    Broker,
    sessions::{SessionKey, State},
};
use crate::{Message, Text, Timestamp, TopicFilter, TopicName};

/// Something that a client was allowed and that still has effects, for [`Broker::retain`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Standing<'a> {
    /// A subscription, of a client that is connected or away.
    Subscription {
        /// Whose.
        client_id: &'a Text,
        /// Who it is.
        user_name: Option<&'a Text>,
        /// To what.
        filter: &'a TopicFilter,
    },
    /// A will that may still be published.
    Will {
        /// Whose.
        client_id: &'a Text,
        /// Who it is.
        user_name: Option<&'a Text>,
        /// Where to.
        topic: &'a TopicName,
    },
}

impl Broker {
    /// Ends the subscriptions and wills, of connected clients and of stored sessions, that `keep` says no to: for a program
    /// whose rules have changed since it allowed them. Of a subscription that ends, what waits in the session's queue and
    /// matches no other subscription goes, too; only messages that were sent once are sent again until they are
    /// acknowledged. Clients are not told: the protocol has no words for it.
    ///
    /// Takes time in proportion to the subscriptions, and to the queues of the sessions that lose some.
    pub fn retain(&mut self, mut keep: impl FnMut(Standing<'_>) -> bool, now: Timestamp) {
        self.pass(now);
        let all: Vec<SessionKey> = self.sessions.keys().collect();
        for key in all {
            self.retain_of(key, &mut keep);
        }
    }

    /// Forgets every retained message that `refuses` names; says how many. To be called when a publisher has lost its rights:
    /// a retained message otherwise outlives them, and its publisher.
    ///
    /// Takes time in proportion to all retained messages.
    pub fn revoke_retained(&mut self, refuses: impl FnMut(&Message) -> bool, now: Timestamp) -> usize {
        self.pass(now);
        self.retained.remove_all(refuses)
    }

    fn retain_of(&mut self, key: SessionKey, keep: &mut impl FnMut(Standing<'_>) -> bool) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        let (client_id, user_name) = (&stored.client_id, stored.user_name.as_ref());
        if let Some(will) = &stored.will
            && !keep(Standing::Will { client_id, user_name, topic: &will.message.topic })
        {
            stored.will = None;
            if let State::Away { will_at, .. } = &mut stored.state {
                *will_at = None;
            }
        }
        let mut ended = Vec::new();
        for filter in &stored.subscriptions {
            if !keep(Standing::Subscription { client_id, user_name, filter }) {
                ended.push(filter.clone());
            }
        }
        if ended.is_empty() {
            return;
        }
        for filter in &ended {
            // What was shared with it goes to other members first.
            self.remove_subscription(key, filter);
        }
        let Some(stored) = self.sessions.get_mut(key) else { return };
        let remaining = &stored.subscriptions;
        let is_wanted = |message: &Message| {
            !ended.iter().any(|filter| filter.matches(&message.topic))
                || remaining.iter().any(|filter| filter.matches(&message.topic))
        };
        match &mut stored.state {
            State::Away { session, .. } => session.retain_queued(is_wanted),
            State::Connected(connection) => {
                if let Some(peer) = self.connections.get_mut(*connection) {
                    peer.connection.retain_queued(is_wanted);
                }
            }
            State::Moving => {}
        }
    }
}
