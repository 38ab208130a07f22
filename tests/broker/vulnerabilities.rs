//! What went wrong in other implementations, told as tests of the broker. Further ones stand beside what they are about and
//! carry `cve` in their names.

use std::{thread, time::Duration};

use mqtt_engine::{
    ConnectionId, DisconnectCause, Message, Transport,
    packet::{Ack, Packet, Properties, Property, ProtocolVersion, Publish, ReasonCode, Subscription},
};

use crate::harness::*;

/// One of each packet that a client sends, with most fields filled.
fn samples(version: ProtocolVersion) -> Vec<Vec<u8>> {
    let all = |list: &'static [Property<'static>]| {
        if version == V5 { Properties::new(list) } else { Properties::NONE }
    };
    let mut connect = hello(version, "client").user("user").will("will/topic", AtLeastOnce, true, &[]);
    connect.0.password = Some(b"password");
    connect.0.properties = all(&[
        Property::SessionExpiryInterval(10),
        Property::ReceiveMaximum(3),
        Property::UserProperty("name", "value"),
    ]);
    let publish = Packet::Publish(Publish {
        duplicate: false,
        qos: AtLeastOnce,
        retain: false,
        topic: "a/topic",
        packet_id: Some(id(1)),
        properties: all(&[
            Property::MessageExpiryInterval(5),
            Property::ContentType("text"),
            Property::ResponseTopic("answers"),
            Property::CorrelationData(b"data"),
            Property::UserProperty("name", "value"),
        ]),
        payload: b"payload",
    });
    let filters = [Subscription { filter: "a/+", ..Subscription::default() }; 2];
    let mut samples = vec![
        encode(&Packet::Connect(connect.0), version),
        encode(&publish, version),
        encode(&subscribe(2, &filters, &[]), version),
        encode(&unsubscribe(3, &["a/+", "b"]), version),
        encode(&puback(1), version),
        encode(&pubrec(1), version),
        encode(&pubrel(1), version),
        encode(&pubcomp(1), version),
        encode(&disconnect(ReasonCode::Success), version),
    ];
    if version == V5 {
        samples.push(encode(
            &subscribe(
                2,
                &filters,
                &[Property::SubscriptionIdentifier(300), Property::UserProperty("a", "b")],
            ),
            version,
        ));
    }
    samples
}

/// Feeds a packet as the first one if it is a CONNECT, else behind one. The watcher must not notice.
fn feed(world: &mut World, watcher: ConnectionId, version: ProtocolVersion, bytes: &[u8]) {
    let id =
        if bytes.first() == Some(&0x10) { world.open(version) } else { world.connect(hello(version, "x")) };
    world.bytes(id, bytes);
    world.take(id);
    world.hang_up(id);
    world.expect_open(watcher);
}

/// CVE-2019-17210, CVE-2026-54412, CVE-2018-19417: inner lengths that do not fit their packet. Every pair of bytes is taken for a
/// length once: 0, one less, one more, 65,535.
#[test]
fn cve_2019_17210_no_inner_length_is_trusted() {
    for version in [V3, V4, V5] {
        let mut world = World::new();
        let watcher = world.connect(hello(V5, "watcher"));
        for sample in samples(version) {
            for at in 2..sample.len().saturating_sub(1) {
                let length = u16::from_be_bytes([sample[at], sample[at + 1]]);
                for wrong in [0, length.wrapping_sub(1), length.wrapping_add(1), u16::MAX] {
                    let mut bytes = sample.clone();
                    bytes[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
                    feed(&mut world, watcher, version, &bytes);
                }
            }
        }
        assert_eq!(world.broker.statistics().connections, 1);
    }
}

/// CVE-2026-21888, CVE-2019-19307, CVE-2021-41036: variable byte integers of five bytes, over-long ones and ones that announce
/// more than there is, wherever one stands: an error, never a panic or a loop.
#[test]
fn cve_2026_21888_variable_byte_integers_end_in_time() {
    for (what, packet) in [
        ("remaining length, five bytes", "30 FF FF FF FF 7F"),
        ("remaining length, over-long", "30 85 80 00 00 01 74 00 78"),
        ("property length, five bytes", "30 09 00 01 74 FF FF FF FF 01 78"),
        ("property length, over-long", "30 06 00 01 74 80 00 78"),
        ("property length, beyond the packet", "30 05 00 01 74 7F 78"),
        ("property identifier, five bytes", "30 0A 00 01 74 05 FF FF FF FF 01 78"),
        ("subscription identifier, five bytes", "82 0E 00 01 06 0B FF FF FF FF 01 00 01 74 00 00"),
        ("subscription identifier, cut", "82 09 00 01 02 0B 80 00 01 74 00"),
        ("subscription identifier, 0", "82 09 00 01 02 0B 00 00 01 74 00"),
    ] {
        let bytes = unhex(packet);
        for cut in 0..bytes.len() {
            let mut world = World::new();
            let client = world.connect(hello(V5, "a"));
            world.bytes(client, &bytes[..cut]);
            world.bytes(client, &bytes[cut..]);
            assert_eq!(world.broker.transport(client), Transport::FlushThenClose, "{what}, cut at {cut}");
            assert!(matches!(world.causes()[..], [DisconnectCause::Malformed(_)]), "{what}");
        }
    }
}

/// CVE-2017-7653: a string that is not UTF-8 ends its connection, whichever field it stands in, and reaches nobody.
#[test]
fn cve_2017_7653_strings_that_are_no_utf_8_reach_nobody() {
    for version in [V4, V5] {
        for sample in samples(version) {
            // Every byte that belongs to a text of the samples is a small letter or a slash.
            for at in (0..sample.len()).filter(|at| matches!(sample[*at], b'a'..=b'z' | b'/')) {
                let mut world = World::new();
                let watcher = world.connect(hello(V5, "watcher"));
                world.subscribe(watcher, "#", AtMostOnce);
                let mut bytes = sample.clone();
                bytes[at] = 0xFF;
                let id =
                    if bytes[0] == 0x10 { world.open(version) } else { world.connect(hello(version, "x")) };
                world.bytes(id, &bytes);
                let is_binary = ["password", "payload", "data", "gone"].iter().any(|part| {
                    let start = sample.windows(part.len()).position(|window| window == part.as_bytes());
                    start.is_some_and(|start| (start..start + part.len()).contains(&at))
                });
                if !is_binary {
                    assert_eq!(world.broker.transport(id), Transport::FlushThenClose, "{at} of {sample:?}");
                    world.hang_up(id);
                    world.expect_nothing(watcher);
                }
            }
        }
    }
}

/// CVE-2017-7654, CVE-2021-34431, CVE-2023-3592: ten thousand malformed CONNECTs, with wills and properties, leave nothing behind.
#[test]
fn cve_2017_7654_malformed_connects_leave_nothing_behind() {
    let kinds = [
        // A will with the property of a PUBLISH, one that is cut short, a property twice, a type that does not fit.
        "10 1B 00 04 4D 51 54 54 05 06 00 0A 00 00 01 61 03 23 00 01 00 01 77 00 04 67 6F 6E 65",
        "10 12 00 04 4D 51 54 54 05 06 00 0A 00 00 01 61 00 00 05 77",
        "10 17 00 04 4D 51 54 54 05 02 00 0A 0A 11 00 00 00 01 11 00 00 00 01 00 01",
        "10 12 00 04 4D 51 54 54 05 06 00 0A 00 00 01 61 02 01 02 00",
        "10 0E 00 04 4D 51 54 54 05 C6 00 0A 00 00 01 61",
    ];
    let mut world = World::new();
    for _ in 0..2000 {
        for kind in kinds {
            let id = world.open(V5);
            world.hex(id, kind);
            assert_eq!(world.broker.transport(id), Transport::FlushThenClose, "{kind}");
            world.hang_up(id);
        }
        world.events();
    }
    let left = world.broker.statistics();
    assert_eq!((left.connections, left.sessions, left.retained), (0, 0, 0));
    assert_eq!((world.broker.deadline(), world.broker.poll_ready()), (None, None));
}

/// CVE-2018-12543, CVE-2021-34432: topics with `$`, and no topic at all.
#[test]
fn cve_2018_12543_publishing_to_dollar_topics_is_harmless() {
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    for filter in ["#", "+/a/b", "$share/g/#"] {
        world.subscribe(watcher, filter, AtMostOnce);
    }
    for version in [V4, V5] {
        for topic in ["$", "$x", "$x/a/b", "$share/a/b", "$share", "$SYS", "$SYS/x", "$SYSTEM"] {
            let client = world.connect(hello(version, "a"));
            world.publish(client, topic, AtLeastOnce, 1, "x");
            let refused = topic == "$SYS" || topic == "$SYS/x";
            let reason = match (version, refused) {
                (V5, true) => ReasonCode::NotAuthorized,
                (V5, false) => ReasonCode::NoMatchingSubscribers,
                _ => ReasonCode::Success,
            };
            world.expect(client, &[Packet::PubAck(Ack::new(id(1), reason))]);
            world.expect_open(client);
        }
        // No topic: allowed in 5.0 only, and there only with an alias.
        let client = world.connect(hello(version, "a"));
        world.hex(client, if version == V5 { "30 04 00 00 00 78" } else { "30 03 00 00 78" });
        world.expect_fault(client, ReasonCode::ProtocolError);
    }
    world.expect_nothing(watcher);
    let client = world.connect(hello(V5, "a"));
    world.hex(client, "30 07 00 00 03 23 00 01 78");
    world.expect_fault(client, ReasonCode::ProtocolError);
}

/// CVE-2019-11779: 65,535 levels, of names and of wildcards, on a small stack.
#[test]
fn cve_2019_11779_the_deepest_topics_need_no_stack() {
    let work = || {
        let mut world = World::with(|config| config.topic_levels = usize::MAX);
        let slashes = "/".repeat(65_535);
        let wildcards = vec!["+"; 32_768].join("/");
        let shared = format!("$share/g/{}", "/".repeat(65_526));
        let client = world.connect(hello(V5, "a"));
        for filter in [&slashes, &wildcards, &shared] {
            world.subscribe(client, filter, AtMostOnce);
        }
        let matching = vec!["x"; 32_768].join("/");
        for topic in [&slashes, &matching] {
            world.publish(client, topic, AtMostOnce, 0, "y");
        }
        assert_eq!(world.messages(client).len(), 2);
        world.publish_retained(client, &matching, "kept");
        world.take(client);
        world.subscribe(client, &wildcards, AtMostOnce);
        assert_eq!(world.payloads(client), ["kept"]);
        world.send(client, &unsubscribe(1, &[&slashes, &wildcards, &shared]));
        assert_eq!(world.broker.statistics().subscriptions, 0);
        world.hang_up(client);
    };
    thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

/// CVE-2025-68699: malformed shared filters are refused with 0x8F (in 3.1.1, where they are well formed, each alone), and publishing
/// goes on.
#[test]
fn cve_2025_68699_malformed_shared_filters_are_refused() {
    let malformed = [
        "$share",
        "$share/",
        "$share/g",
        "$share/ab",
        "$share/g/",
        "$share//t",
        "$share/+/t",
        "$share/a#/t",
        "$share/g/a#",
    ];
    for version in [V4, V5] {
        for wrong in malformed {
            let mut world = World::new();
            let other = world.connect(hello(V5, "other"));
            world.subscribe(other, "#", AtMostOnce);
            for kind in [0x82, 0xA2] {
                let client = world.connect(hello(version, "a"));
                let mut body = vec![0, 9];
                body.extend((version == V5).then_some(0));
                body.extend([0, wrong.len() as u8]);
                body.extend(wrong.as_bytes());
                body.extend((kind == 0x82).then_some(1));
                let mut bytes = vec![kind, body.len() as u8];
                bytes.extend(body);
                world.bytes(client, &bytes);
                // A wildcard in the wrong place is malformed in both versions.
                if version == V5 || wrong.contains('#') {
                    world.expect_fault(client, ReasonCode::TopicFilterInvalid);
                } else if kind == 0x82 {
                    world.expect(client, &[suback(9, &[ReasonCode::UnspecifiedError])]);
                } else {
                    world.expect(client, &[unsuback(9, &[])]);
                }
            }
            assert_eq!(world.broker.statistics().subscriptions, 1);
            for topic in ["ab", "t", "$share", "$share/ab", "g/t"] {
                world.broker.publish(Message::new(topic, "x").unwrap(), world.now);
            }
            // `$share` topics are no business of `#`.
            assert_eq!(world.messages(other).len(), 3);
        }
    }
}

/// CVE-2025-56352: after every CONNACK that refuses the connection is closed, and nothing more is read.
#[test]
fn cve_2025_56352_a_refusal_closes() {
    type Change = fn(&mut mqtt_engine::BrokerConfig);
    let cases: [(&str, Change, Hello<'_>); 6] = [
        ("no room", |config| config.session_count = 0, hello(V4, "a")),
        ("no name", |config| config.allow_empty_client_id = false, hello(V5, "")),
        ("will", |_| {}, hello(V4, "a").will("$SYS", AtMostOnce, false, &[])),
        ("method", |_| {}, hello(V5, "a").with(&[Property::AuthenticationMethod("x")])),
        ("name of 3.1", |_| {}, hello(V3, "")),
        ("session without a name", |_| {}, hello(V4, "").resume()),
    ];
    for (what, change, hello) in cases {
        let mut world = World::with(change);
        let client = world.knock(hello);
        assert!(world.connack(client).1.is_error(), "{what}");
        assert!(matches!(world.causes()[..], [DisconnectCause::Refused(_)]), "{what}");
        world.send(client, &Packet::PingReq);
        world.expect_closed(client, &[]);
    }
}

/// CVE-2020-13849: connecting and staying silent, half a packet, and a keep alive of 0 hold nothing for ever.
#[test]
fn cve_2020_13849_silence_ends_in_time() {
    let mut world = World::with(|config| config.connection.maximum_keep_alive = 60);
    let silent = world.open(V4);
    let half = world.open(V5);
    world.hex(half, "10 0D 00 04");
    let no_keep_alive = world.connect(hello(V5, "a").keep_alive(0));
    let mid_packet = world.connect(hello(V5, "b").keep_alive(u16::MAX));
    world.hex(mid_packet, "30 7F 00 01");
    world.wait(Duration::from_millis(89_999));
    world.expect_closed(silent, &[]);
    world.expect_closed(half, &[]);
    assert_eq!(world.broker.statistics().connections, 2);
    world.wait(Duration::from_millis(1));
    world.expect_fault(no_keep_alive, ReasonCode::KeepAliveTimeout);
    world.expect_fault(mid_packet, ReasonCode::KeepAliveTimeout);
}

/// CVE-2018-12546, CVE-2021-34434: what its owner may no longer do ends when the program says so: see
/// [`revoke_retained`](mqtt_engine::Broker::revoke_retained), and [`retain_subscriptions`](mqtt_engine::Broker::retain_subscriptions) for subscriptions.
#[test]
fn cve_2018_12546_retained_messages_may_be_revoked() {
    let mut world = World::new();
    for (topic, payload) in [("secret/a", "1"), ("secret/b", "2"), ("open", "3"), ("$x/secret", "4")] {
        world.broker.publish(Message::new(topic, payload).unwrap().retained(), world.now);
    }
    let revoked =
        world.broker.revoke_retained(|message| message.topic.as_str().contains("secret"), world.now);
    assert_eq!((revoked, world.broker.statistics().retained), (3, 1));
    let client = world.connect(hello(V4, "a"));
    world.subscribe(client, "#", AtMostOnce);
    assert_eq!(world.payloads(client), ["3"]);
}

/// CVE-2024-48077, CVE-2024-50948: a flood for a client that never reads is bounded by the names in the configuration, for
/// each QoS, and others get all of it.
#[test]
fn cve_2024_48077_a_flood_for_a_client_that_never_reads_is_bounded() {
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let mut world = World::with(|config| {
            config.connection.queue_count = 50;
            config.connection.queue_bytes = 20_000;
            config.connection.outbox_bytes = 4096;
        });
        let stuck = world.connect(hello(V5, "stuck"));
        world.subscribe(stuck, "t", qos);
        let reader = world.connect(hello(V5, "reader"));
        world.subscribe(reader, "t", AtMostOnce);
        let payload = "x".repeat(100);
        for _ in 0..2000 {
            world.broker.publish(Message::new("t", payload.clone()).unwrap().with_qos(qos), world.now);
            assert_eq!(world.messages(reader).len(), 1);
        }
        let statistics = world.broker.statistics();
        // The outbox holds some forty messages, the queue at most fifty more.
        assert!(statistics.dropped >= 2000 - 50 - 45, "{statistics:?}");
        let mut got = 0;
        loop {
            let bytes = world.broker.take_outbox(stuck);
            if bytes.is_empty() {
                break;
            }
            let size = bytes::Buf::remaining(&bytes);
            assert!(size <= 4096 + 200, "{size}");
            got += size / 100;
        }
        assert!(got <= 100, "{got}");
    }
}
