//! `retransmit_after` of 3.1.1: on a byte pipe that loses data, what stays unanswered is sent again on the live connection.

use mqtt_engine::ClientConfig;
use mqtt_engine_diary::script::{ClientDesk, ClientStage, puback, pubcomp, publish, pubrec, pubrel};

use super::by_hand;
use crate::{
    diaries,
    vocabulary::{QOS1, QOS2, V3, lasting, message, seconds, with},
};

diaries! { "client";
    retransmit_after_qos1_until_puback_v3 => by_hand(lossy(), qos1);
    retransmit_after_qos2_every_lost_step_v3 => by_hand(lossy(), qos2);
    retransmit_after_each_message_has_its_own_time_v3 => by_hand(lossy(), two_messages);
    retransmit_after_begins_anew_on_the_next_connection_v3 => by_hand(lossy(), resumed);
    retransmit_after_a_late_tick_repeats_once_v3 => by_hand(lossy(), late);
    retransmit_after_is_off_by_default_v3 => by_hand(lasting(V3), off);
}

fn lossy() -> ClientConfig {
    with(lasting(V3), |config| config.retransmit_after = Some(seconds(10)))
}

/// DUP 0 at first, DUP 1 each time after; nothing once PUBACK has come. [MQTT-3.3.1-1] (3.1.1)
fn qos1(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.recv_after(seconds(10), publish("led", "on").qos1(1).dup());
    desk.recv_after(seconds(10), publish("led", "on").qos1(1).dup());
    desk.send(puback(1));
    desk.silence(seconds(60));
}

/// PUBLISH with DUP until PUBREC, PUBREL until PUBCOMP.
fn qos2(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS2));
    desk.recv(publish("led", "on").qos2(1));
    desk.recv_after(seconds(10), publish("led", "on").qos2(1).dup());
    desk.send(pubrec(1));
    desk.recv(pubrel(1));
    desk.recv_after(seconds(10), pubrel(1));
    desk.note("the server answers the first PUBLISH too: its PUBREC is late");
    desk.send(pubrec(1));
    desk.recv(pubrel(1));
    desk.send(pubcomp(1));
    desk.silence(seconds(60));
}

/// The second message was sent 4 s later, and is repeated 4 s later.
fn two_messages(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("a", "x", QOS1));
    desk.recv(publish("a", "x").qos1(1));
    desk.silence(seconds(4));
    desk.publish(message("b", "x", QOS1));
    desk.recv(publish("b", "x").qos1(2));
    desk.recv_after(seconds(6), publish("a", "x").qos1(1).dup());
    desk.recv_after(seconds(4), publish("b", "x").qos1(2).dup());
    desk.send(puback(1));
    desk.send(puback(2));
}

/// The resend of the next connection counts as a send: 10 s from there.
fn resumed(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.silence(seconds(5));
    desk.cut();
    desk.silence(seconds(60));
    desk.resume();
    desk.recv(publish("led", "on").qos1(1).dup());
    desk.recv_after(seconds(10), publish("led", "on").qos1(1).dup());
    desk.send(puback(1));
}

/// Two minutes late: one repetition, not twelve.
fn late(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.late(seconds(120));
    desk.recv(publish("led", "on").qos1(1).dup());
    desk.send(puback(1));
}

/// TCP loses nothing: an hour without a repetition.
fn off(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.silence(seconds(3600));
    desk.send(puback(1));
}
