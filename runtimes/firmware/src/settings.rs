//! What the client is told: names, patience and memory.

use core::time::Duration;

use bytes::Bytes;
use mqtt_engine::{
    ClientConfig, Message, Oversize, QoS, Reconnect, Subscribe, Subscription, Text, TopicFilter, TopicName,
    Will, packet::ProtocolVersion,
};

use crate::board;

/// Commands: `on`, `off`.
pub(crate) const LED: &str = "led";
/// Whether the lamp is on, retained.
pub(crate) const LED_STATE: &str = "led/state";
/// Numbers in turn, each with its check digits.
pub(crate) const COUNTER: &str = "counter";
/// `online` and how often, or `offline` by our will; retained.
pub(crate) const BOARD: &str = "board";
/// What the program needs of heap and stack, retained.
pub(crate) const MEMORY: &str = "memory";

const CLIENT_ID: &str = "lamp";

/// A client whose queues fit into little memory and which soon notices a broken line.
pub(crate) fn client() -> ClientConfig {
    let Ok(client_id) = Text::new(CLIENT_ID) else { unreachable!() };
    let mut config = ClientConfig::new(client_id);
    config.version = if cfg!(feature = "v5") { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
    // The session goes on, also after a reset.
    config.clean_start = false;
    config.session_expiry = 3600;
    config.keep_alive = 5;
    config.ping_timeout = Duration::from_secs(2);
    config.connect_timeout = Duration::from_secs(2);
    config.reconnect =
        Reconnect::Backoff { initial: Duration::from_millis(500), maximum: Duration::from_secs(2) };
    config.retransmit_after = Some(Duration::from_secs(2));
    // A larger one is a damaged length: its announced bytes may never come.
    config.maximum_packet_size = 256;
    config.oversize = Oversize::Disconnect;
    config.receive_maximum = 2;
    config.inflight_maximum = 1;
    config.topic_alias_maximum = 0;
    config.outbound_topic_aliases = 0;
    config.queue_count = 2;
    config.queue_bytes = 2 * 512;
    config.outbox_bytes = 128;
    config.event_bytes = 1024;
    config.seed = board::USART1 as u64;
    config.will = Some(Will::new(retained(BOARD, Bytes::from_static(b"offline"))));
    config
}

/// A message that the server keeps.
pub(crate) fn retained(topic: &'static str, payload: Bytes) -> Message {
    message(topic, payload).retained()
}

/// A message that is to arrive.
pub(crate) fn message(topic: &'static str, payload: Bytes) -> Message {
    let Ok(message) = TopicName::new(topic).map(|name| Message::new(name, payload)) else { unreachable!() };
    let Ok(message) = message;
    message.with_qos(QoS::AtLeastOnce)
}

/// What we listen to: commands, and our own numbers, by which the counter knows that they went out undamaged.
pub(crate) fn subscriptions() -> Subscribe {
    let filters = [(LED, QoS::AtLeastOnce), (COUNTER, QoS::AtMostOnce)];
    Subscribe::all(
        filters
            .into_iter()
            .filter_map(|(topic, qos)| Some(Subscription::new(TopicFilter::new(topic).ok()?, qos))),
    )
}
