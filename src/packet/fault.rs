//! What can be wrong with a packet.

use core::fmt;

use super::{PacketType, ProtocolVersion, ReasonCode};
use crate::TopicError;

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a place, a name and a fault is all there is to say")]
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

    /// The number of the statement that is violated (2.2.2-2 with `MQTT-` before it), where that version of the specification gives one.
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
    /// What follows the fixed header is longer than 268,435,455 bytes, or the packet is larger than its receiver takes.
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
            Self::TooLarge => f.write_str("the packet is larger than any may be, or than its receiver takes"),
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
    /// Will QoS, but no will.
    WillQoSWithoutWill,
    /// Will retain, but no will.
    WillRetainWithoutWill,
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
    /// What a 5.0 peer is told (5.0 section 4.13): malformed is what can't be parsed or has reserved bits set, a protocol
    /// error is what can be parsed and is forbidden, and some faults have a code of their own.
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::Truncated
            | Self::TrailingBytes
            | Self::PacketType(_)
            | Self::HeaderFlags { .. }
            | Self::IntegerTooLong
            | Self::IntegerNotMinimal
            | Self::NotUtf8
            | Self::ContainsNul
            | Self::ConnectFlagsReserved
            | Self::WillQoS
            | Self::AcknowledgeFlagsReserved
            | Self::PublishQoS
            | Self::DuplicateQoS0
            | Self::SubscriptionOptionsReserved
            | Self::PropertyLengthMissing
            | Self::PropertyUnknown(_)
            | Self::PropertyNotAllowed { .. } => ReasonCode::MalformedPacket,
            Self::PacketIdZero
            | Self::PacketIdMissing
            | Self::PacketIdUnexpected
            | Self::WillQoSWithoutWill
            | Self::WillRetainWithoutWill
            | Self::PasswordWithoutUserName
            | Self::SessionPresentOnRefusal
            | Self::ReasonCode { .. }
            | Self::TopicEmpty
            | Self::ResponseTopicWildcard
            | Self::ResponseTopicEmpty
            | Self::SubscribeEmpty
            | Self::UnsubscribeEmpty
            | Self::ReasonCodesMissing(_)
            | Self::SubscriptionQoS
            | Self::RetainHandling
            | Self::NoLocalOnShared
            | Self::PropertyTwice(_)
            | Self::PropertyValue(_)
            | Self::SubscriptionIdentifierZero
            | Self::AuthenticationDataWithoutMethod => ReasonCode::ProtocolError,
            Self::ProtocolName | Self::UnsupportedProtocolLevel(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::TopicWildcard => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::TopicFilterInvalid,
            Self::TopicAliasZero => ReasonCode::TopicAliasInvalid,
        }
    }

    /// The number of the statement that is violated, where that version of the specification gives one.
    #[must_use]
    pub const fn statement(self, version: ProtocolVersion) -> Option<&'static str> {
        let (in_3_1_1, in_5) = self.statements();
        match version {
            // Its specification numbers nothing.
            ProtocolVersion::V3_1 => None,
            ProtocolVersion::V3_1_1 => in_3_1_1,
            ProtocolVersion::V5 => in_5,
        }
    }

    /// The numbers in 3.1.1 and in 5.0.
    const fn statements(self) -> (Option<&'static str>, Option<&'static str>) {
        let (in_3_1_1, in_5) = match self {
            Self::HeaderFlags { .. } => ("MQTT-2.2.2-2", "MQTT-2.1.3-1"),
            Self::IntegerTooLong | Self::IntegerNotMinimal => ("", "MQTT-1.5.5-1"),
            Self::NotUtf8 => ("MQTT-1.5.3-1", "MQTT-1.5.4-1"),
            Self::ContainsNul => ("MQTT-1.5.3-2", "MQTT-1.5.4-2"),
            Self::PacketIdZero | Self::PacketIdMissing => ("MQTT-2.3.1-1", "MQTT-2.2.1-3"),
            Self::PacketIdUnexpected => ("MQTT-2.3.1-5", "MQTT-2.2.1-2"),
            Self::ProtocolName => ("MQTT-3.1.2-1", "MQTT-3.1.2-1"),
            Self::UnsupportedProtocolLevel(_) => ("MQTT-3.1.2-2", "MQTT-3.1.2-2"),
            Self::ConnectFlagsReserved => ("MQTT-3.1.2-3", "MQTT-3.1.2-3"),
            Self::WillQoSWithoutWill => ("MQTT-3.1.2-13", "MQTT-3.1.2-11"),
            Self::WillRetainWithoutWill => ("MQTT-3.1.2-15", "MQTT-3.1.2-13"),
            Self::WillQoS => ("MQTT-3.1.2-14", "MQTT-3.1.2-12"),
            Self::PasswordWithoutUserName => ("MQTT-3.1.2-22", ""),
            Self::AcknowledgeFlagsReserved => ("", "MQTT-3.2.2-1"),
            Self::SessionPresentOnRefusal => ("MQTT-3.2.2-4", "MQTT-3.2.2-6"),
            Self::ReasonCode { packet, .. } => reason_code_statements(packet),
            Self::PublishQoS => ("MQTT-3.3.1-4", "MQTT-3.3.1-4"),
            Self::DuplicateQoS0 => ("MQTT-3.3.1-2", "MQTT-3.3.1-2"),
            Self::TopicEmpty => ("MQTT-4.7.3-1", "MQTT-4.7.3-1"),
            Self::TopicWildcard => ("MQTT-3.3.2-2", "MQTT-3.3.2-2"),
            Self::ResponseTopicWildcard => ("", "MQTT-3.3.2-14"),
            Self::ResponseTopicEmpty => ("", "MQTT-4.7.3-1"),
            Self::TopicFilter(error) => filter_statements(error),
            Self::SubscribeEmpty => ("MQTT-3.8.3-3", "MQTT-3.8.3-2"),
            Self::UnsubscribeEmpty => ("MQTT-3.10.3-2", "MQTT-3.10.3-2"),
            Self::ReasonCodesMissing(PacketType::SubAck) => ("MQTT-3.8.4-5", "MQTT-3.9.3-2"),
            Self::ReasonCodesMissing(_) => ("", "MQTT-3.11.3-2"),
            Self::SubscriptionQoS => ("MQTT-3.8.3-4", ""),
            Self::SubscriptionOptionsReserved => ("MQTT-3.8.3-4", "MQTT-3.8.3-5"),
            Self::NoLocalOnShared => ("", "MQTT-3.8.3-4"),
            Self::PropertyLengthMissing => ("", "MQTT-2.2.2-1"),
            Self::TopicAliasZero => ("", "MQTT-3.3.2-8"),
            // Forbidden too, but in sentences without a number.
            Self::Truncated
            | Self::TrailingBytes
            | Self::PacketType(_)
            | Self::PacketTooLarge { .. }
            | Self::RetainHandling
            | Self::PropertyUnknown(_)
            | Self::PropertyNotAllowed { .. }
            | Self::PropertyTwice(_)
            | Self::PropertyValue(_)
            | Self::SubscriptionIdentifierZero
            | Self::AuthenticationDataWithoutMethod => ("", ""),
        };
        (some(in_3_1_1), some(in_5))
    }
}

const fn some(statement: &'static str) -> Option<&'static str> {
    if statement.is_empty() { None } else { Some(statement) }
}

const fn reason_code_statements(packet: PacketType) -> (&'static str, &'static str) {
    match packet {
        PacketType::ConnAck => ("MQTT-3.2.2-6", "MQTT-3.2.2-8"),
        PacketType::PubAck => ("", "MQTT-3.4.2-1"),
        PacketType::PubRec => ("", "MQTT-3.5.2-1"),
        PacketType::PubRel => ("", "MQTT-3.6.2-1"),
        PacketType::PubComp => ("", "MQTT-3.7.2-1"),
        PacketType::SubAck => ("MQTT-3.9.3-2", "MQTT-3.9.3-2"),
        PacketType::UnsubAck => ("", "MQTT-3.11.3-2"),
        PacketType::Disconnect => ("", "MQTT-3.14.2-1"),
        PacketType::Auth => ("", "MQTT-3.15.2-1"),
        PacketType::Connect
        | PacketType::Publish
        | PacketType::Subscribe
        | PacketType::Unsubscribe
        | PacketType::PingReq
        | PacketType::PingResp => ("", ""),
    }
}

const fn filter_statements(error: TopicError) -> (&'static str, &'static str) {
    match error {
        TopicError::Empty => ("MQTT-4.7.3-1", "MQTT-4.7.3-1"),
        TopicError::MultiLevelWildcard => ("MQTT-4.7.1-2", "MQTT-4.7.1-1"),
        TopicError::SingleLevelWildcard => ("MQTT-4.7.1-3", "MQTT-4.7.1-2"),
        TopicError::ShareName => ("", "MQTT-4.8.2-2"),
        TopicError::Text(_) | TopicError::Wildcard => ("", ""),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PacketType(number) => return write!(f, "packet type {number} does not exist"),
            Self::HeaderFlags { packet, flags } => {
                return write!(
                    f,
                    "the flags are {flags:04b}, but those of {packet} must be {:04b}",
                    packet.flags()
                );
            }
            Self::PacketTooLarge { size, limit } => {
                return write!(f, "{size} bytes, but at most {limit} are allowed");
            }
            Self::UnsupportedProtocolLevel(level) => {
                return write!(f, "protocol version {level} is not supported");
            }
            Self::ReasonCode { packet, code } => return write!(f, "{packet} has no code 0x{code:02x}"),
            Self::TopicFilter(error) => return error.fmt(f),
            Self::ReasonCodesMissing(packet) => return write!(f, "{packet} has one code at least"),
            Self::PropertyUnknown(id) => return write!(f, "property 0x{id:02x} does not exist"),
            Self::PropertyNotAllowed { property, within } => {
                return write!(f, "{property} is not allowed in {within}");
            }
            Self::PropertyTwice(property) => return write!(f, "{property} is there twice"),
            Self::PropertyValue(property) => return write!(f, "{property} must not have this value"),
            Self::Truncated => "ends too early",
            Self::TrailingBytes => "bytes follow where the packet should end",
            Self::IntegerTooLong => "a variable byte integer has four bytes at most",
            Self::IntegerNotMinimal => "a variable byte integer in more bytes than needed",
            Self::NotUtf8 => "not well-formed UTF-8",
            Self::ContainsNul => "contains the character U+0000",
            Self::PacketIdZero => "a packet identifier is not 0",
            Self::PacketIdMissing => "QoS 1 and 2 ask for a packet identifier",
            Self::PacketIdUnexpected => "QoS 0 has no packet identifier",
            Self::ProtocolName => "the protocol name is not \"MQTT\"",
            Self::ConnectFlagsReserved => "the reserved bit of the connect flags is set",
            Self::WillQoSWithoutWill => "a will QoS without a will",
            Self::WillRetainWithoutWill => "will retain without a will",
            Self::WillQoS | Self::PublishQoS | Self::SubscriptionQoS => "QoS 3 does not exist",
            Self::PasswordWithoutUserName => "a password without a user name",
            Self::AcknowledgeFlagsReserved => "reserved bits of the acknowledge flags are set",
            Self::SessionPresentOnRefusal => "session present although the connection is refused",
            Self::DuplicateQoS0 => "DUP is set although the QoS is 0",
            Self::TopicEmpty => "the topic name is empty",
            Self::TopicWildcard => "a topic name must not contain the wildcards `+` and `#`",
            Self::ResponseTopicWildcard => "a response topic must not contain the wildcards `+` and `#`",
            Self::ResponseTopicEmpty => "the response topic is empty",
            Self::SubscribeEmpty => "SUBSCRIBE has one topic filter at least",
            Self::UnsubscribeEmpty => "UNSUBSCRIBE has one topic filter at least",
            Self::RetainHandling => "retain handling 3 does not exist",
            Self::SubscriptionOptionsReserved => "reserved bits of the subscription options are set",
            Self::NoLocalOnShared => "no local is not allowed for a shared subscription",
            Self::PropertyLengthMissing => "the property length is missing",
            Self::TopicAliasZero => "a topic alias is not 0",
            Self::SubscriptionIdentifierZero => "a subscription identifier is not 0",
            Self::AuthenticationDataWithoutMethod => "authentication data without an authentication method",
        })
    }
}
