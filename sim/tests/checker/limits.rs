//! What the peer has announced, and time.

use mqtt_engine::{
    QoS, UserProperties,
    packet::{
        Ack, Packet, Properties, Property, Publish, ReasonCode, ReasonCodes, SubAck, Subscription, UnsubAck,
    },
};
use mqtt_engine_sim::checker::{Role, Rule};

use crate::talk::*;

const WORDS: &[Property<'static>] = &[Property::ReasonString("for people, at length")];

pub fn talks() -> Vec<Talk> {
    [sizes(), words(), availability(), time()].concat()
}

fn sizes() -> Vec<Talk> {
    let mut talks = Vec::new();
    for role in [Role::Client, Role::Server] {
        let small = |name| Talk::v5(name, role).limited(&[Property::MaximumPacketSize(9)], &[]);
        let aliases = |name| Talk::v5(name, role).limited(&[Property::TopicAliasMaximum(2)], &[]);
        let nine = Packet::Publish(Publish { payload: b"123", ..message(0, QoS::AtMostOnce) });
        let ten = Packet::Publish(Publish { payload: b"1234", ..message(0, QoS::AtMostOnce) });
        talks.extend([
            small("nine bytes").me(&nine),
            small("ten bytes").me(&ten).breaks(&[Rule::PacketSize]),
            aliases("aliases")
                .me(&aliased("t", &[Property::TopicAlias(2)]))
                .me(&aliased("", &[Property::TopicAlias(2)]))
                .me(&aliased("u", &[Property::TopicAlias(2)])),
            aliases("an alias too high")
                .me(&aliased("t", &[Property::TopicAlias(3)]))
                .breaks(&[Rule::TopicAliasMaximum]),
            aliases("an alias that was not set")
                .me(&aliased("", &[Property::TopicAlias(1)]))
                .breaks(&[Rule::TopicAliasUnset]),
            aliases("an alias of a former connection")
                .me(&aliased("t", &[Property::TopicAlias(1)]))
                .broken()
                .limited(&[Property::TopicAliasMaximum(2)], &[])
                .me(&aliased("", &[Property::TopicAlias(1)]))
                .breaks(&[Rule::TopicAliasUnset]),
            Talk::v5("no aliases", role)
                .connected()
                .me(&aliased("t", &[Property::TopicAlias(1)]))
                .breaks(&[Rule::TopicAliasMaximum]),
        ]);
    }
    talks
}

/// Reason strings and user properties.
fn words() -> Vec<Talk> {
    let ack = |number, list: &'static [Property<'static>]| Ack {
        packet_id: id(number),
        reason: ReasonCode::Success,
        properties: Properties::new(list),
    };
    let suback = Packet::SubAck(SubAck {
        packet_id: id(1),
        properties: Properties::new(WORDS),
        reasons: ReasonCodes::new(&[ReasonCode::Success]),
    });
    let unsuback = Packet::UnsubAck(UnsubAck {
        packet_id: id(1),
        properties: Properties::new(WORDS),
        reasons: ReasonCodes::new(&[ReasonCode::Success]),
    });
    let mut talks = Vec::new();
    for role in [Role::Client, Role::Server] {
        let small = |name| Talk::v5(name, role).limited(&[Property::MaximumPacketSize(20)], &[]);
        let broken = [Rule::WordsSize];
        talks.extend([
            small("PUBACK").peer(&qos1(1)).me(&Packet::PubAck(ack(1, WORDS))).breaks(&broken),
            small("PUBREC").peer(&qos2(1)).me(&Packet::PubRec(ack(1, WORDS))).breaks(&broken),
            small("PUBCOMP").peer(&pubrel(1)).me(&Packet::PubComp(ack(1, WORDS))).breaks(&broken),
            small("PUBREL").me(&qos2(1)).peer(&pubrec(1)).me(&Packet::PubRel(ack(1, WORDS))).breaks(&broken),
            small("DISCONNECT").me(&disconnect_with(ReasonCode::UnspecifiedError, WORDS)).breaks(&broken),
        ]);
    }
    let small = |name| Talk::v5(name, Role::Server).limited(&[Property::MaximumPacketSize(20)], &[]);
    let silent =
        |name| Talk::v5(name, Role::Server).limited(&[Property::RequestProblemInformation(false)], &[]);
    let connect = || connect_with(&[Property::MaximumPacketSize(20)]);
    let unwanted = [Rule::ProblemInformation];
    talks.extend([
        small("SUBACK").peer(&subscribe_one(1)).me(&suback).breaks(&[Rule::WordsSize]),
        small("UNSUBACK").peer(&unsubscribe(1)).me(&unsuback).breaks(&[Rule::WordsSize]),
        Talk::v5("CONNACK", Role::Server)
            .peer(&connect())
            .me(&connack(ReasonCode::NotAuthorized, WORDS))
            .breaks(&[Rule::WordsSize]),
        silent("on SUBACK").peer(&subscribe_one(1)).me(&suback).breaks(&unwanted),
        silent("on PUBACK").peer(&qos1(1)).me(&Packet::PubAck(ack(1, WORDS))).breaks(&unwanted),
        silent("on PUBACK, as pairs")
            .peer(&qos1(1))
            .me(&Packet::PubAck(ack(1, &[Property::UserProperty("a", "b")])))
            .breaks(&unwanted),
        silent("on DISCONNECT").me(&disconnect_with(ReasonCode::ServerBusy, WORDS)),
        Talk::v5("on PUBACK, wanted", Role::Server)
            .connected()
            .peer(&qos1(1))
            .me(&Packet::PubAck(ack(1, WORDS))),
    ]);
    let mut pairs = UserProperties::new();
    pairs.push("a", "b").unwrap();
    let properties = Properties::NONE.with_user_properties(&pairs);
    let publish = Packet::Publish(Publish { properties, ..message(0, QoS::AtMostOnce) });
    talks.push(silent("on PUBLISH").me(&publish));
    talks
}

fn availability() -> Vec<Talk> {
    const WILDCARD: &[Subscription<'static>] = &[Subscription::new("a/+", QoS::AtMostOnce)];
    const SHARED: &[Subscription<'static>] = &[Subscription::new("$share/g/a", QoS::AtMostOnce)];
    const IDENTIFIER: &[Property<'static>] = &[Property::SubscriptionIdentifier(1)];
    let poor = |name| {
        Talk::v5(name, Role::Client).limited(
            &[
                Property::MaximumQoS(QoS::AtLeastOnce),
                Property::RetainAvailable(false),
                Property::WildcardSubscriptionAvailable(false),
                Property::SubscriptionIdentifierAvailable(false),
                Property::SharedSubscriptionAvailable(false),
            ],
            &[],
        )
    };
    let rich = |name| Talk::v5(name, Role::Client).connected();
    let retained = Packet::Publish(Publish { retain: true, ..message(0, QoS::AtMostOnce) });
    vec![
        poor("QoS 1").me(&qos1(1)),
        poor("QoS 2").me(&qos2(1)).breaks(&[Rule::MaximumQoS]),
        poor("RETAIN").me(&retained).breaks(&[Rule::RetainAvailable]),
        poor("wildcard").me(&subscribe(1, WILDCARD)).breaks(&[Rule::WildcardAvailable]),
        poor("shared").me(&subscribe(1, SHARED)).breaks(&[Rule::SharedSubscriptionAvailable]),
        poor("identifier").me(&identified(1, IDENTIFIER)).breaks(&[Rule::SubscriptionIdentifierAvailable]),
        poor("unsubscribe").me(&unsubscribe(1)),
        rich("everything")
            .me(&qos2(1))
            .me(&retained)
            .me(&subscribe(2, WILDCARD))
            .me(&subscribe(3, SHARED))
            .me(&identified(4, IDENTIFIER)),
        rich("an identifier in PUBLISH")
            .me(&aliased("t", IDENTIFIER))
            .breaks(&[Rule::SubscriptionIdentifierSent]),
        Talk::v5("QoS 2 to a client", Role::Server).connected().me(&qos2(1)),
        Talk::v5("what was announced as not available is a fault", Role::Server)
            .limited(&[], &[Property::SharedSubscriptionAvailable(false)])
            .peer(&subscribe(1, SHARED))
            .me(&suback(1, &[ReasonCode::Success]))
            .breaks(&[Rule::ClosesAfterFault]),
    ]
}

fn time() -> Vec<Talk> {
    let mut talks = Vec::new();
    for version in VERSIONS {
        let ten = |name, role| {
            let talk = Talk::new(name, role, version).client(&with_keep_alive(version, 10));
            talk.server(&accepted(false))
        };
        talks.extend([
            ten("in time", Role::Client).pass(10_000).me(&Packet::PingReq).pass(10_999).me(&qos0()),
            ten("too late", Role::Client)
                .pass(11_001)
                .pass(1)
                .me(&Packet::PingReq)
                .pass(9_000)
                .breaks(&[Rule::KeepAlive]),
            ten("twice too late", Role::Client)
                .pass(11_001)
                .me(&Packet::PingReq)
                .peer(&Packet::PingResp)
                .pass(11_001)
                .me(&Packet::PingReq)
                .breaks(&[Rule::KeepAlive; 2]),
            ten("exactly", Role::Client)
                .with(|settings| settings.lateness = core::time::Duration::ZERO)
                .pass(9_999)
                .me(&Packet::PingReq)
                .pass(10_001)
                .breaks(&[Rule::KeepAlive]),
            ten("not after DISCONNECT", Role::Client).me(&disconnect()).pass(30_000),
            ten("patient", Role::Server).pass(15_000).peer(&qos0()).pass(15_999),
            ten("too patient", Role::Server).pass(16_001).pass(5_000).breaks(&[Rule::KeepAliveEnforced]),
        ]);
    }
    let timeout = disconnect_with(ReasonCode::KeepAliveTimeout, &[]);
    let server =
        |name, seconds| Talk::v5(name, Role::Server).peer(&with_keep_alive(V5, seconds)).me(&accepted(false));
    let five = [Property::ServerKeepAlive(5)];
    talks.extend([
        server("given up", 10).pass(15_000).me(&timeout),
        server("given up too early", 10).pass(14_999).me(&timeout).breaks(&[Rule::KeepAlivePatience]),
        server("given up without a limit", 0).pass(90_000).me(&timeout).breaks(&[Rule::KeepAlivePatience]),
        Talk::v5("the server's keep alive", Role::Client)
            .me(&with_keep_alive(V5, 10))
            .peer(&connack(ReasonCode::Success, &five))
            .pass(6_001)
            .breaks(&[Rule::KeepAlive]),
        Talk::v5("the server's own keep alive", Role::Server)
            .peer(&with_keep_alive(V5, 10))
            .me(&connack(ReasonCode::Success, &five))
            .pass(8_501)
            .breaks(&[Rule::KeepAliveEnforced]),
    ]);
    talks
}
