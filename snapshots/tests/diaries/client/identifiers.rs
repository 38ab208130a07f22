//! Packet identifiers: one space for all requests, used round and round, and never two of the same.

use mqtt_engine::{ClientConfig, packet::ReasonCode};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, disconnect, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe,
    unsuback, unsubscribe,
};

use super::{
    by_hand, play,
    unseen::{acknowledged_messages, unacknowledged_messages},
};
use crate::{
    diaries,
    vocabulary::{QOS1, QOS2, V3, V5, lasting, message, subscribe_to, unsubscribe_from, with},
};

diaries! { "client";
    s30_all_requests_share_one_identifier_space_v3 => play(lasting(V3), shared);
    s30_all_requests_share_one_identifier_space_v5 => play(lasting(V5), shared);
    s30_an_answer_of_another_kind_is_none_v3 => play(lasting(V3), other_kind);
    s30_an_answer_of_another_kind_is_none_v5 => play(lasting(V5), other_kind);
    s31_all_65_535_identifiers_in_flight_v3 => by_hand(boundless(lasting(V3)), exhausted);
    s31_all_65_535_identifiers_in_flight_v5 => by_hand(boundless(lasting(V5)), exhausted);
    s32_a_small_window_does_not_narrow_the_identifiers_v3 => play(window_of_two(lasting(V3)), rising);
    s32_a_small_window_does_not_narrow_the_identifiers_v5 => play(window_of_two(lasting(V5)), rising);
    s32_identifiers_in_use_are_passed_over_after_the_wrap_v3 => by_hand(lasting(V3), passed_over);
    s32_identifiers_in_use_are_passed_over_after_the_wrap_v5 => by_hand(lasting(V5), passed_over);
}

fn boundless(config: ClientConfig) -> ClientConfig {
    with(config, |config| {
        config.inflight_maximum = u16::MAX;
        config.queue_count = 65_536;
        config.queue_bytes = usize::MAX;
    })
}

fn window_of_two(config: ClientConfig) -> ClientConfig {
    with(config, |config| config.inflight_maximum = 2)
}

/// 1, 2, 3, whatever the packet. [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0)
fn shared(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(2).filter("button", QOS1));
    client.unsubscribe(unsubscribe_from("bell"));
    client.recv(unsubscribe(3, &["bell"]));
    client.publish(message("led", "off", QOS2));
    client.recv(publish("led", "off").qos2(4));
    client.send(unsuback(3, &[ReasonCode::NoSubscriptionExisted]));
    client.send(suback(2, &[ReasonCode::GrantedQoS1]));
    client.send(puback(1));
    client.cut();
    client.resume();
    client.recv(publish("led", "off").qos2(4).dup());
    client.send(pubrec(4));
    client.recv(pubrel(4));
    client.send(pubcomp(4));
}

/// SUBACK for a PUBLISH and PUBACK for a SUBSCRIBE finish nothing; UNSUBACK for a SUBSCRIBE ends the connection.
fn other_kind(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(2).filter("button", QOS1));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
    client.send(puback(2));
    client.send(puback(1));
    client.send(unsuback(2, &[ReasonCode::Success]));
    if client.version() == V5 {
        client.recv(disconnect(ReasonCode::ProtocolError));
    }
    client.ends();
    client.resume();
    client.recv(subscribe(3).filter("button", QOS1));
    client.send(suback(3, &[ReasonCode::GrantedQoS1]));
}

/// The 65,536th message waits, the next one is given back; one PUBACK frees one identifier, which is used at once.
fn exhausted(desk: &mut ClientDesk) {
    desk.connect();
    unacknowledged_messages(desk, 1..=65_535);
    desk.publish(message("waits", "x", QOS1));
    desk.publish(message("refused", "x", QOS1));
    desk.send(puback(777));
    desk.recv(publish("waits", "x").qos1(777));
    desk.subscribe(subscribe_to("button", QOS1));
    desk.send(puback(65_535));
    desk.recv(subscribe(65_535).filter("button", QOS1));
    desk.send(suback(65_535, &[ReasonCode::GrantedQoS1]));
}

/// Two in flight at most, acknowledged out of order, and each new message has the next number.
fn rising(client: &mut dyn ClientStage) {
    client.connect();
    for id in [1, 3, 5] {
        client.publish(message("a", "x", QOS1));
        client.recv(publish("a", "x").qos1(id));
        client.publish(message("b", "x", QOS1));
        client.recv(publish("b", "x").qos1(id + 1));
        client.send(puback(id + 1));
        client.send(puback(id));
    }
}

/// 2 is still in flight when the numbers begin anew: 1 is followed by 3. [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0)
fn passed_over(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("a", "x", QOS1));
    desk.recv(publish("a", "x").qos1(1));
    desk.publish(message("held", "x", QOS1));
    desk.recv(publish("held", "x").qos1(2));
    desk.send(puback(1));
    acknowledged_messages(desk, 3..=65_534);
    for id in [u16::MAX, 1, 3] {
        desk.publish(message("a", "x", QOS1));
        desk.recv(publish("a", "x").qos1(id));
        desk.send(puback(id));
    }
    desk.send(puback(2));
}
