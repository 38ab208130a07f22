//! The client.

mod connector;
mod drive;
mod handle;

use core::{fmt, time::Duration};
use std::{collections::VecDeque, io, sync::Arc};

use bytes::Bytes;
use mqtt_engine::{
    Client as Machine, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, PublishError,
    PublishToken, Remains, RequestError, Subscribe, SubscribeToken, Unsubscribe, UnsubscribeToken,
    packet::ReasonCode,
};
use tokio::time::{Instant, timeout_at};

pub use connector::{Connecting, Connector, Tcp};
pub use handle::Handle;

use crate::{clock::Clock, io::Unread};
use drive::Phase;
use handle::Shared;

/// A client and its connection.
///
/// [`next_event`](Self::next_event) does all the work: while nobody awaits it, no byte moves. The other methods never wait,
/// and may be called between two events or, through a [`Handle`], from anywhere at any time.
///
/// Dropping the client drops the connection without a DISCONNECT, so a will is published.
pub struct Client<C: Connector = Tcp> {
    handle: Handle,
    connector: C,
    phase: Phase<C::Stream>,
    unread: Unread,
    /// Events that happened while shutting down.
    kept: VecDeque<ClientEvent>,
    connect_timeout: Duration,
}

impl Client<Tcp> {
    /// A client of the server at `host:port` over TCP. It connects in the first call of `next_event`.
    #[must_use]
    pub fn new(address: impl Into<String>, config: ClientConfig) -> Self {
        Self::connect_with(Tcp::new(address), config)
    }
}

impl<C: Connector> Client<C> {
    /// A client over transports of any kind.
    #[must_use]
    pub fn connect_with(connector: C, config: ClientConfig) -> Self {
        let clock = Clock::new();
        let connect_timeout = config.connect_timeout;
        let shared = Arc::new(Shared::new(Machine::new(config, clock.now()), clock));
        Self {
            handle: Handle { shared },
            connector,
            phase: Phase::Closed,
            unread: Unread::new(),
            kept: VecDeque::new(),
            connect_timeout,
        }
    }

    /// Drives the client until something happened. `None`: nothing will happen any more until
    /// [`connect`](Self::connect) is called, because the program disconnected or no reconnection is wanted.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel-safe: half-written packets, half-read ones, an attempt to connect and events all live in the
    /// client, so the future may be dropped at any await point, and the next call goes on.
    pub async fn next_event(&mut self) -> Option<ClientEvent> {
        if let Some(event) = self.kept.pop_front() {
            return Some(event);
        }
        loop {
            // Taking a message queues its acknowledgement, so all events go before the next write.
            if let Some(event) = self.handle.shared.machine().poll_event() {
                return Some(event);
            }
            if !self.step().await {
                return None;
            }
        }
    }

    /// Waits for the fate of every published message, says good-bye and closes the connection, within a time; tells what
    /// was not done by then. Events that happen meanwhile are kept for [`next_event`](Self::next_event).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel-safe: called again, it goes on.
    pub async fn shut_down(&mut self, request: Disconnect, within: Duration) -> Remains {
        let until = Instant::now() + within;
        while self.pending_publishes() > 0 {
            self.keep_events();
            if !matches!(timeout_at(until, self.step()).await, Ok(true)) {
                break;
            }
        }
        // Of a connection that is ending already it only says that no other is to follow.
        self.disconnect(request);
        // Even if the time is over, what the transport takes without waiting is written.
        while let Ok(true) = timeout_at(until, self.step()).await {}
        self.abandon()
    }

    /// Takes events: publishes flow only once `Connected` was taken. But no more than one message, because taking it
    /// acknowledges it, and perhaps nobody will ask for it.
    fn keep_events(&mut self) {
        while !matches!(self.kept.back(), Some(ClientEvent::Received { .. })) {
            let Some(event) = self.handle.shared.machine().poll_event() else { return };
            self.kept.push_back(event);
        }
    }

    /// A handle, to use the client from anywhere while `next_event` runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// See [`Handle::publish`].
    ///
    /// # Errors
    ///
    /// Gives the message back with the reason.
    pub fn publish(&self, message: Message) -> Result<PublishToken, PublishError> {
        self.handle.publish(message)
    }

    /// See [`Handle::subscribe`].
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn subscribe(&self, request: Subscribe) -> Result<SubscribeToken, RequestError> {
        self.handle.subscribe(request)
    }

    /// See [`Handle::unsubscribe`].
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn unsubscribe(&self, request: Unsubscribe) -> Result<UnsubscribeToken, RequestError> {
        self.handle.unsubscribe(request)
    }

    /// See [`Handle::acknowledge`].
    pub fn acknowledge(&self, delivery: DeliveryToken, reason: ReasonCode) {
        self.handle.acknowledge(delivery, reason);
    }

    /// See [`Handle::authenticate`].
    pub fn authenticate(&self, data: Option<Bytes>) {
        self.handle.authenticate(data);
    }

    /// See [`Handle::reauthenticate`].
    pub fn reauthenticate(&self, data: Option<Bytes>) {
        self.handle.reauthenticate(data);
    }

    /// See [`Handle::connect`].
    pub fn connect(&self) {
        self.handle.connect();
    }

    /// See [`Handle::disconnect`].
    pub fn disconnect(&self, request: Disconnect) {
        self.handle.disconnect(request);
    }

    /// See [`Handle::pending_publishes`].
    #[must_use]
    pub fn pending_publishes(&self) -> usize {
        self.handle.pending_publishes()
    }

    /// See [`Handle::is_connected`].
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.is_connected()
    }

    /// See [`Handle::take_error`].
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.handle.take_error()
    }
}

impl<C: Connector> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("handle", &self.handle)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
