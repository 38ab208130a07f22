//! S40 to S47: keep alive and time.

use std::time::Duration;

use mqtt_engine::{
    ClientEvent, DisconnectReason, QoS, Timestamp, Transport,
    packet::{ConnAck, Packet, Properties, Property, ReasonCode},
};

use crate::harness::{BOTH, Desk, V5, config, encode};

const SECOND: Duration = Duration::from_secs(1);

fn ended(desk: &mut Desk) -> Option<DisconnectReason> {
    desk.events().into_iter().find_map(|event| match event {
        ClientEvent::Disconnected { reason } => Some(reason),
        _ => None,
    })
}

/// [MQTT-3.1.2-23] (3.1.1) [MQTT-3.1.2-20] (5.0): whatever is sent and when, no gap is longer than the keep alive.
#[test]
fn s40_no_gap_between_packets_is_longer_than_the_keep_alive() {
    for version in BOTH {
        for pause in [1, 7, 19, 29, 30, 31, 45] {
            let mut config = config(version);
            config.keep_alive = 30;
            let mut desk = Desk::connected(config);
            let mut last_sent = desk.now;
            let mut next_publish = desk.now + Duration::from_secs(pause);
            while desk.now < Timestamp::from_secs(600) {
                desk.now = desk.client.deadline().unwrap().min(next_publish);
                desk.client.handle_timeout(desk.now);
                if desk.now == next_publish {
                    desk.publish("a", QoS::AtMostOnce);
                    next_publish = desk.now + Duration::from_secs(pause);
                }
                let sent = desk.sent();
                if !sent.is_empty() {
                    assert!(desk.now - last_sent <= 30 * SECOND, "pause {pause}: silent until {}", desk.now);
                    last_sent = desk.now;
                }
                if sent.iter().any(|packet| packet == "PINGREQ") {
                    desk.receive(&Packet::PingResp);
                }
            }
        }
    }
}

#[test]
fn s41_a_client_that_only_receives_pings() {
    let mut desk = Desk::connected(config(V5));
    for _ in 0..59 {
        desk.advance(SECOND);
        desk.publish_from_server("a", 0, QoS::AtMostOnce, false);
        assert!(desk.sent().is_empty());
    }
    desk.advance(SECOND);
    assert_eq!(desk.sent(), ["PINGREQ"]);
}

#[test]
fn s42_a_client_that_only_sends_is_not_taken_for_dead() {
    let mut desk = Desk::connected(config(V5));
    let mut pings = 0;
    for _ in 0..1000 {
        desk.advance(SECOND);
        desk.publish("a", QoS::AtMostOnce);
        if desk.sent().iter().any(|packet| packet == "PINGREQ") {
            pings += 1;
            desk.receive(&Packet::PingResp);
        }
    }
    assert!(desk.client.is_connected());
    assert_eq!(pings, 1000 / 60, "it asks whether the server is there, once per keep alive");
}

/// The bound: keep alive and ping timeout.
#[test]
fn s43_a_server_that_vanished_is_found_within_the_bound() {
    for is_publishing in [false, true] {
        let mut desk = Desk::connected(config(V5));
        let mut found = None;
        while found.is_none() && desk.now < Timestamp::from_secs(200) {
            desk.advance(SECOND);
            if is_publishing && desk.client.is_connected() {
                desk.publish("a", QoS::AtMostOnce);
            }
            desk.sent_bytes();
            found = ended(&mut desk);
        }
        assert_eq!(found, Some(DisconnectReason::PingTimeout));
        assert_eq!(desk.now, Timestamp::from_secs(70));
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    }
}

/// [MQTT-3.1.2-21], [MQTT-3.2.2-21] (5.0)
#[test]
fn s44_the_server_keep_alive_replaces_ours() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::ServerKeepAlive(5)]);
    assert_eq!(desk.client.deadline(), Some(Timestamp::from_secs(5)));
    assert_eq!(desk.client.why_deadline(), Some("keep alive"));
    desk.advance(5 * SECOND);
    assert_eq!(desk.sent(), ["PINGREQ"]);
}

#[test]
fn s45_keep_alive_zero_is_none() {
    let mut config = config(V5);
    config.keep_alive = 0;
    let mut desk = Desk::connected(config);
    assert_eq!(desk.client.deadline(), None);
    desk.advance(Duration::from_secs(1 << 40));
    assert!(desk.sent().is_empty());
    assert!(desk.client.is_connected());
}

#[test]
fn s45_the_longest_keep_alive_at_the_end_of_time() {
    let mut config = config(V5);
    config.keep_alive = u16::MAX;
    let mut desk = Desk::connected(config);
    assert_eq!(desk.client.deadline(), Some(Timestamp::from_secs(65_535)));
    desk.now = Timestamp::MAX;
    desk.client.handle_timeout(desk.now);
    assert_eq!(desk.sent(), ["PINGREQ"]);
    desk.client.handle_timeout(desk.now);
    desk.client.transport_closed(desk.now);
    assert_eq!(desk.client.transport(), Transport::Open { not_before: Timestamp::MAX });
}

#[test]
fn s45_time_that_runs_backwards_stands_still() {
    let mut desk = Desk::connected(config(V5));
    desk.advance(50 * SECOND);
    let deadline = desk.client.deadline();
    desk.client.handle_timeout(Timestamp::ZERO);
    desk.client.publish(crate::harness::message("a", "x", QoS::AtMostOnce), Timestamp::ZERO).unwrap();
    desk.sent();
    assert!(desk.client.deadline() >= deadline);
    assert!(desk.client.is_connected());
}

#[test]
fn s46_a_timer_that_is_minutes_late_sends_one_ping() {
    let mut desk = Desk::connected(config(V5));
    desk.advance(Duration::from_secs(1000));
    assert_eq!(desk.sent(), ["PINGREQ"]);
    desk.client.handle_timeout(desk.now);
    assert!(desk.sent().is_empty());
    desk.receive(&Packet::PingResp);
    assert!(desk.client.is_connected());
}

/// Bytes that lie in the transport when the driver wakes up late prove the server alive.
#[test]
fn s46_a_late_driver_with_an_answer_in_hand_is_not_disconnected() {
    let mut desk = Desk::connected(config(V5));
    desk.advance(60 * SECOND);
    assert_eq!(desk.sent(), ["PINGREQ"]);
    desk.now = desk.now + 500 * SECOND;
    desk.receive(&Packet::PingResp);
    assert!(desk.client.is_connected());
}

#[test]
fn s47_a_connack_that_never_comes() {
    for version in BOTH {
        let mut desk = Desk::new(config(version));
        desk.open();
        desk.sent();
        assert_eq!(desk.client.why_deadline(), Some("connect timeout"));
        desk.advance(10 * SECOND);
        assert_eq!(ended(&mut desk), Some(DisconnectReason::ConnectTimeout));
        assert!(desk.sent().is_empty());
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    }
}

/// A resumed session's messages may follow the CONNACK in the same breath.
#[test]
fn s47_messages_right_behind_the_connack() {
    for version in BOTH {
        let mut desk = Desk::new(config(version));
        desk.open();
        let connack =
            ConnAck { session_present: false, reason: ReasonCode::Success, properties: Properties::NONE };
        let mut bytes = encode(&Packet::ConnAck(connack), version);
        for topic in ["a", "b"] {
            bytes.extend(encode(
                &Packet::Publish(mqtt_engine::packet::Publish {
                    duplicate: false,
                    qos: QoS::AtMostOnce,
                    retain: false,
                    topic,
                    packet_id: None,
                    properties: Properties::NONE,
                    payload: b"x",
                }),
                version,
            ));
        }
        desk.receive_bytes(&bytes);
        assert_eq!(desk.delivered(), ["a", "b"]);
    }
}

/// The input pauses because the program is slow: the answer may lie unread, so its absence proves nothing.
#[test]
fn a_paused_client_pings_and_is_not_taken_for_dead() {
    let mut config = config(V5);
    config.event_bytes = 1;
    let mut desk = Desk::connected(config);
    desk.publish_from_server("a", 0, QoS::AtMostOnce, false);
    assert!(!desk.client.wants_input());
    for _ in 0..10 {
        desk.advance(60 * SECOND);
        assert_eq!(desk.sent(), ["PINGREQ"]);
    }
    assert!(desk.client.is_connected());
    desk.receive(&Packet::PingResp);
    assert_eq!(desk.delivered(), ["a"]);
    assert!(desk.client.wants_input());
}

/// After a pause the answer to the ping still lies in the transport: it gets the whole ping timeout to be read.
#[test]
fn a_client_that_goes_on_after_a_pause_is_not_disconnected_before_it_reads() {
    let mut config = config(V5);
    config.event_bytes = 1;
    let mut desk = Desk::connected(config);
    desk.publish_from_server("a", 0, QoS::AtMostOnce, false);
    desk.advance(60 * SECOND);
    assert_eq!(desk.sent(), ["PINGREQ"]);
    desk.now = desk.now + 50 * SECOND;
    assert_eq!(desk.delivered(), ["a"]);
    desk.client.handle_timeout(desk.now);
    assert!(desk.client.is_connected());
    assert_eq!(desk.client.deadline(), Some(desk.now + 10 * SECOND));
    desk.receive(&Packet::PingResp);
    assert_eq!(desk.client.why_deadline(), Some("keep alive"));
    // Without an answer it is dead in the end.
    desk.advance(60 * SECOND);
    desk.advance(10 * SECOND);
    assert_eq!(ended(&mut desk), Some(DisconnectReason::PingTimeout));
}

/// What the program owes from a former connection does not keep the next one from being made.
#[test]
fn s47_a_slow_program_does_not_keep_connack_from_being_read() {
    for version in BOTH {
        let mut config = config(version);
        config.event_bytes = 1;
        config.receive_maximum = 1;
        config.acknowledgement = mqtt_engine::Acknowledgement::Manual;
        let mut desk = Desk::connected(config);
        desk.publish_from_server("a", 1, QoS::ExactlyOnce, false);
        assert!(!desk.client.wants_input());
        desk.cut();
        desk.open();
        assert!(desk.client.wants_input());
        desk.accept(true, &[]);
        assert!(desk.client.is_connected());
        assert!(!desk.client.wants_input());
    }
}

/// Each PINGREQ of a long pause has its PINGRESP, and none of them is one too many.
#[test]
fn a_pause_of_several_pings_has_as_many_answers() {
    for version in BOTH {
        let mut config = config(version);
        config.event_bytes = 1;
        config.profile = mqtt_engine::Profile::Strict;
        let mut desk = Desk::connected(config);
        desk.publish_from_server("a", 0, QoS::AtMostOnce, false);
        for _ in 0..3 {
            desk.advance(60 * SECOND);
            assert_eq!(desk.sent(), ["PINGREQ"]);
        }
        desk.events();
        for _ in 0..3 {
            desk.receive(&Packet::PingResp);
            assert!(desk.client.is_connected());
        }
        desk.receive(&Packet::PingResp);
        assert!(!desk.client.is_connected(), "nobody asked for a fourth");
    }
}
