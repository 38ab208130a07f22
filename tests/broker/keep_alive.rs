//! Clients that fall silent.

use std::time::Duration;

use mqtt_engine::{
    DisconnectCause, Transport,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::*;

/// [MQTT-3.1.2-24] (3.1.1), [MQTT-3.1.2-22] (5.0), flow 5.
/// [MQTT-3.12.4-1] (both versions), [MQTT-3.2.2-22] (5.0)
#[test]
fn s43_silence_of_one_and_a_half_times_the_keep_alive_closes() {
    for version in [V4, V5] {
        let mut world = World::new();
        let id = world.connect(hello(version, "a").keep_alive(10));
        world.wait(Duration::from_millis(14_999));
        assert_eq!(world.broker.transport(id), Transport::Keep);
        world.send(id, &Packet::PingReq);
        world.expect(id, &[Packet::PingResp]);
        world.wait(Duration::from_millis(14_999));
        assert_eq!(world.broker.transport(id), Transport::Keep);
        world.wait(Duration::from_millis(1));
        world.expect_fault(id, ReasonCode::KeepAliveTimeout);
        assert_eq!(world.causes(), [DisconnectCause::KeepAliveTimeout]);
    }
}

/// A packet counts, not each of its bytes.
#[test]
fn half_a_packet_is_no_sign_of_life() {
    let mut world = World::new();
    let id = world.connect(hello(V4, "a").keep_alive(10));
    for byte in unhex("30 40 00 01 61 00 00 00 00 00 00 00 00 00 00") {
        world.bytes(id, &[byte]);
        world.wait_secs(1);
    }
    world.expect_fault(id, ReasonCode::KeepAliveTimeout);
}

#[test]
fn s45_keep_alive_zero_waits_for_ever_and_the_longest_does_not_overflow() {
    let mut world = World::new();
    let forever = world.connect(hello(V4, "a"));
    let longest = world.connect(hello(V4, "b").keep_alive(u16::MAX));
    world.wait_secs(65_535 * 3 / 2);
    assert_eq!(world.broker.transport(longest), Transport::Keep);
    world.wait_secs(1);
    world.expect_fault(longest, ReasonCode::KeepAliveTimeout);
    world.expect_open(forever);
}

/// The broker enforces the keep alive that it announced; of 3.1.1 the client's own.
/// [MQTT-3.1.2-22] (5.0)
#[test]
fn s44_the_server_keep_alive_is_enforced() {
    let mut world = World::with(|config| config.connection.maximum_keep_alive = 10);
    let told = world.knock(hello(V5, "told"));
    let frame = world.next(told).unwrap();
    assert_eq!(as_connack(&frame, V5).properties.server_keep_alive(), Some(10));
    let untold = world.connect(hello(V4, "untold").keep_alive(20));
    world.wait(Duration::from_millis(14_999));
    assert_eq!(world.broker.transport(told), Transport::Keep);
    world.wait(Duration::from_millis(1));
    world.expect_fault(told, ReasonCode::KeepAliveTimeout);
    world.wait_secs(14);
    world.expect_open(untold);
}

/// A flood towards the client is no sign of life from it.
#[test]
fn s41_what_is_sent_to_a_client_does_not_keep_it_alive() {
    let mut world = World::new();
    let id = world.connect(hello(V4, "a").keep_alive(10));
    world.subscribe(id, "t", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    for _ in 0..15 {
        world.publish(publisher, "t", AtMostOnce, 0, "x");
        assert_eq!(world.payloads(id), ["x"]);
        world.wait_secs(1);
    }
    world.expect_fault(id, ReasonCode::KeepAliveTimeout);
}

/// A clock that jumps back, or far ahead, harms nobody.
#[test]
fn s45_s46_clocks_may_jump() {
    let mut world = World::new();
    let id = world.connect(hello(V5, "a").keep_alive(10).with(&[Property::SessionExpiryInterval(10)]));
    world.subscribe(id, "t", AtLeastOnce);
    let (now, past) = (world.now, mqtt_engine::Timestamp::ZERO);
    world.now = past;
    world.expect_open(id);
    world.now = now;
    world.wait_secs(14);
    world.now = mqtt_engine::Timestamp::MAX;
    world.broker.handle_timeout(world.now);
    world.expect_fault(id, ReasonCode::KeepAliveTimeout);
    assert_eq!(world.broker.statistics().connections, 0);
}

/// A keep alive that ends before the connect timeout would have.
#[test]
fn s43_a_short_keep_alive_is_told_as_the_next_deadline() {
    let mut world = World::new();
    let id = world.connect(hello(V5, "a").keep_alive(2));
    assert_eq!(world.broker.deadline(), Some(world.now + Duration::from_secs(3)));
    world.wait_secs(3);
    world.expect_fault(id, ReasonCode::KeepAliveTimeout);
    assert_eq!(world.broker.deadline(), None);
}
