//! A client identifier that is used twice.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, connect, disconnect, puback, pubcomp, publish, pubrec, pubrel, refusal,
};

use super::{Steps as _, play, play_v5, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable, millis},
};

diaries! { "broker";
    s60_a_session_moves_to_the_newer_connection_v3 => play(V3, session_moves);
    s60_a_session_moves_to_the_newer_connection_v5 => play(V5, session_moves);
    s60_late_bytes_of_the_older_connection_are_ignored_v3 => play(V3, late_bytes);
    s60_late_bytes_of_the_older_connection_are_ignored_v5 => play(V5, late_bytes);
    s60_a_clean_start_takes_over_and_drops_the_session_v3 => play(V3, clean_start);
    s60_a_clean_start_takes_over_and_drops_the_session_v5 => play(V5, clean_start);
    s60_a_will_is_published_when_its_connection_is_taken_over_v3 => play(V3, will);
    s60_a_will_is_published_when_its_connection_is_taken_over_v5 => play(V5, will);
    s60_a_delayed_will_is_cancelled_by_the_newer_connection_v5 => play_with(broker(), |desk| delayed_will(desk));
    s60_a_session_without_expiry_does_not_move_v5 => play_v5(no_expiry);
    s60_the_newer_connection_speaks_the_other_version => play_with(broker(), other_version);
    s61_another_user_does_not_get_the_session_v3 => play(V3, other_user);
    s61_another_user_does_not_get_the_session_v5 => play(V5, other_user);
}

/// The broker ends the older connection; in 5.0 it says why.
fn is_taken_over(broker: &mut dyn BrokerStage, name: &str, version: ProtocolVersion) {
    if version == V5 {
        broker.recv(name, disconnect(R::SessionTakenOver));
    }
    broker.ends(name);
}

/// The older connection ends first; what is unfinished in either direction goes on with the newer one: PUBRELs, then PUBLISHes.
/// [MQTT-3.1.4-2] (3.1.1), [MQTT-3.1.4-3] (5.0), [MQTT-4.4.0-1] (both versions)
fn session_moves(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.knocks("older", version, durable("c"), accepted(false));
    broker.subscribes("older", "t", ExactlyOnce);
    broker.joins("pub", version);
    for number in 1..=2 {
        broker.ask("pub", publish("t", number.to_string()).qos2(number), pubrec(number));
        broker.ask("pub", pubrel(number), pubcomp(number));
        broker.recv("older", publish("t", number.to_string()).qos2(number));
    }
    broker.ask("older", pubrec(1), pubrel(1));
    broker.ask("older", publish("t", "mine").qos2(9), pubrec(9));
    broker.recv("older", publish("t", "mine").qos2(3));
    broker.knocks("newer", version, durable("c"), accepted(true));
    is_taken_over(broker, "older", version);
    broker.recv("newer", pubrel(1));
    broker.recv("newer", publish("t", "2").qos2(2).dup());
    broker.recv("newer", publish("t", "mine").qos2(3).dup());
    broker.ask("newer", publish("t", "mine").qos2(9).dup(), pubrec(9));
    broker.ask("newer", pubrel(9), pubcomp(9));
    broker.send("newer", pubcomp(1));
    for id in 2..=3 {
        broker.ask("newer", pubrec(id), pubrel(id));
        broker.send("newer", pubcomp(id));
    }
}

/// A PUBLISH and a PUBACK that were under way: they reach nothing.
fn late_bytes(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "t", AtMostOnce);
    broker.knocks("older", version, durable("c"), accepted(false));
    broker.subscribes("older", "u", AtLeastOnce);
    broker.ask("watcher", publish("u", "x").qos1(1), puback(1));
    broker.recv("older", publish("u", "x").qos1(1));
    broker.knocks("newer", version, durable("c"), accepted(true));
    broker.recv("newer", publish("u", "x").qos1(1).dup());
    if version == V5 {
        broker.recv("older", disconnect(R::SessionTakenOver));
    }
    broker.send("older", publish("t", "late"));
    broker.send("older", puback(1));
    broker.ends("older");
    broker.cut("newer");
    broker.knocks("newest", version, durable("c"), accepted(true));
    broker.recv("newest", publish("u", "x").qos1(1).dup());
    broker.send("newest", puback(1));
    broker.silence(millis(100));
}

/// [MQTT-3.1.2-6] (3.1.1) [MQTT-3.1.2-4] (5.0): subscription and message are gone.
fn clean_start(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.knocks("older", version, durable("c"), accepted(false));
    broker.subscribes("older", "t", AtLeastOnce);
    broker.joins("pub", version);
    broker.ask("pub", publish("t", "x").qos1(1), puback(1));
    broker.recv("older", publish("t", "x").qos1(1));
    broker.knocks("newer", version, connect("c"), accepted(false));
    is_taken_over(broker, "older", version);
    broker.ask("pub", publish("t", "y").qos1(2), puback(2).reason(R::NoMatchingSubscribers));
    broker.silence(millis(100));
}

/// The older connection ended without a DISCONNECT of its client: its will is due. [MQTT-3.1.2-8] (both versions)
fn will(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "will", AtMostOnce);
    let with_will = durable("c").will("will", "of the older", AtMostOnce, false);
    broker.knocks("older", version, with_will, accepted(false));
    broker.knocks("newer", version, durable("c"), accepted(true));
    broker.recv("watcher", publish("will", "of the older"));
    is_taken_over(broker, "older", version);
    broker.cut("newer");
    broker.silence(millis(100));
}

/// It would be due in ten seconds, but the session goes on. [MQTT-3.1.3-9] (5.0)
fn delayed_will(broker: &mut dyn BrokerStage) {
    broker.joins("watcher", V5);
    broker.subscribes("watcher", "will", AtMostOnce);
    let with_will = durable("c").will("will", "of the older", AtMostOnce, false);
    let delayed = with_will.will_with(Property::WillDelayInterval(10));
    broker.knocks("older", V5, delayed, accepted(false));
    broker.knocks("newer", V5, durable("c"), accepted(true));
    is_taken_over(broker, "older", V5);
    broker.silence(millis(10_100));
}

/// The session ends with the older connection: the newer one begins with a new one. [MQTT-3.1.2-6] (5.0)
fn no_expiry(broker: &mut dyn BrokerStage) {
    broker.knocks("older", V5, connect("c"), accepted(false));
    broker.subscribes("older", "t", AtLeastOnce);
    broker.knocks("newer", V5, connect("c").resumes(), accepted(false));
    is_taken_over(broker, "older", V5);
    broker.ask("newer", publish("t", "x").qos1(1), puback(1).reason(R::NoMatchingSubscribers));
}

/// A session of 3.1.1 goes on in 5.0.
fn other_version(broker: &mut BrokerDesk) {
    broker.knocks("older", V3, durable("c"), accepted(false));
    broker.subscribes("older", "t", AtLeastOnce);
    broker.ask("older", publish("t", "x").qos1(1), puback(1));
    broker.recv("older", publish("t", "x").qos1(1));
    broker.knocks("newer", V5, durable("c"), accepted(true));
    is_taken_over(broker, "older", V3);
    broker.recv("newer", publish("t", "x").qos1(1).dup());
    broker.send("newer", puback(1));
}

/// Whoever made the session has it: others are refused, and the connection that is there stays.
fn other_user(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.knocks("alice", version, durable("c").user("alice", "secret"), accepted(false));
    broker.knocks("bob", version, durable("c").user("bob", "secret"), refusal(R::NotAuthorized));
    broker.ends("bob");
    broker.knocks("nobody", version, durable("c"), refusal(R::NotAuthorized));
    broker.ends("nobody");
    broker.cut("alice");
    broker.knocks("bob", version, durable("c").user("bob", "secret"), refusal(R::NotAuthorized));
    broker.ends("bob");
    broker.knocks("alice", version, durable("c").user("alice", "other"), accepted(true));
}
