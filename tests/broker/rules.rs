//! What the numbered statements ask of a server and no scenario shows.

use mqtt_engine::{
    Answer, BrokerEvent, Question, Transport,
    packet::{Ack, Packet, Property, ReasonCode},
};

use crate::harness::*;

const EXPIRY: &[Property<'static>] = &[Property::SessionExpiryInterval(100)];

fn lasting(version: mqtt_engine::packet::ProtocolVersion, client_id: &str) -> Hello<'_> {
    hello(version, client_id).resume().with(if version == V5 { EXPIRY } else { &[] })
}

/// [MQTT-2.3.1-3] [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] [MQTT-4.3.2-1] (5.0)
#[test]
fn s30_no_identifier_towards_a_client_is_in_use_twice() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(lasting(version, "a"));
        world.subscribe(client, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        let send = |world: &mut World, count: u16| {
            for packet_id in 1..=count {
                world.publish(publisher, "t", AtLeastOnce, packet_id, "x");
            }
        };
        send(&mut world, 20);
        let ids = |got: Vec<Got>| got.into_iter().map(|got| got.packet_id).collect::<Vec<_>>();
        let mut open: std::collections::BTreeSet<_> = ids(world.messages(client)).into_iter().collect();
        assert_eq!(open.len(), 20);
        assert!(!open.contains(&0));
        for packet_id in [3, 7, 11] {
            world.send(client, &puback(packet_id));
            open.remove(&packet_id);
        }
        // What is unfinished keeps its identifier on the next connection, and no new message takes it.
        world.hang_up(client);
        send(&mut world, 20);
        let client = world.reconnect(lasting(version, "a"));
        let (again, new): (Vec<_>, Vec<_>) =
            world.messages(client).into_iter().partition(|got| got.duplicate);
        assert_eq!(ids(again), open.iter().copied().collect::<Vec<_>>());
        assert_eq!(new.len(), 20);
        assert!(ids(new).into_iter().all(|packet_id| open.insert(packet_id)));
    }
}

/// [MQTT-3.3.4-1] (both versions), [MQTT-2.3.1-6] [MQTT-4.3.2-2] [MQTT-4.3.3-2] (3.1.1), [MQTT-2.2.1-5] (5.0)
/// [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT-4.3.3-8] [MQTT-4.3.3-11] (5.0)
#[test]
fn the_answer_to_a_publish_follows_its_qos() {
    for version in [V4, V5] {
        let mut world = World::new();
        let subscriber = world.connect(hello(version, "s"));
        world.subscribe(subscriber, "t", AtMostOnce);
        let client = world.connect(hello(version, "a"));
        world.publish(client, "t", AtMostOnce, 0, "0");
        world.expect_nothing(client);
        world.publish(client, "t", AtLeastOnce, 7, "1");
        world.expect(client, &[puback(7)]);
        world.publish(client, "t", ExactlyOnce, 8, "2");
        world.expect(client, &[pubrec(8)]);
        world.send(client, &pubrel(8));
        world.expect(client, &[pubcomp(8)]);
        // After PUBACK the identifier stands for a new message, whatever DUP says.
        world.send(client, &duplicate(publish("t", AtLeastOnce, 7, "3")));
        world.expect(client, &[puback(7)]);
        assert_eq!(world.payloads(subscriber), ["0", "1", "2", "3"]);
    }
}

/// [MQTT-3.1.2-8] [MQTT-3.1.2-9] [MQTT-3.1.2-10] (both versions), [MQTT-3.1.2-12] [MQTT-3.1.2-16]
/// [MQTT-3.1.2-17] (3.1.1), [MQTT-3.1.2-7] [MQTT-3.1.2-14] [MQTT-3.1.2-15] (5.0)
#[test]
fn s62_a_will_is_published_once_as_connect_said() {
    for version in [V4, V5] {
        for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
            for retain in [false, true] {
                let mut world = World::new();
                let watcher = world.connect(hello(version, "watcher"));
                world.subscribe(watcher, "w", ExactlyOnce);
                let who = lasting(version, "a");
                let client = world.connect(who.will("w", qos, retain, &[]));
                world.expect_nothing(watcher);
                world.hang_up(client);
                assert_eq!(world.payloads_and_qos(watcher), [("gone".into(), qos)]);
                let late = world.connect(hello(version, "late"));
                world.subscribe(late, "w", ExactlyOnce);
                assert_eq!(world.messages(late).len(), usize::from(retain));
                // The next connection of the session has none.
                let client = world.reconnect(who);
                world.hang_up(client);
                world.wait_secs(1000);
                world.expect_nothing(watcher);
            }
        }
    }
}

/// [MQTT-3.1.3-10] (5.0)
#[test]
fn s62_a_will_keeps_the_order_of_its_user_properties() {
    let pairs = [("b", "1"), ("a", "2"), ("b", "3"), ("", "")];
    let properties = pairs.map(|(name, value)| Property::UserProperty(name, value));
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "w", AtMostOnce);
    let client = world.connect(hello(V5, "a").will("w", AtMostOnce, false, &properties));
    world.hang_up(client);
    let frame = world.next(watcher).unwrap();
    let Packet::Publish(will) = Packet::decode(&frame, V5).unwrap() else { panic!("a PUBLISH") };
    assert_eq!(will.properties.user_properties().collect::<Vec<_>>(), pairs);
}

/// The expiry counts from the end of the connection.
/// [MQTT-4.1.0-2] (3.1.1), [MQTT-4.1.0-1] (5.0)
#[test]
fn a_session_does_not_end_while_its_client_is_there() {
    for version in [V4, V5] {
        let mut world = World::with(|config| config.connection.session_expiry_maximum = 10);
        let client = world.connect(lasting(version, "a"));
        world.subscribe(client, "t", AtLeastOnce);
        world.wait_secs(1000);
        world.broker.publish(mqtt_engine::Message::new("t", "x").unwrap(), world.now);
        assert_eq!(world.payloads(client), ["x"]);
        world.hang_up(client);
        world.wait_secs(9);
        world.reconnect(lasting(version, "a"));
        assert_eq!(world.broker.statistics().subscriptions, 1);
    }
}

fn refuse(world: &mut World) -> String {
    let events = world.events();
    let [BrokerEvent::Question { question, about: Question::Publish { topic, .. }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    world.broker.answer(*question, Answer::Refuse(ReasonCode::NotAuthorized), world.now);
    topic.as_str().to_owned()
}

/// [MQTT-4.3.3-9] (5.0)
#[test]
fn s25_after_a_refusing_pubrec_the_identifier_is_new() {
    let mut world = World::with(|config| config.ask_publish = true);
    let client = world.connect(hello(V5, "a"));
    world.events();
    for topic in ["first", "second"] {
        world.publish(client, topic, ExactlyOnce, 1, "x");
        assert_eq!(refuse(&mut world), topic);
        world.expect(client, &[Packet::PubRec(Ack::new(id(1), ReasonCode::NotAuthorized))]);
    }
}

/// [MQTT-4.4.0-2] (5.0)
#[test]
fn s25_what_a_subscriber_refused_is_not_sent_again() {
    let mut world = World::new();
    let client = world.connect(lasting(V5, "a"));
    world.subscribe(client, "t", ExactlyOnce);
    for qos in [AtLeastOnce, ExactlyOnce] {
        world.broker.publish(mqtt_engine::Message::new("t", "x").unwrap().with_qos(qos), world.now);
    }
    assert_eq!(world.messages(client).len(), 2);
    world.send(client, &Packet::PubAck(Ack::new(id(1), ReasonCode::QuotaExceeded)));
    world.send(client, &Packet::PubRec(Ack::new(id(2), ReasonCode::QuotaExceeded)));
    world.hang_up(client);
    let client = world.reconnect(lasting(V5, "a"));
    world.expect_nothing(client);
}

/// [MQTT-4.6.0-6] (3.1.1), [MQTT-4.3.3-4] (5.0)
#[test]
fn pubrels_towards_a_client_keep_the_order_of_its_pubrecs() {
    for version in [V4, V5] {
        let mut world = World::new();
        let client = world.connect(lasting(version, "a"));
        world.subscribe(client, "t", ExactlyOnce);
        for _ in 0..3 {
            let message = mqtt_engine::Message::new("t", "x").unwrap().with_qos(ExactlyOnce);
            world.broker.publish(message, world.now);
        }
        assert_eq!(world.messages(client).len(), 3);
        for packet_id in [2, 3, 1] {
            world.send(client, &pubrec(packet_id));
        }
        world.expect(client, &[pubrel(2), pubrel(3), pubrel(1)]);
        world.hang_up(client);
        let client = world.reconnect(lasting(version, "a"));
        world.expect(client, &[pubrel(2), pubrel(3), pubrel(1)]);
    }
}

/// DISCONNECT has its code and nothing else, and nothing follows it.
/// [MQTT-3.14.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.14.4-1] [MQTT-3.14.4-2] (5.0)
#[test]
fn a_disconnect_is_the_last_packet() {
    let mut world = World::new();
    let client = world.connect(hello(V5, "a").with(EXPIRY));
    world.subscribe(client, "t", AtMostOnce);
    world.broker.close(client, ReasonCode::AdministrativeAction, world.now);
    world.broker.publish(mqtt_engine::Message::new("t", "x").unwrap(), world.now);
    world.bytes(client, &encode(&Packet::PingReq, V5));
    world.broker.close(client, ReasonCode::ServerBusy, world.now);
    assert_eq!(world.broker.transport(client), Transport::FlushThenClose);
    world.expect_hex(client, "E0 01 98");
}

/// A client identifier that is not accepted is told by its code in both versions, and nothing behind it counts.
/// [MQTT-3.1.3-9] [MQTT-3.1.4-5] [MQTT-3.2.2-5] (3.1.1), [MQTT-3.1.3-8] [MQTT-3.1.4-6] [MQTT-3.2.2-7] (5.0)
/// [MQTT-3.14.0-1] (5.0)
#[test]
fn a_rejected_client_identifier_is_answered_and_closed() {
    for (version, answer) in [(V4, "20 02 00 02"), (V5, "20 03 00 85 00")] {
        let mut world = World::with(|config| config.allow_empty_client_id = false);
        let watcher = world.connect(hello(V4, "watcher"));
        world.subscribe(watcher, "#", AtMostOnce);
        let client = world.open(version);
        let mut bytes = encode(&Packet::Connect(hello(version, "").0), version);
        bytes.extend(encode(&publish("t", AtMostOnce, 0, "x"), version));
        bytes.extend(encode(&Packet::PingReq, version));
        world.bytes(client, &bytes);
        assert_eq!(world.broker.transport(client), Transport::FlushThenClose);
        world.expect_hex(client, answer);
        world.expect_nothing(watcher);
    }
}

/// A client that has no CONNACK yet hears no DISCONNECT, however its connection ends.
/// [MQTT-3.14.0-1] (5.0)
#[test]
fn no_disconnect_comes_before_connack() {
    type End = fn(&mut World, mqtt_engine::ConnectionId);
    let ends: [End; 3] = [
        |world, id| world.broker.close(id, ReasonCode::ServerBusy, world.now),
        |world, _| world.broker.shut_down(world.now),
        |world, _| world.wait_secs(100),
    ];
    for end in ends {
        let mut world = World::with(|config| config.ask_authentication = true);
        let silent = world.open(V5);
        let asked = world.knock(hello(V5, "a"));
        assert!(matches!(world.events()[..], [BrokerEvent::Question { .. }]));
        end(&mut world, asked);
        world.expect_closed(asked, &[]);
        world.broker.close(silent, ReasonCode::ServerBusy, world.now);
        world.expect_closed(silent, &[]);
    }
}
