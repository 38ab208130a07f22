//! Shared subscriptions, and members that leave.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, puback, pubcomp, publish, pubrec, pubrel, unsuback, unsubscribe,
};

use super::{Steps as _, play, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, millis},
};

diaries! { "broker";
    s66_members_take_turns_v3 => play(V3, turns);
    s66_members_take_turns_v5 => play(V5, turns);
    s66_the_message_of_a_member_that_left_goes_to_another_v3 => play(V3, left);
    s66_the_message_of_a_member_that_left_goes_to_another_v5 => play(V5, left);
    s66_a_member_that_comes_back_keeps_what_was_sent_v3 => play(V3, comes_back);
    s66_a_member_that_comes_back_keeps_what_was_sent_v5 => play(V5, comes_back);
    s66_what_was_not_sent_yet_goes_to_another_v3 =>
        play_with(with(|config| config.connection.inflight_maximum = 1), |desk| not_sent(desk, V3));
    s66_what_was_not_sent_yet_goes_to_another_v5 =>
        play_with(with(|config| config.connection.inflight_maximum = 1), |desk| not_sent(desk, V5));
    s66_a_qos_2_message_that_was_sent_is_nobody_elses_v3 => play(V3, exactly_once);
    s66_a_qos_2_message_that_was_sent_is_nobody_elses_v5 => play(V5, exactly_once);
    s66_a_refused_message_goes_to_nobody_else_v5 => play_v5(refused);
    s66_members_that_are_away_are_the_last_resort_v3 => play(V3, away);
    s66_members_that_are_away_are_the_last_resort_v5 => play(V5, away);
    s66_the_qos_of_the_chosen_member_counts_v5 => play_v5(qos_of_the_member);
}

const SHARED: &str = "$share/g/t";

fn message(number: u16) -> mqtt_engine_diary::script::Said {
    publish("t", number.to_string())
}

/// Two members of one group take turns; the one of another group gets all, and so does who has not shared.
fn turns(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    for name in ["a", "b"] {
        broker.joins(name, version);
        broker.subscribes(name, SHARED, AtMostOnce);
    }
    broker.joins("other", version);
    broker.subscribes("other", "$share/h/t", AtMostOnce);
    broker.joins("alone", version);
    broker.subscribes("alone", "t", AtMostOnce);
    broker.joins("pub", version);
    for (number, member) in [(1, "a"), (2, "b"), (3, "a"), (4, "b")] {
        broker.send("pub", message(number));
        for name in [member, "other", "alone"] {
            broker.recv(name, message(number));
        }
    }
    broker.ask("a", unsubscribe(11, &[SHARED]), unsuback(11, &[R::Success]));
    for number in 5..=6 {
        broker.send("pub", message(number));
        for name in ["b", "other", "alone"] {
            broker.recv(name, message(number));
        }
    }
}

/// Member a is gone for good before its PUBACK: b gets the message. It may be there twice, but it is not lost.
fn left(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    for name in ["a", "b"] {
        broker.joins(name, version);
        broker.subscribes(name, SHARED, AtLeastOnce);
    }
    broker.joins("pub", version);
    broker.ask("pub", message(1).qos1(1), puback(1));
    broker.recv("a", message(1).qos1(1));
    broker.cut("a");
    broker.recv("b", message(1).qos1(1));
    broker.send("b", puback(1));
}

/// The session of a lasts: what was sent to it waits for it, with its identifier.
fn comes_back(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("a", version);
    broker.subscribes("a", SHARED, AtLeastOnce);
    broker.joins("b", version);
    broker.subscribes("b", SHARED, AtLeastOnce);
    broker.joins("pub", version);
    broker.ask("pub", message(1).qos1(1), puback(1));
    broker.recv("a", message(1).qos1(1));
    broker.cut("a");
    broker.silence(millis(100));
    broker.resumes("a", version);
    broker.recv("a", message(1).qos1(1).dup());
    broker.send("a", puback(1));
    broker.silence(millis(100));
}

/// The window of a is full: message 3 waits for it, and goes to b when a is cut, although the session of a lasts.
fn not_sent(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.starts("a", version);
    broker.subscribes("a", SHARED, AtLeastOnce);
    broker.joins("b", version);
    broker.subscribes("b", SHARED, AtLeastOnce);
    broker.joins("pub", version);
    for number in 1..=3 {
        broker.ask("pub", message(number).qos1(number), puback(number));
    }
    broker.recv("a", message(1).qos1(1));
    broker.recv("b", message(2).qos1(1));
    broker.send("b", puback(1));
    broker.silence(millis(100));
    broker.cut("a");
    broker.recv("b", message(3).qos1(2));
    broker.send("b", puback(2));
    broker.resumes("a", version);
    broker.recv("a", message(1).qos1(1).dup());
    broker.send("a", puback(1));
}

/// Member a has its PUBLISH: nobody else may get the message, also when the session of a ends before its PUBREC.
/// [MQTT-4.8.2-4] [MQTT-4.8.2-5] (5.0)
fn exactly_once(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("a", version);
    broker.subscribes("a", SHARED, ExactlyOnce);
    broker.joins("b", version);
    broker.subscribes("b", SHARED, ExactlyOnce);
    broker.joins("pub", version);
    broker.ask("pub", message(1).qos2(1), pubrec(1));
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.recv("a", message(1).qos2(1));
    broker.cut("a");
    broker.resumes("a", version);
    broker.recv("a", message(1).qos2(1).dup());
    broker.cut("a");
    // A clean start ends the session.
    broker.joins("a", version);
    broker.silence(millis(100));
}

/// Member a refuses with an error: the message is dropped. [MQTT-4.8.2-6] (5.0)
fn refused(broker: &mut dyn BrokerStage) {
    for name in ["a", "b"] {
        broker.joins(name, V5);
        broker.subscribes(name, SHARED, AtLeastOnce);
    }
    broker.joins("pub", V5);
    broker.ask("pub", message(1).qos1(1), puback(1));
    broker.recv("a", message(1).qos1(1));
    broker.send("a", puback(1).reason(R::QuotaExceeded));
    broker.cut("a");
    broker.silence(millis(100));
}

/// Member a is away: b gets all. When b is gone too, the message waits for a.
fn away(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("a", version);
    broker.subscribes("a", SHARED, AtLeastOnce);
    broker.cut("a");
    broker.joins("b", version);
    broker.subscribes("b", SHARED, AtLeastOnce);
    broker.joins("pub", version);
    for number in 1..=2 {
        broker.ask("pub", message(number).qos1(number), puback(number));
        broker.recv("b", message(number).qos1(number));
        broker.send("b", puback(number));
    }
    broker.leaves("b");
    broker.ask("pub", message(3).qos1(3), puback(3));
    broker.resumes("a", version);
    broker.recv("a", message(3).qos1(1));
    broker.send("a", puback(1));
}

/// Granted are 0 and 2: each gets what it was granted. [MQTT-4.8.2-3] (5.0)
fn qos_of_the_member(broker: &mut dyn BrokerStage) {
    broker.joins("a", V5);
    broker.subscribes("a", SHARED, AtMostOnce);
    broker.joins("b", V5);
    broker.subscribes("b", SHARED, ExactlyOnce);
    broker.joins("pub", V5);
    for number in 1..=2 {
        broker.ask("pub", message(number).qos2(number), pubrec(number));
        broker.ask("pub", pubrel(number), pubcomp(number));
    }
    broker.recv("a", message(1));
    broker.recv("b", message(2).qos2(1));
    broker.ask("b", pubrec(1), pubrel(1));
    broker.send("b", pubcomp(1));
}
