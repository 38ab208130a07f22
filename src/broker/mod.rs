//! A whole MQTT server without its transports: connections, sessions, subscriptions, retained messages and wills.

mod admission;
mod authentication;
mod config;
mod departure;
mod event;
mod filters;
mod pacing;
mod questions;
mod requests;
mod retained;
mod routing;
mod sessions;
mod shared;
mod slab;
mod standing;
mod subscriptions;
mod timers;
mod tree;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use bytes::{Buf, Bytes};

pub use config::BrokerConfig;
pub use event::{Answer, AtCapacity, BrokerEvent, ConnectionId, Question, QuestionId, Statistics};
pub use timers::DeadlineReason;

use self::{
    questions::Asked,
    retained::Retained,
    routing::Publisher,
    sessions::{SessionKey, Sessions},
    slab::{Key, Slab},
    subscriptions::{Route, Subscriptions},
    timers::{Timer, Timers},
};
use crate::{
    ConnectRequest, Connection, ConnectionEvent, Dismissal, Message, Outbox, Timestamp, Transport,
    connection::Scratch, packet::ReasonCode,
};

/// A whole MQTT server as a state machine, for 3.1.1 and 5.0 at once.
///
/// The program accepts transports and moves their bytes; everything else happens in here. A call about one connection may
/// change others: [`poll_ready`](Self::poll_ready) names those.
///
/// What is done where the specifications leave a choice:
///
/// - A message that matches several subscriptions of a client is sent once, with the highest QoS granted and, in 5.0, the
///   identifiers of all of them.
/// - Clients may not publish to `$SYS`: the message is dropped, and acknowledged with 0x87 (in 3.1.1 as usual). Other topics
///   that start with `$` are ordinary ones, which wildcards at the first level do not match.
/// - A message that the program refuses is acknowledged with the code given (in 3.1.1 as usual) and dropped.
/// - A QoS 1 or 2 message for a subscriber that reads too slowly is acknowledged when its queue is half empty again, or when
///   [`subscriber_patience`](BrokerConfig::subscriber_patience) is over: publishers wait for slow subscribers, not for stuck ones.
/// - Of a queue without room the oldest QoS 0 messages are dropped for QoS 1 and 2 ones, otherwise the new message.
/// - A message for a shared subscription goes to one member: the next in turn among the connected ones whose queues are at most
///   half full, else among the connected ones with any room, else among those that are away and have room. What was never sent to a member goes to a connected one when its
///   client goes away or unsubscribes; when its session ends, everything does but QoS 2 messages that were sent. A session that
///   has the same filter shared and for itself gets a copy for each.
/// - `$share/name/filter` means the same for 3.1.1 clients, whose specification leaves topics with `$` to the server (section
///   4.7.2). A malformed one ends the connection of a 5.0 client (0x8F), as any malformed filter does; older clients are refused it.
///   The name does not keep anybody from publishing to such topics.
/// - A retained message outlives the rights of its publisher, and a subscription those of its client, until
///   [`revoke_retained`](Self::revoke_retained) and [`retain_subscriptions`](Self::retain_subscriptions).
/// - Wills of connections that [`shut_down`](Self::shut_down) closes are not published.
#[derive(Debug)]
pub struct Broker {
    config: BrokerConfig,
    now: Timestamp,
    connections: Slab<Peer>,
    ready: VecDeque<Key>,
    sessions: Sessions,
    subscriptions: Subscriptions,
    retained: Retained,
    timers: Timers,
    questions: BTreeMap<QuestionId, Asked>,
    next_question: u64,
    /// The number in the next name that is given to a client.
    next_client: u64,
    events: VecDeque<BrokerEvent>,
    /// Memory for what a connection reads, used again and again.
    scratch: Scratch,
    /// That of the last message.
    route: Route,
    /// A receiver of the last message whose queue is more than half full.
    pressed: Option<SessionKey>,
    is_shutting_down: bool,
    counted: Statistics,
}

/// A connection and what the broker keeps about it.
#[derive(Debug)]
struct Peer {
    connection: Connection,
    /// From CONNACK to the end.
    session: Option<SessionKey>,
    /// What a client asked for that is asked for another step of its authentication.
    handshake: Option<Box<ConnectRequest>>,
    /// The last word of its authentication, for CONNACK.
    authentication_data: Option<Bytes>,
    /// What its further packets wait for.
    question: Option<QuestionId>,
    is_ready: bool,
    /// What `poll_ready` has told last.
    wish: (Transport, bool),
    /// Where its timer stands.
    timer: Option<Timestamp>,
}

impl Broker {
    /// A broker without connections.
    #[must_use]
    pub fn new(config: BrokerConfig, now: Timestamp) -> Self {
        Self {
            now,
            connections: Slab::new(),
            ready: VecDeque::new(),
            sessions: Sessions::new(),
            subscriptions: Subscriptions::new(),
            retained: Retained::new(config.retained_count, config.retained_bytes),
            timers: Timers::default(),
            questions: BTreeMap::new(),
            next_question: 0,
            next_client: 0,
            events: VecDeque::new(),
            scratch: Scratch::default(),
            route: Route::default(),
            pressed: None,
            is_shutting_down: false,
            counted: Statistics::default(),
            config: config.for_broker(),
        }
    }

    /// Takes a transport that a client has opened.
    ///
    /// # Errors
    ///
    /// The configured number of connections is reached, or the broker is shutting down: close the transport.
    pub fn accept(&mut self, now: Timestamp) -> Result<ConnectionId, AtCapacity> {
        self.pass(now);
        if self.is_shutting_down || self.connections.len() >= self.config.connection_count {
            return Err(AtCapacity);
        }
        let connection = Connection::new(self.config.connection, self.now);
        let wish = (connection.transport(), connection.wants_input());
        let peer = Peer {
            connection,
            session: None,
            handshake: None,
            authentication_data: None,
            question: None,
            is_ready: false,
            wish,
            timer: None,
        };
        let key = self.connections.insert(peer).ok_or(AtCapacity)?;
        self.refresh(key);
        Ok(ConnectionId(key))
    }

    /// The next connection whose outbox, appetite or wish may have changed. Each waits here at most once.
    pub fn poll_ready(&mut self) -> Option<ConnectionId> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(peer) = self.connections.get_mut(key) {
                peer.is_ready = false;
                return Some(ConnectionId(key));
            }
        }
        None
    }

    /// Takes bytes from a client: all of them, unless its input pauses meanwhile ([`wants_input`](Self::wants_input)).
    /// Bytes of a connection that has ended are forgotten.
    pub fn receive(&mut self, id: ConnectionId, input: &mut impl Buf, now: Timestamp) {
        self.pass(now);
        while let Some(peer) = self.connections.get_mut(id.0) {
            // It stops behind each request.
            peer.connection.swap_scratch(&mut self.scratch);
            peer.connection.take_in(input, self.now);
            self.drain(id.0);
            if let Some(peer) = self.connections.get_mut(id.0) {
                peer.connection.swap_scratch(&mut self.scratch);
            }
            if !input.has_remaining() || !self.wants_input(id) {
                break;
            }
        }
        if !matches!(self.transport(id), Transport::Keep) {
            input.advance(input.remaining());
        }
    }

    /// Bytes for a client, refilled from its session's queue: call it again until it is empty. `None` for an unknown id.
    pub fn outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        if let Some(session) = self.connections.get(id.0)?.session {
            self.replay_retained(session);
            self.connections.get_mut(id.0)?.connection.fill(self.now);
            self.release_if_relieved(session);
        }
        self.connections.get_mut(id.0).map(|peer| peer.connection.outbox())
    }

    /// The same, taken out in constant time, to be written outside of a lock. Empty for an unknown id.
    ///
    /// What was taken counts no longer as waiting: take more only when it is written, else a client that never reads has no
    /// bound.
    pub fn take_outbox(&mut self, id: ConnectionId) -> Outbox {
        let taken = self.outbox(id).map_or_else(Outbox::new, Outbox::take);
        if !taken.is_empty() {
            // An outbox that was full of answers had stopped the input.
            self.refresh(id.0);
        }
        taken
    }

    /// What is wanted of a connection's transport: keep it, flush and close it, or (for an unknown id) nothing.
    #[must_use]
    pub fn transport(&self, id: ConnectionId) -> Transport {
        self.connections.get(id.0).map_or(Transport::None, |peer| peer.connection.transport())
    }

    /// The transport is gone. The id is unknown from now on.
    pub fn transport_closed(&mut self, id: ConnectionId, now: Timestamp) {
        self.pass(now);
        let Some(peer) = self.connections.get_mut(id.0) else { return };
        peer.connection.transport_closed(self.now);
        self.drain(id.0);
        if let Some(peer) = self.connections.remove(id.0) {
            self.timers.remove(Timer::Connection(id.0), peer.timer);
        }
    }

    /// Whether [`receive`](Self::receive) takes bytes of this connection now: not while a question about it is open, nor while
    /// its outbox is full of answers.
    #[must_use]
    pub fn wants_input(&self, id: ConnectionId) -> bool {
        self.connections.get(id.0).is_some_and(|peer| peer.connection.wants_input())
    }

    /// Publishes a message of the embedding program; to any topic, and without a question.
    pub fn publish(&mut self, message: Message, now: Timestamp) {
        self.pass(now);
        self.accept_message(&message, Publisher::Program);
    }

    /// Ends a connection. A 5.0 client is told the reason, with words and another server to use if the [`Dismissal`] has them; its
    /// will is published.
    pub fn close(&mut self, id: ConnectionId, dismissal: impl Into<Dismissal>, now: Timestamp) {
        self.pass(now);
        self.close_connection(id.0, dismissal);
    }

    /// Closes all connections with 0x8B (*server shutting down*) and accepts none any more. Sessions stay; wills are not
    /// published. Takes time in proportion to the connections.
    pub fn shut_down(&mut self, now: Timestamp) {
        self.pass(now);
        self.is_shutting_down = true;
        let all: Vec<Key> = self.connections.keys().collect();
        for key in all {
            if let Some(session) = self.session_of(key) {
                session.will = None;
            }
            self.close_connection(key, ReasonCode::ServerShuttingDown);
        }
    }

    /// Answers a question. One that is not open any more, since its connection has ended say, is ignored.
    pub fn answer(&mut self, question: QuestionId, answer: Answer, now: Timestamp) {
        self.pass(now);
        self.answered(question, answer);
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.events.pop_front()
    }

    /// Lets time pass. Early and late calls do no harm. Takes time in proportion to what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.pass(now);
    }

    /// How much there is, and what was counted.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            subscriptions: self.subscriptions.count(),
            retained: self.retained.count(),
            retained_bytes: self.retained.bytes(),
            ..self.counted
        }
    }

    /// Lets time pass to `now`, and ends what is due.
    fn pass(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.retained.expire(self.now);
        while let Some(timer) = self.timers.due(self.now) {
            match timer {
                Timer::Connection(key) => {
                    let Some(peer) = self.connections.get_mut(key) else { continue };
                    peer.timer = None;
                    peer.connection.handle_timeout(self.now);
                    self.drain(key);
                }
                Timer::Session(key) => self.session_timeout(SessionKey(key)),
                Timer::Pressure(key) => self.give_up_on(SessionKey(key)),
            }
        }
    }

    /// Handles what a connection has to tell, and notes what that changed about it.
    fn drain(&mut self, key: Key) {
        while let Some(event) = self.connections.get_mut(key).and_then(|peer| peer.connection.poll_event()) {
            match event {
                ConnectionEvent::Connect(request) => self.connect(key, request),
                ConnectionEvent::Publish { token, message, .. } => self.publish_request(key, token, message),
                ConnectionEvent::Subscribe { token, filters, identifier, .. } => {
                    self.subscribe_request(key, token, filters, identifier);
                }
                ConnectionEvent::Unsubscribe { token, filters } => {
                    self.unsubscribe_request(key, token, &filters)
                }
                ConnectionEvent::Authentication { data, .. } => self.authentication_step(key, data),
                ConnectionEvent::Disconnected { cause } => self.disconnected(key, cause),
            }
        }
        self.refresh(key);
    }

    /// Brings a connection's outbox, its timer and its place among the ready ones up to date.
    fn refresh(&mut self, key: Key) {
        let Some(peer) = self.connections.get_mut(key) else { return };
        peer.connection.fill(self.now);
        let session = peer.session;
        // What is held and what is retained moves when the outbox is looked at, so that it makes no difference how input was cut.
        let is_due = session.is_some_and(|key| self.has_waiting(key));
        let Some(peer) = self.connections.get_mut(key) else { return };
        peer.advance_timer(key, &mut self.timers);
        let wish = (peer.connection.transport(), peer.connection.wants_input());
        if peer.connection.has_output() || is_due || wish != peer.wish {
            peer.wish = wish;
            peer.mark_ready(key, &mut self.ready);
        }
    }

    fn close_connection(&mut self, key: Key, dismissal: impl Into<Dismissal>) {
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.close(dismissal, self.now);
            self.drain(key);
        }
    }

    /// Tells the program something; what finds no room is only counted.
    fn tell(&mut self, event: BrokerEvent) {
        if self.events.len() < self.config.events || matches!(event, BrokerEvent::Question { .. }) {
            self.events.push_back(event);
        } else {
            self.counted.lost_events += 1;
        }
    }
}

impl Peer {
    fn advance_timer(&mut self, key: Key, timers: &mut Timers) {
        self.timer = timers.advance(Timer::Connection(key), self.timer, self.connection.deadline());
    }

    fn mark_ready(&mut self, key: Key, ready: &mut VecDeque<Key>) {
        if !self.is_ready {
            self.is_ready = true;
            ready.push_back(key);
        }
    }
}
