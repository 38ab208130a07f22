//! QoS 2: PUBLISH until PUBREC, PUBREL until PUBCOMP; delivered once.

use mqtt_engine::{
    Acknowledgement, ClientConfig, Profile,
    packet::{Property, ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, connack, disconnect, puback, pubcomp, publish, pubrec, pubrel,
};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS2, V3, V5, lasting, message, seconds, with},
};

diaries! { "client";
    qos2_out_v3 => play(lasting(V3), out);
    qos2_out_v5 => play(lasting(V5), out);
    qos2_in_v3 => play(lasting(V3), inbound);
    qos2_in_v5 => play(lasting(V5), inbound);
    qos2_in_acknowledged_by_the_program_in_order_v3 => by_hand(by_the_program(V3), in_order);
    qos2_in_acknowledged_by_the_program_in_order_v5 => by_hand(by_the_program(V5), in_order);
    qos2_pubrels_in_the_order_of_the_pubrecs_v3 => play(lasting(V3), order_of_releases);
    qos2_pubrels_in_the_order_of_the_pubrecs_v5 => play(lasting(V5), order_of_releases);
    s20_three_publishes_before_pubrel_are_one_delivery_v3 => play(lasting(V3), thrice);
    s20_three_publishes_before_pubrel_are_one_delivery_v5 => play(lasting(V5), thrice);
    s21_a_resend_on_the_next_connection_is_no_second_delivery_v3 => play(lasting(V3), resent_after_cut);
    s21_a_resend_on_the_next_connection_is_no_second_delivery_v5 => play(lasting(V5), resent_after_cut);
    s22_both_directions_have_their_own_identifiers_v3 => play(lasting(V3), both_directions);
    s22_both_directions_have_their_own_identifiers_v5 => play(lasting(V5), both_directions);
    s23_an_unknown_pubrel_is_answered_v3 => play(lasting(V3), unknown_pubrel);
    s23_an_unknown_pubrel_is_answered_v5 => play(lasting(V5), unknown_pubrel);
    s24_unknown_acknowledgements_are_reported_v3 => play(lasting(V3), unknown_acknowledgements);
    s24_unknown_acknowledgements_are_reported_v5 => play(lasting(V5), unknown_acknowledgements);
    s24_an_unknown_puback_ends_a_strict_connection_v3 => play(strict(V3), unknown_puback_strict_v3);
    s24_an_unknown_puback_ends_a_strict_connection_v5 => play(strict(V5), unknown_puback_strict_v5);
    s25_a_refusing_pubrec_ends_the_exchange_v5 => play(lasting(V5), refusing_pubrec);
    s25_after_our_refusal_the_identifier_is_a_new_message_v5 => play(by_the_program(V5), our_refusal);
}

fn by_the_program(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.acknowledgement = Acknowledgement::Manual)
}

fn strict(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.profile = Profile::Strict)
}

/// Four packets, one fate, at PUBCOMP. [MQTT-4.3.3-1] (3.1.1) [MQTT-4.3.3-1] [MQTT-4.3.3-4] (5.0)
fn out(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(pubcomp(1));
}

/// Delivered at PUBLISH; after PUBCOMP the identifier is a new message. [MQTT-4.3.3-2] (3.1.1) [MQTT-4.3.3-8] [MQTT-4.3.3-11] (5.0)
fn inbound(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos2(7));
    client.recv(pubrec(7));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
    client.send(publish("led", "off").qos2(7));
    client.recv(pubrec(7));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
}

/// The program acknowledges the second message first: its PUBREC waits for that of the first one. [MQTT-4.6.0-3] (both versions)
fn in_order(desk: &mut ClientDesk) {
    desk.connect();
    desk.send(publish("led", "on").qos2(7));
    desk.send(publish("led", "off").qos2(8));
    desk.acknowledge_newest(ReasonCode::Success);
    desk.silence(seconds(1));
    desk.acknowledge(ReasonCode::Success);
    desk.recv(pubrec(7));
    desk.recv(pubrec(8));
    for id in [7, 8] {
        desk.send(pubrel(id));
        desk.recv(pubcomp(id));
    }
}

/// PUBREC 2 comes before PUBREC 1, so PUBREL 2 goes out before PUBREL 1, also on the next connection.
/// [MQTT-4.6.0-4] (both versions)
fn order_of_releases(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.publish(message("led", "off", QOS2));
    client.recv(publish("led", "off").qos2(2));
    client.send(pubrec(2));
    client.recv(pubrel(2));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.cut();
    client.resume();
    client.recv(pubrel(2));
    client.recv(pubrel(1));
    client.send(pubcomp(2));
    client.send(pubcomp(1));
}

/// One event, three PUBRECs. [MQTT-4.3.3-2] (3.1.1) [MQTT-4.3.3-10] (5.0)
fn thrice(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos2(7));
    client.recv(pubrec(7));
    for _ in 0..2 {
        client.send(publish("led", "on").qos2(7).dup());
        client.recv(pubrec(7));
    }
    client.send(pubrel(7));
    client.recv(pubcomp(7));
}

/// The set of received identifiers outlives the connection. [MQTT-4.1.0-1] (3.1.1)
fn resent_after_cut(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos2(7));
    client.recv(pubrec(7));
    client.cut();
    client.resume();
    client.send(publish("led", "on").qos2(7).dup());
    client.recv(pubrec(7));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
}

/// The server's message 1 is delivered while our message 1 waits for PUBCOMP.
fn both_directions(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(publish("button", "pressed").qos2(1));
    client.recv(pubrec(1));
    client.send(pubrel(1));
    client.recv(pubcomp(1));
    client.send(pubcomp(1));
}

/// PUBCOMP, in 5.0 with 0x92, so that the server can finish; the connection stays.
fn unknown_pubrel(client: &mut dyn ClientStage) {
    client.connect();
    client.send(pubrel(7));
    client.recv(pubcomp(7).reason(ReasonCode::PacketIdentifierNotFound));
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(pubcomp(1));
}

/// PUBREC is answered with PUBREL (0x92 in 5.0), because the server waits for it; the others wait for nothing.
fn unknown_acknowledgements(client: &mut dyn ClientStage) {
    client.connect();
    client.send(puback(7));
    client.send(pubcomp(7));
    client.send(pubrec(7));
    client.recv(pubrel(7).reason(ReasonCode::PacketIdentifierNotFound));
    client.send(pubcomp(7));
}

/// The strict profile lets nothing pass. [MQTT-4.8.0-1] (3.1.1)
fn unknown_puback_strict_v3(client: &mut dyn ClientStage) {
    client.connect();
    client.send(puback(7));
    client.ends();
}

/// The strict profile lets nothing pass. [MQTT-4.13.1-1] (5.0)
fn unknown_puback_strict_v5(client: &mut dyn ClientStage) {
    client.connect();
    client.send(puback(7));
    client.recv(disconnect(ReasonCode::ProtocolError));
    client.ends();
}

/// No PUBREL follows, nothing is sent again, and the next message is not held up. [MQTT-4.3.3-4] (5.0)
fn refusing_pubrec(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::ReceiveMaximum(1)));
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.publish(message("led", "off", QOS2));
    client.send(pubrec(1).reason(ReasonCode::QuotaExceeded));
    client.recv(publish("led", "off").qos2(2));
    client.send(pubrec(2));
    client.recv(pubrel(2));
    client.send(pubcomp(2));
    client.cut();
    client.resume();
}

/// Both messages are delivered: the refusal ended the first exchange. [MQTT-4.3.3-9] (5.0)
fn our_refusal(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos2(7));
    client.acknowledge(ReasonCode::NotAuthorized);
    client.recv(pubrec(7).reason(ReasonCode::NotAuthorized));
    client.send(publish("led", "off").qos2(7));
    client.acknowledge(ReasonCode::Success);
    client.recv(pubrec(7));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
}
