//! Subscriptions that were allowed once: looked at anew when the program's rules have changed.

use alloc::vec::Vec;

use super::{
    Broker,
    sessions::{SessionKey, Stored},
};
use crate::{Message, Text, Timestamp, TopicFilter};

impl Broker {
    /// Ends the subscriptions, of connected clients and of stored sessions, that `keep` says no to: for a program whose rules
    /// have changed since it allowed them. It is shown client identifier, user name and filter. What waits in the session's
    /// queue and matches none of its other subscriptions goes, too; only messages that were sent once are sent again until
    /// they are acknowledged. Clients are not told: the protocol has no words for it.
    ///
    /// Wills need none of this: [`Question::Publish`](crate::Question::Publish) is asked when they are due.
    ///
    /// Takes time in proportion to the subscriptions, and to the queues of the sessions that lose some.
    pub fn retain_subscriptions(
        &mut self,
        mut keep: impl FnMut(&Text, Option<&Text>, &TopicFilter) -> bool,
        now: Timestamp,
    ) {
        self.pass(now);
        let all: Vec<SessionKey> = self.sessions.keys().collect();
        for key in all {
            let Some(stored) = self.sessions.get(key) else { continue };
            let mut ended = stored.subscriptions.clone();
            ended.retain(|filter| !keep(&stored.client_id, stored.user_name.as_ref(), filter));
            if ended.is_empty() {
                continue;
            }
            for filter in ended.iter() {
                self.remove_subscription(key, filter);
            }
            let Some(stored) = self.sessions.get(key) else { continue };
            let remaining = stored.subscriptions.clone();
            let matches = |filter: &TopicFilter, message: &Message| filter.matches(&message.topic);
            if let Some(session) = self.flow_of(key) {
                session.retain_queued(|message| {
                    !ended.iter().any(|filter| matches(filter, message))
                        || remaining.iter().any(|filter| matches(filter, message))
                });
            }
            if let Some(connection) = self.sessions.get(key).and_then(Stored::connection) {
                // What stood behind the messages that are gone may be sent now.
                self.refresh(connection);
            }
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
}
