//! The client as programs see it.

mod drive;
mod stream;

use core::{fmt, time::Duration};
use std::{collections::VecDeque, io, time::Instant};

use bytes::Bytes;
use mqtt_engine::{
    Client as Machine, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, PublishError,
    PublishToken, Remains, RequestError, Subscribe, SubscribeToken, Timestamp, Transport, Unsubscribe,
    UnsubscribeToken, packet::ReasonCode,
};

pub use stream::{Connector, Stream, Tcp};

use drive::Wire;

/// A client and its connection, for one thread: it has none of its own.
///
/// Bytes move in [`next_event`](Self::next_event) and [`disconnect`](Self::disconnect) only; a program that does neither
/// for longer than the keep alive loses its connection. Dropping the client drops the connection without a DISCONNECT, so
/// a will is published.
pub struct Client<C: Connector = Tcp> {
    pub(crate) machine: Machine,
    pub(crate) connector: C,
    pub(crate) wire: Wire<C::Stream>,
    pub(crate) connect_timeout: Duration,
    pub(crate) error: Option<io::Error>,
    /// Events that happened while disconnecting.
    kept: VecDeque<ClientEvent>,
    epoch: Instant,
}

/// Nothing will happen any more: the program disconnected, or no reconnection is wanted. [`Client::connect`] begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say about it")]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is disconnected and does not connect again by itself")
    }
}

impl core::error::Error for Ended {}

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
        let connect_timeout = config.connect_timeout;
        Self {
            machine: Machine::new(config, Timestamp::ZERO),
            connector,
            wire: Wire::default(),
            connect_timeout,
            error: None,
            kept: VecDeque::new(),
            epoch: Instant::now(),
        }
    }

    /// Moves bytes until something happened, at most for `timeout` (and however long opening a transport takes); `None` if
    /// nothing did. With a timeout of zero it does what can be done without waiting.
    ///
    /// # Errors
    ///
    /// [`Ended`]: nothing will happen until [`connect`](Self::connect).
    pub fn next_event(&mut self, timeout: Duration) -> Result<Option<ClientEvent>, Ended> {
        let until = self.now() + timeout;
        let mut last_round = false;
        if let Some(event) = self.kept.pop_front() {
            return Ok(Some(event));
        }
        loop {
            // Taking a message queues its acknowledgement, so all events go before the next write.
            if let Some(event) = self.machine.poll_event() {
                return Ok(Some(event));
            }
            if self.machine.transport() == Transport::None {
                return Err(Ended);
            }
            if last_round {
                return Ok(None);
            }
            last_round = self.now() >= until;
            self.step(until);
        }
    }

    /// Waits for the fate of every published message, says good-bye and closes the connection, within a time; tells what
    /// was not done by then. Events that happen meanwhile are kept for [`next_event`](Self::next_event).
    pub fn disconnect(&mut self, request: Disconnect, within: Duration) -> Remains {
        let until = self.now() + within;
        while self.pending_publishes() > 0
            && self.now() < until
            && self.machine.transport() != Transport::None
        {
            self.keep_events();
            self.step(until);
        }
        // Of a connection that is ending already it only says that no other is to follow.
        let now = self.now();
        self.machine.disconnect(request, now);
        while self.machine.transport() != Transport::None && self.now() < until {
            self.step(until);
        }
        self.abandon()
    }

    /// Publishes a message: in a coming `next_event`, when the connection and the flow control allow. The fate of a QoS 1
    /// or 2 message comes as [`Published`](ClientEvent::Published) with the same token.
    ///
    /// # Errors
    ///
    /// Gives the message back with the reason; after `Blocked` wait for [`Writable`](ClientEvent::Writable).
    pub fn publish(&mut self, message: Message) -> Result<PublishToken, PublishError> {
        let now = self.now();
        self.machine.publish(message, now)
    }

    /// Subscribes; the answer comes as [`Subscribed`](ClientEvent::Subscribed).
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn subscribe(&mut self, request: Subscribe) -> Result<SubscribeToken, RequestError> {
        let now = self.now();
        self.machine.subscribe(request, now)
    }

    /// Unsubscribes; the answer comes as [`Unsubscribed`](ClientEvent::Unsubscribed).
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn unsubscribe(&mut self, request: Unsubscribe) -> Result<UnsubscribeToken, RequestError> {
        let now = self.now();
        self.machine.unsubscribe(request, now)
    }

    /// Acknowledges a received message; needed in [`Manual`](mqtt_engine::Acknowledgement::Manual) mode only.
    pub fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode) {
        let now = self.now();
        self.machine.acknowledge(delivery, reason, now);
    }

    /// Answers [`Authentication`](ClientEvent::Authentication).
    pub fn authenticate(&mut self, data: Option<Bytes>) {
        let now = self.now();
        self.machine.authenticate(data, now);
    }

    /// Starts the enhanced authentication again on the live connection (5.0 section 4.12.1).
    pub fn reauthenticate(&mut self, data: Option<Bytes>) {
        let now = self.now();
        self.machine.reauthenticate(data, now);
    }

    /// Wants a connection (again): after `disconnect`, with [`Reconnect::Never`](mqtt_engine::Reconnect::Never), or to cut
    /// a back-off short.
    pub fn connect(&mut self) {
        let now = self.now();
        self.machine.connect(now);
    }

    /// How many published messages have no fate yet, of QoS 0: are not on their way yet.
    #[must_use]
    pub fn pending_publishes(&self) -> usize {
        self.machine.pending_publishes()
    }

    /// Whether the server has accepted the connection, and it has not ended.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.is_connected()
    }

    /// Why the last transport could not be opened, or failed; once. The event
    /// [`TransportClosed`](mqtt_engine::DisconnectReason::TransportClosed) does not know.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Takes events: publishes flow only once `Connected` was taken. But no more than one message, because taking it
    /// acknowledges it, and perhaps nobody will ask for it.
    fn keep_events(&mut self) {
        while !matches!(self.kept.back(), Some(ClientEvent::Received { .. })) {
            let Some(event) = self.machine.poll_event() else { return };
            self.kept.push_back(event);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }
}

impl<C: Connector> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("machine", &self.machine).finish_non_exhaustive()
    }
}
