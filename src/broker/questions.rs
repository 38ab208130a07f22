//! Questions to the embedding program, and what waits for their answers.

use alloc::boxed::Box;

use super::{
    Answer, Broker, BrokerEvent, ConnectionId, Question, QuestionId, requests::Subscribing,
    sessions::SessionKey, slab::Key,
};
use crate::{ConnectRequest, Message, QoS, RequestToken, packet::ReasonCode};

/// What goes on when a question is answered.
#[derive(Debug)]
pub(super) enum Asked {
    Authenticate { connection: Key, request: Box<ConnectRequest> },
    Will { connection: Key, request: Box<ConnectRequest> },
    Publish(Box<Publishing>),
    Subscribe { connection: Key, subscribing: Box<Subscribing> },
}

/// A message that was received, but not yet accepted. It belongs to the session, not to the connection: the client may be
/// gone when the answer comes.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) connection: Key,
    pub(super) session: SessionKey,
    pub(super) token: RequestToken,
    /// The session's number for the message.
    pub(super) delivery: u64,
    pub(super) message: Message,
}

impl Broker {
    /// Asks the program; the connection's packets wait meanwhile.
    pub(super) fn ask(&mut self, key: Key, about: Question, asked: Asked) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        let question = QuestionId(self.next_question);
        self.next_question += 1;
        peer.question = Some(question);
        self.questions.insert(question, asked);
        self.tell(BrokerEvent::Question { question, connection: ConnectionId(key), about });
    }

    pub(super) fn answered(&mut self, question: QuestionId, answer: Answer) {
        let Some(asked) = self.questions.remove(&question) else { return };
        let key = match &asked {
            Asked::Authenticate { connection, .. } | Asked::Will { connection, .. } => *connection,
            Asked::Subscribe { connection, .. } => *connection,
            Asked::Publish(publishing) => publishing.connection,
        };
        if let Some(peer) = self.connections.get_mut(key) {
            peer.question = None;
        }
        match (asked, answer) {
            (Asked::Authenticate { request, .. }, Answer::Allow) => self.authenticated(key, request),
            (Asked::Will { request, .. }, Answer::Allow) => self.admit(key, *request),
            (Asked::Authenticate { .. } | Asked::Will { .. }, Answer::Refuse(reason)) => {
                self.refuse(key, error(reason))
            }
            (Asked::Subscribe { mut subscribing, .. }, answer) => {
                subscribing.decide(match answer {
                    Answer::Allow => None,
                    Answer::Refuse(reason) => Some(error(reason)),
                });
                self.subscribe_on(key, subscribing);
            }
            (Asked::Publish(publishing), Answer::Allow) => {
                let reason = self.accept_from(publishing.session, &publishing.message);
                let is_acknowledged = publishing.message.qos > QoS::AtMostOnce;
                if !(is_acknowledged && self.hold(key, publishing.token, publishing.session)) {
                    self.finish_late(&publishing, reason);
                }
            }
            (Asked::Publish(publishing), Answer::Refuse(reason)) => {
                self.finish_late(&publishing, error(reason))
            }
        }
        self.drain(key);
    }

    /// The connection of an open question has ended. A message was received all the same, and waits on for its answer,
    /// unless more questions are open than there may be connections.
    pub(super) fn orphaned(&mut self, question: QuestionId) {
        match self.questions.get(&question) {
            Some(Asked::Publish(_)) if self.questions.len() <= self.config.connections => {}
            _ => drop(self.questions.remove(&question)),
        }
    }

    /// Acknowledges a message whose connection may have ended since it was received.
    fn finish_late(&mut self, publishing: &Publishing, reason: ReasonCode) {
        let Some(stored) = self.sessions.get_mut(publishing.session) else { return };
        match stored.connection() {
            Some(key) => {
                let Some(peer) = self.connections.get_mut(key) else { return };
                if key == publishing.connection {
                    peer.connection.finish_publish(publishing.token, reason, self.now);
                } else {
                    peer.connection.acknowledge_earlier(publishing.delivery);
                    self.refresh(key);
                }
            }
            None => stored.acknowledge_away(publishing.delivery),
        }
    }
}

/// The code of a refusal: a program that refuses with a success code means an error all the same.
const fn error(reason: ReasonCode) -> ReasonCode {
    if reason.is_error() { reason } else { ReasonCode::NotAuthorized }
}
