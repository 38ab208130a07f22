//! One client against a server that is written straight from the specification and announces other limits on each
//! connection, over a pipe that is cut anywhere.

mod schedule;
mod server;

use std::{
    collections::{BTreeMap, VecDeque},
    io::IoSlice,
    time::Duration,
};

use bytes::Buf;
use mqtt_engine::{
    Acknowledgement, Client, ClientConfig, ClientEvent, DeliveryToken, DisconnectReason, LostSession,
    Message, PublishError, PublishOutcome, QoS, Subscribe, Timestamp, TopicFilter, Transport,
    Violation as EngineViolation,
    packet::{Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode},
};

pub use self::schedule::{Limits, Setup, Step};
use self::server::Server;
use crate::{
    checker::{Checker, Role},
    coverage::Row,
    random::Random,
    ring::{Report, Ring, guarded},
    trace::Trace,
    violation::{Checked, Violation, ensure},
};

/// The ring of one client and a reference server.
#[derive(Clone, Copy, Debug)]
pub struct Lone;

impl Ring for Lone {
    type Setup = Setup;
    type Step = Step;

    const NAME: &'static str = "lone";
    const ROWS: &'static [Row] = &[
        Row::CutReset,
        Row::CutMidPacket,
        Row::SessionResumed,
        Row::SessionLost,
        Row::PublishResent,
        Row::PubRelResent,
        Row::DuplicateQoS2Suppressed,
        Row::AliasReused,
        Row::OversizeRefused,
        Row::QuotaExhausted,
        Row::PublishForbidden,
        Row::WriteRefused,
        Row::WritableAgain,
        Row::MessageExpired,
        Row::OutcomeUnknown,
        Row::InputPaused,
        Row::ConnectTimeout,
    ];

    fn draw(seed: u64) -> (Setup, Vec<Step>) {
        let setup = Setup::draw(&mut Random::new(seed));
        let steps = schedule::draw(&setup, &mut Random::new(seed ^ 0x5EED));
        (setup, steps)
    }

    fn run(setup: &Setup, steps: &[Step], trace: Trace) -> Report {
        let mut run = Run::new(setup, trace);
        let violation = guarded(|| run.all(steps));
        run.server.coverage.add(&run.coverage);
        Report { coverage: run.server.coverage, violation, trace: run.trace }
    }
}

/// The topic of a message; some are so short that an alias is longer.
fn topic(number: u64) -> &'static str {
    ["a", "b", "topic/c", "topic/d", "e"][(number % 5) as usize]
}

/// Every fourth message expires; every seventh is long.
fn expiry(number: u64) -> Option<Duration> {
    number.is_multiple_of(4).then(|| Duration::from_secs(1 + number % 9))
}

fn payload(number: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(7) { 40 } else { number % 13 };
    crate::names::payload(number, Some(length as u16))
}

/// How large the packet of a message is, with its topic in full.
fn size(number: u64, qos: QoS, version: ProtocolVersion) -> usize {
    let properties: Vec<_> = expiry(number)
        .filter(|_| version == ProtocolVersion::V5)
        .map(|span| Property::MessageExpiryInterval(span.as_secs() as u32))
        .into_iter()
        .collect();
    let payload = payload(number);
    let publish = Publish {
        duplicate: false,
        qos,
        retain: false,
        topic: topic(number),
        packet_id: (qos > QoS::AtMostOnce).then_some(PacketId::MAX),
        properties: Properties::new(&properties),
        payload: &payload,
    };
    Packet::Publish(publish).size(version).unwrap_or(usize::MAX)
}

/// What the program remembers of a message that it published.
struct Published {
    number: u64,
    qos: QoS,
    outcome: Option<PublishOutcome>,
}

struct Run {
    config: ClientConfig,
    client: Client,
    server: Server,
    checker: Checker,
    coverage: crate::coverage::Coverage,
    trace: Trace,
    now: Timestamp,
    /// Counts the connections.
    link: u64,
    is_open: bool,
    /// How much of the outbox the checker was told.
    told: usize,
    /// Bytes on their way; to the client packet by packet.
    to_server: VecDeque<u8>,
    to_client: VecDeque<Vec<u8>>,
    /// How much of the first packet to the client was read.
    read: usize,
    published: BTreeMap<u64, Published>,
    next_number: u64,
    is_blocked: bool,
    blocked_calls: u32,
    unacknowledged: Vec<DeliveryToken>,
    /// How often each message of the server was delivered, by its number.
    delivered: BTreeMap<u64, u32>,
    requests: u32,
    lost_sessions: u32,
    was_connected: bool,
}

impl Run {
    fn new(setup: &Setup, trace: Trace) -> Self {
        let now = Timestamp::from_secs(1000);
        let config = setup.config();
        Self {
            client: Client::new(config.clone(), now),
            server: Server::new(config.version),
            checker: Checker::new(Role::Client),
            coverage: crate::coverage::Coverage::default(),
            trace,
            now,
            link: 0,
            is_open: false,
            told: 0,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            read: 0,
            published: BTreeMap::new(),
            next_number: 1,
            is_blocked: false,
            blocked_calls: 0,
            unacknowledged: Vec::new(),
            delivered: BTreeMap::new(),
            requests: 0,
            lost_sessions: 0,
            was_connected: false,
            config,
        }
    }

    fn all(&mut self, steps: &[Step]) -> Checked {
        for step in steps {
            self.trace.note(self.now, || format!("-- {step:?}"));
            self.step(*step)?;
            self.check_packets()?;
        }
        self.finish()
    }

    fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Publish { qos } => self.publish(schedule::qos(qos))?,
            Step::PublishByServer { qos } => self.server.publish(schedule::qos(qos)),
            Step::Subscribe { filter } => {
                let filter = TopicFilter::try_from(["x", "y", "z/#"][usize::from(filter) % 3]);
                let filter = filter.expect("a filter without surprises");
                let result = self.client.subscribe(Subscribe::new(filter, QoS::ExactlyOnce), self.now);
                self.requests += u32::from(result.is_ok());
            }
            Step::Poll { count } => self.poll(count.into())?,
            Step::Acknowledge { place } => self.acknowledge(place.into()),
            Step::Pump { up, down } => self.pump(up.into(), down.into())?,
            Step::Pass { millis } => self.pass(Duration::from_millis(millis.into()))?,
            Step::Cut { arrives } => self.cut(arrives.into())?,
            Step::Connect { is_there, loses_session, limits } => {
                self.connect(is_there, loses_session, limits)?;
            }
            Step::Write { count } => self.write(count.into()),
        }
        self.tell();
        Ok(())
    }

    /// Time passes from deadline to deadline; the network is fast.
    fn pass(&mut self, span: Duration) -> Checked {
        let end = self.now + span;
        while self.now < end {
            self.pump(usize::MAX, usize::MAX)?;
            self.now = self.client.deadline().map_or(end, |next| next.clamp(self.now, end));
            self.client.handle_timeout(self.now);
            self.write(usize::MAX);
        }
        Ok(())
    }

    fn publish(&mut self, qos: QoS) -> Checked {
        let number = self.next_number;
        let mut message = Message::new(topic(number), payload(number)).expect("a topic").with_qos(qos);
        message.properties.message_expiry = expiry(number);
        let limits = self.server.limits;
        match self.client.publish(message, self.now) {
            Ok(token) => {
                self.next_number += 1;
                let known = Published { number, qos, outcome: None };
                let is_new = self.published.insert(token.as_u64(), known).is_none();
                ensure!(is_new, "tokens", "{token:?} is used again");
            }
            Err(PublishError::Blocked(_)) => {
                self.is_blocked = true;
                self.blocked_calls += 1;
                self.coverage.count(Row::WriteRefused);
            }
            Err(PublishError::TooLarge(_)) => {
                let size = size(number, qos, self.config.version);
                ensure!(
                    size > limits.packet_size as usize,
                    "too large",
                    "message {number}: {size}, {limits:?}"
                );
                self.next_number += 1;
                self.coverage.count(Row::OversizeRefused);
            }
            Err(PublishError::QoSNotSupported(_)) => {
                ensure!(qos > limits.qos(), "QoS", "message {number}: {limits:?}");
            }
            Err(error) => ensure!(false, "publish", "message {number}: {error:?}"),
        }
        Ok(())
    }

    fn poll(&mut self, count: usize) -> Checked {
        for _ in 0..count {
            let Some(event) = self.client.poll_event() else { return Ok(()) };
            self.trace.note(self.now, || format!("{event:?}"));
            self.tell();
            self.hear(event)?;
        }
        Ok(())
    }

    fn hear(&mut self, event: ClientEvent) -> Checked {
        match event {
            ClientEvent::Received { token, message, .. } => {
                let number = crate::names::number(&message.payload).unwrap_or(0);
                *self.delivered.entry(number).or_default() += 1;
                let is_manual = self.config.acknowledgement == Acknowledgement::Manual;
                if message.qos > QoS::AtMostOnce && is_manual {
                    self.unacknowledged.push(token);
                }
            }
            ClientEvent::Published { token, outcome } => self.fated(token.as_u64(), outcome)?,
            ClientEvent::Writable => {
                self.is_blocked = false;
                ensure!(self.blocked_calls > 0, "writable once", "after each Blocked");
                self.blocked_calls -= 1;
                self.coverage.count(Row::WritableAgain);
            }
            ClientEvent::Subscribed { .. } => {
                ensure!(self.requests > 0, "one answer", "{event:?}");
                self.requests -= 1;
            }
            ClientEvent::Disconnected { reason } => {
                // Strict after a CONNACK that was lost: the session is the server's alone.
                let is_foreign = reason == DisconnectReason::Misbehaved(EngineViolation::SessionPresent)
                    && !self.was_connected;
                let is_timeout = reason == DisconnectReason::ConnectTimeout;
                self.coverage.count_if(is_timeout, Row::ConnectTimeout);
                let is_allowed = is_foreign
                    || is_timeout
                    || matches!(reason, DisconnectReason::TransportClosed | DisconnectReason::PingTimeout);
                ensure!(is_allowed, "the client blames the server", "{reason:?}");
            }
            ClientEvent::Connected(connected) => {
                self.coverage.count_if(connected.session_present, Row::SessionResumed);
                self.coverage.count_if(!connected.session_present && self.was_connected, Row::SessionLost);
                self.was_connected = true;
            }
            ClientEvent::Resubscribed { .. } => {}
            other => ensure!(false, "an event", "{other:?}"),
        }
        Ok(())
    }

    fn fated(&mut self, token: u64, outcome: PublishOutcome) -> Checked {
        let Some(known) = self.published.get_mut(&token) else {
            ensure!(false, "one fate", "of an unknown token {token}");
            return Ok(());
        };
        let number = known.number;
        ensure!(known.qos > QoS::AtMostOnce, "QoS 0 has no fate", "message {number}");
        let former = known.outcome.replace(outcome);
        ensure!(former.is_none(), "one fate", "message {number}: {outcome:?} after {former:?}");
        match outcome {
            PublishOutcome::Refused { reason } => {
                self.coverage.count_if(reason == ReasonCode::QuotaExceeded, Row::PublishForbidden);
            }
            PublishOutcome::Expired => self.coverage.count(Row::MessageExpired),
            PublishOutcome::Unknown => self.coverage.count(Row::OutcomeUnknown),
            _ => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self, place: usize) {
        if !self.unacknowledged.is_empty() {
            let token = self.unacknowledged.swap_remove(place % self.unacknowledged.len());
            self.client.acknowledge(token, ReasonCode::Success, self.now);
        }
    }

    fn connect(&mut self, is_there: bool, loses_session: bool, limits: Limits) -> Checked {
        if self.client.transport() == Transport::FlushThenClose {
            self.cut(usize::MAX)?;
        }
        let Transport::Open { not_before } = self.client.transport() else { return Ok(()) };
        self.now = self.now.max(not_before);
        if !is_there {
            self.client.transport_closed(self.now);
            return Ok(());
        }
        if loses_session {
            self.lost_sessions += 1;
            self.server.lose_session();
        }
        self.server.limits = limits;
        self.link += 1;
        self.is_open = true;
        self.checker.opened(self.link, self.now);
        self.client.transport_opened(self.now);
        Ok(())
    }

    /// The network ends: a part of what is on its way arrives yet, at the server alone.
    fn cut(&mut self, arrives: usize) -> Checked {
        if !self.is_open {
            return Ok(());
        }
        self.coverage.count(Row::CutReset);
        self.tell();
        self.write(usize::MAX);
        let arrives = arrives.min(self.to_server.len());
        let bytes: Vec<u8> = self.to_server.drain(..arrives).collect();
        self.serve(&bytes)?;
        self.server.close();
        self.to_server.clear();
        self.to_client.clear();
        self.read = 0;
        self.checker.closed(self.link, self.now);
        (self.is_open, self.told) = (false, 0);
        self.client.transport_closed(self.now);
        Ok(())
    }

    /// The server gets bytes.
    fn serve(&mut self, bytes: &[u8]) -> Checked {
        self.server.receive(bytes, &mut self.trace, self.now)?;
        self.to_client.append(&mut self.server.output);
        Ok(())
    }

    /// Tells the checker what the client has decided to write.
    fn tell(&mut self) {
        if !self.is_open {
            return;
        }
        let outbox = self.client.outbox();
        let mut slices = [IoSlice::new(&[]); 64];
        let count = outbox.chunks_vectored(&mut slices);
        let mut skip = self.told;
        for slice in &slices[..count] {
            self.checker.wrote(self.link, slice.get(skip..).unwrap_or_default(), self.now);
            skip -= skip.min(slice.len());
        }
        self.told = outbox.remaining();
        if self.client.transport() != Transport::Keep {
            self.checker.gave_up(self.link, self.now);
        }
    }

    /// What the client has to say goes on its way, or a part of it.
    fn write(&mut self, count: usize) {
        self.tell();
        if self.is_open {
            let outbox = self.client.outbox();
            let count = count.min(outbox.remaining());
            self.to_server.extend(&outbox.copy_to_bytes(count));
            self.told -= count;
        }
    }

    /// Bytes arrive, so many each way.
    fn pump(&mut self, up: usize, mut down: usize) -> Checked {
        let count = up.min(self.to_server.len());
        let bytes: Vec<u8> = self.to_server.drain(..count).collect();
        self.serve(&bytes)?;
        self.coverage.count_if(!self.to_client.is_empty() && !self.client.wants_input(), Row::InputPaused);
        while down > 0 && self.client.wants_input() {
            let Some(packet) = self.to_client.front() else { return Ok(()) };
            let mut piece = &packet[self.read..packet.len().min(self.read.saturating_add(down))];
            let taken = piece;
            down -= piece.len();
            self.read += piece.len();
            if self.read == packet.len() && packet[0] == 0x20 {
                self.server.told();
            }
            self.client.receive(&mut piece, self.now);
            ensure!(piece.is_empty(), "input", "a client that wants input takes the rest of a packet");
            self.checker.read(self.link, taken, self.now);
            if self.read == packet.len() {
                self.to_client.pop_front();
                self.read = 0;
            }
            self.tell();
        }
        Ok(())
    }

    fn check_packets(&mut self) -> Checked {
        match self.checker.violations().into_iter().next() {
            Some(first) => Err(Violation { rule: "packets", details: first.to_string() }),
            None => Ok(()),
        }
    }

    /// No more faults: everything comes to its end.
    fn finish(&mut self) -> Checked {
        if self.server.limits != Limits::NONE {
            self.cut(usize::MAX)?;
        }
        for _ in 0..2000 {
            self.connect(true, false, Limits::NONE)?;
            self.write(usize::MAX);
            self.pump(usize::MAX, usize::MAX)?;
            self.poll(usize::MAX)?;
            while !self.unacknowledged.is_empty() {
                self.acknowledge(0);
            }
            self.write(usize::MAX);
            self.pump(usize::MAX, usize::MAX)?;
            if self.client.is_connected()
                && self.client.pending_publishes() == 0
                && self.server.owes_nothing()
                && self.requests == 0
            {
                break;
            }
        }
        self.poll(usize::MAX)?;
        self.check_packets()?;
        let (pending, requests) = (self.client.pending_publishes(), self.requests);
        let is_done = pending == 0 && requests == 0 && self.server.owes_nothing();
        ensure!(is_done, "wedged", "{pending} pending, {requests} requests");
        ensure!(!self.is_blocked, "writable once", "there is room, and nobody said so");
        self.write(usize::MAX);
        self.checker.settled(self.now);
        self.check_packets()?;
        self.check_fates()?;
        self.check_deliveries()
    }

    fn check_fates(&self) -> Checked {
        let is_lossy = self.lost_sessions > 0 || self.config.clean_start;
        for Published { number, qos, outcome } in self.published.values() {
            let received = self.server.received.get(number).copied().unwrap_or_default();
            let is_republished = self.config.lost_session == LostSession::Republish && is_lossy;
            let is_once = *qos == QoS::ExactlyOnce && !is_republished;
            ensure!(!is_once || received <= 1, "exactly once", "message {number} came {received} times");
            let is_right = match outcome {
                None => *qos == QoS::AtMostOnce,
                Some(PublishOutcome::Acknowledged { .. }) => received > 0,
                Some(PublishOutcome::Unknown) => is_lossy,
                Some(PublishOutcome::Expired) => expiry(*number).is_some(),
                Some(_) => true,
            };
            ensure!(is_right, "one fate", "message {number}: {outcome:?}, received {received} times");
        }
        Ok(())
    }

    fn check_deliveries(&self) -> Checked {
        for (number, qos) in &self.server.finished {
            let delivered = self.delivered.get(number).copied().unwrap_or_default();
            ensure!(delivered > 0, "lost", "message {number} of the server");
            let is_right = *qos == QoS::AtLeastOnce || delivered == 1;
            ensure!(is_right, "exactly once", "message {number} of the server came {delivered} times");
        }
        Ok(())
    }
}
