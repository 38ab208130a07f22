//! QoS 1: PUBLISH until PUBACK.

use mqtt_engine::{
    Acknowledgement, ClientConfig,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{ClientDesk, ClientStage, disconnect, puback, publish, pubrec};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS1, V3, V5, lasting, message, seconds, with},
};

diaries! { "client";
    qos1_out_v3 => play(lasting(V3), out);
    qos1_out_v5 => play(lasting(V5), out);
    qos1_out_reasons_v5 => play(lasting(V5), reasons);
    qos1_in_v3 => play(lasting(V3), inbound);
    qos1_in_v5 => play(lasting(V5), inbound);
    qos1_in_acknowledged_by_the_program_in_order_v3 => by_hand(by_the_program(V3), in_order);
    qos1_in_acknowledged_by_the_program_in_order_v5 => by_hand(by_the_program(V5), in_order);
    qos1_in_refused_by_the_program_v5 => play(by_the_program(V5), refused);
    qos1_pubrec_is_no_answer_v3 => play(lasting(V3), wrong_answer_v3);
    qos1_pubrec_is_no_answer_v5 => play(lasting(V5), wrong_answer_v5);
    s04_a_resent_publish_has_dup_v3 => play(lasting(V3), lost_puback);
    s04_a_resent_publish_has_dup_v5 => play(lasting(V5), lost_puback);
}

fn by_the_program(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.acknowledgement = Acknowledgement::Manual)
}

/// An identifier each; each PUBACK tells the fate of its message.
/// [MQTT-4.3.2-1] (3.1.1) [MQTT-4.3.2-1] [MQTT-4.3.2-2] (5.0)
fn out(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.publish(message("led", "off", QOS1));
    client.recv(publish("led", "off").qos1(2));
    client.send(puback(1));
    client.send(puback(2));
}

/// *No matching subscribers* is a success; from 0x80 on the message is refused, and not sent again.
fn reasons(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.publish(message("led", "off", QOS1));
    client.recv(publish("led", "off").qos1(2));
    client.send(puback(1).reason(ReasonCode::NoMatchingSubscribers));
    client.send(puback(2).reason(ReasonCode::NotAuthorized));
    client.cut();
    client.resume();
}

/// PUBACK has the identifier of its PUBLISH; after it the same identifier is a new message, whatever its DUP says.
/// [MQTT-4.3.2-2] (3.1.1) [MQTT-4.3.2-4] [MQTT-4.3.2-5] (5.0)
fn inbound(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos1(7));
    client.recv(puback(7));
    client.send(publish("led", "on").qos1(7).dup());
    client.recv(puback(7));
}

/// The program acknowledges the second message first: its PUBACK waits for that of the first one. [MQTT-4.6.0-2] (both versions)
fn in_order(desk: &mut ClientDesk) {
    desk.connect();
    desk.send(publish("led", "on").qos1(7));
    desk.send(publish("led", "off").qos1(8));
    desk.acknowledge_newest(ReasonCode::Success);
    desk.silence(seconds(1));
    desk.acknowledge(ReasonCode::Success);
    desk.recv(puback(7));
    desk.recv(puback(8));
}

/// The program's reason stands in PUBACK.
fn refused(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos1(7));
    client.acknowledge(ReasonCode::NotAuthorized);
    client.recv(puback(7).reason(ReasonCode::NotAuthorized));
}

/// The connection ends; the message comes again on the next one. [MQTT-4.8.0-1] (3.1.1)
fn wrong_answer_v3(client: &mut dyn ClientStage) {
    wrong_answer(client);
    client.ends();
    answered_on_the_next_connection(client);
}

/// As in 3.1.1, but the server is told why. [MQTT-4.13.1-1] (5.0)
fn wrong_answer_v5(client: &mut dyn ClientStage) {
    wrong_answer(client);
    client.recv(disconnect(ReasonCode::ProtocolError));
    client.ends();
    answered_on_the_next_connection(client);
}

fn wrong_answer(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.send(pubrec(1));
}

fn answered_on_the_next_connection(client: &mut dyn ClientStage) {
    client.resume();
    client.recv(publish("led", "on").qos1(1).dup());
    client.send(puback(1));
}

/// The first send has DUP 0, the second one DUP 1. [MQTT-3.3.1-1] (both versions)
fn lost_puback(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.cut();
    client.resume();
    client.recv(publish("led", "on").qos1(1).dup());
    client.send(puback(1));
}
