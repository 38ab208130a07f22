//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).

use super::{
    DecodeError, EncodeError, Observer, PacketId, PacketType, Properties, ProtocolVersion, ReasonCode,
    cursor::Reader,
    property::Place,
    sink::{Counted, Room, Sink},
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

/// An acknowledgement whose parts were checked, on its way to the wire.
pub(crate) struct CheckedAck {
    pub(crate) packet: PacketType,
    pub(crate) packet_id: PacketId,
    /// Success in 3.1.1.
    pub(crate) reason: ReasonCode,
}

impl CheckedAck {
    /// Writes the packet into room of its size.
    pub(crate) fn encode_in<'r>(&self, room: impl FnOnce(usize) -> &'r mut [u8]) {
        debug_assert!(self.reason.check(self.packet).is_ok());
        self.write(&mut Room(room(self.size())));
    }
}

impl Counted for CheckedAck {
    fn size(&self) -> usize {
        if self.reason == ReasonCode::Success { 4 } else { 5 }
    }

    fn write(&self, sink: &mut impl Sink) {
        // All that follows the fixed header of two bytes.
        let remaining = if self.reason == ReasonCode::Success { 2 } else { 3 };
        sink.u8(self.packet.as_u8() << 4 | self.packet.flags());
        sink.u8(remaining);
        Ack::new(self.packet_id, self.reason).write(ProtocolVersion::V5, sink);
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
