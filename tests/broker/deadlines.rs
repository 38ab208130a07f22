//! What the broker waits for, in words.

use std::time::Duration;

use mqtt_engine::{
    ConnectionId, DeadlineReason, Message, Timestamp,
    packet::{Packet, Property},
};

use crate::harness::*;

/// The next deadline, in seconds from now, and why.
fn next(world: &World) -> Option<(u64, String)> {
    let reason = world.broker.why_deadline().map(|reason| reason.to_string());
    let span = |deadline: Timestamp| (deadline - world.now).as_secs();
    world.broker.deadline().map(span).zip(reason)
}

fn expect(world: &World, seconds: u64, words: &str) {
    assert_eq!(next(world), Some((seconds, words.into())));
}

/// Two connections before the one in question, so that its number is none of the first.
fn world_with_guests(id: impl FnOnce(&mut World) -> ConnectionId) -> (World, ConnectionId) {
    let mut world = World::new();
    for name in ["one", "two"] {
        world.connect(hello(V4, name));
    }
    world.wait_secs(10);
    let id = id(&mut world);
    (world, id)
}

#[test]
fn a_connection_is_named_with_its_timer() {
    let (world, id) = world_with_guests(|world| world.open(V5));
    expect(&world, 10, "connect timeout of 2.0");
    let timer = "connect timeout";
    assert_eq!(world.broker.why_deadline(), Some(DeadlineReason::Connection { connection: id, timer }));

    let (world, _) = world_with_guests(|world| world.connect(hello(V5, "lamp").keep_alive(4)));
    expect(&world, 6, "keep alive of 2.0");
    assert_eq!(next(&World::new()), None);
}

/// A message that waits for the quota and expires makes way for QoS 0 behind it: the broker knows the moment, and tells whose
/// output it frees.
#[test]
fn a_queued_message_that_expires_is_told_by_its_connection() {
    let mut world = World::new();
    let id = world.connect(hello(V5, "lamp").with(&[Property::ReceiveMaximum(1)]));
    world.subscribe(id, "#", AtLeastOnce);
    let message = |payload: &'static str, qos| Message::new("t", payload).unwrap().with_qos(qos);
    let mut short = message("short", AtLeastOnce);
    short.properties.message_expiry = Some(Duration::from_secs(5));
    for message in [message("first", AtLeastOnce), short, message("free", AtMostOnce)] {
        world.broker.publish(message, world.now);
    }
    expect(&world, 5, "message expiry of 0.0");
    assert_eq!(world.payloads(id), ["first"]);
    while world.broker.poll_ready().is_some() {}
    world.now = world.now + Duration::from_secs(5);
    world.broker.handle_timeout(world.now);
    assert_eq!(world.broker.poll_ready(), Some(id));
    assert_eq!(world.payloads(id), ["free"]);
    assert_eq!(next(&world), None);
}

/// The broker does not move its entry with each packet.
#[test]
fn an_early_look_is_told_from_what_is_due() {
    let (mut world, id) = world_with_guests(|world| world.connect(hello(V5, "lamp").keep_alive(4)));
    world.wait_secs(2);
    world.send(id, &Packet::PingReq);
    expect(&world, 4, "early look at 2.0");
    assert_eq!(world.broker.why_deadline(), Some(DeadlineReason::EarlyLook { connection: id }));
    world.wait_secs(4);
    expect(&world, 2, "keep alive of 2.0");
    // Ended, with a transport that is still to be closed: nothing is due any more.
    world.hex(id, "00 00");
    expect(&world, 2, "early look at 2.0");
    world.wait_secs(2);
    assert_eq!(next(&world), None);
}

#[test]
fn a_client_that_is_away_is_named_with_its_will_and_its_session() {
    let mut world = World::new();
    let properties = [Property::SessionExpiryInterval(100)];
    let delay = [Property::WillDelayInterval(30)];
    let lamp = hello(V5, "lamp").with(&properties).will("w", AtMostOnce, false, &delay);
    let id = world.connect(lamp);
    world.wait_secs(10);
    assert_eq!(next(&world), None);
    world.hang_up(id);
    expect(&world, 30, "will of \"lamp\"");
    world.wait_secs(30);
    expect(&world, 70, "session expiry of \"lamp\"");
    world.wait_secs(70);
    assert_eq!(next(&world), None);
}

/// A will that outlasts its session is published at the session's end.
#[test]
fn a_will_at_the_end_of_its_session_is_told_as_that_end() {
    let mut world = World::new();
    let properties = [Property::SessionExpiryInterval(30)];
    let delay = [Property::WillDelayInterval(30)];
    let id = world.connect(hello(V5, "lamp").with(&properties).will("w", AtMostOnce, false, &delay));
    world.wait_secs(10);
    world.hang_up(id);
    expect(&world, 30, "session expiry of \"lamp\"");
}

#[test]
fn a_subscriber_that_publishers_wait_for_is_named() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 1;
        config.connection.inflight_maximum = 1;
        config.subscriber_patience = Duration::from_secs(3);
    });
    let slow = world.connect(hello(V4, "lamp"));
    world.subscribe(slow, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    world.wait_secs(10);
    world.publish(publisher, "t", AtLeastOnce, 1, "x");
    expect(&world, 3, "patience with \"lamp\"");
    world.wait_secs(3);
    assert_eq!(next(&world), None);
    world.expect(publisher, &[puback(1)]);
}

#[test]
fn a_retained_message_that_expires_is_named() {
    let mut world = World::new();
    let mut message = Message::new("lamp/state", "on").unwrap().retained();
    message.properties.message_expiry = Some(Duration::from_secs(5));
    world.broker.publish(message, world.now);
    expect(&world, 5, "expiry of retained \"lamp/state\"");
    world.open(V4);
    expect(&world, 5, "expiry of retained \"lamp/state\"");
    world.wait_secs(5);
    expect(&world, 5, "connect timeout of 0.0");
}
