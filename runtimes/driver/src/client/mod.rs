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

pub use connector::{Connecting, Connector, Tcp};
pub use handle::Handle;

use crate::{
    Runtime, Streams,
    io::Unread,
    time::{Turn, timeout_at},
};
use drive::Phase;
use handle::Shared;

/// A client and its connection over streams of one kind.
///
/// [`next_event`](Self::next_event) does all the work: while nobody awaits it, no byte moves. The other methods never wait,
/// and may be called between two events or, through a [`Handle`], from anywhere at any time.
///
/// Dropping the client drops the connection without a DISCONNECT, so a will is published.
pub struct Client<R: Runtime, S> {
    handle: Handle<R>,
    connector: Box<dyn FnMut() -> Connecting<S> + Send>,
    phase: Phase<S>,
    unread: Unread,
    turn: Turn,
    /// Events that happened while shutting down.
    kept: VecDeque<ClientEvent>,
    connect_timeout: Duration,
}

impl<R: Streams<<R as Runtime>::TcpStream>> Client<R, R::TcpStream> {
    /// A client of the server at `host:port` over TCP. It connects in the first call of `next_event`.
    #[must_use]
    pub fn new(address: impl Into<String>, config: ClientConfig) -> Self {
        Self::connect_with(Tcp::<R>::new(address), config)
    }
}

impl<R: Streams<S>, S> Client<R, S> {
    /// A client over transports of any kind.
    #[must_use]
    pub fn connect_with<C>(mut connector: C, config: ClientConfig) -> Self
    where
        C: Connector<Stream = S> + Send + 'static,
    {
        let connect_timeout = config.connect_timeout;
        let shared = Arc::new(Shared::new(|now| Machine::new(config, now)));
        Self {
            handle: Handle { shared },
            connector: Box::new(move || connector.connect()),
            phase: Phase::Closed,
            unread: Unread::new(),
            turn: Turn::default(),
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
        let runtime = self.handle.shared.runtime.clone();
        let until = runtime.now() + within;
        while self.pending_publishes() > 0 {
            self.keep_events();
            if timeout_at(&runtime, until, self.step()).await != Some(true) {
                break;
            }
        }
        // Of a connection that is ending already it only says that no other is to follow.
        self.disconnect(request);
        // Even if the time is over, what the transport takes without waiting is written.
        while timeout_at(&runtime, until, self.step()).await == Some(true) {}
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
    pub fn handle(&self) -> Handle<R> {
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

impl<R: Runtime, S> fmt::Debug for Client<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("handle", &self.handle)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
