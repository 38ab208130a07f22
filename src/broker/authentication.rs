//! Enhanced authentication as questions to the program (5.0 section 4.12).

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    Answer, Broker, Question,
    questions::{Asked, refusal},
    slab::Key,
};
use crate::{ConnectRequest, packet::ReasonCode};

impl Broker {
    /// CONNECT names a method.
    pub(super) fn first_step(&mut self, key: Key, request: Box<ConnectRequest>) {
        let Some(begin) = &request.authentication else { return };
        if !self.config.authentication_methods.contains(&begin.method) {
            // [MQTT-4.12.0-1] (5.0)
            return self.refuse(key, ReasonCode::BadAuthenticationMethod);
        }
        let data = begin.data.clone();
        self.ask_for_step(key, request, data);
    }

    /// AUTH arrived: a further step before CONNACK, or one of a re-authentication.
    pub(super) fn authentication_step(&mut self, key: Key, data: Option<Bytes>) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        if let Some(request) = peer.handshake.take() {
            return self.ask_for_step(key, request, data);
        }
        let method = peer.connection.authentication_method().cloned();
        let (Some(method), Some(stored)) = (method, self.session_of(key)) else { return };
        let about = Question::EnhancedAuthentication {
            client_id: stored.client_id.clone(),
            user_name: stored.user_name.clone(),
            password: None,
            method,
            data,
            is_reauthentication: true,
        };
        self.ask(key, about, Asked::Again { connection: key });
    }

    fn ask_for_step(&mut self, key: Key, request: Box<ConnectRequest>, data: Option<Bytes>) {
        let Some(begin) = &request.authentication else { return };
        let about = Question::EnhancedAuthentication {
            client_id: request.client_id.clone(),
            user_name: request.user_name.clone(),
            password: request.password.clone(),
            method: begin.method.clone(),
            data,
            is_reauthentication: false,
        };
        self.ask(key, about, Asked::Authenticate { connection: key, request });
    }

    /// The program's word about a client that wants to connect, with or without a method.
    pub(super) fn authentication_answer(
        &mut self,
        key: Key,
        mut request: Box<ConnectRequest>,
        answer: Answer,
    ) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        match answer {
            Answer::Continue { data } if request.authentication.is_some() => {
                peer.handshake = Some(request);
                peer.connection.challenge(data.as_deref(), self.now);
            }
            Answer::Authenticated { user_name, data } => {
                peer.authentication_data = data;
                request.user_name = user_name.or(request.user_name);
                self.authenticated(key, request);
            }
            Answer::Allow => self.authenticated(key, request),
            Answer::Continue { .. } | Answer::RefuseWith(_) | Answer::Refuse(_) => {
                if let Some(dismissal) = refusal(answer) {
                    // [MQTT-4.12.0-4] (5.0)
                    self.refuse(key, dismissal);
                }
            }
        }
    }

    /// The program's word about a client that authenticates again.
    pub(super) fn reauthentication_answer(&mut self, key: Key, answer: Answer) {
        let Some(known_as) = self.session_of(key).map(|stored| stored.user_name.clone()) else { return };
        let Some(peer) = self.connections.get_mut(key) else { return };
        match answer {
            Answer::Continue { data } => peer.connection.challenge(data.as_deref(), self.now),
            Answer::Authenticated { user_name, .. } if user_name.is_some() && user_name != known_as => {
                // The session is another user's.
                self.close_connection(key, ReasonCode::NotAuthorized);
            }
            Answer::Authenticated { data, .. } => {
                peer.connection.finish_authentication(data.as_deref(), self.now);
            }
            Answer::Allow => peer.connection.finish_authentication(None, self.now),
            Answer::RefuseWith(_) | Answer::Refuse(_) => {
                if let Some(dismissal) = refusal(answer) {
                    // [MQTT-4.12.1-2] (5.0)
                    self.close_connection(key, dismissal);
                }
            }
        }
    }
}
