//! The server's side of one network connection: everything but routing.

mod authentication;
mod config;
mod event;
mod handshake;
mod input;
mod keep_alive;
mod output;
mod timers;

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem;

use bytes::Buf;

pub use config::ConnectionConfig;
pub use event::{
    ConnectRequest, ConnectionEvent, DisconnectCause, Dismissal, DropReason, EnhancedAuthentication,
    FilterRequest, RequestToken,
};
pub use handshake::Acceptance;

use self::{authentication::Exchange, handshake::Terms, keep_alive::KeepAlive};
use crate::{
    Message, Outbox, QoS, Text, Timestamp, Transport,
    framing::{self, Framing},
    packet::{Packet, PacketId, Properties, ProtocolVersion, ReasonCode, ReasonCodes, SubAck, UnsubAck},
    session::{Fate, Link, Session},
};

/// The server's side of one network connection, for a program with a routing of its own; [`Broker`](crate::Broker) is
/// made of it.
///
/// The owner answers [`ConnectionEvent::Connect`] with [`accept`](Self::accept) or [`refuse`](Self::refuse), finishes each
/// request that comes as an event, and hands over messages with [`deliver`](Self::deliver). Acknowledgements, their order
/// and repetition, flow control, topic aliases and keep alive are done here.
///
/// After a fault [`transport`](Self::transport) is [`Transport::FlushThenClose`], and the session waits in
/// [`into_session`](Self::into_session).
#[derive(Debug)]
pub struct Connection {
    config: ConnectionConfig,
    now: Timestamp,
    phase: Phase,
    framing: Framing,
    outbox: Outbox,
    /// How much of the outbox came there from the queue, at most, with all that stood before it: what is more is answers.
    filled: usize,
    events: VecDeque<ConnectionEvent>,
    keep_alive: KeepAlive,
    /// What the client announced with CONNECT.
    terms: Option<Terms>,
    /// The enhanced authentication that CONNECT began.
    exchange: Option<Box<Exchange>>,
    /// From `accept` until the session is taken away.
    flow: Option<Flow>,
    /// What waits for the owner, by token.
    requests: Vec<(RequestToken, Request)>,
    next_request: u64,
    fates: VecDeque<Fate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing but a CONNECT is accepted until then.
    AwaitingConnect { until: Timestamp },
    /// The owner decides about the CONNECT.
    Deciding { until: Timestamp },
    /// The owner has asked the client for another step of its authentication.
    Authenticating { until: Timestamp },
    /// The client has its CONNACK.
    Open,
    /// Ended; the outbox may hold last bytes.
    Ended,
    /// The transport is gone as well.
    Gone,
}

/// What an accepted connection has.
#[derive(Debug)]
struct Flow {
    session: Session,
    link: Link,
}

/// Memory for what one look at the input brings. Lent by an owner of many connections, of which few have input at a time.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    events: VecDeque<ConnectionEvent>,
    requests: Vec<(RequestToken, Request)>,
}

/// A request that the owner has not finished.
#[derive(Clone, Copy, Debug)]
enum Request {
    Publish { delivery: u64 },
    Subscribe { packet_id: PacketId, filters: usize },
    Unsubscribe { packet_id: PacketId, filters: usize },
}

impl Connection {
    /// A connection whose transport has just been opened by a client.
    #[must_use]
    pub fn new(config: ConnectionConfig, now: Timestamp) -> Self {
        Self {
            now,
            phase: Phase::AwaitingConnect { until: now + config.connect_timeout },
            framing: Framing::new(bounded(config.connect_bytes)),
            outbox: Outbox::new(),
            filled: 0,
            events: VecDeque::new(),
            keep_alive: KeepAlive::off(),
            terms: None,
            exchange: None,
            flow: None,
            requests: Vec::new(),
            next_request: 0,
            fates: VecDeque::new(),
            config,
        }
    }

    /// Finishes a publish: the message is routed, or refused with an error. QoS 1 and 2 are acknowledged in order of
    /// receipt; of the reason only 5.0 clients hear, a refused message of a 3.1.1 client is acknowledged as usual
    /// [MQTT-3.3.5-2] (3.1.1). A second word on the same publish is ignored.
    ///
    /// After the end of the connection, and up to [`into_session`](Self::into_session), only the session takes note: the client's
    /// repetition of a QoS 2 message is answered then, and is no event. One that nobody has finished by then was not received.
    pub fn finish_publish(&mut self, token: RequestToken, reason: ReasonCode, now: Timestamp) {
        self.pass(now);
        let Some(Request::Publish { delivery }) = self.finished(token) else { return };
        let Some(Flow { link, .. }) = &self.flow else { return };
        let reason = if link.version() < ProtocolVersion::V5 {
            ReasonCode::Success
        } else {
            nearest(reason, PUBLISH_REASONS)
        };
        self.acknowledge_earlier(delivery, reason);
    }

    /// Finishes a subscribe request with a code for each filter, in order: the granted QoS, or an error (of which a 3.1.1
    /// client hears as 0x80). Missing codes count as unspecified errors. SUBACK is in the outbox before any message that is
    /// delivered later.
    /// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.9.3-1] (both versions), [MQTT-2.3.1-7] [MQTT-3.8.4-5] (3.1.1),
    /// [MQTT-2.2.1-6] [MQTT-3.8.4-6] [MQTT-3.9.2-1] [MQTT-3.9.2-2] (5.0)
    pub fn finish_subscribe(&mut self, token: RequestToken, reasons: &[ReasonCode], now: Timestamp) {
        self.finish_subscribe_with(token, reasons, None, now);
    }

    /// The same with words for people, which 5.0 clients hear if they want to.
    pub fn finish_subscribe_with(
        &mut self,
        token: RequestToken,
        reasons: &[ReasonCode],
        words: Option<&Text>,
        now: Timestamp,
    ) {
        self.pass(now);
        let Some(Request::Subscribe { packet_id, filters }) = self.finished(token) else { return };
        let reasons = one_for_each(reasons, filters, SUBSCRIBE_REASONS);
        let reasons = ReasonCodes::new(&reasons);
        self.send_suback(&SubAck { packet_id, properties: Properties::NONE, reasons }, words);
    }

    /// Finishes an unsubscribe request with a code for each filter, in order. Missing codes count as unspecified errors.
    /// [MQTT-3.10.4-4] [MQTT-3.10.4-5] (both versions), [MQTT-2.3.1-7] (3.1.1), [MQTT-2.2.1-6] [MQTT-3.11.2-1] (5.0)
    /// [MQTT-3.11.2-2] [MQTT-3.11.3-1] (5.0)
    pub fn finish_unsubscribe(&mut self, token: RequestToken, reasons: &[ReasonCode], now: Timestamp) {
        self.pass(now);
        let Some(Request::Unsubscribe { packet_id, filters }) = self.finished(token) else { return };
        let reasons = one_for_each(reasons, filters, UNSUBSCRIBE_REASONS);
        let reasons = ReasonCodes::new(&reasons);
        self.send(&Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::NONE, reasons }));
    }

    /// Queues a message for the client. It is sent within the client's limits when the outbox is looked at.
    ///
    /// Returns the messages that were dropped: for lack of room queued ones of QoS 0 go in favour of QoS 1 and 2, else the new
    /// one; also one that is larger than the client's Maximum Packet Size [MQTT-3.1.2-24] [MQTT-3.1.2-25] (5.0).
    pub fn deliver(&mut self, message: Message, now: Timestamp) -> Vec<(Message, DropReason)> {
        self.deliver_for(message, 0, now)
    }

    /// The same, under a number of the owner's that comes back with what is taken out of the queue.
    pub(crate) fn deliver_for(
        &mut self,
        message: Message,
        number: u64,
        now: Timestamp,
    ) -> Vec<(Message, DropReason)> {
        self.pass(now);
        let Some(Flow { session, link }) = &self.flow else {
            return Vec::from([(message, DropReason::NoSession)]);
        };
        if is_too_large(&message, link) {
            return Vec::from([(message, DropReason::TooLarge)]);
        }
        if !session.has_room(message.cost()) {
            // Nobody may have looked at the outbox since the queue was empty.
            self.fill(self.now);
        }
        let Some(Flow { session, .. }) = &mut self.flow else { return Vec::new() };
        enqueue(session, number, message, self.now, &mut self.fates)
    }

    /// Sends a message for which nothing is to be remembered, if nothing stands before it. Whether it did: if not, it is to be
    /// delivered in the usual way.
    pub(crate) fn send_at_once(&mut self, message: &Message, now: Timestamp) -> bool {
        if message.qos > QoS::AtMostOnce || message.properties.message_expiry.is_some() {
            return false;
        }
        self.pass(now);
        let (Phase::Open, Some(Flow { session, link })) = (self.phase, &mut self.flow) else { return false };
        let is_sent = session.send_at_once(message, link, &mut self.outbox);
        if is_sent {
            self.filled = self.outbox.remaining();
        }
        is_sent
    }

    /// Whether a message would be queued, with nothing dropped for it.
    pub(crate) fn takes(&self, message: &Message) -> bool {
        self.flow.as_ref().is_some_and(|Flow { session, link }| {
            session.has_room(message.cost()) && !is_too_large(message, link)
        })
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        self.flow.as_mut().map(|flow| &mut flow.session)
    }

    /// Takes an unfinished publish over, to be acknowledged later under the session's number for the message.
    pub(crate) fn defer_publish(&mut self, token: RequestToken, now: Timestamp) -> Option<u64> {
        self.pass(now);
        match self.finished(token)? {
            Request::Publish { delivery } => Some(delivery),
            Request::Subscribe { .. } | Request::Unsubscribe { .. } => None,
        }
    }

    /// Ends the connection. A 5.0 client is told the reason; the session and the will are the owner's concern.
    pub fn close(&mut self, dismissal: impl Into<Dismissal>, now: Timestamp) {
        self.pass(now);
        if !matches!(self.phase, Phase::Ended | Phase::Gone) {
            let dismissal = dismissal.into();
            self.send_disconnect(&dismissal);
            self.end_silently(DisconnectCause::Closed(dismissal.reason));
        }
    }

    /// The session, to be kept for the client's next connection; `None` if the connection was not accepted. What the owner has
    /// not finished counts as not received: the client's repetition is a new event.
    #[must_use]
    pub fn into_session(mut self) -> Option<Session> {
        self.take_session()
    }

    /// How many messages at what cost find room, if the queue is at most half full.
    pub(crate) fn room(&self) -> Option<(usize, usize)> {
        let Flow { session, .. } = self.flow.as_ref()?;
        let (count, bytes) = session.load();
        let (most, most_bytes) = (self.config.queue_count, self.config.queue_bytes);
        (count <= most / 2 && bytes <= most_bytes / 2).then(|| (most - count, most_bytes - bytes))
    }

    /// Acknowledges a message that the session received on an earlier connection, or that was deferred. If the connection has
    /// just ended, that is noted for the next one.
    pub(crate) fn acknowledge_earlier(&mut self, delivery: u64, reason: ReasonCode) {
        if let Some(Flow { session, link }) = &mut self.flow {
            let link = (self.phase == Phase::Open).then_some(link);
            session.acknowledge(delivery, reason, link, &mut self.outbox);
        }
    }

    /// Takes the session away from an ended connection whose last bytes are still to be sent.
    pub(crate) fn take_session(&mut self) -> Option<Session> {
        let Flow { mut session, .. } = self.flow.take()?;
        session.suspend();
        for (_, request) in &self.requests {
            if let Request::Publish { delivery } = request {
                session.forget(*delivery);
            }
        }
        Some(session)
    }

    /// How long the session is to be kept after this connection, in seconds; a client may change it with DISCONNECT.
    #[must_use]
    pub fn session_expiry(&self) -> u32 {
        self.terms.as_ref().map_or(0, |terms| terms.session_expiry)
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ConnectionEvent> {
        self.events.pop_front()
    }

    /// What is wanted of the transport; never [`Transport::Open`].
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match self.phase {
            Phase::AwaitingConnect { .. }
            | Phase::Deciding { .. }
            | Phase::Authenticating { .. }
            | Phase::Open => Transport::Keep,
            Phase::Ended => Transport::FlushThenClose,
            Phase::Gone => Transport::None,
        }
    }

    /// The transport is gone.
    pub fn transport_closed(&mut self, now: Timestamp) {
        self.pass(now);
        self.end(DisconnectCause::TransportClosed);
        self.phase = Phase::Gone;
        self.outbox.clear();
    }

    /// Whether [`receive`](Self::receive) takes bytes now: not while the owner has requests to finish, nor while the outbox is
    /// full of answers. An ended connection takes bytes and forgets them.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match self.phase {
            Phase::AwaitingConnect { .. } | Phase::Authenticating { .. } | Phase::Open => {
                !self.is_waiting() && !self.is_choked()
            }
            Phase::Deciding { .. } | Phase::Ended | Phase::Gone => false,
        }
    }

    /// Takes memory over or gives it back, as far as nothing stands in it.
    pub(crate) fn swap_scratch(&mut self, scratch: &mut Scratch) {
        if self.events.is_empty() && scratch.events.is_empty() {
            mem::swap(&mut self.events, &mut scratch.events);
        }
        if self.requests.is_empty() && scratch.requests.is_empty() {
            mem::swap(&mut self.requests, &mut scratch.requests);
        }
    }

    /// Takes bytes from the client: all of them, unless input pauses meanwhile. How they are cut makes no difference.
    pub fn receive(&mut self, input: &mut impl Buf, now: Timestamp) {
        self.pass(now);
        self.take_in(input, now);
    }

    /// The same without a look at the timers, which the owner has seen to.
    pub(crate) fn take_in(&mut self, input: &mut impl Buf, now: Timestamp) {
        self.now = self.now.max(now);
        framing::feed(self, input, self.now);
        if matches!(self.phase, Phase::Ended | Phase::Gone) {
            input.advance(input.remaining());
        }
    }

    /// Bytes for the client. Refills from the queue up to the configured size: call it again until it is empty.
    pub fn outbox(&mut self) -> &mut Outbox {
        self.fill(self.now);
        &mut self.outbox
    }

    /// Whether the outbox holds bytes.
    pub(crate) fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Moves what is due from the session to the outbox. Its owner may know a later moment than the last call named: what is left
    /// of an expiry depends on it.
    pub(crate) fn fill(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if let (Phase::Open, Some(Flow { session, link })) = (self.phase, &mut self.flow) {
            let before = self.outbox.remaining();
            session.transmit(link, &mut self.outbox, self.now, &mut self.fates);
            let after = self.outbox.remaining();
            self.filled = if after > before { after } else { self.filled.min(before) };
            // The owner has no tokens for deliveries: what became of one is not asked for.
            self.fates.clear();
        }
    }

    fn is_waiting(&self) -> bool {
        let limit = self.config.requests.max(1);
        self.requests.len() >= limit || self.events.len() >= limit || self.is_authenticating_again()
    }

    /// Full of answers. Messages don't count: the client can't help it that they are there, and who takes large ones slowly must
    /// be read, or his acknowledgements and pings would not be seen in time.
    fn is_choked(&self) -> bool {
        let limit = self.config.outbox_bytes;
        self.outbox.remaining() >= self.filled.max(limit).saturating_add(limit)
    }

    fn request(&mut self, request: Request) -> RequestToken {
        let token = RequestToken(self.next_request);
        self.next_request += 1;
        self.requests.push((token, request));
        token
    }

    fn finished(&mut self, token: RequestToken) -> Option<Request> {
        let place = self.requests.binary_search_by_key(&token, |(token, _)| *token).ok()?;
        if self.is_waiting() {
            self.resume_reading();
        }
        Some(self.requests.remove(place).1)
    }

    /// A client can't be blamed for silence while its packets were not read.
    fn resume_reading(&mut self) {
        self.keep_alive.received(self.now);
    }

    /// Ends the connection, once. A 5.0 client whose connection was accepted is told why [MQTT-4.13.1-1] (5.0), unless it is gone.
    /// [MQTT-4.8.0-1] (3.1.1), [MQTT-3.14.0-1] [MQTT-3.14.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.14.4-1] (5.0)
    /// [MQTT-3.14.4-2] (5.0)
    fn end(&mut self, cause: DisconnectCause) {
        if matches!(self.phase, Phase::Ended | Phase::Gone) {
            return;
        }
        if let Some(reason) = goodbye(&cause) {
            self.send_disconnect(&Dismissal::new(reason));
        }
        self.end_silently(cause);
    }

    fn end_silently(&mut self, cause: DisconnectCause) {
        self.phase = Phase::Ended;
        self.requests.retain(|(_, request)| matches!(request, Request::Publish { .. }));
        self.events.push_back(ConnectionEvent::Disconnected { cause });
    }

    fn version(&self) -> Option<ProtocolVersion> {
        self.terms.as_ref().map(|terms| terms.version)
    }
}

/// The code of DISCONNECT for a cause; none if the client has said good-bye or can't hear one.
const fn goodbye(cause: &DisconnectCause) -> Option<ReasonCode> {
    match cause {
        DisconnectCause::Client { .. } | DisconnectCause::TransportClosed => None,
        DisconnectCause::Refused(_) | DisconnectCause::ConnectTimeout => None,
        DisconnectCause::KeepAliveTimeout => Some(ReasonCode::KeepAliveTimeout),
        DisconnectCause::Malformed(error) => Some(error.reason()),
        DisconnectCause::Misbehaved(violation) => Some(violation.reason()),
        DisconnectCause::Closed(reason) => Some(*reason),
        DisconnectCause::AnswerTooLarge => Some(ReasonCode::PacketTooLarge),
    }
}

/// Whether a message is larger than the client's Maximum Packet Size, the only limit that a client has.
fn is_too_large(message: &Message, link: &Link) -> bool {
    link.refusal(message).is_some()
}

/// Queues a message for a session, and returns those that were dropped for lack of room: QoS 0 first.
pub(crate) fn enqueue(
    session: &mut Session,
    token: u64,
    message: Message,
    now: Timestamp,
    fates: &mut VecDeque<Fate>,
) -> Vec<(Message, DropReason)> {
    let mut dropped = Vec::new();
    if message.has_expired() {
        // [MQTT-3.3.2-5] (5.0): nothing makes room for it.
        return dropped;
    }
    let Err(message) = session.enqueue(token, message, now) else { return dropped };
    session.expire(now, fates);
    while !session.has_room(message.cost())
        && message.qos > QoS::AtMostOnce
        && let Some((_, older)) = session.make_room()
    {
        dropped.push((older, DropReason::QueueFull));
    }
    dropped
        .extend(session.enqueue(token, message, now).err().map(|message| (message, DropReason::QueueFull)));
    dropped
}

fn one_for_each(reasons: &[ReasonCode], filters: usize, allowed: &[ReasonCode]) -> Vec<ReasonCode> {
    let given = reasons.iter().map(|reason| nearest(*reason, allowed));
    given.chain(core::iter::repeat(ReasonCode::UnspecifiedError)).take(filters).collect()
}

/// The codes that the broker's side sends in PUBACK and PUBREC [MQTT-3.4.2-1] [MQTT-3.5.2-1] (5.0).
const PUBLISH_REASONS: &[ReasonCode] = &[
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
];

/// The codes of SUBACK [MQTT-3.9.3-2] (both versions).
const SUBSCRIBE_REASONS: &[ReasonCode] = &[
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::QuotaExceeded,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

/// The codes of UNSUBACK [MQTT-3.11.3-2] (5.0).
const UNSUBSCRIBE_REASONS: &[ReasonCode] = &[
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicFilterInvalid,
];

/// The code itself if it is allowed, else the one without details.
fn nearest(reason: ReasonCode, allowed: &[ReasonCode]) -> ReasonCode {
    match (allowed.contains(&reason), reason.is_error()) {
        (true, _) => reason,
        (false, true) => ReasonCode::UnspecifiedError,
        (false, false) => ReasonCode::Success,
    }
}

/// A size from the configuration; a packet has two bytes at least.
fn bounded(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX).max(2)
}
