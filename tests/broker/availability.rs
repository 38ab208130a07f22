//! What a broker may switch off, and what it says of it (5.0 section 3.2.2.3), and older clients.

use mqtt_engine::{
    Answer, BrokerEvent, DisconnectCause, Dismissal, DropReason, Message, PayloadFormat,
    packet::{Ack, Packet, Properties, Property, Publish, ReasonCode, Subscription},
};

use crate::harness::*;

fn filter(filter: &str) -> Subscription<'_> {
    Subscription { filter, qos: ExactlyOnce, ..Subscription::default() }
}

fn retained(qos: mqtt_engine::QoS) -> Packet<'static> {
    match publish("t", qos, u16::from(qos > AtMostOnce), "x") {
        Packet::Publish(publish) => Packet::Publish(Publish { retain: true, ..publish }),
        other => other,
    }
}

/// [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] (5.0): announced; more is refused with 0x9B, but any QoS may be asked for.
#[test]
fn s71_maximum_qos() {
    for (most, over) in [(AtMostOnce, AtLeastOnce), (AtLeastOnce, ExactlyOnce)] {
        let mut world = World::with(|config| config.connection.maximum_qos = most);
        let client = world.knock(hello(V5, "a"));
        let frame = world.next(client).unwrap();
        assert_eq!(as_connack(&frame, V5).properties.maximum_qos(), Some(most));
        world.send(client, &subscribe(1, &[filter("t")], &[]));
        let granted = ReasonCode::from_u8(most as u8).unwrap();
        world.expect(client, &[suback(1, &[granted])]);
        world.broker.publish(Message::new("t", "x").unwrap().with_qos(ExactlyOnce), world.now);
        assert_eq!(world.payloads_and_qos(client), [("x".into(), most)]);
        world.publish(client, "u", over, 1, "x");
        world.expect_fault(client, ReasonCode::QoSNotSupported);
        let with_will = world.knock(hello(V5, "b").will("w", over, false, &[]));
        world.expect_closed(with_will, &[connack(false, ReasonCode::QoSNotSupported)]);
        // 3.1.1 has no word for it.
        let client = world.connect(hello(V4, "c"));
        world.publish(client, "u", over, 1, "x");
        world.expect_closed(client, &[]);
        let with_will = world.knock(hello(V4, "d").will("w", over, false, &[]));
        world.expect_closed(with_will, &[]);
        assert_eq!(world.broker.statistics().sessions, 0);
    }
}

/// [MQTT-3.2.2-13] (5.0).
#[test]
fn s71_retain_available() {
    let mut world = World::with(|config| config.connection.retain_available = false);
    let client = world.knock(hello(V5, "a"));
    let frame = world.next(client).unwrap();
    assert_eq!(as_connack(&frame, V5).properties.retain_available(), Some(false));
    world.send(client, &retained(AtMostOnce));
    world.expect_fault(client, ReasonCode::RetainNotSupported);
    let with_will = world.knock(hello(V5, "b").will("w", AtMostOnce, true, &[]));
    world.expect_closed(with_will, &[connack(false, ReasonCode::RetainNotSupported)]);
    let client = world.connect(hello(V4, "c"));
    world.send(client, &retained(AtLeastOnce));
    world.expect_closed(client, &[]);
    world.broker.publish(Message::new("t", "x").unwrap().retained(), world.now);
    assert_eq!(world.broker.statistics().retained, 0);
}

/// 5.0 sections 3.2.2.3.11 to 3.2.2.3.13: announced, and DISCONNECT with the code of its own; 3.1.1 is refused the filter alone
/// [MQTT-3.8.3-2] (3.1.1).
#[test]
fn s71_wildcards_identifiers_and_shared_subscriptions_available() {
    let mut world = World::with(|config| {
        config.connection.wildcard_subscriptions = false;
        config.connection.subscription_identifiers = false;
        config.connection.shared_subscriptions = false;
    });
    let identifier = [Property::SubscriptionIdentifier(1)];
    let cases: [(&str, &[Property<'_>], ReasonCode); 4] = [
        ("a/+", &[], ReasonCode::WildcardSubscriptionsNotSupported),
        ("#", &[], ReasonCode::WildcardSubscriptionsNotSupported),
        ("$share/g/t", &[], ReasonCode::SharedSubscriptionsNotSupported),
        ("t", &identifier, ReasonCode::SubscriptionIdentifiersNotSupported),
    ];
    for (wrong, properties, reason) in cases {
        let client = world.knock(hello(V5, "a"));
        let frame = world.next(client).unwrap();
        let told = as_connack(&frame, V5).properties;
        assert_eq!(told.wildcard_subscription_available(), Some(false));
        assert_eq!(told.subscription_identifier_available(), Some(false));
        assert_eq!(told.shared_subscription_available(), Some(false));
        world.send(client, &subscribe(1, &[filter("ok"), filter(wrong)], properties));
        world.expect_fault(client, reason);
    }
    let client = world.connect(hello(V4, "b"));
    let filters = [filter("#"), filter("ok"), filter("$share/g/t")];
    world.send(client, &subscribe(1, &filters, &[]));
    let refused = ReasonCode::UnspecifiedError;
    world.expect(client, &[suback(1, &[refused, ReasonCode::GrantedQoS2, refused])]);
    assert_eq!(world.broker.statistics().subscriptions, 1);
}

/// [MQTT-3.1.2-28] (5.0): only who asks for it hears it.
#[test]
fn response_information_is_for_those_who_ask() {
    let mut world = World::with(|config| config.response_information = Some("answers/".try_into().unwrap()));
    let asks = [Property::RequestResponseInformation(true)];
    let does_not = [Property::RequestResponseInformation(false)];
    for (properties, expected) in [(&asks[..], Some("answers/")), (&does_not, None), (&[], None)] {
        let client = world.knock(hello(V5, "a").with(properties));
        let frame = world.next(client).unwrap();
        assert_eq!(as_connack(&frame, V5).properties.response_information(), expected);
        world.leave(client);
    }
}

/// [MQTT-3.1.2-29] [MQTT-3.9.2-1] (5.0): words on SUBACK if the client wants them and takes a packet of that size; on CONNACK and
/// DISCONNECT they are allowed in any case.
#[test]
fn problem_information_is_for_those_who_want_it() {
    let words = "no \u{201C}t\u{201D} for you";
    for (properties, hears) in [
        (&[][..], true),
        (&[Property::RequestProblemInformation(true)], true),
        (&[Property::RequestProblemInformation(false)], false),
        (&[Property::MaximumPacketSize(20)], false),
    ] {
        let mut world = World::with(|config| config.ask_subscribe = true);
        let client = world.connect(hello(V5, "a").with(properties));
        world.send(client, &subscribe(1, &[filter("t")], &[]));
        let question = world.events().into_iter().find_map(|event| match event {
            BrokerEvent::Question { question, .. } => Some(question),
            _ => None,
        });
        let no = Dismissal::new(ReasonCode::NotAuthorized).with_reason_string(words.try_into().unwrap());
        world.broker.answer(question.unwrap(), Answer::RefuseWith(Box::new(no.clone())), world.now);
        let frame = world.next(client).unwrap();
        let Packet::SubAck(ack) = Packet::decode(&frame, V5).unwrap() else { panic!("{frame:?}") };
        assert_eq!(ack.reasons.iter().collect::<Vec<_>>(), [ReasonCode::NotAuthorized]);
        assert_eq!(ack.properties.reason_string(), hears.then_some(words), "{properties:?}");
        world.broker.close(client, no, world.now);
        let frame = world.next(client).unwrap();
        let Packet::Disconnect(last) = Packet::decode(&frame, V5).unwrap() else { panic!("{frame:?}") };
        let is_small = properties.contains(&Property::MaximumPacketSize(20));
        assert_eq!(last.properties.reason_string().is_some(), !is_small);
    }
}

/// 5.0 section 3.3.2.3.2: what is announced as text is checked if the configuration says so.
#[test]
fn payloads_that_are_no_text_are_refused_with_0x99() {
    let text = [Property::PayloadFormatIndicator(PayloadFormat::Utf8)];
    let bytes = [Property::PayloadFormatIndicator(PayloadFormat::Unspecified)];
    for (checks, properties, payload, accepted) in [
        (true, &text, &b"\xFF"[..], false),
        (true, &text, b"\xC3\xA4", true),
        (true, &bytes, b"\xFF", true),
        (false, &text, b"\xFF", true),
    ] {
        let mut world = World::with(|config| config.check_payload_format = checks);
        let watcher = world.connect(hello(V5, "watcher"));
        world.subscribe(watcher, "t", AtMostOnce);
        let client = world.connect(hello(V5, "a"));
        for (qos, packet_id) in [(AtMostOnce, None), (AtLeastOnce, Some(id(1))), (ExactlyOnce, Some(id(2)))] {
            let properties = Properties::new(properties);
            world.send(
                client,
                &Packet::Publish(Publish {
                    duplicate: false,
                    qos,
                    retain: false,
                    topic: "t",
                    packet_id,
                    properties,
                    payload,
                }),
            );
        }
        let reason = if accepted { ReasonCode::Success } else { ReasonCode::PayloadFormatInvalid };
        world.expect(
            client,
            &[Packet::PubAck(Ack::new(id(1), reason)), Packet::PubRec(Ack::new(id(2), reason))],
        );
        assert_eq!(world.messages(watcher).len(), if accepted { 3 } else { 0 });
        let mut hello = hello(V5, "b").will("w", AtMostOnce, false, properties);
        if let Some(will) = &mut hello.0.will {
            will.payload = payload;
        }
        let with_will = world.knock(hello);
        assert_eq!(world.connack(with_will).1, reason);
    }
}

/// [MQTT-3.1.2-25] (5.0): what was queued for a client that takes less when it comes back is dropped, and told.
#[test]
fn s15_messages_that_became_too_large_are_told() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 1);
    let lasting = Property::SessionExpiryInterval(100);
    let client = world.connect(hello(V5, "a").with(&[lasting]));
    world.subscribe(client, "t", AtLeastOnce);
    let long = "x".repeat(300);
    for payload in [&*long, &*long, "short"] {
        world.broker.publish(Message::new("t", payload.to_owned()).unwrap().with_qos(AtLeastOnce), world.now);
    }
    world.take(client);
    world.hang_up(client);
    world.events();
    let client = world.reconnect(hello(V5, "a").with(&[lasting, Property::MaximumPacketSize(100)]));
    assert_eq!(world.payloads(client), ["short"], "its share of the quota and its identifier are free");
    let dropped = world.events().into_iter();
    let dropped =
        dropped.filter(|event| matches!(event, BrokerEvent::Dropped { why: DropReason::TooLarge, .. }));
    assert_eq!(dropped.count(), 2);
}

/// MQTT 3.1: its name, its rule about client identifiers, and the rest as 3.1.1.
#[test]
fn a_client_of_3_1_is_served() {
    let mut world = World::new();
    let client = world.open(V3);
    world.hex(client, "10 0F 00 06 4D 51 49 73 64 70 03 02 00 0A 00 01 61");
    world.expect_hex(client, "20 02 00 00");
    world.subscribe(client, "t", AtLeastOnce);
    world.publish(client, "t", AtLeastOnce, 1, "x");
    world.expect(client, &[puback(1), publish("t", AtLeastOnce, 1, "x")]);
    world.send(client, &puback(1));
    let connected = world.events().into_iter().find_map(|event| match event {
        BrokerEvent::Connected { version, .. } => Some(version),
        _ => None,
    });
    assert_eq!(connected, Some(V3));
    world.wait_secs(15);
    world.expect_closed(client, &[]);
    // 1 to 23 characters, whatever the bytes.
    let (longest, too_long) = ("\u{e4}".repeat(23), "a".repeat(24));
    let client = world.connect(hello(V3, &longest));
    world.leave(client);
    for wrong in ["", &too_long] {
        let client = world.knock(hello(V3, wrong));
        world.expect_closed(client, &[connack(false, ReasonCode::ClientIdentifierNotValid)]);
    }
    // Its session goes on with a later version.
    let client = world.knock(hello(V3, "b").resume());
    assert_eq!(world.connack(client), (false, ReasonCode::Success));
    world.hang_up(client);
    world.reconnect(hello(V5, "b"));
}

/// The name of 3.1 with another level, the level of 3.1 with another name: return code 1. The bit that bridges set in the level is
/// no part of the protocol.
#[test]
fn s54_names_and_levels_belong_together() {
    for wrong in [
        "10 0F 00 06 4D 51 49 73 64 70 04 02 00 0A 00 01 61",
        "10 0F 00 06 4D 51 49 73 64 70 83 02 00 0A 00 01 61",
        "10 0D 00 04 4D 51 54 54 03 02 00 0A 00 01 61",
    ] {
        let mut world = World::new();
        let client = world.open(V4);
        world.hex(client, wrong);
        world.expect_hex(client, "20 02 00 01");
        assert!(matches!(world.causes()[..], [DisconnectCause::Malformed(_)]));
        world.hang_up(client);
    }
}
