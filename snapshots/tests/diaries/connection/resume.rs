//! Sessions that the program hands from one connection to the next.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{ConnectionDesk, disconnect, puback, pubcomp, publish, pubrec, pubrel};

use super::{Steps as _, play};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, durable, message, millis},
};

diaries! { "connection";
    s01_a_smaller_receive_maximum_v5 => play(V5, smaller_window);
    s03_s05_qos_1_and_2_go_on_v3 => play(V3, goes_on);
    s03_s05_qos_1_and_2_go_on_v5 => play(V5, goes_on);
    s04_each_step_to_the_client_is_cut_off_once_v3 => play(V3, each_step);
    s04_each_step_to_the_client_is_cut_off_once_v5 => play(V5, each_step);
    s07_a_cut_in_the_middle_of_a_replay_v3 => play(V3, cut_in_replay);
    s07_a_cut_in_the_middle_of_a_replay_v5 => play(V5, cut_in_replay);
    s09_a_session_that_is_not_handed_over_v3 => play(V3, lost);
    s09_a_session_that_is_not_handed_over_v5 => play(V5, lost);
    s11_half_a_packet_does_not_go_on_v3 => play(V3, half_a_packet);
    s11_half_a_packet_does_not_go_on_v5 => play(V5, half_a_packet);
    s15_a_smaller_packet_size_v5 => play(V5, smaller_packets);
    a_session_after_a_fault_v3 => play(V3, after_a_fault);
    a_session_after_a_fault_v5 => play(V5, after_a_fault);
}

/// The second of two waits until the first is acknowledged. [MQTT-3.3.4-9] [MQTT-4.4.0-1] (5.0)
fn smaller_window(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    for (id, payload) in [(1, "1"), (2, "2")] {
        server.deliver(message("t", payload, AtLeastOnce));
        server.recv(publish("t", payload).qos1(id));
    }
    server.cut();
    server.send(durable("c").with(Property::ReceiveMaximum(1)));
    server.accept(true);
    server.recv(accepted(true));
    server.recv(publish("t", "1").qos1(1).dup());
    server.silence(millis(100));
    server.send(puback(1));
    server.recv(publish("t", "2").qos1(2).dup());
    server.send(puback(2));
}

/// PUBREL first, then the PUBLISHes in their order, with DUP and their identifiers; a new message gets a new one.
/// [MQTT-4.4.0-1] [MQTT-4.6.0-1] (both versions)
fn goes_on(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    for (id, payload) in [(1, "1"), (2, "2")] {
        server.deliver(message("t", payload, ExactlyOnce));
        server.recv(publish("t", payload).qos2(id));
    }
    server.deliver(message("t", "3", AtLeastOnce));
    server.recv(publish("t", "3").qos1(3));
    server.send(pubrec(2));
    server.recv(pubrel(2));
    server.cut();
    server.resumes();
    server.recv(pubrel(2));
    server.recv(publish("t", "1").qos2(1).dup());
    server.recv(publish("t", "3").qos1(3).dup());
    server.deliver(message("t", "4", AtLeastOnce));
    server.recv(publish("t", "4").qos1(4));
    server.send(pubcomp(2));
    server.send(puback(3));
    server.send(puback(4));
    server.send(pubrec(1));
    server.recv(pubrel(1));
    server.send(pubcomp(1));
}

/// PUBLISH, PUBREC, PUBREL and PUBCOMP are cut off in turn. [MQTT-4.4.0-1] (both versions), [MQTT-4.3.3-6] (5.0)
fn each_step(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.deliver(message("t", "x", ExactlyOnce));
    server.lose(publish("t", "x").qos2(1));
    server.cut();
    server.resumes();
    server.recv(publish("t", "x").qos2(1).dup());
    server.send_part(pubrec(1), 3);
    server.cut();
    server.resumes();
    server.recv(publish("t", "x").qos2(1).dup());
    server.send(pubrec(1));
    server.lose(pubrel(1));
    server.cut();
    server.resumes();
    server.recv(pubrel(1));
    server.send_part(pubcomp(1), 3);
    server.cut();
    server.resumes();
    server.recv(pubrel(1));
    server.send(pubcomp(1));
    server.silence(millis(100));
}

/// Nothing is lost, and the order stays. [MQTT-4.6.0-1] (both versions)
fn cut_in_replay(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    for (id, payload) in [(1, "1"), (2, "2")] {
        server.deliver(message("t", payload, AtLeastOnce));
        server.recv(publish("t", payload).qos1(id));
    }
    server.cut();
    server.resumes();
    server.recv(publish("t", "1").qos1(1).dup());
    server.lose(publish("t", "2").qos1(2).dup());
    server.deliver(message("t", "3", AtLeastOnce));
    server.lose(publish("t", "3").qos1(3));
    server.cut();
    server.resumes();
    for (id, payload) in [(1, "1"), (2, "2"), (3, "3")] {
        server.recv(publish("t", payload).qos1(id).dup());
        server.send(puback(id));
    }
}

/// The program has no session: the client is told so, and nothing is sent again. A QoS 2 PUBLISH with a known identifier is a
/// new message. [MQTT-3.2.2-3] (both versions)
fn lost(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.deliver(message("t", "x", AtLeastOnce));
    server.recv(publish("t", "x").qos1(1));
    server.send(publish("t", "y").qos2(5));
    server.done(&[R::Success]);
    server.recv(pubrec(5));
    server.cut();
    server.starts();
    server.silence(millis(100));
    server.send(publish("t", "y").qos2(5));
    server.done(&[R::Success]);
    server.recv(pubrec(5));
    server.send(pubrel(5));
    server.recv(pubcomp(5));
}

/// The second half of the PUBLISH never came: the CONNECT of the next connection is read as such.
fn half_a_packet(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.send_part(publish("topic", "payload"), 5);
    server.cut();
    server.resumes();
    server.deliver(message("t", "x", AtMostOnce));
    server.recv(publish("t", "x"));
}

/// The client takes 16 bytes now: the longer message is dropped, the shorter one comes, and the identifiers are free again.
/// [MQTT-3.1.2-25] (5.0)
fn smaller_packets(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    for (id, payload) in [(1, "much too long"), (2, "fine")] {
        server.deliver(message("t", payload, AtLeastOnce));
        server.recv(publish("t", payload).qos1(id));
    }
    server.cut();
    server.send(durable("c").with(Property::MaximumPacketSize(16)));
    server.accept(true);
    server.recv(accepted(true));
    server.recv(publish("t", "fine").qos1(2).dup());
    server.send(puback(2));
}

/// The server ends the connection for a fault of the client: the session is not harmed.
fn after_a_fault(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.starts();
    server.deliver(message("t", "x", ExactlyOnce));
    server.recv(publish("t", "x").qos2(1));
    server.send(puback(1));
    if version == V5 {
        server.recv(disconnect(R::ProtocolError));
    }
    server.ends();
    server.resumes();
    server.recv(publish("t", "x").qos2(1).dup());
    server.send(pubrec(1));
    server.recv(pubrel(1));
    server.send(pubcomp(1));
}
