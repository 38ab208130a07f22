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
mod tests;

use bytes::BufMut;

pub use ack::Ack;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::{Auth, Disconnect};
pub use fault::{DecodeError, EncodeError, Fault};
pub use filters::{Filters, RetainHandling, Subscription, TopicFilters};
pub use header::{PacketId, PacketType, ProtocolVersion};
pub use integer::VariableByteInteger;
pub use observe::{FieldValue, Observer};
pub use properties::{Properties, PropertyList};
pub use property::Property;
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
        todo!()
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
        todo!()
    }

    /// Appends the packet to `out`. A CONNECT is written in its own version.
    ///
    /// # Errors
    ///
    /// As [`size`](Self::size); nothing was written then.
    pub fn encode(&self, version: ProtocolVersion, out: &mut impl BufMut) -> Result<(), EncodeError> {
        todo!()
    }
}
