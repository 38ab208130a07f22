//! S30 to S36: packet identifiers and flow control.

use mqtt_engine::{
    ClientEvent, Disconnect, DisconnectReason, PublishError, QoS, Subscribe, TopicFilter, Violation,
    packet::{Packet, Property, ReasonCode},
};

use crate::harness::{BOTH, Desk, V5, config, hex, message};

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;

fn subscribe(desk: &mut Desk, filter: &str) {
    let filter = TopicFilter::try_from(filter).unwrap();
    desk.client.subscribe(Subscribe::new(filter, QOS1), desk.now).unwrap();
}

/// [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0)
/// [MQTT-4.3.2-1] (both versions)
#[test]
fn s30_publish_subscribe_and_unsubscribe_share_one_identifier_space() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QOS1);
        subscribe(&mut desk, "b");
        desk.publish("c", QOS1);
        assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "SUBSCRIBE 2 b:1", "PUBLISH 3 q1 c=x"]);
        desk.suback(1, &[ReasonCode::GrantedQoS1]);
        assert!(
            matches!(desk.events()[..], [ClientEvent::Tolerated { .. }]),
            "a SUBACK does not acknowledge a PUBLISH"
        );
        desk.ack(Packet::PubAck, 2);
        assert!(matches!(desk.events()[..], [ClientEvent::Tolerated { .. }]), "nor a PUBACK a SUBSCRIBE");
        desk.suback(2, &[ReasonCode::GrantedQoS1]);
        assert!(matches!(desk.events()[..], [ClientEvent::Subscribed { .. }]));
        assert_eq!(desk.client.pending_publishes(), 2);
    }
}

#[test]
fn s31_a_full_queue_gives_the_message_back_and_says_once_when_there_is_room() {
    let mut config = config(V5);
    config.queue_count = 2;
    let mut desk = Desk::connected(config);
    desk.publish("a", QOS1);
    desk.publish("b", QOS1);
    let refused = message("c", "x", QOS1);
    for _ in 0..3 {
        assert_eq!(
            desk.client.publish(refused.clone(), desk.now),
            Err(PublishError::Blocked(refused.clone()))
        );
    }
    assert!(desk.events().is_empty());
    desk.ack(Packet::PubAck, 1);
    desk.ack(Packet::PubAck, 2);
    let writable = |event: &&ClientEvent| matches!(event, ClientEvent::Writable);
    assert_eq!(desk.events().iter().filter(writable).count(), 1);
    desk.publish("c", QOS1);
}

#[test]
fn s31_all_65_535_identifiers_in_flight() {
    let mut config = config(V5);
    config.queue_count = 70_000;
    config.queue_bytes = 1 << 30;
    config.inflight_maximum = u16::MAX;
    config.outbox_bytes = 1 << 30;
    let mut desk = Desk::connected(config);
    for _ in 0..65_537 {
        desk.publish("a", QOS1);
    }
    assert_eq!(desk.sent().len(), 65_535);
    subscribe(&mut desk, "b");
    assert!(desk.sent().is_empty());
    desk.ack(Packet::PubAck, 1000);
    assert_eq!(desk.sent(), ["SUBSCRIBE 1000 b:1"]);
    desk.ack(Packet::PubAck, 65_535);
    assert_eq!(desk.sent(), ["PUBLISH 65535 q1 a=x"]);
}

/// [MQTT-3.3.4-7] [MQTT-4.9.0-1] [MQTT-4.9.0-2] (5.0)
#[test]
fn s32_a_small_window_does_not_narrow_the_identifiers() {
    let mut config = config(V5);
    config.inflight_maximum = 2;
    let mut desk = Desk::connected(config);
    for _ in 0..5 {
        desk.publish("a", QOS1);
    }
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "PUBLISH 2 q1 a=x"]);
    for (acknowledged, next) in [(2, 3), (3, 4), (4, 5)] {
        desk.ack(Packet::PubAck, acknowledged);
        assert_eq!(desk.sent(), [format!("PUBLISH {next} q1 a=x")], "out of order, with 1 outstanding");
    }
}

/// [MQTT-3.3.4-8] (5.0)
#[test]
fn s33_only_publish_counts_against_the_receive_maximum() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::ReceiveMaximum(1)]);
    subscribe(&mut desk, "a");
    subscribe(&mut desk, "b");
    desk.publish("c", QOS1);
    subscribe(&mut desk, "d");
    assert_eq!(desk.sent(), ["SUBSCRIBE 1 a:1", "SUBSCRIBE 2 b:1", "PUBLISH 3 q1 c=x", "SUBSCRIBE 4 d:1"]);
}

/// [MQTT-4.9.0-3] (5.0)
/// [MQTT-3.3.4-8] (5.0)
#[test]
fn s34_acknowledgements_flow_while_publishes_are_throttled() {
    let mut config = config(V5);
    config.outbox_bytes = 1;
    let mut desk = Desk::new(config);
    desk.connect_with(false, &[Property::ReceiveMaximum(1)]);
    desk.publish("a", QOS1);
    desk.publish("b", QOS1);
    desk.publish_from_server("in", 7, QOS1, false);
    desk.publish_from_server("in", 8, QoS::ExactlyOnce, false);
    desk.events();
    desk.ack(Packet::PubRel, 8);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "PUBACK 7", "PUBREC 8", "PUBCOMP 8"]);
}

#[test]
fn s35_a_message_refused_on_the_spot_leaves_nothing_behind() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(
        false,
        &[Property::MaximumPacketSize(40), Property::MaximumQoS(QOS1), Property::RetainAvailable(false)],
    );
    let large = message("a", &"x".repeat(60), QOS1);
    let exact = message("a", "x", QoS::ExactlyOnce);
    let retained = message("a", "x", QOS1).retained();
    assert_eq!(desk.client.publish(large.clone(), desk.now), Err(PublishError::TooLarge(large)));
    assert_eq!(desk.client.publish(exact.clone(), desk.now), Err(PublishError::QoSNotSupported(exact)));
    assert_eq!(
        desk.client.publish(retained.clone(), desk.now),
        Err(PublishError::RetainNotSupported(retained))
    );
    assert_eq!(desk.client.pending_publishes(), 0);
    desk.publish("b", QOS1);
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 b=x"]);
}

/// 5.0 sections 3.2.2.3.3 and 3.2.2.3.6: 0 is a protocol error.
#[test]
fn s36_a_limit_of_zero_is_a_protocol_error() {
    for connack in ["20 06 00 00 03 21 00 00", "20 08 00 00 05 27 00 00 00 00"] {
        let mut desk = Desk::new(config(V5));
        desk.open();
        desk.sent();
        desk.receive_bytes(&hex(connack));
        let [ClientEvent::Disconnected { reason: DisconnectReason::Malformed(error) }] = desk.events()[..]
        else {
            panic!("accepted")
        };
        assert_eq!(error.reason(), ReasonCode::ProtocolError);
    }
}

#[test]
fn messages_of_every_qos_keep_the_order_of_the_calls() {
    let mut config = config(V5);
    config.inflight_maximum = 1;
    let mut desk = Desk::connected(config);
    for (topic, qos) in [("a", QOS1), ("b", QOS0), ("c", QOS1), ("d", QOS0)] {
        desk.publish(topic, qos);
    }
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 a=x", "PUBLISH q0 b=x"]);
    desk.ack(Packet::PubAck, 1);
    assert_eq!(desk.sent(), ["PUBLISH 2 q1 c=x", "PUBLISH q0 d=x"]);
}

/// [MQTT-4.8.0-1] (3.1.1), [MQTT-4.3.3-3] (5.0)
#[test]
fn a_puback_for_a_qos_2_message_is_a_violation() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QoS::ExactlyOnce);
        desk.ack(Packet::PubAck, 1);
        let reason = DisconnectReason::Misbehaved(Violation::WrongAcknowledgement);
        assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
    }
}

/// What an adapter tells of a good-bye that ended before its time.
#[test]
fn s83_what_remains_of_a_client_that_gives_up() {
    let mut desk = Desk::connected(config(V5));
    assert!(desk.client.remains().is_nothing());
    desk.publish("a", QOS0);
    desk.publish("b", QOS1);
    let remains = desk.client.remains();
    assert_eq!((remains.publishes, remains.bytes), (1, 7 + 9), "of QoS 0 only bytes are left");
    assert_eq!(desk.sent(), ["PUBLISH q0 a=x", "PUBLISH 1 q1 b=x"]);
    desk.client.disconnect(Disconnect::default(), desk.now);
    let remains = desk.client.remains();
    assert_eq!((remains.publishes, remains.bytes), (1, 2));
    desk.client.transport_closed(desk.now);
    let remains = desk.client.remains();
    assert_eq!((remains.publishes, remains.bytes), (1, 0));
    assert!(!remains.is_nothing());
}
