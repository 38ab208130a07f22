//! Machines with narrow limits, so that a few bytes reach them, and the packets that make them talk.

use core::time::Duration;

use bytes::Bytes;
use mqtt_engine::{
    BrokerConfig, ClientConfig, ConnectionConfig, Message, QoS, Text,
    packet::{
        ConnAck, Connect, Filters, Packet, PacketId, Properties, Property, ProtocolVersion, ReasonCode,
        Subscribe, Subscription,
    },
};

/// The most bytes of a packet, of a queue and of an outbox.
pub(crate) const PACKET_BYTES: u32 = 1024;
pub(crate) const QUEUE_BYTES: usize = 8 << 10;
pub(crate) const OUTBOX_BYTES: usize = 2 << 10;

pub(crate) fn client_config(version: ProtocolVersion) -> ClientConfig {
    let mut config = ClientConfig::new(text("fuzzed"));
    config.version = version;
    config.clean_start = false;
    config.session_expiry = u32::MAX;
    config.receive_maximum = 4;
    config.inflight_maximum = 4;
    config.maximum_packet_size = PACKET_BYTES;
    config.topic_alias_maximum = 4;
    config.queue_count = 16;
    config.queue_bytes = QUEUE_BYTES;
    config.event_bytes = QUEUE_BYTES;
    config.outbox_bytes = OUTBOX_BYTES;
    if version < ProtocolVersion::V5 {
        config.retransmit_after = Some(Duration::from_secs(5));
    }
    config
}

pub(crate) fn connection_config() -> ConnectionConfig {
    let mut config = ConnectionConfig::new();
    config.maximum_packet_size = PACKET_BYTES;
    config.connect_bytes = PACKET_BYTES;
    config.receive_maximum = 4;
    config.inflight_maximum = 4;
    config.topic_alias_maximum = 4;
    config.outbound_topic_aliases = 4;
    config.outbox_bytes = OUTBOX_BYTES;
    config.queue_count = 16;
    config.queue_bytes = QUEUE_BYTES;
    config.enhanced_authentication = true;
    config
}

pub(crate) fn broker_config() -> BrokerConfig {
    let mut config = BrokerConfig::new();
    config.connection = connection_config();
    config.connection_count = 4;
    config.session_count = 4;
    config.subscriptions_per_session = 8;
    config.topic_levels = 16;
    config.retained_count = 8;
    config.retained_bytes = QUEUE_BYTES;
    config.events = 64;
    config.authentication_methods = vec![text("m")];
    config.check_payload_format = true;
    config
}

pub(crate) fn text(words: &str) -> Text {
    Text::try_from(words).expect("text of the fuzzer's own")
}

pub(crate) fn message(topic: &str, qos: QoS) -> Message {
    Message::new(topic, "payload").expect("a topic of the fuzzer's own").with_qos(qos)
}

pub(crate) fn bytes_of(packet: &Packet<'_>, version: ProtocolVersion) -> Bytes {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("a packet of the fuzzer's own");
    bytes.into()
}

/// CONNACK of a server that still has the session, and takes aliases in 5.0.
pub(crate) fn accepted(version: ProtocolVersion) -> Bytes {
    const ALIASES: &[Property<'_>] = &[Property::TopicAliasMaximum(4)];
    let properties = Properties::new(if version == ProtocolVersion::V5 { ALIASES } else { &[] });
    bytes_of(
        &Packet::ConnAck(ConnAck { session_present: true, reason: ReasonCode::Success, properties }),
        version,
    )
}

/// CONNECT of a client whose session stays.
pub(crate) fn connect(version: ProtocolVersion, client_id: &str) -> Bytes {
    const LASTING: &[Property<'_>] =
        &[Property::SessionExpiryInterval(u32::MAX), Property::TopicAliasMaximum(4)];
    bytes_of(
        &Packet::Connect(Connect {
            version,
            clean_start: false,
            keep_alive: 10,
            client_id,
            will: None,
            user_name: None,
            password: None,
            properties: Properties::new(if version == ProtocolVersion::V5 { LASTING } else { &[] }),
        }),
        version,
    )
}

/// SUBSCRIBE of 5.0 for every topic.
pub(crate) fn subscribe_to_all() -> Bytes {
    let filters = [Subscription::new("#", QoS::ExactlyOnce)];
    bytes_of(
        &Packet::Subscribe(Subscribe {
            packet_id: PacketId::MAX,
            properties: Properties::NONE,
            filters: Filters::new(&filters),
        }),
        ProtocolVersion::V5,
    )
}
