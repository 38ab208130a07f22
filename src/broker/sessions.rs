//! The sessions of all clients, connected or away.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};

use super::{
    filters::FilterSet,
    pacing::Pressure,
    slab::{Key, Slab},
    subscriptions::Options,
};
use crate::{Outbox, Session, Text, Timestamp, TopicFilter, TopicName, Will, packet::ReasonCode};

/// Names a session for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionKey(pub(super) Key);

/// What is known of a client across its connections (section 4.1).
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) client_id: Text,
    /// Who made it.
    pub(super) user_name: Option<Text>,
    pub(super) state: State,
    /// Its last connection, which may be gone.
    pub(super) last_connection: Key,
    pub(super) subscriptions: FilterSet,
    /// Subscriptions whose retained messages were not all sent yet.
    pub(super) replays: VecDeque<Replay>,
    /// Published when the connection ends without a word; while the client is away, when its delay has passed.
    pub(super) will: Option<Box<Will>>,
    /// Where its timer stands.
    pub(super) timer: Option<Timestamp>,
    /// Publishers that wait until it has read.
    pub(super) pressure: Pressure,
}

/// The retained messages that a new subscription gets.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) filter: TopicFilter,
    pub(super) options: Options,
    /// The last one sent.
    pub(super) after: Option<TopicName>,
}

/// Whether the client is there.
#[derive(Debug)]
pub(super) enum State {
    /// The message flow is with the connection.
    /// [MQTT-4.1.0-2] (3.1.1), [MQTT-4.1.0-1] (5.0)
    Connected(Key),
    /// The message flow is kept here.
    Away {
        session: Box<Session>,
        /// When the will is published.
        will_at: Option<Timestamp>,
        /// When the session ends; never for the longest expiry.
        ends_at: Option<Timestamp>,
    },
    /// Between the two, within one call.
    Moving,
}

impl Stored {
    pub(super) fn new(client_id: Text, user_name: Option<Text>, connection: Key) -> Self {
        Self {
            client_id,
            user_name,
            state: State::Moving,
            last_connection: connection,
            subscriptions: FilterSet::default(),
            replays: VecDeque::new(),
            will: None,
            timer: None,
            pressure: Pressure::default(),
        }
    }

    pub(super) const fn connection(&self) -> Option<Key> {
        match self.state {
            State::Connected(connection) => Some(connection),
            State::Away { .. } | State::Moving => None,
        }
    }

    /// Starts to send the retained messages of a subscription, also if they are being sent already.
    pub(super) fn replay(&mut self, filter: TopicFilter, options: Options) {
        self.stop_replay(&filter);
        self.replays.push_back(Replay { filter, options, after: None });
    }

    /// The subscription is gone or was replaced.
    pub(super) fn stop_replay(&mut self, filter: &TopicFilter) {
        self.replays.retain(|replay| replay.filter != *filter);
    }

    /// The first replay has come to this topic, or to its end.
    pub(super) fn replayed(&mut self, last: Option<TopicName>) {
        match (last, self.replays.front_mut()) {
            (Some(last), Some(replay)) => replay.after = Some(last),
            _ => drop(self.replays.pop_front()),
        }
        if self.replays.is_empty() {
            // The room is not needed again soon.
            self.replays = VecDeque::new();
        }
    }

    /// Acknowledges a message that was accepted before the client went away.
    pub(super) fn acknowledge_away(&mut self, delivery: u64) {
        if let State::Away { session, .. } = &mut self.state {
            session.acknowledge(delivery, ReasonCode::Success, None, &mut Outbox::new());
        }
    }

    /// The next moment at which something is due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Away { will_at, ends_at, .. } => will_at.into_iter().chain(ends_at).min(),
            State::Connected(_) | State::Moving => None,
        }
    }
}

/// Sessions by key and by client identifier.
#[derive(Debug)]
pub(super) struct Sessions {
    slab: Slab<Stored>,
    by_client_id: BTreeMap<Text, SessionKey>,
}

impl Sessions {
    pub(super) const fn new() -> Self {
        Self { slab: Slab::new(), by_client_id: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = SessionKey> {
        self.slab.keys().map(SessionKey)
    }

    pub(super) fn find(&self, client_id: &Text) -> Option<SessionKey> {
        self.by_client_id.get(client_id).copied()
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Stored> {
        self.slab.get(key.0)
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Stored> {
        self.slab.get_mut(key.0)
    }

    pub(super) fn insert(&mut self, session: Stored) -> Option<SessionKey> {
        let client_id = session.client_id.clone();
        let key = SessionKey(self.slab.insert(session)?);
        self.by_client_id.insert(client_id, key);
        Some(key)
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Stored> {
        let session = self.slab.remove(key.0)?;
        self.by_client_id.remove(&session.client_id);
        Some(session)
    }
}
