//! What the next connection of a session sends again, and what it must not.

use mqtt_engine::{
    Acknowledgement, Disconnect,
    packet::{Property, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, connack, disconnect, pingreq, puback, pubcomp, publish, pubrec, pubrel, suback,
    subscribe,
};

use super::{by_hand, play, unseen::acknowledged_messages};
use crate::{
    diaries,
    vocabulary::{QOS1, QOS2, V3, V5, lasting, message, seconds, subscribe_to, with},
};

diaries! { "client";
    s01_the_replay_stays_within_the_new_receive_maximum_v5 => play(lasting(V5), smaller_window);
    s01_a_pubrel_does_not_wait_for_the_receive_maximum_v5 => play(lasting(V5), pubrel_costs_nothing);
    s02_the_replay_is_in_the_order_of_sending_v3 => by_hand(lasting(V3), order_after_wrap);
    s02_the_replay_is_in_the_order_of_sending_v5 => by_hand(lasting(V5), order_after_wrap);
    s03_after_pubrec_a_resume_sends_pubrel_never_publish_v3 => play(lasting(V3), pubrel_only);
    s03_after_pubrec_a_resume_sends_pubrel_never_publish_v5 => play(lasting(V5), pubrel_only);
    s04_only_publish_has_dup_v3 => play(lasting(V3), dup_is_for_publish);
    s04_only_publish_has_dup_v5 => play(lasting(V5), dup_is_for_publish);
    s06_new_messages_take_no_identifier_in_flight_v3 => play(lasting(V3), new_identifiers);
    s06_new_messages_take_no_identifier_in_flight_v5 => play(lasting(V5), new_identifiers);
    s07_a_cut_during_the_replay_keeps_everything_in_order_v3 => play(lasting(V3), cut_during_replay);
    s07_a_cut_during_the_replay_keeps_everything_in_order_v5 => play(lasting(V5), cut_during_replay);
    s08_a_message_sent_into_a_dead_link_comes_again_v3 =>
        by_hand(with(lasting(V3), |config| config.keep_alive = 60), dead_link);
    s08_a_message_sent_into_a_dead_link_comes_again_v5 =>
        by_hand(with(lasting(V5), |config| config.keep_alive = 60), dead_link);
    s11_half_a_packet_of_a_dead_connection_is_forgotten_v3 => play(lasting(V3), half_a_packet);
    s11_half_a_packet_of_a_dead_connection_is_forgotten_v5 => play(lasting(V5), half_a_packet);
    s12_a_late_acknowledgement_is_not_sent_on_the_next_connection_v3 =>
        play(with(lasting(V3), |config| config.acknowledgement = Acknowledgement::Manual), late_word);
    s12_a_late_acknowledgement_is_not_sent_on_the_next_connection_v5 =>
        play(with(lasting(V5), |config| config.acknowledgement = Acknowledgement::Manual), late_word);
    s12_a_goodbye_that_was_not_written_dies_with_its_connection_v3 => by_hand(lasting(V3), unwritten_goodbye);
    s12_a_goodbye_that_was_not_written_dies_with_its_connection_v5 => by_hand(lasting(V5), unwritten_goodbye);
    s14_nothing_is_sent_again_on_a_live_connection_v5 =>
        by_hand(with(lasting(V5), |config| config.retransmit_after = Some(seconds(10))), never_on_a_timer);
    s15_a_message_too_large_for_the_next_server_fails_alone_v5 => play(lasting(V5), smaller_packets);
    s27_expiry_ends_queued_messages_never_sent_ones_v5 => by_hand(lasting(V5), expiry);
}

/// Two are in flight, the next server takes one at a time: the second PUBLISH waits for the PUBACK of the first one.
/// [MQTT-3.3.4-7] [MQTT-4.9.0-1] (5.0)
fn smaller_window(client: &mut dyn ClientStage) {
    client.connect();
    for (topic, id) in [("a", 1), ("b", 2)] {
        client.publish(message(topic, "x", QOS1));
        client.recv(publish(topic, "x").qos1(id));
    }
    client.cut();
    client.opens();
    client.send(connack(true).with(Property::ReceiveMaximum(1)));
    client.recv(publish("a", "x").qos1(1).dup());
    client.publish(message("c", "x", QOS1));
    client.send(puback(1));
    client.recv(publish("b", "x").qos1(2).dup());
    client.send(puback(2));
    client.recv(publish("c", "x").qos1(3));
    client.send(puback(3));
}

/// PUBREL 2 goes out though PUBLISH 3 waits for the quota that PUBLISH 1 uses. [MQTT-3.3.4-8] (5.0)
fn pubrel_costs_nothing(client: &mut dyn ClientStage) {
    client.connect();
    for (topic, id) in [("a", 1), ("b", 2), ("c", 3)] {
        client.publish(message(topic, "x", QOS2));
        client.recv(publish(topic, "x").qos2(id));
    }
    client.send(pubrec(2));
    client.recv(pubrel(2));
    client.cut();
    client.opens();
    client.send(connack(true).with(Property::ReceiveMaximum(1)));
    client.recv(pubrel(2));
    client.recv(publish("a", "x").qos2(1).dup());
    client.send(pubcomp(2));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    client.send(pubcomp(1));
    client.recv(publish("c", "x").qos2(3).dup());
    client.send(pubrec(3));
    client.recv(pubrel(3));
    client.send(pubcomp(3));
}

/// 65535, 1, 2 is the order in which they were sent, and in which they are sent again. [MQTT-4.6.0-1] (both versions)
fn order_after_wrap(desk: &mut ClientDesk) {
    desk.connect();
    acknowledged_messages(desk, 1..=65_534);
    let sent = [("first", u16::MAX), ("second", 1), ("third", 2)];
    for (topic, id) in sent {
        desk.publish(message(topic, "x", QOS1));
        desk.recv(publish(topic, "x").qos1(id));
    }
    desk.cut();
    desk.resume();
    for (topic, id) in sent {
        desk.recv(publish(topic, "x").qos1(id).dup());
    }
    for (_, id) in sent {
        desk.send(puback(id));
    }
}

/// PUBREL with its identifier, on every further connection, until PUBCOMP. [MQTT-4.4.0-1] (both versions)
fn pubrel_only(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS2));
    client.recv(publish("led", "on").qos2(1));
    client.send(pubrec(1));
    client.recv(pubrel(1));
    for _ in 0..2 {
        client.cut();
        client.resume();
        client.recv(pubrel(1));
    }
    client.send(pubcomp(1));
}

/// The resent PUBLISHes begin with 3a and 3c; the resent PUBREL with 62, and SUBSCRIBE, asked for anew, with 82.
/// [MQTT-3.3.1-1] (both versions)
fn dup_is_for_publish(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS1));
    client.recv(publish("a", "x").qos1(1));
    client.publish(message("b", "x", QOS2));
    client.recv(publish("b", "x").qos2(2));
    client.publish(message("c", "x", QOS2));
    client.recv(publish("c", "x").qos2(3));
    client.send(pubrec(3));
    client.recv(pubrel(3));
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(4).filter("button", QOS1));
    client.cut();
    client.resume();
    client.recv(subscribe(5).filter("button", QOS1));
    client.recv(pubrel(3));
    client.recv(publish("a", "x").qos1(1).dup());
    client.recv(publish("b", "x").qos2(2).dup());
    client.send(suback(5, &[ReasonCode::GrantedQoS1]));
    client.send(pubcomp(3));
    client.send(puback(1));
    client.send(pubrec(2));
    client.recv(pubrel(2));
    client.send(pubcomp(2));
}

/// 1 and 2 are in flight, so what was published offline is 3.
/// [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0)
fn new_identifiers(client: &mut dyn ClientStage) {
    client.connect();
    for (topic, id) in [("a", 1), ("b", 2)] {
        client.publish(message(topic, "x", QOS1));
        client.recv(publish(topic, "x").qos1(id));
    }
    client.cut();
    client.publish(message("new", "x", QOS1));
    client.resume();
    client.recv(publish("a", "x").qos1(1).dup());
    client.recv(publish("b", "x").qos1(2).dup());
    client.recv(publish("new", "x").qos1(3));
    for id in [1, 2, 3] {
        client.send(puback(id));
    }
}

/// Each connection dies at another place of the replay while the program goes on publishing; the order stays.
fn cut_during_replay(client: &mut dyn ClientStage) {
    client.connect();
    for (topic, id) in [("a", 1), ("b", 2)] {
        client.publish(message(topic, "x", QOS1));
        client.recv(publish(topic, "x").qos1(id));
    }
    client.cut();
    client.resume();
    client.lose(publish("a", "x").qos1(1).dup());
    client.lose(publish("b", "x").qos1(2).dup());
    client.publish(message("c", "x", QOS1));
    client.lose(publish("c", "x").qos1(3));
    client.cut();
    client.publish(message("d", "x", QOS1));
    client.resume();
    client.recv(publish("a", "x").qos1(1).dup());
    client.recv_part(publish("b", "x").qos1(2).dup(), 3);
    client.lose(publish("c", "x").qos1(3).dup());
    client.lose(publish("d", "x").qos1(4));
    client.cut();
    client.resume();
    for (topic, id) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        client.recv(publish(topic, "x").qos1(id).dup());
    }
    for id in [1, 2, 3, 4] {
        client.send(puback(id));
    }
}

/// The server is gone, and nobody knows until the ping: then the message goes out again.
fn dead_link(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.lose(publish("led", "on").qos1(1));
    desk.advance(seconds(60));
    desk.lose(pingreq());
    desk.advance(seconds(10));
    if desk.version() == V5 {
        desk.lose(disconnect(ReasonCode::UnspecifiedError));
    }
    desk.ends();
    desk.resume();
    desk.recv(publish("led", "on").qos1(1).dup());
    desk.send(puback(1));
}

/// CONNACK is read as CONNACK, not as the rest of the PUBLISH.
fn half_a_packet(client: &mut dyn ClientStage) {
    client.connect();
    client.send_part(publish("led", "on").qos1(7), 6);
    client.cut();
    client.resume();
    client.send(publish("led", "on").qos1(7).dup());
    client.recv(puback(7));
}

/// The program's word on a delivery of the dead connection sends nothing; the message comes again, and its own word does.
fn late_word(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos1(7));
    client.cut();
    client.resume();
    client.acknowledge(ReasonCode::Success);
    client.send(publish("led", "on").qos1(7).dup());
    client.acknowledge(ReasonCode::Success);
    client.recv(puback(7));
}

/// The program says good-bye, the link is gone, and the program wants to connect again: with CONNECT, and no DISCONNECT after it.
fn unwritten_goodbye(desk: &mut ClientDesk) {
    desk.connect();
    desk.disconnect(Disconnect::default());
    desk.lose(disconnect(ReasonCode::Success));
    desk.cut();
    desk.call("connect", |client, now| client.connect(now));
    desk.resume();
}

/// An hour without PUBACK, and `retransmit_after` is of no effect in this version. [MQTT-4.4.0-1] (5.0)
fn never_on_a_timer(desk: &mut ClientDesk) {
    desk.connect();
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.silence(seconds(3600));
    desk.send(puback(1));
}

/// The large message is refused by name, the others go on. [MQTT-3.2.2-15] (5.0)
fn smaller_packets(client: &mut dyn ClientStage) {
    let large = "more than the next server will take";
    client.connect();
    for (topic, payload, id) in [("a", "x", 1), ("b", large, 2), ("c", "x", 3)] {
        client.publish(message(topic, payload, QOS1));
        client.recv(publish(topic, payload).qos1(id));
    }
    client.cut();
    client.opens();
    client.send(connack(true).with(Property::MaximumPacketSize(32)));
    client.recv(publish("a", "x").qos1(1).dup());
    client.recv(publish("c", "x").qos1(3).dup());
    client.send(puback(1));
    client.send(puback(3));
}

/// A minute offline: PUBREL and the PUBLISH that was sent go out again, what was never sent has expired.
/// [MQTT-4.3.3-7] [MQTT-4.3.3-13] (5.0)
fn expiry(desk: &mut ClientDesk) {
    let short_lived = |topic| {
        with(message(topic, "x", QOS2), |message| message.properties.message_expiry = Some(seconds(10)))
    };
    let expires = |seconds| Property::MessageExpiryInterval(seconds);
    desk.connect();
    desk.publish(short_lived("a"));
    desk.recv(publish("a", "x").qos2(1).with(expires(10)));
    desk.send(pubrec(1));
    desk.recv(pubrel(1));
    desk.publish(short_lived("b"));
    desk.recv(publish("b", "x").qos2(2).with(expires(10)));
    desk.cut();
    desk.publish(short_lived("c"));
    desk.advance(seconds(60));
    desk.resume();
    desk.recv(pubrel(1));
    desk.recv(publish("b", "x").qos2(2).dup().with(expires(1)));
    desk.send(pubcomp(1));
    desk.send(pubrec(2));
    desk.recv(pubrel(2));
    desk.send(pubcomp(2));
}
