//! From the first byte to CONNACK.

use std::time::Duration;

use bytes::Bytes;
use mqtt_engine::{
    BrokerEvent, DisconnectCause, Transport, Violation,
    packet::{Packet, PacketType, Property, ReasonCode},
};

use crate::harness::*;

const CONNECT_V4: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A";

/// Flow 3: the raw bytes get the listed answers.
/// [MQTT-2.3.1-7] [MQTT-3.1.4-4] [MQTT-3.2.0-1] [MQTT-3.3.4-1] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.10.4-4] (3.1.1)
/// [MQTT-3.12.4-1] [MQTT-4.3.2-2] (3.1.1)
/// [MQTT-7.0.0-2] (3.1.1)
#[test]
fn flow_3_raw_bytes_get_raw_answers() {
    let mut world = World::new();
    let id = world.open(V4);
    for (sent, answer) in [
        (CONNECT_V4, "20 02 00 00"),
        ("82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00", "90 03 00 0A 00"),
        ("82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01", "90 03 00 0B 01"),
        ("A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63", "B0 02 00 0C"),
        ("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33", ""),
        ("32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33", "40 02 00 01"),
        ("3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33", "40 02 00 01"),
        ("34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33", "50 02 00 01"),
        ("62 02 00 01", "70 02 00 01"),
        ("C0 00", "D0 00"),
    ] {
        world.hex(id, sent);
        world.expect_hex(id, answer);
    }
    world.hex(id, "E0 00");
    world.expect_closed(id, &[]);
}

/// [MQTT-2.2.2-2] (3.1.1): the PUBREL that tutorials print.
#[test]
fn s54_flow_3_a_pubrel_with_wrong_flags_closes() {
    let mut world = World::new();
    let id = world.open(V4);
    world.hex(id, CONNECT_V4);
    world.hex(id, "60 02 00 01");
    world.expect_closed(id, &[connack(false, ReasonCode::Success)]);
}

/// [MQTT-3.1.2-2] (both versions).
#[test]
fn s54_an_unknown_protocol_level_is_answered_and_closed() {
    for (level, answer) in
        [("00", "20 02 00 01"), ("03", "20 02 00 01"), ("06", "20 03 00 84 00"), ("84", "20 03 00 84 00")]
    {
        let mut world = World::new();
        let id = world.open(V4);
        world.hex(id, &format!("10 0D 00 04 4D 51 54 54 {level} 02 00 0A 00 01 61"));
        assert_eq!(world.broker.transport(id), Transport::FlushThenClose);
        world.expect_hex(id, answer);
    }
}

/// [MQTT-3.1.4-1] [MQTT-3.1.2-3] [MQTT-3.1.2-22] (3.1.1): closed without a CONNACK.
/// [MQTT-3.1.2-1] (3.1.1)
#[test]
fn s54_a_malformed_connect_of_3_1_1_is_closed_without_connack() {
    for malformed in [
        "10 0D 00 04 4D 51 54 54 04 03 00 0A 00 01 61", // reserved flag
        "10 0D 00 04 4D 51 54 54 04 1A 00 0A 00 01 61", // will QoS 3
        "10 0D 00 04 4D 51 54 58 04 02 00 0A 00 01 61", // protocol name
        "10 0D 00 04 4D 51 54 54 04 02 00 0A 00 01 00", // U+0000
        "10 0D 00 04 4D 51 54 54 04 02 00 0A 00 05 61", // length beyond the packet
        "10 0E 00 04 4D 51 54 54 04 02 00 0A 00 01 61 00", // more than the fields
        "10 10 00 04 4D 51 54 54 04 42 00 0A 00 01 61 00 01 70", // password without user name
        "11 0D 00 04 4D 51 54 54 04 02 00 0A 00 01 61", // header flags
    ] {
        let mut world = World::new();
        let id = world.open(V4);
        world.hex(id, malformed);
        world.expect_closed(id, &[]);
        assert!(matches!(world.causes()[..], [DisconnectCause::Malformed(_)]), "{malformed}");
    }
}

/// 5.0 section 4.13.2: CONNACK may carry the reason.
/// [MQTT-3.1.2-3] [MQTT-3.1.4-1] (5.0)
#[test]
fn s36_s54_a_wrong_connect_of_5_0_is_answered_with_the_reason() {
    use ReasonCode::{MalformedPacket, ProtocolError};
    for (what, wrong, reason) in [
        ("reserved flag", "10 0E 00 04 4D 51 54 54 05 03 00 0A 00 00 01 61", MalformedPacket),
        ("Receive Maximum 0", "10 11 00 04 4D 51 54 54 05 02 00 0A 03 21 00 00 00 01 61", ProtocolError),
        (
            "Maximum Packet Size 0",
            "10 13 00 04 4D 51 54 54 05 02 00 0A 05 27 00 00 00 00 00 01 61",
            ProtocolError,
        ),
        ("a topic alias", "10 11 00 04 4D 51 54 54 05 02 00 0A 03 23 00 01 00 01 61", MalformedPacket),
    ] {
        let mut world = World::new();
        let id = world.open(V5);
        world.hex(id, wrong);
        assert_eq!(world.connack(id), (false, reason), "{what}");
        world.expect_closed(id, &[]);
    }
}

/// [MQTT-3.1.0-1] (both versions): whatever else comes first is not answered.
/// [MQTT-3.14.0-1] (5.0)
#[test]
fn s54_the_first_packet_is_connect() {
    for version in [V4, V5] {
        let filters = ["a"];
        for packet in [
            publish("a", AtMostOnce, 0, "x"),
            puback(1),
            pubrec(1),
            pubrel(1),
            pubcomp(1),
            subscribe(1, &[mqtt_engine::packet::Subscription { filter: "a", ..Default::default() }], &[]),
            unsubscribe(1, &filters),
            Packet::PingReq,
            Packet::PingResp,
            disconnect(ReasonCode::Success),
            connack(false, ReasonCode::Success),
            suback(1, &[ReasonCode::Success]),
        ] {
            let mut world = World::new();
            let id = world.open(version);
            world.send(id, &packet);
            world.expect_closed(id, &[]);
            let kind = packet.packet_type();
            // Before CONNECT nobody knows which version the bytes are of.
            assert!(
                matches!(world.causes()[..], [DisconnectCause::Misbehaved(Violation::HandshakeExpected(found))] if found == kind)
                    || version == V4
            );
        }
    }
}

/// [MQTT-3.1.0-2] (both versions).
#[test]
fn s54_a_second_connect_is_a_protocol_error() {
    for version in [V4, V5] {
        let mut world = World::new();
        let id = world.connect(hello(version, "a"));
        world.send(id, &Packet::Connect(hello(version, "a").0));
        world.expect_fault(id, ReasonCode::ProtocolError);
        let unexpected = DisconnectCause::Misbehaved(Violation::UnexpectedPacket(PacketType::Connect));
        assert_eq!(world.causes(), [unexpected]);
    }
}

/// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.1.3-8] (3.1.1).
/// [MQTT-3.1.3-9] (3.1.1)
#[test]
fn s54_an_empty_client_id_of_3_1_1_needs_a_clean_session() {
    let mut world = World::new();
    let first = world.connect(hello(V4, ""));
    let second = world.connect(hello(V4, ""));
    world.expect_open(first);
    world.expect_open(second);
    let refused = world.knock(hello(V4, "").resume());
    world.expect_closed(refused, &[connack(false, ReasonCode::ClientIdentifierNotValid)]);

    let mut world = World::with(|config| config.allow_empty_client_id = false);
    let refused = world.knock(hello(V4, ""));
    world.expect_hex(refused, "20 02 00 02");
}

/// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] (5.0).
/// [MQTT-3.1.4-5] (5.0)
#[test]
fn an_empty_client_id_of_5_0_is_assigned_and_told() {
    let mut world = World::new();
    world.connect(hello(V5, "auto-0"));
    let id = world.knock(hello(V5, ""));
    let frame = world.next(id).unwrap();
    let assigned = as_connack(&frame, V5).properties.assigned_client_identifier().unwrap();
    assert_eq!(assigned, "auto-1");
    let names: Vec<_> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            BrokerEvent::Connected { client_id, .. } => Some(client_id.as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["auto-0", "auto-1"]);
}

/// [MQTT-3.1.3-5] (both versions), and what reasonable servers take beyond.
#[test]
fn all_usual_client_ids_are_accepted() {
    let long = "x".repeat(1000);
    for version in [V4, V5] {
        let mut world = World::new();
        for client_id in ["0", "abcdefghijklmnopqrstuvw", "ABCXYZ0189", "a/b+#", "ä€𝄞", &long] {
            world.connect(hello(version, client_id));
        }
    }
}

/// CONNECT does not come, or comes byte by byte.
#[test]
fn s47_a_connection_without_connect_is_closed_in_time() {
    let mut world = World::new();
    let silent = world.open(V4);
    let slow = world.open(V4);
    for byte in &unhex(CONNECT_V4)[..20] {
        world.bytes(slow, &[*byte]);
        world.wait(Duration::from_millis(400));
    }
    assert_eq!(world.broker.transport(silent), Transport::Keep);
    world.wait_secs(2);
    world.expect_closed(silent, &[]);
    world.expect_closed(slow, &[]);
    assert_eq!(world.causes(), [DisconnectCause::ConnectTimeout, DisconnectCause::ConnectTimeout]);
}

/// CONNECT and what the client sends without waiting for CONNACK, in one piece (3.1.1 section 3.1.4).
#[test]
fn packets_behind_connect_need_not_wait() {
    let mut world = World::new();
    let id = world.open(V4);
    let mut bytes = encode(&Packet::Connect(hello(V4, "a").0), V4);
    bytes.extend(encode(&publish("t", AtLeastOnce, 1, "x"), V4));
    bytes.extend(encode(&Packet::PingReq, V4));
    world.bytes(id, &bytes);
    world.expect(id, &[connack(false, ReasonCode::Success), puback(1), Packet::PingResp]);
}

/// [MQTT-3.1.4-5] (3.1.1).
#[test]
fn nothing_is_processed_behind_a_refused_connect() {
    let mut world = World::with(|config| config.allow_empty_client_id = false);
    let watcher = world.connect(hello(V4, "watcher"));
    world.subscribe(watcher, "#", AtMostOnce);
    let id = world.open(V4);
    let mut bytes = encode(&Packet::Connect(hello(V4, "").0), V4);
    bytes.extend(encode(&publish("t", AtMostOnce, 0, "x"), V4));
    world.bytes(id, &bytes);
    world.expect_closed(id, &[connack(false, ReasonCode::ClientIdentifierNotValid)]);
    world.expect_nothing(watcher);
}

#[test]
fn connections_are_bounded_and_a_closed_one_makes_room() {
    let mut world = World::with(|config| config.connection_count = 2);
    let first = world.connect(hello(V4, "a"));
    world.connect(hello(V4, "b"));
    assert!(world.broker.accept(world.now).is_err());
    world.leave(first);
    let third = world.connect(hello(V4, "c"));
    assert_ne!(third, first);
    // The former tenant's id reaches nobody.
    world.broker.receive(first, &mut Bytes::from_static(b"\xC0\x00"), world.now);
    world.broker.close(first, ReasonCode::ServerBusy, world.now);
    world.broker.transport_closed(first, world.now);
    assert_eq!(world.broker.transport(first), Transport::None);
    assert!(world.broker.outbox(first).is_none() && world.broker.take_outbox(first).is_empty());
    world.expect_open(third);
}

/// [MQTT-3.1.4-2] (5.0)
#[test]
fn sessions_are_bounded() {
    for (version, answer) in [(V4, ReasonCode::ServerUnavailable), (V5, ReasonCode::QuotaExceeded)] {
        let mut world = World::with(|config| config.session_count = 2);
        let expiry = [Property::SessionExpiryInterval(100)];
        let stored = hello(version, "a").resume().with(if version == V5 { &expiry } else { &[] });
        let first = world.connect(stored);
        world.leave(first);
        let second = world.connect(hello(version, "b"));
        let refused = world.knock(hello(version, "c"));
        world.expect_closed(refused, &[connack(false, answer)]);
        // A stored session counts, but its own client may come back, and an ended one makes room.
        world.reconnect(stored);
        world.leave(second);
        world.connect(hello(version, "c"));
    }
}

#[test]
fn shutting_down_tells_all_and_accepts_none() {
    let mut world = World::new();
    let watcher = world.connect(hello(V5, "watcher"));
    world.subscribe(watcher, "#", AtMostOnce);
    let old = world.connect(hello(V4, "old").will("w", AtMostOnce, false, &[]));
    let new = world.open(V4);
    world.broker.shut_down(world.now);
    world.expect_fault(watcher, ReasonCode::ServerShuttingDown);
    world.expect_fault(old, ReasonCode::ServerShuttingDown);
    world.expect_fault(new, ReasonCode::ServerShuttingDown);
    assert!(world.broker.accept(world.now).is_err());
}

/// 5.0 section 3.2.2.3: what the broker announces.
#[test]
fn s71_connack_announces_what_the_broker_can_do() {
    let mut world = World::with(|config| {
        config.connection.maximum_packet_size = 1000;
        config.connection.receive_maximum = 5;
        config.connection.topic_alias_maximum = 3;
        config.connection.maximum_keep_alive = 100;
        config.connection.session_expiry_maximum = 60;
    });
    let id = world.knock(hello(V5, "a").keep_alive(200).with(&[Property::SessionExpiryInterval(61)]));
    let frame = world.next(id).unwrap();
    let properties = as_connack(&frame, V5).properties;
    assert_eq!(properties.maximum_packet_size(), Some(1000));
    assert_eq!(properties.receive_maximum(), Some(5));
    assert_eq!(properties.topic_alias_maximum(), Some(3));
    assert_eq!(properties.server_keep_alive(), Some(100));
    assert_eq!(properties.session_expiry_interval(), Some(60));
    // Available is the default, and not mentioned.
    assert_eq!((properties.maximum_qos(), properties.retain_available()), (None, None));
    assert_eq!(properties.wildcard_subscription_available(), None);
    assert_eq!(properties.subscription_identifier_available(), None);
    assert_eq!(properties.shared_subscription_available(), None);
    // What is granted as asked for is not mentioned.
    let id = world.knock(hello(V5, "b").keep_alive(99).with(&[Property::SessionExpiryInterval(60)]));
    let frame = world.next(id).unwrap();
    let properties = as_connack(&frame, V5).properties;
    assert_eq!((properties.server_keep_alive(), properties.session_expiry_interval()), (None, None));
}

/// [MQTT-4.12.0-1] (5.0).
#[test]
fn an_authentication_method_is_refused() {
    let mut world = World::new();
    let id = world.knock(hello(V5, "a").with(&[Property::AuthenticationMethod("SCRAM-SHA-1")]));
    world.expect_closed(id, &[connack(false, ReasonCode::BadAuthenticationMethod)]);
}
