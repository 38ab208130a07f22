//! Reason codes: one list for both versions (5.0 section 2.4, 3.1.1 sections 3.2.2.3 and 3.9.3).

use core::fmt;

use super::{EncodeError, Fault, PacketType};

macro_rules! reason_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $words:literal;)+) => {
        /// How an operation ended: below 0x80 it went well, from 0x80 on it failed (5.0 section 2.4).
        ///
        /// The return codes of 3.1.1 are mapped to the reason code of the same meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl ReasonCode {
            /// Every reason code, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The reason code of a number, if the specification has one.
            #[must_use]
            pub const fn from_u8(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name that the specification gives it.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

reason_codes! {
    /// Success; also *normal disconnection* and *granted QoS 0*.
    Success = 0x00, "success";
    /// SUBACK: QoS 1 at most.
    GrantedQoS1 = 0x01, "granted QoS 1";
    /// SUBACK: QoS 2 at most.
    GrantedQoS2 = 0x02, "granted QoS 2";
    /// DISCONNECT by a client that wants its will published.
    DisconnectWithWill = 0x04, "disconnect with will message";
    /// The message was accepted, but nobody subscribes.
    NoMatchingSubscribers = 0x10, "no matching subscribers";
    /// UNSUBACK: there was no such subscription.
    NoSubscriptionExisted = 0x11, "no subscription existed";
    /// AUTH: another step follows.
    ContinueAuthentication = 0x18, "continue authentication";
    /// AUTH: start over on a live connection.
    ReAuthenticate = 0x19, "re-authenticate";
    /// No further details.
    UnspecifiedError = 0x80, "unspecified error";
    /// The packet can't be parsed.
    MalformedPacket = 0x81, "malformed packet";
    /// The packet is well formed but not allowed here.
    ProtocolError = 0x82, "protocol error";
    /// Allowed by the protocol, not by this receiver.
    ImplementationSpecificError = 0x83, "implementation specific error";
    /// The server does not speak this version.
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version";
    /// The client identifier is not allowed.
    ClientIdentifierNotValid = 0x85, "client identifier not valid";
    /// The server does not accept this user name or password.
    BadUserNameOrPassword = 0x86, "bad user name or password";
    /// The client may not do this.
    NotAuthorized = 0x87, "not authorized";
    /// The server is not available.
    ServerUnavailable = 0x88, "server unavailable";
    /// The server is busy.
    ServerBusy = 0x89, "server busy";
    /// The client was banned.
    Banned = 0x8A, "banned";
    /// The server is shutting down.
    ServerShuttingDown = 0x8B, "server shutting down";
    /// The authentication method is unknown or not the one of this connection.
    BadAuthenticationMethod = 0x8C, "bad authentication method";
    /// Nothing arrived for one and a half times the keep alive.
    KeepAliveTimeout = 0x8D, "keep alive timeout";
    /// Another connection took this client identifier over.
    SessionTakenOver = 0x8E, "session taken over";
    /// The filter is well formed but not accepted.
    TopicFilterInvalid = 0x8F, "topic filter invalid";
    /// The topic name is well formed but not accepted.
    TopicNameInvalid = 0x90, "topic name invalid";
    /// The packet identifier is in use already.
    PacketIdentifierInUse = 0x91, "packet identifier in use";
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92, "packet identifier not found";
    /// More unacknowledged messages than the Receive Maximum.
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded";
    /// The topic alias is 0 or above the maximum.
    TopicAliasInvalid = 0x94, "topic alias invalid";
    /// Larger than the Maximum Packet Size.
    PacketTooLarge = 0x95, "packet too large";
    /// Too many messages in too short a time.
    MessageRateTooHigh = 0x96, "message rate too high";
    /// A limit of the receiver is reached.
    QuotaExceeded = 0x97, "quota exceeded";
    /// Closed by an administrator.
    AdministrativeAction = 0x98, "administrative action";
    /// The payload is not of the form that was announced.
    PayloadFormatInvalid = 0x99, "payload format invalid";
    /// The server keeps no retained messages.
    RetainNotSupported = 0x9A, "retain not supported";
    /// The QoS is above what the server announced.
    QoSNotSupported = 0x9B, "QoS not supported";
    /// Use another server for now.
    UseAnotherServer = 0x9C, "use another server";
    /// Use another server from now on.
    ServerMoved = 0x9D, "server moved";
    /// The server has no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported";
    /// Too many connections in too short a time.
    ConnectionRateExceeded = 0x9F, "connection rate exceeded";
    /// Connected for as long as is allowed.
    MaximumConnectTime = 0xA0, "maximum connect time";
    /// The server has no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported";
    /// The server has no wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported";
}

impl ReasonCode {
    /// The number on the wire of 5.0.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it tells of a failure: 0x80 and above.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x80
    }

    /// Checks that a 5.0 packet of this type may carry it.
    pub(super) const fn check(self, packet: PacketType) -> Result<(), EncodeError> {
        if self.is_allowed_in(packet) {
            return Ok(());
        }
        Err(EncodeError::Invalid {
            field: "reason code",
            fault: Fault::ReasonCode { packet, code: self.as_u8() },
        })
    }

    /// Whether a 5.0 packet of this type may carry it (the tables of 5.0 section 3).
    #[must_use]
    pub const fn is_allowed_in(self, packet: PacketType) -> bool {
        match packet {
            // [MQTT-3.2.2-8] (5.0)
            PacketType::ConnAck => matches!(
                self.as_u8(),
                0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F
            ),
            // [MQTT-3.4.2-1] [MQTT-3.5.2-1] (5.0)
            PacketType::PubAck | PacketType::PubRec => {
                matches!(self.as_u8(), 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
            }
            // [MQTT-3.6.2-1] [MQTT-3.7.2-1] (5.0)
            PacketType::PubRel | PacketType::PubComp => matches!(self.as_u8(), 0x00 | 0x92),
            // [MQTT-3.9.3-2] (5.0)
            PacketType::SubAck => matches!(
                self.as_u8(),
                0x00..=0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2
            ),
            // [MQTT-3.11.3-2] (5.0)
            PacketType::UnsubAck => matches!(self.as_u8(), 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91),
            // [MQTT-3.14.2-1] (5.0); 0x8C is only in the table of section 2.4, which names DISCONNECT for it.
            PacketType::Disconnect => matches!(
                self.as_u8(),
                0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x8F | 0x90 | 0x93..=0xA2
            ),
            // [MQTT-3.15.2-1] (5.0)
            PacketType::Auth => matches!(self.as_u8(), 0x00 | 0x18 | 0x19),
            PacketType::Connect
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::PingResp => false,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.words(), self.as_u8())
    }
}
