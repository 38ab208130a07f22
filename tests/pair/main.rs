//! Client and server over a pipe that is cut anywhere: thousands of short conversations from seeds, each of which must come
//! to its end with every promise kept. A failure names its seed.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../harness/mod.rs"]
mod harness;
mod server;
mod witness;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Buf;
use mqtt_engine::{
    Acknowledgement, Client, ClientConfig, ClientEvent, DeliveryToken, DisconnectReason, LostSession,
    Message, Profile, PublishError, PublishOutcome, QoS, Subscribe, Timestamp, TopicFilter, Transport,
    Violation,
    packet::{Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode},
};

use crate::{
    harness::{V3, V5, config},
    server::{Limits, Server},
    witness::Witness,
};

/// SplitMix64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The topic of a message; some are so short that an alias is longer.
pub fn topic(number: u64) -> String {
    ["a", "b", "topic/c", "topic/d", "e"][(number % 5) as usize].to_owned()
}

/// Every fourth message expires; every seventh is long.
fn expiry(number: u64) -> Option<Duration> {
    number.is_multiple_of(4).then(|| Duration::from_secs(1 + number % 9))
}

fn payload(number: u64) -> String {
    let length = if number.is_multiple_of(7) { 40 } else { number % 13 } as usize;
    format!("{number}:{}", ".".repeat(length))
}

pub fn number(payload: &[u8]) -> u64 {
    str::from_utf8(payload).unwrap().split(':').next().unwrap().parse().unwrap()
}

/// How large the packet of a message is, with its topic in full.
pub fn size(number: u64, qos: QoS, version: ProtocolVersion) -> usize {
    let properties: Vec<_> = expiry(number)
        .filter(|_| version == V5)
        .map(|span| Property::MessageExpiryInterval(span.as_secs() as u32))
        .into_iter()
        .collect();
    let (topic, payload) = (topic(number), payload(number));
    let publish = Publish {
        duplicate: false,
        qos,
        retain: false,
        topic: &topic,
        packet_id: (qos > QoS::AtMostOnce).then_some(PacketId::MAX),
        properties: Properties::new(&properties),
        payload: payload.as_bytes(),
    };
    Packet::Publish(publish).size(version).unwrap()
}

/// What the program remembers of a message that it published.
struct Published {
    number: u64,
    qos: QoS,
    outcome: Option<PublishOutcome>,
}

struct Run {
    random: Random,
    config: ClientConfig,
    client: Client,
    server: Server,
    witness: Witness,
    now: Timestamp,
    /// Bytes on their way; to the client with the ends of the packets.
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
    requests: i32,
    has_limits: bool,
    lost_sessions: u32,
    was_connected: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut config = config(random.pick(&[V3, V5]));
        config.clean_start = random.one_in(6);
        config.profile = Profile::Strict;
        config.inflight_maximum = random.pick(&[1, 2, 5, 64]);
        config.receive_maximum = random.pick(&[1, 3, 64]);
        config.queue_count = random.pick(&[3, 20, 100]);
        config.outbox_bytes = random.pick(&[1, 50, 65_536]);
        config.event_bytes = random.pick(&[1, 2000, 1 << 20]);
        config.acknowledgement = random.pick(&[Acknowledgement::Automatic, Acknowledgement::Manual]);
        config.lost_session = random.pick(&[LostSession::Report, LostSession::Republish]);
        config.keep_alive = random.pick(&[0, 5, 60]);
        config.seed = seed;
        let now = Timestamp::from_secs(1000);
        Self {
            client: Client::new(config.clone(), now),
            server: Server::new(config.version),
            witness: Witness::new(config.version, config.inflight_maximum),
            now,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            read: 0,
            published: BTreeMap::new(),
            next_number: 0,
            is_blocked: false,
            blocked_calls: 0,
            unacknowledged: Vec::new(),
            delivered: BTreeMap::new(),
            requests: 0,
            has_limits: config.version == V5 && random.one_in(2),
            lost_sessions: 0,
            was_connected: false,
            random,
            config,
        }
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..=4 => self.publish(),
            5..=8 => self.pump(false),
            9..=12 => self.poll(1),
            13 => self.poll(usize::MAX),
            14 | 15 => self.acknowledge(),
            16 | 17 => {
                let qos = self.random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
                self.server.publish(qos);
            }
            18 => self.pass(Duration::from_millis(self.random.0 % 3000)),
            19 => self.subscribe(),
            20 if self.random.one_in(3) => self.cut(),
            20..=22 => self.connect(),
            _ => self.pump(true),
        }
        self.write();
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        // A driver reads before it looks at the clock.
        self.pump(true);
        self.client.handle_timeout(self.now);
    }

    fn publish(&mut self) {
        let qos = self.random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
        let number = self.next_number;
        let mut message = Message::new(topic(number).as_str(), payload(number)).unwrap().with_qos(qos);
        message.properties.message_expiry = expiry(number);
        let limits = self.server.limits;
        match self.client.publish(message, self.now) {
            Ok(token) => {
                self.next_number += 1;
                let known = Published { number, qos, outcome: None };
                assert!(self.published.insert(token.as_u64(), known).is_none(), "a token is used again");
            }
            Err(PublishError::Blocked(_)) => {
                self.is_blocked = true;
                self.blocked_calls += 1;
            }
            Err(PublishError::TooLarge(_)) => {
                assert!(size(number, qos, self.config.version) > limits.packet_size as usize);
                self.next_number += 1;
            }
            Err(PublishError::QoSNotSupported(_)) => assert!(qos > limits.qos),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn subscribe(&mut self) {
        let filter = TopicFilter::try_from(["x", "y", "z/#"][self.random.below(3) as usize]).unwrap();
        let result = self.client.subscribe(Subscribe::new(filter, QoS::ExactlyOnce), self.now);
        self.requests += i32::from(result.is_ok());
    }

    fn poll(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.client.poll_event() else { return };
            match event {
                ClientEvent::Received { token, message, .. } => {
                    *self.delivered.entry(number(&message.payload)).or_default() += 1;
                    if message.qos > QoS::AtMostOnce && self.config.acknowledgement == Acknowledgement::Manual
                    {
                        self.unacknowledged.push(token);
                    }
                }
                ClientEvent::Published { token, outcome } => {
                    let known = self.published.get_mut(&token.as_u64()).expect("a fate of a known token");
                    assert!(known.qos > QoS::AtMostOnce, "QoS 0 has no fate");
                    assert_eq!(known.outcome.replace(outcome), None, "a second fate of {}", known.number);
                    if matches!(outcome, PublishOutcome::Refused { .. }) {
                        self.witness.refused(known.number);
                    }
                }
                ClientEvent::Writable => {
                    self.is_blocked = false;
                    self.blocked_calls = self.blocked_calls.checked_sub(1).expect("once after each Blocked");
                }
                ClientEvent::Subscribed { .. } => self.requests -= 1,
                ClientEvent::Disconnected { reason } => {
                    // Strict after a CONNACK that was lost: the session is the server's alone.
                    let is_allowed = reason == DisconnectReason::TransportClosed
                        || reason == DisconnectReason::Misbehaved(Violation::SessionPresent)
                            && !self.was_connected;
                    assert!(is_allowed, "{reason:?}");
                }
                ClientEvent::Connected(_) => self.was_connected = true,
                ClientEvent::Resubscribed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn acknowledge(&mut self) {
        if !self.unacknowledged.is_empty() {
            let index = self.random.below(self.unacknowledged.len() as u64) as usize;
            let token = self.unacknowledged.swap_remove(index);
            self.client.acknowledge(token, ReasonCode::Success, self.now);
        }
    }

    fn connect(&mut self) {
        if self.client.transport() == Transport::FlushThenClose {
            self.cut();
        }
        let Transport::Open { not_before } = self.client.transport() else { return };
        self.now = self.now.max(not_before);
        if self.random.one_in(5) {
            // Nobody there.
            self.client.transport_closed(self.now);
            return;
        }
        if self.random.one_in(6) {
            self.lost_sessions += 1;
            self.server.lose_session();
        }
        self.server.limits = if self.has_limits {
            Limits {
                receive_maximum: self.random.pick(&[1, 2, 10, u16::MAX]),
                packet_size: if self.random.one_in(3) { u32::MAX } else { 16 + self.random.below(20) as u32 },
                aliases: self.random.pick(&[0, 1, 4, 5]),
                qos: self.random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]),
            }
        } else {
            Limits::NONE
        };
        self.witness.begin(self.server.limits);
        self.client.transport_opened(self.now);
    }

    /// The network ends: a part of what is on its way arrives yet, at the server alone.
    fn cut(&mut self) {
        self.write();
        let arrives = self.random.below(self.to_server.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_server.drain(..arrives).collect();
        self.server.receive(&bytes, &mut self.random);
        self.server.close();
        self.to_server.clear();
        self.to_client.clear();
        self.read = 0;
        // The rest was written by the client, and is lost.
        let outbox = self.client.outbox();
        let lost = outbox.copy_to_bytes(outbox.remaining());
        self.witness.written(&lost);
        self.client.transport_closed(self.now);
        if self.has_limits {
            // The witness must know what was refused.
            self.poll(usize::MAX);
        }
    }

    /// What the client wrote goes on its way, or a part of it.
    fn write(&mut self) {
        let outbox = self.client.outbox();
        let count = if self.random.one_in(4) {
            self.random.below(outbox.remaining() as u64 + 1) as usize
        } else {
            outbox.remaining()
        };
        let bytes = outbox.copy_to_bytes(count);
        self.witness.written(&bytes);
        self.to_server.extend(&bytes);
    }

    /// Bytes arrive: some, or all.
    fn pump(&mut self, is_all: bool) {
        let count = self.to_server.len() as u64;
        let count = if is_all { count } else { self.random.below(count + 1) } as usize;
        let bytes: Vec<u8> = self.to_server.drain(..count).collect();
        self.server.receive(&bytes, &mut self.random);
        self.to_client.append(&mut self.server.output);
        let mut left = if is_all { usize::MAX } else { self.random.below(100) as usize };
        while left > 0 && self.client.wants_input() {
            let Some(packet) = self.to_client.front() else { return };
            let mut piece = &packet[self.read..packet.len().min(self.read.saturating_add(left))];
            left -= piece.len();
            self.read += piece.len();
            let is_whole = self.read == packet.len();
            if is_whole {
                self.witness.read(packet);
                if packet[0] == 0x20 {
                    self.server.told();
                }
            }
            self.client.receive(&mut piece, self.now);
            assert!(piece.is_empty(), "a client that wants input takes the rest of a packet");
            if is_whole {
                self.to_client.pop_front();
                self.read = 0;
            }
        }
    }

    /// No more faults: everything comes to its end.
    fn finish(&mut self) {
        self.has_limits = false;
        if self.server.limits.packet_size < u32::MAX || self.server.limits.qos < QoS::ExactlyOnce {
            self.cut();
        }
        for _ in 0..2000 {
            self.connect();
            self.write();
            self.pump(true);
            self.poll(usize::MAX);
            while !self.unacknowledged.is_empty() {
                self.acknowledge();
            }
            if self.client.is_connected()
                && self.client.pending_publishes() == 0
                && self.server.owes_nothing()
                && self.requests == 0
            {
                break;
            }
        }
        assert_eq!(self.client.pending_publishes(), 0);
        assert!(self.server.owes_nothing());
        assert_eq!(self.requests, 0, "each request is answered once");
        assert!(!self.is_blocked, "there is room, and nobody said so");
        self.check_fates();
        self.check_deliveries();
    }

    fn check_fates(&self) {
        let is_lossy = self.lost_sessions > 0 || self.config.clean_start;
        for Published { number, qos, outcome } in self.published.values() {
            let received = self.server.received.get(number).copied().unwrap_or_default();
            let is_republished = self.config.lost_session == LostSession::Republish && is_lossy;
            if *qos == QoS::ExactlyOnce && !is_republished {
                assert!(received <= 1, "message {number} was received {received} times");
            }
            match outcome {
                None => assert_eq!(*qos, QoS::AtMostOnce, "message {number} has no fate"),
                Some(PublishOutcome::Acknowledged { .. }) => {
                    assert!(received > 0, "message {number} is lost")
                }
                Some(PublishOutcome::Unknown) => assert!(is_lossy, "message {number}"),
                Some(PublishOutcome::Expired) => assert!(expiry(*number).is_some()),
                Some(_) => {}
            }
        }
    }

    fn check_deliveries(&self) {
        for (number, qos) in &self.server.finished {
            let delivered = self.delivered.get(number).copied().unwrap_or_default();
            assert!(delivered > 0, "message {number} of the server is lost");
            assert!(*qos == QoS::AtLeastOnce || delivered == 1, "message {number}: {delivered} times");
        }
    }
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    for _ in 0..120 {
        run.step();
    }
    run.finish();
}

/// [MQTT-3.1.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-2] [MQTT-4.6.0-3] (both versions), [MQTT-2.3.1-2] (3.1.1),
/// [MQTT-2.2.1-3] [MQTT-3.2.2-11] [MQTT-3.2.2-15] [MQTT-3.2.2-17] [MQTT-3.3.4-7] (5.0)
#[test]
fn every_conversation_comes_to_its_end() {
    for seed in 0..2000 {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "seed {seed}");
    }
}
