//! The control packets of both versions: borrowed views, encoding and decoding. No state.
//!
//! One type per packet serves 3.1.1 and 5.0; what a version lacks is refused when it is encoded and absent when it was
//! decoded. Views borrow from the packet's bytes, so decoding allocates nothing.
//!
//! ```
//! use mqtt_engine::packet::{Packet, ProtocolVersion};
//!
//! let packet = Packet::decode(&[0x30, 0x05, 0x00, 0x01, b'a', b'h', b'i'], ProtocolVersion::V3_1_1)?;
//! let Packet::Publish(publish) = packet else { panic!("a PUBLISH") };
//! assert_eq!((publish.topic, publish.payload), ("a", &b"hi"[..]));
//! # Ok::<(), mqtt_engine::packet::DecodeError>(())
//! ```
#![warn(clippy::indexing_slicing)]

mod ack;
mod codec;
mod connack;
mod connect;
mod cursor;
mod disconnect;
mod display;
mod fault;
mod filters;
mod header;
mod integer;
mod observe;
mod properties;
mod property;
mod publish;
mod reason;
mod reason_codes;
mod sink;
mod subscribe;
#[cfg(test)]
pub(crate) mod tests;

use bytes::BufMut;

use self::{
    cursor::Reader,
    sink::{Counted, Counter, Room, Sink, announced, whole},
};
pub use ack::Ack;
pub(crate) use ack::CheckedAck;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::{Auth, Disconnect};
pub use fault::{DecodeError, EncodeError, Fault};
pub use filters::{Filters, RetainHandling, Subscription, TopicFilters};
pub(crate) use header::check_first;
pub use header::{PacketId, PacketType, ProtocolVersion};
pub use integer::VariableByteInteger;
pub use observe::{FieldValue, Observer};
pub use properties::{Properties, PropertyList};
pub use property::Property;
pub(crate) use publish::CheckedPublish;
pub use publish::{Publish, PublishStart};
pub use reason::ReasonCode;
pub use reason_codes::{ReasonCodes, SubAck, UnsubAck};
pub use subscribe::{Subscribe, Unsubscribe};

/// One control packet (section 3 of both specifications).
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these fifteen")]
pub enum Packet<'a> {
    /// A client asks for a connection (3.1).
    Connect(Connect<'a>),
    /// The server's answer to it (3.2).
    ConnAck(ConnAck<'a>),
    /// A message (3.3).
    Publish(Publish<'a>),
    /// QoS 1: the message has arrived (3.4).
    PubAck(Ack<'a>),
    /// QoS 2, first answer: the message has arrived (3.5).
    PubRec(Ack<'a>),
    /// QoS 2: the sender lets the message go (3.6).
    PubRel(Ack<'a>),
    /// QoS 2, last answer: done (3.7).
    PubComp(Ack<'a>),
    /// A client asks for messages (3.8).
    Subscribe(Subscribe<'a>),
    /// The server's answer to it (3.9).
    SubAck(SubAck<'a>),
    /// A client asks for no more messages (3.10).
    Unsubscribe(Unsubscribe<'a>),
    /// The server's answer to it (3.11).
    UnsubAck(UnsubAck<'a>),
    /// A client asks whether the server is there (3.12).
    PingReq,
    /// It is (3.13).
    PingResp,
    /// The last packet of a connection (3.14).
    Disconnect(Disconnect<'a>),
    /// A step of an authentication exchange, 5.0 only (3.15).
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads one packet. `frame` is exactly the whole packet with its fixed header; `version` is that of the
    /// connection. A CONNECT names its own version, `version` is then ignored.
    ///
    /// # Errors
    ///
    /// Says what is wrong and where. Rules about the order of packets are not checked here.
    pub fn decode(frame: &'a [u8], version: ProtocolVersion) -> Result<Self, DecodeError> {
        Self::decode_observed(frame, version, &mut ())
    }

    /// The same, and tells `observer` of each field with its place in the frame, up to the one that is wrong.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_observed(
        frame: &'a [u8],
        version: ProtocolVersion,
        observer: &mut impl Observer,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame, version, observer);
        let (packet_type, flags) = reader.first_byte()?;
        reader.remaining_length()?;
        match packet_type {
            PacketType::Connect => reader.all(Self::Connect, Connect::decode),
            PacketType::ConnAck => reader.all(Self::ConnAck, ConnAck::decode),
            PacketType::Publish => reader.all(Self::Publish, |reader| Publish::decode(reader, flags)),
            PacketType::PubAck => reader.all(Self::PubAck, |reader| Ack::decode(reader, packet_type)),
            PacketType::PubRec => reader.all(Self::PubRec, |reader| Ack::decode(reader, packet_type)),
            PacketType::PubRel => reader.all(Self::PubRel, |reader| Ack::decode(reader, packet_type)),
            PacketType::PubComp => reader.all(Self::PubComp, |reader| Ack::decode(reader, packet_type)),
            PacketType::Subscribe => reader.all(Self::Subscribe, Subscribe::decode),
            PacketType::SubAck => reader.all(Self::SubAck, SubAck::decode),
            PacketType::Unsubscribe => reader.all(Self::Unsubscribe, Unsubscribe::decode),
            PacketType::UnsubAck => reader.all(Self::UnsubAck, UnsubAck::decode),
            PacketType::PingReq => reader.finish().map(|()| Self::PingReq),
            PacketType::PingResp => reader.finish().map(|()| Self::PingResp),
            PacketType::Disconnect => reader.all(Self::Disconnect, Disconnect::decode),
            PacketType::Auth => reader.all(Self::Auth, Auth::decode),
        }
    }

    /// Which packet it is.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// How many bytes the whole packet takes on the wire, fixed header included. Checks every field.
    ///
    /// # Errors
    ///
    /// Says which field can't be sent in this version, or at all.
    pub fn size(&self, version: ProtocolVersion) -> Result<usize, EncodeError> {
        self.check(version)?;
        self.counted(version).map(|counted| counted.size())
    }

    /// Appends the packet to `out`. A CONNECT is written in its own version.
    ///
    /// # Errors
    ///
    /// As [`size`](Self::size), or the buffer is one of a fixed size and too small; nothing was written then.
    pub fn encode(&self, version: ProtocolVersion, out: &mut impl BufMut) -> Result<(), EncodeError> {
        self.check(version)?;
        self.counted(version)?.append(out)
    }

    /// Writes the packet if there is room of its size; whether there was.
    pub(crate) fn encode_in<'r>(
        &self,
        version: ProtocolVersion,
        room: impl FnOnce(usize) -> Option<&'r mut [u8]>,
    ) -> Result<bool, EncodeError> {
        self.check(version)?;
        let counted = self.counted(version)?;
        Ok(room(counted.size()).map(|room| counted.write(&mut Room(room))).is_some())
    }

    fn counted(&self, version: ProtocolVersion) -> Result<CountedPacket<'_>, EncodeError> {
        let mut counter = Counter::default();
        self.write(version, &mut counter);
        Ok(CountedPacket { packet: self, version, remaining: announced(counter.0)? })
    }

    fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        match self {
            Self::Connect(connect) => connect.check(),
            Self::ConnAck(ack) => ack.check(version),
            Self::Publish(publish) => publish.check(version),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                ack.check(self.packet_type(), version)
            }
            Self::Subscribe(subscribe) => subscribe.check(version),
            Self::SubAck(ack) => ack.check(version),
            Self::Unsubscribe(unsubscribe) => unsubscribe.check(version),
            Self::UnsubAck(ack) => ack.check(version),
            Self::PingReq | Self::PingResp => Ok(()),
            Self::Disconnect(disconnect) => disconnect.check(version),
            Self::Auth(auth) => auth.check(version),
        }
    }

    /// Writes what follows the fixed header of a packet that was checked.
    fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        match self {
            Self::Connect(connect) => connect.write(sink),
            Self::ConnAck(ack) => ack.write(version, sink),
            Self::Publish(publish) => publish.write(version, sink),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                ack.write(version, sink);
            }
            Self::Subscribe(subscribe) => subscribe.write(version, sink),
            Self::SubAck(ack) => ack.write(version, sink),
            Self::Unsubscribe(unsubscribe) => unsubscribe.write(version, sink),
            Self::UnsubAck(ack) => ack.write(version, sink),
            Self::PingReq | Self::PingResp => {}
            Self::Disconnect(disconnect) => disconnect.write(version, sink),
            Self::Auth(auth) => auth.write(version, sink),
        }
    }

    fn first_byte(&self) -> u8 {
        if let Self::Publish(publish) = self {
            return publish.first_byte();
        }
        let packet_type = self.packet_type();
        packet_type.as_u8() << 4 | packet_type.flags()
    }
}

/// A whole packet, with its remaining length.
struct CountedPacket<'p> {
    packet: &'p Packet<'p>,
    version: ProtocolVersion,
    remaining: u32,
}

impl Counted for CountedPacket<'_> {
    fn size(&self) -> usize {
        whole(self.remaining)
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(self.packet.first_byte());
        sink.variable(self.remaining);
        self.packet.write(self.version, sink);
    }
}
