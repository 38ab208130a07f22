//! The end of connections and sessions, and the wills that go with it (sections 3.1.2.5 and 4.1).

use alloc::boxed::Box;
use core::{mem, time::Duration};

use super::{
    Broker, BrokerEvent, ConnectionId, Question,
    questions::Asked,
    routing::Publisher,
    sessions::{SessionKey, State, Stored},
    slab::Key,
    timers::Timer,
};
use crate::{DisconnectCause, DropReason, Message, Session, Text, Will};

/// A will whose time has come, of a session that may have ended.
#[derive(Debug)]
pub(super) struct DueWill {
    connection: Key,
    client_id: Text,
    user_name: Option<Text>,
    message: Message,
}

impl DueWill {
    fn new(stored: &Stored, will: Will) -> Self {
        Self {
            connection: stored.last_connection,
            client_id: stored.client_id.clone(),
            user_name: stored.user_name.clone(),
            message: will.message,
        }
    }
}

impl Broker {
    /// A connection ended: its session stays for as long as its expiry says, and its will is published unless the client
    /// said good-bye.
    pub(super) fn disconnected(&mut self, key: Key, cause: DisconnectCause) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        let session_key = peer.session.take();
        let question = peer.question.take();
        peer.handshake = None;
        let expiry = peer.connection.session_expiry();
        let session = peer.connection.take_session();
        if let Some(question) = question {
            self.withdraw(question);
        }
        let client_id =
            session_key.and_then(|key| self.sessions.get(key)).map(|stored| stored.client_id.clone());
        let publishes_will = cause.publishes_will();
        self.tell(BrokerEvent::Disconnected { connection: ConnectionId(key), client_id, reason: cause });
        if let (Some(session_key), Some(session)) = (session_key, session) {
            self.depart(session_key, session, expiry, publishes_will);
        }
    }

    /// A session's client is gone. `expiry` is in seconds.
    /// [MQTT-4.1.0-1] (3.1.1), [MQTT-3.1.2-23] (5.0)
    fn depart(&mut self, key: SessionKey, mut session: Session, expiry: u32, publishes_will: bool) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        if !self.config.queue_qos0 {
            session.drop_qos0();
        }
        let ends_at = (expiry < u32::MAX).then(|| self.now + Duration::from_secs(expiry.into()));
        if !publishes_will {
            // [MQTT-3.1.2-10] [MQTT-3.14.4-3] (both versions)
            stored.will = None;
        }
        let delay = stored.will.as_ref().map(|will| will.delay);
        let will_at = delay.map(|delay| self.now + delay);
        stored.state = State::Away { session: Box::new(session), will_at, ends_at };
        // Not before: this session may have waited for itself.
        self.release(key);
        // [MQTT-3.1.2-6] (3.1.1)
        if expiry == 0 {
            return self.end_session(key);
        }
        self.hand_on(key, None);
        if delay == Some(Duration::ZERO) {
            self.publish_will(key);
        }
        self.refresh_session(key);
    }

    /// Something may be due about a session whose client is away: its end, or its will.
    pub(super) fn session_timeout(&mut self, key: SessionKey) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        stored.timer = None;
        let State::Away { will_at, ends_at, .. } = &stored.state else { return };
        let is_due = |at: &Option<_>| at.is_some_and(|at| at <= self.now);
        match (is_due(ends_at), is_due(will_at)) {
            (true, _) => return self.end_session(key),
            (false, true) => self.publish_will(key),
            (false, false) => {}
        }
        self.refresh_session(key);
    }

    /// Ends a session that is not connected: subscriptions and queue go, and a will that waits is published now, since it is
    /// published at the end of its delay or of the session, whichever is sooner [MQTT-3.1.2-8] (5.0).
    /// [MQTT-4.1.0-2] (5.0)
    pub(super) fn end_session(&mut self, key: SessionKey) {
        let Some(mut stored) = self.sessions.remove(key) else { return };
        self.timers.remove(Timer::Session(key.0), stored.timer);
        for filter in stored.subscriptions.iter() {
            self.subscriptions.remove(filter, key);
        }
        if let State::Away { session, .. } = mem::replace(&mut stored.state, State::Moving) {
            self.inherit(*session);
        }
        if let Some(will) = stored.will.take() {
            self.fire_will(DueWill::new(&stored, *will));
        }
    }

    /// [MQTT-3.1.2-10] (both versions), [MQTT-3.1.2-8] [MQTT-3.1.2-12] [MQTT-3.1.2-16] [MQTT-3.1.2-17] (3.1.1),
    /// [MQTT-3.1.2-14] [MQTT-3.1.2-15] (5.0)
    fn publish_will(&mut self, key: SessionKey) {
        let Some(stored) = self.sessions.get_mut(key) else { return };
        if let State::Away { will_at, .. } = &mut stored.state {
            *will_at = None;
        }
        let Some(will) = stored.will.take() else { return };
        let due = DueWill::new(stored, *will);
        self.fire_will(due);
    }

    /// A will is due. Whether its client may publish it was asked when it connected; rights may have changed since.
    fn fire_will(&mut self, due: DueWill) {
        if !self.config.ask_publish {
            return self.publish_due(&due);
        }
        if self.questions.len() >= self.config.connection_count.saturating_add(self.config.session_count) {
            return self.tell_dropped(due.client_id, &due.message, DropReason::Unasked);
        }
        let about = Question::Publish {
            client_id: due.client_id.clone(),
            user_name: due.user_name.clone(),
            topic: due.message.topic.clone(),
            qos: due.message.qos,
            retain: due.message.retain,
        };
        self.ask_without_connection(due.connection, about, Asked::DueWill(Box::new(due)));
    }

    pub(super) fn publish_due(&mut self, due: &DueWill) {
        self.accept_message(&due.message, Publisher::Client(&due.client_id));
    }

    fn refresh_session(&mut self, key: SessionKey) {
        if let Some(stored) = self.sessions.get_mut(key) {
            stored.timer = self.timers.advance(Timer::Session(key.0), stored.timer, stored.deadline());
        }
    }

    /// The session of a connection that was accepted.
    pub(super) fn session_of(&mut self, key: Key) -> Option<&mut Stored> {
        let session = self.connections.get(key)?.session?;
        self.sessions.get_mut(session)
    }
}
