//! Time: keep alive with early, late and no looks at the clock, and the connect timeout.

use mqtt_engine::{
    QoS::AtMostOnce,
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{BrokerDesk, BrokerStage, connect, disconnect, pingreq, pingresp, publish};

use super::{Steps as _, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, millis, seconds},
};

diaries! { "broker";
    s42_a_client_that_only_publishes_is_alive_v3 => play_with(broker(), |desk| send_only(desk, V3));
    s42_a_client_that_only_publishes_is_alive_v5 => play_with(broker(), |desk| send_only(desk, V5));
    s43_a_client_that_vanished_is_found_out_v3 => play_with(broker(), |desk| half_open(desk, V3));
    s43_a_client_that_vanished_is_found_out_v5 => play_with(broker(), |desk| half_open(desk, V5));
    s43_a_packet_that_never_ends_is_no_sign_of_life_v3 => play_with(broker(), |desk| half_a_packet(desk, V3));
    s43_a_packet_that_never_ends_is_no_sign_of_life_v5 => play_with(broker(), |desk| half_a_packet(desk, V5));
    s44_the_broker_overrides_the_keep_alive_v3 =>
        play_with(with(|config| config.connection.maximum_keep_alive = 10), |desk| overridden(desk, V3));
    s44_the_broker_overrides_the_keep_alive_v5 =>
        play_with(with(|config| config.connection.maximum_keep_alive = 10), |desk| overridden(desk, V5));
    s45_a_keep_alive_of_zero_is_none_v3 => play_with(broker(), |desk| zero(desk, V3));
    s45_a_keep_alive_of_zero_is_none_v5 => play_with(broker(), |desk| zero(desk, V5));
    s45_the_longest_keep_alive_v3 => play_with(broker(), |desk| longest(desk, V3));
    s45_the_longest_keep_alive_v5 => play_with(broker(), |desk| longest(desk, V5));
    s46_a_late_look_at_the_clock_v3 => play_with(broker(), |desk| late(desk, V3));
    s46_a_late_look_at_the_clock_v5 => play_with(broker(), |desk| late(desk, V5));
    s47_a_client_that_says_nothing_is_closed => play_with(broker(), no_connect);
}

/// QoS 0 messages without an answer: each counts as a sign of life.
fn send_only(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.knocks("c", version, connect("c").keep_alive(1), accepted(false));
    for _ in 0..3 {
        broker.silence(seconds(1));
        broker.send("c", publish("t", "x"));
    }
    broker.ask("c", pingreq(), pingresp());
}

/// Closed one and a half times the keep alive after the last packet, not a microsecond before, and its will is published.
/// [MQTT-3.1.2-24] (3.1.1), [MQTT-3.1.2-22] (5.0)
fn half_open(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "will", AtMostOnce);
    let connect = connect("c").keep_alive(10).will("will", "c is gone", AtMostOnce, false);
    broker.knocks("c", version, connect, accepted(false));
    broker.silence(seconds(7));
    broker.ask("c", pingreq(), pingresp());
    broker.recv_after("watcher", seconds(15), publish("will", "c is gone"));
    if version == V5 {
        broker.recv("c", disconnect(R::KeepAliveTimeout));
    }
    broker.ends("c");
}

/// Bytes of an unfinished packet do not put the end off: whole packets count.
fn half_a_packet(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.knocks("c", version, connect("c").keep_alive(10), accepted(false));
    broker.silence(seconds(14));
    broker.send_part("c", publish("t", "never ends"), 6);
    broker.advance(seconds(1));
    if version == V5 {
        broker.recv("c", disconnect(R::KeepAliveTimeout));
    }
    broker.ends("c");
}

/// 5.0: the client asks for 60 seconds, is told 10, and is closed after 15. A 3.1.1 client can't be told and keeps its 60.
/// [MQTT-3.1.2-22] (5.0)
fn overridden(broker: &mut BrokerDesk, version: ProtocolVersion) {
    let answer = accepted(false).with(Property::ServerKeepAlive(10));
    broker.knocks("c", version, connect("c").keep_alive(60), answer);
    broker.silence(millis(14_999));
    broker.ask("c", pingreq(), pingresp());
    if version == V5 {
        broker.advance(seconds(15));
        broker.recv("c", disconnect(R::KeepAliveTimeout));
    } else {
        broker.advance(seconds(90));
    }
    broker.ends("c");
}

/// No keep alive, no deadline: a day of silence, and the client is still there.
fn zero(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.silence(seconds(24 * 60 * 60));
    broker.ask("c", pingreq(), pingresp());
}

/// 65,535 seconds: 27 hours, 18 minutes and 22.5 seconds until the end.
fn longest(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.knocks("c", version, connect("c").keep_alive(u16::MAX), accepted(false));
    broker.silence(millis(98_302_499));
    broker.advance(millis(1));
    if version == V5 {
        broker.recv("c", disconnect(R::KeepAliveTimeout));
    }
    broker.ends("c");
}

/// Nobody looks at the clock for an hour: the client that was silent is closed, once.
fn late(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.knocks("c", version, connect("c").keep_alive(10), accepted(false));
    broker.late(seconds(3600));
    if version == V5 {
        broker.recv("c", disconnect(R::KeepAliveTimeout));
    }
    broker.ends("c");
    broker.silence(seconds(60));
}

/// Ten seconds without a CONNECT, or with a part of one: closed without a word.
fn no_connect(broker: &mut BrokerDesk) {
    broker.opens("silent", V5);
    broker.silence(seconds(5));
    broker.opens("slow", V3);
    broker.send_part("slow", connect("slow"), 7);
    broker.silence(seconds(5));
    broker.ends("silent");
    broker.silence(seconds(5));
    broker.ends("slow");
}
