//! Messages to the client.

use mqtt_engine::{
    ConnectionConfig,
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    ConnectionDesk, connect, disconnect, pingreq, pingresp, puback, pubcomp, publish, pubrec, pubrel, refusal,
};

use super::{Steps as _, play, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, message, millis},
};

diaries! { "connection";
    qos_0_to_the_client_v3 => play(V3, qos_0);
    qos_0_to_the_client_v5 => play(V5, qos_0);
    qos_1_to_the_client_v3 => play(V3, qos_1);
    qos_1_to_the_client_v5 => play(V5, qos_1);
    qos_2_to_the_client_v3 => play(V3, qos_2);
    qos_2_to_the_client_v5 => play(V5, qos_2);
    s24_unknown_acknowledgements_v3 => play(V3, unknown);
    s24_unknown_acknowledgements_v5 => play(V5, unknown);
    s25_the_client_refuses_v5 => play(V5, refused);
    s26_the_receive_maximum_of_the_client_v5 => play(V5, window);
    s30_an_acknowledgement_of_the_wrong_kind_v3 => play(V3, wrong_kind);
    s30_an_acknowledgement_of_the_wrong_kind_v5 => play(V5, wrong_kind);
    s32_a_small_window_v3 => play_with(|config| config.inflight_maximum = 2, V3, small_window);
    s32_a_small_window_v5 => play_with(|config| config.inflight_maximum = 2, V5, small_window);
    s35_a_message_that_is_too_large_v5 => play(V5, too_large);
    s68_a_full_queue_drops_qos_0_first_v3 => play_with(tight, V3, full);
    s68_a_full_queue_drops_qos_0_first_v5 => play_with(tight, V5, full);
    nothing_is_delivered_before_connack => play(V5, too_early);
}

fn qos_0(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.deliver(message("t", "x", AtMostOnce));
    server.recv(publish("t", "x"));
}

/// [MQTT-4.3.2-1] (3.1.1), [MQTT-4.3.2-2] [MQTT-4.3.2-3] (5.0)
fn qos_1(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.deliver(message("t", "x", AtLeastOnce));
    server.recv(publish("t", "x").qos1(1));
    server.send(puback(1));
    server.deliver(message("t", "y", AtLeastOnce));
    server.recv(publish("t", "y").qos1(2));
    server.send(puback(2));
}

/// A PUBREC that comes twice gets its PUBREL twice. [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-4] (5.0)
fn qos_2(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.deliver(message("t", "x", ExactlyOnce));
    server.recv(publish("t", "x").qos2(1));
    for _ in 0..2 {
        server.send(pubrec(1));
        server.recv(pubrel(1));
    }
    server.send(pubcomp(1));
}

/// PUBREC gets a PUBREL, so that the client can finish; the others are ignored.
fn unknown(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(puback(9));
    server.send(pubcomp(9));
    server.send(pubrec(9));
    server.recv(pubrel(9).reason(R::PacketIdentifierNotFound));
    server.send(pingreq());
    server.recv(pingresp());
}

/// An error ends the exchange, with PUBACK and with PUBREC: nothing is sent again. [MQTT-4.4.0-2] (5.0)
fn refused(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.deliver(message("t", "1", AtLeastOnce));
    server.recv(publish("t", "1").qos1(1));
    server.send(puback(1).reason(R::QuotaExceeded));
    server.deliver(message("t", "2", ExactlyOnce));
    server.recv(publish("t", "2").qos2(2));
    server.send(pubrec(2).reason(R::NotAuthorized));
    server.silence(millis(100));
    server.cut();
    server.resumes();
    server.silence(millis(100));
}

/// Receive Maximum 1: QoS 0 overtakes nothing, and the next of QoS 2 waits for PUBCOMP. [MQTT-3.3.4-9] [MQTT-4.9.0-2] (5.0)
fn window(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c").with(Property::ReceiveMaximum(1)));
    server.accept(false);
    server.recv(accepted(false));
    for number in ["1", "2"] {
        server.deliver(message("t", number, ExactlyOnce));
    }
    server.deliver(message("t", "3", AtMostOnce));
    server.recv(publish("t", "1").qos2(1));
    server.silence(millis(100));
    server.send(pubrec(1));
    server.recv(pubrel(1));
    server.silence(millis(100));
    server.send(pubcomp(1));
    server.recv(publish("t", "2").qos2(2));
    server.recv(publish("t", "3"));
    server.send(pubrec(2));
    server.recv(pubrel(2));
    server.send(pubcomp(2));
}

/// PUBREC for a message of QoS 1.
fn wrong_kind(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.deliver(message("t", "x", AtLeastOnce));
    server.recv(publish("t", "x").qos1(1));
    server.send(pubrec(1));
    if version == V5 {
        server.recv(disconnect(R::ProtocolError));
    }
    server.ends();
}

/// Two in flight at a time, acknowledged in any order; the identifiers go on.
fn small_window(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    for number in 1..=4 {
        server.deliver(message("t", &number.to_string(), AtLeastOnce));
    }
    server.recv(publish("t", "1").qos1(1));
    server.recv(publish("t", "2").qos1(2));
    server.silence(millis(100));
    server.send(puback(2));
    server.recv(publish("t", "3").qos1(3));
    server.send(puback(3));
    server.recv(publish("t", "4").qos1(4));
    server.send(puback(1));
    server.send(puback(4));
}

/// The client takes 16 bytes, fixed header included: a message of 17 comes back to the program, and costs no identifier.
/// [MQTT-3.1.2-24] [MQTT-3.1.2-25] (5.0)
fn too_large(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c").with(Property::MaximumPacketSize(16)));
    server.accept(false);
    server.recv(accepted(false));
    server.deliver(message("t", "123456789", AtLeastOnce));
    server.deliver(message("t", "12345678", AtLeastOnce));
    server.recv(publish("t", "12345678").qos1(1));
    server.send(puback(1));
}

/// One in flight, and room for three.
fn tight(config: &mut ConnectionConfig) {
    config.inflight_maximum = 1;
    config.queue_count = 3;
}

/// The oldest of QoS 0 makes room for one of QoS 1; then there is none to go, and the new message comes back.
fn full(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.deliver(message("t", "1", AtLeastOnce));
    server.recv(publish("t", "1").qos1(1));
    server.deliver(message("t", "2", AtLeastOnce));
    server.deliver(message("t", "QoS 0", AtMostOnce));
    server.deliver(message("t", "3", AtLeastOnce));
    server.deliver(message("t", "4", AtLeastOnce));
    for (id, next) in [(1, "2"), (2, "3")] {
        server.send(puback(id));
        server.recv(publish("t", next).qos1(id + 1));
    }
    server.send(puback(3));
}

/// There is no session yet, and no longer: the message comes back to the program.
fn too_early(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.deliver(message("t", "x", AtLeastOnce));
    server.send(connect("c"));
    server.deliver(message("t", "x", AtLeastOnce));
    server.refuse(R::NotAuthorized);
    server.recv(refusal(R::NotAuthorized));
    server.deliver(message("t", "x", AtLeastOnce));
    server.ends();
}
