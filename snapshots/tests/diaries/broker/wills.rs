//! Wills: published, delayed, cancelled.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, Said, connect, disconnect, puback, pubcomp, publish, pubrec, pubrel, refusal,
};

use super::{Steps as _, hex, play, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable, millis, seconds},
};

diaries! { "broker";
    s62_ends_with_and_without_a_will_v3 => play(V3, ends);
    s62_ends_with_and_without_a_will_v5 => play(V5, ends);
    s62_a_will_has_qos_and_retain_v3 => play(V3, retained);
    s62_a_will_has_qos_and_retain_v5 => play(V5, retained);
    s62_a_will_has_properties_v5 => play_v5(properties);
    s62_a_delayed_will_is_published_late_v5 => play_with(broker(), late);
    s62_a_delayed_will_is_cancelled_by_the_return_v5 => play_with(broker(), |desk| cancelled(desk));
    s62_a_delayed_will_is_published_when_the_session_ends_v5 => play_with(broker(), session_end);
    s62_a_delayed_will_without_a_session_is_published_at_once_v5 => play_v5(no_session);
    s62_a_clean_start_publishes_a_delayed_will_v5 => play_with(broker(), |desk| clean_start(desk));
    s62_a_good_bye_sets_the_expiry_that_ends_the_delay_v5 => play_with(broker(), expiry_in_disconnect);
    s62_the_broker_that_shuts_down_publishes_no_wills_v3 => play_with(broker(), |desk| shut_down(desk, V3));
    s62_the_broker_that_shuts_down_publishes_no_wills_v5 => play_with(broker(), |desk| shut_down(desk, V5));
    s62_a_will_above_the_maximum_qos_is_refused_v5 =>
        play_with(with(|config| config.connection.maximum_qos = AtLeastOnce), |desk| too_sure(desk));
}

fn watched(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "will", ExactlyOnce);
}

/// A durable client with a will.
fn willing() -> Said {
    durable("c").will("will", "c is gone", AtMostOnce, false)
}

fn delayed(seconds: u32) -> Said {
    willing().will_with(Property::WillDelayInterval(seconds))
}

fn is_published(broker: &mut dyn BrokerStage) {
    broker.recv("watcher", publish("will", "c is gone"));
}

/// DISCONNECT: no. A cut, a fault, and in 5.0 DISCONNECT that asks for it: yes. Each will once.
/// [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3] (both versions)
fn ends(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    watched(broker, version);
    broker.knocks("c", version, willing(), accepted(false));
    broker.leaves("c");
    broker.silence(millis(100));
    broker.knocks("c", version, willing(), accepted(true));
    broker.cut("c");
    is_published(broker);
    broker.knocks("c", version, willing(), accepted(true));
    broker.send("c", hex("C0 01 00"));
    if version == V5 {
        broker.recv("c", disconnect(R::MalformedPacket));
    }
    is_published(broker);
    broker.ends("c");
    if version == V5 {
        broker.knocks("c", version, willing(), accepted(true));
        broker.send("c", disconnect(R::DisconnectWithWill));
        is_published(broker);
        broker.ends("c");
    }
    broker.resumes("c", version);
    broker.cut("c");
    broker.silence(millis(100));
}

/// The will is a message like any other: QoS 2 to the watcher, and kept for who comes later.
/// [MQTT-3.1.2-17] (3.1.1), [MQTT-3.1.2-15] (5.0)
fn retained(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    watched(broker, version);
    broker.knocks("c", version, connect("c").will("will", "bye", ExactlyOnce, true), accepted(false));
    broker.cut("c");
    broker.recv("watcher", publish("will", "bye").qos2(1));
    broker.ask("watcher", pubrec(1), pubrel(1));
    broker.send("watcher", pubcomp(1));
    broker.joins("late", version);
    broker.subscribes("late", "will", AtLeastOnce);
    broker.recv("late", publish("will", "bye").qos1(1).retain());
    broker.send("late", puback(1));
}

/// Content type, expiry and pairs go with it, in their order; the delay does not. [MQTT-3.1.3-10] (5.0)
fn properties(broker: &mut dyn BrokerStage) {
    let properties = [
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
    ];
    watched(broker, V5);
    let connect = properties.into_iter().fold(willing(), Said::will_with);
    broker.knocks("c", V5, connect, accepted(false));
    broker.cut("c");
    broker.recv("watcher", properties.into_iter().fold(publish("will", "c is gone"), Said::with));
}

/// Ten seconds after the cut, not a microsecond before. [MQTT-3.1.2-8] (5.0)
fn late(broker: &mut BrokerDesk) {
    watched(broker, V5);
    broker.knocks("c", V5, delayed(10), accepted(false));
    broker.cut("c");
    broker.recv_after("watcher", seconds(10), publish("will", "c is gone"));
    broker.resumes("c", V5);
}

/// The client is back after nine of ten seconds and without a will: nothing is published. [MQTT-3.1.3-9] (5.0)
fn cancelled(broker: &mut dyn BrokerStage) {
    watched(broker, V5);
    broker.knocks("c", V5, delayed(10), accepted(false));
    broker.cut("c");
    broker.silence(seconds(9));
    broker.resumes("c", V5);
    broker.silence(seconds(2));
    broker.cut("c");
    broker.silence(seconds(11));
}

/// The delay is an hour, but the session lasts 100 seconds. [MQTT-3.1.2-8] (5.0)
fn session_end(broker: &mut BrokerDesk) {
    watched(broker, V5);
    broker.knocks("c", V5, delayed(3600), accepted(false));
    broker.cut("c");
    broker.recv_after("watcher", seconds(100), publish("will", "c is gone"));
    broker.starts("c", V5);
}

/// The session ends with the connection, and the delay with it.
fn no_session(broker: &mut dyn BrokerStage) {
    watched(broker, V5);
    let connect = connect("c").will("will", "c is gone", AtMostOnce, false);
    broker.knocks("c", V5, connect.will_with(Property::WillDelayInterval(3600)), accepted(false));
    broker.cut("c");
    is_published(broker);
}

/// The client is back in time, but its clean start ends the old session: the will of that one is published.
fn clean_start(broker: &mut dyn BrokerStage) {
    watched(broker, V5);
    broker.knocks("c", V5, delayed(10), accepted(false));
    broker.cut("c");
    broker.silence(seconds(1));
    broker.joins("c", V5);
    is_published(broker);
}

/// DISCONNECT 0x04 sets another expiry: 2 seconds, shorter than the delay of 10. The will is published with the session's end.
fn expiry_in_disconnect(broker: &mut BrokerDesk) {
    watched(broker, V5);
    broker.knocks("c", V5, delayed(10), accepted(false));
    broker.send("c", disconnect(R::DisconnectWithWill).with(Property::SessionExpiryInterval(2)));
    broker.ends("c");
    broker.recv_after("watcher", seconds(2), publish("will", "c is gone"));
    broker.starts("c", V5);
}

/// All are told and closed; nobody vanished.
fn shut_down(broker: &mut BrokerDesk, version: ProtocolVersion) {
    watched(broker, version);
    broker.knocks("c", version, willing(), accepted(false));
    broker.shut_down();
    for name in ["c", "watcher"] {
        if version == V5 {
            broker.recv(name, disconnect(R::ServerShuttingDown));
        }
    }
    broker.ends("c");
    broker.ends("watcher");
}

/// [MQTT-3.2.2-12] (5.0)
fn too_sure(broker: &mut dyn BrokerStage) {
    let connect = connect("c").will("will", "x", ExactlyOnce, false);
    broker.knocks("c", V5, connect, refusal(R::QoSNotSupported));
    broker.ends("c");
}
