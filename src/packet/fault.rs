//! What can be wrong with a packet.

use core::fmt;

use super::{PacketType, ProtocolVersion, ReasonCode};
use crate::TopicError;

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a place, a name and a fault is all there is to say"
)]
pub struct DecodeError {
    /// Where, from the packet's first byte: the wrong byte, or the first byte of the wrong field.
    pub offset: usize,
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

impl DecodeError {
    /// What a 5.0 peer is told in the closing DISCONNECT or CONNACK (5.0 section 4.13).
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        self.fault.reason()
    }

    /// The number of the statement that is violated (`MQTT-2.2.2-2`), where that version of the specification gives one.
    #[must_use]
    pub const fn statement(&self, version: ProtocolVersion) -> Option<&'static str> {
        self.fault.statement(version)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, {}: {}", self.offset, self.field, self.fault)
    }
}

impl core::error::Error for DecodeError {}

/// Why a packet can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string or binary field is longer than 65,535 bytes.
    TextTooLong {
        /// The field.
        field: &'static str,
    },
    /// What follows the fixed header is longer than 268,435,455 bytes.
    TooLarge,
    /// The field exists in another version only.
    NotInThisVersion {
        /// The field.
        field: &'static str,
    },
    /// A receiver would refuse the field.
    Invalid {
        /// The field.
        field: &'static str,
        /// As what it would refuse it.
        fault: Fault,
    },
    /// The buffer of a fixed size, that was passed to write to, is too small.
    NoRoom {
        /// How many bytes the packet takes.
        needed: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextTooLong { field } => write!(f, "{field}: longer than 65,535 bytes"),
            Self::TooLarge => f.write_str("the packet is larger than 268,435,455 bytes"),
            Self::NotInThisVersion { field } => write!(f, "{field}: not in this version of the protocol"),
            Self::Invalid { field, fault } => write!(f, "{field}: {fault}"),
            Self::NoRoom { needed } => write!(f, "the buffer has no room for {needed} bytes"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// One way in which a packet can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The packet, or the part that is announced by a length, ends inside the field.
    Truncated,
    /// Bytes follow where the packet should end.
    TrailingBytes,
    /// Not a packet type of this version: 0, and in 3.1.1 15.
    PacketType(u8),
    /// The lower half of the first byte is not what the packet's type asks for.
    HeaderFlags {
        /// The packet's type.
        packet: PacketType,
        /// The four bits.
        flags: u8,
    },
    /// A variable byte integer of more than four bytes.
    IntegerTooLong,
    /// A variable byte integer in more bytes than needed.
    IntegerNotMinimal,
    /// The whole packet is larger than the receiver allows.
    PacketTooLarge {
        /// The packet's size with its fixed header.
        size: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// Not well-formed UTF-8.
    NotUtf8,
    /// A string with U+0000 in it.
    ContainsNul,
    /// The packet identifier 0.
    PacketIdZero,
    /// No packet identifier with QoS 1 or 2.
    PacketIdMissing,
    /// A packet identifier with QoS 0.
    PacketIdUnexpected,
    /// The protocol name is not `MQTT`.
    ProtocolName,
    /// A protocol level (version number) that this crate does not speak. A server answers a 3.1.1 client with return
    /// code 1, a 5.0 client with reason code 0x84.
    UnsupportedProtocolLevel(u8),
    /// Bit 0 of the connect flags is set.
    ConnectFlagsReserved,
    /// Will QoS or will retain, but no will.
    WillFlagsWithoutWill,
    /// QoS 3 for the will.
    WillQoS,
    /// 3.1.1: a password, but no user name.
    PasswordWithoutUserName,
    /// The upper seven bits of the acknowledge flags are not 0.
    AcknowledgeFlagsReserved,
    /// Session present, but the connection is refused.
    SessionPresentOnRefusal,
    /// A reason or return code that is not in the table of this packet.
    ReasonCode {
        /// The packet's type.
        packet: PacketType,
        /// The code on the wire.
        code: u8,
    },
    /// QoS 3 for a message.
    PublishQoS,
    /// DUP with QoS 0.
    DuplicateQoS0,
    /// A topic name without a character; in 5.0 without a topic alias too.
    TopicEmpty,
    /// A topic name with a wildcard.
    TopicWildcard,
    /// A response topic with a wildcard.
    ResponseTopicWildcard,
    /// A response topic without a character.
    ResponseTopicEmpty,
    /// Not a topic filter.
    TopicFilter(TopicError),
    /// SUBSCRIBE without a filter.
    SubscribeEmpty,
    /// UNSUBSCRIBE without a filter.
    UnsubscribeEmpty,
    /// SUBACK or UNSUBACK without a reason code.
    ReasonCodesMissing(PacketType),
    /// QoS 3 for a subscription.
    SubscriptionQoS,
    /// Retain handling 3.
    RetainHandling,
    /// Reserved bits of the subscription options are set.
    SubscriptionOptionsReserved,
    /// No local on a shared subscription.
    NoLocalOnShared,
    /// The property length is left out.
    PropertyLengthMissing,
    /// No property has this identifier.
    PropertyUnknown(u32),
    /// The property does not belong here.
    PropertyNotAllowed {
        /// The property's name.
        property: &'static str,
        /// The packet's name, or `will`.
        within: &'static str,
    },
    /// The property is there twice.
    PropertyTwice(&'static str),
    /// The property has a value that is forbidden.
    PropertyValue(&'static str),
    /// The topic alias 0.
    TopicAliasZero,
    /// The subscription identifier 0.
    SubscriptionIdentifierZero,
    /// Authentication data, but no authentication method.
    AuthenticationDataWithoutMethod,
}

impl Fault {
    /// What a 5.0 peer is told (5.0 section 4.13).
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        todo!()
    }

    /// The number of the statement that is violated, where that version of the specification gives one.
    #[must_use]
    pub const fn statement(self, version: ProtocolVersion) -> Option<&'static str> {
        todo!()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
