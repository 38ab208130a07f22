//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 and 3.10).

use mqtt_engine::packet::{Packet, ReasonCode, Subscription};

use crate::harness::*;

fn filter(filter: &str, qos: mqtt_engine::QoS) -> Subscription<'_> {
    Subscription { filter, qos, ..Subscription::default() }
}

/// One SUBACK, a code for each filter, in order.
/// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.9.3-1] (both versions), [MQTT-2.3.1-7] (3.1.1)
/// [MQTT-3.8.4-4] (3.1.1), [MQTT-2.2.1-6] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.2-1] [MQTT-3.9.2-2] (5.0)
#[test]
fn several_filters_get_one_suback() {
    let deep = "/".repeat(200);
    for (version, refused) in [(V4, ReasonCode::UnspecifiedError), (V5, ReasonCode::TopicFilterInvalid)] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        let filters = [
            filter("a", ExactlyOnce),
            filter(&deep, AtMostOnce),
            filter("b/+", AtLeastOnce),
            filter("#", AtMostOnce),
        ];
        world.send(client, &subscribe(9, &filters, &[]));
        world.expect(
            client,
            &[suback(9, &[ReasonCode::GrantedQoS2, refused, ReasonCode::GrantedQoS1, ReasonCode::Success])],
        );
        assert_eq!(world.broker.statistics().subscriptions, 3);
    }
}

/// [MQTT-3.3.5-1] [MQTT-3.8.4-6] (3.1.1): one copy, with the highest QoS granted, but not above the message's.
/// [MQTT-3.3.4-2] [MQTT-3.8.4-8] (5.0)
#[test]
fn s65_overlapping_subscriptions_get_one_copy_with_the_highest_qos() {
    for version in [V4, V5] {
        for (published, expected) in
            [(AtMostOnce, AtMostOnce), (AtLeastOnce, AtLeastOnce), (ExactlyOnce, AtLeastOnce)]
        {
            let mut world = World::new();
            let client = world.connect(hello(version, "s"));
            world.subscribe(client, "a/#", AtMostOnce);
            world.subscribe(client, "a/+", AtLeastOnce);
            world.subscribe(client, "a/b", AtMostOnce);
            let publisher = world.connect(hello(version, "p"));
            world.publish(publisher, "a/b", published, u16::from(published != AtMostOnce), "x");
            let got: Vec<_> = world.messages(client).into_iter().map(|got| got.qos).collect();
            assert_eq!(got, [expected]);
        }
    }
}

/// [MQTT-3.8.4-3] (both versions), [MQTT-3.8.4-4] (5.0).
#[test]
fn subscribing_again_replaces_and_sends_retained_messages_again() {
    for version in [V4, V5] {
        let mut world = World::new();
        let publisher = world.connect(hello(version, "p"));
        world.publish_retained(publisher, "a/b", "kept");
        let client = world.connect(hello(version, "a"));
        world.subscribe(client, "a/+", AtLeastOnce);
        assert_eq!(world.payloads(client), ["kept"]);
        world.subscribe(client, "a/+", AtMostOnce);
        assert_eq!(world.payloads(client), ["kept"]);
        assert_eq!(world.broker.statistics().subscriptions, 1);
        world.publish(publisher, "a/b", AtLeastOnce, 1, "x");
        assert_eq!(world.messages(client).into_iter().map(|got| got.qos).collect::<Vec<_>>(), [AtMostOnce]);
    }
}

/// What is accepted after SUBACK is routed, and retained messages follow SUBACK. Everything arrives in one piece.
#[test]
fn s67_suback_comes_before_everything_it_brings() {
    let mut world = World::new();
    let both = world.connect(hello(V4, "both"));
    world.publish_retained(both, "t", "kept");
    let filters = [filter("t", AtMostOnce)];
    let mut bytes = encode(&publish("t", AtMostOnce, 0, "before"), V4);
    bytes.extend(encode(&subscribe(7, &filters, &[]), V4));
    bytes.extend(encode(&publish("t", AtMostOnce, 0, "after"), V4));
    world.bytes(both, &bytes);
    world.expect_first(both, &suback(7, &[ReasonCode::Success]));
    let got: Vec<_> = world
        .messages(both)
        .into_iter()
        .map(|got| (String::from_utf8(got.payload).unwrap(), got.retain))
        .collect();
    assert_eq!(got, [("kept".into(), true), ("after".into(), false)]);
}

/// [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] (both versions),
/// [MQTT-2.3.1-7] (3.1.1), [MQTT-2.2.1-6] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.11.3-1] (5.0)
#[test]
fn unsubscribing_compares_letter_by_letter_and_is_always_answered() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        world.subscribe(client, "a/+", AtMostOnce);
        world.subscribe(client, "a/b", AtMostOnce);
        world.send(client, &unsubscribe(8, &["a/b", "a/#", "A/+", "a/+/"]));
        let none = ReasonCode::NoSubscriptionExisted;
        let codes = [ReasonCode::Success, none, none, none];
        world.expect(client, &[unsuback(8, if version == V5 { &codes } else { &[] })]);
        let publisher = world.connect(hello(version, "p"));
        world.publish(publisher, "a/b", AtMostOnce, 0, "x");
        assert_eq!(world.payloads(client), ["x"]);
        world.send(client, &unsubscribe(9, &["a/+"]));
        world.take(client);
        world.publish(publisher, "a/b", AtMostOnce, 0, "x");
        world.expect_nothing(client);
        assert_eq!(world.broker.statistics().subscriptions, 0);
    }
}

/// [MQTT-3.10.4-3] (both versions): what was begun is completed.
#[test]
fn unsubscribing_does_not_stop_what_is_on_its_way() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        world.subscribe(client, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        world.publish(publisher, "t", ExactlyOnce, 1, "x");
        world.expect(client, &[publish("t", ExactlyOnce, 1, "x")]);
        world.send(client, &unsubscribe(8, &["t"]));
        world.send(client, &pubrec(1));
        world.send(client, &pubcomp(1));
        let codes = [ReasonCode::Success];
        world.expect(client, &[unsuback(8, if version == V5 { &codes } else { &[] }), pubrel(1)]);
    }
}

#[test]
fn subscriptions_of_a_session_are_bounded() {
    for (version, full) in [(V4, ReasonCode::UnspecifiedError), (V5, ReasonCode::QuotaExceeded)] {
        let mut world = World::with(|config| config.subscriptions_per_session = 2);
        let client = world.connect(hello(version, "a"));
        let filters = [
            filter("a", AtMostOnce),
            filter("b", AtMostOnce),
            filter("c", AtMostOnce),
            filter("a", AtLeastOnce),
        ];
        world.send(client, &subscribe(9, &filters, &[]));
        world.expect(
            client,
            &[suback(9, &[ReasonCode::Success, ReasonCode::Success, full, ReasonCode::GrantedQoS1])],
        );
        world.send(client, &unsubscribe(8, &["a"]));
        world.take(client);
        world.subscribe(client, "c", AtMostOnce);
    }
}

/// CVE-2019-11779, and CVE-2025-68699: filters that could hurt a tree or a parser.
#[test]
fn s54_deep_and_odd_filters_are_refused_alone() {
    let deep = "/".repeat(65_535);
    let mut world = World::new();
    let other = world.connect(hello(V5, "other"));
    world.subscribe(other, "#", AtMostOnce);
    let client = world.connect(hello(V5, "a"));
    world.send(client, &subscribe(9, &[filter(&deep, AtMostOnce), filter("ok", AtMostOnce)], &[]));
    world.expect(client, &[suback(9, &[ReasonCode::TopicFilterInvalid, ReasonCode::Success])]);
    world.publish(client, &deep, AtLeastOnce, 1, "x");
    let refused = mqtt_engine::packet::Ack::new(id(1), ReasonCode::TopicNameInvalid);
    world.expect(client, &[Packet::PubAck(refused)]);
    world.expect_nothing(other);
    for odd in [
        "$share",
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//t",
        "$share/+/t",
        "$share/a#/t",
        "a#",
        "+a",
        "#/a",
        "",
    ] {
        let client = world.connect(hello(V5, "b"));
        let mut bytes = vec![0, 9, 0, 0, odd.len() as u8];
        bytes.extend_from_slice(odd.as_bytes());
        bytes.push(0);
        bytes.splice(0..0, [0x82, bytes.len() as u8]);
        world.bytes(client, &bytes);
        let last = world.take(client);
        assert_eq!(last.first(), Some(&0xE0), "{odd}: {last:?}");
        world.hang_up(client);
    }
    world.publish(other, "ok", AtMostOnce, 0, "x");
    assert_eq!(world.payloads(other), ["x"]);
    // With room for it, the deepest filter works.
    let mut world = World::with(|config| config.topic_levels = usize::MAX);
    let client = world.connect(hello(V4, "a"));
    world.subscribe(client, &deep, AtMostOnce);
    world.publish(client, &deep, AtMostOnce, 0, "x");
    assert_eq!(world.payloads(client), ["x"]);
}

/// [MQTT-4.7.3-4] (both versions): no normalisation.
#[test]
fn topics_are_compared_byte_by_byte() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(hello(version, "a"));
        world.subscribe(client, "\u{e4}/X", AtMostOnce);
        for topic in ["a\u{308}/X", "\u{e4}/x", "\u{e4}/X/", "/\u{e4}/X"] {
            world.publish(client, topic, AtMostOnce, 0, "x");
        }
        world.expect_nothing(client);
        world.publish(client, "\u{e4}/X", AtMostOnce, 0, "x");
        assert_eq!(world.payloads(client), ["x"]);
    }
}

/// The receivers of a topic are those of the moment, though nothing else was published in between.
#[test]
fn the_next_message_to_a_topic_goes_to_those_who_subscribe_by_then() {
    let mut world = World::new();
    let [publisher, a, b] = ["publisher", "a", "b"].map(|name| world.connect(hello(V4, name)));
    let heard = |world: &mut World| {
        world.publish(publisher, "t", AtLeastOnce, 1, "x");
        world.take(publisher);
        [a, b].map(|id| world.payloads_and_qos(id).into_iter().map(|(_, qos)| qos).collect::<Vec<_>>())
    };
    world.subscribe(a, "t", AtMostOnce);
    assert_eq!(heard(&mut world), [vec![AtMostOnce], vec![]]);
    world.subscribe(b, "+", AtMostOnce);
    assert_eq!(heard(&mut world), [vec![AtMostOnce], vec![AtMostOnce]]);
    world.subscribe(a, "t", AtLeastOnce);
    assert_eq!(heard(&mut world), [vec![AtLeastOnce], vec![AtMostOnce]]);
    world.send(a, &unsubscribe(2, &["t"]));
    world.take(a);
    assert_eq!(heard(&mut world), [vec![], vec![AtMostOnce]]);
    world.hang_up(b);
    world.publish(publisher, "t", AtLeastOnce, 1, "x");
    let b = world.connect(hello(V4, "b"));
    assert!(world.payloads(b).is_empty());
}

/// A message reaches exactly the sessions that subscribe, however those come and go.
/// [MQTT-3.3.2-3] [MQTT-3.10.4-2] [MQTT-4.5.0-1] (both versions)
#[test]
fn random_subscriptions_agree_with_a_model() {
    let filters = ["a", "a/b", "+/b", "a/#", "#", "+", "b/+/c", "+/+/#"];
    let topics = ["a", "a/b", "b", "b/a/c", "b/b", "c"];
    let mut world = World::new();
    let mut clients: Vec<_> = (0..4)
        .map(|number| {
            let id = world.connect(hello(V4, &number.to_string()));
            (id, std::collections::BTreeSet::new())
        })
        .collect();
    let publisher = world.connect(hello(V4, "p"));
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 33) as usize % bound
    };
    for _ in 0..2000 {
        let (client, set) = &mut clients[below(4)];
        let chosen = filters[below(filters.len())];
        match below(3) {
            0 => {
                world.subscribe(*client, chosen, AtMostOnce);
                set.insert(chosen);
            }
            1 => {
                world.send(*client, &unsubscribe(8, &[chosen]));
                world.expect(*client, &[unsuback(8, &[])]);
                set.remove(chosen);
            }
            _ => {
                let topic = topics[below(topics.len())];
                world.publish(publisher, topic, AtMostOnce, 0, "x");
                let name = mqtt_engine::TopicName::try_from(topic).unwrap();
                for (client, set) in &clients {
                    let wanted = set
                        .iter()
                        .any(|one| mqtt_engine::TopicFilter::try_from(*one).unwrap().matches(&name));
                    assert_eq!(world.messages(*client).len(), usize::from(wanted), "{topic} for {set:?}");
                }
            }
        }
    }
    assert_eq!(
        world.broker.statistics().subscriptions,
        clients.iter().map(|(_, set)| set.len()).sum::<usize>()
    );
    for (client, _) in clients {
        world.hang_up(client);
    }
    assert_eq!(world.broker.statistics().subscriptions, 0);
}
