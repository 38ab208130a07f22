//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).

use super::{
    DecodeError, EncodeError, Observer, PacketId, PacketType, Properties, ProtocolVersion, ReasonCode,
    cursor::Reader, property::Place, sink::Sink,
};

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Ack<'a> {
    /// That of the PUBLISH.
    pub packet_id: PacketId,
    /// How it went. 3.1.1 carries none: a success is not sent, and neither is the failure of a PUBREL or PUBCOMP, which
    /// calls for no other packet there. A PUBACK or PUBREC with a failure can't be sent, since it would tell a success.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl Ack<'static> {
    /// One without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, properties: Properties::NONE }
    }
}

impl<'a> Ack<'a> {
    pub(super) fn decode<O: Observer>(
        reader: &mut Reader<'a, '_, O>,
        packet: PacketType,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let (reason, properties) = reader.short_form(packet)?;
        Ok(Self { packet_id, reason, properties })
    }

    pub(super) fn check(&self, packet: PacketType, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.reason.check(packet)?;
        let tells = matches!(packet, PacketType::PubAck | PacketType::PubRec);
        if version < ProtocolVersion::V5 && tells && self.reason.is_error() {
            return Err(EncodeError::NotInThisVersion { field: "reason code" });
        }
        self.properties.check(Place::Packet(packet), version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u16(self.packet_id.get());
        write_short_form(self.reason, &self.properties, version, sink);
    }
}

/// Reason code and properties, where no properties and then success may be left out (5.0 sections 3.4 to 3.7 and
/// 3.14); 3.1.1 has neither.
pub(super) fn write_short_form(
    reason: ReasonCode,
    properties: &Properties<'_>,
    version: ProtocolVersion,
    sink: &mut impl Sink,
) {
    if version < ProtocolVersion::V5 || reason == ReasonCode::Success && properties.is_empty() {
        return;
    }
    sink.u8(reason.as_u8());
    if !properties.is_empty() {
        properties.write(version, sink);
    }
}
