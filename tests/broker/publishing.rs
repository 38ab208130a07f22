//! Messages from clients: acknowledgement, repetition, order.

use mqtt_engine::{
    DisconnectCause, Violation,
    packet::{Ack, Packet, Property, ReasonCode},
};

use crate::harness::*;

/// Three PUBLISHes before PUBREL are one message and three PUBRECs. [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0).
#[test]
fn s20_vulnerability_a_qos_2_publish_repeated_three_times_is_delivered_once() {
    for version in [V4, V5] {
        let mut world = World::new();
        let subscriber = world.connect(hello(version, "s"));
        world.subscribe(subscriber, "t", AtMostOnce);
        let publisher = world.connect(hello(version, "p"));
        world.publish(publisher, "t", ExactlyOnce, 1, "x");
        for _ in 0..2 {
            world.send(publisher, &duplicate(publish("t", ExactlyOnce, 1, "x")));
        }
        world.expect(publisher, &[pubrec(1), pubrec(1), pubrec(1)]);
        world.send(publisher, &pubrel(1));
        world.expect(publisher, &[pubcomp(1)]);
        assert_eq!(world.payloads(subscriber), ["x"]);
        // After PUBCOMP the identifier stands for a new message [MQTT-4.3.3-12] (5.0).
        world.publish(publisher, "t", ExactlyOnce, 1, "y");
        world.expect(publisher, &[pubrec(1)]);
        assert_eq!(world.payloads(subscriber), ["y"]);
    }
}

#[test]
fn s21_a_qos_2_publish_repeated_on_a_new_connection_is_delivered_once() {
    for version in [V4, V5] {
        let mut world = World::new();
        let subscriber = world.connect(hello(version, "s"));
        world.subscribe(subscriber, "t", AtMostOnce);
        let expiry = [Property::SessionExpiryInterval(100)];
        let who = hello(version, "p").resume().with(if version == V5 { &expiry } else { &[] });
        let publisher = world.connect(who);
        world.publish(publisher, "t", ExactlyOnce, 1, "x");
        world.hang_up(publisher);
        let publisher = world.reconnect(who);
        world.send(publisher, &duplicate(publish("t", ExactlyOnce, 1, "x")));
        world.expect(publisher, &[pubrec(1)]);
        world.send(publisher, &pubrel(1));
        world.expect(publisher, &[pubcomp(1)]);
        assert_eq!(world.payloads(subscriber), ["x"]);
    }
}

/// A repeated QoS 1 publish is a new message, whatever its DUP says. [MQTT-4.3.2-2] (3.1.1).
#[test]
fn a_qos_1_publish_after_its_puback_is_new() {
    let mut world = World::new();
    let subscriber = world.connect(hello(V4, "s"));
    world.subscribe(subscriber, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    world.publish(publisher, "t", AtLeastOnce, 1, "x");
    world.send(publisher, &duplicate(publish("t", AtLeastOnce, 1, "x")));
    world.expect(publisher, &[puback(1), puback(1)]);
    assert_eq!(world.payloads(subscriber), ["x", "x"]);
}

/// The broker's QoS 2 exchange 1 towards a client, and that client's own 1, don't meet.
#[test]
fn s22_both_directions_have_their_own_identifiers() {
    let mut world = World::new();
    let both = world.connect(hello(V5, "both"));
    world.subscribe(both, "t", ExactlyOnce);
    world.publish(both, "t", ExactlyOnce, 1, "x");
    world.expect(both, &[pubrec(1), publish("t", ExactlyOnce, 1, "x")]);
    world.send(both, &pubrec(1));
    world.expect(both, &[pubrel(1)]);
    world.publish(both, "other", ExactlyOnce, 2, "y");
    world.expect(both, &[Packet::PubRec(Ack::new(id(2), ReasonCode::NoMatchingSubscribers))]);
    world.send(both, &pubrel(1));
    world.send(both, &pubcomp(1));
    world.expect(both, &[pubcomp(1)]);
}

#[test]
fn s23_a_pubrel_that_nothing_is_known_of_is_answered() {
    for (version, reason) in [(V4, ReasonCode::Success), (V5, ReasonCode::PacketIdentifierNotFound)] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        world.send(client, &pubrel(7));
        world.expect(client, &[Packet::PubComp(Ack::new(id(7), reason))]);
        world.expect_open(client);
    }
}

#[test]
fn s24_acknowledgements_of_nothing_are_harmless() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        world.send(client, &puback(7));
        world.send(client, &pubcomp(7));
        world.expect_nothing(client);
        world.send(client, &pubrec(7));
        let reason = if version == V5 { ReasonCode::PacketIdentifierNotFound } else { ReasonCode::Success };
        world.expect(client, &[Packet::PubRel(Ack::new(id(7), reason))]);
        world.expect_open(client);
    }
}

/// A PUBREC with an error ends the exchange: no PUBREL, and the quota is free again.
/// [MQTT-4.9.0-2] (5.0)
#[test]
fn s25_s26_a_refused_message_frees_its_identifier() {
    let mut world = World::new();
    let subscriber = world.connect(hello(V5, "s").with(&[Property::ReceiveMaximum(1)]));
    world.subscribe(subscriber, "t", ExactlyOnce);
    let publisher = world.connect(hello(V5, "p"));
    for packet_id in 1..=3 {
        world.publish(publisher, "t", AtLeastOnce, packet_id, "x");
    }
    world.take(publisher);
    world.expect(subscriber, &[publish("t", AtLeastOnce, 1, "x")]);
    world.send(subscriber, &Packet::PubAck(Ack::new(id(1), ReasonCode::QuotaExceeded)));
    world.expect(subscriber, &[publish("t", AtLeastOnce, 2, "x")]);
    world.send(subscriber, &puback(2));
    world.publish(publisher, "t", ExactlyOnce, 4, "y");
    assert_eq!(world.payloads(subscriber), ["x"]);
    world.send(subscriber, &puback(3));
    world.expect(subscriber, &[publish("t", ExactlyOnce, 4, "y")]);
    world.send(subscriber, &Packet::PubRec(Ack::new(id(4), ReasonCode::QuotaExceeded)));
    world.expect_nothing(subscriber);
    world.publish(publisher, "t", AtLeastOnce, 5, "z");
    assert_eq!(world.payloads(subscriber), ["z"]);
}

/// QoS 2 messages that are never released. [MQTT-3.3.4-7] (5.0).
#[test]
fn s28_unreleased_messages_are_bounded_by_the_receive_maximum() {
    let mut world = World::with(|config| config.connection.receive_maximum = 10);
    let publisher = world.connect(hello(V5, "p"));
    for packet_id in 1..=10 {
        world.publish(publisher, "t", ExactlyOnce, packet_id, "x");
    }
    // A repetition costs nothing.
    world.send(publisher, &duplicate(publish("t", ExactlyOnce, 3, "x")));
    world.take(publisher);
    world.publish(publisher, "t", ExactlyOnce, 11, "x");
    world.expect_fault(publisher, ReasonCode::ReceiveMaximumExceeded);
    assert_eq!(world.causes(), [DisconnectCause::Misbehaved(Violation::ReceiveMaximumExceeded)]);
}

/// CVE-2023-28366: the same identifier a hundred thousand times.
#[test]
fn s28_cve_2023_28366_one_identifier_repeated_for_ever_is_one_message() {
    let mut world = World::new();
    let subscriber = world.connect(hello(V4, "s"));
    world.subscribe(subscriber, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    for _ in 0..100_000 {
        world.send(publisher, &duplicate(publish("t", ExactlyOnce, 1, "x")));
        world.take(publisher);
    }
    assert_eq!(world.payloads(subscriber), ["x"]);
}

/// [MQTT-3.3.1-3] (both versions).
#[test]
fn s04_the_dup_flag_of_a_publisher_is_not_passed_on() {
    for version in [V4, V5] {
        let mut world = World::new();
        let subscriber = world.connect(hello(version, "s"));
        world.subscribe(subscriber, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        world.send(publisher, &duplicate(publish("t", AtLeastOnce, 1, "x")));
        world.expect(subscriber, &[publish("t", AtLeastOnce, 1, "x")]);
    }
}

/// [MQTT-4.6.0-5] [MQTT-4.6.0-6] (both versions): messages of one publisher reach a subscriber in their order, whatever their QoS allows.
#[test]
fn messages_keep_their_order() {
    for version in [V4, V5] {
        let mut world = World::new();
        let subscriber = world.connect(hello(version, "s"));
        world.subscribe(subscriber, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        let expected: Vec<String> = (1..=30).map(|number| number.to_string()).collect();
        for number in 1..=30_u16 {
            let qos = [AtLeastOnce, ExactlyOnce][usize::from(number % 2)];
            world.publish(publisher, "t", qos, number, &number.to_string());
        }
        assert_eq!(world.payloads(subscriber), expected);
    }
}

/// A filter of both wildcards does not reach into `$SYS`, and clients can't publish there. [MQTT-4.7.2-1] (both versions).
#[test]
fn dollar_topics_are_apart() {
    for (version, reason) in [(V4, ReasonCode::Success), (V5, ReasonCode::NotAuthorized)] {
        let mut world = World::new();
        let curious = world.connect(hello(version, "curious"));
        world.subscribe(curious, "#", AtMostOnce);
        world.subscribe(curious, "+/uptime", AtMostOnce);
        let admin = world.connect(hello(version, "admin"));
        world.subscribe(admin, "$SYS/#", AtMostOnce);
        world.subscribe(admin, "$other/x", AtMostOnce);
        world.broker.publish(mqtt_engine::Message::new("$SYS/uptime", "1").unwrap(), world.now);
        world.publish(curious, "$SYS/uptime", AtLeastOnce, 1, "fake");
        world.expect(curious, &[Packet::PubAck(Ack::new(id(1), reason))]);
        world.publish(curious, "$other/x", AtMostOnce, 0, "2");
        world.expect_nothing(curious);
        assert_eq!(world.payloads(admin), ["1", "2"]);
    }
}

/// CVE-2018-12543, CVE-2021-34432: odd topics close nobody but, at most, their publisher.
#[test]
fn odd_topics_are_no_danger() {
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "#", AtMostOnce);
    let publisher = world.connect(hello(V5, "p"));
    for topic in ["$x", "$", "$share/a/b", "$share", "/", "//", " "] {
        world.publish(publisher, topic, AtMostOnce, 0, "x");
    }
    world.expect_open(publisher);
    assert_eq!(
        world.messages(watcher).into_iter().map(|got| got.topic).collect::<Vec<_>>(),
        ["/", "//", " "]
    );
    // Neither topic nor alias.
    world.hex(publisher, "30 04 00 00 00 78");
    let frame = world.take(publisher);
    assert_eq!(frame[0], 0xE0);
    world.expect_open(watcher);
}

/// One read of many small messages: a subscriber that nobody has looked at yet is not a slow one.
#[test]
fn s68_a_burst_in_one_read_is_not_dropped() {
    let mut world = World::new();
    let subscriber = world.connect(hello(V4, "s"));
    world.subscribe(subscriber, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    let one = encode(&publish("t", AtMostOnce, 0, "x"), V4);
    world.bytes(publisher, &one.repeat(5000));
    assert_eq!(world.messages(subscriber).len(), 5000);
    assert_eq!(world.broker.statistics().dropped, 0);
}
