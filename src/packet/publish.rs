//! PUBLISH (section 3.3).

use bytes::BufMut;

use super::{
    DecodeError, EncodeError, Fault, Observer, PacketId, PacketType, Properties, ProtocolVersion,
    VariableByteInteger,
    cursor::Reader,
    property::Place,
    sink::{Counted, Counter, Room, Sink, announced, check_topic, invalid, whole},
};
use crate::QoS;

const TOPIC: &str = "topic name";
const PACKET_ID: &str = "packet identifier";
const PLACE: Place = Place::Packet(PacketType::Publish);
const DUPLICATE: u8 = 0b1000;
const QOS_SHIFT: u32 = 1;
const RETAIN: u8 = 0b0001;

/// PUBLISH: a message.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Publish<'a> {
    /// Whether it was sent before.
    pub duplicate: bool,
    /// How surely it is delivered.
    pub qos: QoS,
    /// To a server: keep it. From a server: it was kept.
    pub retain: bool,
    /// The topic name. Empty only in 5.0, with a topic alias.
    pub topic: &'a str,
    /// There with QoS 1 and 2, and only then.
    pub packet_id: Option<PacketId>,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Appends everything but the payload, which the caller sends behind it. Its length is announced in the header.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`](super::Packet::encode).
    pub fn encode_header(&self, version: ProtocolVersion, out: &mut impl BufMut) -> Result<(), EncodeError> {
        self.check(version)?;
        self.checked().head(version)?.append(out)
    }

    #[inline(always)]
    pub(super) fn decode<O: Observer>(
        reader: &mut Reader<'a, '_, O>,
        flags: u8,
    ) -> Result<Self, DecodeError> {
        let topic_at = reader.at();
        let PublishStart { duplicate, qos, retain, topic, packet_id } = PublishStart::read(reader, flags)?;
        let properties = reader.properties(PLACE)?;
        // [MQTT-4.7.3-1] (both versions)
        if topic.is_empty() && properties.topic_alias().is_none() {
            return Err(DecodeError { offset: topic_at, field: TOPIC, fault: Fault::TopicEmpty });
        }
        let payload = reader.rest("payload")?;
        Ok(Self { duplicate, qos, retain, topic, packet_id, properties, payload })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.properties.check(PLACE, version)?;
        if !self.topic.is_empty() || self.properties.topic_alias().is_none() {
            check_topic(TOPIC, self.topic)?;
        }
        match (self.qos, self.packet_id) {
            // [MQTT-2.3.1-5] (3.1.1), [MQTT-2.2.1-2] (5.0)
            (QoS::AtMostOnce, Some(_)) => Err(invalid(PACKET_ID, Fault::PacketIdUnexpected)),
            // [MQTT-3.3.1-2] (both versions)
            (QoS::AtMostOnce, None) if self.duplicate => Err(invalid("duplicate", Fault::DuplicateQoS0)),
            // [MQTT-2.3.1-1] (3.1.1), [MQTT-2.2.1-3] (5.0)
            (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => Err(invalid(PACKET_ID, Fault::PacketIdMissing)),
            (QoS::AtMostOnce, None) | (QoS::AtLeastOnce | QoS::ExactlyOnce, Some(_)) => Ok(()),
        }
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        self.checked().write_head(version, sink);
        sink.slice(self.payload);
    }

    pub(super) fn first_byte(&self) -> u8 {
        self.checked().first_byte()
    }

    const fn checked(&self) -> CheckedPublish<'a> {
        let Self { duplicate, qos, retain, topic, packet_id, properties, payload } = *self;
        let (topic, payload) = (topic.as_bytes(), payload.len());
        CheckedPublish { duplicate, qos, retain, topic, packet_id, properties, payload }
    }
}

/// A PUBLISH whose parts were checked when they were made. They are written as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedPublish<'a> {
    pub(crate) duplicate: bool,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) topic: &'a [u8],
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) properties: Properties<'a>,
    /// How many bytes it has.
    pub(crate) payload: usize,
}

impl CheckedPublish<'_> {
    /// The size of the whole packet.
    pub(crate) fn size(&self, version: ProtocolVersion) -> Result<usize, EncodeError> {
        self.head(version).map(|head| whole(head.remaining))
    }

    /// Writes everything but the payload, if there is room: asked for with the size of the whole packet, and that of the room.
    /// Whether there was.
    pub(crate) fn encode_header_in<'r>(
        &self,
        version: ProtocolVersion,
        room: impl FnOnce(usize, usize) -> Option<&'r mut [u8]>,
    ) -> bool {
        let Ok(head) = self.head(version) else { return false };
        room(whole(head.remaining), head.size()).map(|room| head.write(&mut Room(room))).is_some()
    }

    fn head(&self, version: ProtocolVersion) -> Result<Head<'_>, EncodeError> {
        let mut counter = Counter::default();
        self.write_head(version, &mut counter);
        let remaining = announced(counter.0.saturating_add(self.payload))?;
        Ok(Head { publish: self, version, remaining, variable: counter.0 })
    }

    const fn first_byte(&self) -> u8 {
        PacketType::Publish.as_u8() << 4
            | if self.duplicate { DUPLICATE } else { 0 }
            | (self.qos as u8) << QOS_SHIFT
            | if self.retain { RETAIN } else { 0 }
    }

    /// [MQTT-3.3.2-1] (both versions), [MQTT-2.3.1-1] [MQTT-2.3.1-5] (3.1.1), [MQTT-2.2.1-2] (5.0)
    fn write_head(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.binary(self.topic);
        if let Some(packet_id) = self.packet_id {
            sink.u16(packet_id.get());
        }
        self.properties.write(version, sink);
    }
}

/// All of a PUBLISH but its payload.
struct Head<'p> {
    publish: &'p CheckedPublish<'p>,
    version: ProtocolVersion,
    /// The remaining length, payload included.
    remaining: u32,
    /// How many bytes stand between fixed header and payload.
    variable: usize,
}

impl Counted for Head<'_> {
    fn size(&self) -> usize {
        1 + VariableByteInteger::length_of(self.remaining) + self.variable
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(self.publish.first_byte());
        sink.variable(self.remaining);
        self.publish.write_head(self.version, sink);
    }
}

/// How a PUBLISH starts, for one that was too large to be taken in whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the same in both versions")]
pub struct PublishStart<'a> {
    /// Whether it was sent before.
    pub duplicate: bool,
    /// How surely it is delivered.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// The topic name; empty if an alias stands for it.
    pub topic: &'a str,
    /// There with QoS 1 and 2.
    pub packet_id: Option<PacketId>,
}

impl<'a> PublishStart<'a> {
    /// Reads the start of a PUBLISH from the first bytes of its packet, whatever follows.
    ///
    /// # Errors
    ///
    /// Says what is wrong up to the packet identifier.
    pub fn decode(prefix: &'a [u8]) -> Result<Self, DecodeError> {
        let mut observer = ();
        let mut reader = Reader::new(prefix, ProtocolVersion::V5, &mut observer);
        let (packet_type, flags) = reader.first_byte()?;
        if packet_type != PacketType::Publish {
            let fault = Fault::PacketType(packet_type.as_u8());
            return Err(DecodeError { offset: 0, field: "packet type", fault });
        }
        reader.variable("remaining length")?;
        Self::read(&mut reader, flags)
    }

    #[inline(always)]
    fn read<O: Observer>(reader: &mut Reader<'a, '_, O>, flags: u8) -> Result<Self, DecodeError> {
        let (duplicate, qos, retain) = flags_of(flags)?;
        // [MQTT-3.3.2-1] (both versions)
        let topic = reader.topic_or_empty(TOPIC)?;
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(reader.packet_id()?) };
        Ok(Self { duplicate, qos, retain, topic, packet_id })
    }
}

/// DUP, QoS and RETAIN. QoS 3 is refused [MQTT-3.3.1-4] (both versions).
pub(super) fn flags_of(flags: u8) -> Result<(bool, QoS, bool), DecodeError> {
    let qos = QoS::from_u8((flags >> QOS_SHIFT) & 0b11).ok_or(DecodeError {
        offset: 0,
        field: "flags",
        fault: Fault::PublishQoS,
    })?;
    Ok((flags & DUPLICATE != 0, qos, flags & RETAIN != 0))
}
