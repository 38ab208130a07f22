//! What somebody unknown, or unfriendly, can make the broker hold.

use mqtt_engine::{
    BrokerEvent, DropReason, Message, Transport,
    packet::{Fault, Property, ReasonCode, Subscription},
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
fn s50_cve_2017_7651_five_bytes_reserve_nothing() {
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
fn s50_cve_2023_0809_the_limit_before_connect_is_for_every_packet_type() {
    for kind in 0..=15_u8 {
        for flags in [0, 2] {
            let mut world = World::with(|config| config.connection.connect_bytes = 100);
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
        config.connection.connect_bytes = 100;
        config.connection.maximum_packet_size = 1000;
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
    let mut world = World::with(|config| config.connection.maximum_packet_size = 268_435_460);
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
fn cve_2021_41039_a_packet_full_of_user_properties_is_passed_on() {
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "t", AtMostOnce);
    let client = world.connect(hello(V5, "a"));
    let list = vec![Property::UserProperty("", ""); 200_000];
    let mqtt_engine::packet::Packet::Publish(mut packet) = publish("t", AtMostOnce, 0, "x") else {
        unreachable!()
    };
    packet.properties = mqtt_engine::packet::Properties::new(&list);
    world.send(client, &mqtt_engine::packet::Packet::Publish(packet));
    let frame = world.next(watcher).unwrap();
    assert!(frame.len() > 1_000_000);
    world.expect_open(client);
}

/// Ten thousand subscriptions: as many as the limit of each session allows, each found, and gone with their sessions.
#[test]
fn s69_ten_thousand_subscriptions_stay_inside_their_limits() {
    let mut world = World::with(|config| config.subscriptions_per_session = 1000);
    let clients: Vec<_> = (0..10).map(|number| world.connect(hello(V5, &number.to_string()))).collect();
    for (number, client) in clients.iter().enumerate() {
        for subscription in 0..500 {
            world.subscribe(*client, &format!("{number}/{subscription}/+"), AtMostOnce);
            world.subscribe(*client, &format!("$share/g{number}/all/{subscription}"), AtMostOnce);
        }
        let one = Subscription { filter: "more", ..Subscription::default() };
        world.send(*client, &subscribe(1, &[one], &[]));
        world.expect(*client, &[suback(1, &[ReasonCode::QuotaExceeded])]);
    }
    assert_eq!(world.broker.statistics().subscriptions, 10_000);
    for (number, client) in clients.iter().enumerate() {
        world.broker.publish(Message::new(format!("{number}/499/x"), "x").unwrap(), world.now);
        world.broker.publish(Message::new("all/7", "y").unwrap(), world.now);
        assert_eq!(
            world.payloads(*client).len(),
            2 + number,
            "one of its own, and one of each round for its group"
        );
    }
    clients.into_iter().for_each(|client| world.hang_up(client));
    assert_eq!(world.broker.statistics().subscriptions, 0);
}

/// A hundred thousand retained messages: bounded in count and bytes, and a client that asks for all of them gets them as fast as
/// it reads, with its queue and outbox inside their limits.
#[test]
fn s64_s69_a_hundred_thousand_retained_messages_stay_inside_their_limits() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 200;
        config.connection.outbox_bytes = 8192;
    });
    for number in 0..100_000 {
        let topic = format!("{}/{}", number % 1000, number / 1000);
        world.broker.publish(Message::new(topic, "kept").unwrap().retained(), world.now);
    }
    world.broker.publish(Message::new("one/more", "not kept").unwrap().retained(), world.now);
    let statistics = world.broker.statistics();
    assert_eq!((statistics.retained, statistics.dropped), (100_000, 1));
    assert!(statistics.retained_bytes <= 64 << 20, "{statistics:?}");
    let other = world.connect(hello(V4, "other"));
    let client = world.connect(hello(V4, "a"));
    world.send(client, &subscribe(1, &[Subscription { filter: "#", ..Subscription::default() }], &[]));
    let (mut bytes, mut looks) = (0, 0);
    loop {
        let taken = world.broker.take_outbox(client);
        if taken.is_empty() {
            break;
        }
        let size = bytes::Buf::remaining(&taken);
        assert!(size <= 8192 + 100, "{size}");
        bytes += size;
        looks += 1;
        if looks % 100 == 0 {
            world.expect_open(other);
        }
    }
    // SUBACK, and for each message a header of 4 bytes, the payload and a topic of 3 to 6.
    let topics: usize = (0..100_000)
        .map(|number: u32| (number % 1000).to_string().len() + 1 + (number / 1000).to_string().len())
        .sum();
    assert_eq!(bytes, 5 + 100_000 * (4 + 4) + topics);
    assert_eq!(world.broker.statistics().dropped, 1);
}

/// An offline session at its limits in count and in bytes, shared or not: what is over is dropped and told, and others are not
/// affected.
#[test]
fn s69_a_full_offline_session_affects_nobody() {
    let mut world = World::with(|config| {
        config.connection.queue_count = 100;
        config.connection.queue_bytes = 100_000;
    });
    let lasting = [Property::SessionExpiryInterval(1000)];
    let away = world.connect(hello(V5, "away").with(&lasting));
    world.subscribe(away, "t/#", AtLeastOnce);
    world.hang_up(away);
    let reader = world.connect(hello(V5, "reader"));
    world.subscribe(reader, "t/#", AtMostOnce);
    world.events();
    for size in [10, 2000] {
        let payload = "x".repeat(size);
        for number in 0..1000 {
            let message = Message::new(format!("t/{number}"), payload.clone()).unwrap().with_qos(AtLeastOnce);
            world.broker.publish(message, world.now);
            assert_eq!(world.messages(reader).len(), 1);
        }
    }
    let dropped = world.events().into_iter();
    let dropped =
        dropped.filter(|event| matches!(event, BrokerEvent::Dropped { why: DropReason::QueueFull, .. }));
    assert_eq!(dropped.count(), 1900);
    world.wait_secs(1000);
    assert_eq!(world.broker.statistics().sessions, 1);
}
