//! Sessions between connections: what is stored, how much, and for how long.

use mqtt_engine::{
    BrokerEvent, DropReason, Message,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::*;

/// [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6], [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] (3.1.1).
/// [MQTT-3.1.3-2] [MQTT-3.1.4-3] [MQTT-4.1.0-1] [MQTT-4.5.0-1] (3.1.1)
#[test]
fn a_session_of_3_1_1_lasts_unless_it_is_clean() {
    let mut world = World::new();
    let publisher = world.connect(hello(V4, "p"));
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "t", AtLeastOnce);
    world.leave(client);
    world.publish(publisher, "t", AtLeastOnce, 1, "while away");
    let client = world.reconnect(hello(V4, "a"));
    assert_eq!(world.payloads(client), ["while away"]);
    world.send(client, &puback(1));
    world.leave(client);
    // Clean: the stored one is dropped, and nothing of this one is kept.
    let client = world.connect(hello(V4, "a"));
    world.publish(publisher, "t", AtLeastOnce, 2, "x");
    world.expect_nothing(client);
    world.subscribe(client, "t", AtLeastOnce);
    world.leave(client);
    let client = world.connect(hello(V4, "a").resume());
    world.publish(publisher, "t", AtLeastOnce, 3, "y");
    world.expect_nothing(client);
}

/// [MQTT-3.1.2-23] [MQTT-4.1.0-2] (5.0), and the configured limit for both.
#[test]
fn a_session_ends_when_its_expiry_has_passed() {
    let expiry = [Property::SessionExpiryInterval(30)];
    for (who, lasts) in [
        (hello(V5, "a").with(&expiry), 30),
        (hello(V5, "a").with(&[Property::SessionExpiryInterval(u32::MAX)]), 50),
        (hello(V4, "a").resume(), 50),
    ] {
        let mut world = World::with(|config| config.connection.session_expiry_maximum = 50);
        let client = world.connect(who);
        world.subscribe(client, "t", AtLeastOnce);
        world.hang_up(client);
        world.wait_secs(lasts - 1);
        let client = world.reconnect(who);
        world.hang_up(client);
        assert_eq!(world.broker.statistics().subscriptions, 1);
        world.wait_secs(lasts);
        let statistics = world.broker.statistics();
        assert_eq!((statistics.sessions, statistics.subscriptions), (0, 0));
        world.connect(who.resume());
    }
}

/// 5.0 section 3.14.2.2.2.
#[test]
fn disconnect_may_change_the_expiry_but_not_raise_it_from_zero() {
    let goodbye = |properties| {
        Packet::Disconnect(mqtt_engine::packet::Disconnect { reason: ReasonCode::Success, properties })
    };
    let list = [Property::SessionExpiryInterval(5)];
    let to_five = goodbye(mqtt_engine::packet::Properties::new(&list));

    let mut world = World::new();
    let client = world.connect(hello(V5, "a").with(&[Property::SessionExpiryInterval(100)]));
    world.send(client, &to_five);
    world.hang_up(client);
    world.wait_secs(4);
    assert_eq!(world.broker.statistics().sessions, 1);
    world.wait_secs(1);
    assert_eq!(world.broker.statistics().sessions, 0);

    let client = world.connect(hello(V5, "a"));
    world.send(client, &to_five);
    world.expect_fault(client, ReasonCode::ProtocolError);
    assert_eq!(world.broker.statistics().sessions, 0);
}

/// [MQTT-3.1.2-5] (3.1.1): QoS 1 and 2 are stored, QoS 0 if configured.
#[test]
fn s69_qos_0_is_stored_only_if_configured() {
    for (queue_qos0, expected) in [(false, vec!["1", "2"]), (true, vec!["0", "1", "2"])] {
        let mut world = World::with(|config| config.queue_qos0 = queue_qos0);
        let client = world.connect(hello(V4, "a").resume());
        world.subscribe(client, "t", ExactlyOnce);
        world.leave(client);
        let publisher = world.connect(hello(V4, "p"));
        world.publish(publisher, "t", AtMostOnce, 0, "0");
        world.publish(publisher, "t", AtLeastOnce, 1, "1");
        world.publish(publisher, "t", ExactlyOnce, 2, "2");
        let client = world.reconnect(hello(V4, "a"));
        assert_eq!(world.payloads(client), expected);
    }
}

/// Also the QoS 0 messages that were queued while the client was still there.
#[test]
fn s69_queued_qos_0_goes_with_the_connection() {
    let mut world = World::new();
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    world.publish(publisher, "t", AtMostOnce, 0, "0");
    world.hang_up(client);
    let client = world.reconnect(hello(V4, "a"));
    world.expect_nothing(client);
}

fn dropped(world: &mut World) -> Vec<(String, DropReason)> {
    let events = world.events().into_iter();
    events
        .filter_map(|event| match event {
            BrokerEvent::Dropped { client_id, topic, why } => {
                assert_eq!(client_id, "a");
                Some((topic.as_str().to_owned(), why))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn s69_an_offline_queue_is_bounded_in_count() {
    let mut world = World::with(|config| config.connection.queue_count = 3);
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "#", AtLeastOnce);
    world.leave(client);
    let publisher = world.connect(hello(V4, "p"));
    for number in 1..=5_u16 {
        world.publish(publisher, &format!("t/{number}"), AtLeastOnce, number, "x");
    }
    let full = DropReason::QueueFull;
    assert_eq!(dropped(&mut world), [("t/4".into(), full), ("t/5".into(), full)]);
    let client = world.reconnect(hello(V4, "a"));
    let topics: Vec<_> = world.messages(client).into_iter().map(|got| got.topic).collect();
    assert_eq!(topics, ["t/1", "t/2", "t/3"]);
}

#[test]
fn s69_an_offline_queue_is_bounded_in_bytes() {
    let mut world = World::with(|config| config.connection.queue_bytes = 10_000);
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "#", AtLeastOnce);
    world.leave(client);
    let publisher = world.connect(hello(V4, "p"));
    let large = "x".repeat(4000);
    for number in 1..=5_u16 {
        world.publish(publisher, "t", AtLeastOnce, number, &large);
    }
    assert_eq!(dropped(&mut world).len(), 3);
    let client = world.reconnect(hello(V4, "a"));
    assert_eq!(world.messages(client).len(), 2);
}

/// QoS 0 makes room for QoS 1 and 2, never the other way round.
#[test]
fn s68_qos_0_is_dropped_first() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 3;
        config.queue_qos0 = true;
    });
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "#", AtLeastOnce);
    world.leave(client);
    let publisher = world.connect(hello(V4, "p"));
    world.publish(publisher, "zero/1", AtMostOnce, 0, "x");
    world.publish(publisher, "one/1", AtLeastOnce, 1, "x");
    world.publish(publisher, "zero/2", AtMostOnce, 0, "x");
    world.publish(publisher, "zero/3", AtMostOnce, 0, "x");
    world.publish(publisher, "one/2", AtLeastOnce, 2, "x");
    let topics: Vec<_> = dropped(&mut world).into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["zero/3", "zero/1"]);
    let client = world.reconnect(hello(V4, "a"));
    let topics: Vec<_> = world.messages(client).into_iter().map(|got| got.topic).collect();
    assert_eq!(topics, ["one/1", "zero/2", "one/2"]);
}

/// A client that does not read: its queue is bounded, it hears of nothing, and others get everything.
#[test]
fn s68_a_slow_subscriber_disturbs_nobody() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 50;
        config.connection.outbox_bytes = 1000;
    });
    let slow = world.connect(hello(V4, "a"));
    world.subscribe(slow, "t", AtMostOnce);
    let quick = world.connect(hello(V4, "quick"));
    world.subscribe(quick, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    let payload = "x".repeat(100);
    for number in 0..1000 {
        world.publish(publisher, "t", AtMostOnce, 0, &payload);
        if number % 20 == 0 {
            world.messages(quick).iter().for_each(|got| assert_eq!(got.payload.len(), 100));
        }
    }
    // Its outbox holds ten, and its queue fifty.
    let lost = dropped(&mut world).len();
    assert_eq!(lost, 1000 - 60);
    assert_eq!(world.messages(slow).len(), 60);
    world.expect_open(slow);
    assert_eq!(world.broker.statistics().dropped, 940);
}

/// Who sends without reading gets no further answers: its input pauses.
#[test]
fn s68_a_client_that_never_reads_is_not_read() {
    let mut world = World::with(|config| config.connection.outbox_bytes = 100);
    let client = world.connect(hello(V4, "a"));
    let mut input = bytes::Bytes::from([0xC0, 0].repeat(1000));
    world.broker.receive(client, &mut input, world.now);
    assert!(!input.is_empty() && !world.broker.wants_input(client));
    while world.broker.poll_ready().is_some() {}
    let answers = world.take(client);
    assert_eq!(answers.len(), 200);
    assert_eq!(world.broker.poll_ready(), Some(client), "its appetite is back");
    assert!(world.broker.wants_input(client));
    world.broker.receive(client, &mut input, world.now);
    assert_eq!(world.take(client).len(), 200);
}

/// Messages that wait to be written are no reason not to read: of a client that takes large ones slowly, acknowledgements and
/// pings are seen in time.
#[test]
fn s68_a_client_that_takes_large_messages_slowly_is_read() {
    let mut world = World::with(|config| config.connection.outbox_bytes = 100);
    let slow = world.connect(hello(V4, "a").keep_alive(2));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    for number in 1..=10 {
        world.publish(publisher, "t", AtLeastOnce, number, &"x".repeat(300));
    }
    for number in 1..=10 {
        // The adapter takes one message, and the next one waits in the outbox.
        assert!(!world.broker.take_outbox(slow).is_empty());
        world.wait_secs(2);
        assert!(world.broker.wants_input(slow), "message {number}");
        world.send(slow, &puback(number));
    }
    world.wait_secs(2);
    world.expect_open(slow);
}

/// S02 on the broker's side: unacknowledged messages come again in their order, with their identifiers, and within the
/// client's new Receive Maximum (S01).
/// [MQTT-4.6.0-1] (both versions), [MQTT-3.1.2-5] [MQTT-3.2.2-3] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.4.0-1] (5.0)
/// [MQTT-4.5.0-1] [MQTT-4.9.0-1] (5.0)
#[test]
fn s01_s02_s05_redelivery_keeps_order_identifiers_and_the_new_quota() {
    let mut world = World::new();
    let expiry = [Property::SessionExpiryInterval(100)];
    let client = world.connect(hello(V5, "a").with(&expiry));
    world.subscribe(client, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    for number in 1..=4_u16 {
        world.publish(publisher, "t", AtLeastOnce, number, &number.to_string());
    }
    assert_eq!(world.payloads(client), ["1", "2", "3", "4"]);
    world.send(client, &puback(2));
    world.hang_up(client);
    world.publish(publisher, "t", AtLeastOnce, 5, "5");
    let narrow = [Property::SessionExpiryInterval(100), Property::ReceiveMaximum(1)];
    let client = world.reconnect(hello(V5, "a").with(&narrow));
    for (packet_id, payload) in [(1, "1"), (3, "3"), (4, "4")] {
        world.expect(client, &[duplicate(publish("t", AtLeastOnce, packet_id, payload))]);
        world.send(client, &puback(packet_id));
    }
    world.expect(client, &[publish("t", AtLeastOnce, 5, "5")]);
}

/// [MQTT-3.3.2-5] [MQTT-3.3.2-6] (5.0).
#[test]
fn s63_message_expiry_counts_down_in_the_queue() {
    let mut world = World::new();
    let expiry = [Property::SessionExpiryInterval(100)];
    let client = world.connect(hello(V5, "a").with(&expiry));
    world.subscribe(client, "t", AtLeastOnce);
    world.hang_up(client);
    let publisher = world.connect(hello(V5, "p"));
    for (number, seconds) in [(1, 5), (2, 50)] {
        let Packet::Publish(mut packet) = publish("t", AtLeastOnce, number, "x") else { unreachable!() };
        let list = [Property::MessageExpiryInterval(seconds)];
        packet.properties = mqtt_engine::packet::Properties::new(&list);
        world.send(publisher, &Packet::Publish(packet));
    }
    world.wait_secs(10);
    let client = world.reconnect(hello(V5, "a").with(&expiry));
    let messages = world.messages(client);
    assert_eq!(messages.iter().map(|got| got.expiry).collect::<Vec<_>>(), [Some(40)]);
}

/// An expired message makes room for another one.
#[test]
fn s69_expired_messages_make_room() {
    let mut world = World::with(|config| config.connection.queue_count = 1);
    let client = world.connect(hello(V5, "a").with(&[Property::SessionExpiryInterval(100)]));
    world.subscribe(client, "t", AtLeastOnce);
    world.hang_up(client);
    let publisher = world.connect(hello(V5, "p"));
    let Packet::Publish(mut packet) = publish("t", AtLeastOnce, 1, "old") else { unreachable!() };
    packet.properties = mqtt_engine::packet::Properties::new(&[Property::MessageExpiryInterval(5)]);
    world.send(publisher, &Packet::Publish(packet));
    world.wait_secs(5);
    world.publish(publisher, "t", AtLeastOnce, 2, "new");
    assert_eq!(dropped(&mut world), []);
    let client = world.reconnect(hello(V5, "a"));
    assert_eq!(world.payloads(client), ["new"]);
}

/// A message without any time left takes nobody's place, and nothing waits for its end.
#[test]
fn s69_a_message_that_expires_at_once_is_nobodys() {
    let mut world = World::with(|config| config.connection.queue_count = 1);
    let client = world.connect(hello(V5, "a").with(&[Property::SessionExpiryInterval(100)]));
    world.subscribe(client, "t", AtLeastOnce);
    let publisher = world.connect(hello(V5, "p"));
    world.broker.publish(Message::new("t", "waits").unwrap(), world.now);
    let Packet::Publish(mut packet) = publish("t", AtLeastOnce, 1, "gone") else { unreachable!() };
    packet.properties = mqtt_engine::packet::Properties::new(&[Property::MessageExpiryInterval(0)]);
    world.send(publisher, &Packet::Publish(packet));
    assert_eq!(dropped(&mut world), []);
    assert!(world.broker.deadline() > Some(world.now));
    assert_eq!(world.payloads(client), ["waits"]);
}

/// Whether a message finds room does not depend on what stands before it: one that no queue holds is dropped, and told.
#[test]
fn s69_a_message_that_no_queue_holds_is_dropped_whatever_stands_before_it() {
    for is_first in [true, false] {
        let mut world = World::with(|config| config.connection.queue_bytes = 1000);
        let client = world.connect(hello(V5, "a"));
        world.subscribe(client, "t", AtLeastOnce);
        if !is_first {
            world.broker.publish(Message::new("t", "x").unwrap().with_qos(AtLeastOnce), world.now);
        }
        world.broker.publish(Message::new("t", "y".repeat(2000)).unwrap(), world.now);
        assert_eq!(dropped(&mut world).len(), 1, "{is_first}");
        assert_eq!(world.payloads(client).len(), usize::from(!is_first));
    }
}

/// With `queue_qos0`, what waits for a client that has stopped reading is there when it comes back.
#[test]
fn qos_0_outlives_the_connection_for_which_it_waited() {
    let mut world = World::with(|config| config.queue_qos0 = true);
    let expiry = [Property::SessionExpiryInterval(100)];
    let client = world.connect(hello(V5, "c").with(&expiry));
    world.subscribe(client, "t", AtMostOnce);
    for payload in ["0", "1"] {
        world.broker.publish(Message::new("t", payload).unwrap(), world.now);
    }
    world.hang_up(client);
    world.broker.publish(Message::new("t", "2").unwrap(), world.now);
    let client = world.reconnect(hello(V5, "c").with(&expiry));
    assert_eq!(world.payloads(client), ["0", "1", "2"]);
}

/// Events that nobody polls don't pile up.
#[test]
fn events_are_bounded() {
    let mut world = World::with(|config| config.events = 10);
    for _ in 0..20 {
        let client = world.connect(hello(V4, "a"));
        world.hang_up(client);
    }
    assert_eq!(world.events().len(), 10);
    assert_eq!(world.broker.statistics().lost_events, 30);
}
