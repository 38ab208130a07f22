//! What the numbered statements ask of a client and no scenario shows.

use std::time::Duration;

use bytes::Bytes;
use mqtt_engine::{
    Acknowledgement, Authentication, ClientEvent, Disconnect, DisconnectReason, QoS, Subscribe,
    SubscriptionIdentifiers, Text, TopicFilter, Transport, Unsubscribe, Violation,
    packet::{Auth, Packet, Properties, Property, Publish, ReasonCode},
};

use crate::harness::{BOTH, Desk, V3, V5, config, encode, hex, message};

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

fn subscribe(desk: &mut Desk, filter: &str) {
    let filter = TopicFilter::try_from(filter).unwrap();
    desk.client.subscribe(Subscribe::new(filter, QOS1), desk.now).unwrap();
}

/// With every identifier in use, the next request shows when one is free.
/// [MQTT-2.3.1-2] [MQTT-2.3.1-3] [MQTT-4.3.3-1] (3.1.1), [MQTT-2.2.1-3] (5.0)
#[test]
fn s31_an_identifier_is_free_at_its_last_acknowledgement_and_not_before() {
    for version in BOTH {
        let mut config = config(version);
        config.queue_count = 70_000;
        config.queue_bytes = 1 << 30;
        config.inflight_maximum = u16::MAX;
        config.outbox_bytes = 1 << 30;
        let mut desk = Desk::connected(config);
        desk.publish("a", QOS2);
        for _ in 1..65_535 {
            desk.publish("a", QOS1);
        }
        assert_eq!(desk.sent().len(), 65_535);
        subscribe(&mut desk, "b");
        desk.ack(Packet::PubRec, 1);
        assert_eq!(desk.sent(), ["PUBREL 1"]);
        desk.ack(Packet::PubComp, 1);
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 b:1"]);
        let filters = [TopicFilter::try_from("b").unwrap()];
        desk.client.unsubscribe(Unsubscribe::new(filters), desk.now).unwrap();
        assert!(desk.sent().is_empty());
        desk.suback(1, &[ReasonCode::GrantedQoS1]);
        assert_eq!(desk.sent(), ["UNSUBSCRIBE 1 b"]);
        subscribe(&mut desk, "c");
        assert!(desk.sent().is_empty());
        desk.receive_bytes(&hex(if version == V5 { "B0 04 00 01 00 00" } else { "B0 02 00 01" }));
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 c:1"]);
        desk.ack(Packet::PubAck, 2);
        desk.publish("d", QOS1);
        assert_eq!(desk.sent(), ["PUBLISH 2 q1 d=x"]);
    }
}

/// On the live connection, and again when the session is resumed.
/// [MQTT-4.6.0-4] (both versions), [MQTT-4.3.3-4] (5.0)
#[test]
fn s02_pubrels_go_out_in_the_order_of_the_pubrecs() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        for topic in ["a", "b", "c"] {
            desk.publish(topic, QOS2);
        }
        desk.sent();
        for number in [2, 3, 1] {
            desk.ack(Packet::PubRec, number);
        }
        assert_eq!(desk.sent(), ["PUBREL 2", "PUBREL 3", "PUBREL 1"]);
        desk.cut();
        desk.connect(true);
        assert_eq!(desk.sent(), ["PUBREL 2", "PUBREL 3", "PUBREL 1"]);
    }
}

/// [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-4] [MQTT-4.3.2-5] (5.0)
#[test]
fn a_qos_1_message_after_its_puback_is_new_whatever_its_dup_says() {
    for version in BOTH {
        for duplicate in [false, true] {
            let mut desk = Desk::connected(config(version));
            desk.publish_from_server("a", 5, QOS1, false);
            desk.publish_from_server("b", 5, QOS1, false);
            assert_eq!(desk.delivered(), ["a", "b"]);
            assert_eq!(desk.sent(), ["PUBACK 5", "PUBACK 5"]);
            desk.publish_from_server("c", 5, QOS1, duplicate);
            assert_eq!(desk.delivered(), ["c"]);
            assert_eq!(desk.sent(), ["PUBACK 5"]);
        }
    }
}

/// Also a message that nobody subscribed to.
/// [MQTT-3.3.4-1] [MQTT-4.5.0-2] (both versions), [MQTT-2.3.1-6] (3.1.1), [MQTT-2.2.1-5] [MQTT-4.3.2-4] (5.0)
/// [MQTT-4.3.3-8] [MQTT-4.3.3-11] (5.0)
#[test]
fn every_message_is_answered_by_its_qos() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        for (number, qos, answer) in
            [(0, QOS0, vec![]), (8, QOS1, vec!["PUBACK 8"]), (9, QOS2, vec!["PUBREC 9"])]
        {
            desk.publish_from_server("a", number, qos, false);
            assert_eq!(desk.delivered(), ["a"]);
            assert_eq!(desk.sent(), answer);
        }
        desk.ack(Packet::PubRel, 9);
        assert_eq!(desk.sent(), ["PUBCOMP 9"]);
    }
}

/// [MQTT-3.1.0-1] (both versions)
#[test]
fn nothing_but_connect_is_sent_before_connack() {
    for version in BOTH {
        let mut desk = Desk::new(config(version));
        desk.publish("a", QOS0);
        desk.publish("b", QOS1);
        subscribe(&mut desk, "c");
        desk.open();
        assert_eq!(desk.sent(), ["CONNECT c"]);
        desk.publish("d", QOS0);
        desk.advance(Duration::from_secs(9));
        assert!(desk.sent().is_empty());
        desk.accept(false, &[]);
        desk.events();
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 c:1", "PUBLISH q0 a=x", "PUBLISH 2 q1 b=x", "PUBLISH q0 d=x"]);
    }
}

/// [MQTT-3.1.2-30] (5.0)
#[test]
fn nothing_but_auth_is_sent_while_the_server_authenticates() {
    let mut config = config(V5);
    config.authentication = Some(Authentication::new("m".try_into().unwrap()));
    let mut desk = Desk::new(config);
    desk.open();
    desk.publish("a", QOS0);
    subscribe(&mut desk, "b");
    assert_eq!(desk.sent(), ["CONNECT c"]);
    for _ in 0..2 {
        let properties = [Property::AuthenticationMethod("m")];
        let properties = Properties::new(&properties);
        desk.receive(&Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties }));
        assert!(desk.sent().is_empty());
        desk.client.authenticate(Some(Bytes::from_static(b"answer")), desk.now);
        assert_eq!(desk.sent(), ["AUTH 0x18"]);
    }
    desk.client.reauthenticate(None, desk.now);
    desk.client.disconnect(Disconnect::default(), desk.now);
    assert!(desk.sent().is_empty());
}

/// [MQTT-4.12.0-7] (5.0)
#[test]
fn a_client_without_an_authentication_method_sends_no_auth() {
    let mut desk = Desk::connected(config(V5));
    desk.client.reauthenticate(Some(Bytes::from_static(b"data")), desk.now);
    desk.client.authenticate(Some(Bytes::from_static(b"data")), desk.now);
    assert!(desk.sent().is_empty() && desk.client.is_connected());
}

/// A 3.1.1 server must refuse the one without the other; 5.0 has no such rule.
/// [MQTT-3.1.3-7] (3.1.1)
#[test]
fn s54_without_a_client_identifier_3_1_1_asks_for_a_clean_session() {
    for (version, connect) in [(V3, "CONNECT  clean"), (V5, "CONNECT ")] {
        let mut config = config(version);
        config.client_id = Text::EMPTY;
        config.clean_start = false;
        let mut desk = Desk::new(config);
        for _ in 0..2 {
            desk.open();
            assert_eq!(desk.sent(), [connect]);
            desk.accept(false, &[]);
            desk.cut();
        }
    }
}

/// [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9] (5.0)
#[test]
fn s13_no_more_aliases_than_the_server_allows() {
    let allowed = |maximum| [Property::TopicAliasMaximum(maximum)];
    for (properties, expected) in [
        (&[][..], ["a", "b", "a"]),
        (&allowed(0)[..], ["a", "b", "a"]),
        (&allowed(1)[..], ["alias1 a", "b", "alias1 "]),
        (&allowed(2)[..], ["alias1 a", "alias2 b", "alias1 "]),
    ] {
        let mut desk = Desk::new(config(V5));
        desk.connect_with(false, properties);
        for topic in ["a", "b", "a"] {
            desk.publish(topic, QOS0);
        }
        assert_eq!(desk.sent(), expected.map(|topic| format!("PUBLISH q0 {topic}=x")));
    }
}

fn aliased(topic: &str, alias: u16) -> Vec<u8> {
    let properties = [Property::TopicAlias(alias)];
    let publish = Publish {
        duplicate: false,
        qos: QOS0,
        retain: false,
        topic,
        packet_id: None,
        properties: Properties::new(&properties),
        payload: b"x",
    };
    encode(&Packet::Publish(publish), V5)
}

/// [MQTT-3.3.2-8] [MQTT-3.3.2-10] [MQTT-3.3.2-11] (5.0)
#[test]
fn s13_every_alias_up_to_the_announced_maximum_is_accepted() {
    let mut config = config(V5);
    config.topic_alias_maximum = 3;
    let mut desk = Desk::new(config);
    desk.open();
    let bytes = desk.sent_bytes();
    let Ok(Packet::Connect(connect)) = Packet::decode(&bytes, V5) else { panic!() };
    assert_eq!(connect.properties.topic_alias_maximum(), Some(3));
    desk.accept(false, &[]);
    desk.events();
    for (topic, alias) in [("a", 1), ("b", 2), ("c", 3), ("", 2), ("d", 2), ("", 2), ("", 1), ("", 3)] {
        desk.receive_bytes(&aliased(topic, alias));
    }
    assert_eq!(desk.delivered(), ["a", "b", "c", "b", "d", "d", "a", "c"]);
    desk.receive_bytes(&aliased("a", 4));
    let reason = DisconnectReason::Misbehaved(Violation::TopicAliasOutOfRange);
    assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
    assert_eq!(desk.sent(), ["DISCONNECT 0x94"]);

    let mut desk = Desk::connected(crate::harness::config(V5));
    desk.receive_bytes(&hex("30 08 00 01 61 03 23 00 00 78"));
    assert_eq!(desk.sent(), ["DISCONNECT 0x94"]);
}

/// Aliases of the server end with their connection, too.
/// [MQTT-3.3.2-7] (5.0)
#[test]
fn s13_an_alias_of_a_former_connection_is_unknown() {
    let mut desk = Desk::connected(config(V5));
    desk.receive_bytes(&aliased("a", 1));
    assert_eq!(desk.delivered(), ["a"]);
    desk.cut();
    desk.connect(true);
    desk.receive_bytes(&aliased("", 1));
    let reason = DisconnectReason::Misbehaved(Violation::TopicAliasUnknown);
    assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
}

/// [MQTT-3.3.4-6] (5.0)
#[test]
fn a_published_message_carries_no_subscription_identifier() {
    let mut desk = Desk::connected(config(V5));
    let mut message = message("a", "x", QOS0);
    message.properties.subscription_identifiers = SubscriptionIdentifiers::from_iter([1, 2]);
    desk.client.publish(message, desk.now).unwrap();
    assert_eq!(desk.sent_bytes(), hex("30 05 00 01 61 00 78"));
}

/// Acknowledgements are a code at most, so they fit into every Maximum Packet Size.
/// [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] (5.0)
/// [MQTT-3.7.2-3] (5.0)
#[test]
fn s56_acknowledgements_carry_no_words() {
    let mut config = config(V5);
    config.acknowledgement = Acknowledgement::Manual;
    let mut desk = Desk::new(config);
    desk.connect_with(false, &[Property::MaximumPacketSize(5)]);
    for (number, qos, expected) in [(7, QOS1, "40 03 00 07 87"), (8, QOS2, "50 03 00 08 87")] {
        desk.publish_from_server("a", number, qos, false);
        let [ClientEvent::Received { token, .. }] = desk.events()[..] else { panic!() };
        desk.client.acknowledge(token, ReasonCode::NotAuthorized, desk.now);
        assert_eq!(desk.sent_bytes(), hex(expected));
    }
    desk.ack(Packet::PubRec, 9);
    assert_eq!(desk.sent_bytes(), hex("62 03 00 09 92"));
    desk.ack(Packet::PubRel, 9);
    assert_eq!(desk.sent_bytes(), hex("70 03 00 09 92"));
}

/// [MQTT-3.14.2-2] (5.0)
#[test]
fn a_servers_disconnect_with_a_session_expiry_is_a_violation() {
    let mut desk = Desk::connected(config(V5));
    desk.receive_bytes(&hex("E0 07 00 05 11 00 00 00 09"));
    let reason = DisconnectReason::Misbehaved(Violation::SessionExpiryNotAllowed);
    assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
    assert_eq!(desk.sent(), ["DISCONNECT 0x82"]);
}

/// The refusal of a QoS 1 message is its last word; [`Packet::PubRec`] is in `s25_a_refusing_pubrec_ends_the_exchange`.
/// [MQTT-4.3.2-3] [MQTT-4.4.0-2] (5.0)
#[test]
fn s25_a_refusing_puback_ends_the_exchange() {
    let mut desk = Desk::connected(config(V5));
    desk.publish("a", QOS1);
    desk.sent();
    desk.nack(Packet::PubAck, 1, ReasonCode::QuotaExceeded);
    assert_eq!(desk.fates(), ["0 Refused { reason: QuotaExceeded }"]);
    desk.cut();
    desk.connect(true);
    assert!(desk.sent().is_empty());
}

/// A server's DISCONNECT, whatever its code: nothing is said any more, and the transport is to be closed.
/// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1] (5.0)
#[test]
fn a_disconnect_of_the_server_ends_the_connection() {
    for reason in [ReasonCode::Success, ReasonCode::NotAuthorized, ReasonCode::ServerShuttingDown] {
        let mut desk = Desk::connected(config(V5));
        desk.receive(&Packet::Disconnect(mqtt_engine::packet::Disconnect {
            reason,
            properties: Properties::NONE,
        }));
        desk.publish("a", QOS0);
        assert!(desk.sent().is_empty());
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    }
}
