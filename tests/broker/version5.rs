//! What only 5.0 has.

use std::time::Duration;

use mqtt_engine::{
    BrokerEvent, DropReason, Message,
    packet::{Packet, Properties, Property, Publish, ReasonCode, Subscription},
};

use crate::harness::*;

fn with<'a>(packet: Packet<'a>, properties: &'a [Property<'a>]) -> Packet<'a> {
    match packet {
        Packet::Publish(publish) => {
            Packet::Publish(Publish { properties: Properties::new(properties), ..publish })
        }
        other => other,
    }
}

/// [MQTT-3.3.4-3] [MQTT-3.3.4-4] (5.0): one copy with the identifiers of all matching subscriptions.
#[test]
fn s65_overlapping_subscriptions_give_all_identifiers() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a"));
    for (filter, identifier) in [("a/#", Some(1)), ("a/+", Some(268_435_455)), ("a/b", None), ("c", Some(3))]
    {
        let list: Vec<_> = identifier.map(Property::SubscriptionIdentifier).into_iter().collect();
        world.subscribe_with(client, Subscription { filter, ..Subscription::default() }, &list);
    }
    let publisher = world.connect(hello(V5, "p"));
    world.publish(publisher, "a/b", AtMostOnce, 0, "x");
    let mut messages = world.messages(client);
    assert_eq!(messages.len(), 1);
    messages[0].identifiers.sort_unstable();
    assert_eq!(messages[0].identifiers, [1, 268_435_455]);
}

/// Retained messages carry the identifier of the subscription that brings them.
#[test]
fn s64_retained_messages_carry_the_identifier() {
    let mut world = World::new();
    world.broker.publish(Message::new("t", "x").unwrap().retained(), world.now);
    let client = world.connect(hello(V5, "a"));
    let one = Subscription { filter: "t", ..Subscription::default() };
    world.subscribe_with(client, one, &[Property::SubscriptionIdentifier(9)]);
    let messages = world.messages(client);
    assert_eq!((messages.len(), &messages[0].identifiers[..]), (1, &[9][..]));
}

/// [MQTT-3.8.3-3] (5.0); another subscription of the same client still brings the message.
#[test]
fn no_local_spares_the_publisher() {
    let mut world = World::new();
    let one = world.connect(hello(V5, "one"));
    let other = world.connect(hello(V5, "other"));
    let local = Subscription { filter: "t", no_local: true, ..Subscription::default() };
    world.subscribe_with(one, local, &[Property::SubscriptionIdentifier(1)]);
    world.subscribe_with(other, local, &[]);
    world.publish(one, "t", AtLeastOnce, 1, "x");
    world.expect(one, &[puback(1)]);
    assert_eq!(world.payloads(other), ["x"]);
    world.subscribe_with(
        one,
        Subscription { filter: "#", ..Subscription::default() },
        &[Property::SubscriptionIdentifier(2)],
    );
    world.publish(one, "t", AtMostOnce, 0, "y");
    let messages = world.messages(one);
    assert_eq!((messages.len(), &messages[0].identifiers[..]), (1, &[2][..]));
}

/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] (5.0);
/// a 3.1.1 subscriber gets none of it.
#[test]
fn properties_of_a_message_are_passed_on() {
    let mut world = World::new();
    let new = world.connect(hello(V5, "new"));
    world.subscribe(new, "t", AtMostOnce);
    let old = world.connect(hello(V4, "old"));
    world.subscribe(old, "t", AtMostOnce);
    let publisher = world.connect(hello(V5, "p"));
    let list = [
        Property::PayloadFormatIndicator(mqtt_engine::PayloadFormat::Utf8),
        Property::MessageExpiryInterval(77),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answer"),
        Property::CorrelationData(&[1, 0, 2]),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
        Property::UserProperty("b", "3"),
    ];
    world.send(publisher, &with(publish("t", AtMostOnce, 0, "x"), &list));
    let frame = world.next(new).unwrap();
    let Packet::Publish(got) = Packet::decode(&frame, V5).unwrap() else { panic!("a PUBLISH") };
    let mut expected = list.to_vec();
    let mut found: Vec<_> = got.properties.iter().collect();
    expected.sort_by_key(Property::id);
    found.sort_by_key(Property::id);
    assert_eq!(found, expected);
    world.expect(old, &[publish("t", AtMostOnce, 0, "x")]);
}

/// [MQTT-3.3.2-7] [MQTT-3.3.2-9] [MQTT-3.3.2-12] (5.0), and S13: an alias of the publisher is not passed on.
#[test]
fn s13_topic_aliases_from_a_client() {
    let mut world = World::with(|config| config.connection.topic_alias_maximum = 2);
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "#", AtMostOnce);
    let publisher = world.connect(hello(V5, "p").with(&[Property::SessionExpiryInterval(100)]));
    for (topic, alias) in [("a", 1), ("b", 2), ("", 1), ("", 2), ("c", 1), ("", 1)] {
        world.send(publisher, &with(publish(topic, AtMostOnce, 0, "x"), &[Property::TopicAlias(alias)]));
    }
    let messages = world.messages(watcher);
    assert!(messages.iter().all(|got| got.alias.is_none()));
    assert_eq!(messages.iter().map(|got| &got.topic[..]).collect::<Vec<_>>(), ["a", "b", "a", "b", "c", "c"]);
    world.send(publisher, &with(publish("a", AtMostOnce, 0, "x"), &[Property::TopicAlias(3)]));
    world.expect_fault(publisher, ReasonCode::TopicAliasInvalid);
    // A new connection knows none of the old aliases.
    let publisher = world.reconnect(hello(V5, "p"));
    world.send(publisher, &with(publish("", AtMostOnce, 0, "x"), &[Property::TopicAlias(1)]));
    world.expect_fault(publisher, ReasonCode::ProtocolError);
    world.expect_nothing(watcher);
}

/// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] (5.0): aliases towards a client that allows some.
#[test]
fn s13_topic_aliases_towards_a_client() {
    let mut world = World::new();
    let client = world.connect(
        hello(V5, "a").with(&[Property::TopicAliasMaximum(2), Property::SessionExpiryInterval(100)]),
    );
    world.subscribe(client, "#", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    let send = |world: &mut World, topics: [&str; 4]| {
        topics.iter().for_each(|topic| world.publish(publisher, topic, AtMostOnce, 0, "x"));
    };
    send(&mut world, ["a", "b", "c", "a"]);
    let seen: Vec<_> = world.messages(client).into_iter().map(|got| (got.topic, got.alias)).collect();
    assert_eq!(
        seen,
        [("a".into(), Some(1)), ("b".into(), Some(2)), ("c".into(), None), (String::new(), Some(1))]
    );
    world.hang_up(client);
    let client = world.reconnect(hello(V5, "a"));
    send(&mut world, ["a", "b", "c", "a"]);
    assert!(world.messages(client).iter().all(|got| got.alias.is_none() && !got.topic.is_empty()));
}

/// [MQTT-3.3.4-6] (5.0).
#[test]
fn s54_a_subscription_identifier_from_a_client_is_a_protocol_error() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a"));
    world.hex(client, "30 07 00 01 74 02 0B 01 78");
    world.expect_fault(client, ReasonCode::ProtocolError);
}

/// [MQTT-3.3.4-9] [MQTT-3.3.4-10] (5.0), S33, S34: the client's Receive Maximum bounds QoS 1 and 2, and nothing else.
/// [MQTT-4.9.0-2] [MQTT-4.9.0-3] (5.0)
#[test]
fn s34_the_receive_maximum_of_a_client_holds_back_nothing_but_qos_1_and_2() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a").with(&[Property::ReceiveMaximum(2)]));
    world.subscribe(client, "t", ExactlyOnce);
    let publisher = world.connect(hello(V5, "p"));
    for packet_id in 1..=4 {
        world.publish(publisher, "t", AtLeastOnce, packet_id, "x");
    }
    assert_eq!(world.messages(client).len(), 2);
    world.publish(client, "other", AtLeastOnce, 1, "x");
    assert_eq!(world.take(client)[0], 0x40);
    world.subscribe(client, "u", AtMostOnce);
    world.expect_open(client);
    world.send(client, &puback(2));
    assert_eq!(world.messages(client).into_iter().map(|got| got.packet_id).collect::<Vec<_>>(), [3]);
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25] (5.0), S15: what is too large is dropped, alone and visibly.
#[test]
fn s15_s56_nothing_larger_than_the_client_takes_is_sent() {
    let mut world = World::new();
    let client = world.connect(
        hello(V5, "a").with(&[Property::MaximumPacketSize(300), Property::SessionExpiryInterval(100)]),
    );
    world.subscribe(client, "t", AtLeastOnce);
    let publisher = world.connect(hello(V5, "p"));
    // 9 bytes of header and topic, and a packet identifier.
    for (packet_id, length) in [(1, 291), (2, 290), (3, 5000), (4, 1)] {
        world.publish(publisher, "t", AtLeastOnce, packet_id, &"x".repeat(length));
    }
    let lengths: Vec<_> = world.messages(client).into_iter().map(|got| got.payload.len()).collect();
    assert!(lengths.contains(&290) && lengths.contains(&1) && !lengths.contains(&5000), "{lengths:?}");
    let dropped = world
        .events()
        .into_iter()
        .filter(|event| matches!(event, BrokerEvent::Dropped { why: DropReason::TooLarge, .. }));
    assert_eq!(dropped.count(), 4 - lengths.len());
    // Stored for a client that takes less when it comes back: the others go on.
    world.hang_up(client);
    world.publish(publisher, "t", AtLeastOnce, 5, &"x".repeat(200));
    world.publish(publisher, "t", AtLeastOnce, 6, "y");
    let client = world.reconnect(hello(V5, "a").with(&[Property::MaximumPacketSize(50)]));
    let lengths: Vec<_> = world.messages(client).into_iter().map(|got| got.payload.len()).collect();
    assert_eq!(lengths, [1, 1]);
}

/// The packet exactly at, and one above, the broker's own limit. 5.0 section 3.1.2.11.4.
#[test]
fn s52_vulnerability_the_limit_counts_the_whole_packet() {
    let mut world = World::with(|config| config.connection.maximum_packet_size = 100);
    let client = world.connect(hello(V5, "a"));
    world.publish(client, "t", AtMostOnce, 0, &"x".repeat(100 - 2 - 3 - 1));
    world.expect_open(client);
    world.publish(client, "t", AtMostOnce, 0, &"x".repeat(100 - 2 - 3));
    world.expect_fault(client, ReasonCode::PacketTooLarge);
}

/// PUBACK and PUBREC say when nobody subscribes.
#[test]
fn a_message_without_subscribers_is_acknowledged_as_such() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a"));
    world.publish(client, "t", AtLeastOnce, 1, "x");
    world.publish(client, "t", ExactlyOnce, 2, "x");
    let nobody = |packet_id| mqtt_engine::packet::Ack::new(id(packet_id), ReasonCode::NoMatchingSubscribers);
    world.expect(client, &[Packet::PubAck(nobody(1)), Packet::PubRec(nobody(2))]);
}

/// [MQTT-4.12.0-7] (5.0).
#[test]
fn s54_auth_without_a_method_is_a_protocol_error() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a"));
    world.hex(client, "F0 00");
    let last = world.take(client);
    assert_eq!(last.first(), Some(&0xE0));
}

/// SUBACK larger than the client takes: nothing of the kind is sent, and nobody waits for ever.
#[test]
fn s56_an_answer_that_is_too_large_ends_the_connection() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a").with(&[Property::MaximumPacketSize(40)]));
    let filters = [Subscription { filter: "t", ..Subscription::default() }; 60];
    world.send(client, &subscribe(1, &filters, &[]));
    world.expect_fault(client, ReasonCode::PacketTooLarge);
}

/// [MQTT-3.3.2-6] (5.0): less the time that it has waited here, also if nothing happened on the connection meanwhile.
#[test]
fn the_expiry_of_a_message_counts_down_while_its_subscriber_is_not_written_to() {
    let mut world = World::new();
    let id = world.connect(hello(V5, "lamp"));
    world.subscribe(id, "#", AtLeastOnce);
    let mut message = Message::new("t", "x").unwrap().with_qos(AtLeastOnce);
    message.properties.message_expiry = Some(Duration::from_secs(10));
    world.broker.publish(message, world.now);
    world.wait_secs(4);
    let expiries: Vec<_> = world.messages(id).into_iter().map(|got| got.expiry).collect();
    assert_eq!(expiries, [Some(6)]);
}
