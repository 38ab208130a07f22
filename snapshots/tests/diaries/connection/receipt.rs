//! Messages from the client, which the program takes over or refuses.

use mqtt_engine::packet::{Property, ProtocolVersion, ReasonCode as R};
use mqtt_engine_diary::script::{
    ConnectionDesk, connack, connect, disconnect, pingreq, pingresp, puback, pubcomp, publish, pubrec, pubrel,
};

use super::{Steps as _, play, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, millis},
};

diaries! { "connection";
    qos_0_from_the_client_v3 => play(V3, qos_0);
    qos_0_from_the_client_v5 => play(V5, qos_0);
    qos_1_from_the_client_v3 => play(V3, qos_1);
    qos_1_from_the_client_v5 => play(V5, qos_1);
    qos_1_is_new_after_a_cut_v3 => play(V3, qos_1_cut);
    qos_1_is_new_after_a_cut_v5 => play(V5, qos_1_cut);
    qos_2_from_the_client_v3 => play(V3, qos_2);
    qos_2_from_the_client_v5 => play(V5, qos_2);
    qos_1_and_2_are_refused_v3 => play(V3, refused);
    qos_1_and_2_are_refused_v5 => play(V5, refused);
    acknowledgements_are_in_order_v3 => play_with(|config| config.requests = 3, V3, in_order);
    acknowledgements_are_in_order_v5 => play_with(|config| config.requests = 3, V5, in_order);
    s20_three_times_published_and_once_received_v3 => play(V3, repeated);
    s20_three_times_published_and_once_received_v5 => play(V5, repeated);
    s21_each_step_is_cut_off_once_v3 => play(V3, each_step);
    s21_each_step_is_cut_off_once_v5 => play(V5, each_step);
    s21_a_cut_before_the_program_is_done_v3 => play(V3, unfinished);
    s21_a_cut_before_the_program_is_done_v5 => play(V5, unfinished);
    s23_an_unknown_pubrel_v3 => play(V3, unknown_pubrel);
    s23_an_unknown_pubrel_v5 => play(V5, unknown_pubrel);
    a_pubrel_before_its_pubrec_v3 => play_with(|config| config.requests = 2, V3, early_pubrel);
    a_pubrel_before_its_pubrec_v5 => play_with(|config| config.requests = 2, V5, early_pubrel);
    s33_the_receive_maximum_is_exceeded_v5 => play_with(
        |config| {
            config.receive_maximum = 2;
            config.requests = 10;
        },
        V5,
        exceeded,
    );
}

/// Nothing is answered, but the next packet is read only when the program is done.
fn qos_0(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x"));
    server.send(pingreq());
    server.silence(millis(100));
    server.done(&[R::Success]);
    server.recv(pingresp());
}

/// PUBACK when the program has taken it over; the identifier stands for a new message then, whatever its DUP says.
/// [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-4] [MQTT-4.3.2-5] (5.0)
fn qos_1(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    for said in [publish("t", "x").qos1(1), publish("t", "x").qos1(1).dup()] {
        server.send(said);
        server.silence(millis(100));
        server.done(&[R::Success]);
        server.recv(puback(1));
    }
}

/// PUBACK is lost: what is published again is an event again, marked as a duplicate.
fn qos_1_cut(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.send(publish("t", "x").qos1(1));
    server.done(&[R::Success]);
    server.lose(puback(1));
    server.cut();
    server.resumes();
    server.send(publish("t", "x").qos1(1).dup());
    server.done(&[R::Success]);
    server.recv(puback(1));
}

/// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-8] [MQTT-4.3.3-11] (5.0)
fn qos_2(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x").qos2(1));
    server.silence(millis(100));
    server.done(&[R::Success]);
    server.recv(pubrec(1));
    server.send(pubrel(1));
    server.recv(pubcomp(1));
}

/// In 5.0 the client is told, and a refused QoS 2 exchange is over; in 3.1.1 all goes on as usual.
/// [MQTT-3.3.5-2] (3.1.1), [MQTT-4.3.3-9] (5.0)
fn refused(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x").qos1(1));
    server.done(&[R::QuotaExceeded]);
    server.recv(puback(1).reason(R::QuotaExceeded));
    server.send(publish("t", "x").qos2(2));
    server.done(&[R::NotAuthorized]);
    server.recv(pubrec(2).reason(R::NotAuthorized));
    server.send(publish("t", "y").qos2(2));
    if version == V5 {
        server.done(&[R::Success]);
    }
    server.recv(pubrec(2));
    server.send(pubrel(2));
    server.recv(pubcomp(2));
}

/// Three wait for the program at a time, and the fourth is not read; each answer comes as soon as its turn has come.
/// [MQTT-4.6.0-2] [MQTT-4.6.0-3] (both versions)
fn in_order(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "1").qos1(1));
    server.send(publish("t", "2").qos2(2));
    server.send(publish("t", "3").qos1(3));
    server.send(publish("t", "4").qos2(4));
    server.silence(millis(100));
    server.done(&[R::Success]);
    server.recv(puback(1));
    server.done(&[R::Success]);
    server.recv(pubrec(2));
    server.done(&[R::Success]);
    server.recv(puback(3));
    server.done(&[R::Success]);
    server.recv(pubrec(4));
    for id in [2, 4] {
        server.send(pubrel(id));
        server.recv(pubcomp(id));
    }
}

/// One event. [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0)
fn repeated(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x").qos2(1));
    server.done(&[R::Success]);
    server.recv(pubrec(1));
    for _ in 0..2 {
        server.send(publish("t", "x").qos2(1).dup());
        server.recv(pubrec(1));
    }
    server.send(pubrel(1));
    server.recv(pubcomp(1));
}

/// PUBLISH, PUBREC, PUBREL and PUBCOMP are cut off in turn: the client says its last packet again, and there is one event.
/// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] [MQTT-4.3.3-12] (5.0)
fn each_step(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.send_part(publish("t", "x").qos2(1), 6);
    server.cut();
    server.resumes();
    server.send(publish("t", "x").qos2(1).dup());
    server.done(&[R::Success]);
    server.lose(pubrec(1));
    server.cut();
    server.resumes();
    server.send(publish("t", "x").qos2(1).dup());
    server.recv(pubrec(1));
    server.send_part(pubrel(1), 2);
    server.cut();
    server.resumes();
    server.send(pubrel(1));
    server.lose(pubcomp(1));
    server.cut();
    server.resumes();
    server.send(pubrel(1));
    server.recv(pubcomp(1).reason(R::PacketIdentifierNotFound));
}

/// The connection is cut while the program ponders: the message was not received, and its repetition is a new event.
fn unfinished(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.starts();
    server.send(publish("t", "x").qos2(1));
    server.cut();
    server.resumes();
    server.send(publish("t", "x").qos2(1).dup());
    server.done(&[R::Success]);
    server.recv(pubrec(1));
    server.send(pubrel(1));
    server.recv(pubcomp(1));
}

/// Answered, so that the client can finish. [MQTT-4.3.3-11] (5.0)
fn unknown_pubrel(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(pubrel(9));
    server.recv(pubcomp(9).reason(R::PacketIdentifierNotFound));
    server.send(pingreq());
    server.recv(pingresp());
}

/// PUBREL while PUBREC is still due: a fault.
fn early_pubrel(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x").qos2(1));
    server.send(pubrel(1));
    if version == V5 {
        server.recv(disconnect(R::ProtocolError));
    }
    server.ends();
}

/// Two may be unfinished, also when the program takes its time; the third ends the connection with 0x93.
/// [MQTT-3.3.4-7] (5.0)
fn exceeded(server: &mut ConnectionDesk, _: ProtocolVersion) {
    let told = connack(false)
        .with(Property::ReceiveMaximum(2))
        .with(Property::MaximumPacketSize(1 << 20))
        .with(Property::TopicAliasMaximum(16));
    server.send(connect("c"));
    server.accept(false);
    server.recv(told);
    server.send(publish("t", "1").qos1(1));
    server.send(publish("t", "2").qos2(2));
    server.done(&[R::Success]);
    server.recv(puback(1));
    server.send(publish("t", "3").qos1(3));
    server.send(publish("t", "4").qos1(4));
    server.recv(disconnect(R::ReceiveMaximumExceeded));
    server.ends();
}
