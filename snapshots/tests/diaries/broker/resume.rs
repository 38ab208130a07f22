//! A subscriber, or a publisher, that comes back: what is sent again, and how.

use mqtt_engine::{
    QoS::ExactlyOnce,
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, pingreq, pingresp, puback, pubcomp, publish, pubrec, pubrel,
};

use super::{Steps as _, deliver_unseen, play, play_v5, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable, millis},
};

diaries! { "broker";
    s01_a_resumed_session_keeps_to_the_new_receive_maximum_v5 => play_v5(quota);
    s02_a_replay_is_in_order_after_the_identifiers_wrap_v3 => play_with(broker(), |desk| wrap(desk, V3));
    s02_a_replay_is_in_order_after_the_identifiers_wrap_v5 => play_with(broker(), |desk| wrap(desk, V5));
    s03_after_pubrec_a_resumed_session_begins_with_pubrel_v3 => play(V3, pubrel_first);
    s03_after_pubrec_a_resumed_session_begins_with_pubrel_v5 => play(V5, pubrel_first);
    s04_dup_is_of_the_hop_and_not_of_the_message_v3 => play(V3, dup_flag);
    s04_dup_is_of_the_hop_and_not_of_the_message_v5 => play(V5, dup_flag);
    s05_a_message_comes_again_with_its_identifier_v3 => play(V3, original_id);
    s05_a_message_comes_again_with_its_identifier_v5 => play(V5, original_id);
    s06_identifiers_in_flight_are_not_given_to_new_messages_v3 => play(V3, isolation);
    s06_identifiers_in_flight_are_not_given_to_new_messages_v5 => play(V5, isolation);
    s07_a_cut_in_the_middle_of_a_replay_loses_nothing_v3 => play(V3, cut_in_replay);
    s07_a_cut_in_the_middle_of_a_replay_loses_nothing_v5 => play(V5, cut_in_replay);
    s14_nothing_is_sent_again_on_a_live_connection_v3 => play(V3, no_timer);
    s14_nothing_is_sent_again_on_a_live_connection_v5 => play(V5, no_timer);
    a_message_that_arrives_in_part_was_not_sent_v3 => play(V3, half_a_publish);
    a_message_that_arrives_in_part_was_not_sent_v5 => play(V5, half_a_publish);
    messages_for_an_absent_client_wait_v3 => play(V3, queued);
    messages_for_an_absent_client_wait_v5 => play(V5, queued);
}

/// A durable subscriber to `t`, and a publisher.
fn begin(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("sub", version);
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.joins("pub", version);
}

/// A QoS 1 message of the publisher, whose payload is its number. 5.0 says if nobody subscribes, not if nobody is there.
fn publish_one(broker: &mut dyn BrokerStage, number: u16) {
    broker.ask("pub", publish("t", number.to_string()).qos1(number), puback(number));
}

/// Two are in flight, but the client comes back with a Receive Maximum of 1: the second waits for the PUBACK of the first.
/// [MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.9.0-1] (5.0)
fn quota(broker: &mut dyn BrokerStage) {
    begin(broker, V5);
    for number in 1..=2 {
        publish_one(broker, number);
        broker.recv("sub", publish("t", number.to_string()).qos1(number));
    }
    broker.cut("sub");
    broker.knocks("sub", V5, durable("sub").with(Property::ReceiveMaximum(1)), accepted(true));
    broker.recv("sub", publish("t", "1").qos1(1).dup());
    broker.silence(millis(100));
    broker.send("sub", puback(1));
    broker.recv("sub", publish("t", "2").qos1(2).dup());
    publish_one(broker, 3);
    broker.silence(millis(100));
    broker.send("sub", puback(2));
    broker.recv("sub", publish("t", "3").qos1(3));
    broker.send("sub", puback(3));
}

/// In flight are 65535, 1 and 2, sent in this order: it is the order of the replay, too. [MQTT-4.6.0-1] (both versions)
fn wrap(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.note("65,534 messages are delivered and acknowledged");
    for id in 1..=65_534 {
        deliver_unseen(broker, "sub");
        let connection = broker.connection("sub");
        let (machine, now) = broker.machine();
        machine.receive(connection, &mut &puback(id).wire(version)[..], now);
    }
    for (number, id) in [(1, 65_535), (2, 1), (3, 2)] {
        publish_one(broker, number);
        broker.recv("sub", publish("t", number.to_string()).qos1(id));
    }
    broker.cut("sub");
    broker.resumes("sub", version);
    for (payload, id) in [("1", 65_535), ("2", 1), ("3", 2)] {
        broker.recv("sub", publish("t", payload).qos1(id).dup());
    }
    for id in [65_535, 1, 2] {
        broker.send("sub", puback(id));
    }
}

/// What was received is not published again: PUBREL comes, with the same identifier.
/// [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-6] (5.0)
fn pubrel_first(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    broker.ask("pub", publish("t", "x").qos2(7), pubrec(7));
    broker.ask("pub", pubrel(7), pubcomp(7));
    broker.recv("sub", publish("t", "x").qos2(1));
    broker.ask("sub", pubrec(1), pubrel(1));
    broker.cut("sub");
    broker.resumes("sub", version);
    broker.recv("sub", pubrel(1));
    broker.send("sub", pubcomp(1));
    broker.silence(millis(100));
}

/// The publisher's DUP goes no further; the broker's own resend has it. [MQTT-3.3.1-1] [MQTT-3.3.1-3] (both versions)
fn dup_flag(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    broker.ask("pub", publish("t", "x").qos1(7).dup(), puback(7));
    broker.recv("sub", publish("t", "x").qos1(1));
    broker.cut("sub");
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "x").qos1(1).dup());
    broker.send("sub", puback(1));
}

/// The first of two is acknowledged: the second keeps its identifier 2. [MQTT-4.4.0-1] (both versions)
fn original_id(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    for number in 1..=2 {
        publish_one(broker, number);
        broker.recv("sub", publish("t", number.to_string()).qos1(number));
    }
    broker.send("sub", puback(1));
    broker.cut("sub");
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "2").qos1(2).dup());
    broker.send("sub", puback(2));
}

/// Messages that come while the client is away, and after it is back, get identifiers that no older message has.
/// [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0)
fn isolation(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    for number in 1..=2 {
        publish_one(broker, number);
        broker.recv("sub", publish("t", number.to_string()).qos1(number));
    }
    broker.cut("sub");
    publish_one(broker, 3);
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "1").qos1(1).dup());
    broker.recv("sub", publish("t", "2").qos1(2).dup());
    broker.recv("sub", publish("t", "3").qos1(3));
    publish_one(broker, 4);
    broker.recv("sub", publish("t", "4").qos1(4));
    for id in 1..=4 {
        broker.send("sub", puback(id));
    }
}

/// The second of three is lost in its replay while a fourth arrives: all come, in order. [MQTT-4.6.0-1] (both versions)
fn cut_in_replay(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    for number in 1..=3 {
        publish_one(broker, number);
        broker.recv("sub", publish("t", number.to_string()).qos1(number));
    }
    broker.cut("sub");
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "1").qos1(1).dup());
    broker.lose("sub", publish("t", "2").qos1(2).dup());
    broker.lose("sub", publish("t", "3").qos1(3).dup());
    publish_one(broker, 4);
    broker.lose("sub", publish("t", "4").qos1(4));
    broker.cut("sub");
    publish_one(broker, 5);
    broker.resumes("sub", version);
    for number in 1..=4 {
        broker.recv("sub", publish("t", number.to_string()).qos1(number).dup());
    }
    broker.recv("sub", publish("t", "5").qos1(5));
    for id in 1..=5 {
        broker.send("sub", puback(id));
    }
}

/// The subscriber is alive and does not acknowledge: the broker waits. [MQTT-4.4.0-1] (5.0)
fn no_timer(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    broker.ask("pub", publish("t", "x").qos1(1), puback(1));
    broker.recv("sub", publish("t", "x").qos1(1));
    for _ in 0..3 {
        broker.silence(millis(100));
        broker.ask("sub", pingreq(), pingresp());
    }
    broker.send("sub", puback(1));
}

/// The end of a PUBLISH is cut off: nobody gets it, and its identifier is new when it comes whole.
fn half_a_publish(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    broker.starts("other", version);
    broker.send_part("other", publish("t", "x").qos2(1), 5);
    broker.cut("other");
    broker.resumes("other", version);
    broker.ask("other", publish("t", "x").qos2(1).dup(), pubrec(1));
    broker.recv("sub", publish("t", "x").qos2(1));
    broker.ask("other", pubrel(1), pubcomp(1));
    broker.ask("sub", pubrec(1), pubrel(1));
    broker.send("sub", pubcomp(1));
}

/// QoS 1 and 2 messages are stored for a session, those of QoS 0 are not. [MQTT-3.1.2-5] (3.1.1), [MQTT-3.1.2-23] (5.0)
fn queued(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    begin(broker, version);
    broker.leaves("sub");
    broker.send("pub", publish("t", "0"));
    publish_one(broker, 1);
    broker.ask("pub", publish("t", "2").qos2(2), pubrec(2));
    broker.ask("pub", pubrel(2), pubcomp(2));
    broker.ask("pub", publish("nobody", "x").qos1(3), puback(3).reason(R::NoMatchingSubscribers));
    broker.resumes("sub", version);
    broker.recv("sub", publish("t", "1").qos1(1));
    broker.recv("sub", publish("t", "2").qos2(2));
    broker.send("sub", puback(1));
    broker.ask("sub", pubrec(2), pubrel(2));
    broker.send("sub", pubcomp(2));
}
