//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 and 3.10).

use super::{
    DecodeError, EncodeError, Filters, Observer, PacketId, PacketType, Properties, ProtocolVersion,
    TopicFilters, cursor::Reader, property::Place, sink::Sink,
};

/// SUBSCRIBE: a client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Subscribe<'a> {
    /// Names the exchange.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What is asked for; one at least.
    pub filters: Filters<'a>,
}

/// UNSUBSCRIBE: a client asks for no more messages.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Unsubscribe<'a> {
    /// Names the exchange.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What was asked for; one at least.
    pub filters: TopicFilters<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(Place::Packet(PacketType::Subscribe))?;
        let filters = Filters::decode(reader)?;
        Ok(Self { packet_id, properties, filters })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.properties.check(Place::Packet(PacketType::Subscribe), version)?;
        self.filters.check(version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u16(self.packet_id.get());
        self.properties.write(version, sink);
        self.filters.write(sink);
    }
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = reader.properties(Place::Packet(PacketType::Unsubscribe))?;
        let filters = TopicFilters::decode(reader)?;
        Ok(Self { packet_id, properties, filters })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        self.properties.check(Place::Packet(PacketType::Unsubscribe), version)?;
        self.filters.check(version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u16(self.packet_id.get());
        self.properties.write(version, sink);
        self.filters.write(sink);
    }
}
