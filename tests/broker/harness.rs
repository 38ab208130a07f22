//! Clients made of raw bytes, and a clock that is moved by hand.

use std::{collections::BTreeMap, fmt::Write as _, mem, time::Duration};

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Broker, BrokerConfig, BrokerEvent, ConnectionId, DisconnectCause, QoS, Timestamp, Transport,
    packet::{
        Ack, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, Properties, Property, ProtocolVersion,
        Publish, ReasonCode, ReasonCodes, SubAck, Subscribe, Subscription, TopicFilters, UnsubAck,
        Unsubscribe, Will,
    },
};

pub(crate) use ProtocolVersion::{V3_1 as V3, V3_1_1 as V4, V5};
pub(crate) use QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Timestamp,
    versions: BTreeMap<ConnectionId, ProtocolVersion>,
    /// Bytes taken out of the broker and not looked at yet.
    taken: BTreeMap<ConnectionId, Vec<u8>>,
}

/// A CONNECT, with what most tests want.
#[derive(Clone, Copy)]
pub(crate) struct Hello<'a>(pub(crate) Connect<'a>);

pub(crate) fn hello(version: ProtocolVersion, client_id: &str) -> Hello<'_> {
    Hello(Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_id,
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    })
}

impl<'a> Hello<'a> {
    pub(crate) fn resume(mut self) -> Self {
        self.0.clean_start = false;
        self
    }

    pub(crate) fn keep_alive(mut self, seconds: u16) -> Self {
        self.0.keep_alive = seconds;
        self
    }

    pub(crate) fn user(mut self, name: &'a str) -> Self {
        self.0.user_name = Some(name);
        self
    }

    pub(crate) fn with(mut self, properties: &'a [Property<'a>]) -> Self {
        self.0.properties = Properties::new(properties);
        self
    }

    pub(crate) fn will(
        mut self,
        topic: &'a str,
        qos: QoS,
        retain: bool,
        properties: &'a [Property<'a>],
    ) -> Self {
        let properties = Properties::new(properties);
        self.0.will = Some(Will { topic, payload: b"gone", qos, retain, properties });
        self
    }
}

/// A PUBLISH that a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    pub(crate) packet_id: u16,
    pub(crate) identifiers: Vec<u32>,
    pub(crate) expiry: Option<u32>,
    pub(crate) alias: Option<u16>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = BrokerConfig::new();
        change(&mut config);
        let now = Timestamp::from_secs(1000);
        Self { broker: Broker::new(config, now), now, versions: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// Opens a transport.
    pub(crate) fn open(&mut self, version: ProtocolVersion) -> ConnectionId {
        let id = self.broker.accept(self.now).unwrap();
        self.versions.insert(id, version);
        id
    }

    /// Opens a transport and sends CONNECT.
    pub(crate) fn knock(&mut self, hello: Hello<'_>) -> ConnectionId {
        let id = self.open(hello.0.version);
        self.send(id, &Packet::Connect(hello.0));
        id
    }

    /// Opens a transport and connects without a session.
    pub(crate) fn connect(&mut self, hello: Hello<'_>) -> ConnectionId {
        let id = self.knock(hello);
        assert_eq!(self.connack(id), (false, ReasonCode::Success));
        id
    }

    /// Opens a transport and goes on with a session; what the session sends comes next.
    pub(crate) fn reconnect(&mut self, hello: Hello<'_>) -> ConnectionId {
        let id = self.knock(hello.resume());
        assert_eq!(self.connack(id), (true, ReasonCode::Success));
        id
    }

    pub(crate) fn bytes(&mut self, id: ConnectionId, bytes: &[u8]) {
        let mut input = Bytes::copy_from_slice(bytes);
        self.broker.receive(id, &mut input, self.now);
        assert!(!input.has_remaining(), "the broker left {} bytes", input.remaining());
    }

    pub(crate) fn hex(&mut self, id: ConnectionId, hex: &str) {
        self.bytes(id, &unhex(hex));
    }

    pub(crate) fn send(&mut self, id: ConnectionId, packet: &Packet<'_>) {
        let bytes = encode(packet, self.versions[&id]);
        self.bytes(id, &bytes);
    }

    pub(crate) fn publish(&mut self, id: ConnectionId, topic: &str, qos: QoS, packet_id: u16, payload: &str) {
        self.send(id, &publish(topic, qos, packet_id, payload));
    }

    pub(crate) fn publish_retained(&mut self, id: ConnectionId, topic: &str, payload: &str) {
        let Packet::Publish(mut packet) = publish(topic, AtMostOnce, 0, payload) else { unreachable!() };
        packet.retain = true;
        self.send(id, &Packet::Publish(packet));
    }

    /// Subscribes, and checks SUBACK; retained messages come next.
    pub(crate) fn subscribe(&mut self, id: ConnectionId, filter: &str, qos: QoS) {
        self.subscribe_with(id, Subscription { filter, qos, ..Subscription::default() }, &[]);
    }

    pub(crate) fn subscribe_with(
        &mut self,
        id: ConnectionId,
        one: Subscription<'_>,
        properties: &[Property<'_>],
    ) {
        self.send(id, &subscribe(7, &[one], properties));
        let granted = ReasonCode::from_u8(one.qos as u8).unwrap();
        self.expect_first(id, &suback(7, &[granted]));
    }

    /// All bytes for a client so far.
    pub(crate) fn take(&mut self, id: ConnectionId) -> Vec<u8> {
        let taken = self.taken.entry(id).or_default();
        loop {
            let mut outbox = self.broker.take_outbox(id);
            if outbox.is_empty() {
                break;
            }
            taken.extend_from_slice(&outbox.copy_to_bytes(outbox.remaining()));
        }
        mem::take(taken)
    }

    /// The next packet for a client, as bytes.
    pub(crate) fn next(&mut self, id: ConnectionId) -> Option<Vec<u8>> {
        let mut all = self.take(id);
        let rest = all.split_off(frame_length(&all)?);
        self.taken.insert(id, rest);
        Some(all)
    }

    pub(crate) fn connack(&mut self, id: ConnectionId) -> (bool, ReasonCode) {
        let frame = self.next(id).expect("a CONNACK");
        let ConnAck { session_present, reason, .. } = as_connack(&frame, self.versions[&id]);
        (session_present, reason)
    }

    /// The next packet is this one; more may follow.
    pub(crate) fn expect_first(&mut self, id: ConnectionId, packet: &Packet<'_>) {
        let expected = encode(packet, self.versions[&id]);
        let frame = self.next(id).unwrap_or_default();
        assert_eq!(to_hex(&frame), to_hex(&expected), "expected {packet:?}");
    }

    /// These packets came, and nothing else.
    pub(crate) fn expect(&mut self, id: ConnectionId, packets: &[Packet<'_>]) {
        let expected: Vec<_> = packets.iter().flat_map(|packet| encode(packet, self.versions[&id])).collect();
        let taken = self.take(id);
        assert_eq!(to_hex(&taken), to_hex(&expected), "expected {packets:?}");
    }

    pub(crate) fn expect_hex(&mut self, id: ConnectionId, hex: &str) {
        let taken = self.take(id);
        assert_eq!(to_hex(&taken), hex);
    }

    pub(crate) fn expect_nothing(&mut self, id: ConnectionId) {
        self.expect(id, &[]);
    }

    /// The messages that came, and nothing but messages.
    pub(crate) fn messages(&mut self, id: ConnectionId) -> Vec<Got> {
        let mut messages = vec![];
        while let Some(frame) = self.next(id) {
            match Packet::decode(&frame, self.versions[&id]).unwrap() {
                Packet::Publish(publish) => messages.push(Got {
                    topic: publish.topic.into(),
                    payload: publish.payload.into(),
                    qos: publish.qos,
                    retain: publish.retain,
                    duplicate: publish.duplicate,
                    packet_id: publish.packet_id.map_or(0, PacketId::get),
                    identifiers: publish.properties.subscription_identifiers().collect(),
                    expiry: publish.properties.message_expiry_interval(),
                    alias: publish.properties.topic_alias(),
                }),
                other => panic!("not a PUBLISH: {other:?}"),
            }
        }
        messages
    }

    /// The payloads of the messages that came, and nothing but messages.
    pub(crate) fn payloads(&mut self, id: ConnectionId) -> Vec<String> {
        self.messages(id).into_iter().map(|got| String::from_utf8(got.payload).unwrap()).collect()
    }

    /// The same with how surely they came.
    pub(crate) fn payloads_and_qos(&mut self, id: ConnectionId) -> Vec<(String, QoS)> {
        let messages = self.messages(id).into_iter();
        messages.map(|got| (String::from_utf8(got.payload).unwrap(), got.qos)).collect()
    }

    /// The broker has closed the connection, and these packets are its last words.
    pub(crate) fn expect_closed(&mut self, id: ConnectionId, last: &[Packet<'_>]) {
        assert_eq!(self.broker.transport(id), Transport::FlushThenClose);
        self.expect(id, last);
        assert!(!self.broker.wants_input(id));
        self.hang_up(id);
    }

    /// In 5.0 DISCONNECT with this reason, in 3.1.1 nothing, and the connection is closed.
    pub(crate) fn expect_fault(&mut self, id: ConnectionId, reason: ReasonCode) {
        match self.versions[&id] {
            V5 => self.expect_closed(id, &[disconnect(reason)]),
            _ => self.expect_closed(id, &[]),
        }
    }

    pub(crate) fn expect_open(&mut self, id: ConnectionId) {
        self.send(id, &Packet::PingReq);
        self.expect(id, &[Packet::PingResp]);
        assert_eq!(self.broker.transport(id), Transport::Keep);
    }

    /// The transport goes without a word.
    pub(crate) fn hang_up(&mut self, id: ConnectionId) {
        self.broker.transport_closed(id, self.now);
        assert_eq!(self.broker.transport(id), Transport::None);
    }

    /// DISCONNECT, and the transport goes.
    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.send(id, &disconnect(ReasonCode::Success));
        assert_eq!(self.broker.transport(id), Transport::FlushThenClose);
        self.hang_up(id);
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.broker.deadline().filter(|deadline| *deadline <= end) {
            assert!(self.broker.why_deadline().is_some(), "nobody waits for {deadline}");
            self.now = self.now.max(deadline);
            self.broker.handle_timeout(self.now);
        }
        self.now = end;
        self.broker.handle_timeout(self.now);
    }

    pub(crate) fn wait_secs(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    pub(crate) fn events(&mut self) -> Vec<BrokerEvent> {
        std::iter::from_fn(|| self.broker.poll_event()).collect()
    }

    /// The causes of all disconnections since the last look at events.
    pub(crate) fn causes(&mut self) -> Vec<DisconnectCause> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                BrokerEvent::Disconnected { reason, .. } => Some(reason),
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

pub(crate) fn publish<'a>(topic: &'a str, qos: QoS, packet_id: u16, payload: &'a str) -> Packet<'a> {
    Packet::Publish(Publish {
        duplicate: false,
        qos,
        retain: false,
        topic,
        packet_id: PacketId::new(packet_id),
        properties: Properties::NONE,
        payload: payload.as_bytes(),
    })
}

pub(crate) fn duplicate(packet: Packet<'_>) -> Packet<'_> {
    match packet {
        Packet::Publish(publish) => Packet::Publish(Publish { duplicate: true, ..publish }),
        other => other,
    }
}

pub(crate) fn puback(value: u16) -> Packet<'static> {
    Packet::PubAck(Ack::new(id(value), ReasonCode::Success))
}

pub(crate) fn pubrec(value: u16) -> Packet<'static> {
    Packet::PubRec(Ack::new(id(value), ReasonCode::Success))
}

pub(crate) fn pubrel(value: u16) -> Packet<'static> {
    Packet::PubRel(Ack::new(id(value), ReasonCode::Success))
}

pub(crate) fn pubcomp(value: u16) -> Packet<'static> {
    Packet::PubComp(Ack::new(id(value), ReasonCode::Success))
}

pub(crate) fn subscribe<'a>(
    packet_id: u16,
    filters: &'a [Subscription<'a>],
    properties: &'a [Property<'a>],
) -> Packet<'a> {
    let (properties, filters) = (Properties::new(properties), Filters::new(filters));
    Packet::Subscribe(Subscribe { packet_id: id(packet_id), properties, filters })
}

pub(crate) fn suback(packet_id: u16, reasons: &[ReasonCode]) -> Packet<'_> {
    let reasons = ReasonCodes::new(reasons);
    Packet::SubAck(SubAck { packet_id: id(packet_id), properties: Properties::NONE, reasons })
}

pub(crate) fn unsubscribe<'a>(packet_id: u16, filters: &'a [&'a str]) -> Packet<'a> {
    let filters = TopicFilters::new(filters);
    Packet::Unsubscribe(Unsubscribe { packet_id: id(packet_id), properties: Properties::NONE, filters })
}

pub(crate) fn unsuback(packet_id: u16, reasons: &[ReasonCode]) -> Packet<'_> {
    let reasons = ReasonCodes::new(reasons);
    Packet::UnsubAck(UnsubAck { packet_id: id(packet_id), properties: Properties::NONE, reasons })
}

pub(crate) fn disconnect(reason: ReasonCode) -> Packet<'static> {
    Packet::Disconnect(Disconnect { reason, properties: Properties::NONE })
}

pub(crate) fn connack(session_present: bool, reason: ReasonCode) -> Packet<'static> {
    Packet::ConnAck(ConnAck { session_present, reason, properties: Properties::NONE })
}

pub(crate) fn as_connack(frame: &[u8], version: ProtocolVersion) -> ConnAck<'_> {
    match Packet::decode(frame, version).unwrap() {
        Packet::ConnAck(connack) => connack,
        other => panic!("not a CONNACK: {other:?}"),
    }
}

pub(crate) fn encode(packet: &Packet<'_>, version: ProtocolVersion) -> Vec<u8> {
    let mut bytes = vec![];
    packet.encode(version, &mut bytes).unwrap();
    bytes
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let gap = if hex.is_empty() { "" } else { " " };
        write!(hex, "{gap}{byte:02X}").unwrap();
        hex
    })
}

/// The length of the first packet, if it is whole.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        length |= usize::from(byte & 0x7F) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            return Some(index + 1 + length).filter(|end| *end <= bytes.len());
        }
    }
    None
}
