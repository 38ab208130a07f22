//! What a client tells its program, and what the program asks of it.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::Bytes;

use crate::{
    Message, QoS, Text, TopicFilter, UserProperties,
    packet::{DecodeError, EncodeError, ReasonCode, RetainHandling},
    session::{PublishOutcome, Violation},
};

macro_rules! tokens {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+
        /// Never used again in the session's life.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// The token as a number, for a log or as a key.
            #[must_use]
            pub const fn as_u64(self) -> u64 {
                self.0
            }
        })+
    };
}

tokens! {
    /// Stands for one published message until its fate is known.
    PublishToken;
    /// Stands for one subscribe request until it is answered.
    SubscribeToken;
    /// Stands for one unsubscribe request until it is answered.
    UnsubscribeToken;
    /// Stands for one received message until it is acknowledged.
    DeliveryToken;
}

/// Something that happened, from [`Client::poll_event`](crate::Client::poll_event).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server accepted the connection.
    Connected(Box<Connected>),
    /// A message arrived.
    Received {
        /// For [`acknowledge`](crate::Client::acknowledge); of no use for QoS 0.
        token: DeliveryToken,
        /// The message.
        message: Message,
        /// Whether the packet was marked as a resend: of QoS 1, the program may have seen the message before.
        duplicate: bool,
    },
    /// A published QoS 1 or 2 message met its fate: exactly one such event per token. QoS 0 has none.
    Published {
        /// Which publish.
        token: PublishToken,
        /// Its fate.
        outcome: PublishOutcome,
    },
    /// A subscribe request was answered.
    Subscribed {
        /// Which request.
        token: SubscribeToken,
        /// A code for each filter, in the request's order: the granted QoS, or a failure.
        reasons: Vec<ReasonCode>,
    },
    /// An unsubscribe request was answered.
    Unsubscribed {
        /// Which request.
        token: UnsubscribeToken,
        /// A code for each filter, in the request's order. A 3.1.1 server gives none, then all are success.
        reasons: Vec<ReasonCode>,
    },
    /// The server had lost the session, and subscriptions were made again ([`ClientConfig::resubscribe`](crate::ClientConfig::resubscribe)).
    Resubscribed {
        /// The filters.
        filters: Vec<TopicFilter>,
        /// A code for each, as in `Subscribed`.
        reasons: Vec<ReasonCode>,
    },
    /// The server sent AUTH (5.0 section 4.12): answer with [`authenticate`](crate::Client::authenticate), unless the reason is success.
    Authentication {
        /// Success (a re-authentication is done) or continue.
        reason: ReasonCode,
        /// The method's data.
        data: Option<Bytes>,
    },
    /// There is room again, once after each [`PublishError::Blocked`](crate::PublishError::Blocked).
    Writable,
    /// A packet above the maximum packet size was passed over.
    Discarded {
        /// The topic, if the packet was a PUBLISH that names one.
        topic: Option<Text>,
        /// The packet's size in bytes.
        size: usize,
    },
    /// The interop profile let something pass.
    Tolerated {
        /// What.
        deviation: Deviation,
    },
    /// The connection ended, or an attempt to make one failed.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
}

impl ClientEvent {
    /// What it costs while nobody polls it; see [`ClientConfig::event_bytes`](crate::ClientConfig::event_bytes).
    pub(super) fn cost(&self) -> usize {
        const BOOKKEEPING: usize = 256;
        BOOKKEEPING
            + match self {
                Self::Received { message, .. } => return message.cost(),
                Self::Discarded { topic, .. } => topic.as_ref().map_or(0, Text::len),
                Self::Authentication { data, .. } => data.as_ref().map_or(0, Bytes::len),
                Self::Subscribed { reasons, .. }
                | Self::Unsubscribed { reasons, .. }
                | Self::Resubscribed { reasons, .. } => reasons.len(),
                Self::Connected(_)
                | Self::Published { .. }
                | Self::Writable
                | Self::Tolerated { .. }
                | Self::Disconnected { .. } => 0,
            }
    }
}

/// What the server said when it accepted the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// Whether the server still had the session; if not, its subscriptions and unfinished messages are gone.
    pub session_present: bool,
    /// The name that the server assigned, if ours was empty.
    pub assigned_client_id: Option<Text>,
    /// What the server enforces: keep alive in seconds, ours unless it replaced it.
    pub keep_alive: u16,
    /// How long the server keeps the session, in seconds.
    pub session_expiry: u32,
    /// The server's limits.
    pub limits: ServerLimits,
    /// The server's word for the topics of answers, if we asked.
    pub response_information: Option<Text>,
    /// Another server to use.
    pub server_reference: Option<Text>,
    /// For people.
    pub reason_string: Option<Text>,
    /// The last data of the enhanced authentication.
    pub authentication_data: Option<Bytes>,
    /// Pairs of the server's application.
    pub user_properties: UserProperties,
}

/// What a server announced that it can do; all of it for a 3.1.1 server, which announces nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// How many unacknowledged QoS 1 and 2 messages it takes.
    pub receive_maximum: u16,
    /// The largest packet it takes, in bytes.
    pub maximum_packet_size: u32,
    /// How many topic aliases it takes.
    pub topic_alias_maximum: u16,
    /// The highest QoS it takes.
    pub maximum_qos: QoS,
    /// Whether it keeps retained messages.
    pub retain_available: bool,
    /// Whether filters may contain wildcards.
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_identifiers: bool,
    /// Whether it has shared subscriptions.
    pub shared_subscriptions: bool,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: 268_435_460,
            topic_alias_maximum: 0,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            subscription_identifiers: true,
            shared_subscriptions: true,
        }
    }
}

/// A deviation of a server from the specification that the interop profile lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deviation {
    /// CONNACK says session present after a clean start ([MQTT-3.2.2-1] (3.1.1), [MQTT-3.2.2-2] (5.0)). Taken as not present.
    SessionPresentAfterCleanStart,
    /// An acknowledgement for a packet identifier that nothing waits under.
    UnknownPacketIdentifier,
    /// A SUBACK or UNSUBACK with a wrong number of reason codes: missing ones count as failures.
    WrongNumberOfReasonCodes,
    /// A PINGRESP that nobody asked for.
    UnexpectedPingResp,
}

/// Why a connection ended, or an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The program asked for it.
    Requested,
    /// The transport could not be opened, or ended without a word.
    TransportClosed,
    /// No CONNACK within the connect timeout.
    ConnectTimeout,
    /// No byte from the server within the ping timeout after a PINGREQ.
    PingTimeout,
    /// The server refused the connection with CONNACK.
    Refused(ServerWords),
    /// The server ended the connection with DISCONNECT.
    ServerDisconnected(ServerWords),
    /// What the program put into its settings, or into an authentication, does not fit into a packet; the client stays disconnected.
    Unencodable(EncodeError),
    /// The server takes no packets of the size that an answer needs, 5 bytes. The next attempt comes after the longest delay.
    AnswerTooLarge,
    /// The server sent a packet that can't be parsed or breaks a rule that any reader can check.
    Malformed(DecodeError),
    /// The server sent a well-formed packet that is not allowed at this point.
    Misbehaved(Violation),
}

/// What a server said when it refused or ended a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerWords {
    /// The code.
    pub reason: ReasonCode,
    /// For people.
    pub reason_string: Option<Text>,
    /// Another server to use.
    pub server_reference: Option<Text>,
}

/// A subscribe request: one SUBSCRIBE packet with one or more filters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribe {
    /// The filters; at least one.
    pub filters: Vec<Subscription>,
    /// Comes back with each message that matches one of the filters; 1 to 268,435,455; 5.0 only.
    pub identifier: Option<u32>,
    /// Pairs of the application; 5.0 only.
    pub user_properties: UserProperties,
}

impl Subscribe {
    /// A request for one filter.
    #[must_use]
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self {
            filters: Vec::from([Subscription::new(filter, qos)]),
            identifier: None,
            user_properties: UserProperties::new(),
        }
    }

    /// A request for several filters.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Subscription>) -> Self {
        Self {
            filters: filters.into_iter().collect(),
            identifier: None,
            user_properties: UserProperties::new(),
        }
    }
}

/// One filter of a subscribe request and its options (5.0 section 3.8.3.1; 3.1.1 has the QoS only).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// Which topics.
    pub filter: TopicFilter,
    /// The highest QoS to deliver with.
    pub qos: QoS,
    /// Not the messages that this client publishes itself; 5.0 only.
    pub no_local: bool,
    /// The RETAIN flag as the publisher set it; 5.0 only.
    pub retain_as_published: bool,
    /// Whether retained messages are sent now; 5.0 only.
    pub retain_handling: RetainHandling,
}

impl Subscription {
    /// A filter with the options that 3.1.1 knows.
    #[must_use]
    pub const fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }
}

/// An unsubscribe request: one UNSUBSCRIBE packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsubscribe {
    /// The filters, letter by letter as they were subscribed; at least one.
    pub filters: Vec<TopicFilter>,
    /// Pairs of the application; 5.0 only.
    pub user_properties: UserProperties,
}

impl Unsubscribe {
    /// A request for these filters.
    #[must_use]
    pub fn new(filters: impl IntoIterator<Item = TopicFilter>) -> Self {
        Self { filters: filters.into_iter().collect(), user_properties: UserProperties::new() }
    }
}

/// How a client says good-bye.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnect {
    /// The code; [`DisconnectWithWill`](ReasonCode::DisconnectWithWill) has the will published. 5.0 only: a 3.1.1 client that
    /// wants its will published ends the transport instead, and this machine does so. One that no client may send goes
    /// out as an unspecified error.
    pub reason: ReasonCode,
    /// Replaces the session expiry of CONNECT, in seconds; can't raise it from 0. 5.0 only.
    pub session_expiry: Option<u32>,
    /// For people; 5.0 only.
    pub reason_string: Option<Text>,
    /// Pairs of the application; 5.0 only.
    pub user_properties: UserProperties,
}

impl Default for Disconnect {
    /// A normal disconnection: the will is dropped.
    fn default() -> Self {
        Self {
            reason: ReasonCode::Success,
            session_expiry: None,
            reason_string: None,
            user_properties: UserProperties::new(),
        }
    }
}

/// What is left of a client's work, from [`Client::remains`](crate::Client::remains).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remains {
    /// Published messages without a fate; of QoS 0: that wait for a place in the outbox.
    pub publishes: usize,
    /// Bytes in the outbox that the transport has not taken.
    pub bytes: usize,
}

impl Remains {
    /// Whether everything is done.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.publishes == 0 && self.bytes == 0
    }
}

/// Why a message was not taken. It comes back untouched.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PublishError {
    /// The queue is full; [`ClientEvent::Writable`] tells when there is room.
    Blocked(Message),
    /// Larger than the queue, the server's Maximum Packet Size or the protocol allows.
    TooLarge(Message),
    /// The connected server takes no such QoS.
    QoSNotSupported(Message),
    /// The connected server keeps no retained messages.
    RetainNotSupported(Message),
}

impl PublishError {
    /// The message, to try again.
    #[must_use]
    pub fn into_message(self) -> Message {
        match self {
            Self::Blocked(message)
            | Self::TooLarge(message)
            | Self::QoSNotSupported(message)
            | Self::RetainNotSupported(message) => message,
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked(_) => "the queue of unacknowledged messages is full",
            Self::TooLarge(_) => "the message is larger than the queue or the server allows",
            Self::QoSNotSupported(_) => "the server does not support this QoS",
            Self::RetainNotSupported(_) => "the server keeps no retained messages",
        })
    }
}

impl core::error::Error for PublishError {}

/// Why a subscribe or unsubscribe request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// A request needs at least one filter.
    NoFilter,
    /// The packet would be larger than the server or the protocol allows.
    TooLarge,
    /// No Local can't be combined with a shared subscription [MQTT-3.8.3-4] (5.0).
    NoLocalOnShared,
    /// A subscription identifier is 1 to 268,435,455.
    IdentifierOutOfRange,
    /// The connected server has no wildcard subscriptions.
    WildcardsNotSupported,
    /// The connected server has no shared subscriptions.
    SharedNotSupported,
    /// The connected server has no subscription identifiers.
    IdentifiersNotSupported,
    /// As many requests wait for their answer as the queue may hold messages.
    TooManyRequests,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFilter => "a request needs at least one filter",
            Self::TooLarge => "the request is larger than the server or the protocol allows",
            Self::NoLocalOnShared => "no-local can't be combined with a shared subscription",
            Self::IdentifierOutOfRange => "a subscription identifier is 1 to 268,435,455",
            Self::WildcardsNotSupported => "the server has no wildcard subscriptions",
            Self::SharedNotSupported => "the server has no shared subscriptions",
            Self::IdentifiersNotSupported => "the server has no subscription identifiers",
            Self::TooManyRequests => "too many requests wait for their answer",
        })
    }
}

impl core::error::Error for RequestError {}
