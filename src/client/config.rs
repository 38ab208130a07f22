//! What a client is told at its creation. Every default has its reason beside it.

use core::time::Duration;

use bytes::Bytes;

use crate::{Text, UserProperties, Will, packet::ProtocolVersion, session::LostSession};

/// The settings of a [`Client`](crate::Client).
///
/// Made with [`ClientConfig::new`], then changed field by field:
///
/// ```
/// # use mqtt_engine::{ClientConfig, Text};
/// let mut config = ClientConfig::new(Text::try_from("thermometer-7")?);
/// config.keep_alive = 30;
/// # Ok::<(), mqtt_engine::TextError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The name under which the server keeps the session. Empty: the server assigns one; 3.1.1 can't tell it, so that each
    /// connection asks for a clean session then.
    pub client_id: Text,
    /// The version spoken. Default 5.0.
    pub version: ProtocolVersion,
    /// Whether the first connection drops a session that the server may still hold. 3.1.1 calls it Clean Session, and
    /// there it also ends the session with the connection. Default `true`: a program that has no stored state can't go
    /// on with a session.
    pub clean_start: bool,
    /// How long the server keeps the session after the connection ended, in seconds; `u32::MAX` for ever. 5.0 only.
    /// Default 0: the session ends with the connection. A client that reconnects wants more.
    pub session_expiry: u32,
    /// The longest gap between two packets to the server, in seconds; 0 for none. Default 60, which most address
    /// translators outlive. The server may replace it (Server Keep Alive).
    pub keep_alive: u16,
    /// User name for the server. Default none.
    pub user_name: Option<Text>,
    /// Password for the server. 3.1.1 needs a user name with it. Default none.
    pub password: Option<Bytes>,
    /// The message that the server publishes when the connection ends without a DISCONNECT. Default none.
    pub will: Option<Will>,
    /// Enhanced authentication (5.0 section 4.12). Default none.
    pub authentication: Option<Authentication>,
    /// User properties of CONNECT; 5.0 only. Default none.
    pub user_properties: UserProperties,
    /// How many QoS 1 and 2 messages the server may send before we acknowledge one; 1 to 65,535 (0 counts as 1). In 5.0 it is
    /// announced. Default 64: it bounds memory, and hides the round trip at any rate a device takes.
    pub receive_maximum: u16,
    /// How many QoS 1 and 2 messages we send before one is acknowledged; the server's Receive Maximum may lower it.
    /// 1 to 65,535 (0 counts as 1). Default 64, for the same reasons.
    pub inflight_maximum: u16,
    /// The largest packet accepted, in bytes with its fixed header; announced in 5.0. Default 1 MiB.
    pub maximum_packet_size: u32,
    /// What happens with a larger one. Default [`Oversize::Discard`], which can't loop for ever.
    pub oversize: Oversize,
    /// How many topic aliases the server may use towards us; 5.0 only. Default 16: a name each, of up to 64 KiB.
    pub topic_alias_maximum: u16,
    /// How many topic aliases we use towards the server, if it allows as many; 5.0 only. Default 16.
    pub outbound_topic_aliases: u16,
    /// Asks the server for Response Information; 5.0 only. Default `false`, as the specification has it.
    pub request_response_information: bool,
    /// Allows reason strings and user properties on any packet; 5.0 only. Default `true`, as the specification has it.
    pub request_problem_information: bool,
    /// Who acknowledges received messages. Default [`Acknowledgement::Automatic`].
    pub acknowledgement: Acknowledgement,
    /// How deviations of servers are met. Default [`Profile::Interop`].
    pub profile: Profile,
    /// When to connect again. Default [`Reconnect::default`].
    pub reconnect: Reconnect,
    /// How long an opened transport may take until CONNACK. Default 10 s: several retransmissions of TCP.
    pub connect_timeout: Duration,
    /// How long a PINGREQ may stay without any byte from the server before the connection counts as dead. Default 10 s.
    pub ping_timeout: Duration,
    /// Sends an unanswered PUBLISH or PUBREL again on a *live* connection after this time. 3.1.1 only (5.0 forbids it), for
    /// byte pipes that lose data. Zero counts as `None`. Default `None`: TCP does not.
    pub retransmit_after: Option<Duration>,
    /// What happens to unfinished messages when the server has lost the session. Default [`LostSession::Report`].
    pub lost_session: LostSession,
    /// Whether subscriptions are made again when the server has lost the session, before any queued publish flows.
    /// Default `true`: the program asked for them once.
    pub resubscribe: bool,
    /// The most messages that wait for their first transmission or their acknowledgement; 0 counts as 1. Default 1,024.
    pub queue_count: usize,
    /// The most bytes that those messages may cost, by [`Message::cost`](crate::Message::cost). Default 4 MiB. A single message
    /// above it is refused as too large.
    pub queue_bytes: usize,
    /// No further publish is moved to the outbox while it holds at least this many bytes. Default 64 KiB.
    pub outbox_bytes: usize,
    /// Input pauses while the events that nobody polled cost at least this many bytes: received messages by
    /// [`Message::cost`](crate::Message::cost), any other event 256 and its data. Default 4 MiB.
    pub event_bytes: usize,
    /// Seed of the jitter between connection attempts; give each device its own. Default 0.
    pub seed: u64,
}

impl ClientConfig {
    /// The defaults, for a client of this name.
    #[must_use]
    pub fn new(client_id: Text) -> Self {
        Self {
            client_id,
            version: ProtocolVersion::V5,
            clean_start: true,
            session_expiry: 0,
            keep_alive: 60,
            user_name: None,
            password: None,
            will: None,
            authentication: None,
            user_properties: UserProperties::new(),
            receive_maximum: 64,
            inflight_maximum: 64,
            maximum_packet_size: 1 << 20,
            oversize: Oversize::default(),
            topic_alias_maximum: 16,
            outbound_topic_aliases: 16,
            request_response_information: false,
            request_problem_information: true,
            acknowledgement: Acknowledgement::default(),
            profile: Profile::default(),
            reconnect: Reconnect::default(),
            connect_timeout: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            retransmit_after: None,
            lost_session: LostSession::default(),
            resubscribe: true,
            queue_count: 1024,
            queue_bytes: 4 << 20,
            outbox_bytes: 64 << 10,
            event_bytes: 4 << 20,
            seed: 0,
        }
    }
}

/// Enhanced authentication (5.0 section 4.12): the method, and what goes out with CONNECT.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authentication {
    /// Name of the method, as the server knows it.
    pub method: Text,
    /// The method's first data.
    pub data: Option<Bytes>,
}

impl Authentication {
    /// A method without initial data.
    #[must_use]
    pub const fn new(method: Text) -> Self {
        Self { method, data: None }
    }
}

/// What happens with a packet above the maximum packet size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oversize {
    /// Its bytes are passed over, a PUBLISH is acknowledged so that it does not come again, and
    /// [`Discarded`](crate::ClientEvent::Discarded) names its topic.
    #[default]
    Discard,
    /// The connection is closed (0x95). A server that sends the packet again on each of three connections in a row is
    /// given up: the client stays disconnected until [`connect`](crate::Client::connect).
    Disconnect,
}

/// Who acknowledges received QoS 1 and 2 messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledgement {
    /// The machine, when the program takes the event from `poll_event`.
    #[default]
    Automatic,
    /// The program, with [`acknowledge`](crate::Client::acknowledge). The packets go out in the order in which the messages arrived,
    /// as the protocol demands: an earlier message holds the later ones back.
    Manual,
}

/// How deviations of servers from the specification are met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// Every violation closes the connection.
    Strict,
    /// Deviations that real servers show and that do no harm are let pass, each with a
    /// [`Tolerated`](crate::ClientEvent::Tolerated) event.
    #[default]
    Interop,
}

/// When to connect again after a connection ended or an attempt failed.
///
/// Attempt *n* waits `initial × 2ⁿ`, at most `maximum`, of which a random half (from the seed) is taken off. A refusal that
/// won't change by itself (a wrong password, say) and a takeover wait the maximum at once. The count starts again when a
/// connection has lasted as long as the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reconnect {
    /// Never: after a connection the client stays disconnected until [`connect`](crate::Client::connect).
    Never,
    /// With these delays.
    Backoff {
        /// The delay of the first attempt.
        initial: Duration,
        /// The longest delay.
        maximum: Duration,
    },
}

impl Default for Reconnect {
    /// From 1 s to 60 s: quick after a hiccup, gentle on a server that is down.
    fn default() -> Self {
        Self::Backoff { initial: Duration::from_secs(1), maximum: Duration::from_secs(60) }
    }
}
