//! CONNECT, the program's word about it, and the ways in which a connection ends.

use mqtt_engine::{
    QoS::AtLeastOnce,
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    ConnectionDesk, bytes, connack, connect, disconnect, pingreq, pingresp, publish, refusal,
};

use super::{Steps as _, play, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, millis, seconds},
};

diaries! { "connection";
    accepted_and_left_v3 => play(V3, accepted_and_left);
    accepted_and_left_v5 => play(V5, accepted_and_left);
    refused_v3 => play(V3, refused);
    refused_v5 => play(V5, refused);
    refused_without_a_code_v3 => play(V3, no_code);
    packets_wait_for_the_decision_v3 => play(V3, early);
    packets_wait_for_the_decision_v5 => play(V5, early);
    closed_by_the_program_v3 => play(V3, closed);
    closed_by_the_program_v5 => play(V5, closed);
    connack_tells_the_limits_v5 => play_with(
        |config| {
            config.receive_maximum = 5;
            config.maximum_packet_size = 1000;
            config.topic_alias_maximum = 0;
            config.maximum_qos = AtLeastOnce;
            config.maximum_keep_alive = 30;
            config.session_expiry_maximum = 60;
        },
        V5,
        limits,
    );
    s36_a_receive_maximum_of_zero_v5 => play(V5, zero);
    s47_no_connect_in_time_v3 => play(V3, no_connect);
    s47_no_connect_in_time_v5 => play(V5, no_connect);
    s47_no_decision_in_time_v3 => play(V3, no_decision);
    s47_no_decision_in_time_v5 => play(V5, no_decision);
    s54_a_second_connect_v3 => play(V3, second_connect);
    s54_a_second_connect_v5 => play(V5, second_connect);
    s54_another_first_packet_v3 => play(V3, another_first_packet);
    s54_another_first_packet_v5 => play(V5, another_first_packet);
}

/// CONNACK comes with the program's word; DISCONNECT ends. [MQTT-3.2.0-1] (both versions)
fn accepted_and_left(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c"));
    server.silence(seconds(1));
    server.accept(false);
    server.recv(accepted(false));
    server.send(pingreq());
    server.recv(pingresp());
    server.send(disconnect(R::Success));
    server.ends();
}

/// The reason is told, in 3.1.1 by the return code of the same meaning; what follows is not read.
/// [MQTT-3.1.4-5] [MQTT-3.2.2-5] (3.1.1), [MQTT-3.1.4-6] [MQTT-3.2.2-7] (5.0)
fn refused(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c"));
    server.refuse(R::NotAuthorized);
    server.recv(refusal(R::NotAuthorized));
    server.send(pingreq());
    server.ends();
}

/// No return code says *packet too large*: closed without a CONNACK. [MQTT-3.2.2-6] (3.1.1)
fn no_code(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c"));
    server.refuse(R::PacketTooLarge);
    server.ends();
}

/// The client does not wait for CONNACK: its PUBLISH is read when it is accepted.
fn early(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c"));
    server.send(publish("t", "x"));
    server.silence(millis(100));
    server.accept(false);
    server.recv(accepted(false));
    server.done(&[R::Success]);
}

/// 5.0 clients are told why.
fn closed(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.close(R::ServerBusy);
    if version == V5 {
        server.recv(disconnect(R::ServerBusy));
    }
    server.ends();
}

/// What differs from the defaults of the specification, and what the client asked for in vain. [MQTT-3.2.2-9] (5.0)
fn limits(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c").keep_alive(60).with(Property::SessionExpiryInterval(100)));
    server.accept(false);
    let told = connack(false)
        .with(Property::SessionExpiryInterval(60))
        .with(Property::ReceiveMaximum(5))
        .with(Property::MaximumPacketSize(1000))
        .with(Property::MaximumQoS(AtLeastOnce))
        .with(Property::ServerKeepAlive(30));
    server.recv(told);
}

/// The program is not asked.
fn zero(server: &mut ConnectionDesk, _: ProtocolVersion) {
    // CONNECT with Receive Maximum 0, which no encoder of ours writes.
    let connect = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x01c";
    server.send(bytes(connect));
    server.recv(refusal(R::ProtocolError));
    server.ends();
}

/// Half a CONNECT, and nothing more: closed after ten seconds, without a word.
fn no_connect(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send_part(connect("c"), 9);
    server.silence(millis(9999));
    server.advance(millis(1));
    server.ends();
}

/// The ten seconds are those of the program, too.
fn no_decision(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.silence(seconds(4));
    server.send(connect("c"));
    server.silence(seconds(6));
    server.ends();
}

/// [MQTT-3.1.0-2] (both versions)
fn second_connect(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.send(connect("c"));
    if version == V5 {
        server.recv(disconnect(R::ProtocolError));
    }
    server.ends();
}

/// [MQTT-3.1.0-1] (both versions)
fn another_first_packet(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(publish("t", "x"));
    server.ends();
}
