//! The connection is cut at every packet of an exchange: the packet is lost, arrives in part, or arrives and nothing after it.

use mqtt_engine::packet::ReasonCode;
use mqtt_engine_diary::script::{ClientStage, Said, puback, pubcomp, publish, pubrec, pubrel};

use super::play;
use crate::{
    diaries,
    vocabulary::{QOS0, QOS1, QOS2, V3, V5, lasting, message},
};

diaries! { "client";
    cut_qos0_every_packet_is_lost_v3 => play(lasting(V3), |client| qos0(client, 0));
    cut_qos0_every_packet_is_lost_v5 => play(lasting(V5), |client| qos0(client, 0));
    cut_qos0_at_the_middle_of_every_packet_v3 => play(lasting(V3), |client| qos0(client, MIDDLE));
    cut_qos0_at_the_middle_of_every_packet_v5 => play(lasting(V5), |client| qos0(client, MIDDLE));
    cut_qos1_out_every_packet_is_lost_v3 => play(lasting(V3), |client| qos1_out(client, 0));
    cut_qos1_out_every_packet_is_lost_v5 => play(lasting(V5), |client| qos1_out(client, 0));
    cut_qos1_out_at_the_middle_of_every_packet_v3 => play(lasting(V3), |client| qos1_out(client, MIDDLE));
    cut_qos1_out_at_the_middle_of_every_packet_v5 => play(lasting(V5), |client| qos1_out(client, MIDDLE));
    cut_qos1_out_after_every_packet_v3 => play(lasting(V3), qos1_out_after);
    cut_qos1_out_after_every_packet_v5 => play(lasting(V5), qos1_out_after);
    cut_qos1_in_every_packet_is_lost_v3 => play(lasting(V3), |client| qos1_in(client, 0));
    cut_qos1_in_every_packet_is_lost_v5 => play(lasting(V5), |client| qos1_in(client, 0));
    cut_qos1_in_at_the_middle_of_every_packet_v3 => play(lasting(V3), |client| qos1_in(client, MIDDLE));
    cut_qos1_in_at_the_middle_of_every_packet_v5 => play(lasting(V5), |client| qos1_in(client, MIDDLE));
    cut_qos1_in_after_every_packet_v3 => play(lasting(V3), qos1_in_after);
    cut_qos1_in_after_every_packet_v5 => play(lasting(V5), qos1_in_after);
    cut_qos2_out_every_packet_is_lost_v3 => play(lasting(V3), |client| qos2_out(client, 0));
    cut_qos2_out_every_packet_is_lost_v5 => play(lasting(V5), |client| qos2_out(client, 0));
    cut_qos2_out_at_the_middle_of_every_packet_v3 => play(lasting(V3), |client| qos2_out(client, MIDDLE));
    cut_qos2_out_at_the_middle_of_every_packet_v5 => play(lasting(V5), |client| qos2_out(client, MIDDLE));
    cut_qos2_out_after_every_packet_v3 => play(lasting(V3), qos2_out_after);
    cut_qos2_out_after_every_packet_v5 => play(lasting(V5), qos2_out_after);
    cut_qos2_in_every_packet_is_lost_v3 => play(lasting(V3), |client| qos2_in(client, 0));
    cut_qos2_in_every_packet_is_lost_v5 => play(lasting(V5), |client| qos2_in(client, 0));
    cut_qos2_in_at_the_middle_of_every_packet_v3 => play(lasting(V3), |client| qos2_in(client, MIDDLE));
    cut_qos2_in_at_the_middle_of_every_packet_v5 => play(lasting(V5), |client| qos2_in(client, MIDDLE));
    cut_qos2_in_after_every_packet_v3 => play(lasting(V3), qos2_in_after);
    cut_qos2_in_after_every_packet_v5 => play(lasting(V5), qos2_in_after);
}

/// So many bytes arrive of a packet in whose middle the connection is cut.
const MIDDLE: usize = 3;

/// Only the first bytes of the client's packet arrive, or none, and the next connection resumes.
fn cut_up(client: &mut dyn ClientStage, said: Said, count: usize) {
    if count == 0 {
        client.lose(said);
    } else {
        client.recv_part(said, count);
    }
    reconnect(client);
}

/// Only the first bytes of the server's packet arrive, or none, and the next connection resumes.
fn cut_down(client: &mut dyn ClientStage, said: Said, count: usize) {
    client.send_part(said, count);
    reconnect(client);
}

fn reconnect(client: &mut dyn ClientStage) {
    client.cut();
    client.resume();
}

fn led() -> Said {
    publish("led", "on")
}

/// Nothing comes again: at most once. The half of a packet is not taken for the beginning of CONNACK.
fn qos0(client: &mut dyn ClientStage, count: usize) {
    client.connect();
    client.publish(message("led", "on", QOS0));
    cut_up(client, led(), count);
    cut_down(client, led(), count);
}

/// PUBLISH with DUP on each connection until PUBACK, one fate. [MQTT-4.4.0-1] (both versions)
fn qos1_out(client: &mut dyn ClientStage, count: usize) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    cut_up(client, led().qos1(1), count);
    client.recv(led().qos1(1).dup());
    cut_down(client, puback(1), count);
    client.recv(led().qos1(1).dup());
    client.send(puback(1));
}

/// After PUBACK the next connection is silent.
fn qos1_out_after(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(led().qos1(1));
    reconnect(client);
    client.recv(led().qos1(1).dup());
    client.send(puback(1));
    reconnect(client);
}

/// A message whose PUBACK is lost is delivered twice: at least once.
fn qos1_in(client: &mut dyn ClientStage, count: usize) {
    client.connect();
    cut_down(client, led().qos1(7), count);
    client.send(led().qos1(7).dup());
    cut_up(client, puback(7), count);
    client.send(led().qos1(7).dup());
    client.recv(puback(7));
}

/// The PUBACK of a dead connection is not sent on the next one.
fn qos1_in_after(client: &mut dyn ClientStage) {
    client.connect();
    client.send(led().qos1(7));
    reconnect(client);
    client.send(led().qos1(7).dup());
    client.recv(puback(7));
    reconnect(client);
}

/// PUBLISH with DUP until PUBREC, then PUBREL until PUBCOMP, never PUBLISH again; one fate. [MQTT-4.4.0-1] (both versions)
fn qos2_out(client: &mut dyn ClientStage, count: usize) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    cut_up(client, led().qos2(1), count);
    client.recv(led().qos2(1).dup());
    cut_down(client, pubrec(1), count);
    client.recv(led().qos2(1).dup());
    client.send(pubrec(1));
    cut_up(client, pubrel(1), count);
    client.recv(pubrel(1));
    cut_down(client, pubcomp(1), count);
    client.recv(pubrel(1));
    client.send(pubcomp(1).reason(ReasonCode::PacketIdentifierNotFound));
}

/// Each connection goes one packet further, and the one after PUBCOMP is silent.
fn qos2_out_after(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    client.recv(led().qos2(1));
    reconnect(client);
    client.recv(led().qos2(1).dup());
    client.send(pubrec(1));
    reconnect(client);
    client.recv(pubrel(1));
    reconnect(client);
    client.recv(pubrel(1));
    client.send(pubcomp(1));
    reconnect(client);
}

/// One delivery, however often PUBLISH comes. [MQTT-4.3.3-2] (3.1.1) [MQTT-4.3.3-10] (5.0)
fn qos2_in(client: &mut dyn ClientStage, count: usize) {
    client.connect();
    cut_down(client, led().qos2(7), count);
    client.send(led().qos2(7).dup());
    cut_up(client, pubrec(7), count);
    client.send(led().qos2(7).dup());
    client.recv(pubrec(7));
    cut_down(client, pubrel(7), count);
    client.send(pubrel(7));
    cut_up(client, pubcomp(7), count);
    client.send(pubrel(7));
    client.recv(pubcomp(7).reason(ReasonCode::PacketIdentifierNotFound));
}

/// One delivery; the PUBREC and the PUBCOMP of a dead connection are not sent on the next one.
fn qos2_in_after(client: &mut dyn ClientStage) {
    client.connect();
    client.send(led().qos2(7));
    reconnect(client);
    client.send(led().qos2(7).dup());
    client.recv(pubrec(7));
    reconnect(client);
    client.send(pubrel(7));
    reconnect(client);
    client.send(pubrel(7));
    client.recv(pubcomp(7).reason(ReasonCode::PacketIdentifierNotFound));
    reconnect(client);
}
