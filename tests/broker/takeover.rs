//! A client identifier that is used twice (section 3.1.4).

use bytes::Bytes;
use mqtt_engine::{
    BrokerEvent, DisconnectCause, Transport,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::*;

const EXPIRY: &[Property<'static>] = &[Property::SessionExpiryInterval(100)];

/// [MQTT-3.1.4-2] (3.1.1), [MQTT-3.1.4-3] (5.0): the older connection ends, before the new one gets anything.
#[test]
fn s60_vulnerability_the_older_connection_is_told_and_closed_first() {
    for version in [V4, V5] {
        let mut world = World::new();
        let older = world.connect(hello(version, "a"));
        while world.broker.poll_ready().is_some() {}
        let newer = world.knock(hello(version, "a"));
        assert_eq!(world.broker.poll_ready(), Some(older));
        assert_eq!(world.broker.poll_ready(), Some(newer));
        let events = world.events();
        let [
            ..,
            BrokerEvent::Disconnected { connection, reason, .. },
            BrokerEvent::Connected { connection: next, .. },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((*connection, *next), (older, newer));
        assert_eq!(*reason, DisconnectCause::Closed(ReasonCode::SessionTakenOver));
        world.expect_fault(older, ReasonCode::SessionTakenOver);
        assert_eq!(world.connack(newer), (false, ReasonCode::Success));
        world.expect_open(newer);
    }
}

/// The session moves with everything that is unfinished, in both directions.
/// [MQTT-3.1.3-2] [MQTT-4.4.0-1] (both versions), [MQTT-4.6.0-1] (3.1.1), [MQTT-3.1.2-5] [MQTT-3.2.0-1]
/// [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6] (5.0)
#[test]
fn s60_a_take_over_in_the_middle_of_qos_2_loses_nothing() {
    for version in [V4, V5] {
        let mut world = World::new();
        let who = hello(version, "a").resume().with(if version == V5 { EXPIRY } else { &[] });
        let older = world.connect(who);
        world.subscribe(older, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        for packet_id in 1..=3 {
            world.publish(publisher, "t", ExactlyOnce, packet_id, &packet_id.to_string());
        }
        assert_eq!(world.payloads(older), ["1", "2", "3"]);
        world.send(older, &pubrec(1));
        world.publish(older, "other", ExactlyOnce, 1, "mine");
        world.take(older);
        // Queued, and not taken by the adapter.
        world.publish(publisher, "t", AtLeastOnce, 4, "4");
        let newer = world.reconnect(who);
        // PUBRELs first: they cost no quota.
        world.expect(
            newer,
            &[
                pubrel(1),
                duplicate(publish("t", ExactlyOnce, 2, "2")),
                duplicate(publish("t", ExactlyOnce, 3, "3")),
                publish("t", AtLeastOnce, 4, "4"),
            ],
        );
        world.send(newer, &duplicate(publish("other", ExactlyOnce, 1, "mine")));
        let frame = world.next(newer).unwrap();
        assert_eq!(frame[0], 0x50);
        world.send(newer, &pubrel(1));
        world.expect(newer, &[pubcomp(1)]);
    }
}

/// What the older connection still sends, and what its adapter still does, reaches nothing.
#[test]
fn s60_s12_late_calls_about_the_older_connection_do_nothing() {
    let mut world = World::new();
    let watcher = world.connect(hello(V4, "watcher"));
    world.subscribe(watcher, "#", AtMostOnce);
    let older = world.connect(hello(V4, "a").resume());
    let newer = world.reconnect(hello(V4, "a"));
    world.publish(older, "t", AtMostOnce, 0, "late");
    world.expect_nothing(watcher);
    world.expect_closed(older, &[]);
    world.broker.transport_closed(older, world.now);
    world.broker.close(older, ReasonCode::ServerBusy, world.now);
    world.broker.receive(older, &mut Bytes::from_static(b"\xE0\x00"), world.now);
    // Its slot has another tenant now.
    let tenant = world.connect(hello(V4, "b"));
    world.broker.transport_closed(older, world.now);
    world.expect_open(newer);
    world.expect_open(tenant);
}

/// 5.0: a session without expiry ends with its connection, also when it is taken over.
/// [MQTT-3.1.2-6] [MQTT-3.2.2-3] (5.0)
#[test]
fn s60_a_session_without_expiry_does_not_move() {
    let mut world = World::new();
    let older = world.connect(hello(V5, "a"));
    world.subscribe(older, "t", AtLeastOnce);
    let newer = world.connect(hello(V5, "a").resume());
    world.broker.publish(mqtt_engine::Message::new("t", "x").unwrap(), world.now);
    world.expect_nothing(newer);
}

/// [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] (5.0)
#[test]
fn s60_a_clean_start_takes_over_and_drops_the_session() {
    let mut world = World::new();
    let older = world.connect(hello(V5, "a").with(EXPIRY));
    world.subscribe(older, "t", AtLeastOnce);
    world.connect(hello(V5, "a").with(EXPIRY));
    assert_eq!(world.broker.transport(older), Transport::FlushThenClose);
    assert_eq!(world.broker.statistics().subscriptions, 0);
    assert_eq!(world.broker.statistics().sessions, 1);
}

/// A version may change between the connections of a session.
#[test]
fn s60_the_other_version_may_take_over() {
    let mut world = World::new();
    let older = world.connect(hello(V4, "a").resume());
    world.subscribe(older, "t", AtLeastOnce);
    world.broker.publish(mqtt_engine::Message::new("t", "x").unwrap().with_qos(AtLeastOnce), world.now);
    assert_eq!(world.payloads(older), ["x"]);
    let newer = world.reconnect(hello(V5, "a").with(EXPIRY));
    world.expect(newer, &[duplicate(publish("t", AtLeastOnce, 1, "x"))]);
    world.expect_fault(older, ReasonCode::SessionTakenOver);
}

/// A session belongs to the user name that made it, whether its client is there or away.
/// [MQTT-3.2.2-4] (3.1.1), [MQTT-3.2.2-6] (5.0)
#[test]
fn s61_another_user_does_not_inherit_a_session() {
    for version in [V4, V5] {
        for (first, second) in [(Some("alice"), Some("bob")), (Some("alice"), None), (None, Some("bob"))] {
            let named = |name: Option<&'static str>| {
                let who = hello(version, "a").resume().with(if version == V5 { EXPIRY } else { &[] });
                name.map_or(who, |name| who.user(name))
            };
            let mut world = World::new();
            let owner = world.connect(named(first));
            world.subscribe(owner, "t", AtLeastOnce);
            let thief = world.knock(named(second));
            world.expect_closed(thief, &[connack(false, ReasonCode::NotAuthorized)]);
            world.expect_open(owner);
            world.hang_up(owner);
            let mut clean = named(second);
            clean.0.clean_start = true;
            for attempt in [named(second), clean] {
                let thief = world.knock(attempt);
                world.expect_closed(thief, &[connack(false, ReasonCode::NotAuthorized)]);
            }
            world.reconnect(named(first));

            let mut world = World::with(|config| config.sessions_belong_to_users = false);
            world.connect(named(first));
            world.reconnect(named(second));
        }
    }
}

/// CVE-2025-59946, CVE-2026-22040: take-overs between all steps of a busy session.
#[test]
fn s60_cve_2025_59946_take_overs_at_every_step_lose_and_double_nothing() {
    let mut world = World::new();
    let who = hello(V4, "a").resume();
    let mut client = world.connect(who);
    world.subscribe(client, "t", ExactlyOnce);
    let publisher = world.connect(hello(V4, "p"));
    let (mut seen, mut open) = (vec![], std::collections::BTreeSet::new());
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let mut published = 0_u16;
    for step in 0..3000 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        if noise.is_multiple_of(7) {
            client = world.reconnect(who);
        }
        if published < 500 && noise.is_multiple_of(3) {
            published += 1;
            world.publish(publisher, "t", ExactlyOnce, published, &published.to_string());
            world.send(publisher, &pubrel(published));
            world.take(publisher);
        }
        if step < 2000 && noise.is_multiple_of(2) {
            continue;
        }
        // The client: a receiver that remembers identifiers until PUBREL.
        while let Some(frame) = world.next(client) {
            match Packet::decode(&frame, V4).unwrap() {
                Packet::Publish(publish) => {
                    let packet_id = publish.packet_id.unwrap();
                    if open.insert(packet_id) {
                        seen.push(String::from_utf8(publish.payload.into()).unwrap());
                    }
                    world.send(client, &pubrec(packet_id.get()));
                }
                Packet::PubRel(ack) => {
                    open.remove(&ack.packet_id);
                    world.send(client, &pubcomp(ack.packet_id.get()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(seen, (1..=500).map(|number| number.to_string()).collect::<Vec<_>>());
}
