//! What the embedding program decides and watches.

use core::{fmt, pin::Pin};
use std::io;

use mqtt_engine::{Answer, BrokerEvent, ConnectionId, Question};

use super::Peer;

/// Answers the broker's questions and watches what happens. `()` allows everything and watches nothing.
///
/// The methods are called one after the other, in the order of the events, by the tasks that serve the connections: they
/// must not block. They may use the [`Server`](super::Server).
pub trait Hooks: Send + Sync + 'static {
    /// Answers a question about a packet of this connection; asked only if [`BrokerConfig`](mqtt_engine::BrokerConfig) says
    /// so. Default: everything is allowed.
    fn decide(&self, connection: ConnectionId, peer: &Peer, question: Question) -> Decision {
        let _ = (connection, peer, question);
        Decision::Now(Answer::Allow)
    }

    /// Sees every event but the questions; with the peer, if the event is about a connection. Default: nothing.
    fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
        let _ = (peer, event);
    }

    /// Hears that a connection could not be accepted: by the system (too many open files, say; the server waits a little
    /// and goes on), or because the broker has as many as it may have. Default: nothing.
    fn accept_failed(&self, error: &io::Error) {
        let _ = error;
    }

    /// Hears that a connection ended in the handshake of TLS or WebSocket, before any MQTT; at any time, also beside another call.
    /// Default: nothing.
    fn handshake_failed(&self, peer: &Peer, error: &io::Error) {
        let _ = (peer, error);
    }
}

impl Hooks for () {}

/// The answer to a question, now or later.
#[expect(clippy::exhaustive_enums, reason = "there is no third time")]
pub enum Decision {
    /// The answer.
    Now(Answer),
    /// The answer once the future ends. The connection waits for it, the others do not.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Decision {
    /// An answer that takes a while.
    pub fn later(answer: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}
