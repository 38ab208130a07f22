//! What a broker is told at its creation. Every default has its reason beside it.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{ConnectionConfig, QoS, Text};

/// The settings of a [`Broker`](crate::Broker): all that bounds its memory, and what it asks its program.
///
/// ```
/// # use mqtt_engine::BrokerConfig;
/// let mut config = BrokerConfig::new();
/// config.connections = 100;
/// config.ask_authentication = true;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// The largest packet accepted, in bytes with its fixed header; announced in 5.0. Default 1 MiB.
    pub maximum_packet_size: u32,
    /// The largest first packet accepted, in bytes: all that somebody unknown can make the broker hold. Default 16 KiB:
    /// a will, a password and properties of usual size; the protocol allows a CONNECT of 320 KiB and more.
    pub connect_bytes: u32,
    /// How long a transport may take from its start until CONNACK, the answers to questions included. Default 10 s: several
    /// retransmissions of TCP.
    pub connect_timeout: Duration,
    /// The longest keep alive granted, in seconds; 0 for any. A 5.0 client that asks for more (or for none) is told this
    /// one; a 3.1.1 client can't be told and keeps its own. Default 0.
    pub maximum_keep_alive: u16,
    /// How many QoS 1 and 2 messages a client may send before one is acknowledged; announced and enforced in 5.0.
    /// 1 to 65,535 (0 counts as 1). Default 64: hides the round trip, and bounds what a client leaves unfinished.
    pub receive_maximum: u16,
    /// How many QoS 1 and 2 messages are sent to a client before it acknowledges one; its Receive Maximum may lower it.
    /// 1 to 65,535 (0 counts as 1). Default 64.
    pub inflight_maximum: u16,
    /// How many topic aliases a client may use; 5.0 only. Default 16: a name each, of up to 64 KiB.
    pub topic_alias_maximum: u16,
    /// How many topic aliases are used towards a client, if it allows as many; 5.0 only. Default 16.
    pub outbound_topic_aliases: u16,
    /// No further publish is moved to an outbox while it holds at least this many bytes, and at twice as many the
    /// connection's input pauses, so that who never reads can't pile up answers. Default 64 KiB.
    pub outbox_bytes: usize,
    /// The most messages that wait in a session for their transmission or their acknowledgement. Default 1,000: seconds of
    /// a usual flow, for a subscriber that reads too slowly or is away.
    pub queue_count: usize,
    /// The most bytes that those messages may cost, by [`Message::cost`](crate::Message::cost). Default 4 MiB: several
    /// of the largest packets, which cost more than they weigh.
    pub queue_bytes: usize,
    /// How long publishers of QoS 1 and 2 messages wait for the acknowledgement while a connected subscriber's queue is more
    /// than half full. A subscriber that has made no room by then loses what its queue can't hold, and nobody waits for it
    /// until it has caught up. Default 1 s; zero: nobody ever waits.
    pub subscriber_patience: Duration,
    /// Whether QoS 0 messages are stored for sessions whose client is away. Default `false`: the specification leaves it
    /// open, and the room is better used for QoS 1 and 2.
    pub queue_qos0: bool,
    /// The longest session expiry granted, in seconds; `u32::MAX` is for ever. A 5.0 client that asks for more is told this
    /// one. For a 3.1.1 client without clean session it is the session's expiry. Default one week.
    pub session_expiry_maximum: u32,
    /// How many connections there may be at a time. Default 10,000.
    pub connections: usize,
    /// How many sessions there may be, connected or stored. A client that would need one more is refused (0x97; *server
    /// unavailable* in 3.1.1). Default 10,000, one for each connection.
    pub sessions: usize,
    /// How many subscriptions a session may have; more are refused (0x97). Default 1,000.
    pub subscriptions_per_session: usize,
    /// The highest QoS that clients may publish with; announced in 5.0, and more ends the connection (0x9B). Subscriptions are
    /// granted no more. Default: QoS 2, which is no limit.
    pub maximum_qos: QoS,
    /// Whether retained messages are kept. If not: announced in 5.0, and a client's ends the connection (0x9A). Default `true`.
    pub retain_available: bool,
    /// Whether filters may have wildcards. If not: announced in 5.0, where one ends the connection (0xA2); 3.1.1 clients are
    /// refused the filter. Default `true`.
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers; 5.0 only. If not: announced, and one ends the connection (0xA1). Default
    /// `true`.
    pub subscription_identifiers: bool,
    /// Whether subscriptions may be shared. If not: announced in 5.0, where one ends the connection (0x9E); 3.1.1 clients are
    /// refused the filter. Default `true`.
    pub shared_subscriptions: bool,
    /// Whether a payload that is announced as text must be UTF-8. A message whose payload is not is dropped (0x99), and a
    /// connection with such a will refused. Default `false`: the check costs time in proportion to the payload, and
    /// subscribers have to check anyway.
    pub check_payload_format: bool,
    /// What 5.0 clients that ask for it are told to make response topics of. Default none.
    pub response_information: Option<Text>,
    /// The methods of enhanced authentication that the program knows:
    /// [`Question::EnhancedAuthentication`](crate::Question::EnhancedAuthentication) is asked for each step of a client that
    /// names one. Another method is refused (0x8C). Default none.
    pub authentication_methods: Vec<Text>,
    /// How many levels a topic or filter may have; others are refused (0x90, 0x8F). Default 128: more than anybody's naming scheme, and
    /// each level costs some hundred bytes in the trees.
    pub topic_levels: usize,
    /// How many retained messages are kept. One more is delivered, but not kept. Default 100,000.
    pub retained_count: usize,
    /// The most bytes that retained messages may cost, by [`Message::cost`](crate::Message::cost). Default 64 MiB.
    pub retained_bytes: usize,
    /// Whether a client without a name gets one. Default `true`.
    pub allow_empty_client_id: bool,
    /// What the names given to clients start with; a number follows. Default `auto-`.
    pub client_id_prefix: Text,
    /// Whether a session belongs to the user name that made it: another user is refused (0x87), whether the session's client is
    /// connected or away. Without, anybody who knows a client identifier takes its session over. Default `true`.
    pub sessions_belong_to_users: bool,
    /// Whether [`Question::Authenticate`](crate::Question::Authenticate) is asked for each CONNECT without a method of enhanced
    /// authentication. Default `false`.
    pub ask_authentication: bool,
    /// Whether [`Question::Publish`](crate::Question::Publish) is asked for each message, and for each will when its client
    /// connects and when it is due. Default `false`.
    pub ask_publish: bool,
    /// Whether [`Question::Subscribe`](crate::Question::Subscribe) is asked for each filter. Default `false`.
    pub ask_subscribe: bool,
    /// How many events wait for [`poll_event`](crate::Broker::poll_event); further ones, except questions, are only counted.
    /// Default 10,000.
    pub events: usize,
}

impl BrokerConfig {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        let of_connection = ConnectionConfig::new();
        Self {
            maximum_packet_size: of_connection.maximum_packet_size,
            connect_bytes: of_connection.connect_bytes,
            connect_timeout: of_connection.connect_timeout,
            maximum_keep_alive: of_connection.maximum_keep_alive,
            receive_maximum: of_connection.receive_maximum,
            inflight_maximum: of_connection.inflight_maximum,
            topic_alias_maximum: of_connection.topic_alias_maximum,
            outbound_topic_aliases: of_connection.outbound_topic_aliases,
            outbox_bytes: of_connection.outbox_bytes,
            queue_count: of_connection.queue_count,
            queue_bytes: of_connection.queue_bytes,
            subscriber_patience: Duration::from_secs(1),
            queue_qos0: false,
            session_expiry_maximum: of_connection.session_expiry_maximum,
            connections: 10_000,
            sessions: 10_000,
            subscriptions_per_session: 1000,
            maximum_qos: of_connection.maximum_qos,
            retain_available: of_connection.retain_available,
            wildcard_subscriptions: of_connection.wildcard_subscriptions,
            subscription_identifiers: of_connection.subscription_identifiers,
            shared_subscriptions: of_connection.shared_subscriptions,
            check_payload_format: false,
            response_information: None,
            authentication_methods: Vec::new(),
            topic_levels: 128,
            retained_count: 100_000,
            retained_bytes: 64 << 20,
            allow_empty_client_id: true,
            client_id_prefix: Text::from_checked(bytes::Bytes::from_static(b"auto-")),
            sessions_belong_to_users: true,
            ask_authentication: false,
            ask_publish: false,
            ask_subscribe: false,
            events: 10_000,
        }
    }

    /// The part that each connection is made with.
    pub(super) const fn for_connections(&self) -> ConnectionConfig {
        ConnectionConfig {
            maximum_packet_size: self.maximum_packet_size,
            connect_bytes: self.connect_bytes,
            connect_timeout: self.connect_timeout,
            maximum_keep_alive: self.maximum_keep_alive,
            receive_maximum: self.receive_maximum,
            inflight_maximum: self.inflight_maximum,
            topic_alias_maximum: self.topic_alias_maximum,
            outbound_topic_aliases: self.outbound_topic_aliases,
            outbox_bytes: self.outbox_bytes,
            queue_count: self.queue_count,
            queue_bytes: self.queue_bytes,
            session_expiry_maximum: self.session_expiry_maximum,
            maximum_qos: self.maximum_qos,
            retain_available: self.retain_available,
            wildcard_subscriptions: self.wildcard_subscriptions,
            subscription_identifiers: self.subscription_identifiers,
            shared_subscriptions: self.shared_subscriptions,
            enhanced_authentication: !self.authentication_methods.is_empty(),
            // A question about one packet holds back all that follow.
            requests: 1,
        }
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self::new()
    }
}
