//! Windows, queues and their limits.

use mqtt_engine::{
    ClientConfig,
    packet::{Property, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, connack, disconnect, pingreq, pingresp, puback, pubcomp, publish, pubrec,
    pubrel, suback, subscribe, unsuback, unsubscribe,
};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS0, QOS1, QOS2, V3, V5, lasting, message, seconds, subscribe_to, unsubscribe_from, with},
};

diaries! { "client";
    s26_the_quota_is_free_at_pubcomp_v3 => play(window(lasting(V3), 1), until_pubcomp);
    s26_the_quota_is_free_at_pubcomp_v5 => play(window(lasting(V5), 1), until_pubcomp);
    s26_a_resent_pubrel_costs_no_quota_v5 => play(lasting(V5), resent_pubrel);
    s31_a_full_queue_gives_the_message_back_v3 => play(short_queue(lasting(V3)), full_queue);
    s31_a_full_queue_gives_the_message_back_v5 => play(short_queue(lasting(V5)), full_queue);
    s33_only_publish_counts_against_the_receive_maximum_v5 => play(lasting(V5), only_publish_counts);
    s34_answers_flow_while_publishes_wait_v3 =>
        by_hand(with(window(lasting(V3), 1), |config| config.keep_alive = 60), answers_flow);
    s34_answers_flow_while_publishes_wait_v5 =>
        by_hand(with(window(lasting(V5), 1), |config| config.keep_alive = 60), answers_flow);
    flow_control_the_smaller_window_counts_v5 => play(window(lasting(V5), 2), smaller_window);
    flow_control_in_more_than_the_receive_maximum_v5 =>
        play(with(lasting(V5), |config| config.receive_maximum = 1), too_many);
    flow_control_in_a_released_message_makes_room_v5 =>
        play(with(lasting(V5), |config| config.receive_maximum = 1), one_after_the_other);
    flow_control_messages_of_every_qos_keep_the_order_of_the_calls_v3 =>
        play(window(lasting(V3), 1), order_of_calls);
    flow_control_messages_of_every_qos_keep_the_order_of_the_calls_v5 =>
        play(window(lasting(V5), 1), order_of_calls);
}

/// At most so many messages in flight.
fn window(config: ClientConfig, size: u16) -> ClientConfig {
    with(config, |config| config.inflight_maximum = size)
}

fn short_queue(config: ClientConfig) -> ClientConfig {
    with(config, |config| config.queue_count = 2)
}

/// PUBREC makes no room, PUBCOMP does. [MQTT-4.9.0-2] (5.0)
fn until_pubcomp(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS2));
    client.recv(publish("a", "x").qos2(1));
    client.publish(message("b", "x", QOS1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(pubcomp(1));
    client.recv(publish("b", "x").qos1(2));
    client.send(puback(2));
}

/// A window of one, and both go out at once; the PUBCOMP makes no room for a third. [MQTT-4.9.0-3] (5.0)
fn resent_pubrel(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS2));
    client.recv(publish("a", "x").qos2(1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.cut();
    client.publish(message("b", "x", QOS1));
    client.publish(message("c", "x", QOS1));
    client.opens();
    client.send(connack(true).with(Property::ReceiveMaximum(1)));
    client.recv(pubrel(1));
    client.recv(publish("b", "x").qos1(2));
    client.send(pubcomp(1));
    client.send(puback(2));
    client.recv(publish("c", "x").qos1(3));
    client.send(puback(3));
}

/// Two messages are all that may wait; there is one `Writable` when there is room.
fn full_queue(client: &mut dyn ClientStage) {
    client.connect();
    for (topic, id) in [("a", 1), ("b", 2)] {
        client.publish(message(topic, "x", QOS1));
        client.recv(publish(topic, "x").qos1(id));
    }
    client.publish(message("c", "x", QOS1));
    client.publish(message("c", "x", QOS1));
    client.send(puback(2));
    client.publish(message("c", "x", QOS1));
    client.recv(publish("c", "x").qos1(3));
    client.send(puback(1));
    client.send(puback(3));
}

/// One PUBLISH is in flight, one waits; SUBSCRIBE, UNSUBSCRIBE and PUBREL do not. [MQTT-3.3.4-8] (5.0)
fn only_publish_counts(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::ReceiveMaximum(1)));
    client.publish(message("a", "x", QOS2));
    client.recv(publish("a", "x").qos2(1));
    client.publish(message("b", "x", QOS2));
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(2).filter("button", QOS1));
    client.unsubscribe(unsubscribe_from("button"));
    client.recv(unsubscribe(3, &["button"]));
    client.send(suback(2, &[ReasonCode::GrantedQoS1]));
    client.send(unsuback(3, &[ReasonCode::Success]));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(pubcomp(1));
    client.recv(publish("b", "x").qos2(4));
    client.send(pubrec(4));
    client.recv(pubrel(4));
    client.send(pubcomp(4));
}

/// The window is full: messages of the server are answered, and the ping goes its way. [MQTT-4.9.0-3] (5.0)
fn answers_flow(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("a", "x", QOS2));
    desk.recv(publish("a", "x").qos2(1));
    desk.publish(message("b", "x", QOS1));
    desk.send(publish("button", "1").qos1(7));
    desk.recv(puback(7));
    desk.send(publish("button", "2").qos2(8));
    desk.recv(pubrec(8));
    desk.send(pubrel(8));
    desk.recv(pubcomp(8));
    desk.send(pubrec(1));
    desk.recv(pubrel(1));
    desk.recv_after(seconds(60), pingreq());
    desk.send(pingresp());
    desk.send(pubcomp(1));
    desk.recv(publish("b", "x").qos1(2));
    desk.send(puback(2));
}

/// Ours is 2, the server's 3: the third message waits. Then the server's is 1. [MQTT-3.3.4-7] [MQTT-4.9.0-1] (5.0)
fn smaller_window(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::ReceiveMaximum(3)));
    for (topic, id) in [("a", 1), ("b", 2)] {
        client.publish(message(topic, "x", QOS1));
        client.recv(publish(topic, "x").qos1(id));
    }
    client.publish(message("c", "x", QOS1));
    client.send(puback(1));
    client.recv(publish("c", "x").qos1(3));
    client.cut();
    client.opens();
    client.send(connack(true).with(Property::ReceiveMaximum(1)));
    client.recv(publish("b", "x").qos1(2).dup());
    client.send(puback(2));
    client.recv(publish("c", "x").qos1(3).dup());
    client.send(puback(3));
}

/// We announced 1, and the first exchange is not over: 0x93. [MQTT-3.3.4-9] (5.0)
fn too_many(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("a", "x").qos2(7));
    client.recv(pubrec(7));
    client.send(publish("b", "x").qos2(8));
    client.recv(disconnect(ReasonCode::ReceiveMaximumExceeded));
    client.ends();
}

/// PUBCOMP, or PUBACK, makes room for the next message of the server; QoS 0 needs none.
fn one_after_the_other(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("a", "x").qos2(7));
    client.recv(pubrec(7));
    client.send(publish("b", "x"));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
    client.send(publish("c", "x").qos1(8));
    client.recv(puback(8));
    client.send(publish("d", "x").qos1(9));
    client.recv(puback(9));
}

/// QoS 0 does not overtake the message that waits for the window.
fn order_of_calls(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS1));
    client.recv(publish("a", "x").qos1(1));
    client.publish(message("b", "x", QOS1));
    client.publish(message("c", "x", QOS0));
    client.send(puback(1));
    client.recv(publish("b", "x").qos1(2));
    client.recv(publish("c", "x"));
    client.send(puback(2));
}
