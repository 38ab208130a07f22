//! A server that keeps strictly to the specification, and finds fault with a client that does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Buf;
use mqtt_engine::{
    QoS, Timestamp,
    framing::{Framing, Span},
    packet::{
        Ack, ConnAck, Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode,
        ReasonCodes, SubAck, UnsubAck,
    },
};

use super::schedule::{Limits, qos};
use crate::{
    coverage::{Coverage, Row},
    trace::Trace,
    violation::{Checked, Violation, ensure},
};

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
    /// The last new message of the client.
    last_number: u64,
}

/// The server, with what it saw over all sessions.
pub(super) struct Server {
    version: ProtocolVersion,
    pub(super) limits: Limits,
    framing: Framing,
    is_connected: bool,
    /// How many unfinished messages the client takes, and which were sent on this connection.
    client_maximum: usize,
    unfinished: BTreeSet<PacketId>,
    /// The client's messages that were received on this connection and not answered to the end.
    unanswered: usize,
    aliases: BTreeMap<u16, String>,
    session: Option<Session>,
    /// Packets for the client, whole.
    pub(super) output: VecDeque<Vec<u8>>,
    /// How often each message of the client was received, by its number.
    pub(super) received: BTreeMap<u64, u32>,
    /// The messages to the client whose exchange was finished.
    pub(super) finished: Vec<(u64, QoS)>,
    next_number: u64,
    was_told: bool,
    pub(super) coverage: Coverage,
}

impl Server {
    pub(super) fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            limits: Limits::NONE,
            framing: Framing::new(usize::MAX),
            is_connected: false,
            client_maximum: 0,
            unfinished: BTreeSet::new(),
            unanswered: 0,
            aliases: BTreeMap::new(),
            session: None,
            output: VecDeque::new(),
            received: BTreeMap::new(),
            finished: Vec::new(),
            next_number: 0,
            was_told: false,
            coverage: Coverage::default(),
        }
    }

    pub(super) fn lose_session(&mut self) {
        self.session = None;
    }

    /// The client has read CONNACK.
    pub(super) fn told(&mut self) {
        if let Some(session) = &mut self.session {
            session.is_told = true;
        }
        self.was_told = true;
    }

    pub(super) fn close(&mut self) {
        // MQTT has a hole: if a session is lost, and then the CONNACK that says so, the next one says that it is present,
        // and both sides go on with different states. No client can see that.
        if self.was_told && self.session.as_ref().is_some_and(|session| !session.is_told) {
            self.session = None;
        }
        self.coverage.count_if(self.framing.is_mid_packet(), Row::CutMidPacket);
        self.framing = Framing::new(usize::MAX);
        self.is_connected = false;
        self.unfinished.clear();
        self.unanswered = 0;
        self.aliases.clear();
        self.output.clear();
    }

    pub(super) fn owes_nothing(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.outgoing.is_empty())
    }

    /// Queues a message for the client, who subscribed to everything.
    pub(super) fn publish(&mut self, qos: QoS) {
        let Some(session) = &mut self.session else { return };
        let number = self.next_number;
        self.next_number += 1;
        session.outgoing.push_back(Outgoing { id: None, number, qos, is_released: false });
        self.send_new();
    }

    pub(super) fn receive(&mut self, mut input: &[u8], trace: &mut Trace, now: Timestamp) -> Checked {
        while let Some(span) = self.framing.next(&mut input).map_err(|error| unreadable(&error))? {
            match span {
                Span::InPlace(size) => {
                    let (packet, rest) = input.split_at(size);
                    self.packet(packet, trace, now)?;
                    input = rest;
                }
                Span::Assembled(packet) => self.packet(packet.chunk(), trace, now)?,
                Span::Skipped { .. } => {}
            }
        }
        Ok(())
    }

    fn packet(&mut self, bytes: &[u8], trace: &mut Trace, now: Timestamp) -> Checked {
        let packet = Packet::decode(bytes, self.version).map_err(|error| unreadable(&error))?;
        trace.note(now, || format!("-> {packet}"));
        if trace.is_on() {
            trace.packet(true, &packet.to_string(), true);
        }
        let answers = self.output.len();
        let is_connect = matches!(packet, Packet::Connect(_));
        ensure!(is_connect != self.is_connected, "CONNECT comes first, and once", "{packet}");
        let size = bytes.len();
        ensure!(is_connect || size <= self.limits.packet_size as usize, "packet size", "{size}: {packet}");
        match packet {
            Packet::Connect(connect) => {
                let maximum = connect.properties.receive_maximum().unwrap_or(u16::MAX);
                self.connect(connect.clean_start, maximum.into());
            }
            Packet::Publish(publish) => self.published(&publish)?,
            Packet::PubRel(ack) => {
                self.coverage.count_if(self.unanswered == 0, Row::PubRelResent);
                self.unanswered = self.unanswered.saturating_sub(1);
                let is_known =
                    self.session.as_mut().is_some_and(|session| session.received.remove(&ack.packet_id));
                let reason =
                    if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
                self.answer(Packet::PubComp, ack.packet_id, reason);
            }
            Packet::PubAck(ack) => self.finish(ack.packet_id, QoS::AtLeastOnce, false)?,
            Packet::PubRec(ack) => {
                let known = self.outgoing(ack.packet_id).filter(|known| known.qos == QoS::ExactlyOnce);
                ensure!(known.is_some(), "acknowledgements", "{packet}");
                known.into_iter().for_each(|known| known.is_released = true);
                self.answer(Packet::PubRel, ack.packet_id, ReasonCode::Success);
            }
            Packet::PubComp(ack) => self.finish(ack.packet_id, QoS::ExactlyOnce, true)?,
            Packet::Subscribe(subscribe) => {
                let reasons: Vec<_> = subscribe.filters.iter().map(|_| ReasonCode::GrantedQoS2).collect();
                let (packet_id, reasons) = (subscribe.packet_id, ReasonCodes::new(&reasons));
                self.send(&Packet::SubAck(SubAck { packet_id, properties: Properties::NONE, reasons }));
            }
            Packet::Unsubscribe(unsubscribe) => {
                let reasons: Vec<_> = unsubscribe.filters.iter().map(|_| ReasonCode::Success).collect();
                let is_v5 = self.version == ProtocolVersion::V5;
                let reasons = ReasonCodes::new(if is_v5 { &reasons } else { &[] });
                let packet_id = unsubscribe.packet_id;
                self.send(&Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::NONE, reasons }));
            }
            Packet::PingReq => self.send(&Packet::PingResp),
            // Its last word, after a time-out.
            Packet::Disconnect(_) => {}
            other => ensure!(false, "packets of a client", "{other}"),
        }
        self.show_answers(answers, trace);
        Ok(())
    }

    fn show_answers(&self, from: usize, trace: &mut Trace) {
        if trace.is_on() {
            for answer in self.output.range(from..) {
                let words = Packet::decode(answer, self.version)
                    .map_or_else(|_| String::new(), |one| one.to_string());
                trace.packet(false, &words, true);
            }
        }
    }

    fn connect(&mut self, clean_start: bool, client_maximum: usize) {
        self.is_connected = true;
        self.client_maximum = client_maximum;
        if clean_start {
            self.session = None;
        }
        let session_present = self.session.is_some();
        let Limits { receive_maximum, packet_size, aliases, qos: level } = self.limits;
        let mut properties = Vec::new();
        if self.version == ProtocolVersion::V5 {
            properties.push(Property::ReceiveMaximum(receive_maximum));
            properties.push(Property::MaximumPacketSize(packet_size));
            properties.push(Property::TopicAliasMaximum(aliases));
            if level < 2 {
                properties.push(Property::MaximumQoS(qos(level)));
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

    fn published(&mut self, publish: &Publish<'_>) -> Checked {
        let topic = match publish.properties.topic_alias() {
            None => publish.topic.to_owned(),
            Some(alias) if publish.topic.is_empty() => {
                self.coverage.count(Row::AliasReused);
                self.aliases.get(&alias).cloned().unwrap_or_default()
            }
            Some(alias) => {
                self.aliases.insert(alias, publish.topic.to_owned());
                publish.topic.to_owned()
            }
        };
        let number = crate::names::number(publish.payload).unwrap_or(0);
        ensure!(topic == super::topic(number), "topic", "message {number} came in {topic}");
        self.coverage.count_if(publish.duplicate, Row::PublishResent);
        let Some(session) = &mut self.session else { return Ok(()) };
        if !publish.duplicate {
            let last = std::mem::replace(&mut session.last_number, number);
            ensure!(last < number, "order", "message {number} after {last}");
        }
        // In 5.0 every twentieth message is refused.
        let is_refused = self.version == ProtocolVersion::V5 && number % 20 == 13;
        let reason = if is_refused { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                *self.received.entry(number).or_default() += u32::from(!is_refused);
                self.answer(Packet::PubAck, id, reason);
            }
            (QoS::ExactlyOnce, Some(id)) if !session.received.contains(&id) => {
                if !is_refused {
                    session.received.insert(id);
                    self.unanswered += 1;
                    *self.received.entry(number).or_default() += 1;
                }
                let maximum = usize::from(self.limits.receive_maximum);
                self.coverage.count_if(self.unanswered == maximum, Row::QuotaExhausted);
                self.answer(Packet::PubRec, id, reason);
            }
            (QoS::ExactlyOnce, Some(id)) => {
                self.unanswered += 1;
                self.coverage.count(Row::DuplicateQoS2Suppressed);
                self.answer(Packet::PubRec, id, ReasonCode::Success);
            }
            _ => *self.received.entry(number).or_default() += 1,
        }
        Ok(())
    }

    fn outgoing(&mut self, id: PacketId) -> Option<&mut Outgoing> {
        self.session.as_mut()?.outgoing.iter_mut().find(|one| one.id == Some(id))
    }

    fn finish(&mut self, id: PacketId, qos: QoS, is_released: bool) -> Checked {
        let Some(known) = self.outgoing(id) else {
            ensure!(false, "acknowledgements", "{id} of nothing");
            return Ok(());
        };
        let is_right = known.qos == qos && known.is_released == is_released;
        ensure!(is_right, "acknowledgements", "{id}: {known:?}");
        let finished = (known.number, known.qos);
        self.finished.push(finished);
        if let Some(session) = &mut self.session {
            session.outgoing.retain(|one| one.id != Some(id));
        }
        self.unfinished.remove(&id);
        self.send_new();
        Ok(())
    }

    /// Sends what was not sent yet, as far as the client's Receive Maximum allows.
    fn send_new(&mut self) {
        while self.is_connected && self.unfinished.len() < self.client_maximum {
            let Some(session) = &mut self.session else { return };
            let Some(next) = session.outgoing.iter().position(|one| one.id.is_none()) else { return };
            let (number, qos) = (session.outgoing[next].number, session.outgoing[next].qos);
            if qos == QoS::AtMostOnce {
                session.outgoing.remove(next);
                self.send_publish(None, number, qos, false);
                continue;
            }
            let id = session.free_id();
            session.outgoing[next].id = Some(id);
            self.send_publish(Some(id), number, qos, false);
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
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).expect("a valid packet");
        self.output.push_back(bytes);
    }
}

impl Session {
    /// The next identifier that is free, out of a small space, so that each is soon used again.
    fn free_id(&mut self) -> PacketId {
        loop {
            self.next_id = self.next_id % 200 + 1;
            let id = PacketId::new(self.next_id).expect("not zero");
            if self.outgoing.iter().all(|one| one.id != Some(id)) {
                return id;
            }
        }
    }
}

fn unreadable(error: &mqtt_engine::packet::DecodeError) -> Violation {
    Violation { rule: "unreadable", details: error.to_string() }
}
