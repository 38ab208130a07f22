//! SUBACK and UNSUBACK (sections 3.9 and 3.11).

use super::{
    DecodeError, EncodeError, Fault, Observer, PacketId, PacketType, Properties, ProtocolVersion, ReasonCode,
    cursor::Reader,
    property::Place,
    sink::{Sink, invalid},
};

const CODE: &str = "reason code";

/// SUBACK: the server's answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct SubAck<'a> {
    /// That of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// One for each filter, in order. 3.1.1 has one code for all failures, 0x80, and every failure is sent as that.
    pub reasons: ReasonCodes<'a>,
}

/// UNSUBACK: the server's answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct UnsubAck<'a> {
    /// That of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// One for each filter, in order. 3.1.1 carries none: they are not sent, and decoded there are none.
    pub reasons: ReasonCodes<'a>,
}

/// Reason codes in the order of the filters that they answer.
#[derive(Clone, Copy, Debug)]
pub struct ReasonCodes<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [ReasonCode]),
    Wire(&'a [u8]),
}

impl<'a> ReasonCodes<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [ReasonCode]) -> Self {
        Self { source: Source::List(list) }
    }

    /// The codes, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + Clone + use<'a> {
        let (list, wire): (&[ReasonCode], &[u8]) = match self.source {
            Source::List(list) => (list, &[]),
            Source::Wire(wire) => (&[], wire),
        };
        // Codes on the wire were checked when they were decoded.
        list.iter().copied().chain(wire.iter().filter_map(|code| ReasonCode::from_u8(*code)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            Source::List(list) => list.len(),
            Source::Wire(wire) => wire.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> ReasonCodes<'a> {
    /// All that is left of the packet, one code at least.
    fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>, packet: PacketType) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            let fault = Fault::ReasonCodesMissing(packet);
            return Err(DecodeError { offset: reader.at(), field: CODE, fault });
        }
        let wire = reader.remaining();
        while !reader.is_empty() {
            let offset = reader.at();
            let reason = reader.reason(packet)?;
            // [MQTT-3.9.3-2] (3.1.1)
            let code = reason.as_u8();
            if reader.version < ProtocolVersion::V5 && !matches!(code, 0..=2 | 0x80) {
                return Err(DecodeError { offset, field: CODE, fault: Fault::ReasonCode { packet, code } });
            }
        }
        Ok(Self { source: Source::Wire(wire) })
    }

    /// [MQTT-3.8.4-5] (3.1.1), [MQTT-3.9.3-2] [MQTT-3.11.3-2] (5.0)
    fn check(&self, packet: PacketType) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Err(invalid(CODE, Fault::ReasonCodesMissing(packet)));
        }
        self.iter().try_for_each(|reason| reason.check(packet))
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a> SubAck<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(Place::Packet(PacketType::SubAck))?;
        let reasons = ReasonCodes::decode(reader, PacketType::SubAck)?;
        Ok(Self { packet_id, properties, reasons })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.properties.check(Place::Packet(PacketType::SubAck), version)?;
        self.reasons.check(PacketType::SubAck)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u16(self.packet_id.get());
        self.properties.write(version, sink);
        for reason in self.reasons.iter() {
            let failed = version < ProtocolVersion::V5 && reason.is_error();
            sink.u8(if failed { ReasonCode::UnspecifiedError } else { reason }.as_u8());
        }
    }
}

impl<'a> UnsubAck<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(Place::Packet(PacketType::UnsubAck))?;
        let reasons = match reader.version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => ReasonCodes::new(&[]),
            ProtocolVersion::V5 => ReasonCodes::decode(reader, PacketType::UnsubAck)?,
        };
        Ok(Self { packet_id, properties, reasons })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.properties.check(Place::Packet(PacketType::UnsubAck), version)?;
        match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => Ok(()),
            ProtocolVersion::V5 => self.reasons.check(PacketType::UnsubAck),
        }
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u16(self.packet_id.get());
        self.properties.write(version, sink);
        if version == ProtocolVersion::V5 {
            for reason in self.reasons.iter() {
                sink.u8(reason.as_u8());
            }
        }
    }
}
