//! DISCONNECT and AUTH (sections 3.14 and 3.15).

use super::{
    DecodeError, EncodeError, Fault, Observer, PacketType, Properties, ProtocolVersion, ReasonCode,
    ack::write_short_form, cursor::Reader, property::Place, sink::Sink,
};

/// DISCONNECT: the last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Disconnect<'a> {
    /// Why. 3.1.1 carries none: it is always [`ReasonCode::Success`] there, and no other can be sent.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

/// AUTH: a step of an authentication exchange, 5.0 only.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Auth<'a> {
    /// Success, continue or start over.
    pub reason: ReasonCode,
    /// The method and its data.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let (reason, properties) = reader.short_form(PacketType::Disconnect)?;
        Ok(Self { reason, properties })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.reason.check(PacketType::Disconnect)?;
        if version < ProtocolVersion::V5 && self.reason != ReasonCode::Success {
            return Err(EncodeError::NotInThisVersion { field: "reason code" });
        }
        self.properties.check(Place::Packet(PacketType::Disconnect), version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        write_short_form(self.reason, &self.properties, version, sink);
    }
}

impl<'a> Auth<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        if reader.version < ProtocolVersion::V5 {
            let fault = Fault::PacketType(PacketType::Auth.as_u8());
            return Err(DecodeError { offset: 0, field: "packet type", fault });
        }
        let (reason, properties) = reader.short_form(PacketType::Auth)?;
        Ok(Self { reason, properties })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        if version < ProtocolVersion::V5 {
            return Err(EncodeError::NotInThisVersion { field: "packet type" });
        }
        self.reason.check(PacketType::Auth)?;
        self.properties.check(Place::Packet(PacketType::Auth), version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        // It may leave out both or nothing (5.0 section 3.15.2.1), while a peer that leaves out the length alone is understood.
        // [MQTT-2.2.2-1] (5.0)
        if self.reason != ReasonCode::Success || !self.properties.is_empty() {
            sink.u8(self.reason.as_u8());
            self.properties.write(version, sink);
        }
    }
}
