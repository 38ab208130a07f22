//! Sees every packet that the client writes, and every one that it has read, and fails the test when the two don't fit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Buf;
use mqtt_engine::{
    QoS,
    framing::{Framing, Span},
    packet::{Packet, PacketId, ProtocolVersion, Publish},
};

use crate::server::Limits;

/// An identifier that is in use, in the client's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    Publish { number: u64, qos: QoS },
    Released,
    Request,
}

pub struct Witness {
    version: ProtocolVersion,
    inflight_maximum: usize,
    live: BTreeMap<PacketId, Live>,
    /// What was counted against the quota of this connection.
    counted: BTreeSet<PacketId>,
    /// What is to be sent again on this connection, in order.
    publishes: VecDeque<PacketId>,
    releases: BTreeSet<PacketId>,
    /// The order of first transmissions, and the last number of them.
    sent: Vec<PacketId>,
    last_number: Option<u64>,
    aliases: BTreeMap<u16, String>,
    limits: Limits,
    framing: Framing,
    /// The messages that came on this connection and are not answered, by QoS, in order of receipt.
    unanswered: [VecDeque<PacketId>; 2],
}

impl Witness {
    pub fn new(version: ProtocolVersion, inflight_maximum: u16) -> Self {
        Self {
            version,
            inflight_maximum: inflight_maximum.into(),
            live: BTreeMap::new(),
            counted: BTreeSet::new(),
            publishes: VecDeque::new(),
            releases: BTreeSet::new(),
            sent: Vec::new(),
            last_number: None,
            aliases: BTreeMap::new(),
            limits: Limits::NONE,
            framing: Framing::new(usize::MAX),
            unanswered: [VecDeque::new(), VecDeque::new()],
        }
    }

    /// A connection ended; the next one's server has these limits.
    pub fn begin(&mut self, limits: Limits) {
        self.limits = limits;
        self.framing = Framing::new(usize::MAX);
        self.live.retain(|_, live| *live != Live::Request);
        self.counted.clear();
        self.aliases.clear();
        self.unanswered = [VecDeque::new(), VecDeque::new()];
    }

    /// Bytes that the client wrote, whether or not they arrive.
    pub fn written(&mut self, mut bytes: &[u8]) {
        while let Some(span) = self.framing.next(&mut bytes).expect("a readable stream") {
            match span {
                Span::InPlace(size) => {
                    let (packet, rest) = bytes.split_at(size);
                    self.packet(packet);
                    bytes = rest;
                }
                Span::Assembled(packet) => self.packet(packet.chunk()),
                Span::Skipped { .. } => unreachable!("no limit"),
            }
        }
    }

    fn packet(&mut self, bytes: &[u8]) {
        let packet = Packet::decode(bytes, self.version).expect("a valid packet");
        let is_connect = matches!(packet, Packet::Connect(_));
        assert!(is_connect || bytes.len() <= self.limits.packet_size as usize, "[MQTT-3.2.2-15]: {packet:?}");
        match packet {
            Packet::Publish(publish) => self.published(&publish),
            Packet::PubRel(ack) => {
                let live = self.live.get(&ack.packet_id);
                assert_eq!(live, Some(&Live::Released), "PUBREL {}", ack.packet_id);
                self.releases.remove(&ack.packet_id);
            }
            Packet::Subscribe(packet) => self.requested(packet.packet_id),
            Packet::Unsubscribe(packet) => self.requested(packet.packet_id),
            Packet::PubAck(ack) => self.answered(QoS::AtLeastOnce, ack.packet_id),
            Packet::PubRec(ack) => self.answered(QoS::ExactlyOnce, ack.packet_id),
            _ => {}
        }
    }

    /// Answers go out in order of receipt (section 4.6).
    fn answered(&mut self, qos: QoS, id: PacketId) {
        assert_eq!(self.unanswered[qos as usize - 1].pop_front(), Some(id), "answers in order");
    }

    fn requested(&mut self, id: PacketId) {
        assert_eq!(self.live.insert(id, Live::Request), None, "[MQTT-2.2.1-3]");
    }

    fn published(&mut self, publish: &Publish<'_>) {
        assert!(publish.qos <= self.limits.qos, "[MQTT-3.2.2-11]");
        let number = crate::number(publish.payload);
        if let Some(alias) = publish.properties.topic_alias() {
            assert!((1..=self.limits.aliases).contains(&alias), "[MQTT-3.2.2-17]");
            if !publish.topic.is_empty() {
                self.aliases.insert(alias, publish.topic.to_owned());
            }
            assert_eq!(self.aliases.get(&alias), Some(&crate::topic(number)), "message {number}");
        } else {
            assert_eq!(publish.topic, crate::topic(number));
        }
        let Some(id) = publish.packet_id else {
            assert!(self.last_number < Some(number), "order of message {number}");
            self.last_number = Some(number);
            return;
        };
        let live = Live::Publish { number, qos: publish.qos };
        if publish.duplicate {
            assert_eq!(self.live.get(&id), Some(&live), "a resend keeps its identifier");
            while let Some(next) = self.publishes.pop_front()
                && next != id
            {
                let passed = self.live.get(&next);
                assert!(self.is_over(next), "[MQTT-4.6.0-1]: {id} before {next}, {passed:?}");
            }
        } else {
            let waiting = self.publishes.iter().find(|id| !self.is_over(**id));
            assert_eq!(waiting, None, "message {number} is new, and the replay is not over");
            assert!(self.releases.is_empty(), "PUBREL comes first");
            assert!(self.last_number < Some(number), "order of message {number}");
            self.last_number = Some(number);
            assert_eq!(self.live.insert(id, live), None, "[MQTT-2.2.1-3]: {id} for message {number}");
            self.sent.push(id);
        }
        assert!(self.counted.insert(id), "{id} is sent twice on one connection");
        let maximum = self.inflight_maximum.min(self.limits.receive_maximum.into());
        assert!(self.counted.len() <= maximum, "[MQTT-3.3.4-7]: {} unfinished", self.counted.len());
    }

    /// Whether a message need not be sent again: it is acknowledged, or ruled out by the limits of this connection.
    fn is_over(&self, id: PacketId) -> bool {
        let Some(Live::Publish { number, qos }) = self.live.get(&id) else { return true };
        *qos > self.limits.qos || crate::size(*number, *qos, self.version) > self.limits.packet_size as usize
    }

    /// A packet that the client has read whole.
    pub fn read(&mut self, bytes: &[u8]) {
        match Packet::decode(bytes, self.version).expect("a valid packet") {
            Packet::ConnAck(connack) if connack.session_present => {
                let live = &self.live;
                let is_publish = |id: &PacketId| matches!(live.get(id), Some(Live::Publish { .. }));
                self.sent.retain(is_publish);
                self.publishes = self.sent.iter().copied().collect();
                self.releases =
                    live.iter().filter(|(_, live)| **live == Live::Released).map(|(id, _)| *id).collect();
            }
            Packet::ConnAck(_) => {
                self.live.clear();
                self.sent.clear();
                self.publishes.clear();
                self.releases.clear();
                self.last_number = None;
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => self.finished(ack.packet_id),
            Packet::PubRec(ack) if ack.reason.is_error() => self.finished(ack.packet_id),
            Packet::PubRec(ack) => {
                self.live.insert(ack.packet_id, Live::Released);
                self.sent.retain(|id| *id != ack.packet_id);
            }
            Packet::SubAck(ack) => drop(self.live.remove(&ack.packet_id)),
            Packet::UnsubAck(ack) => drop(self.live.remove(&ack.packet_id)),
            Packet::Publish(Publish { qos, packet_id: Some(id), .. }) => {
                self.unanswered[qos as usize - 1].push_back(id);
            }
            _ => {}
        }
    }

    /// The client has told that it gives a message up.
    pub fn refused(&mut self, number: u64) {
        let is_refused = |live: &Live| matches!(live, Live::Publish { number: one, .. } if *one == number);
        if let Some((&id, _)) = self.live.iter().find(|(_, live)| is_refused(live)) {
            self.finished(id);
        }
    }

    fn finished(&mut self, id: PacketId) {
        self.live.remove(&id);
        self.counted.remove(&id);
        self.releases.remove(&id);
        self.sent.retain(|sent| *sent != id);
    }
}
