//! What the server's side of a connection is told at its creation. Every default has its reason beside it.

use core::time::Duration;

use crate::QoS;

/// The settings of a [`Connection`](crate::Connection). In a [`Broker`](crate::Broker) they hold for each connection, and the
/// broker is the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// The largest packet accepted, in bytes with its fixed header; announced in 5.0. Default 1 MiB.
    pub maximum_packet_size: u32,
    /// The largest first packet accepted, in bytes: all that somebody unknown can make the server hold. Default 16 KiB:
    /// a will, a password and properties of usual size; the protocol allows a CONNECT of 320 KiB and more.
    pub connect_bytes: u32,
    /// How long a transport may take from its start until CONNACK, the owner's decision included and with it all that a
    /// broker asks its program. Default 10 s: several retransmissions of TCP.
    pub connect_timeout: Duration,
    /// The longest keep alive granted, in seconds; 0 for any. A 5.0 client that asks for more (or for none) is told this
    /// one; a 3.1.1 client can't be told and keeps its own. Default 0.
    pub maximum_keep_alive: u16,
    /// How many QoS 1 and 2 messages the client may send before one is acknowledged; announced and enforced in 5.0.
    /// 1 to 65,535 (0 counts as 1). Default 64: hides the round trip, and bounds what a client leaves unfinished.
    pub receive_maximum: u16,
    /// How many QoS 1 and 2 messages are sent before one is acknowledged; the client's Receive Maximum may lower it.
    /// 1 to 65,535 (0 counts as 1). Default 64.
    pub inflight_maximum: u16,
    /// How many topic aliases the client may use; 5.0 only. Default 16: a name each, of up to 64 KiB.
    pub topic_alias_maximum: u16,
    /// How many topic aliases are used towards the client, if it allows as many; 5.0 only. Default 16.
    pub outbound_topic_aliases: u16,
    /// No further publish is moved to the outbox while it holds at least this many bytes. Input pauses once as many bytes of
    /// answers stand on top, so that who never reads can't pile them up. Default 64 KiB.
    pub outbox_bytes: usize,
    /// The most messages that wait for their transmission or their acknowledgement, in each session made here. Default
    /// 1,000: seconds of a usual flow, for a subscriber that reads too slowly or is away.
    pub queue_count: usize,
    /// The most bytes that those messages may cost, by [`Message::cost`](crate::Message::cost). Default 4 MiB: several
    /// of the largest packets, which cost more than they weigh.
    pub queue_bytes: usize,
    /// The longest session expiry granted, in seconds; `u32::MAX` is for ever. A 5.0 client that asks for more is told this
    /// one. For a 3.1.1 client without clean session it is the session's expiry. Default one week.
    pub session_expiry_maximum: u32,
    /// The highest QoS that clients may publish with; announced in 5.0, where more ends the connection with 0x9B, as it does
    /// without a word in 3.1.1. A broker grants subscriptions no more. Default: QoS 2, which is no limit.
    pub maximum_qos: QoS,
    /// Whether clients may publish retained messages; announced in 5.0, where one ends the connection with 0x9A, as it does
    /// without a word in 3.1.1. If not, a broker keeps none of its program's either. Default `true`.
    pub retain_available: bool,
    /// Whether filters may have wildcards; announced in 5.0, where one ends the connection with 0xA2. In 3.1.1 the owner
    /// refuses the filter, as a broker does. Default `true`.
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers; announced in 5.0, where one ends the connection with 0xA1.
    /// 3.1.1 has none. Default `true`.
    pub subscription_identifiers: bool,
    /// Whether subscriptions may be shared; announced in 5.0, where one ends the connection with 0x9E. In 3.1.1 the owner
    /// decides what `$share` means; a broker refuses the filter. Default `true`.
    pub shared_subscriptions: bool,
    /// Whether the owner knows methods of enhanced authentication (5.0 section 4.12): a CONNECT with one is an event then.
    /// Otherwise it is refused with 0x8C. Default `false`. For a broker it follows from
    /// [`authentication_methods`](crate::BrokerConfig::authentication_methods), whatever is set here.
    pub enhanced_authentication: bool,
    /// How many requests (PUBLISH, SUBSCRIBE, UNSUBSCRIBE) may wait for the owner to finish them before input pauses. At least
    /// 1 (0 counts as 1). Default 1: each is finished before the next is read, which keeps their order for an owner
    /// that answers late. For a broker it is always 1: a question about one packet holds back all that follow.
    pub requests: usize,
}

impl ConnectionConfig {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            maximum_packet_size: 1 << 20,
            connect_bytes: 16 << 10,
            connect_timeout: Duration::from_secs(10),
            maximum_keep_alive: 0,
            receive_maximum: 64,
            inflight_maximum: 64,
            topic_alias_maximum: 16,
            outbound_topic_aliases: 16,
            outbox_bytes: 64 << 10,
            queue_count: 1000,
            queue_bytes: 4 << 20,
            session_expiry_maximum: 7 * 24 * 60 * 60,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            subscription_identifiers: true,
            shared_subscriptions: true,
            enhanced_authentication: false,
            requests: 1,
        }
    }
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self::new()
    }
}
