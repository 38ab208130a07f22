//! Questions to the embedding program, and what waits for their answers.

use alloc::boxed::Box;

use super::{
    Answer, Broker, BrokerEvent, ConnectionId, Question, QuestionId, departure::DueWill,
    requests::Subscribing, sessions::SessionKey, slab::Key,
};
use crate::{ConnectRequest, Dismissal, Message, RequestToken, packet::ReasonCode};

/// What goes on when a question is answered.
#[derive(Debug)]
pub(super) enum Asked {
    Authenticate {
        connection: Key,
        request: Box<ConnectRequest>,
    },
    /// A re-authentication.
    Again {
        connection: Key,
    },
    Will {
        connection: Key,
        request: Box<ConnectRequest>,
    },
    DueWill(Box<DueWill>),
    Publish(Box<Publishing>),
    Subscribe {
        connection: Key,
        subscribing: Box<Subscribing>,
    },
}

/// A message that counts as received when the answer comes.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) connection: Key,
    pub(super) session: SessionKey,
    pub(super) token: RequestToken,
    pub(super) message: Message,
}

impl Broker {
    /// Asks the program; the connection's packets wait meanwhile.
    pub(super) fn ask(&mut self, key: Key, about: Question, asked: Asked) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        peer.question = Some(QuestionId(self.next_question));
        self.ask_without_connection(key, about, asked);
    }

    /// The same, about a connection that may have ended.
    pub(super) fn ask_without_connection(&mut self, key: Key, about: Question, asked: Asked) {
        let question = QuestionId(self.next_question);
        self.next_question += 1;
        self.questions.insert(question, asked);
        self.tell(BrokerEvent::Question { question, connection: ConnectionId(key), about });
    }

    pub(super) fn answered(&mut self, question: QuestionId, answer: Answer) {
        let Some(asked) = self.questions.remove(&question) else { return };
        let key = match &asked {
            Asked::Authenticate { connection, .. } | Asked::Will { connection, .. } => Some(*connection),
            Asked::Subscribe { connection, .. } | Asked::Again { connection } => Some(*connection),
            Asked::Publish(publishing) => Some(publishing.connection),
            Asked::DueWill(_) => None,
        };
        if let Some(peer) = key.and_then(|key| self.connections.get_mut(key)) {
            peer.question = None;
        }
        match asked {
            Asked::Authenticate { connection, request } => {
                self.authentication_answer(connection, request, answer)
            }
            Asked::Again { connection } => self.reauthentication_answer(connection, answer),
            Asked::Will { connection, request } => match refusal(answer) {
                None => self.admit(connection, *request),
                Some(dismissal) => self.refuse(connection, dismissal),
            },
            Asked::Subscribe { connection, mut subscribing } => {
                subscribing.decide(refusal(answer));
                self.subscribe_on(connection, subscribing);
            }
            Asked::Publish(publishing) => {
                let Publishing { connection, session, token, message } = *publishing;
                match refusal(answer) {
                    None => self.accept_request(connection, session, token, &message),
                    Some(dismissal) => self.finish_publish(connection, token, dismissal.reason),
                }
            }
            Asked::DueWill(due) => {
                if refusal(answer).is_none() {
                    self.publish_due(&due);
                }
            }
        }
        if let Some(key) = key {
            self.drain(key);
        }
    }

    /// The connection of an open question has ended: the answer comes too late. A message counts as not received, so that it
    /// can't be accepted behind those of the client's next connection [MQTT-4.6.0-5] (both versions).
    pub(super) fn withdraw(&mut self, question: QuestionId) {
        self.questions.remove(&question);
    }
}

/// What the client is told, unless the answer is a yes. A program that refuses with a success code means an error all the same.
pub(super) fn refusal(answer: Answer) -> Option<Dismissal> {
    let mut dismissal = match answer {
        Answer::Allow | Answer::Authenticated { .. } => return None,
        Answer::Continue { .. } => Dismissal::new(ReasonCode::NotAuthorized),
        Answer::RefuseWith(dismissal) => *dismissal,
        Answer::Refuse(reason) => Dismissal::new(reason),
    };
    if !dismissal.reason.is_error() {
        dismissal.reason = ReasonCode::NotAuthorized;
    }
    Some(dismissal)
}
