//! The client: one session and at most one connection.
//!
//! One file per concern, each an `impl Client` block: [`handshake`](self) makes a connection, `input` takes packets,
//! `publishing` and `requests` send, `timers` watches the clock, `reconnect` decides what follows a connection.

mod backoff;
mod config;
mod event;
mod handshake;
mod input;
mod publishing;
mod reconnect;
mod requests;
mod timers;

use alloc::{collections::VecDeque, string::String};

use bytes::Buf;

pub use config::{Acknowledgement, Authentication, ClientConfig, Oversize, Profile, Reconnect};
pub use event::{
    ClientEvent, Connected, DeliveryToken, Deviation, Disconnect, DisconnectReason, PublishError,
    PublishToken, Remains, RequestError, ServerLimits, ServerWords, Subscribe, SubscribeToken, Subscription,
    Unsubscribe, UnsubscribeToken,
};

use self::{
    backoff::Backoff,
    handshake::{Hold, Wire},
    requests::Requests,
};
use crate::{
    Outbox, QoS, Text, Timestamp, TopicFilter, Transport,
    framing::feed,
    packet::ReasonCode,
    session::{Fate, QueueLimits, Session},
    sorted::SortedMap,
};

/// An MQTT client as a state machine: one session, and at most one connection at a time.
///
/// It has no socket, no clock and no thread. Its driver opens a transport when [`transport`](Self::transport) asks for
/// it, hands arriving bytes to [`receive`](Self::receive), writes what stands in [`outbox`](Self::outbox), takes events
/// from [`poll_event`](Self::poll_event) and calls [`handle_timeout`](Self::handle_timeout) at
/// [`deadline`](Self::deadline). The order is free; the natural one is: input, events, output, sleep.
///
/// # The contract
///
/// 1. Every call that takes `now` first lets time pass to `now`; time that runs backwards stands still.
/// 2. Any call may be made at any moment, in any order, any number of times; nothing panics on what a peer sends.
/// 3. After any call there may be events to poll, bytes in the outbox, a new deadline and a new wish about the transport;
///    looking is cheap and never wrong.
/// 4. A peer's fault and the network's end are one event, [`Disconnected`](ClientEvent::Disconnected), after which the
///    outbox holds the last bytes worth sending; a `Result` is about the call itself, its argument or room for it.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    /// The latest moment that any call named.
    now: Timestamp,
    phase: Phase,
    /// What lives with one connection; replaced whole.
    wire: Wire,
    outbox: Outbox,
    session: Session,
    /// Whether `session` is one that a server had, so that it may be resumed.
    has_session: bool,
    /// The client identifier that a server gave, if ours is empty.
    assigned_client_id: Option<Text>,
    /// Whether a connection was ever made: Clean Start of 5.0 is for the first one only.
    was_connected: bool,
    /// Whether the server holds a session that we have no part of, to be dropped with the next connection.
    starts_clean: bool,
    requests: Requests,
    /// What the server granted, to be asked for again when it loses the session.
    subscriptions: SortedMap<TopicFilter, (Subscription, Option<u32>)>,
    next_token: u64,
    fates: VecDeque<Fate>,
    events: VecDeque<ClientEvent>,
    /// What `events` cost.
    event_bytes: usize,
    /// The cost of the smallest message that was refused for want of room.
    blocked: Option<usize>,
    backoff: Backoff,
    /// How many connections in a row ended with a packet above the limit.
    oversize_ends: u8,
}

/// Where the client stands with its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No transport wanted.
    Idle,
    /// A transport is wanted.
    Waiting { not_before: Timestamp },
    /// CONNECT was sent.
    Connecting,
    /// CONNACK accepted us.
    Connected,
    /// The last bytes go out; then the phase after it.
    Closing { then: Afterwards },
}

/// What follows a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    /// Nothing, until the program asks.
    Rest,
    /// Another attempt, for which the program asked.
    AtOnce,
    /// Another attempt after the usual delay.
    Retry,
    /// Another attempt after the longest delay.
    RetryLate,
}

impl Client {
    /// A client that wants a connection at once.
    #[must_use]
    pub fn new(config: ClientConfig, now: Timestamp) -> Self {
        let limits = QueueLimits { count: config.queue_count.max(1), bytes: config.queue_bytes };
        Self {
            now,
            phase: Phase::Waiting { not_before: now },
            wire: Wire::new(&config, now),
            outbox: Outbox::new(),
            session: Session::new(limits),
            has_session: false,
            assigned_client_id: None,
            was_connected: false,
            starts_clean: false,
            requests: Requests::default(),
            subscriptions: SortedMap::new(),
            next_token: 0,
            fates: VecDeque::new(),
            events: VecDeque::new(),
            event_bytes: 0,
            blocked: None,
            backoff: Backoff::new(config.reconnect, config.seed),
            oversize_ends: 0,
            config,
        }
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Whether the server accepted the connection and it has not ended.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// How many published messages wait for their first transmission or their fate. At 0 a program has nothing to wait for.
    #[must_use]
    pub fn pending_publishes(&self) -> usize {
        self.session.load().0
    }

    /// What is not done yet: for an adapter that says good-bye within a time and, before it gives the transport up, tells what
    /// will be missing.
    #[must_use]
    pub fn remains(&self) -> Remains {
        Remains { publishes: self.pending_publishes(), bytes: self.outbox.remaining() }
    }

    /// What the machine wants of its transport.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.phase {
            Phase::Idle => Transport::None,
            Phase::Waiting { not_before } => Transport::Open { not_before },
            Phase::Connecting | Phase::Connected => Transport::Keep,
            Phase::Closing { .. } => Transport::FlushThenClose,
        }
    }

    /// Whether bytes from the server would be taken now. `false` while too much waits in unpolled events, or too many answers
    /// in an outbox that the server does not read: the transport is then best left unread, so that the server feels it.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match self.phase {
            // CONNACK is awaited with a time-out, and nothing comes with it that could pile up.
            Phase::Connecting => true,
            Phase::Connected => !self.is_pausing(),
            Phase::Idle | Phase::Waiting { .. } | Phase::Closing { .. } => false,
        }
    }

    /// Takes bytes that arrived. All of `input` is taken unless the machine is pausing (see
    /// [`wants_input`](Self::wants_input)); cutting the stream anywhere changes neither events nor output.
    ///
    /// A `&[u8]` is copied where bytes must be kept; large messages in a `Bytes` or `BytesMut` are shared.
    pub fn receive(&mut self, input: &mut impl Buf, now: Timestamp) {
        if input.has_remaining() {
            // Bytes that are here prove the peer alive, however late the driver comes with them.
            self.wire.last_received = self.wire.last_received.max(now);
        }
        self.pass(now);
        feed(self, input, self.now);
        self.settle();
    }

    /// Bytes for the server. Filled up from the queue at this call, so it is worth another look after each write.
    pub fn outbox(&mut self) -> &mut Outbox {
        self.end_hold();
        self.settle();
        &mut self.outbox
    }

    /// The next event, if any. Taking a received message acknowledges it, unless the program does so itself
    /// ([`Acknowledgement::Manual`]); so poll events before writing the outbox.
    ///
    /// After [`Connected`] without a session that was there before, queued messages wait for the next call of this method or of
    /// [`outbox`](Self::outbox): what the program subscribes to until then goes out before them.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        let mut is_settled = !self.end_hold() && self.wire.settled_taken == self.outbox.taken();
        let event = self.events.pop_front()?;
        self.event_bytes -= event.cost();
        if let ClientEvent::Received { token, message, .. } = &event {
            if message.qos > QoS::AtMostOnce && self.config.acknowledgement == Acknowledgement::Automatic {
                // [MQTT-4.5.0-2] (both versions)
                self.acknowledge_now(token.0, ReasonCode::Success);
                is_settled = false;
            }
        } else if let ClientEvent::Connected(_) = &event
            && self.wire.hold == Hold::UntilTold
            // Unless it is that of a former connection.
            && !self.events.iter().any(|next| matches!(next, ClientEvent::Connected(_)))
        {
            self.wire.hold = Hold::UntilAnswered;
        }
        if !is_settled {
            self.settle();
        }
        Some(event)
    }

    /// If the program has heard that the session was lost, it did what it wanted to do first; whether that ends a wait.
    fn end_hold(&mut self) -> bool {
        let ends = self.wire.hold == Hold::UntilAnswered;
        if ends {
            self.wire.hold = Hold::Nothing;
        }
        ends
    }

    /// Acknowledges a received message; only needed with [`Acknowledgement::Manual`]. A reason of 0x80 or more refuses it in
    /// 5.0 (sections 3.4.2.1 and 3.5.2.1); a code that is not for these packets goes out as an unspecified error, or as success
    /// below 0x80. 3.1.1 has no refusal. Of no effect on a message that was acknowledged before or
    /// that a former connection left unacknowledged: the server sends that again.
    pub fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode, now: Timestamp) {
        self.pass(now);
        self.acknowledge_now(delivery.0, reason);
        self.settle();
    }

    fn acknowledge_now(&mut self, token: u64, reason: ReasonCode) {
        let link = if self.is_connected() { Some(&mut self.wire.link) } else { None };
        self.session.acknowledge(token, reason, link, &mut self.outbox);
    }

    /// Puts in order what follows from a change: what is due goes to the outbox, fates become events, and the time of
    /// sending is noted.
    /// [MQTT-3.1.2-30] (5.0)
    fn settle(&mut self) {
        if self.is_connected() {
            self.send_requests();
        }
        if self.transmits() {
            self.session.transmit(&mut self.wire.link, &mut self.outbox, self.now, &mut self.fates);
        }
        if !self.fates.is_empty() || self.blocked.is_some() {
            self.tell_fates();
        }
        self.wire.link.note_taken(&self.outbox);
        self.wire.settled_taken = self.outbox.taken();
        self.wire.was_paused |= self.is_program_slow();
        let position = self.outbox.position();
        if self.wire.sent_position != position {
            self.wire.sent_position = position;
            self.wire.last_sent = self.now;
        }
    }

    /// Tells what became of messages, and whether there is room for others.
    #[inline(never)]
    fn tell_fates(&mut self) {
        while let Some(Fate { token, outcome }) = self.fates.pop_front() {
            self.emit(ClientEvent::Published { token: PublishToken(token), outcome });
        }
        if self.blocked.is_some_and(|cost| self.session.has_room(cost)) {
            self.blocked = None;
            self.emit(ClientEvent::Writable);
        }
    }

    /// Whether messages go out now.
    fn transmits(&self) -> bool {
        self.is_connected() && self.wire.hold == Hold::Nothing
    }

    fn token(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        token
    }

    /// Whether the input pauses: for the program's sake, or because the server does not read our answers.
    fn is_pausing(&self) -> bool {
        self.is_program_slow() || self.wire.link.is_answering_nobody()
    }

    /// Whether too much waits in unpolled events or unacknowledged messages.
    fn is_program_slow(&self) -> bool {
        self.event_bytes >= self.config.event_bytes || self.wire.owes_too_much(&self.session)
    }
}

/// An owned copy of text that the codec has checked.
fn text(view: &str) -> Text {
    Text::from_checked(String::from(view).into())
}
