//! What every packet starts with: its type, and for many an identifier.

use core::{fmt, num::NonZeroU16};

use super::{DecodeError, Fault};

/// The version of the protocol that a connection speaks; CONNECT names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ProtocolVersion {
    /// MQTT 3.1 (`MQIsdp`), protocol level 3: on the wire as 3.1.1 but for its name and the rule about client identifiers.
    V3_1 = 3,
    /// MQTT 3.1.1, protocol level 4.
    V3_1_1 = 4,
    /// MQTT 5.0, protocol level 5.
    #[default]
    V5 = 5,
}

impl ProtocolVersion {
    /// The version of a protocol level (the number in CONNECT), if this crate speaks it.
    #[must_use]
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            3 => Some(Self::V3_1),
            4 => Some(Self::V3_1_1),
            5 => Some(Self::V5),
            _ => None,
        }
    }

    /// The protocol level: 3, 4 or 5.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The protocol name in CONNECT: `MQIsdp` in 3.1, `MQTT` since.
    #[must_use]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQIsdp",
            Self::V3_1_1 | Self::V5 => "MQTT",
        }
    }
}

/// `v3.1`, `v3.1.1` or `v5`.
impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1 => "v3.1",
            Self::V3_1_1 => "v3.1.1",
            Self::V5 => "v5",
        })
    }
}

/// Names an exchange while it lasts; never 0 ([MQTT-2.3.1-1] (3.1.1), [MQTT-2.2.1-3] (5.0)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The largest.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// The identifier of a number; `None` for 0.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kinds of control packets, with their numbers (3.1.1 section 2.2.1, 5.0 section 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these fifteen")]
#[expect(missing_docs, reason = "documented at the variants of `Packet`")]
#[repr(u8)]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type of a number, the upper half of a packet's first byte; `None` for 0 and from 16 on.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The name in the specification: `CONNECT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The flags of its first byte; those of PUBLISH vary.
    /// [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] (both versions), [MQTT-2.2.2-1] (3.1.1), [MQTT-2.1.3-1] (5.0)
    /// [MQTT-3.15.1-1] (5.0)
    pub(crate) const fn flags(self) -> u8 {
        if matches!(self, Self::PubRel | Self::Subscribe | Self::Unsubscribe) { 0b0010 } else { 0 }
    }

    /// Whether a client may send it, in one version at least: a 3.1.1 client sends no AUTH.
    #[must_use]
    pub const fn is_sent_by_client(self) -> bool {
        !matches!(self, Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp)
    }

    /// Whether a server may send it, in one version at least: a 3.1.1 server sends no DISCONNECT and no AUTH.
    #[must_use]
    pub const fn is_sent_by_server(self) -> bool {
        !matches!(self, Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq)
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes a packet's first byte apart. Wrong flags are refused ([MQTT-2.2.2-2] (3.1.1), [MQTT-2.1.3-1] (5.0)), as are
/// QoS 3 [MQTT-3.3.1-4] (both versions) and DUP with QoS 0 [MQTT-3.3.1-2] (both versions).
/// [MQTT-3.14.1-1] (both versions), [MQTT-3.15.1-1] (5.0)
pub(crate) const fn check_first(first: u8) -> Result<(PacketType, u8), DecodeError> {
    let (number, flags) = (first >> 4, first & 0x0F);
    if number == PacketType::Publish.as_u8() {
        let fault = if flags & 0b0110 == 0b0110 {
            Fault::PublishQoS
        } else if flags & 0b1110 == 0b1000 {
            Fault::DuplicateQoS0
        } else {
            return Ok((PacketType::Publish, flags));
        };
        return Err(DecodeError { offset: 0, field: "flags", fault });
    }
    match PacketType::from_u8(number) {
        Some(packet) if flags == packet.flags() => Ok((packet, flags)),
        Some(packet) => {
            Err(DecodeError { offset: 0, field: "flags", fault: Fault::HeaderFlags { packet, flags } })
        }
        None => Err(DecodeError { offset: 0, field: "packet type", fault: Fault::PacketType(number) }),
    }
}
