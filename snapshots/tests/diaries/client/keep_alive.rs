//! Keep alive, with ticks that are early, in time, late, or do not come.

use mqtt_engine::{
    ClientConfig, Timestamp,
    packet::{Property, ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{ClientDesk, ClientStage, connack, disconnect, pingreq, pingresp, publish};

use super::by_hand;
use crate::{
    diaries,
    vocabulary::{QOS0, V3, V5, lasting, message, millis, seconds, with},
};

diaries! { "client";
    s40_an_idle_client_pings_in_time_v3 => by_hand(minute(V3), idle);
    s40_an_idle_client_pings_in_time_v5 => by_hand(minute(V5), idle);
    s40_the_gap_is_counted_from_the_last_packet_v3 => by_hand(minute(V3), one_packet_then_idle);
    s40_the_gap_is_counted_from_the_last_packet_v5 => by_hand(minute(V5), one_packet_then_idle);
    s41_a_client_that_only_receives_pings_v3 => by_hand(minute(V3), receives_only);
    s41_a_client_that_only_receives_pings_v5 => by_hand(minute(V5), receives_only);
    s42_a_client_that_only_sends_is_not_taken_for_dead_v3 => by_hand(minute(V3), sends_only);
    s42_a_client_that_only_sends_is_not_taken_for_dead_v5 => by_hand(minute(V5), sends_only);
    s43_a_server_that_vanished_is_found_after_keep_alive_and_ping_timeout_v3 => by_hand(minute(V3), vanished);
    s43_a_server_that_vanished_is_found_after_keep_alive_and_ping_timeout_v5 => by_hand(minute(V5), vanished);
    s43_sending_hides_no_server_that_vanished_v3 => by_hand(minute(V3), vanished_while_sending);
    s43_sending_hides_no_server_that_vanished_v5 => by_hand(minute(V5), vanished_while_sending);
    s44_the_server_keep_alive_replaces_ours_v5 => by_hand(minute(V5), replaced);
    s45_keep_alive_zero_is_none_v3 => by_hand(lasting(V3), none);
    s45_keep_alive_zero_is_none_v5 => by_hand(lasting(V5), none);
    s45_the_longest_keep_alive_at_the_end_of_time_v3 => by_hand(longest(V3), end_of_time);
    s45_the_longest_keep_alive_at_the_end_of_time_v5 => by_hand(longest(V5), end_of_time);
    s45_time_that_runs_backwards_stands_still_v3 => by_hand(minute(V3), backwards);
    s45_time_that_runs_backwards_stands_still_v5 => by_hand(minute(V5), backwards);
    s46_a_tick_that_is_minutes_late_sends_one_ping_v3 => by_hand(minute(V3), late);
    s46_a_tick_that_is_minutes_late_sends_one_ping_v5 => by_hand(minute(V5), late);
    s46_an_answer_that_is_read_late_is_an_answer_v3 => by_hand(minute(V3), answer_read_late);
    s46_an_answer_that_is_read_late_is_an_answer_v5 => by_hand(minute(V5), answer_read_late);
    keep_alive_early_ticks_change_nothing_v3 => by_hand(minute(V3), early);
    keep_alive_early_ticks_change_nothing_v5 => by_hand(minute(V5), early);
    keep_alive_without_ticks_other_calls_do_it_v3 => by_hand(minute(V3), no_ticks);
    keep_alive_without_ticks_other_calls_do_it_v5 => by_hand(minute(V5), no_ticks);
}

fn minute(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.keep_alive = 60)
}

fn longest(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.keep_alive = u16::MAX)
}

fn ping(desk: &mut ClientDesk, after: u64) {
    desk.recv_after(seconds(after), pingreq());
    desk.send(pingresp());
}

/// The last word to a server that does not answer: 5.0 has one.
fn gives_up(desk: &mut ClientDesk) {
    if desk.version() == V5 {
        desk.recv(disconnect(ReasonCode::UnspecifiedError));
    }
    desk.ends();
}

/// Every 60 s, to the microsecond. [MQTT-3.1.2-23] (3.1.1) [MQTT-3.1.2-20] (5.0)
fn idle(desk: &mut ClientDesk) {
    desk.connect();
    ping(desk, 60);
    ping(desk, 60);
}

/// One PUBLISH right after CONNACK, then nothing: the ping comes 60 s after it, at the latest.
/// [MQTT-3.1.2-23] (3.1.1) [MQTT-3.1.2-20] (5.0)
fn one_packet_then_idle(desk: &mut ClientDesk) {
    desk.connect();
    desk.silence(seconds(1));
    desk.publish(message("led", "on", QOS0));
    desk.recv(publish("led", "on"));
    ping(desk, 59);
    ping(desk, 60);
}

/// Messages of the server prove nothing to it about us. [MQTT-3.1.2-23] (3.1.1) [MQTT-3.1.2-20] (5.0)
fn receives_only(desk: &mut ClientDesk) {
    desk.connect();
    for _ in 0..2 {
        desk.silence(seconds(25));
        desk.send(publish("button", "1"));
    }
    ping(desk, 10);
    desk.silence(seconds(25));
    desk.send(publish("button", "1"));
    ping(desk, 35);
}

/// The server is asked once in 60 s whether it is there, and that is all.
fn sends_only(desk: &mut ClientDesk) {
    desk.connect();
    for _ in 0..2 {
        for _ in 0..2 {
            desk.silence(seconds(25));
            desk.publish(message("led", "on", QOS0));
            desk.recv(publish("led", "on"));
        }
        ping(desk, 10);
    }
}

/// 60 s until the ping, 10 s for its answer.
fn vanished(desk: &mut ClientDesk) {
    desk.connect();
    desk.recv_after(seconds(60), pingreq());
    desk.silence(millis(9999));
    desk.advance(millis(1));
    gives_up(desk);
}

/// The same bound while we go on publishing.
fn vanished_while_sending(desk: &mut ClientDesk) {
    desk.connect();
    desk.silence(seconds(55));
    desk.publish(message("led", "on", QOS0));
    desk.recv(publish("led", "on"));
    desk.recv_after(seconds(5), pingreq());
    desk.silence(seconds(5));
    desk.publish(message("led", "off", QOS0));
    desk.recv(publish("led", "off"));
    desk.advance(seconds(5));
    gives_up(desk);
}

/// CONNECT says 60 s, CONNACK 5 s. [MQTT-3.1.2-21] [MQTT-3.2.2-21] (5.0)
fn replaced(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(connack(false).with(Property::ServerKeepAlive(5)));
    ping(desk, 5);
    desk.cut();
    desk.note("the next CONNACK says nothing: 60 s again");
    desk.resume();
    ping(desk, 60);
}

/// A day without a packet, and no deadline.
fn none(desk: &mut ClientDesk) {
    desk.connect();
    desk.silence(seconds(86_400));
}

/// 18 hours, 12 minutes and 15 s; and nothing overflows when the clock comes to its end.
fn end_of_time(desk: &mut ClientDesk) {
    desk.connect();
    ping(desk, 65_535);
    let (_, now) = desk.machine();
    desk.late(Timestamp::MAX - (now + seconds(100)));
    desk.recv(pingreq());
    desk.send(pingresp());
    desk.cut();
    desk.resume();
    desk.silence(seconds(90));
}

/// The clock of the driver jumps back by 50 s: no ping, no time-out, and the deadline stays where it was.
fn backwards(desk: &mut ClientDesk) {
    desk.connect();
    desk.silence(seconds(50));
    desk.call("handle_timeout at 0 s", |client, _| client.handle_timeout(Timestamp::ZERO));
    desk.call("publish \"led\" = \"on\" qos=0 at 0 s", |client, _| {
        let published = client.publish(message("led", "on", QOS0), Timestamp::ZERO);
        assert!(published.is_ok());
    });
    desk.recv(publish("led", "on"));
    ping(desk, 10);
}

/// 1,000 s late: one ping, not seventeen, and ten seconds for its answer.
fn late(desk: &mut ClientDesk) {
    desk.connect();
    desk.late(seconds(1000));
    desk.recv(pingreq());
    desk.silence(seconds(9));
    desk.send(pingresp());
    ping(desk, 51);
}

/// The PINGRESP lay in the transport for minutes because the driver slept: the server is alive.
fn answer_read_late(desk: &mut ClientDesk) {
    desk.connect();
    desk.recv_after(seconds(60), pingreq());
    desk.without_ticks(seconds(500));
    desk.send(pingresp());
    desk.recv(pingreq());
    desk.send(pingresp());
}

/// A tick each 20 s: the ping comes with the third one.
fn early(desk: &mut ClientDesk) {
    desk.connect();
    for _ in 0..3 {
        desk.call("handle_timeout", |client, now| client.handle_timeout(now));
        desk.silence(seconds(19));
        desk.call("handle_timeout", |client, now| client.handle_timeout(now));
        desk.without_ticks(seconds(1));
    }
    desk.call("handle_timeout", |client, now| client.handle_timeout(now));
    desk.recv(pingreq());
    desk.send(pingresp());
}

/// Nobody calls `handle_timeout`: what arrives, and what the program asks for, lets time pass as well.
fn no_ticks(desk: &mut ClientDesk) {
    desk.connect();
    desk.without_ticks(seconds(70));
    desk.send(publish("button", "1"));
    desk.recv(pingreq());
    desk.send(pingresp());
    desk.without_ticks(seconds(70));
    desk.publish(message("led", "on", QOS0));
    desk.recv(pingreq());
    desk.recv(publish("led", "on"));
    desk.send(pingresp());
}
