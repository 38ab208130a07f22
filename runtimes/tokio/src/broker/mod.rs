//! The broker.

mod connection;
mod hooks;
mod layers;
mod listener;
mod peer;
mod shared;
mod traffic;

use core::{fmt, time::Duration};
use std::{io, sync::Arc};

use mqtt_engine::{
    AtCapacity, Broker, BrokerConfig, ConnectionId, Message, Statistics, Text, TopicFilter,
    packet::ReasonCode,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::{Instant, timeout_at},
};

pub use hooks::{Decision, Hooks};
pub use listener::Listener;
use listener::{Accepted, Raw, accept, concerns_one_connection};
pub use peer::Peer;
use shared::Shared;
pub use traffic::Traffic;

/// How long no connection is accepted after the system refused one (it has no more descriptors, say): asking at once
/// again would only burn time that could free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server serves. What the broker allows is in [`BrokerConfig`].
/// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How long a connection that is being closed may take none of its last bytes before it is dropped. Default 5 s.
    pub patience: Duration,
    /// How long the handshakes of TLS and WebSocket may take together. They also count for the time that the broker gives a
    /// connection to send CONNECT ([`connect_timeout`](mqtt_engine::ConnectionConfig::connect_timeout)). Default 10 s.
    pub handshake: Duration,
    /// How long all connections together may take to end when the server stops. Default 5 s.
    pub grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

/// What was left when a server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Connections that did not end within the grace, and were dropped.
    pub dropped: usize,
}

/// One broker, and the tasks that serve its connections.
///
/// All connections share the broker behind a lock that is held for one call at a time, never over an await; reading and
/// writing happen outside it. Cheap to clone: each clone is the same server.
/// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    config: ServerConfig,
}

impl Server {
    /// A broker of this configuration, with the program's hooks (`()` for none).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Self {
        Self { shared: Shared::new(|now| Broker::new(broker, now), Box::new(hooks)), config }
    }

    /// Serves connections from these listeners until `shutdown` ends. Then it closes the listeners, has the broker close
    /// every connection with *server shutting down*, and waits for them to end, at most for the grace.
    ///
    /// It also minds the broker's clock, so it must run while the server is in use, with no listeners if need be.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops every connection that it accepted, without a word to the peer.
    pub async fn serve(&self, listeners: Vec<Listener>, shutdown: impl Future<Output = ()>) -> Stopped {
        let mut connections = JoinSet::new();
        let mut accept_from = Instant::now();
        tokio::pin!(shutdown);
        loop {
            let deadline = self.shared.arm();
            tokio::select! {
                // Not by chance, so that a simulation is the same each time. None of the first three is ready for long, and what the
                // last one stands for is seen to in each round.
                biased;
                () = &mut shutdown => break,
                () = self.shared.clock.sleep_until(deadline) => self.shared.with(|broker, now| broker.handle_timeout(now)),
                Some(_) = connections.join_next() => {}
                accepted = accept(&listeners, accept_from) => match accepted {
                    Ok(accepted) => self.admit(accepted, &mut connections),
                    Err(error) => {
                        self.shared.hooks.accept_failed(&error);
                        if !concerns_one_connection(&error) {
                            accept_from = Instant::now() + ACCEPT_PAUSE;
                        }
                    }
                },
                () = self.shared.earlier.notified() => {}
            }
        }
        drop(listeners);
        self.shared.with(|broker, now| broker.shut_down(now));
        let until = Instant::now() + self.config.grace;
        while let Ok(Some(_)) = timeout_at(until, connections.join_next()).await {}
        let dropped = connections.len();
        connections.shutdown().await;
        Stopped { dropped }
    }

    /// Serves one connection of this peer over any stream (TLS, a pipe) until it ends. The clock is minded by
    /// [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection.
    ///
    /// # Errors
    ///
    /// The broker has as many connections as it may have.
    pub async fn serve_stream<S>(&self, stream: S, peer: Peer) -> Result<(), AtCapacity>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let slot = self.shared.accept(peer)?;
        connection::serve(slot, stream, self.config.patience).await;
        Ok(())
    }

    /// Publishes a message from the program itself.
    pub fn publish(&self, message: Message) {
        self.shared.with(|broker, now| broker.publish(message, now));
    }

    /// Closes a connection, with this reason if the client speaks 5.0.
    pub fn close(&self, connection: ConnectionId, reason: ReasonCode) {
        self.shared.with(|broker, now| broker.close(connection, reason, now));
    }

    /// Ends subscriptions that the program's rules, which have changed, no longer allow:
    /// [`Broker::retain_subscriptions`]. `keep` is called with the broker locked: it must not use the server.
    pub fn retain_subscriptions(&self, keep: impl FnMut(&Text, Option<&Text>, &TopicFilter) -> bool) {
        self.shared.with(|broker, now| broker.retain_subscriptions(keep, now));
    }

    /// How many bytes were moved.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.traffic.count()
    }

    /// How much of everything the broker holds.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.with(|broker, _| broker.statistics())
    }

    fn admit(&self, accepted: Accepted, connections: &mut JoinSet<()>) {
        if let Raw::Tcp(stream) = &accepted.raw {
            // Without it packets are only sent later, which hurts nobody but the clock.
            let _ = stream.set_nodelay(true);
        }
        match self.shared.accept(accepted.peer.clone()) {
            Ok(slot) => {
                let ServerConfig { handshake, patience, .. } = self.config;
                connections.spawn(layers::serve(slot, accepted, handshake, patience));
            }
            Err(AtCapacity { .. }) => {
                let error = io::Error::new(
                    io::ErrorKind::QuotaExceeded,
                    "the broker has as many connections as it may have",
                );
                self.shared.hooks.accept_failed(&error);
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}
