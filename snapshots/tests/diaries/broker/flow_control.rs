//! Windows, identifiers and packet sizes at their limits.

use mqtt_engine::{
    BrokerConfig,
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, Said, connack, connect, disconnect, pingreq, pingresp, puback, pubcomp, publish,
    pubrec, pubrel, refusal, suback, subscribe,
};

use super::{Steps as _, deliver_unseen, hex, play, play_v5, play_with, with};
use crate::{
    diaries, on_every_broker,
    vocabulary::{V3, V5, accepted, millis},
};

diaries! { "broker";
    s30_a_puback_does_not_end_a_qos_2_exchange_v3 => play(V3, wrong_kind);
    s30_a_puback_does_not_end_a_qos_2_exchange_v5 => play(V5, wrong_kind);
    s30_each_direction_has_its_own_identifiers_v3 => play(V3, shared_ids);
    s30_each_direction_has_its_own_identifiers_v5 => play(V5, shared_ids);
    s31_every_identifier_is_in_use_v3 => play_with(with(wide_window), |desk| exhausted(desk, V3));
    s31_every_identifier_is_in_use_v5 => play_with(with(wide_window), |desk| exhausted(desk, V5));
    s32_a_small_window_does_not_narrow_the_identifiers_v3 =>
        play_with(with(|config| config.connection.inflight_maximum = 2), |desk| small_window(desk, V3));
    s32_a_small_window_does_not_narrow_the_identifiers_v5 =>
        play_with(with(|config| config.connection.inflight_maximum = 2), |desk| small_window(desk, V5));
    s33_only_qos_1_and_2_count_against_the_receive_maximum_v5 =>
        on_every_broker(with(|config| config.connection.receive_maximum = 1), counter_scope);
    s34_a_full_window_holds_back_nothing_else_v3 =>
        play_with(with(|config| config.connection.inflight_maximum = 1), |desk| throttled(desk, V3));
    s34_a_full_window_holds_back_nothing_else_v5 =>
        play_with(with(|config| config.connection.inflight_maximum = 1), |desk| throttled(desk, V5));
    s35_a_message_that_is_too_large_leaves_nothing_behind_v5 => play_v5(too_large);
    s36_a_receive_maximum_of_zero_is_refused_v5 => play_v5(zero_receive_maximum);
    s36_a_maximum_packet_size_of_zero_is_refused_v5 => play_v5(zero_packet_size);
    s52_the_limit_of_the_broker_counts_the_whole_packet_v3 =>
        play_with(with(small_packets), |desk| whole_size(desk, V3));
    s52_the_limit_of_the_broker_counts_the_whole_packet_v5 =>
        play_with(with(small_packets), |desk| whole_size(desk, V5));
}

/// The client acknowledges a QoS 2 message with PUBACK: a fault. The message comes again in the resumed session.
fn wrong_kind(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("sub", version);
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.joins("pub", version);
    broker.ask("pub", publish("t", "x").qos2(1), pubrec(1));
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.recv("sub", publish("t", "x").qos2(1));
    broker.send("sub", puback(1));
    if version == V5 {
        broker.recv("sub", disconnect(R::ProtocolError));
    }
    broker.ends("sub");
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "x").qos2(1).dup());
    broker.ask("sub", pubrec(1), pubrel(1));
    broker.send("sub", pubcomp(1));
}

/// The broker's message 1 is in flight while the client's SUBSCRIBE 1 and PUBLISH 1 are: none is taken for another.
fn shared_ids(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "t", AtLeastOnce);
    broker.ask("c", publish("t", "x").qos1(1), puback(1));
    broker.recv("c", publish("t", "x").qos1(1));
    broker.ask("c", subscribe(1).filter("u", AtMostOnce), suback(1, &[R::Success]));
    broker.ask("c", publish("u", "y").qos2(1), pubrec(1));
    broker.recv("c", publish("u", "y"));
    broker.ask("c", pubrel(1), pubcomp(1));
    broker.send("c", puback(1));
    broker.silence(millis(100));
}

fn wide_window(config: &mut BrokerConfig) {
    config.connection.inflight_maximum = u16::MAX;
    config.connection.queue_count = 200_000;
    config.connection.queue_bytes = 100 << 20;
}

/// With 65,535 messages unacknowledged the next one waits for an identifier; the first that is free goes to it.
/// [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0)
fn exhausted(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("sub", version);
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", version);
    broker.note("65,535 messages are delivered, and none is acknowledged");
    for _ in 0..u16::MAX {
        deliver_unseen(broker, "sub");
    }
    broker.ask("pub", publish("t", "late").qos1(1), puback(1));
    broker.silence(millis(100));
    broker.send("sub", puback(777));
    broker.recv("sub", publish("t", "late").qos1(777));
}

/// Two in flight at a time, acknowledged in any order: the identifiers go on, nothing stalls.
fn small_window(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("sub", version);
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", version);
    let message = |number: u16| publish("t", number.to_string()).qos1(number);
    for number in 1..=5 {
        broker.ask("pub", message(number), puback(number));
    }
    broker.recv("sub", message(1));
    broker.recv("sub", message(2));
    broker.silence(millis(100));
    for (acknowledged, next) in [(2, 3), (3, 4), (1, 5)] {
        broker.send("sub", puback(acknowledged));
        broker.recv("sub", message(next));
    }
    broker.send("sub", puback(5));
    broker.send("sub", puback(4));
}

/// CONNACK with these limits.
fn limited(receive_maximum: u16, packet_size: u32) -> Said {
    connack(false)
        .with(Property::ReceiveMaximum(receive_maximum))
        .with(Property::MaximumPacketSize(packet_size))
        .with(Property::TopicAliasMaximum(16))
}

/// One QoS 2 message is unfinished, which is all that is allowed: QoS 0, SUBSCRIBE and PINGREQ go on.
/// [MQTT-3.3.4-7] (5.0)
fn counter_scope(broker: &mut dyn BrokerStage) {
    broker.knocks("c", V5, connect("c"), limited(1, 1 << 20));
    broker.subscribes("c", "t", AtMostOnce);
    broker.ask("c", publish("t", "2").qos2(1), pubrec(1));
    broker.recv("c", publish("t", "2"));
    broker.ask("c", publish("t", "0"), publish("t", "0"));
    broker.ask("c", subscribe(2).filter("u", AtMostOnce), suback(2, &[R::Success]));
    broker.ask("c", pingreq(), pingresp());
    broker.ask("c", pubrel(1), pubcomp(1));
    broker.ask("c", publish("t", "1").qos1(2), puback(2));
    broker.recv("c", publish("t", "1"));
    broker.ask("c", publish("t", "3").qos2(3), pubrec(3));
    broker.recv("c", publish("t", "3"));
    broker.ask("c", publish("t", "4").qos1(4), disconnect(R::ReceiveMaximumExceeded));
    broker.ends("c");
}

/// The client owes a PUBACK, so that no further message may be sent; all its requests are answered all the same.
/// [MQTT-4.9.0-3] (5.0)
fn throttled(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "t", AtLeastOnce);
    broker.ask("c", publish("t", "1").qos1(1), puback(1));
    broker.recv("c", publish("t", "1").qos1(1));
    broker.ask("c", publish("t", "2").qos1(2), puback(2));
    broker.ask("c", publish("u", "3").qos2(3), pubrec(3).reason(R::NoMatchingSubscribers));
    broker.ask("c", pubrel(3), pubcomp(3));
    broker.ask("c", subscribe(11).filter("u", AtMostOnce), suback(11, &[R::Success]));
    broker.ask("c", pingreq(), pingresp());
    broker.send("c", puback(1));
    broker.recv("c", publish("t", "2").qos1(2));
    broker.send("c", puback(2));
}

/// The subscriber takes 24 bytes: what is larger is dropped and told, and costs neither identifier nor quota.
/// [MQTT-3.1.2-24] [MQTT-3.1.2-25] (5.0)
fn too_large(broker: &mut dyn BrokerStage) {
    let limits = [Property::ReceiveMaximum(1), Property::MaximumPacketSize(24)];
    let hello = limits.into_iter().fold(connect("sub"), Said::with);
    broker.knocks("sub", V5, hello, accepted(false));
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", V5);
    // 8 bytes around the payload.
    let (large, fits) = ("seventeen letters", "sixteen letters!");
    broker.ask("pub", publish("t", large).qos1(1), puback(1));
    broker.ask("pub", publish("t", fits).qos1(2), puback(2));
    broker.recv("sub", publish("t", fits).qos1(1));
    broker.send("sub", puback(1));
    broker.silence(millis(100));
}

fn zero_receive_maximum(broker: &mut dyn BrokerStage) {
    is_refused(broker, "10 11 00 04 4D 51 54 54 05 02 00 00 03 21 00 00 00 01 63");
}

fn zero_packet_size(broker: &mut dyn BrokerStage) {
    is_refused(broker, "10 13 00 04 4D 51 54 54 05 02 00 00 05 27 00 00 00 00 00 01 63");
}

/// A protocol error (5.0 sections 3.1.2.11.3 and 3.1.2.11.4), which CONNACK names.
fn is_refused(broker: &mut dyn BrokerStage, connect: &str) {
    broker.knocks("c", V5, hex(connect), refusal(R::ProtocolError));
    broker.ends("c");
}

fn small_packets(config: &mut BrokerConfig) {
    config.connection.maximum_packet_size = 20;
}

/// A PUBLISH of 20 bytes, fixed header included, is taken; one of 21 ends the connection.
fn whole_size(broker: &mut BrokerDesk, version: ProtocolVersion) {
    // Two bytes of fixed header, three of topic, in 5.0 one without properties.
    let largest = if version == V5 { 14 } else { 15 };
    broker.knocks("c", version, connect("c"), limited(64, 20));
    broker.send("c", publish("t", vec![b'x'; largest]));
    broker.ask("c", pingreq(), pingresp());
    broker.send("c", publish("t", vec![b'x'; largest + 1]));
    if version == V5 {
        broker.recv("c", disconnect(R::PacketTooLarge));
    }
    broker.ends("c");
}
