//! From one message to all who subscribe to it (section 3.3.5 of 3.1.1, 3.3.4 of 5.0).

use alloc::{borrow::Cow, collections::VecDeque};
use core::mem;

use super::{
    Broker, BrokerEvent,
    retained::Room,
    sessions::{SessionKey, State},
    subscriptions::{Match, Options, ShareId},
};
use crate::{
    DropReason, Message, QoS, SubscriptionIdentifiers, Text, TopicFilter, TopicName, connection::enqueue,
};

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Publisher<'a> {
    /// The embedding program's.
    Program,
    /// That of a client with a session.
    Session(SessionKey),
    /// The will of a client, which may have another session by now, or none.
    Client(&'a Text),
}

impl Broker {
    /// Accepts a message: keeps it if it is to be retained, and hands a copy to each session that subscribes to it
    /// [MQTT-4.5.0-1] (both versions). Returns how many those are.
    ///
    /// The work grows with the number of matching subscriptions.
    pub(super) fn accept_message(&mut self, message: &Message, publisher: Publisher<'_>) -> usize {
        self.counted.received += 1;
        self.pressed = None;
        let retains = message.retain && self.config.connection.retain_available;
        // [MQTT-3.3.1-5] (both versions), [MQTT-3.3.1-12] (3.1.1), [MQTT-3.3.1-8] (5.0)
        if retains && self.retained.store(message, self.now).is_err() {
            let client_id = self.client_id_of(publisher);
            self.tell_dropped(client_id, message, DropReason::RetainedFull);
        }
        let mut route = mem::take(&mut self.route);
        self.subscriptions.find_route(&message.topic, &mut route);
        let mut receivers = 0;
        let own = if let Publisher::Session(own) = publisher { Some(own) } else { None };
        for of_session in route.matches.chunk_by(|a, b| a.session == b.session) {
            let Some(first) = of_session.first() else { continue };
            let is_own = || match publisher {
                Publisher::Program => false,
                Publisher::Session(own) => own == first.session,
                Publisher::Client(own) => {
                    self.sessions.get(first.session).is_some_and(|stored| stored.client_id == *own)
                }
            };
            if let Some(copy) = copy_for(of_session, message, is_own) {
                receivers += 1;
                self.deliver(first.session, copy, None, own);
            }
        }
        for share in &route.groups {
            receivers += usize::from(self.deliver_to_group(*share, message, own));
        }
        self.route = route;
        receivers
    }

    fn client_id_of(&self, publisher: Publisher<'_>) -> Text {
        match publisher {
            Publisher::Program => Text::EMPTY,
            Publisher::Session(own) => {
                self.sessions.get(own).map_or(Text::EMPTY, |stored| stored.client_id.clone())
            }
            Publisher::Client(own) => own.clone(),
        }
    }

    /// Moves retained messages to a connected session, for as long as its queue is less than half full: a subscription that
    /// matches more of them than a queue holds gets them as fast as its client takes them.
    pub(super) fn replay_retained(&mut self, key: SessionKey) {
        while let Some((filter, after, options, room)) = self.next_replay(key) {
            let (found, is_complete) = self.retained.collect(&filter, after.as_ref(), room, self.now);
            if let Some(stored) = self.sessions.get_mut(key) {
                stored.replayed(found.last().filter(|_| !is_complete).map(|message| message.topic.clone()));
            }
            for mut message in found {
                // [MQTT-3.3.1-8] (3.1.1): the RETAIN flag is set, as it is in the store.
                message.qos = message.qos.min(options.qos);
                let identifiers = SubscriptionIdentifiers::from_iter(options.identifier);
                message.properties.set_subscription_identifiers(identifiers);
                self.deliver(key, Cow::Owned(message), None, Some(key));
            }
        }
    }

    /// What to replay next, if there is something and room for it.
    pub(super) fn next_replay(
        &self,
        key: SessionKey,
    ) -> Option<(TopicFilter, Option<TopicName>, Options, Room)> {
        let stored = self.sessions.get(key)?;
        let replay = stored.replays.front()?;
        let room = self.connections.get(stored.connection()?)?.connection.room()?;
        Some((replay.filter.clone(), replay.after.clone(), replay.options, room))
    }

    /// Hands a message to a session, connected or away. `last` gets it behind what else its client is told now: its acknowledgement.
    pub(super) fn deliver(
        &mut self,
        key: SessionKey,
        message: Cow<'_, Message>,
        share: Option<ShareId>,
        last: Option<SessionKey>,
    ) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        self.counted.delivered += 1;
        let dropped = match &mut stored.state {
            State::Connected(connection) => {
                let Some(peer) = self.connections.get_mut(*connection) else { return };
                peer.mark_ready(*connection, &mut self.ready);
                // Where QoS 0 outlives connections, it is the session that it waits in.
                let waits = last == Some(key) || self.config.queue_qos0;
                if !waits && peer.connection.send_at_once(&message, self.now) {
                    return;
                }
                let (message, number) = (message.into_owned(), ShareId::number(share));
                let (qos, expires) = (message.qos, message.properties.message_expiry.is_some());
                let dropped = peer.connection.deliver_for(message, number, self.now);
                if expires {
                    peer.advance_timer(*connection, &mut self.timers);
                }
                if stored.pressure.is_felt(qos, peer.connection.room().is_some()) {
                    self.pressed = Some(key);
                }
                dropped
            }
            // [MQTT-3.1.2-5] (3.1.1)
            State::Away { session, .. } => {
                if message.qos == QoS::AtMostOnce && !self.config.queue_qos0 {
                    return;
                }
                let (message, number) = (message.into_owned(), ShareId::number(share));
                enqueue(session, number, message, self.now, &mut VecDeque::new())
            }
            State::Moving => return,
        };
        if !dropped.is_empty() {
            let client_id = stored.client_id.clone();
            for (message, why) in dropped {
                self.tell_dropped(client_id.clone(), &message, why);
            }
        }
    }

    pub(super) fn tell_dropped(&mut self, client_id: Text, message: &Message, why: DropReason) {
        self.counted.dropped += 1;
        self.tell(BrokerEvent::Dropped { client_id, topic: message.topic.clone(), why });
    }
}

/// The one copy that a session gets for all of its matching subscriptions: with the highest QoS granted, but not above the
/// message's [MQTT-3.3.5-1] (3.1.1) [MQTT-3.3.4-2] [MQTT-3.3.4-4] (5.0).
fn copy_for<'m>(
    subscriptions: &[Match],
    message: &'m Message,
    is_own: impl Fn() -> bool,
) -> Option<Cow<'m, Message>> {
    // [MQTT-3.8.3-3] (5.0)
    let wanted = || subscriptions.iter().filter(|one| !(one.options.no_local && is_own()));
    let granted = wanted().map(|one| one.options.qos).max()?;
    // [MQTT-3.3.1-9] (3.1.1), [MQTT-3.3.1-12] [MQTT-3.3.1-13] (5.0)
    let retain = message.retain && wanted().any(|one| one.options.retain_as_published);
    // [MQTT-3.3.4-3] [MQTT-3.3.4-4] (5.0)
    let identifiers = wanted().filter_map(|one| one.options.identifier);
    Some(form_of(message, granted, retain, identifiers))
}

/// A message as a subscriber gets it.
/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] (5.0)
pub(super) fn form_of(
    message: &Message,
    granted: QoS,
    retain: bool,
    identifiers: impl IntoIterator<Item = u32>,
) -> Cow<'_, Message> {
    // [MQTT-3.8.4-6] (3.1.1), [MQTT-3.8.4-8] (5.0)
    let qos = message.qos.min(granted);
    let identifiers = SubscriptionIdentifiers::from_iter(identifiers);
    let has_same = message
        .properties
        .set()
        .map_or(identifiers.is_empty(), |properties| properties.subscription_identifiers == identifiers);
    if has_same && message.qos == qos && message.retain == retain {
        return Cow::Borrowed(message);
    }
    let mut copy = message.clone();
    (copy.qos, copy.retain) = (qos, retain);
    copy.properties.set_subscription_identifiers(identifiers);
    Cow::Owned(copy)
}
