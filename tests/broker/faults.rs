//! Wrong packets at every point, and input cut anywhere.

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Answer, BrokerEvent, ConnectionId, DisconnectCause, Transport,
    packet::{Packet, ProtocolVersion, ReasonCode, Subscription},
};

use crate::harness::*;

/// Packets that only a server sends. CVE-2021-28166.
/// [MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] (5.0)
#[test]
fn s54_cve_2021_28166_packets_of_the_wrong_direction_are_a_protocol_error() {
    for version in [V4, V5] {
        let codes = [ReasonCode::Success];
        let packets = [
            connack(false, ReasonCode::Success),
            suback(1, &codes),
            unsuback(1, if version == V5 { &codes } else { &[] }),
            Packet::PingResp,
        ];
        for packet in packets {
            let mut world = World::new();
            let other = world.connect(hello(version, "other"));
            let client = world.connect(hello(version, "a"));
            world.send(client, &packet);
            world.expect_fault(client, ReasonCode::ProtocolError);
            world.expect_open(other);
        }
    }
}

/// S54: each violation on an accepted connection gets its exact code in 5.0, and a plain close in 3.1.1.
/// [MQTT-3.3.1-4] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.10.3-2]
/// [MQTT-3.14.1-1] (both versions), [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-2.2.2-2] [MQTT-3.8.3-3] [MQTT-3.8.3-4] (3.1.1)
/// [MQTT-4.8.0-1] (3.1.1), [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.5-1] [MQTT-2.1.3-1] [MQTT-3.8.3-2] (5.0)
/// [MQTT-3.8.3-5] [MQTT-4.13.1-1] (5.0)
#[test]
fn s54_malformed_packets_close_with_the_exact_code() {
    use ReasonCode as R;
    for (what, v4, v5, reason) in [
        ("packet type 0", "00 00", "00 00", R::MalformedPacket),
        ("QoS 3", "36 05 00 01 74 00 01", "36 06 00 01 74 00 01 00", R::MalformedPacket),
        ("DUP with QoS 0", "38 03 00 01 74", "38 04 00 01 74 00", R::MalformedPacket),
        ("packet identifier 0", "32 05 00 01 74 00 00", "32 06 00 01 74 00 00 00", R::ProtocolError),
        ("SUBSCRIBE flags", "80 06 00 01 00 01 74 00", "80 07 00 01 00 00 01 74 00", R::MalformedPacket),
        ("UNSUBSCRIBE flags", "A0 05 00 01 00 01 74", "A0 06 00 01 00 00 01 74", R::MalformedPacket),
        ("PUBREL flags", "60 02 00 01", "60 02 00 01", R::MalformedPacket),
        ("PUBACK flags", "41 02 00 01", "41 02 00 01", R::MalformedPacket),
        (
            "reserved subscription options",
            "82 06 00 01 00 01 74 04",
            "82 07 00 01 00 00 01 74 40",
            R::MalformedPacket,
        ),
        ("subscription QoS 3", "82 06 00 01 00 01 74 03", "82 07 00 01 00 00 01 74 03", R::ProtocolError),
        ("SUBSCRIBE without filter", "82 02 00 01", "82 03 00 01 00", R::ProtocolError),
        ("UNSUBSCRIBE without filter", "A2 02 00 01", "A2 03 00 01 00", R::ProtocolError),
        ("over-long length", "C0 80 00", "C0 80 00", R::MalformedPacket),
        ("five bytes of length", "C0 80 80 80 80 00", "C0 80 80 80 80 00", R::MalformedPacket),
        ("invalid UTF-8", "30 03 00 01 FF", "30 04 00 01 FF 00", R::MalformedPacket),
        ("a surrogate", "30 05 00 03 ED A0 80", "30 06 00 03 ED A0 80 00", R::MalformedPacket),
        ("U+0000", "30 03 00 01 00", "30 04 00 01 00 00", R::MalformedPacket),
        ("wildcard in a name", "30 03 00 01 23", "30 04 00 01 23 00", R::TopicNameInvalid),
        ("empty topic", "30 02 00 00", "30 03 00 00 00", R::ProtocolError),
        (
            "wildcard inside a level",
            "82 07 00 01 00 02 61 23 00",
            "82 08 00 01 00 00 02 61 23 00",
            R::TopicFilterInvalid,
        ),
        ("bytes behind PUBACK", "40 03 00 01 00", "40 05 00 01 00 00 00", R::MalformedPacket),
        ("PINGREQ with a body", "C0 01 00", "C0 01 00", R::MalformedPacket),
        ("DISCONNECT flags", "E1 00", "E1 00", R::MalformedPacket),
        ("string beyond the packet", "30 03 00 09 74", "30 04 00 09 74 00", R::MalformedPacket),
    ] {
        for (version, hex) in [(V4, v4), (V5, v5)] {
            let mut world = World::new();
            let other = world.connect(hello(version, "other"));
            let client = world.connect(hello(version, "a"));
            world.hex(client, hex);
            assert_eq!(world.broker.transport(client), Transport::FlushThenClose, "{what}");
            let causes = world.causes();
            let [DisconnectCause::Malformed(error)] = &causes[..] else { panic!("{what}: {causes:?}") };
            let last = world.take(client);
            match version {
                V5 => assert_eq!(
                    (to_hex(&last), error.reason()),
                    (format!("E0 01 {:02X}", error.reason().as_u8()), reason),
                    "{what}"
                ),
                _ => assert_eq!(last, [0; 0], "{what}"),
            }
            world.expect_open(other);
        }
    }
}

/// Bytes without sense before CONNECT, in the middle of a packet, behind one, and while a question is open: no panic, the
/// connection closes or waits, and others don't notice.
#[test]
fn garbage_at_every_point_hurts_nobody_else() {
    let mut noise = 0xD1B5_4A32_D192_ED03_u64;
    for version in [V4, V5] {
        for first in 0..=255_u8 {
            for point in 0..5 {
                let mut world = World::with(|config| config.ask_publish = point == 4);
                let other = world.connect(hello(version, "other"));
                let client =
                    if point == 0 { world.open(version) } else { world.connect(hello(version, "a")) };
                match point {
                    2 => world.publish(client, "t", ExactlyOnce, 1, "x"),
                    3 => world.hex(client, "30 08 00"),
                    4 => {
                        let question = encode(&publish("t", AtLeastOnce, 1, "x"), version);
                        world.broker.receive(client, &mut Bytes::from(question), world.now);
                    }
                    _ => {}
                }
                let mut garbage = vec![first];
                for _ in 0..40 {
                    noise ^= noise << 13;
                    noise ^= noise >> 7;
                    noise ^= noise << 17;
                    garbage.push((noise >> 40) as u8 & if noise & 1 == 0 { 0xFF } else { 0x0F });
                }
                let mut input = Bytes::from(garbage);
                world.broker.receive(client, &mut input, world.now);
                assert!(!input.has_remaining() || !world.broker.wants_input(client));
                world.take(client);
                world.broker.handle_timeout(world.now);
                world.hang_up(client);
                world.expect_open(other);
            }
        }
    }
}

/// All that a world tells: bytes for each connection, and events.
fn story(version: ProtocolVersion, pieces: &[&[u8]]) -> String {
    let mut world = World::with(|config| config.ask_subscribe = true);
    let watcher = world.connect(hello(version, "watcher"));
    world.subscribe_allowed(watcher, "#");
    let client = world.open(version);
    let mut story = String::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            world.broker.receive(client, &mut input, world.now);
            let events = world.events();
            for event in &events {
                story += &format!("{event:?}\n");
                if let BrokerEvent::Question { question, .. } = event {
                    world.broker.answer(*question, Answer::Allow, world.now);
                }
            }
            if !input.has_remaining() && events.is_empty() {
                break;
            }
        }
    }
    story += &format!("{:?}\n", world.broker.transport(client));
    story += &to_hex(&world.take(client));
    story += &to_hex(&world.take(watcher));
    story
}

impl World {
    fn subscribe_allowed(&mut self, id: ConnectionId, filter: &str) {
        self.send(
            id,
            &subscribe(7, &[Subscription { filter, qos: ExactlyOnce, ..Subscription::default() }], &[]),
        );
        for event in self.events() {
            if let BrokerEvent::Question { question, .. } = event {
                self.broker.answer(question, Answer::Allow, self.now);
            }
        }
        self.take(id);
    }
}

/// Cutting the input anywhere changes neither events nor output.
#[test]
fn s51_cutting_the_input_changes_nothing() {
    for version in [V4, V5] {
        let filters =
            ["a", "b/+"].map(|filter| Subscription { filter, qos: AtLeastOnce, ..Subscription::default() });
        let names = ["a"];
        let large = "x".repeat(5000);
        for last in [disconnect(ReasonCode::Success), Packet::PingResp] {
            let packets = [
                Packet::Connect(hello(version, "a").keep_alive(10).will("will", AtLeastOnce, true, &[]).0),
                subscribe(1, &filters, &[]),
                publish("a", AtMostOnce, 0, "zero"),
                publish("b/c", AtLeastOnce, 1, "one"),
                publish("b/d", ExactlyOnce, 2, &large),
                duplicate(publish("b/d", ExactlyOnce, 2, &large)),
                pubrel(2),
                puback(1),
                Packet::PingReq,
                unsubscribe(3, &names),
                last,
                Packet::PingReq,
            ];
            let bytes: Vec<u8> = packets.iter().flat_map(|packet| encode(packet, version)).collect();
            let whole = story(version, &[&bytes]);
            assert!(whole.contains("FlushThenClose") && whole.contains("Connected"), "{whole}");
            let large_from = bytes.windows(4).position(|window| window == b"xxxx").unwrap();
            for cut in 0..bytes.len() {
                // Inside of the large payload one cut in a hundred is enough.
                if cut > large_from
                    && cut % 97 != 0
                    && bytes[cut.saturating_sub(8)..(cut + 8).min(bytes.len())]
                        .iter()
                        .all(|byte| *byte == b'x')
                {
                    continue;
                }
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(story(version, &[head, tail]), whole, "cut at {cut}");
            }
            for size in [1, 2, 3, 7, 64, 4096] {
                let pieces: Vec<_> = bytes.chunks(size).collect();
                assert_eq!(story(version, &pieces), whole, "pieces of {size}");
            }
        }
    }
}

/// The transport ends at every point of a conversation.
#[test]
fn a_transport_may_end_anywhere() {
    for version in [V4, V5] {
        let filters = [Subscription { filter: "t", qos: ExactlyOnce, ..Subscription::default() }];
        let packets = [
            Packet::Connect(hello(version, "a").will("will", AtLeastOnce, false, &[]).0),
            subscribe(1, &filters, &[]),
            publish("t", ExactlyOnce, 2, "x"),
            pubrel(2),
            pubrec(1),
            pubcomp(1),
        ];
        let bytes: Vec<u8> = packets.iter().flat_map(|packet| encode(packet, version)).collect();
        let connect = encode(&packets[0], version).len();
        let mut world = World::new();
        let watcher = world.connect(hello(V4, "watcher"));
        world.subscribe(watcher, "will", AtMostOnce);
        for cut in 0..=bytes.len() {
            let client = world.open(version);
            world.bytes(client, &bytes[..cut]);
            world.hang_up(client);
            world.hang_up(client);
            assert_eq!(world.payloads(watcher).len(), usize::from(cut >= connect), "cut at {cut}");
            let statistics = world.broker.statistics();
            assert_eq!((statistics.connections, statistics.sessions, statistics.subscriptions), (1, 1, 1));
        }
    }
}
