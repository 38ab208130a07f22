//! What the broker asks and tells.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use mqtt_engine::{Answer, BrokerEvent, ConnectionId, Question, Text, packet::ReasonCode};
use mqtt_engine_tokio::{Decision, Hooks, Peer};
use tracing::{debug, info, warn};

use super::{
    access::{Action, Guard},
    log,
};

/// A client that is connected: as whom, and by which listener it came in.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) listener: usize,
    pub(super) user_name: Option<Text>,
}

/// The clients that are connected.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<ConnectionId, Client>>);

impl Clients {
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Those that are connected now.
    pub(super) fn all(&self) -> Vec<(ConnectionId, Client)> {
        self.lock().iter().map(|(connection, client)| (*connection, client.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the broker's questions by the rules in force, and writes the log.
pub(super) struct Operator {
    pub(super) guard: Arc<Guard>,
    pub(super) clients: Arc<Clients>,
}

impl Hooks for Operator {
    fn decide(&self, connection: ConnectionId, peer: &Peer, question: Question) -> Decision {
        match question {
            Question::Authenticate { client_id, user_name, password, .. } => {
                let decision = self.guard.authenticate(peer.listener, user_name.clone(), password);
                let stranger = Stranger { connection, peer: peer.clone(), client_id, user_name };
                match decision {
                    Decision::Now(answer) => {
                        stranger.log(answer);
                        Decision::Now(answer)
                    }
                    Decision::Later(answer) => Decision::later(async move {
                        let answer = answer.await;
                        stranger.log(answer);
                        answer
                    }),
                }
            }
            Question::Publish { client_id, user_name, topic, .. } => {
                let allows =
                    self.guard.access().allows(&client_id, user_name.as_ref(), Action::Publish(&topic));
                if !allows {
                    debug!(
                        %connection, client_id = client_id.as_str(), topic = topic.as_str(), "may not publish"
                    );
                }
                Decision::Now(permission(allows))
            }
            Question::Subscribe { client_id, user_name, filter, .. } => {
                let access = self.guard.access();
                let allows = access.allows(&client_id, user_name.as_ref(), Action::Subscribe(&filter));
                if !allows {
                    debug!(
                        %connection, client_id = client_id.as_str(), filter = filter.as_str(), "may not subscribe"
                    );
                }
                Decision::Now(permission(allows))
            }
            // What nobody thought of is not allowed.
            _ => Decision::Now(permission(false)),
        }
    }

    fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
        match event {
            BrokerEvent::Connected { connection, user_name, .. } => {
                let listener = peer.map_or(usize::MAX, |peer| peer.listener);
                let client = Client { listener, user_name: user_name.clone() };
                self.clients.lock().insert(*connection, client);
            }
            BrokerEvent::Disconnected { connection, .. } => {
                self.clients.lock().remove(connection);
            }
            _ => {}
        }
        log::event(peer, event);
    }

    fn accept_failed(&self, error: &io::Error) {
        warn!(%error, "could not accept a connection");
    }

    fn handshake_failed(&self, peer: &Peer, error: &io::Error) {
        log::handshake_failed(peer, error);
    }
}

const fn permission(allows: bool) -> Answer {
    if allows { Answer::Allow } else { Answer::Refuse(ReasonCode::NotAuthorized) }
}

/// A client at the door, for the log.
struct Stranger {
    connection: ConnectionId,
    peer: Peer,
    client_id: Text,
    user_name: Option<Text>,
}

impl Stranger {
    fn log(&self, answer: Answer) {
        if let Answer::Refuse(reason) = answer {
            let Self { connection, peer, client_id, user_name } = self;
            let address = peer.address.map(|address| address.to_string());
            info!(
                %connection, client_id = client_id.as_str(), user_name = user_name.as_ref().map(Text::as_str),
                peer = address, listener = peer.listener, %reason, "refused"
            );
        }
    }
}
