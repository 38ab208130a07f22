//! What a broker is told at its creation. Every default has its reason beside it.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{ConnectionConfig, Text};

/// The settings of a [`Broker`](crate::Broker): all that bounds its memory, and what it asks its program.
///
/// ```
/// # use mqtt_engine::BrokerConfig;
/// let mut config = BrokerConfig::new();
/// config.connection_count = 100;
/// config.connection.maximum_packet_size = 64 << 10;
/// config.ask_authentication = true;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// The settings of each connection. What they call the owner is the broker, which decides two of them itself:
    /// [`enhanced_authentication`](ConnectionConfig::enhanced_authentication) and [`requests`](ConnectionConfig::requests).
    pub connection: ConnectionConfig,
    /// How long publishers of QoS 1 and 2 messages wait for the acknowledgement while a connected subscriber's queue is more
    /// than half full. A subscriber that has made no room by then loses what its queue can't hold, and nobody waits for it
    /// until it has caught up. Default 1 s; zero: nobody ever waits.
    pub subscriber_patience: Duration,
    /// Whether QoS 0 messages are stored for sessions whose client is away. Default `false`: the specification leaves it
    /// open, and the room is better used for QoS 1 and 2.
    pub queue_qos0: bool,
    /// How many connections there may be at a time. Default 10,000.
    pub connection_count: usize,
    /// How many sessions there may be, connected or stored. A client that would need one more is refused (0x97; *server
    /// unavailable* in 3.1.1). Default 10,000, one for each connection.
    pub session_count: usize,
    /// How many subscriptions a session may have; more are refused (0x97). Default 1,000.
    pub subscriptions_per_session: usize,
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
        Self {
            connection: ConnectionConfig::new(),
            subscriber_patience: Duration::from_secs(1),
            queue_qos0: false,
            connection_count: 10_000,
            session_count: 10_000,
            subscriptions_per_session: 1000,
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

    /// The same with what the broker decides for its connections.
    pub(super) fn for_broker(mut self) -> Self {
        self.connection.enhanced_authentication = !self.authentication_methods.is_empty();
        self.connection.requests = 1;
        self
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self::new()
    }
}
