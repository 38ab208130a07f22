//! A packet of every kind with every field and property.

use alloc::{vec, vec::Vec};

use super::{V3, V5, id};
use crate::{
    PayloadFormat, QoS,
    packet::{
        Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketType, Properties, Property as P,
        ProtocolVersion, Publish, ReasonCode as R, ReasonCodes, RetainHandling, SubAck, Subscribe,
        Subscription, TopicFilters, UnsubAck, Unsubscribe, Will,
    },
};

const CONNECT: Properties<'static> = Properties::new(&[
    P::SessionExpiryInterval(u32::MAX),
    P::ReceiveMaximum(1),
    P::MaximumPacketSize(268_435_460),
    P::TopicAliasMaximum(65_535),
    P::RequestResponseInformation(true),
    P::RequestProblemInformation(false),
    P::UserProperty("a", "1"),
    P::UserProperty("a", ""),
    P::AuthenticationMethod("SCRAM"),
    P::AuthenticationData(&[0, 255]),
]);
const WILL: Properties<'static> = Properties::new(&[
    P::WillDelayInterval(7),
    P::PayloadFormatIndicator(PayloadFormat::Utf8),
    P::MessageExpiryInterval(1),
    P::ContentType("text/plain"),
    P::ResponseTopic("answer"),
    P::CorrelationData(b"\x00\x01"),
    P::UserProperty("\u{FEFF}", "ü"),
]);
const CONNACK: Properties<'static> = Properties::new(&[
    P::SessionExpiryInterval(0),
    P::ReceiveMaximum(65_535),
    P::MaximumQoS(QoS::AtLeastOnce),
    P::RetainAvailable(false),
    P::MaximumPacketSize(1),
    P::AssignedClientIdentifier("auto-1"),
    P::TopicAliasMaximum(0),
    P::ReasonString("why not"),
    P::UserProperty("", ""),
    P::WildcardSubscriptionAvailable(true),
    P::SubscriptionIdentifierAvailable(true),
    P::SharedSubscriptionAvailable(false),
    P::ServerKeepAlive(30),
    P::ResponseInformation("answers/"),
    P::ServerReference("other:1883"),
    P::AuthenticationMethod("SCRAM"),
    P::AuthenticationData(b""),
]);
const PUBLISH: Properties<'static> = Properties::new(&[
    P::PayloadFormatIndicator(PayloadFormat::Unspecified),
    P::MessageExpiryInterval(u32::MAX),
    P::TopicAlias(1),
    P::ResponseTopic("answer/here"),
    P::CorrelationData(b"42"),
    P::UserProperty("k", "v"),
    P::SubscriptionIdentifier(1),
    P::SubscriptionIdentifier(268_435_455),
    P::ContentType("application/json"),
]);
const ANSWER: Properties<'static> = Properties::new(&[P::ReasonString("words"), P::UserProperty("k", "v")]);
const SUBSCRIBE: Properties<'static> =
    Properties::new(&[P::SubscriptionIdentifier(128), P::UserProperty("k", "v")]);
const UNSUBSCRIBE: Properties<'static> = Properties::new(&[P::UserProperty("k", "v")]);
const DISCONNECT: Properties<'static> = Properties::new(&[
    P::SessionExpiryInterval(60),
    P::ReasonString("words"),
    P::UserProperty("k", "v"),
    P::ServerReference("other:1883"),
]);
const AUTH: Properties<'static> = Properties::new(&[
    P::AuthenticationMethod("SCRAM"),
    P::AuthenticationData(&[1, 2, 3]),
    P::ReasonString("words"),
    P::UserProperty("k", "v"),
]);

const FILTERS: &[Subscription<'static>] = &[
    Subscription::new("a/+/c", QoS::AtMostOnce),
    Subscription::new("#", QoS::ExactlyOnce),
    Subscription::new("$SYS/#", QoS::AtLeastOnce),
];
const FILTERS_WITH_OPTIONS: &[Subscription<'static>] = &[
    Subscription {
        filter: "a/#",
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: false,
        retain_handling: RetainHandling::SendIfNew,
    },
    Subscription {
        filter: "$share/group/+",
        qos: QoS::ExactlyOnce,
        no_local: false,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    },
];

/// The packets, each in its version. Every one of the fifteen kinds and of the twenty-seven properties occurs.
pub(crate) fn samples() -> Vec<(ProtocolVersion, Packet<'static>)> {
    let mut samples = vec![];
    for version in [V3, V5] {
        samples.extend(of_both(version).into_iter().map(|packet| (version, packet)));
    }
    samples.extend(of_5().into_iter().map(|packet| (V5, packet)));
    samples
}

fn of_both(version: ProtocolVersion) -> Vec<Packet<'static>> {
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    };
    let will = Will {
        topic: "gone",
        payload: b"",
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: Properties::NONE,
    };
    let publish = Publish {
        duplicate: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "t",
        packet_id: None,
        properties: Properties::NONE,
        payload: b"",
    };
    let ack = Ack::new(id(65_535), R::Success);
    let unsubscribed: &[R] = if version == V3 { &[] } else { &[R::Success] };
    vec![
        Packet::Connect(connect),
        Packet::Connect(Connect {
            clean_start: false,
            keep_alive: 65_535,
            client_id: "client",
            will: Some(will),
            user_name: Some("user"),
            password: Some(&[0, 0xFF]),
            ..connect
        }),
        Packet::ConnAck(ConnAck { session_present: true, reason: R::Success, properties: Properties::NONE }),
        Packet::ConnAck(ConnAck {
            session_present: false,
            reason: R::NotAuthorized,
            properties: Properties::NONE,
        }),
        Packet::Publish(publish),
        Packet::Publish(Publish {
            duplicate: true,
            qos: QoS::ExactlyOnce,
            retain: true,
            packet_id: Some(id(256)),
            payload: b"\x00payload\xff",
            ..publish
        }),
        Packet::PubAck(ack),
        Packet::PubRec(ack),
        Packet::PubRel(ack),
        Packet::PubComp(ack),
        Packet::Subscribe(Subscribe {
            packet_id: id(1),
            properties: Properties::NONE,
            filters: Filters::new(FILTERS),
        }),
        Packet::SubAck(SubAck {
            packet_id: id(1),
            properties: Properties::NONE,
            reasons: ReasonCodes::new(&[R::Success, R::GrantedQoS1, R::GrantedQoS2, R::UnspecifiedError]),
        }),
        Packet::Unsubscribe(Unsubscribe {
            packet_id: id(2),
            properties: Properties::NONE,
            filters: TopicFilters::new(&["a/+/c", "#"]),
        }),
        Packet::UnsubAck(UnsubAck {
            packet_id: id(2),
            properties: Properties::NONE,
            reasons: ReasonCodes::new(unsubscribed),
        }),
        Packet::PingReq,
        Packet::PingResp,
        Packet::Disconnect(Disconnect { reason: R::Success, properties: Properties::NONE }),
    ]
}

fn of_5() -> Vec<Packet<'static>> {
    let failed = Ack { packet_id: id(1), reason: R::QuotaExceeded, properties: ANSWER };
    let unknown = Ack { packet_id: id(1), reason: R::PacketIdentifierNotFound, properties: ANSWER };
    vec![
        Packet::Connect(Connect {
            version: V5,
            clean_start: false,
            keep_alive: 1,
            client_id: "c",
            will: Some(Will {
                topic: "gone",
                payload: b"bye",
                qos: QoS::AtLeastOnce,
                retain: false,
                properties: WILL,
            }),
            user_name: None,
            password: Some(b"secret"),
            properties: CONNECT,
        }),
        Packet::ConnAck(ConnAck { session_present: false, reason: R::ServerMoved, properties: CONNACK }),
        Packet::Publish(Publish {
            duplicate: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "",
            packet_id: Some(id(1)),
            properties: PUBLISH,
            payload: b"{}",
        }),
        Packet::PubAck(Ack::new(id(1), R::NoMatchingSubscribers)),
        Packet::PubAck(Ack { reason: R::Success, ..failed }),
        Packet::PubRec(failed),
        Packet::PubRel(unknown),
        Packet::PubComp(unknown),
        Packet::Subscribe(Subscribe {
            packet_id: id(1),
            properties: SUBSCRIBE,
            filters: Filters::new(FILTERS_WITH_OPTIONS),
        }),
        Packet::SubAck(SubAck {
            packet_id: id(1),
            properties: ANSWER,
            reasons: ReasonCodes::new(&[R::GrantedQoS2, R::SharedSubscriptionsNotSupported]),
        }),
        Packet::Unsubscribe(Unsubscribe {
            packet_id: id(1),
            properties: UNSUBSCRIBE,
            filters: TopicFilters::new(&["$share/group/+"]),
        }),
        Packet::UnsubAck(UnsubAck {
            packet_id: id(1),
            properties: ANSWER,
            reasons: ReasonCodes::new(&[R::NoSubscriptionExisted, R::Success]),
        }),
        Packet::Disconnect(Disconnect { reason: R::SessionTakenOver, properties: Properties::NONE }),
        Packet::Disconnect(Disconnect { reason: R::Success, properties: DISCONNECT }),
        Packet::Auth(Auth { reason: R::Success, properties: Properties::NONE }),
        Packet::Auth(Auth { reason: R::ReAuthenticate, properties: Properties::NONE }),
        Packet::Auth(Auth { reason: R::ContinueAuthentication, properties: AUTH }),
    ]
}

#[test]
fn the_samples_have_every_packet_and_property() {
    let samples = samples();
    for number in 1..=15 {
        let packet_type = PacketType::from_u8(number).unwrap();
        assert!(samples.iter().any(|(_, packet)| packet.packet_type() == packet_type), "{packet_type}");
    }
    let lists = [CONNECT, WILL, CONNACK, PUBLISH, ANSWER, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH];
    let mut ids: Vec<u8> = lists.iter().flat_map(|list| list.iter()).map(|property| property.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 27);
}
