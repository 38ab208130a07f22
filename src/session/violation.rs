//! Well-formed packets that are not allowed where they came.

use core::fmt;

use crate::packet::{PacketType, ReasonCode};

/// How a peer misbehaved with a packet that can be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A packet that only the other side sends, or that is not allowed at this point.
    UnexpectedPacket(PacketType),
    /// The first packet was not CONNECT (to a server) or not CONNACK (to a client) [MQTT-3.1.0-1] [MQTT-3.2.0-1] (both versions).
    HandshakeExpected(PacketType),
    /// More unfinished QoS 1 and 2 messages than the Receive Maximum allows [MQTT-3.3.4-7] [MQTT-3.3.4-9] (5.0).
    ReceiveMaximumExceeded,
    /// A topic alias of 0 or above the maximum [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11] (5.0).
    TopicAliasOutOfRange,
    /// A topic alias that stands for nothing on this connection [MQTT-3.3.2-7] (5.0).
    TopicAliasUnknown,
    /// An acknowledgement of the wrong kind for its packet identifier.
    WrongAcknowledgement,
    /// An acknowledgement with a packet identifier that nothing waits under; strict profile only.
    UnknownPacketIdentifier,
    /// A SUBACK or UNSUBACK whose reason codes are not one for each filter [MQTT-3.8.4-5] (3.1.1) [MQTT-3.8.4-6] (5.0);
    /// strict profile only.
    WrongNumberOfReasonCodes,
    /// CONNACK with session present where no session can be [MQTT-3.2.2-1] (3.1.1), [MQTT-3.2.2-2] [MQTT-3.2.2-4] (5.0); after a clean start in the strict profile only.
    SessionPresent,
    /// A QoS above the announced maximum.
    QoSNotSupported,
    /// A retained message although retaining was announced as not available.
    RetainNotSupported,
    /// A filter with wildcards although those were announced as not available.
    WildcardSubscriptionsNotSupported,
    /// A shared subscription although those were announced as not available.
    SharedSubscriptionsNotSupported,
    /// A subscription identifier although those were announced as not available.
    SubscriptionIdentifiersNotSupported,
    /// A PUBLISH of a client carries a subscription identifier [MQTT-3.3.4-6] (5.0).
    SubscriptionIdentifierFromClient,
    /// An AUTH without an authentication method, or out of turn [MQTT-4.12.0-6] [MQTT-4.12.0-7] (5.0).
    UnexpectedAuthentication,
    /// An authentication method other than that of CONNECT [MQTT-4.12.0-5] (5.0).
    AuthenticationMethodChanged,
    /// A DISCONNECT raises the session expiry from 0 (5.0 section 3.14.2.2.2), or comes with one from a server [MQTT-3.14.2-2] (5.0).
    SessionExpiryNotAllowed,
    /// A PINGRESP that nobody asked for; strict profile only.
    UnexpectedPingResp,
}

impl Violation {
    /// The reason code that the peer is told in 5.0.
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            Self::TopicAliasOutOfRange => ReasonCode::TopicAliasInvalid,
            Self::QoSNotSupported => ReasonCode::QoSNotSupported,
            Self::RetainNotSupported => ReasonCode::RetainNotSupported,
            Self::WildcardSubscriptionsNotSupported => ReasonCode::WildcardSubscriptionsNotSupported,
            Self::SharedSubscriptionsNotSupported => ReasonCode::SharedSubscriptionsNotSupported,
            Self::SubscriptionIdentifiersNotSupported => ReasonCode::SubscriptionIdentifiersNotSupported,
            Self::AuthenticationMethodChanged => ReasonCode::BadAuthenticationMethod,
            Self::UnexpectedPacket(_)
            | Self::HandshakeExpected(_)
            | Self::TopicAliasUnknown
            | Self::WrongAcknowledgement
            | Self::UnknownPacketIdentifier
            | Self::WrongNumberOfReasonCodes
            | Self::SessionPresent
            | Self::SubscriptionIdentifierFromClient
            | Self::UnexpectedAuthentication
            | Self::SessionExpiryNotAllowed
            | Self::UnexpectedPingResp => ReasonCode::ProtocolError,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedPacket(kind) => return write!(f, "{kind} is not allowed here"),
            Self::HandshakeExpected(kind) => return write!(f, "{kind} came before the handshake"),
            Self::ReceiveMaximumExceeded => "more unfinished messages than the receive maximum",
            Self::TopicAliasOutOfRange => "topic alias out of range",
            Self::TopicAliasUnknown => "topic alias was not set on this connection",
            Self::WrongAcknowledgement => "acknowledgement of the wrong kind for its packet identifier",
            Self::UnknownPacketIdentifier => "acknowledgement of an unknown packet identifier",
            Self::WrongNumberOfReasonCodes => "not one reason code for each filter",
            Self::SessionPresent => "session present where there can be none",
            Self::QoSNotSupported => "QoS above the announced maximum",
            Self::RetainNotSupported => "retained message although retaining is not available",
            Self::WildcardSubscriptionsNotSupported => "wildcards in filters are not available",
            Self::SharedSubscriptionsNotSupported => "shared subscriptions are not available",
            Self::SubscriptionIdentifiersNotSupported => "subscription identifiers are not available",
            Self::SubscriptionIdentifierFromClient => "subscription identifier in a client's PUBLISH",
            Self::UnexpectedAuthentication => "AUTH is not allowed here",
            Self::AuthenticationMethodChanged => "authentication method changed",
            Self::SessionExpiryNotAllowed => "session expiry not allowed in this DISCONNECT",
            Self::UnexpectedPingResp => "PINGRESP without a PINGREQ",
        })
    }
}

impl core::error::Error for Violation {}
