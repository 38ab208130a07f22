//! What a connection tells its owner.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::Bytes;

use crate::{
    Message, QoS, Text, TopicFilter, UserProperties, Will,
    packet::{DecodeError, ProtocolVersion, ReasonCode, RetainHandling},
    session::Violation,
};

/// Stands for one request of a client until the owner has finished it. Never used again by its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub(crate) u64);

impl RequestToken {
    /// The token as a number, for a log or as a key.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Something that happened, from [`Connection::poll_event`](crate::Connection::poll_event).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// CONNECT arrived: answer with [`accept`](crate::Connection::accept) or [`refuse`](crate::Connection::refuse). Nothing
    /// further is read before that.
    Connect(Box<ConnectRequest>),
    /// A message arrived: route it, then call [`finish_publish`](crate::Connection::finish_publish), also for QoS 0.
    Publish {
        /// For `finish_publish`.
        token: RequestToken,
        /// The message.
        message: Message,
        /// Whether the packet was marked as a resend. Not to be passed on [MQTT-3.3.1-3] (both versions).
        duplicate: bool,
    },
    /// SUBSCRIBE arrived: call [`finish_subscribe`](crate::Connection::finish_subscribe).
    Subscribe {
        /// For `finish_subscribe`.
        token: RequestToken,
        /// The filters, in order.
        filters: Vec<FilterRequest>,
        /// Comes back with each message that matches one of the filters; 5.0 only.
        identifier: Option<u32>,
        /// Pairs of the application; 5.0 only.
        user_properties: UserProperties,
    },
    /// UNSUBSCRIBE arrived: call [`finish_unsubscribe`](crate::Connection::finish_unsubscribe).
    Unsubscribe {
        /// For `finish_unsubscribe`.
        token: RequestToken,
        /// The filters, in order.
        filters: Vec<TopicFilter>,
    },
    /// AUTH arrived: the client's next word in the authentication that CONNECT began, or (later) a new one over the same
    /// method. Answer with [`challenge`](crate::Connection::challenge) for one more step, or end it: with `accept` or
    /// `refuse` before CONNACK, with [`finish_authentication`](crate::Connection::finish_authentication) or
    /// [`close`](crate::Connection::close) after it. Nothing further is read before that.
    Authentication {
        /// What the method exchanges.
        data: Option<Bytes>,
        /// Whether CONNACK was sent already (5.0 section 4.12.1).
        is_reauthentication: bool,
    },
    /// The connection has ended; this is the last event. What the outbox still holds is worth sending.
    Disconnected {
        /// Why.
        cause: DisconnectCause,
    },
}

/// What a client asks for with CONNECT (section 3.1). Its texts and bytes are copies that pin no read buffer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConnectRequest {
    /// The version that the client speaks.
    pub version: ProtocolVersion,
    /// The name of the session. Empty: the server assigns one.
    pub client_id: Text,
    /// Whether a stored session is dropped; *clean session* in 3.1.1.
    pub clean_start: bool,
    /// How long the session is kept after the connection, in seconds, as far as the configuration grants it.
    pub session_expiry: u32,
    /// The longest silence of the client in seconds, 0 for no limit, as far as the configuration grants it.
    pub keep_alive: u16,
    /// Who the client says it is.
    pub user_name: Option<Text>,
    /// What is to prove it.
    pub password: Option<Bytes>,
    /// What is to be published when the connection ends without a word.
    pub will: Option<Will>,
    /// The method of enhanced authentication and its first data; 5.0 only.
    pub authentication: Option<EnhancedAuthentication>,
    /// Whether the client asks for response information; 5.0 only.
    pub wants_response_information: bool,
    /// Pairs of the application; 5.0 only.
    pub user_properties: UserProperties,
}

/// The begin of an enhanced authentication (5.0 section 4.12).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnhancedAuthentication {
    /// How the client is going to prove who it is.
    pub method: Text,
    /// What the method exchanges.
    pub data: Option<Bytes>,
}

/// What a client hears when it is refused or sent away: a [`ReasonCode`] alone, or more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dismissal {
    /// Why.
    pub reason: ReasonCode,
    /// The same for people; 5.0 only, and only if the client takes a packet of that size.
    pub reason_string: Option<Text>,
    /// Where to go instead, with [`ReasonCode::UseAnotherServer`] or [`ReasonCode::ServerMoved`] (5.0 section 4.11); 5.0 only.
    pub server_reference: Option<Text>,
    /// Pairs of the application; 5.0 only, and only if the client takes a packet of that size.
    pub user_properties: UserProperties,
}

impl Dismissal {
    /// A code alone.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self { reason, reason_string: None, server_reference: None, user_properties: UserProperties::new() }
    }

    /// The same with words for people.
    #[must_use]
    pub fn with_reason_string(mut self, words: Text) -> Self {
        self.reason_string = Some(words);
        self
    }

    /// The same with another server to use: names and addresses, separated by spaces.
    #[must_use]
    pub fn with_server_reference(mut self, server: Text) -> Self {
        self.server_reference = Some(server);
        self
    }
}

impl From<ReasonCode> for Dismissal {
    fn from(reason: ReasonCode) -> Self {
        Self::new(reason)
    }
}

/// One filter of a SUBSCRIBE and its options (5.0 section 3.8.3.1; 3.1.1 has the QoS only).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterRequest {
    /// Which topics.
    pub filter: TopicFilter,
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Not the messages that the client publishes itself.
    pub no_local: bool,
    /// The RETAIN flag as the publisher set it.
    pub retain_as_published: bool,
    /// Whether retained messages are sent now.
    pub retain_handling: RetainHandling,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectCause {
    /// The client sent DISCONNECT; in 3.1.1 its reason is success.
    Client {
        /// The code.
        reason: ReasonCode,
        /// For people; 5.0 only.
        reason_string: Option<Text>,
    },
    /// The transport ended without a word.
    TransportClosed,
    /// No CONNECT, or no decision about it, within the connect timeout.
    ConnectTimeout,
    /// No packet within one and a half times the keep alive.
    KeepAliveTimeout,
    /// The client sent a packet that can't be parsed, or that breaks a rule that any reader can check.
    Malformed(DecodeError),
    /// The client sent a well-formed packet that is not allowed at this point.
    Misbehaved(Violation),
    /// CONNECT was refused with this code.
    Refused(ReasonCode),
    /// The owner closed the connection with this code.
    Closed(ReasonCode),
    /// An answer that the protocol demands is larger than the client's Maximum Packet Size.
    AnswerTooLarge,
}

impl DisconnectCause {
    /// Whether the client's will is published: always, unless the client took leave with DISCONNECT 0
    /// ([MQTT-3.1.2-8] [MQTT-3.14.4-3] (both versions)).
    #[must_use]
    pub const fn publishes_will(&self) -> bool {
        !matches!(self, Self::Client { reason: ReasonCode::Success, .. })
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { reason: ReasonCode::Success, .. } => f.write_str("client disconnected"),
            Self::Client { reason, reason_string: None } => write!(f, "client disconnected: {reason}"),
            Self::Client { reason, reason_string: Some(words) } => {
                write!(f, "client disconnected: {reason}, {:?}", words.as_str())
            }
            Self::TransportClosed => f.write_str("transport closed"),
            Self::ConnectTimeout => f.write_str("no connection within the connect timeout"),
            Self::KeepAliveTimeout => f.write_str("keep alive timeout"),
            Self::Malformed(error) => write!(f, "malformed packet: {error}"),
            Self::Misbehaved(violation) => write!(f, "protocol error: {violation}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Closed(reason) => write!(f, "closed: {reason}"),
            Self::AnswerTooLarge => f.write_str("an answer exceeds the client's maximum packet size"),
        }
    }
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue of the client's session is full: it reads too slowly, or has been away for too long.
    QueueFull,
    /// Larger than the client's Maximum Packet Size.
    TooLarge,
    /// The connection was not accepted, or its session was taken away.
    NoSession,
    /// A will whose publication the program was to be asked about, while more questions are open than there may be clients.
    Unasked,
    /// The broker's store of retained messages is full: the message was delivered, but is not kept.
    RetainedFull,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "queue full",
            Self::TooLarge => "larger than the client takes",
            Self::NoSession => "no session",
            Self::Unasked => "too many open questions",
            Self::RetainedFull => "store of retained messages full",
        })
    }
}
