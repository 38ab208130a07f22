//! What any task may ask of a client.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use mqtt_engine::{
    Client as Machine, DeliveryToken, Disconnect, Message, PublishError, PublishToken, RequestError,
    Subscribe, SubscribeToken, Timestamp, Unsubscribe, UnsubscribeToken, packet::ReasonCode,
};

use crate::{Runtime, Signal};

/// Publishes, subscribes and so on, from any task or thread, while [`Client::next_event`](super::Client::next_event) runs.
///
/// No method waits, so the task that handles received messages may use it too. Bytes move while somebody awaits
/// `next_event` (or `shut_down`). Cheap to clone; dropping it does nothing.
#[derive(Clone, Debug)]
pub struct Handle<R: Runtime> {
    pub(super) shared: Arc<Shared<R>>,
}

#[derive(Debug)]
pub(super) struct Shared<R> {
    machine: Mutex<Machine>,
    /// Tells the driver to look at the machine again.
    pub(super) changed: Signal,
    pub(super) runtime: R,
    /// Why the last transport failed.
    error: Mutex<Option<io::Error>>,
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(make: impl FnOnce(Timestamp) -> Machine) -> Self {
        let runtime = R::default();
        let machine = Mutex::new(make(runtime.now()));
        Self { machine, changed: Signal::default(), runtime, error: Mutex::new(None) }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    /// The machine, for as long as a call to it takes; never held over an await.
    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_error(&self, error: Option<io::Error>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

impl<R: Runtime> Handle<R> {
    /// Publishes a message: at once, or when the connection and the flow control allow. The fate of a QoS 1 or 2 message
    /// comes as [`Published`](mqtt_engine::ClientEvent::Published) with the same token.
    ///
    /// # Errors
    ///
    /// Gives the message back with the reason; after `Blocked` wait for [`Writable`](mqtt_engine::ClientEvent::Writable).
    pub fn publish(&self, message: Message) -> Result<PublishToken, PublishError> {
        let token = self.shared.machine().publish(message, self.shared.now());
        self.shared.changed.notify();
        token
    }

    /// Subscribes; the answer comes as [`Subscribed`](mqtt_engine::ClientEvent::Subscribed).
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn subscribe(&self, request: Subscribe) -> Result<SubscribeToken, RequestError> {
        let token = self.shared.machine().subscribe(request, self.shared.now());
        self.shared.changed.notify();
        token
    }

    /// Unsubscribes; the answer comes as [`Unsubscribed`](mqtt_engine::ClientEvent::Unsubscribed).
    ///
    /// # Errors
    ///
    /// Says why the request was not taken.
    pub fn unsubscribe(&self, request: Unsubscribe) -> Result<UnsubscribeToken, RequestError> {
        let token = self.shared.machine().unsubscribe(request, self.shared.now());
        self.shared.changed.notify();
        token
    }

    /// Acknowledges a received message; needed in [`Manual`](mqtt_engine::Acknowledgement::Manual) mode only.
    pub fn acknowledge(&self, delivery: DeliveryToken, reason: ReasonCode) {
        self.shared.machine().acknowledge(delivery, reason, self.shared.now());
        self.shared.changed.notify();
    }

    /// Answers [`Authentication`](mqtt_engine::ClientEvent::Authentication).
    pub fn authenticate(&self, data: Option<Bytes>) {
        self.shared.machine().authenticate(data, self.shared.now());
        self.shared.changed.notify();
    }

    /// Starts the enhanced authentication again on the live connection (5.0 section 4.12.1).
    pub fn reauthenticate(&self, data: Option<Bytes>) {
        self.shared.machine().reauthenticate(data, self.shared.now());
        self.shared.changed.notify();
    }

    /// Wants a connection (again): after a `disconnect`, with [`Reconnect::Never`](mqtt_engine::Reconnect::Never), or to
    /// cut a back-off short.
    pub fn connect(&self) {
        self.shared.machine().connect(self.shared.now());
        self.shared.changed.notify();
    }

    /// Says good-bye behind what is in the outbox already, and wants no connection any more. To wait for unfinished
    /// messages first, use [`Client::shut_down`](super::Client::shut_down).
    pub fn disconnect(&self, request: Disconnect) {
        self.shared.machine().disconnect(request, self.shared.now());
        self.shared.changed.notify();
    }

    /// How many published messages have no fate yet, of QoS 0: are not on their way yet.
    #[must_use]
    pub fn pending_publishes(&self) -> usize {
        self.shared.machine().pending_publishes()
    }

    /// Whether the server has accepted the connection, and it has not ended.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.machine().is_connected()
    }

    /// Why the last transport could not be opened, or failed; once. The event
    /// [`TransportClosed`](mqtt_engine::DisconnectReason::TransportClosed) does not know.
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
