//! CONNECT: who comes in, and with which session (section 3.1.4).

use alloc::{boxed::Box, format};
use core::mem;

use bytes::Bytes;

use super::{
    Broker, BrokerEvent, ConnectionId,
    questions::Asked,
    sessions::{SessionKey, State, Stored},
    slab::Key,
    timers::Timer,
};
use crate::{Acceptance, ConnectRequest, Dismissal, Question, Session, Text, packet::ReasonCode};

impl Broker {
    /// A client asks to connect.
    /// [MQTT-3.1.3-5] (both versions)
    pub(super) fn connect(&mut self, key: Key, request: Box<ConnectRequest>) {
        let will_fault = request.will.as_ref().and_then(|will| self.publish_fault(&will.message));
        if self.is_shutting_down {
            self.refuse(key, ReasonCode::ServerUnavailable);
        } else if request.client_id.is_empty() && !self.config.allow_empty_client_id {
            // [MQTT-3.1.3-9] (3.1.1), [MQTT-3.1.3-8] (5.0)
            self.refuse(key, ReasonCode::ClientIdentifierNotValid);
        } else if let Some(reason) = will_fault {
            self.refuse(key, reason);
        } else if request.authentication.is_some() {
            self.first_step(key, request);
        } else if self.config.ask_authentication {
            let about = Question::Authenticate {
                client_id: request.client_id.clone(),
                user_name: request.user_name.clone(),
                password: request.password.clone(),
                version: request.version,
            };
            self.ask(key, about, Asked::Authenticate { connection: key, request });
        } else {
            self.authenticated(key, request);
        }
    }

    /// The client is who it says it is; its will must be allowed as any message.
    pub(super) fn authenticated(&mut self, key: Key, request: Box<ConnectRequest>) {
        match &request.will {
            Some(will) if self.config.ask_publish => {
                let about = Question::Publish {
                    client_id: request.client_id.clone(),
                    user_name: request.user_name.clone(),
                    topic: will.message.topic.clone(),
                    qos: will.message.qos,
                    retain: will.message.retain,
                };
                self.ask(key, about, Asked::Will { connection: key, request });
            }
            _ => self.admit(key, *request),
        }
    }

    /// Lets a client in: the older connection of its session ends first [MQTT-3.1.4-2] (3.1.1) [MQTT-3.1.4-3] (5.0), then the
    /// clean session rules apply [MQTT-3.1.4-3] (3.1.1) [MQTT-3.1.4-4] (5.0).
    pub(super) fn admit(&mut self, key: Key, mut request: ConnectRequest) {
        let assigned = request.client_id.is_empty().then(|| self.new_client_id());
        if let Some(name) = &assigned {
            request.client_id = name.clone();
        }
        let found = self.sessions.find(&request.client_id);
        if let Some(stored) = found.and_then(|found| self.sessions.get(found)) {
            if self.config.sessions_belong_to_users && stored.user_name != request.user_name {
                return self.refuse(key, ReasonCode::NotAuthorized);
            }
            if let Some(older) = stored.connection() {
                self.close_connection(older, ReasonCode::SessionTakenOver);
            }
        } else if self.sessions.len() >= self.config.session_count {
            return self.refuse(key, ReasonCode::QuotaExceeded);
        }
        // [MQTT-3.1.2-6] [MQTT-3.2.2-1] (3.1.1), [MQTT-3.1.2-4] [MQTT-3.2.2-2] (5.0)
        if request.clean_start
            && let Some(found) = self.sessions.find(&request.client_id)
        {
            self.end_session(found);
        }
        // A session without expiry ended with the older connection: found or not, this is the present state.
        let Some((session_key, session)) = self.session_for(key, &mut request) else {
            return self.refuse(key, ReasonCode::QuotaExceeded);
        };
        let session_present = session.is_some();
        let Some(peer) = self.connections.get_mut(key) else { return };
        peer.session = Some(session_key);
        let acceptance = Acceptance {
            session,
            assigned_client_id: assigned,
            response_information: self.config.response_information.clone(),
            authentication_data: peer.authentication_data.take(),
        };
        for (message, why) in peer.connection.accept(acceptance, self.now) {
            self.tell_dropped(request.client_id.clone(), &message, why);
        }
        self.tell(BrokerEvent::Connected {
            connection: ConnectionId(key),
            client_id: request.client_id,
            version: request.version,
            session_present,
            user_name: request.user_name,
            clean_start: request.clean_start,
            keep_alive: request.keep_alive,
        });
    }

    /// [MQTT-3.1.4-2] (5.0)
    pub(super) fn refuse(&mut self, key: Key, dismissal: impl Into<Dismissal>) {
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.refuse(dismissal, self.now);
        }
    }

    /// The stored session of a client with its message flow, or a new one. A will that waits is cancelled [MQTT-3.1.3-9] (5.0).
    /// [MQTT-3.1.3-2] [MQTT-3.2.2-3] (both versions), [MQTT-3.1.2-4] [MQTT-3.2.2-2] (3.1.1), [MQTT-3.1.2-5]
    /// [MQTT-3.1.2-6] (5.0)
    fn session_for(
        &mut self,
        key: Key,
        request: &mut ConnectRequest,
    ) -> Option<(SessionKey, Option<Session>)> {
        let found = match self.sessions.find(&request.client_id) {
            Some(found) => found,
            None => {
                let user_name = request.user_name.clone();
                self.sessions.insert(Stored::new(request.client_id.clone(), user_name, key))?
            }
        };
        let stored = self.sessions.get_mut(found)?;
        self.timers.remove(Timer::Session(found.0), stored.timer.take());
        // [MQTT-3.1.2-8] (3.1.1), [MQTT-3.1.2-7] (5.0)
        stored.will = request.will.take().map(Box::new);
        stored.last_connection = key;
        stored.user_name = request.user_name.clone();
        match mem::replace(&mut stored.state, State::Connected(key)) {
            State::Away { session, .. } => Some((found, Some(*session))),
            State::Connected(_) | State::Moving => Some((found, None)),
        }
    }

    /// A name that no session has [MQTT-3.1.3-6] (3.1.1) [MQTT-3.2.2-16] (5.0).
    /// [MQTT-3.1.3-6] (5.0)
    fn new_client_id(&mut self) -> Text {
        loop {
            let name = format!("{}{}", self.config.client_id_prefix, self.next_client);
            self.next_client += 1;
            // A prefix so long that the number has no room is the configuration's fault: the number alone is unique, too.
            let name = Text::try_from(name).unwrap_or_else(|_| number(self.next_client));
            if self.sessions.find(&name).is_none() {
                return name;
            }
        }
    }
}

fn number(value: u64) -> Text {
    Text::from_checked(Bytes::from(format!("{value}")))
}
