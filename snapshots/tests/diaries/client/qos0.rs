//! QoS 0: no identifier, no answer, no second attempt.

use mqtt_engine_diary::script::{ClientStage, publish};

use super::play;
use crate::{
    diaries,
    vocabulary::{QOS0, V3, V5, lasting, message},
};

diaries! { "client";
    qos0_out_v3 => play(lasting(V3), out);
    qos0_out_v5 => play(lasting(V5), out);
    qos0_in_v3 => play(lasting(V3), inbound);
    qos0_in_v5 => play(lasting(V5), inbound);
    qos0_published_offline_goes_out_once_v3 => play(lasting(V3), offline);
    qos0_published_offline_goes_out_once_v5 => play(lasting(V5), offline);
}

/// One packet, no fate. [MQTT-4.3.1-1] (both versions)
fn out(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS0));
    client.recv(publish("led", "on"));
    client.publish(message("led", "off", QOS0).retained());
    client.recv(publish("led", "off").retain());
    client.publish(message("led", "", QOS0));
    client.recv(publish("led", ""));
}

/// Nothing answers. [MQTT-4.3.1-1] (both versions)
fn inbound(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on"));
    client.send(publish("led", "off").retain());
}

/// It waits for the first connection, and is not for the second one.
fn offline(client: &mut dyn ClientStage) {
    client.publish(message("led", "on", QOS0));
    client.connect();
    client.recv(publish("led", "on"));
    client.cut();
    client.resume();
}
