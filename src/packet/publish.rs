//! PUBLISH (section 3.3).

use bytes::BufMut;

use super::{DecodeError, EncodeError, PacketId, Properties, ProtocolVersion};
use crate::QoS;

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
        todo!()
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
        todo!()
    }
}
