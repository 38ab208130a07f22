//! What one side of a connection announces that it takes.

use mqtt_engine::{
    QoS,
    packet::{PacketType, Properties},
};

/// What a side takes: what CONNECT or CONNACK said, or its default.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) receive_maximum: u16,
    pub(super) packet_size: u32,
    pub(super) aliases: u16,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) wildcards: bool,
    pub(super) identifiers: bool,
    pub(super) shared: bool,
}

impl Limits {
    /// Those of CONNECT or CONNACK.
    pub(super) fn of(properties: &Properties<'_>) -> Self {
        Self {
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX),
            packet_size: properties.maximum_packet_size().unwrap_or(u32::MAX),
            aliases: properties.topic_alias_maximum().unwrap_or(0),
            qos: properties.maximum_qos().unwrap_or(QoS::ExactlyOnce),
            retain: properties.retain_available().unwrap_or(true),
            wildcards: properties.wildcard_subscription_available().unwrap_or(true),
            identifiers: properties.subscription_identifier_available().unwrap_or(true),
            shared: properties.shared_subscription_available().unwrap_or(true),
        }
    }
}

/// The statements about words for people that make a packet too large, by packet.
pub(super) const fn words_statements(packet: PacketType) -> Option<&'static str> {
    Some(match packet {
        PacketType::ConnAck => "MQTT-3.2.2-19 MQTT-3.2.2-20",
        PacketType::PubAck => "MQTT-3.4.2-2 MQTT-3.4.2-3",
        PacketType::PubRec => "MQTT-3.5.2-2 MQTT-3.5.2-3",
        PacketType::PubRel => "MQTT-3.6.2-2 MQTT-3.6.2-3",
        PacketType::PubComp => "MQTT-3.7.2-2 MQTT-3.7.2-3",
        PacketType::SubAck => "MQTT-3.9.2-1 MQTT-3.9.2-2",
        PacketType::UnsubAck => "MQTT-3.11.2-1 MQTT-3.11.2-2",
        PacketType::Disconnect => "MQTT-3.14.2-3 MQTT-3.14.2-4",
        PacketType::Auth => "MQTT-3.15.2-2 MQTT-3.15.2-3",
        PacketType::Connect
        | PacketType::Publish
        | PacketType::Subscribe
        | PacketType::Unsubscribe
        | PacketType::PingReq
        | PacketType::PingResp => return None,
    })
}
