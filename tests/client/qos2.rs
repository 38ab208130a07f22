//! S20 to S28: exactly once.

use mqtt_engine::{
    Acknowledgement, ClientEvent, Deviation, DisconnectReason, QoS, Violation,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::{BOTH, Desk, V5, config};

const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

/// [MQTT-4.3.3-10] (5.0) [MQTT-4.3.3-2] (3.1.1)
/// [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-4.3.3-12] (5.0)
#[test]
fn s20_three_publishes_before_pubrel_are_one_delivery_and_three_pubrecs() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        let mut delivered = Vec::new();
        let mut sent = Vec::new();
        for duplicate in [false, true, true] {
            desk.publish_from_server("a", 5, QOS2, duplicate);
            delivered.extend(desk.delivered());
            sent.extend(desk.sent());
        }
        assert_eq!(delivered, ["a"]);
        assert_eq!(sent, ["PUBREC 5", "PUBREC 5", "PUBREC 5"]);
        desk.ack(Packet::PubRel, 5);
        assert_eq!(desk.sent(), ["PUBCOMP 5"]);
        desk.publish_from_server("new", 5, QOS2, false);
        assert_eq!(desk.delivered(), ["new"], "after PUBCOMP the identifier stands for a new message");
    }
}

/// [MQTT-4.1.0-1] (both versions), [MQTT-3.1.2-4] (3.1.1), [MQTT-3.1.2-23] (5.0)
#[test]
fn s21_a_resend_on_the_next_connection_is_no_second_delivery() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish_from_server("a", 5, QOS2, false);
        assert_eq!(desk.delivered(), ["a"]);
        assert_eq!(desk.sent(), ["PUBREC 5"]);
        desk.cut();
        desk.connect(true);
        desk.publish_from_server("a", 5, QOS2, true);
        assert!(desk.delivered().is_empty());
        assert_eq!(desk.sent(), ["PUBREC 5"]);
        desk.cut();
        desk.connect(true);
        desk.ack(Packet::PubRel, 5);
        assert_eq!(desk.sent(), ["PUBCOMP 5"]);
    }
}

/// The cut comes before the program has taken, or acknowledged, the message.
#[test]
fn s21_a_message_acknowledged_after_the_cut_is_answered_when_it_comes_again() {
    for version in BOTH {
        for acknowledged_offline in [true, false] {
            let mut config = config(version);
            config.acknowledgement = Acknowledgement::Manual;
            let mut desk = Desk::connected(config);
            desk.publish_from_server("a", 5, QOS2, false);
            let [ClientEvent::Received { token, .. }] = desk.events()[..] else { panic!() };
            desk.cut();
            if acknowledged_offline {
                desk.client.acknowledge(token, ReasonCode::Success, desk.now);
            }
            desk.connect(true);
            assert!(desk.sent().is_empty());
            desk.publish_from_server("a", 5, QOS2, true);
            assert!(desk.events().is_empty());
            if !acknowledged_offline {
                assert!(desk.sent().is_empty());
                desk.client.acknowledge(token, ReasonCode::Success, desk.now);
            }
            assert_eq!(desk.sent(), ["PUBREC 5"]);
            desk.ack(Packet::PubRel, 5);
            assert_eq!(desk.sent(), ["PUBCOMP 5"]);
        }
    }
}

#[test]
fn s21_a_lost_session_forgets_the_identifiers() {
    let mut desk = Desk::connected(config(V5));
    desk.publish_from_server("a", 5, QOS2, false);
    desk.events();
    desk.sent();
    desk.cut();
    desk.connect(false);
    desk.publish_from_server("other", 5, QOS2, false);
    assert_eq!(desk.delivered(), ["other"]);
}

#[test]
fn s22_both_directions_have_their_own_identifiers() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("out", QOS2);
        desk.ack(Packet::PubRec, 1);
        desk.publish_from_server("in", 1, QOS2, false);
        assert_eq!(desk.delivered(), ["in"]);
        assert_eq!(desk.sent(), ["PUBLISH 1 q2 out=x", "PUBREL 1", "PUBREC 1"]);
        desk.ack(Packet::PubRel, 1);
        desk.ack(Packet::PubComp, 1);
        assert_eq!(desk.sent(), ["PUBCOMP 1"]);
        assert_eq!(desk.client.pending_publishes(), 0);
    }
}

#[test]
fn s23_an_unknown_pubrel_is_answered_and_the_connection_stays() {
    for (version, answer) in BOTH.into_iter().zip(["PUBCOMP 9", "PUBCOMP 9 0x92"]) {
        let mut desk = Desk::connected(config(version));
        desk.ack(Packet::PubRel, 9);
        assert_eq!(desk.sent(), [answer]);
        assert!(desk.client.is_connected());
        assert!(desk.events().is_empty());
    }
}

#[test]
fn s24_unknown_acknowledgements_are_reported_and_wedge_nobody() {
    for (version, pubrel) in BOTH.into_iter().zip(["PUBREL 9", "PUBREL 9 0x92"]) {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QOS1);
        desk.sent();
        desk.ack(Packet::PubAck, 9);
        desk.ack(Packet::PubRec, 9);
        desk.ack(Packet::PubComp, 9);
        assert_eq!(desk.sent(), [pubrel]);
        let tolerated = ClientEvent::Tolerated { deviation: Deviation::UnknownPacketIdentifier };
        assert_eq!(desk.events(), [tolerated.clone(), tolerated.clone(), tolerated]);
        desk.ack(Packet::PubAck, 1);
        assert_eq!(desk.fates(), ["0 Acknowledged { reason: Success }"]);
    }
}

/// [MQTT-4.4.0-2] (5.0)
#[test]
fn s25_a_refusing_pubrec_ends_the_exchange() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::ReceiveMaximum(1)]);
    desk.publish("a", QOS2);
    desk.publish("b", QOS2);
    desk.nack(Packet::PubRec, 1, ReasonCode::QuotaExceeded);
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 a=x", "PUBLISH 2 q2 b=x"], "no PUBREL, and the quota is free");
    assert_eq!(desk.fates(), ["0 Refused { reason: QuotaExceeded }"]);
    desk.cut();
    desk.connect(true);
    assert_eq!(desk.sent(), ["PUBLISH 2 q2 dup b=x"]);
}

/// [MQTT-4.3.3-9] (5.0): as a receiver.
#[test]
fn s25_after_our_refusal_the_identifier_is_new() {
    let mut config = config(V5);
    config.acknowledgement = Acknowledgement::Manual;
    let mut desk = Desk::connected(config);
    for topic in ["a", "b"] {
        desk.publish_from_server(topic, 5, QOS2, false);
        let [ClientEvent::Received { token, ref message, .. }] = desk.events()[..] else { panic!() };
        assert_eq!(message.topic, topic);
        desk.client.acknowledge(token, ReasonCode::NotAuthorized, desk.now);
        assert_eq!(desk.sent(), ["PUBREC 5 0x87"]);
    }
}

/// [MQTT-4.9.0-2] (5.0)
/// [MQTT-4.3.3-5] (5.0)
#[test]
fn s26_the_quota_is_free_at_pubcomp_and_a_resent_pubrel_costs_none() {
    let mut desk = Desk::new(config(V5));
    let one = [Property::ReceiveMaximum(1)];
    desk.connect_with(false, &one);
    desk.publish("a", QOS2);
    desk.publish("b", QOS2);
    desk.ack(Packet::PubRec, 1);
    assert_eq!(desk.sent(), ["PUBLISH 1 q2 a=x", "PUBREL 1"], "not at PUBREC");
    desk.cut();
    desk.connect_with(true, &one);
    assert_eq!(desk.sent(), ["PUBREL 1", "PUBLISH 2 q2 b=x"]);
    desk.ack(Packet::PubComp, 1);
    desk.publish("c", QOS2);
    assert!(desk.sent().is_empty(), "the PUBCOMP of an uncounted PUBREL frees nothing");
    desk.ack(Packet::PubRec, 2);
    desk.ack(Packet::PubComp, 2);
    assert_eq!(desk.sent(), ["PUBREL 2", "PUBLISH 3 q2 c=x"]);
}

/// [MQTT-3.3.4-9] (5.0)
#[test]
fn s28_more_than_the_receive_maximum_is_0x93() {
    let mut config = config(V5);
    config.receive_maximum = 3;
    let mut desk = Desk::connected(config);
    for number in 1..=3 {
        desk.publish_from_server("a", number, QOS2, false);
        desk.publish_from_server("a", number, QOS2, true);
    }
    assert_eq!(desk.delivered().len(), 3);
    assert!(desk.client.is_connected());
    desk.sent();
    desk.publish_from_server("a", 4, QOS2, false);
    assert_eq!(desk.sent(), ["DISCONNECT 0x93"]);
    let reason = DisconnectReason::Misbehaved(Violation::ReceiveMaximumExceeded);
    assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
}

/// [MQTT-4.6.0-2], [MQTT-4.6.0-3] (both versions)
/// [MQTT-2.3.1-6] (3.1.1), [MQTT-2.2.1-5] (5.0)
#[test]
fn acknowledgements_go_out_in_the_order_of_receipt() {
    for version in BOTH {
        let mut config = config(version);
        config.acknowledgement = Acknowledgement::Manual;
        let mut desk = Desk::connected(config);
        for (number, qos) in [(1, QOS1), (2, QOS2), (3, QOS1), (4, QOS2)] {
            desk.publish_from_server("a", number, qos, false);
        }
        let tokens: Vec<_> = desk
            .events()
            .into_iter()
            .map(|event| match event {
                ClientEvent::Received { token, .. } => token,
                other => panic!("{other:?}"),
            })
            .collect();
        for index in [3, 2, 1, 0, 0] {
            desk.client.acknowledge(tokens[index], ReasonCode::Success, desk.now);
        }
        assert_eq!(desk.sent(), ["PUBREC 2", "PUBREC 4", "PUBACK 1", "PUBACK 3"]);
    }
}

/// [MQTT-4.6.0-3] (both versions): also what was acknowledged offline waits for the earlier messages.
#[test]
fn s21_messages_that_come_again_are_answered_in_their_order() {
    for version in BOTH {
        let mut config = config(version);
        config.acknowledgement = Acknowledgement::Manual;
        let mut desk = Desk::connected(config);
        for number in 5..=6 {
            desk.publish_from_server("a", number, QOS2, false);
        }
        let [ClientEvent::Received { token: first, .. }, ClientEvent::Received { token: second, .. }] =
            desk.events()[..]
        else {
            panic!()
        };
        desk.cut();
        desk.client.acknowledge(second, ReasonCode::Success, desk.now);
        desk.connect(true);
        for number in 5..=6 {
            desk.publish_from_server("a", number, QOS2, true);
        }
        assert!(desk.sent().is_empty(), "the first is not acknowledged");
        desk.client.acknowledge(first, ReasonCode::Success, desk.now);
        assert_eq!(desk.sent(), ["PUBREC 5", "PUBREC 6"]);
        desk.publish_from_server("a", 6, QOS2, true);
        desk.ack(Packet::PubRel, 5);
        desk.ack(Packet::PubRel, 6);
        assert_eq!(desk.sent(), ["PUBREC 6", "PUBCOMP 5", "PUBCOMP 6"]);
        assert!(desk.events().is_empty());
    }
}

/// [MQTT-3.4.2-1], [MQTT-3.5.2-1] (5.0): a reason that does not fit still answers the message.
#[test]
fn any_reason_acknowledges() {
    for version in BOTH {
        for (qos, kind) in [(QOS1, "PUBACK"), (QOS2, "PUBREC")] {
            for &reason in ReasonCode::ALL {
                let mut config = config(version);
                config.acknowledgement = Acknowledgement::Manual;
                let mut desk = Desk::connected(config);
                desk.publish_from_server("a", 5, qos, false);
                let [ClientEvent::Received { token, .. }] = desk.events()[..] else { panic!() };
                desk.client.acknowledge(token, reason, desk.now);
                let sent = desk.sent();
                assert!(sent.len() == 1 && sent[0].starts_with(kind), "{reason}: {sent:?}");
                assert_eq!(
                    sent[0].contains("0x8") || sent[0].contains("0x9"),
                    version == V5 && reason.is_error()
                );
            }
        }
    }
}
