//! Frames of a real exchange between a device and an app, on a public platform that speaks 3.1.1, and what happens around them.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, connect, disconnect, pingreq, pingresp, pubcomp, publish, pubrec, pubrel,
    unsuback, unsubscribe,
};

use super::{Steps as _, hex, play, play_with};
use crate::{
    diaries, on_every_broker,
    vocabulary::{V3, V5, accepted, broker, durable, millis, seconds},
};

diaries! { "broker";
    wire_1_a_remote_led_v3 => play(V3, remote_led);
    wire_1_a_remote_led_v5 => play(V5, remote_led);
    wire_2_app_and_device_hear_each_other_v3 => on_every_broker(broker(), mutual);
    wire_3_raw_bytes_get_raw_answers_v3 => on_every_broker(broker(), raw);
    wire_3_a_pubrel_with_wrong_flags_ends_the_connection_v3 => on_every_broker(broker(), bad_pubrel);
    wire_4_a_lost_puback_brings_the_publish_again_v3 => on_every_broker(broker(), lost_puback);
    wire_4_each_step_of_qos_2_to_a_subscriber_is_lost_once_v3 => play(V3, each_step_to_a_subscriber);
    wire_4_each_step_of_qos_2_to_a_subscriber_is_lost_once_v5 => play(V5, each_step_to_a_subscriber);
    wire_4_each_step_of_qos_2_from_a_publisher_is_lost_once_v3 => play(V3, each_step_from_a_publisher);
    wire_4_each_step_of_qos_2_from_a_publisher_is_lost_once_v5 => play(V5, each_step_from_a_publisher);
    wire_5_keep_alive_v3 => play_with(broker(), |desk| keep_alive(desk));
    wire_5_keep_alive_v5 => play_with(broker(), keep_alive_v5);
    wire_6_last_words_v3 => play(V3, last_words);
    wire_6_last_words_v5 => play(V5, last_words);
    wire_7_retained_v3 => play(V3, retained);
    wire_7_retained_v5 => play(V5, retained);
    wire_8_wildcards_v3 => play(V3, wildcards);
    wire_8_wildcards_v5 => play(V5, wildcards);
}

// The frames.
const CONNECT_APP: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A";
const CONNECT_DEVICE: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 37 36 37 39 35 38 00 06 34 38 39 34 30 32 00 07 64 70 6A 66 73 73 6A";
const ACCEPTED: &str = "20 02 00 00";
const SESSION_PRESENT: &str = "20 02 01 00";
const SUBSCRIBE_APP_QOS_0: &str = "82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00";
const SUBSCRIBE_APP_QOS_1: &str = "82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01";
const SUBSCRIBE_DEVICE: &str = "82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00";
const UNSUBSCRIBE_APP: &str = "A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63";
const PUBLISH_QOS_0: &str = "30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33";
const PUBLISH_QOS_1: &str = "32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const PUBLISH_QOS_1_DUP: &str = "3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const PUBLISH_QOS_2: &str = "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const PUBACK: &str = "40 02 00 01";
const PUBREC: &str = "50 02 00 01";
const PUBCOMP: &str = "70 02 00 01";
const BAD_PUBREL: &str = "60 02 00 01";
const PUBREL: &str = "62 02 00 01";
const PINGREQ: &str = "C0 00";
const PINGRESP: &str = "D0 00";
const DISCONNECT: &str = "E0 00";

const FRAMES: [&str; 20] = [
    CONNECT_APP,
    CONNECT_DEVICE,
    ACCEPTED,
    SESSION_PRESENT,
    SUBSCRIBE_APP_QOS_0,
    SUBSCRIBE_APP_QOS_1,
    SUBSCRIBE_DEVICE,
    UNSUBSCRIBE_APP,
    PUBLISH_QOS_0,
    PUBLISH_QOS_1,
    PUBLISH_QOS_1_DUP,
    PUBLISH_QOS_2,
    PUBACK,
    PUBREC,
    PUBCOMP,
    BAD_PUBREL,
    PUBREL,
    PINGREQ,
    PINGRESP,
    DISCONNECT,
];

/// The bytes of the examples are the bytes of the diaries.
#[test]
fn every_frame_stands_in_a_diary_bit_for_bit() {
    let diaries = [mutual, raw, bad_pubrel, lost_puback, keep_alive]
        .map(|flow: fn(&mut dyn BrokerStage)| play_with(broker(), |desk| flow(desk)).to_string());
    for frame in FRAMES {
        let column = format!("  {}\n", frame.to_lowercase());
        assert!(diaries.iter().any(|diary| diary.contains(&column)), "{frame} is in no diary");
    }
}

/// What the app publishes reaches the device that has subscribed.
fn remote_led(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("device", version);
    broker.subscribes("device", "led", AtMostOnce);
    broker.joins("app", version);
    broker.send("app", publish("led", "on"));
    broker.recv("device", publish("led", "on"));
    broker.leaves("app");
    broker.leaves("device");
}

/// Each gets what the other publishes; the bystander, who has not subscribed, gets nothing.
fn mutual(broker: &mut dyn BrokerStage) {
    broker.knocks("app", V3, hex(CONNECT_APP), hex(ACCEPTED));
    broker.knocks("device", V3, hex(CONNECT_DEVICE), hex(ACCEPTED));
    broker.joins("bystander", V3);
    broker.ask("app", hex(SUBSCRIBE_DEVICE), hex("90 03 00 0A 00"));
    broker.ask("device", hex(SUBSCRIBE_APP_QOS_0), hex("90 03 00 0A 00"));
    broker.send("device", hex(PUBLISH_QOS_0));
    broker.recv("app", hex(PUBLISH_QOS_0));
    broker.send("app", publish("app_topic", "456"));
    broker.recv("device", publish("app_topic", "456"));
    broker.silence(millis(100));
}

/// Bytes in, bytes out: each request gets the answer next to it.
fn raw(broker: &mut dyn BrokerStage) {
    broker.knocks("device", V3, hex(CONNECT_DEVICE), hex(ACCEPTED));
    broker.ask("device", hex(SUBSCRIBE_APP_QOS_0), hex("90 03 00 0A 00"));
    broker.ask("device", hex(SUBSCRIBE_APP_QOS_1), hex("90 03 00 0B 01"));
    broker.ask("device", hex(UNSUBSCRIBE_APP), hex("B0 02 00 0C"));
    broker.ask("device", hex(SUBSCRIBE_DEVICE), hex("90 03 00 0A 00"));
    broker.ask("device", hex(PUBLISH_QOS_0), hex(PUBLISH_QOS_0));
    for (published, answer) in [(PUBLISH_QOS_1, PUBACK), (PUBLISH_QOS_1_DUP, PUBACK), (PUBLISH_QOS_2, PUBREC)]
    {
        // It has subscribed with QoS 0 to what it publishes.
        broker.ask("device", hex(published), hex(answer));
        broker.recv("device", hex(PUBLISH_QOS_0));
    }
    broker.ask("device", hex(PUBREL), hex(PUBCOMP));
    broker.ask("device", hex(PINGREQ), hex(PINGRESP));
    broker.send("device", hex(DISCONNECT));
    broker.ends("device");
}

/// Tutorials print this PUBREL. Its reserved flags are not 0010: the broker closes. [MQTT-2.2.2-2] (3.1.1)
fn bad_pubrel(broker: &mut dyn BrokerStage) {
    broker.knocks("device", V3, hex(CONNECT_DEVICE), hex(ACCEPTED));
    broker.ask("device", hex(PUBLISH_QOS_2), hex(PUBREC));
    broker.send("device", hex(BAD_PUBREL));
    broker.ends("device");
}

/// No PUBACK arrives: the PUBLISH comes again in the resumed session, with DUP and the same packet identifier.
/// [MQTT-4.4.0-1] (both versions)
fn lost_puback(broker: &mut dyn BrokerStage) {
    broker.knocks("device", V3, durable("device"), hex(ACCEPTED));
    broker.subscribes("device", "kfb_topic", AtLeastOnce);
    broker.joins("app", V3);
    broker.ask("app", hex(PUBLISH_QOS_1), hex(PUBACK));
    broker.recv("device", hex(PUBLISH_QOS_1));
    broker.cut("device");
    broker.knocks("device", V3, durable("device"), hex(SESSION_PRESENT));
    broker.recv("device", hex(PUBLISH_QOS_1_DUP));
    broker.send("device", hex(PUBACK));
}

/// The broker sends: whichever of the four packets is lost, the exchange goes on with the last packet that the broker owes.
/// [MQTT-4.3.3-1] (3.1.1), [MQTT-4.4.0-1] (both versions)
fn each_step_to_a_subscriber(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    let message = || publish("led", "on").qos2(1);
    broker.starts("device", version);
    broker.subscribes("device", "led", ExactlyOnce);
    broker.joins("app", version);
    broker.ask("app", message(), pubrec(1));
    broker.ask("app", pubrel(1), pubcomp(1));
    // PUBLISH
    broker.lose("device", message());
    broker.cut("device");
    broker.resumes("device", version);
    broker.recv("device", message().dup());
    // PUBREC
    broker.send_part("device", pubrec(1), 0);
    broker.cut("device");
    broker.resumes("device", version);
    broker.recv("device", message().dup());
    broker.send("device", pubrec(1));
    // PUBREL
    broker.lose("device", pubrel(1));
    broker.cut("device");
    broker.resumes("device", version);
    broker.recv("device", pubrel(1));
    // PUBCOMP
    broker.send_part("device", pubcomp(1), 0);
    broker.cut("device");
    broker.resumes("device", version);
    broker.recv("device", pubrel(1));
    broker.send("device", pubcomp(1));
    broker.silence(millis(100));
}

/// The broker receives: the publisher sends again what was not answered, and the watcher gets the message once.
/// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] [MQTT-4.3.3-12] (5.0)
fn each_step_from_a_publisher(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    let message = || publish("led", "on").qos2(1);
    broker.joins("watcher", version);
    broker.subscribes("watcher", "led", AtMostOnce);
    broker.starts("app", version);
    // PUBLISH
    broker.send_part("app", message(), 0);
    broker.cut("app");
    broker.resumes("app", version);
    broker.send("app", message().dup());
    broker.recv("watcher", publish("led", "on"));
    // PUBREC
    broker.lose("app", pubrec(1));
    broker.cut("app");
    broker.resumes("app", version);
    broker.ask("app", message().dup(), pubrec(1));
    // PUBREL
    broker.send_part("app", pubrel(1), 0);
    broker.cut("app");
    broker.resumes("app", version);
    broker.send("app", pubrel(1));
    // PUBCOMP
    broker.lose("app", pubcomp(1));
    broker.cut("app");
    broker.resumes("app", version);
    broker.ask("app", pubrel(1), pubcomp(1).reason(R::PacketIdentifierNotFound));
    broker.silence(millis(100));
}

/// The app pings in time and stays; after one and a half times the 120 seconds without a packet it is closed.
/// [MQTT-3.1.2-24] (3.1.1)
fn keep_alive(broker: &mut dyn BrokerStage) {
    broker.knocks("app", V3, hex(CONNECT_APP), hex(ACCEPTED));
    broker.silence(seconds(120));
    broker.ask("app", hex(PINGREQ), hex(PINGRESP));
    broker.silence(millis(179_999));
    broker.ask("app", hex(PINGREQ), hex(PINGRESP));
    broker.silence(seconds(180));
    broker.ends("app");
}

/// The same, and in 5.0 the closed client is told why. [MQTT-3.1.2-22] (5.0)
fn keep_alive_v5(broker: &mut BrokerDesk) {
    broker.knocks("app", V5, connect("app").keep_alive(2), accepted(false));
    broker.silence(seconds(2));
    broker.ask("app", pingreq(), pingresp());
    broker.silence(millis(2999));
    broker.ask("app", pingreq(), pingresp());
    broker.recv_after("app", seconds(3), disconnect(R::KeepAliveTimeout));
    broker.ends("app");
}

/// The device that vanishes has its will published; the app that says DISCONNECT has not.
/// [MQTT-3.1.2-8] [MQTT-3.14.4-3] (both versions)
fn last_words(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    let with_will = |name| connect(name).will("gone", name, AtMostOnce, false);
    broker.joins("watcher", version);
    broker.subscribes("watcher", "gone", AtMostOnce);
    broker.knocks("device", version, with_will("device"), accepted(false));
    broker.knocks("app", version, with_will("app"), accepted(false));
    broker.leaves("app");
    broker.cut("device");
    broker.recv("watcher", publish("gone", "device"));
    broker.silence(millis(100));
}

/// Who subscribes later gets the message at once, with RETAIN; who was there got it without. An empty one removes it.
/// [MQTT-3.3.1-8] [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] (3.1.1), [MQTT-3.3.1-6] [MQTT-3.3.1-9] [MQTT-3.3.1-12] (5.0)
fn retained(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("early", version);
    broker.subscribes("early", "led", AtMostOnce);
    broker.joins("app", version);
    broker.send("app", publish("led", "on").retain());
    broker.recv("early", publish("led", "on"));
    broker.joins("late", version);
    broker.subscribes("late", "led", AtMostOnce);
    broker.recv("late", publish("led", "on").retain());
    broker.send("app", publish("led", "").retain());
    broker.recv("early", publish("led", ""));
    broker.recv("late", publish("led", ""));
    broker.joins("latest", version);
    broker.subscribes("latest", "led", AtMostOnce);
    broker.silence(millis(100));
}

/// Both filters match `a/b/c`, and only one of them `a/b`. To publish to a name with a wildcard is a fault.
/// [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-3.3.2-2] (3.1.1), [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.3.2-2] (5.0)
fn wildcards(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("plus", version);
    broker.subscribes("plus", "a/+/c", AtMostOnce);
    broker.joins("hash", version);
    broker.subscribes("hash", "a/#", AtMostOnce);
    broker.joins("app", version);
    broker.send("app", publish("a/b/c", "both"));
    broker.recv("plus", publish("a/b/c", "both"));
    broker.recv("hash", publish("a/b/c", "both"));
    broker.send("app", publish("a/b", "hash"));
    broker.recv("hash", publish("a/b", "hash"));
    broker.ask("plus", unsubscribe(11, &["a/+/c"]), unsuback(11, &[R::Success]));
    // PUBLISH to `a/+/c`, which no encoder of ours writes.
    let properties = if version == V5 { "00" } else { "31" };
    broker.send("app", hex(&format!("30 08 00 05 61 2F 2B 2F 63 {properties}")));
    if version == V5 {
        broker.recv("app", disconnect(R::TopicNameInvalid));
    }
    broker.ends("app");
    broker.silence(millis(100));
}
