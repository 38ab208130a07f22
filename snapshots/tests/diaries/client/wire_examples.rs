//! The frames that tutorials print: they are in these diaries byte for byte, and each flow compares them itself, too.

use mqtt_engine::{ClientConfig, Disconnect, Profile, packet::ReasonCode};
use mqtt_engine_diary::{
    Diary,
    script::{
        ClientDesk, ClientStage, bytes, connack, disconnect, pingreq, pingresp, puback, pubcomp, publish,
        pubrec, pubrel, suback, subscribe, unsuback, unsubscribe,
    },
};

use super::{by_hand, unseen::acknowledged_messages};
use crate::{
    diaries,
    vocabulary::{
        QOS0, QOS1, QOS2, V3, lasting, message, seconds, subscribe_to, text, unsubscribe_from, with,
    },
};

diaries! { "client";
    wire_examples_subscriber_v3 => exact(by_hand(device(), subscriber), SUBSCRIBER);
    wire_examples_publisher_v3 => exact(by_hand(app(), publisher), PUBLISHER);
    wire_examples_qos1_lost_acknowledgement_v3 => exact(by_hand(lossy(), lost_puback), LOST_PUBACK);
    wire_examples_qos2_lost_pubrec_and_pubcomp_v3 => exact(by_hand(lossy(), lost_steps), LOST_STEPS);
    wire_examples_session_present_after_clean_session_v3 =>
        exact(by_hand(device(), surprise), &[DEVICE, "20 02 01 00", "C0 00", "D0 00"]);
    wire_examples_session_present_refused_by_strict_v3 =>
        exact(by_hand(strict(), surprise_refused), &[DEVICE, "20 02 01 00"]);
    wire_examples_pubrel_with_wrong_flags_v3 => exact(by_hand(device(), wrong_flags), WRONG_FLAGS);
    wire_examples_remaining_lengths_v3 => by_hand(large(), remaining_lengths);
    wire_examples_a_fifth_length_byte_is_malformed_v3 =>
        by_hand(lasting(V3), |desk| malformed(desk, &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]));
    wire_examples_a_longer_length_than_needed_is_malformed_v3 =>
        by_hand(lasting(V3), |desk| malformed(desk, &[0xD0, 0x80, 0x00]));
}

const DEVICE: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 \
    00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A";
const APP: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 37 36 37 39 35 38 \
    00 06 34 38 39 34 30 32 00 07 64 70 6A 66 73 73 6A";
const SUBSCRIBER: &[&str] = &[
    DEVICE,
    "20 02 00 00",
    "82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00",
    "90 03 00 0A 00",
    "82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01",
    "90 03 00 0B 01",
    "A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63",
    "B0 02 00 0C",
    "C0 00",
    "D0 00",
    "E0 00",
];
const PUBLISHER: &[&str] = &[
    APP,
    "20 02 00 00",
    "82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00",
    "90 03 00 0A 00",
    "30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33",
    "30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33",
];
const LOST_PUBACK: &[&str] = &[
    DEVICE,
    "20 02 00 00",
    "32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "40 02 00 01",
];
const LOST_STEPS: &[&str] = &[
    DEVICE,
    "20 02 00 00",
    "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "3C 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "50 02 00 01",
    "62 02 00 01",
    "62 02 00 01",
    "70 02 00 01",
];
const WRONG_FLAGS: &[&str] = &[
    DEVICE,
    "20 02 00 00",
    "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "50 02 00 01",
    "60 02 00 01",
];

/// The packets of a diary are these, and no others.
fn exact(diary: Diary, frames: &[&str]) -> Diary {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
    let seen: Vec<String> = diary.packets().map(|(_, seen)| hex(&seen.bytes)).collect();
    assert_eq!(seen, frames);
    diary
}

fn device() -> ClientConfig {
    customer("894672089", "dndfssj")
}

fn app() -> ClientConfig {
    customer("894767958", "dpjfssj")
}

fn customer(client_id: &str, password: &'static str) -> ClientConfig {
    with(lasting(V3), |config| {
        config.clean_start = true;
        config.keep_alive = 120;
        config.client_id = text(client_id);
        config.user_name = Some(text("489402"));
        config.password = Some(password.into());
    })
}

/// On a link that loses packets: what is not answered in 10 s is sent again.
fn lossy() -> ClientConfig {
    with(device(), |config| config.retransmit_after = Some(seconds(10)))
}

fn strict() -> ClientConfig {
    with(device(), |config| config.profile = Profile::Strict)
}

fn large() -> ClientConfig {
    with(lasting(V3), |config| config.maximum_packet_size = 4 << 20)
}

/// The identifiers of the examples begin with 10. SUBSCRIBE, SUBSCRIBE with another QoS, UNSUBSCRIBE, a ping after 120 s, DISCONNECT.
fn subscriber(desk: &mut ClientDesk) {
    desk.connect();
    acknowledged_messages(desk, 1..=9);
    desk.subscribe(subscribe_to("app_topic", QOS0));
    desk.recv(subscribe(10).filter("app_topic", QOS0));
    desk.send(suback(10, &[ReasonCode::Success]));
    desk.subscribe(subscribe_to("app_topic", QOS1));
    desk.recv(subscribe(11).filter("app_topic", QOS1));
    desk.send(suback(11, &[ReasonCode::GrantedQoS1]));
    desk.unsubscribe(unsubscribe_from("app_topic"));
    desk.recv(unsubscribe(12, &["app_topic"]));
    desk.send(unsuback(12, &[]));
    desk.recv_after(seconds(120), pingreq());
    desk.send(pingresp());
    desk.disconnect(Disconnect::default());
    desk.recv(disconnect(ReasonCode::Success));
    desk.ends();
}

/// The app subscribes to `kfb_topic` and publishes to it, so it receives what it has published.
fn publisher(desk: &mut ClientDesk) {
    desk.connect();
    acknowledged_messages(desk, 1..=9);
    desk.subscribe(subscribe_to("kfb_topic", QOS0));
    desk.recv(subscribe(10).filter("kfb_topic", QOS0));
    desk.send(suback(10, &[ReasonCode::Success]));
    desk.publish(message("kfb_topic", "123", QOS0));
    desk.recv(publish("kfb_topic", "123"));
    desk.send(publish("kfb_topic", "123"));
}

/// No PUBACK: 32 becomes 3a. [MQTT-3.3.1-1] (3.1.1)
fn lost_puback(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("kfb_topic", "123", QOS1));
    desk.recv(publish("kfb_topic", "123").qos1(1));
    desk.recv_after(seconds(10), publish("kfb_topic", "123").qos1(1).dup());
    desk.send(puback(1));
}

/// No PUBREC: 34 becomes 3c; no PUBCOMP: 62 stays 62.
fn lost_steps(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("kfb_topic", "123", QOS2));
    desk.recv(publish("kfb_topic", "123").qos2(1));
    desk.recv_after(seconds(10), publish("kfb_topic", "123").qos2(1).dup());
    desk.send(pubrec(1));
    desk.recv(pubrel(1));
    desk.recv_after(seconds(10), pubrel(1));
    desk.send(pubcomp(1));
}

/// What the platform really sends: interop tells the deviation and goes on. [MQTT-3.2.2-1] (3.1.1)
fn surprise(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(connack(true));
    desk.recv_after(seconds(120), pingreq());
    desk.send(pingresp());
}

/// The same, and strict ends the connection. [MQTT-3.2.2-1] (3.1.1)
fn surprise_refused(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(connack(true));
    desk.ends();
}

/// 60 02 00 01 is no PUBREL: its flags must be 2, and the connection ends. [MQTT-2.2.2-2] (3.1.1)
fn wrong_flags(desk: &mut ClientDesk) {
    desk.connect();
    desk.send(publish("kfb_topic", "123").qos2(1));
    desk.recv(pubrec(1));
    desk.send(bytes(&[0x60, 2, 0, 1]));
    desk.ends();
}

/// The largest and the smallest of each length of the remaining length, out and in; the last one of four bytes is too large here.
fn remaining_lengths(desk: &mut ClientDesk) {
    desk.connect();
    let lengths: [(usize, &[u8]); 6] = [
        (127, &[0x30, 0x7F]),
        (128, &[0x30, 0x80, 0x01]),
        (16_383, &[0x30, 0xFF, 0x7F]),
        (16_384, &[0x30, 0x80, 0x80, 0x01]),
        (2_097_151, &[0x30, 0xFF, 0xFF, 0x7F]),
        (2_097_152, &[0x30, 0x80, 0x80, 0x80, 0x01]),
    ];
    for (length, header) in lengths {
        let payload = "x".repeat(length - 3);
        let expected = publish("a", &payload);
        assert!(expected.wire(V3).starts_with(header));
        desk.publish(message("a", &payload, QOS0));
        desk.recv(expected.clone());
        desk.send(expected);
    }
}

/// Where the packet ends nobody can know: the connection ends. [MQTT-4.8.0-1] (3.1.1)
fn malformed(desk: &mut ClientDesk, frame: &[u8]) {
    desk.connect();
    desk.send(bytes(frame));
    desk.ends();
}
