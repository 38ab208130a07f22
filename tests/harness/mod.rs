//! What the tests of both machines share: packets as short words, and a peer that speaks to the client.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Client, ClientConfig, ClientEvent, Message, QoS, Text, Timestamp, Transport,
    framing::{Framing, Span},
    packet::{
        Ack, ConnAck, Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode,
        ReasonCodes, SubAck, UnsubAck,
    },
};

pub const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
pub const V5: ProtocolVersion = ProtocolVersion::V5;
pub const BOTH: [ProtocolVersion; 2] = [V3, V5];

/// A packet in words that are short enough to compare lists of them.
pub fn brief(packet: &Packet<'_>) -> String {
    let kind = packet.packet_type().to_string();
    match packet {
        Packet::Connect(connect) => {
            format!("{kind} {}{}", connect.client_id, if connect.clean_start { " clean" } else { "" })
        }
        Packet::ConnAck(connack) => {
            let present = if connack.session_present { " present" } else { "" };
            format!("{kind} {:#04x}{present}", connack.reason.as_u8())
        }
        Packet::Publish(publish) => {
            let id = publish.packet_id.map_or_else(String::new, |id| format!(" {id}"));
            let dup = if publish.duplicate { " dup" } else { "" };
            let retain = if publish.retain { " retain" } else { "" };
            let alias =
                publish.properties.topic_alias().map_or_else(String::new, |alias| format!(" alias{alias}"));
            let payload = String::from_utf8_lossy(publish.payload);
            format!("{kind}{id} q{}{dup}{retain}{alias} {}={payload}", publish.qos as u8, publish.topic)
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            let reason = ack.reason.as_u8();
            if reason == 0 {
                format!("{kind} {}", ack.packet_id)
            } else {
                format!("{kind} {} {reason:#04x}", ack.packet_id)
            }
        }
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> =
                subscribe.filters.iter().map(|one| format!("{}:{}", one.filter, one.qos as u8)).collect();
            format!("{kind} {} {}", subscribe.packet_id, filters.join(" "))
        }
        Packet::SubAck(SubAck { packet_id, reasons, .. })
        | Packet::UnsubAck(UnsubAck { packet_id, reasons, .. }) => {
            let codes: Vec<_> = reasons.iter().map(|reason| format!(" {:#04x}", reason.as_u8())).collect();
            format!("{kind} {packet_id}{}", codes.concat())
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<_> = unsubscribe.filters.iter().collect();
            format!("{kind} {} {}", unsubscribe.packet_id, filters.join(" "))
        }
        Packet::PingReq | Packet::PingResp => kind,
        Packet::Disconnect(disconnect) => format!("{kind} {:#04x}", disconnect.reason.as_u8()),
        Packet::Auth(auth) => format!("{kind} {:#04x}", auth.reason.as_u8()),
    }
}

/// Bytes from a table of hex digits.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// All whole packets in a byte stream, in words.
pub fn packets_in(mut bytes: Bytes, version: ProtocolVersion) -> Vec<String> {
    let mut framing = Framing::new(usize::MAX);
    let mut words = Vec::new();
    while let Some(span) = framing.next(&mut bytes).expect("a readable stream") {
        match span {
            Span::InPlace(length) => {
                words
                    .push(brief(&Packet::decode(&bytes.chunk()[..length], version).expect("a valid packet")));
                bytes.advance(length);
            }
            Span::Assembled(packet) => {
                words.push(brief(&Packet::decode(&packet, version).expect("a valid packet")))
            }
            Span::Skipped { .. } => unreachable!("no limit"),
        }
    }
    assert!(!framing.is_mid_packet(), "ends in the middle of a packet");
    words
}

pub fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

pub fn encode(packet: &Packet<'_>, version: ProtocolVersion) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("an encodable packet");
    bytes
}

pub fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload.to_owned()).unwrap().with_qos(qos)
}

pub fn config(version: ProtocolVersion) -> ClientConfig {
    let mut config = ClientConfig::new(Text::try_from("c").unwrap());
    config.version = version;
    config.clean_start = false;
    config.session_expiry = if version == V5 { u32::MAX } else { 0 };
    config
}

/// A client, and a server that the test plays by hand, in virtual time.
pub struct Desk {
    pub client: Client,
    pub version: ProtocolVersion,
    pub now: Timestamp,
}

impl Desk {
    pub fn new(config: ClientConfig) -> Self {
        let version = config.version;
        Self { client: Client::new(config, Timestamp::ZERO), version, now: Timestamp::ZERO }
    }

    /// A client that was accepted, with its events and CONNECT taken.
    pub fn connected(config: ClientConfig) -> Self {
        let mut desk = Self::new(config);
        desk.connect(false);
        desk
    }

    /// Opens a transport as soon as the client wants it, and accepts the client.
    pub fn connect(&mut self, session_present: bool) -> Vec<ClientEvent> {
        self.connect_with(session_present, &[])
    }

    pub fn connect_with(&mut self, session_present: bool, properties: &[Property<'_>]) -> Vec<ClientEvent> {
        self.open();
        let sent = self.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("CONNECT"), "{sent:?}");
        self.accept(session_present, properties);
        self.events()
    }

    pub fn open(&mut self) {
        let Transport::Open { not_before } = self.client.transport() else {
            panic!("wants {:?}", self.client.transport())
        };
        self.now = self.now.max(not_before);
        self.client.transport_opened(self.now);
    }

    pub fn accept(&mut self, session_present: bool, properties: &[Property<'_>]) {
        let reason = ReasonCode::Success;
        self.receive(&Packet::ConnAck(ConnAck {
            session_present,
            reason,
            properties: Properties::new(properties),
        }));
    }

    /// The network ends.
    pub fn cut(&mut self) {
        self.client.transport_closed(self.now);
    }

    pub fn receive(&mut self, packet: &Packet<'_>) {
        let bytes = encode(packet, self.version);
        self.receive_bytes(&bytes);
    }

    pub fn receive_bytes(&mut self, mut bytes: &[u8]) {
        self.client.receive(&mut bytes, self.now);
    }

    pub fn ack(&mut self, make: fn(Ack<'static>) -> Packet<'static>, number: u16) {
        self.receive(&make(Ack::new(id(number), ReasonCode::Success)));
    }

    pub fn nack(&mut self, make: fn(Ack<'static>) -> Packet<'static>, number: u16, reason: ReasonCode) {
        self.receive(&make(Ack::new(id(number), reason)));
    }

    pub fn publish_from_server(&mut self, topic: &str, number: u16, qos: QoS, duplicate: bool) {
        let packet_id = PacketId::new(number);
        let payload = b"x";
        self.receive(&Packet::Publish(Publish {
            duplicate,
            qos,
            retain: false,
            topic,
            packet_id,
            properties: Properties::NONE,
            payload,
        }));
    }

    pub fn suback(&mut self, number: u16, reasons: &[ReasonCode]) {
        let reasons = ReasonCodes::new(reasons);
        self.receive(&Packet::SubAck(SubAck {
            packet_id: id(number),
            properties: Properties::NONE,
            reasons,
        }));
    }

    pub fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
        self.client.handle_timeout(self.now);
    }

    pub fn publish(&mut self, topic: &str, qos: QoS) -> u64 {
        self.client.publish(message(topic, "x", qos), self.now).unwrap().as_u64()
    }

    pub fn events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// The topics of the messages that were delivered since the last look.
    pub fn delivered(&mut self) -> Vec<String> {
        let received = |event| match event {
            ClientEvent::Received { message, .. } => Some(message.topic.as_str().to_owned()),
            _ => None,
        };
        self.events().into_iter().filter_map(received).collect()
    }

    /// The fates that were told since the last look, as `token outcome`.
    pub fn fates(&mut self) -> Vec<String> {
        let published = |event| match event {
            ClientEvent::Published { token, outcome } => Some(format!("{} {outcome:?}", token.as_u64())),
            _ => None,
        };
        self.events().into_iter().filter_map(published).collect()
    }

    /// Everything that goes to the server now.
    pub fn sent_bytes(&mut self) -> Bytes {
        let mut all = Vec::new();
        loop {
            let outbox = self.client.outbox();
            if !outbox.has_remaining() {
                return all.into();
            }
            all.extend_from_slice(&outbox.copy_to_bytes(outbox.remaining()));
        }
    }

    pub fn sent(&mut self) -> Vec<String> {
        let bytes = self.sent_bytes();
        packets_in(bytes, self.version)
    }
}
