//! Short words for the arguments of scripts.

use std::time::Duration;

use mqtt_engine::{
    BrokerConfig, ClientConfig, Message, QoS, Reconnect, Subscribe, Text, TopicFilter, Unsubscribe,
    packet::{Property, ProtocolVersion},
};
use mqtt_engine_diary::script::{Said, connack, connect};

pub const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
pub const V5: ProtocolVersion = ProtocolVersion::V5;
pub const QOS0: QoS = QoS::AtMostOnce;
pub const QOS1: QoS = QoS::AtLeastOnce;
pub const QOS2: QoS = QoS::ExactlyOnce;
pub const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

pub fn text(text: &str) -> Text {
    Text::try_from(text).unwrap()
}

pub fn filter(filter: &str) -> TopicFilter {
    TopicFilter::try_from(filter).unwrap()
}

pub fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload.to_owned()).unwrap().with_qos(qos)
}

pub fn subscribe_to(name: &str, qos: QoS) -> Subscribe {
    Subscribe::new(filter(name), qos)
}

pub fn unsubscribe_from(name: &str) -> Unsubscribe {
    Unsubscribe::new([filter(name)])
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client whose session lasts, without keep alive, that reconnects at once.
pub fn lasting(version: ProtocolVersion) -> ClientConfig {
    client("c", version)
}

/// The same with a name.
pub fn client(name: &str, version: ProtocolVersion) -> ClientConfig {
    let mut config = ClientConfig::new(text(name));
    config.version = version;
    config.clean_start = false;
    config.session_expiry = if version == V5 { u32::MAX } else { 0 };
    config.keep_alive = 0;
    config.reconnect = Reconnect::Backoff { initial: Duration::ZERO, maximum: Duration::ZERO };
    config
}

/// The same settings but for a change.
pub fn with<T>(mut settings: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut settings);
    settings
}

/// The usual broker.
pub fn broker() -> BrokerConfig {
    BrokerConfig::new()
}

/// CONNECT of a client whose session lasts.
pub fn durable(client_id: &'static str) -> Said {
    connect(client_id).resumes().with(Property::SessionExpiryInterval(100))
}

/// CONNACK of the usual broker.
pub fn accepted(session_present: bool) -> Said {
    connack(session_present)
        .with(Property::ReceiveMaximum(64))
        .with(Property::MaximumPacketSize(1 << 20))
        .with(Property::TopicAliasMaximum(16))
}
