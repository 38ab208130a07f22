//! The broker.

mod connection;
mod hooks;
mod peer;
mod shared;
mod tasks;
mod traffic;

use core::{
    fmt,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{io, sync::Arc};

use mqtt_engine::{
    AtCapacity, BrokerConfig, ConnectionId, Message, Statistics, Text, Timestamp, TopicFilter,
    packet::ReasonCode,
};

pub use connection::serve;
pub use hooks::{Decision, Hooks};
pub use peer::Peer;
pub use shared::{Outside, Running, Shared, Slot};
use tasks::Tasks;
pub use traffic::{Meter, Traffic};

use crate::{
    Ambient, Host, Runtime, Signal, Streams,
    time::{Turn, sleep_until, timeout_at},
};

/// How long no connection is accepted after the system refused one (it has no more descriptors, say): asking at once
/// again would only burn time that could free some.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

impl Stopped {
    /// So many connections were dropped.
    #[must_use]
    pub const fn new(dropped: usize) -> Self {
        Self { dropped }
    }
}

/// One broker, and the tasks that serve its connections.
///
/// All connections share the broker behind a lock that is held for one call at a time, never over an await; reading and
/// writing happen outside it. Cheap to clone: each clone is the same server.
/// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
pub struct Server<H> {
    shared: Arc<Shared>,
    host: Arc<H>,
    /// The broker's deadline has moved closer.
    earlier: Arc<Signal>,
    config: ServerConfig,
}

/// What a round of [`Server::serve`] was about.
enum Turned<I> {
    ShutDown,
    Due,
    Accepted(io::Result<(I, Peer)>),
    Other,
}

impl<H: Ambient> Server<H> {
    /// A broker of this configuration, with the program's hooks (`()` for none). Its tasks run where this is called.
    ///
    /// # Panics
    ///
    /// Outside of the runtime.
    #[must_use]
    pub fn new(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Self {
        Self::on(H::current(), broker, hooks, config)
    }
}

impl<H: Host> Server<H> {
    /// A broker of this configuration, with the program's hooks (`()` for none), whose tasks run here.
    #[must_use]
    pub fn on(host: impl Into<H>, broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Self {
        let host = Arc::new(host.into());
        let earlier = Arc::new(Signal::default());
        let runtime = host.runtime().clone();
        let runner = Arc::clone(&host);
        let outside = Outside {
            now: Box::new(move || runtime.now()),
            earlier: Waker::from(Arc::clone(&earlier)),
            spawn: Box::new(move |future| H::detach(runner.spawn(future))),
        };
        Self { shared: Shared::new(broker, hooks, outside), host, earlier, config }
    }

    /// Serves connections from these listeners until `shutdown` ends. Then it closes the listeners, has the broker close
    /// every connection with *server shutting down*, and waits for them to end, at most for the grace.
    ///
    /// It also minds the broker's clock, so it must run while the server is in use, with no listeners if need be.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops every connection that it accepted, without a word to the peer.
    pub async fn serve(&self, listeners: Vec<H::Listener>, shutdown: impl Future<Output = ()>) -> Stopped {
        let mut connections = Tasks::new();
        let mut accept_from = Timestamp::ZERO;
        let mut turn = Turn::default();
        let mut shutdown = pin!(shutdown);
        loop {
            poll_fn(|cx| turn.poll_next(cx)).await;
            let deadline = self.shared.arm();
            let mut due = pin!(sleep_until(self.host.runtime(), deadline));
            let mut accepted = pin!(self.accept(&listeners, accept_from));
            let turned = poll_fn(|cx| {
                // In this order, always, so that a simulation is the same each time. None of the first three is ready for long; what the last one stands for is seen to
                // in each round.
                if shutdown.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Turned::ShutDown);
                }
                if due.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Turned::Due);
                }
                if connections.poll_ended(cx).is_ready() {
                    return Poll::Ready(Turned::Other);
                }
                if let Poll::Ready(accepted) = accepted.as_mut().poll(cx) {
                    return Poll::Ready(Turned::Accepted(accepted));
                }
                self.earlier.poll_notified(cx).map(|()| Turned::Other)
            })
            .await;
            match turned {
                Turned::ShutDown => break,
                Turned::Due => self.shared.with(|broker, now| broker.handle_timeout(now)),
                Turned::Accepted(Ok((incoming, peer))) => self.admit(incoming, peer, &mut connections),
                Turned::Accepted(Err(error)) => {
                    self.shared.hooks.accept_failed(&error);
                    if !concerns_one_connection(&error) {
                        accept_from = self.host.runtime().now() + ACCEPT_PAUSE;
                    }
                }
                Turned::Other => {}
            }
        }
        drop(listeners);
        self.end(connections).await
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
        H::Runtime: Streams<S>,
    {
        let slot = self.shared.accept(peer, Arc::new(Signal::default()))?;
        serve::<H::Runtime, S>(slot, stream, self.config.patience).await;
        Ok(())
    }

    /// The next connection of any of the listeners.
    async fn accept(
        &self,
        listeners: &[H::Listener],
        not_before: Timestamp,
    ) -> io::Result<(H::Incoming, Peer)> {
        sleep_until(self.host.runtime(), Some(not_before)).await;
        poll_fn(|cx: &mut Context<'_>| {
            listeners
                .iter()
                .map(|listener| H::poll_accept(listener, cx))
                .find(Poll::is_ready)
                .unwrap_or(Poll::Pending)
        })
        .await
    }

    fn admit(&self, incoming: H::Incoming, peer: Peer, connections: &mut Tasks<H>) {
        match self.shared.accept(peer.clone(), Arc::new(Signal::default())) {
            Ok(mut slot) => connections.spawn(&self.host, |end| {
                slot.end = Some(end);
                H::serve(slot, incoming, peer, self.config)
            }),
            Err(AtCapacity { .. }) => self.shared.hooks.accept_failed(&full()),
        }
    }

    async fn end(&self, mut connections: Tasks<H>) -> Stopped {
        let runtime = self.host.runtime();
        self.shared.with(|broker, now| broker.shut_down(now));
        let until = runtime.now() + self.config.grace;
        let _ = timeout_at(runtime, until, connections.all_ended()).await;
        let dropped = connections.len();
        connections.abort().await;
        Stopped::new(dropped)
    }
}

impl<H> Server<H> {
    /// Publishes a message from the program itself.
    pub fn publish(&self, message: Message) {
        self.shared.with(|broker, now| broker.publish(message, now));
    }

    /// Closes a connection, with this reason if the client speaks 5.0.
    pub fn close(&self, connection: ConnectionId, reason: ReasonCode) {
        self.shared.with(|broker, now| broker.close(connection, reason, now));
    }

    /// Ends subscriptions that the program's rules, which have changed, no longer allow:
    /// [`retain_subscriptions`](mqtt_engine::Broker::retain_subscriptions). `keep` is called with the broker locked: it must not
    /// use the server.
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
}

/// Whether an error of `accept` is about the connection that was to be accepted, and not about the system.
#[must_use]
pub fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// What [`Hooks::accept_failed`] hears when the broker has no room for a connection.
#[must_use]
pub fn full() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, "the broker has as many connections as it may have")
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            host: Arc::clone(&self.host),
            earlier: Arc::clone(&self.earlier),
            config: self.config,
        }
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}
