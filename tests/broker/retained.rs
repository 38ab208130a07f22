//! Retained messages (section 3.3.1.3).

use std::time::Duration;

use mqtt_engine::{
    BrokerEvent, DropReason, Message, QoS,
    packet::{Packet, Properties, Property, Publish, Subscription},
};

use crate::harness::*;

fn kept(world: &mut World, filter: &str) -> Vec<(String, String)> {
    let reader = world.connect(hello(V4, "reader"));
    world.subscribe(reader, filter, ExactlyOnce);
    let messages = world.messages(reader);
    world.leave(reader);
    let pair = |got: Got| {
        assert!(got.retain);
        (got.topic, String::from_utf8(got.payload).unwrap())
    };
    messages.into_iter().map(pair).collect()
}

fn retained<'a>(topic: &'a str, qos: QoS, packet_id: u16, payload: &'a str) -> Packet<'a> {
    match publish(topic, qos, packet_id, payload) {
        Packet::Publish(publish) => Packet::Publish(Publish { retain: true, ..publish }),
        other => other,
    }
}

/// [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] (both versions), [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.3.1-12] (3.1.1),
/// [MQTT-3.3.1-8] (5.0).
/// [MQTT-4.5.0-1] (3.1.1)
#[test]
fn s64_the_last_retained_message_of_each_topic_is_kept() {
    for version in [V4, V5] {
        let mut world = World::new();
        let publisher = world.connect(hello(version, "p"));
        world.publish_retained(publisher, "a/1", "x");
        world.publish_retained(publisher, "a/1", "y");
        world.send(publisher, &retained("a/2", AtLeastOnce, 1, "z"));
        world.publish(publisher, "a/2", AtMostOnce, 0, "not retained");
        let y_and_z = [("a/1".into(), "y".into()), ("a/2".into(), "z".into())];
        assert_eq!(kept(&mut world, "a/+"), y_and_z);
        assert_eq!(kept(&mut world, "b/+"), []);
        // An empty one is delivered as any other, then nothing is kept.
        let live = world.connect(hello(version, "live"));
        world.subscribe(live, "a/#", AtMostOnce);
        world.take(live);
        world.publish_retained(publisher, "a/1", "");
        world.expect(live, &[publish("a/1", AtMostOnce, 0, "")]);
        world.leave(live);
        assert_eq!(kept(&mut world, "a/#"), y_and_z[1..]);
        assert_eq!(world.broker.statistics().retained, 1);
    }
}

/// [MQTT-3.8.4-6] (3.1.1).
/// [MQTT-3.3.1-5] (3.1.1)
#[test]
fn s64_retained_messages_come_with_the_lower_qos() {
    let mut world = World::new();
    let publisher = world.connect(hello(V4, "p"));
    world.send(publisher, &retained("t", ExactlyOnce, 1, "x"));
    for granted in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let reader = world.connect(hello(V4, "reader"));
        world.subscribe(reader, "t", granted);
        assert_eq!(world.messages(reader).into_iter().map(|got| got.qos).collect::<Vec<_>>(), [granted]);
    }
}

/// [MQTT-3.1.2-7] (3.1.1): they are no part of a session.
#[test]
fn retained_messages_outlive_their_publisher_and_wildcards_spare_dollar_topics() {
    let mut world = World::new();
    let publisher = world.connect(hello(V4, "p"));
    world.publish_retained(publisher, "t", "x");
    world.leave(publisher);
    world.broker.publish(Message::new("$SYS/a", "1").unwrap().retained(), world.now);
    assert_eq!(kept(&mut world, "#"), [("t".into(), "x".into())]);
    assert_eq!(kept(&mut world, "$SYS/#"), [("$SYS/a".into(), "1".into())]);
}

/// A session that is resumed gets no retained messages again.
#[test]
fn s64_s60_a_resume_brings_no_retained_messages() {
    let mut world = World::new();
    let publisher = world.connect(hello(V4, "p"));
    world.publish_retained(publisher, "t", "x");
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "t", AtLeastOnce);
    assert_eq!(world.payloads(client), ["x"]);
    world.hang_up(client);
    let client = world.reconnect(hello(V4, "a"));
    world.expect_nothing(client);
    let client = world.reconnect(hello(V4, "a"));
    world.expect_nothing(client);
}

/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] (5.0).
#[test]
fn s64_retain_handling() {
    use mqtt_engine::packet::RetainHandling::{DoNotSend, SendAtSubscribe, SendIfNew};
    for (handling, first, again) in [(SendAtSubscribe, 1, 1), (SendIfNew, 1, 0), (DoNotSend, 0, 0)] {
        let mut world = World::new();
        let publisher = world.connect(hello(V4, "p"));
        world.publish_retained(publisher, "t", "x");
        let client = world.connect(hello(V5, "a"));
        let one = Subscription { filter: "t", retain_handling: handling, ..Subscription::default() };
        for expected in [first, again] {
            world.subscribe_with(client, one, &[]);
            assert_eq!(world.messages(client).len(), expected, "{handling:?}");
        }
    }
}

/// [MQTT-3.3.1-12] [MQTT-3.3.1-13] (5.0).
#[test]
fn s64_retain_as_published() {
    for as_published in [false, true] {
        let mut world = World::new();
        let client = world.connect(hello(V5, "a"));
        let one = Subscription { filter: "t", retain_as_published: as_published, ..Subscription::default() };
        world.subscribe_with(client, one, &[]);
        let publisher = world.connect(hello(V5, "p"));
        world.publish_retained(publisher, "t", "x");
        world.publish(publisher, "t", AtMostOnce, 0, "y");
        let flags: Vec<_> = world.messages(client).into_iter().map(|got| got.retain).collect();
        assert_eq!(flags, [as_published, false]);
    }
}

/// [MQTT-3.3.2-5] [MQTT-3.3.2-6] (5.0).
#[test]
fn s63_retained_messages_expire() {
    let mut world = World::new();
    let publisher = world.connect(hello(V5, "p"));
    let list = [Property::MessageExpiryInterval(10)];
    if let Packet::Publish(publish) = retained("t", AtMostOnce, 0, "x") {
        world.send(publisher, &Packet::Publish(Publish { properties: Properties::new(&list), ..publish }));
    }
    world.wait_secs(4);
    let client = world.connect(hello(V5, "a"));
    world.subscribe(client, "t", AtMostOnce);
    assert_eq!(world.messages(client).into_iter().map(|got| got.expiry).collect::<Vec<_>>(), [Some(6)]);
    world.wait_secs(6);
    world.subscribe(client, "t", AtMostOnce);
    world.expect_nothing(client);
    assert_eq!(world.broker.statistics().retained, 0);
}

#[test]
fn s64_the_store_is_bounded_in_count_and_bytes() {
    for by_bytes in [false, true] {
        let mut world = World::with(|config| {
            config.retained_count = if by_bytes { 1000 } else { 3 };
            config.retained_bytes = if by_bytes { 4000 } else { 1 << 20 };
        });
        let live = world.connect(hello(V4, "live"));
        world.subscribe(live, "#", AtMostOnce);
        let publisher = world.connect(hello(V4, "p"));
        let payload = "x".repeat(1000);
        for number in 1..=5 {
            world.publish_retained(publisher, &format!("t/{number}"), &payload);
        }
        assert_eq!(world.messages(live).len(), 5, "delivered all the same");
        assert_eq!(kept(&mut world, "#").len(), 3);
        assert!(world.broker.statistics().retained_bytes <= 4000);
        let full: Vec<_> = world
            .events()
            .into_iter()
            .filter_map(|event| match event {
                BrokerEvent::Dropped { client_id, topic, why: DropReason::RetainedFull } => {
                    assert_eq!(client_id, "p");
                    Some(topic.as_str().to_owned())
                }
                _ => None,
            })
            .collect();
        assert_eq!(full, ["t/4", "t/5"]);
        // Room is found again.
        world.publish_retained(publisher, "t/1", "");
        world.publish_retained(publisher, "t/6", "y");
        assert_eq!(kept(&mut world, "t/6").len(), 1);
    }
}

/// More retained messages than a queue holds: all of them come, as fast as the client takes them.
#[test]
fn s64_a_queue_bounds_no_retained_messages() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 5;
        config.connection.outbox_bytes = 500;
    });
    for number in 0..1000 {
        world.broker.publish(
            Message::new(format!("t/{number:04}"), "x").unwrap().with_qos(AtLeastOnce).retained(),
            world.now,
        );
    }
    for qos in [AtMostOnce, AtLeastOnce] {
        let client = world.connect(hello(V4, "a"));
        world.subscribe(client, "t/#", qos);
        let mut topics = vec![];
        loop {
            let messages = world.messages(client);
            if messages.is_empty() {
                break;
            }
            for got in messages {
                topics.push(got.topic);
                if got.packet_id > 0 {
                    world.send(client, &puback(got.packet_id));
                }
            }
        }
        let expected: Vec<_> = (0..1000).map(|number| format!("t/{number:04}")).collect();
        assert_eq!(topics, expected, "{qos:?}");
        assert_eq!(world.broker.statistics().dropped, 0);
    }
}

/// What was not sent yet is not sent any more [MQTT-3.10.4-2] (both versions).
#[test]
fn unsubscribing_stops_the_retained_messages() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 5;
    });
    for number in 0..100 {
        let message = Message::new(format!("t/{number}"), "x").unwrap().with_qos(AtLeastOnce).retained();
        world.broker.publish(message, world.now);
    }
    let client = world.connect(hello(V4, "a"));
    world.subscribe(client, "t/#", AtLeastOnce);
    world.take(client);
    world.send(client, &unsubscribe(8, &["t/#"]));
    world.expect_first(client, &unsuback(8, &[]));
    let mut received = 5;
    for packet_id in 1..=5 {
        world.send(client, &puback(packet_id));
    }
    while let [first, ..] = &world.messages(client)[..] {
        received += 1;
        world.send(client, &puback(first.packet_id));
    }
    assert!(received <= 10, "{received} of 100");
}

/// [MQTT-3.3.2-5] (5.0): a message is of use until its last moment, also when less than a second is left.
#[test]
fn s63_the_last_second_of_a_retained_message_counts() {
    let mut world = World::new();
    let publisher = world.connect(hello(V5, "p"));
    let Packet::Publish(mut kept) = publish("t", AtMostOnce, 0, "x") else { unreachable!() };
    let expiry = [Property::MessageExpiryInterval(1)];
    kept.retain = true;
    kept.properties = Properties::new(&expiry);
    world.send(publisher, &Packet::Publish(kept));
    world.wait(Duration::from_millis(300));
    let client = world.connect(hello(V5, "a"));
    world.subscribe(client, "t", AtMostOnce);
    let got = world.messages(client);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].expiry, Some(1));
    world.wait(Duration::from_millis(700));
    world.subscribe(client, "t", AtMostOnce);
    world.expect_nothing(client);
}
