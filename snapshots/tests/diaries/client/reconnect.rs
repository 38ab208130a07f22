//! When the next connection is made.

use core::time::Duration;

use mqtt_engine::{
    ClientConfig, Disconnect, Reconnect, Transport, packet::ProtocolVersion, packet::ReasonCode,
};
use mqtt_engine_diary::script::{ClientDesk, ClientStage, disconnect, pingreq, pingresp, refusal};

use super::by_hand;
use crate::{
    diaries,
    vocabulary::{V3, V5, lasting, seconds, with},
};

diaries! { "client";
    s84_a_server_that_is_down_is_tried_ever_more_rarely_v3 => by_hand(patient(V3), down);
    s84_a_server_that_is_down_is_tried_ever_more_rarely_v5 => by_hand(patient(V5), down);
    s84_a_wrong_password_waits_the_longest_v3 => by_hand(patient(V3), wrong_password);
    s84_a_wrong_password_waits_the_longest_v5 => by_hand(patient(V5), wrong_password);
    s84_a_takeover_waits_the_longest_v5 => by_hand(patient(V5), taken_over);
    s84_a_short_lived_connection_is_no_success_v3 => by_hand(patient(V3), short_lived);
    s84_a_short_lived_connection_is_no_success_v5 => by_hand(patient(V5), short_lived);
    reconnect_never_unless_the_program_asks_v3 => by_hand(resting(V3), asked);
    reconnect_never_unless_the_program_asks_v5 => by_hand(resting(V5), asked);
    reconnect_a_goodbye_ends_the_waiting_v3 => by_hand(patient(V3), goodbye_while_waiting);
    reconnect_a_goodbye_ends_the_waiting_v5 => by_hand(patient(V5), goodbye_while_waiting);
}

/// From 1 s to 60 s, of which the seed takes a random half off.
fn patient(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| {
        config.reconnect = Reconnect::Backoff { initial: seconds(1), maximum: seconds(60) };
        config.keep_alive = 60;
    })
}

fn resting(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.reconnect = Reconnect::Never)
}

/// How long the client waits for its next attempt.
fn wait(desk: &mut ClientDesk) -> Duration {
    let (client, now) = desk.machine();
    let Transport::Open { not_before } = client.transport() else { return Duration::ZERO };
    not_before - now
}

/// The next wait is so many seconds at most, and half of them at least.
fn waits(desk: &mut ClientDesk, longest: u64) {
    let wait = wait(desk);
    assert!(seconds(longest) / 2 <= wait && wait <= seconds(longest), "{wait:?}");
}

/// The delays double up to a minute, and a half of each is left to chance.
fn down(desk: &mut ClientDesk) {
    for longest in [1, 2, 4, 8, 16, 32, 60, 60] {
        let wait = wait(desk);
        desk.advance(wait);
        desk.call("transport_closed: nobody answers", |client, now| client.transport_closed(now));
        waits(desk, longest);
    }
}

/// No hurry: the answer will be the same. Each wait is between 30 s and 60 s.
fn wrong_password(desk: &mut ClientDesk) {
    for _ in 0..3 {
        desk.opens();
        desk.send(refusal(ReasonCode::BadUserNameOrPassword));
        desk.ends();
        waits(desk, 60);
    }
}

/// Two clients of one name would throw each other out for ever: each waits between 30 s and 60 s.
fn taken_over(desk: &mut ClientDesk) {
    for _ in 0..3 {
        desk.connect();
        desk.send(disconnect(ReasonCode::SessionTakenOver));
        desk.ends();
        waits(desk, 60);
    }
}

/// Connections that are lost at once let the delays grow; one that lasts a minute begins anew with 1 s.
fn short_lived(desk: &mut ClientDesk) {
    for longest in [1, 2, 4, 8] {
        desk.connect();
        desk.cut();
        waits(desk, longest);
    }
    desk.connect();
    desk.recv_after(seconds(60), pingreq());
    desk.send(pingresp());
    desk.cut();
    waits(desk, 1);
}

/// After the cut the client wants no transport until `connect`.
fn asked(desk: &mut ClientDesk) {
    desk.connect();
    desk.cut();
    desk.silence(seconds(3600));
    desk.call("connect", |client, now| client.connect(now));
    desk.resume();
}

/// The attempt that was planned is not made; `connect` does not wait for it either.
fn goodbye_while_waiting(desk: &mut ClientDesk) {
    desk.connect();
    desk.cut();
    desk.disconnect(Disconnect::default());
    desk.silence(seconds(60));
    desk.call("connect", |client, now| client.connect(now));
    desk.resume();
}
