//! What the broker asks and tells.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mqtt_engine::{Answer, BrokerEvent, ConnectionId, Question, Text, packet::ReasonCode};
use mqtt_engine_tokio::{Decision, Hooks, Peer};
use tracing::{debug, info, warn};

use super::{
    access::{Access, Action, Admission, Guard, Verdict},
    log,
};

/// A connection of a client.
#[derive(Clone, Debug)]
struct Client {
    listener: usize,
    user_name: Option<Text>,
    /// The rules by which it was let in.
    admitted_by: Option<Arc<Access>>,
    /// Whether the broker has accepted it.
    is_connected: bool,
}

/// The clients that are connected, or at the door.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<ConnectionId, Client>>);

impl Clients {
    /// How many are connected.
    pub(super) fn connected(&self) -> usize {
        self.lock().values().filter(|client| client.is_connected).count()
    }

    /// Those that are connected and could not come in by these rules any more. The others are there by them from now on.
    pub(super) fn examine(&self, access: &Arc<Access>) -> Vec<ConnectionId> {
        let mut unwelcome = Vec::new();
        for (connection, client) in self.lock().iter_mut().filter(|(_, client)| client.is_connected) {
            let admitted_by = client.admitted_by.as_deref();
            if admitted_by
                .is_some_and(|former| access.still_admits(former, client.listener, client.user_name.as_ref()))
            {
                client.admitted_by = Some(Arc::clone(access));
            } else {
                unwelcome.push(*connection);
            }
        }
        unwelcome
    }

    fn came(&self, connection: ConnectionId, listener: usize, user_name: Option<Text>) {
        let client = Client { listener, user_name, admitted_by: None, is_connected: false };
        self.lock().insert(connection, client);
    }

    /// One that is gone meanwhile stays forgotten.
    fn change(&self, connection: ConnectionId, change: impl FnOnce(&mut Client)) {
        if let Some(client) = self.lock().get_mut(&connection) {
            change(client);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Client>> {
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
                self.clients.came(connection, peer.listener, user_name.clone());
                let admission = self.guard.authenticate(peer.listener, user_name.clone(), password);
                let clients = Arc::clone(&self.clients);
                let stranger = Stranger { connection, peer: peer.clone(), client_id, user_name, clients };
                match admission {
                    Admission::Now(verdict) => Decision::Now(stranger.hear(verdict)),
                    Admission::Later(verdict) => Decision::later(async move { stranger.hear(verdict.await) }),
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
            BrokerEvent::Connected { connection, .. } => {
                self.clients.change(*connection, |client| client.is_connected = true);
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

/// A client at the door.
struct Stranger {
    connection: ConnectionId,
    peer: Peer,
    client_id: Text,
    user_name: Option<Text>,
    clients: Arc<Clients>,
}

impl Stranger {
    /// Notes what was decided.
    fn hear(&self, Verdict { answer, access }: Verdict) -> Answer {
        let Self { connection, peer, client_id, user_name, clients } = self;
        match answer {
            Answer::Refuse(reason) => {
                let address = peer.address.map(|address| address.to_string());
                info!(
                    %connection, client_id = client_id.as_str(), user_name = user_name.as_ref().map(Text::as_str),
                    peer = address, listener = peer.listener, %reason, "refused"
                );
            }
            _ => clients.change(*connection, |client| client.admitted_by = Some(access)),
        }
        answer
    }
}
