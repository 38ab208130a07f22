//! S01 to S15: what is carried over a reconnect, and what is not.

use std::time::Duration;

use mqtt_engine::{
    Acknowledgement, ClientEvent, LostSession, PublishOutcome, QoS,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::{BOTH, Desk, V3, V5, config, message};

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

/// [MQTT-4.9.0-1] (5.0): the quota of a connection is that of its own CONNACK.
/// [MQTT-3.3.4-7] (5.0)
#[test]
fn s01_replay_stays_within_the_new_receive_maximum() {
    let mut desk = Desk::connected(config(V5));
    desk.publish("a", QOS1);
    desk.publish("b", QOS1);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "PUBLISH 2 q1 b=x"]);
    desk.cut();
    desk.connect_with(true, &[Property::ReceiveMaximum(1)]);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 dup a=x"]);
    desk.ack(Packet::PubAck, 1);
    assert_eq!(desk.sent(), ["PUBLISH 2 q1 dup b=x"]);
    desk.publish("c", QOS1);
    assert!(desk.sent().is_empty());
    desk.ack(Packet::PubAck, 2);
    assert_eq!(desk.sent(), ["PUBLISH 3 q1 c=x"]);
    desk.ack(Packet::PubAck, 3);
    assert_eq!(desk.client.pending_publishes(), 0);
}

/// [MQTT-4.6.0-1] (both versions): the order of sending, not of the numbers.
/// [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-3] (3.1.1)
#[test]
fn s02_replay_keeps_the_order_after_the_identifiers_wrapped() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        for number in 1..65_535 {
            desk.publish("a", QOS1);
            desk.sent_bytes();
            desk.ack(Packet::PubAck, number);
            desk.events();
        }
        for topic in ["first", "second", "third"] {
            desk.publish(topic, QOS1);
        }
        assert_eq!(
            desk.sent(),
            ["PUBLISH 65535 q1 first=x", "PUBLISH 1 q1 second=x", "PUBLISH 2 q1 third=x"]
        );
        desk.cut();
        desk.connect(true);
        let replayed =
            ["PUBLISH 65535 q1 dup first=x", "PUBLISH 1 q1 dup second=x", "PUBLISH 2 q1 dup third=x"];
        assert_eq!(desk.sent(), replayed);
    }
}

/// [MQTT-4.3.3-6] (5.0) [MQTT-4.3.3-1] (3.1.1)
/// [MQTT-4.1.0-1] [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-6] [MQTT-3.1.2-4] [MQTT-4.1.0-2] (3.1.1),
/// [MQTT-2.2.1-5] [MQTT-3.1.2-23] [MQTT-4.3.3-4] [MQTT-4.3.3-5] (5.0)
#[test]
fn s03_after_pubrec_a_resume_sends_pubrel_never_publish() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QOS2);
        desk.ack(Packet::PubRec, 1);
        assert_eq!(desk.sent(), ["PUBLISH 1 q2 a=x", "PUBREL 1"]);
        for _ in 0..3 {
            desk.cut();
            desk.connect(true);
            assert_eq!(desk.sent(), ["PUBREL 1"]);
        }
        desk.ack(Packet::PubComp, 1);
        assert_eq!(desk.fates(), ["0 Acknowledged { reason: Success }"]);
    }
}

/// [MQTT-3.3.1-1] (both versions)
/// [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-3] [MQTT-4.3.2-1] [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.2-2]
/// [MQTT-4.3.2-3] [MQTT-4.3.3-2] [MQTT-4.3.3-3] (5.0)
#[test]
fn s04_first_send_without_dup_every_resend_with_it() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QOS1);
        desk.publish("b", QOS2);
        assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "PUBLISH 2 q2 b=x"]);
        for _ in 0..3 {
            desk.cut();
            desk.connect(true);
            assert_eq!(desk.sent(), ["PUBLISH 1 q1 dup a=x", "PUBLISH 2 q2 dup b=x"]);
        }
    }
}

/// [MQTT-2.2.1-3] [MQTT-4.3.2-1] [MQTT-4.3.3-1] (5.0)
#[test]
fn s06_new_messages_take_no_identifier_that_is_in_flight() {
    let mut desk = Desk::connected(config(V5));
    for _ in 0..3 {
        desk.publish("a", QOS1);
    }
    desk.cut();
    desk.publish("new", QOS1);
    desk.connect(true);
    let sent = desk.sent();
    assert_eq!(sent[3], "PUBLISH 4 q1 new=x");
    assert_eq!(sent.len(), 4);
}

#[test]
fn s07_a_cut_during_the_replay_loses_nothing_and_keeps_the_order() {
    let mut desk = Desk::connected(config(V5));
    for topic in ["a", "b", "c"] {
        desk.publish(topic, QOS1);
    }
    for cut_after in 0..3_u16 {
        desk.cut();
        desk.connect_with(true, &[Property::ReceiveMaximum(1 + cut_after)]);
        desk.publish("later", QOS1);
        desk.sent();
    }
    desk.cut();
    desk.connect(true);
    let sent = desk.sent();
    assert_eq!(sent[..3], ["PUBLISH 1 q1 dup a=x", "PUBLISH 2 q1 dup b=x", "PUBLISH 3 q1 dup c=x"]);
    assert_eq!(sent[3..], ["PUBLISH 4 q1 later=x", "PUBLISH 5 q1 later=x", "PUBLISH 6 q1 later=x"]);
}

#[test]
fn s08_a_message_sent_into_a_dead_link_comes_again() {
    let mut desk = Desk::connected(config(V5));
    desk.publish("a", QOS1);
    desk.sent();
    desk.advance(Duration::from_secs(60));
    desk.advance(Duration::from_secs(10));
    assert!(matches!(desk.events()[..], [ClientEvent::Disconnected { .. }]));
    desk.cut();
    desk.connect(true);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 dup a=x"]);
}

/// [MQTT-3.1.2-6] (3.1.1), [MQTT-3.2.2-5] (5.0)
#[test]
fn s09_a_lost_session_tells_one_fate_per_message_and_frees_everything() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QOS1);
        desk.publish("b", QOS2);
        desk.publish("c", QOS2);
        desk.ack(Packet::PubRec, 3);
        desk.sent();
        desk.cut();
        let queued = desk.publish("queued", QOS1);
        let events = desk.connect(false);
        let unknown = |event: &&ClientEvent| {
            matches!(event, ClientEvent::Published { outcome: PublishOutcome::Unknown, .. })
        };
        assert_eq!(events.iter().filter(unknown).count(), 3);
        assert_eq!(desk.sent(), ["PUBLISH 4 q1 queued=x"]);
        desk.ack(Packet::PubAck, 4);
        assert_eq!(desk.fates(), [format!("{queued} Acknowledged {{ reason: Success }}")]);
        assert_eq!(desk.client.pending_publishes(), 0);
    }
}

#[test]
fn s09_a_lost_session_may_be_republished() {
    let mut config = config(V5);
    config.lost_session = LostSession::Republish;
    let mut desk = Desk::connected(config);
    desk.publish("a", QOS1);
    desk.publish("b", QOS2);
    desk.ack(Packet::PubRec, 2);
    desk.publish("c", QOS2);
    desk.sent();
    desk.cut();
    desk.publish("queued", QOS0);
    let events = desk.connect(false);
    let unknown: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Published { token, outcome: PublishOutcome::Unknown } => Some(token.as_u64()),
            _ => None,
        })
        .collect();
    assert_eq!(unknown, [1], "the server had taken it over");
    assert_eq!(desk.sent(), ["PUBLISH 4 q1 a=x", "PUBLISH 5 q2 c=x", "PUBLISH q0 queued=x"]);
}

/// *Expired* means that it was never sent; this one may have arrived.
#[test]
fn s09_a_message_that_expires_before_it_is_republished_has_an_unknown_fate() {
    let mut config = config(V5);
    config.lost_session = LostSession::Republish;
    let mut desk = Desk::connected(config);
    let mut short = message("short", "x", QOS1);
    short.properties.message_expiry = Some(Duration::from_secs(5));
    desk.client.publish(short.clone(), desk.now).unwrap();
    desk.sent();
    desk.client.publish(short, desk.now).unwrap();
    desk.sent();
    desk.cut();
    desk.advance(Duration::from_secs(5));
    desk.connect(false);
    assert!(desk.sent().is_empty());
    assert_eq!(desk.fates(), ["0 Unknown", "1 Unknown"]);
}

#[test]
fn s11_half_a_packet_of_a_dead_connection_is_forgotten() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.receive_bytes(&[0x30, 0x20, 0x00, 0x01, b'a']);
        desk.cut();
        let events = desk.connect(true);
        assert!(matches!(events.last(), Some(ClientEvent::Connected(_))), "{events:?}");
    }
}

/// An acknowledgement belongs to the connection on which its message came.
#[test]
fn s12_a_late_acknowledgement_is_not_sent_on_the_next_connection() {
    for version in BOTH {
        let mut config = config(version);
        config.acknowledgement = Acknowledgement::Manual;
        let mut desk = Desk::connected(config);
        desk.publish_from_server("a", 7, QOS1, false);
        let [ClientEvent::Received { token, .. }] = desk.events()[..] else { panic!() };
        desk.cut();
        desk.connect(true);
        desk.client.acknowledge(token, ReasonCode::Success, desk.now);
        assert!(desk.sent().is_empty());
        desk.publish_from_server("a", 7, QOS1, true);
        let [ClientEvent::Received { token: again, duplicate: true, .. }] = desk.events()[..] else {
            panic!()
        };
        assert_ne!(token, again);
        desk.client.acknowledge(again, ReasonCode::Success, desk.now);
        assert_eq!(desk.sent(), ["PUBACK 7"]);
    }
}

#[test]
fn s12_bytes_that_were_not_written_die_with_their_connection() {
    let mut desk = Desk::connected(config(V5));
    desk.publish("a", QOS0);
    desk.publish("b", QOS1);
    desk.client.outbox();
    desk.cut();
    assert!(desk.sent().is_empty());
    desk.connect(true);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 dup b=x"]);
}

/// [MQTT-3.3.2-7] (5.0)
#[test]
fn s13_aliases_end_with_their_connection_both_ways() {
    let mut desk = Desk::new(config(V5));
    let aliases = [Property::TopicAliasMaximum(4)];
    desk.connect_with(false, &aliases);
    desk.publish("a", QOS1);
    desk.publish("a", QOS1);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 alias1 a=x", "PUBLISH 2 q1 alias1 =x"]);
    desk.cut();
    desk.connect_with(true, &aliases);
    desk.publish("a", QOS1);
    let resent = ["PUBLISH 1 q1 dup a=x", "PUBLISH 2 q1 dup a=x", "PUBLISH 3 q1 alias1 a=x"];
    assert_eq!(desk.sent(), resent, "a replay names its topics in full");
}

/// [MQTT-4.4.0-1] (5.0): at no other time is anything sent again.
#[test]
fn s14_nothing_is_sent_again_on_a_live_connection_of_5_0() {
    let mut config = config(V5);
    config.retransmit_after = Some(Duration::from_secs(1));
    config.keep_alive = 0;
    let mut desk = Desk::connected(config);
    desk.publish("a", QOS1);
    desk.sent();
    for _ in 0..100 {
        desk.advance(Duration::from_secs(10));
        assert!(desk.sent().is_empty());
    }
}

/// Flow 4 of the wire examples on a pipe that loses data: each unanswered step is repeated, PUBLISH with DUP.
#[test]
fn s04_retransmit_after_repeats_the_lost_step_in_3_1_1() {
    let mut config = config(V3);
    config.retransmit_after = Some(Duration::from_secs(5));
    config.keep_alive = 0;
    let mut desk = Desk::connected(config);
    desk.publish("a", QOS2);
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 a=x"]);
    desk.advance(Duration::from_secs(4));
    assert!(desk.sent().is_empty());
    desk.advance(Duration::from_secs(1));
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 dup a=x"]);
    desk.ack(Packet::PubRec, 1);
    assert_eq!(desk.sent(), ["PUBREL 1"]);
    desk.advance(Duration::from_secs(5));
    assert_eq!(desk.sent(), ["PUBREL 1"]);
    desk.advance(Duration::from_secs(600));
    assert_eq!(desk.sent(), ["PUBREL 1"], "a late timer makes no storm");
    desk.ack(Packet::PubComp, 1);
    desk.advance(Duration::from_secs(600));
    assert!(desk.sent().is_empty());
    assert_eq!(desk.client.deadline(), None);
}

/// Of both kinds that are due together, PUBRELs go first; each kind in its order.
#[test]
fn s04_retransmit_after_repeats_pubrels_before_publishes() {
    let mut config = config(V3);
    config.retransmit_after = Some(Duration::from_secs(5));
    config.keep_alive = 0;
    let mut desk = Desk::connected(config);
    for (topic, qos) in [("a", QOS1), ("b", QOS2), ("c", QOS2), ("d", QOS1)] {
        desk.publish(topic, qos);
    }
    desk.ack(Packet::PubRec, 3);
    desk.ack(Packet::PubRec, 2);
    desk.sent();
    desk.advance(Duration::from_secs(5));
    assert_eq!(desk.sent(), ["PUBREL 3", "PUBREL 2", "PUBLISH 1 q1 dup a=x", "PUBLISH 4 q1 dup d=x"]);
}

#[test]
fn s15_a_message_too_large_for_the_resumed_server_fails_alone() {
    let mut desk = Desk::connected(config(V5));
    desk.client.publish(message("large", &"x".repeat(100), QOS1), desk.now).unwrap();
    desk.publish("b", QOS1);
    desk.sent();
    desk.cut();
    desk.client.publish(message("large", &"x".repeat(100), QOS2), desk.now).unwrap();
    desk.publish("d", QOS1);
    let events = desk.connect_with(true, &[Property::MaximumPacketSize(50)]);
    let refused: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Published { token, outcome } => Some((token.as_u64(), *outcome)),
            _ => None,
        })
        .collect();
    let outcome = PublishOutcome::Refused { reason: ReasonCode::PacketTooLarge };
    assert_eq!(refused, [(0, outcome), (2, outcome)]);
    assert_eq!(desk.sent(), ["PUBLISH 2 q1 dup b=x", "PUBLISH 3 q1 d=x"]);
}

/// The server may have received it and wait for its PUBREL: a new message under the identifier would be a repetition to it, and
/// lost.
#[test]
fn s15_the_identifier_of_a_qos2_message_that_can_not_be_sent_again_is_not_reused() {
    let mut desk = Desk::connected(config(V5));
    desk.client.publish(message("large", &"x".repeat(100), QOS2), desk.now).unwrap();
    desk.sent();
    desk.cut();
    desk.connect_with(true, &[Property::MaximumPacketSize(50)]);
    for number in 2..=u16::MAX {
        desk.publish("a", QOS1);
        desk.sent_bytes();
        desk.ack(Packet::PubAck, number);
        desk.events();
    }
    desk.publish("b", QOS2);
    assert_eq!(desk.sent(), ["PUBLISH 2 q2 b=x"]);
    desk.cut();
    desk.connect(false);
    for number in 3..=u16::MAX {
        desk.publish("a", QOS1);
        desk.sent_bytes();
        desk.ack(Packet::PubAck, number);
        desk.events();
    }
    desk.publish("c", QOS2);
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 c=x"], "the lost session takes it along");
}

/// [MQTT-4.3.3-7] [MQTT-4.3.3-13] (5.0), S27: what was sent is never expired.
#[test]
fn s27_expiry_ends_queued_messages_never_sent_ones() {
    let mut desk = Desk::connected(config(V5));
    let mut sent = message("sent", "x", QOS2);
    sent.properties.message_expiry = Some(Duration::from_secs(5));
    desk.client.publish(sent.clone(), desk.now).unwrap();
    desk.ack(Packet::PubRec, 1);
    desk.cut();
    sent.topic = "queued".try_into().unwrap();
    let queued = desk.client.publish(sent, desk.now).unwrap();
    assert_eq!(desk.client.why_deadline(), Some("message expiry"));
    desk.events();
    desk.advance(Duration::from_secs(5));
    assert_eq!(desk.fates(), [format!("{} Expired", queued.as_u64())]);
    desk.advance(Duration::from_secs(60));
    desk.connect(true);
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 sent=x", "PUBREL 1"][1..]);
}

/// [MQTT-3.3.4-8] (5.0): only PUBLISH waits for the quota.
#[test]
fn s01_a_pubrel_is_replayed_though_publishes_before_it_wait_for_the_quota() {
    let mut desk = Desk::connected(config(V5));
    for topic in ["a", "b", "c"] {
        desk.publish(topic, QOS2);
    }
    desk.ack(Packet::PubRec, 2);
    desk.sent();
    desk.cut();
    desk.connect_with(true, &[Property::ReceiveMaximum(1)]);
    assert_eq!(desk.sent(), ["PUBREL 2", "PUBLISH 1 q2 dup a=x"]);
    desk.ack(Packet::PubComp, 2);
    assert!(desk.sent().is_empty(), "a PUBREL that took no quota gives none");
    desk.nack(Packet::PubRec, 1, ReasonCode::QuotaExceeded);
    assert_eq!(desk.sent(), ["PUBLISH 3 q2 dup c=x"]);
}

/// A window of which nothing is acknowledged is replayed in linear time, whatever the mixture.
#[test]
fn s01_a_large_window_is_replayed_in_linear_time() {
    let mut config = config(V5);
    config.queue_count = 70_000;
    config.queue_bytes = 1 << 30;
    config.inflight_maximum = u16::MAX;
    config.outbox_bytes = 1 << 10;
    let mut desk = Desk::connected(config);
    for number in 1..=20_000 {
        desk.publish("a", QOS2);
        if number % 2 == 0 {
            desk.sent_bytes();
            desk.ack(Packet::PubRec, number);
        }
    }
    desk.sent_bytes();
    desk.cut();
    desk.connect(true);
    let sent = desk.sent();
    assert_eq!(sent.len(), 20_000);
    assert!(sent[..10_000].iter().all(|packet| packet.starts_with("PUBREL")));
}

/// No storm, and no deadline that stays in the past.
#[test]
fn retransmit_after_zero_counts_as_none() {
    let mut config = config(V3);
    config.retransmit_after = Some(Duration::ZERO);
    config.keep_alive = 0;
    let mut desk = Desk::connected(config);
    desk.publish("a", QOS1);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x"]);
    assert_eq!(desk.client.deadline(), None);
}

/// An alias given up for want of room leaves the others alone.
#[test]
fn s13_an_alias_is_never_given_to_two_topics() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::TopicAliasMaximum(8), Property::MaximumPacketSize(30)]);
    for topic in ["a", "b", "c"] {
        desk.publish(topic, QOS0);
    }
    desk.sent();
    // 30 bytes with the name, 32 with the alias in its place.
    desk.client.publish(message("a", &"x".repeat(24), QOS0), desk.now).unwrap();
    desk.publish("d", QOS0);
    desk.publish("a", QOS0);
    desk.publish("c", QOS0);
    let full = format!("PUBLISH q0 a={}", "x".repeat(24));
    let expected = [&full, "PUBLISH q0 alias4 d=x", "PUBLISH q0 alias1 =x", "PUBLISH q0 alias3 =x"];
    assert_eq!(desk.sent(), expected);
}
