//! S68: publishers wait for subscribers that are slow, and not for those that stand still.

use std::time::Duration;

use bytes::Buf;
use mqtt_engine::{Answer, BrokerEvent, Transport, packet::ReasonCode};

use crate::harness::*;

const PATIENCE: Duration = Duration::from_secs(1);

/// A subscriber whose window is one message and whose queue holds ten, a publisher, and messages until the queue is more
/// than half full.
fn pressed(qos: mqtt_engine::QoS) -> (World, mqtt_engine::ConnectionId, mqtt_engine::ConnectionId) {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = PATIENCE;
    });
    let slow = world.connect(hello(V4, "slow").resume());
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p").resume());
    let ack = if qos == AtLeastOnce { puback } else { pubrec };
    for number in 1..=5 {
        world.publish(publisher, "t", qos, number, "x");
        world.expect(publisher, &[ack(number)]);
    }
    world.publish(publisher, "t", qos, 6, "x");
    world.expect_nothing(publisher);
    (world, slow, publisher)
}

#[test]
fn s68_an_acknowledgement_waits_until_the_slow_subscriber_has_room() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        let (mut world, slow, publisher) = pressed(qos);
        let ack = if qos == AtLeastOnce { puback } else { pubrec };
        world.publish(publisher, "t", qos, 7, "x");
        world.publish(publisher, "other", AtMostOnce, 0, "x");
        world.hex(publisher, "C0 00");
        world.expect_hex(publisher, "D0 00");
        assert_eq!(world.payloads(slow), ["x"]);
        world.send(slow, &puback(1));
        world.expect_nothing(publisher);
        world.messages(slow);
        world.send(slow, &puback(2));
        assert_eq!(world.payloads(slow), ["x"], "its outbox is looked at, as `poll_ready` asks");
        world.expect(publisher, &[ack(6), ack(7)]);
        assert_eq!(world.broker.statistics().dropped, 0);
    }
}

#[test]
fn s68_the_patience_with_a_subscriber_that_stands_still_ends() {
    let (mut world, slow, publisher) = pressed(AtLeastOnce);
    world.wait(PATIENCE);
    world.expect(publisher, &[puback(6)]);
    for number in 7..=12 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
        world.expect(publisher, &[puback(number)]);
    }
    assert_eq!(world.broker.statistics().dropped, 2, "the queue holds ten");
    for number in 1..=10 {
        assert_eq!(world.payloads(slow), ["x"]);
        world.send(slow, &puback(number));
    }
    for number in 13..=18 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
    }
    world.expect(publisher, &[13, 14, 15, 16, 17].map(puback));
    world.wait(PATIENCE);
    world.expect(publisher, &[puback(18)]);
}

#[test]
fn s68_nobody_waits_for_a_subscriber_that_left() {
    let (mut world, slow, publisher) = pressed(AtLeastOnce);
    world.hang_up(slow);
    world.expect(publisher, &[puback(6)]);
}

/// The publisher leaves while its acknowledgement is held: the message was received, once.
#[test]
fn s68_s21_a_held_qos_2_message_is_exactly_once_over_a_reconnect() {
    for is_back_in_time in [true, false] {
        let (mut world, slow, publisher) = pressed(ExactlyOnce);
        world.hang_up(publisher);
        if !is_back_in_time {
            world.wait(PATIENCE);
        }
        let publisher = world.reconnect(hello(V4, "p").resume());
        world.send(publisher, &duplicate(publish("t", ExactlyOnce, 6, "x")));
        if is_back_in_time {
            world.expect_nothing(publisher);
            world.wait(PATIENCE);
        }
        world.expect(publisher, &[pubrec(6)]);
        world.send(publisher, &pubrel(6));
        world.expect(publisher, &[pubcomp(6)]);
        let mut received = 0;
        loop {
            let messages = world.messages(slow);
            if messages.is_empty() {
                break;
            }
            received += messages.len();
            world.send(slow, &puback(u16::try_from(received).unwrap()));
        }
        assert_eq!(received, 6);
    }
}

/// A client that subscribes to what it publishes reads its own messages while its acknowledgements are held.
#[test]
fn s68_s34_who_waits_for_himself_goes_on() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 1;
    });
    let client = world.connect(hello(V4, "a"));
    world.subscribe(client, "t", AtLeastOnce);
    for number in 1..=8 {
        world.publish(client, "t", AtLeastOnce, number, "x");
    }
    let first: Vec<_> = std::iter::from_fn(|| world.next(client)).map(|frame| frame[0]).collect();
    assert_eq!(first.iter().filter(|first| **first == 0x40).count(), 5);
    let mut acknowledged = 5;
    for number in 1..=8 {
        world.send(client, &puback(number));
        acknowledged += std::iter::from_fn(|| world.next(client)).filter(|frame| frame[0] == 0x40).count();
    }
    assert_eq!(acknowledged, 8);
}

#[test]
fn s68_without_patience_nobody_waits() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 4;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = Duration::ZERO;
    });
    let slow = world.connect(hello(V4, "slow"));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    for number in 1..=8 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
        world.expect(publisher, &[puback(number)]);
    }
    assert_eq!(world.broker.statistics().dropped, 4);
}

/// The session that is waited for is the one that waits, and its client goes away.
#[test]
fn s68_s21_who_waits_for_himself_is_acknowledged_after_a_reconnect() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = PATIENCE;
    });
    let client = world.connect(hello(V4, "a").resume());
    world.subscribe(client, "t", ExactlyOnce);
    for number in 1..=6 {
        world.publish(client, "t", ExactlyOnce, number, "x");
    }
    world.hang_up(client);
    let client = world.reconnect(hello(V4, "a"));
    world.take(client);
    world.send(client, &duplicate(publish("t", ExactlyOnce, 6, "x")));
    world.expect(client, &[pubrec(6)]);
}

/// An adapter that writes from the outbox in place, and a reader of QoS 0 messages.
#[test]
fn s68_an_outbox_that_is_read_in_place_relieves_too() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.outbox_bytes = 1;
    });
    let slow = world.connect(hello(V4, "slow"));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    for _ in 0..8 {
        world.publish(publisher, "t", AtMostOnce, 0, "x");
    }
    world.publish(publisher, "t", AtLeastOnce, 1, "x");
    world.expect_nothing(publisher);
    for _ in 0..5 {
        let outbox = world.broker.outbox(slow).unwrap();
        assert!(outbox.has_remaining());
        outbox.advance(outbox.remaining());
    }
    world.expect(publisher, &[puback(1)]);
}

/// A 3.1.1 client has 65,535 identifiers: who goes on all the same, while its acknowledgements are held, is not remembered
/// without end, and its repetitions are recognised at a glance.
#[test]
fn s28_s68_held_acknowledgements_are_bounded_in_3_1_1() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 4;
        config.connection.inflight_maximum = 1;
    });
    let slow = world.connect(hello(V4, "slow"));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    for number in 1..=65_000 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
    }
    for number in 60_000..=65_000 {
        world.send(publisher, &duplicate(publish("t", AtLeastOnce, number, "x")));
    }
    assert_eq!(world.broker.transport(publisher), Transport::Keep);
    for number in 1..=600 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
    }
    assert_eq!(world.broker.transport(publisher), Transport::FlushThenClose);
}

/// An answer that comes late, for a message whose acknowledgement then waits for somebody else: the client's packets were not
/// read meanwhile, so it was not silent.
#[test]
fn s68_a_slow_answer_and_a_slow_subscriber_together_do_not_make_a_publisher_silent() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = PATIENCE;
        config.ask_publish = true;
    });
    let slow = world.connect(hello(V4, "slow"));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p").keep_alive(2));
    for number in 1..=6 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
        if number == 6 {
            world.wait_secs(5);
        }
        let asked = world.events().into_iter().find_map(|event| match event {
            BrokerEvent::Question { question, .. } => Some(question),
            _ => None,
        });
        world.broker.answer(asked.unwrap(), Answer::Allow, world.now);
    }
    world.expect(publisher, &[1, 2, 3, 4, 5].map(puback));
    world.wait(PATIENCE);
    world.expect(publisher, &[puback(6)]);
    world.wait_secs(2);
    world.expect_fault(publisher, ReasonCode::KeepAliveTimeout);
}

/// Three clients are found silent at the same moment: the will of one goes to the publisher, and the slow subscriber, who goes
/// before the publisher is looked at, relieves it. Nothing follows its DISCONNECT.
/// [MQTT-3.14.4-1] (5.0)
#[test]
fn s68_nobody_is_acknowledged_behind_his_disconnect() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 10;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = Duration::from_secs(60);
    });
    let _first = world.connect(hello(V5, "first").keep_alive(2).will("will", AtMostOnce, false, &[]));
    let slow = world.connect(hello(V5, "slow").keep_alive(2));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V5, "p").keep_alive(2));
    world.subscribe(publisher, "will", AtMostOnce);
    for number in 1..=6 {
        world.publish(publisher, "t", AtLeastOnce, number, "x");
    }
    world.expect(publisher, &[1, 2, 3, 4, 5].map(puback));
    world.now = world.now + Duration::from_secs(3);
    world.broker.handle_timeout(world.now);
    world.expect_fault(publisher, ReasonCode::KeepAliveTimeout);
}

/// When a held acknowledgement goes out depends on when the outbox is looked at, not on how input was cut.
#[test]
fn s68_s51_held_acknowledgements_do_not_depend_on_cuts() {
    let played = |pieces: &[&str]| {
        let mut world = World::with(|config| {
            config.connection.queue_count = 10;
            config.connection.inflight_maximum = 1;
        });
        let client = world.connect(hello(V4, "a"));
        world.subscribe(client, "t", AtLeastOnce);
        for number in 1..=6 {
            world.publish(client, "t", AtLeastOnce, number, "x");
        }
        let before: Vec<_> = std::iter::from_fn(|| world.next(client)).collect();
        assert!(before.iter().all(|frame| frame[..] != [0x40, 2, 0, 6]), "the last one is held");
        pieces.iter().for_each(|piece| world.hex(client, piece));
        std::iter::from_fn(|| world.next(client)).collect::<Vec<_>>()
    };
    let cut = played(&["40 02 00 01", "30 04 00 01 6F 70", "C0 00"]);
    assert_eq!(cut, played(&["40 02 00 01 30 04 00 01 6F 70 C0 00"]));
    assert!(cut.iter().any(|frame| frame[..] == [0x40, 2, 0, 6]), "{cut:x?}");
}
