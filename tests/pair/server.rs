//! A server that keeps strictly to the specification and fails the test when its client does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Buf;
use mqtt_engine::{
    QoS,
    framing::{Framing, Span},
    packet::{
        Ack, ConnAck, Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode,
        ReasonCodes, SubAck, UnsubAck,
    },
};

use crate::{Random, harness::id};

/// What a server announces in CONNACK.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub receive_maximum: u16,
    pub packet_size: u32,
    pub aliases: u16,
    pub qos: QoS,
}

impl Limits {
    pub const NONE: Self =
        Self { receive_maximum: u16::MAX, packet_size: u32::MAX, aliases: 0, qos: QoS::ExactlyOnce };
}

/// A message to the client that is not finished.
#[derive(Debug)]
struct Outgoing {
    id: Option<PacketId>,
    number: u64,
    qos: QoS,
    is_released: bool,
}

#[derive(Debug, Default)]
struct Session {
    received: BTreeSet<PacketId>,
    outgoing: VecDeque<Outgoing>,
    next_id: u16,
    /// Whether the client has read a CONNACK of this session.
    is_told: bool,
}

/// The server, with what it saw over all sessions.
pub struct Server {
    version: ProtocolVersion,
    pub limits: Limits,
    framing: Framing,
    is_connected: bool,
    /// How many unfinished messages the client takes, and which were sent on this connection.
    client_maximum: usize,
    unfinished: BTreeSet<PacketId>,
    aliases: BTreeMap<u16, String>,
    session: Option<Session>,
    /// Packets for the client, whole.
    pub output: VecDeque<Vec<u8>>,
    /// How often each message of the client was received, by its number.
    pub received: BTreeMap<u64, u32>,
    /// The messages to the client whose exchange was finished.
    pub finished: Vec<(u64, QoS)>,
    next_number: u64,
    was_told: bool,
}

impl Server {
    pub fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            limits: Limits::NONE,
            framing: Framing::new(usize::MAX),
            is_connected: false,
            client_maximum: 0,
            unfinished: BTreeSet::new(),
            aliases: BTreeMap::new(),
            session: None,
            output: VecDeque::new(),
            received: BTreeMap::new(),
            finished: Vec::new(),
            next_number: 0,
            was_told: false,
        }
    }

    pub fn lose_session(&mut self) {
        self.session = None;
    }

    /// The client has read CONNACK.
    pub fn told(&mut self) {
        self.session().is_told = true;
        self.was_told = true;
    }

    pub fn close(&mut self) {
        // MQTT has a hole: if a session is lost, and then the CONNACK that says so, the next one says that it is present,
        // and both sides go on with different states. No client can see that.
        if self.was_told && self.session.as_ref().is_some_and(|session| !session.is_told) {
            self.session = None;
        }
        self.framing = Framing::new(usize::MAX);
        self.is_connected = false;
        self.unfinished.clear();
        self.aliases.clear();
        self.output.clear();
    }

    pub fn owes_nothing(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.outgoing.is_empty())
    }

    /// Queues a message for the client, who subscribed to everything.
    pub fn publish(&mut self, qos: QoS) {
        let Some(session) = &mut self.session else { return };
        let number = self.next_number;
        self.next_number += 1;
        session.outgoing.push_back(Outgoing { id: None, number, qos, is_released: false });
        self.send_new();
    }

    pub fn receive(&mut self, mut input: &[u8], random: &mut Random) {
        while let Some(span) = self.framing.next(&mut input).expect("a readable stream") {
            match span {
                Span::InPlace(size) => {
                    let (packet, rest) = input.split_at(size);
                    self.packet(packet, random);
                    input = rest;
                }
                Span::Assembled(packet) => self.packet(packet.chunk(), random),
                Span::Skipped { .. } => unreachable!("no limit"),
            }
        }
    }

    fn packet(&mut self, bytes: &[u8], random: &mut Random) {
        let packet = Packet::decode(bytes, self.version).expect("a valid packet");
        assert!(self.is_connected || matches!(packet, Packet::Connect(_)), "[MQTT-3.1.0-1]");
        match packet {
            Packet::Connect(connect) => {
                assert!(!self.is_connected, "[MQTT-3.1.0-2]");
                let maximum = connect.properties.receive_maximum().unwrap_or(u16::MAX);
                self.connect(connect.clean_start, maximum.into());
            }
            Packet::Publish(publish) => self.published(&publish, random),
            Packet::PubRel(ack) => {
                let is_known = self.session().received.remove(&ack.packet_id);
                let code = if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
                self.answer(Packet::PubComp, ack.packet_id, code);
            }
            Packet::PubAck(ack) => self.finish(ack.packet_id, QoS::AtLeastOnce, false),
            Packet::PubRec(ack) => {
                let known = self.outgoing(ack.packet_id);
                assert!(known.qos == QoS::ExactlyOnce, "PUBREC of {known:?}");
                known.is_released = true;
                self.answer(Packet::PubRel, ack.packet_id, ReasonCode::Success);
            }
            Packet::PubComp(ack) => self.finish(ack.packet_id, QoS::ExactlyOnce, true),
            Packet::Subscribe(subscribe) => {
                let reasons: Vec<_> = subscribe.filters.iter().map(|_| ReasonCode::GrantedQoS2).collect();
                self.send(&Packet::SubAck(SubAck {
                    packet_id: subscribe.packet_id,
                    properties: Properties::NONE,
                    reasons: ReasonCodes::new(&reasons),
                }));
            }
            Packet::Unsubscribe(unsubscribe) => {
                let reasons: Vec<_> = unsubscribe.filters.iter().map(|_| ReasonCode::Success).collect();
                let is_v5 = self.version == ProtocolVersion::V5;
                let reasons = ReasonCodes::new(if is_v5 { &reasons } else { &[] });
                let packet_id = unsubscribe.packet_id;
                self.send(&Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::NONE, reasons }));
            }
            Packet::PingReq => self.send(&Packet::PingResp),
            other => panic!("{other:?} of a client that nobody asked to leave"),
        }
    }

    fn connect(&mut self, clean_start: bool, client_maximum: usize) {
        self.is_connected = true;
        self.client_maximum = client_maximum;
        if clean_start {
            self.session = None;
        }
        let session_present = self.session.is_some();
        let Limits { receive_maximum, packet_size, aliases, qos } = self.limits;
        let mut properties = Vec::new();
        if self.version == ProtocolVersion::V5 {
            properties.push(Property::ReceiveMaximum(receive_maximum));
            properties.push(Property::MaximumPacketSize(packet_size));
            properties.push(Property::TopicAliasMaximum(aliases));
            if qos < QoS::ExactlyOnce {
                properties.push(Property::MaximumQoS(qos));
            }
        }
        let properties = Properties::new(&properties);
        self.send(&Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties }));
        let session = self.session.get_or_insert_default();
        let again: Vec<_> = session
            .outgoing
            .iter()
            .filter_map(|one| Some((one.id?, one.number, one.qos, one.is_released)))
            .collect();
        for (id, number, qos, is_released) in again {
            if is_released {
                self.answer(Packet::PubRel, id, ReasonCode::Success);
            } else {
                self.send_publish(Some(id), number, qos, true);
            }
        }
        self.send_new();
    }

    fn published(&mut self, publish: &Publish<'_>, random: &mut Random) {
        let topic = match publish.properties.topic_alias() {
            None => publish.topic.to_owned(),
            Some(alias) if publish.topic.is_empty() => self.aliases[&alias].clone(),
            Some(alias) => {
                self.aliases.insert(alias, publish.topic.to_owned());
                publish.topic.to_owned()
            }
        };
        let number = crate::number(publish.payload);
        assert_eq!(topic, crate::topic(number), "message {number}");
        let is_refused = self.version == ProtocolVersion::V5 && random.one_in(20);
        let reason = if is_refused { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                *self.received.entry(number).or_default() += u32::from(!is_refused);
                self.answer(Packet::PubAck, id, reason);
            }
            (QoS::ExactlyOnce, Some(id)) if !self.session().received.contains(&id) => {
                if !is_refused {
                    self.session().received.insert(id);
                    *self.received.entry(number).or_default() += 1;
                }
                self.answer(Packet::PubRec, id, reason);
            }
            (QoS::ExactlyOnce, Some(id)) => self.answer(Packet::PubRec, id, ReasonCode::Success),
            _ => *self.received.entry(number).or_default() += 1,
        }
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a session while connected")
    }

    fn outgoing(&mut self, id: PacketId) -> &mut Outgoing {
        let mut all = self.session().outgoing.iter_mut();
        all.find(|one| one.id == Some(id)).expect("an acknowledgement of a message that was sent")
    }

    fn finish(&mut self, id: PacketId, qos: QoS, is_released: bool) {
        let known = self.outgoing(id);
        assert!(known.qos == qos && known.is_released == is_released, "{known:?}");
        let finished = (known.number, known.qos);
        self.finished.push(finished);
        self.session().outgoing.retain(|one| one.id != Some(id));
        self.unfinished.remove(&id);
        self.send_new();
    }

    /// Sends what was not sent yet, as far as the client's Receive Maximum allows.
    fn send_new(&mut self) {
        while self.is_connected && self.unfinished.len() < self.client_maximum {
            let session = self.session();
            let mut next = session.next_id;
            let used: BTreeSet<_> = session.outgoing.iter().filter_map(|one| one.id).collect();
            let Some(index) = session.outgoing.iter().position(|one| one.id.is_none()) else { return };
            let (number, qos) = (session.outgoing[index].number, session.outgoing[index].qos);
            if qos == QoS::AtMostOnce {
                session.outgoing.remove(index);
                self.send_publish(None, number, qos, false);
                continue;
            }
            loop {
                // A small space, so that numbers are soon used again.
                next = next % 100 + 1;
                if !used.contains(&id(next)) {
                    break;
                }
            }
            session.next_id = next;
            session.outgoing[index].id = Some(id(next));
            self.send_publish(Some(id(next)), number, qos, false);
        }
    }

    fn send_publish(&mut self, packet_id: Option<PacketId>, number: u64, qos: QoS, duplicate: bool) {
        self.unfinished.extend(packet_id);
        let payload = number.to_string();
        self.send(&Packet::Publish(Publish {
            duplicate,
            qos,
            retain: false,
            topic: "to/client",
            packet_id,
            properties: Properties::NONE,
            payload: payload.as_bytes(),
        }));
    }

    fn answer(&mut self, kind: fn(Ack<'static>) -> Packet<'static>, id: PacketId, reason: ReasonCode) {
        let is_v5 = self.version == ProtocolVersion::V5;
        self.send(&kind(Ack::new(id, if is_v5 { reason } else { ReasonCode::Success })));
    }

    fn send(&mut self, packet: &Packet<'_>) {
        self.output.push_back(crate::harness::encode(packet, self.version));
    }
}
