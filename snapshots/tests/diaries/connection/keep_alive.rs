//! Keep alive: clients that fall silent.

use mqtt_engine::{
    QoS::AtMostOnce,
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{ConnectionDesk, connect, disconnect, pingreq, pingresp, publish};

use super::{Steps as _, play, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, message, millis, seconds},
};

diaries! { "connection";
    s43_silence_for_one_and_a_half_times_the_keep_alive_v3 => play(V3, death);
    s43_silence_for_one_and_a_half_times_the_keep_alive_v5 => play(V5, death);
    s43_what_the_server_sends_does_not_count_v3 => play(V3, only_receives);
    s43_what_the_server_sends_does_not_count_v5 => play(V5, only_receives);
    s43_a_client_is_not_blamed_for_a_slow_program_v3 => play(V3, slow_program);
    s43_a_client_is_not_blamed_for_a_slow_program_v5 => play(V5, slow_program);
    s44_the_server_sets_the_keep_alive_v5 => play_with(|config| config.maximum_keep_alive = 10, V5, overridden);
    s45_no_keep_alive_v3 => play(V3, none);
    s45_no_keep_alive_v5 => play(V5, none);
}

fn lives(server: &mut ConnectionDesk) {
    server.send(connect("c").keep_alive(10));
    server.accept(false);
    server.recv(accepted(false));
}

/// Not a millisecond earlier.
fn dies(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.silence(millis(14_999));
    server.advance(millis(1));
    if version == V5 {
        server.recv(disconnect(R::KeepAliveTimeout));
    }
    server.ends();
}

/// Each packet counts, and then there is none for fifteen seconds. [MQTT-3.1.2-24] (3.1.1), [MQTT-3.1.2-22] (5.0)
fn death(server: &mut ConnectionDesk, version: ProtocolVersion) {
    lives(server);
    server.silence(seconds(10));
    server.send(pingreq());
    server.recv(pingresp());
    server.silence(seconds(14));
    server.send(publish("t", "x"));
    server.done(&[R::Success]);
    dies(server, version);
}

/// A client that only gets messages must say something, too.
fn only_receives(server: &mut ConnectionDesk, version: ProtocolVersion) {
    lives(server);
    server.silence(seconds(5));
    server.deliver(message("t", "x", AtMostOnce));
    server.recv(publish("t", "x"));
    server.silence(millis(9999));
    server.advance(millis(1));
    if version == V5 {
        server.recv(disconnect(R::KeepAliveTimeout));
    }
    server.ends();
}

/// Its packets are not read while the program ponders a minute; the fifteen seconds begin when they are again.
fn slow_program(server: &mut ConnectionDesk, version: ProtocolVersion) {
    lives(server);
    server.send(publish("t", "x"));
    server.silence(seconds(60));
    server.done(&[R::Success]);
    dies(server, version);
}

/// The client asks for none, and is told 10 seconds. [MQTT-3.1.2-22] (5.0)
fn overridden(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.send(connect("c"));
    server.accept(false);
    server.recv(accepted(false).with(Property::ServerKeepAlive(10)));
    dies(server, version);
}

fn none(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.silence(seconds(100_000));
    server.send(pingreq());
    server.recv(pingresp());
}
