//! What somebody unknown, or unfriendly, can make the broker hold.

use mqtt_engine::{
    Transport,
    packet::{Fault, ReasonCode},
};

use crate::harness::*;

/// The address space of this process in bytes: what was asked for, touched or not. `None` where Linux does not tell.
fn address_space() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').next()?.parse::<usize>().ok()?;
    Some(pages * 4096)
}

/// A thousand connections that announce 256 MiB each with five bytes: refused at the header, and nothing is reserved.
/// CVE-2017-7651, CVE-2021-33175.
#[test]
fn s50_five_bytes_reserve_nothing() {
    let before = address_space();
    let mut world = World::new();
    let all: Vec<_> = (0..1000).map(|_| world.open(V4)).collect();
    for id in &all {
        world.hex(*id, "10 FF FF FF 7F");
        assert_eq!(world.broker.transport(*id), Transport::FlushThenClose);
    }
    if let (Some(before), Some(now)) = (before, address_space()) {
        // Other tests run meanwhile: the bound is a thousandth of what was announced.
        assert!(now.saturating_sub(before) < 256 << 20, "{} bytes more", now - before);
    }
    for id in all {
        world.expect_closed(id, &[]);
    }
    assert!(world.causes().iter().all(|cause| {
        matches!(cause, mqtt_engine::DisconnectCause::Malformed(error) if matches!(error.fault, Fault::PacketTooLarge { .. }))
    }));
    assert_eq!(world.broker.statistics().connections, 0);
}

/// CVE-2023-0809: whatever type the first packet has, its announced length is bounded before CONNECT.
#[test]
fn s50_the_limit_before_connect_is_for_every_packet_type() {
    for kind in 0..=15_u8 {
        for flags in [0, 2] {
            let mut world = World::with(|config| config.connect_bytes = 100);
            let id = world.open(V4);
            world.bytes(id, &[kind << 4 | flags, 0xFF, 0xFF, 0xFF, 0x7F]);
            world.expect_closed(id, &[]);
        }
    }
}

/// [`connect_bytes`] bounds CONNECT itself to the byte, and what comes behind it is bounded by the packet size.
#[test]
fn s50_the_limits_hold_to_the_byte() {
    let size = |id: &str| encode(&mqtt_engine::packet::Packet::Connect(hello(V4, id).0), V4).len();
    let (fits, exceeds) = ("x".repeat(86), "x".repeat(87));
    assert_eq!((size(&fits), size(&exceeds)), (100, 101));
    let mut world = World::with(|config| {
        config.connect_bytes = 100;
        config.maximum_packet_size = 1000;
    });
    let refused = world.knock(hello(V4, &exceeds));
    world.expect_closed(refused, &[]);
    let client = world.connect(hello(V4, &fits));
    world.publish(client, "t", AtMostOnce, 0, &"x".repeat(1000 - 3 - 3));
    world.expect_open(client);
    world.publish(client, "t", AtMostOnce, 0, &"x".repeat(1000 - 3 - 2));
    world.expect_fault(client, ReasonCode::PacketTooLarge);
}

/// A packet that is announced as large and never sent holds what came of it.
#[test]
fn s50_an_unfinished_packet_holds_what_came_of_it() {
    let before = address_space();
    let mut world = World::with(|config| config.maximum_packet_size = 268_435_460);
    for number in 0..200 {
        let client = world.connect(hello(V5, &number.to_string()));
        world.hex(client, "30 FF FF FF 7F 00 01 74 00 78");
        assert_eq!(world.broker.transport(client), Transport::Keep);
    }
    if let (Some(before), Some(now)) = (before, address_space()) {
        assert!(now.saturating_sub(before) < 256 << 20, "{} bytes more", now - before);
    }
}

/// Ten thousand refused connections leave nothing behind.
#[test]
fn refused_connections_leave_nothing_behind() {
    let mut world = World::new();
    for _ in 0..2000 {
        for bad in
            ["10 0D 00 04 4D 51 54 54 04 03 00 0A 00 01 61", "10 02 00 00", "C0 00", "00", "10 FF FF FF FF"]
        {
            let id = world.open(V4);
            world.hex(id, bad);
            assert_eq!(world.broker.transport(id), Transport::FlushThenClose, "{bad}");
            world.hang_up(id);
        }
        world.events();
    }
    let statistics = world.broker.statistics();
    assert_eq!((statistics.connections, statistics.sessions, statistics.subscriptions), (0, 0, 0));
    assert_eq!(world.broker.deadline(), None);
}

/// CVE-2021-41039: a packet full of empty user properties takes no more than time in proportion.
#[test]
fn a_packet_full_of_user_properties_is_passed_on() {
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "t", AtMostOnce);
    let client = world.connect(hello(V5, "a"));
    let list = vec![mqtt_engine::packet::Property::UserProperty("", ""); 200_000];
    let mqtt_engine::packet::Packet::Publish(mut packet) = publish("t", AtMostOnce, 0, "x") else {
        unreachable!()
    };
    packet.properties = mqtt_engine::packet::Properties::new(&list);
    world.send(client, &mqtt_engine::packet::Packet::Publish(packet));
    let frame = world.next(watcher).unwrap();
    assert!(frame.len() > 1_000_000);
    world.expect_open(client);
}
