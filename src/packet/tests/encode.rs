//! What can't be sent is refused before a byte is written (S56 and S57).

use alloc::{string::String, vec, vec::Vec};

use bytes::{BufMut, BytesMut};

use super::{BOTH, V3, V5, encoded, id, samples};
use crate::{
    QoS, SubscriptionIdentifiers, TopicError,
    packet::{
        Ack, Auth, ConnAck, Connect, Disconnect, EncodeError, Fault, Filters, Packet, PacketType, Properties,
        Property, ProtocolVersion, Publish, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe,
        Subscription, TopicFilters, UnsubAck, Unsubscribe, Will,
    },
};

const PUBLISH: Publish<'static> = Publish {
    duplicate: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "t",
    packet_id: None,
    properties: Properties::NONE,
    payload: b"",
};
const CONNECT: Connect<'static> = Connect {
    version: ProtocolVersion::V5,
    clean_start: true,
    keep_alive: 0,
    client_id: "",
    will: None,
    user_name: None,
    password: None,
    properties: Properties::NONE,
};

fn refused(packet: Packet<'_>, version: ProtocolVersion, error: EncodeError) {
    assert_eq!(encoded(&packet, version), Err(error), "{packet}");
}

const fn invalid(field: &'static str, fault: Fault) -> EncodeError {
    EncodeError::Invalid { field, fault }
}

/// [MQTT-3.3.1-2] [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] (both versions), [MQTT-2.3.1-1] (3.1.1)
/// [MQTT-2.3.1-5] (3.1.1), [MQTT-2.2.1-2] (5.0)
#[test]
fn s57_bad_publishes_are_not_sent() {
    for version in BOTH {
        for (publish, error) in [
            (Publish { topic: "", ..PUBLISH }, invalid("topic name", Fault::TopicEmpty)),
            (Publish { topic: "a/#", ..PUBLISH }, invalid("topic name", Fault::TopicWildcard)),
            (Publish { topic: "a\0", ..PUBLISH }, invalid("topic name", Fault::ContainsNul)),
            (Publish { duplicate: true, ..PUBLISH }, invalid("duplicate", Fault::DuplicateQoS0)),
            (
                Publish { packet_id: Some(id(1)), ..PUBLISH },
                invalid("packet identifier", Fault::PacketIdUnexpected),
            ),
            (
                Publish { qos: QoS::AtLeastOnce, ..PUBLISH },
                invalid("packet identifier", Fault::PacketIdMissing),
            ),
        ] {
            refused(Packet::Publish(publish), version, error);
            let mut out = Vec::new();
            assert_eq!(publish.encode_header(version, &mut out), Err(error));
            assert!(out.is_empty());
        }
    }
}

/// Each byte of it is looked at, which takes Miri minutes.
#[cfg(not(miri))]
#[test]
fn s57_a_topic_has_65_535_bytes_at_most() {
    let long = "t".repeat(65_536);
    for version in BOTH {
        let error = EncodeError::TextTooLong { field: "topic name" };
        refused(Packet::Publish(Publish { topic: &long, ..PUBLISH }), version, error);
        assert!(encoded(&Packet::Publish(Publish { topic: &long[1..], ..PUBLISH }), version).is_ok());
    }
}

/// [MQTT-4.7.3-1] (both versions), [MQTT-3.1.2-22] (3.1.1)
#[test]
fn s57_bad_connects_are_not_sent() {
    let will =
        Will { topic: "w", payload: b"", qos: QoS::AtMostOnce, retain: false, properties: Properties::NONE };
    let long = String::from_utf8(vec![b'x'; 65_536]).unwrap();
    let too_long = |field| EncodeError::TextTooLong { field };
    for (connect, error) in [
        (Connect { client_id: "\0", ..CONNECT }, invalid("client identifier", Fault::ContainsNul)),
        (Connect { client_id: &long, ..CONNECT }, too_long("client identifier")),
        (Connect { user_name: Some(&long), ..CONNECT }, too_long("user name")),
        (Connect { password: Some(long.as_bytes()), ..CONNECT }, too_long("password")),
        (
            Connect { will: Some(Will { topic: "", ..will }), ..CONNECT },
            invalid("will topic", Fault::TopicEmpty),
        ),
        (
            Connect { will: Some(Will { payload: long.as_bytes(), ..will }), ..CONNECT },
            too_long("will payload"),
        ),
        (
            Connect { version: V3, password: Some(b""), ..CONNECT },
            invalid("connect flags", Fault::PasswordWithoutUserName),
        ),
    ] {
        // The version of the connection plays no part.
        BOTH.iter().for_each(|version| refused(Packet::Connect(connect), *version, error));
    }
    assert!(encoded(&Packet::Connect(Connect { password: Some(b""), ..CONNECT }), V3).is_ok());
}

fn subscribe<'a>(filters: &'a [Subscription<'a>]) -> Packet<'a> {
    Packet::Subscribe(Subscribe {
        packet_id: id(1),
        properties: Properties::NONE,
        filters: Filters::new(filters),
    })
}

fn unsubscribe<'a>(filters: &'a [&'a str]) -> Packet<'a> {
    let filters = TopicFilters::new(filters);
    Packet::Unsubscribe(Unsubscribe { packet_id: id(1), properties: Properties::NONE, filters })
}

/// [MQTT-3.10.3-2] [MQTT-4.7.3-1] (both versions), [MQTT-3.8.3-3] [MQTT-4.7.1-2] (3.1.1), [MQTT-3.8.3-2]
/// [MQTT-3.8.3-4] [MQTT-4.7.1-1] [MQTT-4.8.2-2] (5.0)
#[test]
fn s57_bad_lists_are_not_sent() {
    let bad_filter = |error| invalid("topic filter", Fault::TopicFilter(error));
    for version in BOTH {
        refused(subscribe(&[]), version, invalid("topic filter", Fault::SubscribeEmpty));
        refused(unsubscribe(&[]), version, invalid("topic filter", Fault::UnsubscribeEmpty));
        let bad = [Subscription::new("ok", QoS::AtMostOnce), Subscription::new("a#", QoS::AtMostOnce)];
        refused(subscribe(&bad), version, bad_filter(TopicError::MultiLevelWildcard));
        refused(unsubscribe(&["ok", ""]), version, bad_filter(TopicError::Empty));
    }
    refused(unsubscribe(&["$share/g"]), V5, bad_filter(TopicError::ShareName));
    assert!(encoded(&unsubscribe(&["$share/g"]), V3).is_ok());
    let plain = Subscription::new("$share/g/t", QoS::AtMostOnce);
    let no_local = [Subscription { no_local: true, ..plain }];
    refused(subscribe(&no_local), V5, invalid("subscription options", Fault::NoLocalOnShared));
    for option in [
        Subscription { no_local: true, ..plain },
        Subscription { retain_as_published: true, ..plain },
        Subscription { retain_handling: RetainHandling::SendIfNew, ..plain },
    ] {
        refused(subscribe(&[option]), V3, EncodeError::NotInThisVersion { field: "subscription options" });
    }
}

/// [MQTT-3.2.2-4] (3.1.1), [MQTT-3.2.2-6] [MQTT-3.2.2-8] [MQTT-3.6.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] (5.0)
/// [MQTT-3.14.2-1] [MQTT-3.15.2-1] (5.0)
#[test]
fn s57_reason_codes_outside_the_packets_table_are_not_sent() {
    let none = Properties::NONE;
    let bad = |packet, reason: ReasonCode| {
        invalid("reason code", Fault::ReasonCode { packet, code: reason.as_u8() })
    };
    let reason = ReasonCode::KeepAliveTimeout;
    refused(
        Packet::ConnAck(ConnAck { session_present: false, reason, properties: none }),
        V5,
        bad(PacketType::ConnAck, reason),
    );
    refused(Packet::PubRel(Ack::new(id(1), reason)), V5, bad(PacketType::PubRel, reason));
    refused(Packet::Auth(Auth { reason, properties: none }), V5, bad(PacketType::Auth, reason));
    let granted = ReasonCode::GrantedQoS1;
    refused(
        Packet::Disconnect(Disconnect { reason: granted, properties: none }),
        V5,
        bad(PacketType::Disconnect, granted),
    );
    let reasons = ReasonCodes::new(&[ReasonCode::Success, ReasonCode::KeepAliveTimeout]);
    refused(
        Packet::SubAck(SubAck { packet_id: id(1), properties: none, reasons }),
        V5,
        bad(PacketType::SubAck, reason),
    );
    let reasons = ReasonCodes::new(&[]);
    let missing = |packet| invalid("reason code", Fault::ReasonCodesMissing(packet));
    refused(
        Packet::UnsubAck(UnsubAck { packet_id: id(1), properties: none, reasons }),
        V5,
        missing(PacketType::UnsubAck),
    );
    refused(
        Packet::SubAck(SubAck { packet_id: id(1), properties: none, reasons }),
        V3,
        missing(PacketType::SubAck),
    );
    let present = ConnAck { session_present: true, reason: ReasonCode::NotAuthorized, properties: none };
    BOTH.iter().for_each(|version| {
        let error = invalid("session present", Fault::SessionPresentOnRefusal);
        refused(Packet::ConnAck(present), *version, error);
    });
}

/// 3.1.1 has six return codes for CONNACK, one code for a failed subscription and none for UNSUBACK.
/// [MQTT-3.2.2-6] [MQTT-3.9.3-2] (3.1.1)
#[test]
fn reasons_of_5_0_are_mapped_to_3_1_1() {
    let ack =
        |reason| Packet::ConnAck(ConnAck { session_present: false, reason, properties: Properties::NONE });
    for (code, reason) in [
        (0, ReasonCode::Success),
        (1, ReasonCode::UnsupportedProtocolVersion),
        (2, ReasonCode::ClientIdentifierNotValid),
        (3, ReasonCode::ServerUnavailable),
        (4, ReasonCode::BadUserNameOrPassword),
        (5, ReasonCode::NotAuthorized),
    ] {
        assert_eq!(encoded(&ack(reason), V3).unwrap(), [0x20, 2, 0, code]);
        assert_eq!(Packet::decode(&[0x20, 2, 0, code], V3), Ok(ack(reason)));
    }
    refused(ack(ReasonCode::Banned), V3, EncodeError::NotInThisVersion { field: "return code" });

    let (packet_id, properties) = (id(1), Properties::NONE);
    let reasons = ReasonCodes::new(&[ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized]);
    let ack = Packet::SubAck(SubAck { packet_id, properties, reasons });
    assert_eq!(encoded(&ack, V3).unwrap(), [0x90, 4, 0, 1, 2, 0x80]);
    let reasons = ReasonCodes::new(&[ReasonCode::NoSubscriptionExisted]);
    let ack = Packet::UnsubAck(UnsubAck { packet_id, properties, reasons });
    assert_eq!(encoded(&ack, V3).unwrap(), [0xB0, 2, 0, 1]);
}

/// [MQTT-1.5.7-1] [MQTT-3.3.2-8] [MQTT-3.3.2-14] (5.0)
#[test]
fn s57_bad_properties_are_not_sent() {
    let long = "x".repeat(65_536);
    for (list, error) in [
        (
            vec![Property::ReceiveMaximum(1)],
            invalid(
                "receive maximum",
                Fault::PropertyNotAllowed { property: "receive maximum", within: "PUBLISH" },
            ),
        ),
        (
            vec![Property::TopicAlias(1), Property::TopicAlias(1)],
            invalid("topic alias", Fault::PropertyTwice("topic alias")),
        ),
        (vec![Property::TopicAlias(0)], invalid("topic alias", Fault::TopicAliasZero)),
        (
            vec![Property::SubscriptionIdentifier(0)],
            invalid("subscription identifier", Fault::SubscriptionIdentifierZero),
        ),
        (
            vec![Property::SubscriptionIdentifier(268_435_456)],
            invalid("subscription identifier", Fault::PropertyValue("subscription identifier")),
        ),
        (vec![Property::ResponseTopic("+")], invalid("response topic", Fault::ResponseTopicWildcard)),
        (vec![Property::ContentType("\0")], invalid("content type", Fault::ContainsNul)),
        (vec![Property::UserProperty("", "\0")], invalid("user property", Fault::ContainsNul)),
        (vec![Property::UserProperty(&long, "")], EncodeError::TextTooLong { field: "user property" }),
        (
            vec![Property::CorrelationData(long.as_bytes())],
            EncodeError::TextTooLong { field: "correlation data" },
        ),
    ] {
        let properties = Properties::new(&list);
        refused(Packet::Publish(Publish { properties, ..PUBLISH }), V5, error);
        let error = EncodeError::NotInThisVersion { field: "properties" };
        refused(Packet::Publish(Publish { properties, ..PUBLISH }), V3, error);
    }
    for (property, field) in [
        (Property::MaximumQoS(QoS::ExactlyOnce), "maximum QoS"),
        (Property::ReceiveMaximum(0), "receive maximum"),
        (Property::MaximumPacketSize(0), "maximum packet size"),
    ] {
        let list = [property];
        let (reason, properties) = (ReasonCode::Success, Properties::new(&list));
        let ack = Packet::ConnAck(ConnAck { session_present: false, reason, properties });
        refused(ack, V5, invalid(field, Fault::PropertyValue(field)));
    }
    let data = Properties::new(&[Property::AuthenticationData(b"")]);
    let error = invalid("authentication data", Fault::AuthenticationDataWithoutMethod);
    refused(Packet::Connect(Connect { properties: data, ..CONNECT }), V5, error);
    // A wire segment is held to the same rules.
    let two = SubscriptionIdentifiers::from_iter([1, 2]);
    let filters = [Subscription::new("t", QoS::AtMostOnce)];
    let properties = Properties::NONE.with_subscription_identifiers(&two);
    let subscribe = Subscribe { packet_id: id(1), properties, filters: Filters::new(&filters) };
    let error = invalid("subscription identifier", Fault::PropertyTwice("subscription identifier"));
    refused(Packet::Subscribe(subscribe), V5, error);
}

#[test]
fn auth_and_properties_are_not_of_3_1_1() {
    let not_there = |field| EncodeError::NotInThisVersion { field };
    let auth = Auth { reason: ReasonCode::Success, properties: Properties::NONE };
    refused(Packet::Auth(auth), V3, not_there("packet type"));
    for (version, packet) in samples() {
        // A CONNECT goes by its own version.
        if version == V5 && !matches!(packet, Packet::Connect(_)) && alloc::format!("{packet}").contains('[')
        {
            assert!(matches!(encoded(&packet, V3), Err(EncodeError::NotInThisVersion { .. })), "{packet}");
        }
    }
}

/// The largest packet has a remaining length of 268,435,455.
#[test]
fn s56_a_packet_above_the_protocols_limit_is_not_sent() {
    let payload = vec![0; 268_435_455 - 3];
    let publish = Publish { payload: &payload, ..PUBLISH };
    assert_eq!(Packet::Publish(publish).size(V3), Ok(268_435_460));
    let mut header = Vec::new();
    publish.encode_header(V3, &mut header).unwrap();
    assert_eq!(header, [0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b't']);
    // The length of the properties takes one byte more.
    assert_eq!(Packet::Publish(publish).size(V5), Err(EncodeError::TooLarge));
    header.clear();
    assert_eq!(publish.encode_header(V5, &mut header), Err(EncodeError::TooLarge));
    assert!(header.is_empty());
}

/// The same bytes listed again and again: more than any memory holds is only counted. Each is looked at, which takes Miri hours.
#[cfg(not(miri))]
#[test]
fn s56_a_list_above_the_protocols_limit_is_not_sent() {
    let text = "x".repeat(65_535);
    let list = vec![Property::UserProperty(&text, &text); 4_000];
    let properties = Properties::new(&list);
    assert_eq!(Packet::Publish(Publish { properties, ..PUBLISH }).size(V5), Err(EncodeError::TooLarge));
}

#[test]
fn the_header_of_a_publish_is_all_but_its_payload() {
    for (version, packet) in samples() {
        let Packet::Publish(publish) = packet else {
            continue;
        };
        let mut parts = BytesMut::new();
        publish.encode_header(version, &mut parts).unwrap();
        parts.put_slice(publish.payload);
        assert_eq!(parts, encoded(&packet, version).unwrap());
    }
}

#[test]
fn s57_a_buffer_that_is_too_small_is_left_untouched() {
    for (version, packet) in samples() {
        let needed = packet.size(version).unwrap();
        let mut room = vec![0xAA; needed];
        packet.encode(version, &mut &mut room[..]).unwrap();
        assert_eq!(Packet::decode(&room, version), Ok(packet));
        let mut room = vec![0xAA; needed - 1];
        let result = packet.encode(version, &mut &mut room[..]);
        assert_eq!(result, Err(EncodeError::NoRoom { needed }));
        assert!(room.iter().all(|byte| *byte == 0xAA));
    }
}
