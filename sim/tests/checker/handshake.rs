//! From the first byte to CONNACK, sessions, authentication.

use mqtt_engine::{
    QoS,
    packet::{Connect, Packet, Property, ReasonCode},
};
use mqtt_engine_sim::checker::{Role, Rule, View};

use crate::talk::*;

const METHOD: Property<'static> = Property::AuthenticationMethod("m");
const OTHER_METHOD: Property<'static> = Property::AuthenticationMethod("other");
const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;
const AGAIN: ReasonCode = ReasonCode::ReAuthenticate;

pub fn talks() -> Vec<Talk> {
    [order(), connects(), presence(), authentication()].concat()
}

fn order() -> Vec<Talk> {
    let mut talks = Vec::new();
    for version in VERSIONS {
        let client = |name| Talk::new(name, Role::Client, version);
        let server = |name| Talk::new(name, Role::Server, version);
        talks.extend([
            client("a packet before CONNECT").me(&Packet::PingReq).breaks(&[Rule::ConnectFirst]),
            client("CONNECT twice").connected().me(&connect(version)).breaks(&[Rule::ConnectOnce]),
            client("packets before CONNACK").me(&connect(version)).me(&subscribe_one(1)).me(&qos1(2)),
            server("a packet before CONNACK")
                .peer(&connect(version))
                .me(&qos0())
                .breaks(&[Rule::ConnAckFirst]),
            server("CONNACK twice").connected().me(&accepted(false)).breaks(&[Rule::ConnAckOnce]),
            server("CONNACK without CONNECT").me(&accepted(false)).breaks(&[Rule::ConnAckUnasked]),
            server("a packet after a refusal")
                .peer(&connect(version))
                .me(&refused())
                .me(&qos0())
                .breaks(&[Rule::AfterRefusal]),
            server("a refusal").peer(&connect(version)).me(&refused()).settles().closed(),
            server("no answer").peer(&connect(version)).settles().breaks(&[Rule::OwesConnAck]),
            // Protocol level 9.
            server("the right code for an unknown version")
                .peer_bytes(b"\x10\x0D\x00\x04MQTT\x09\x02\x00\x00\x00\x01c")
                .me(&connack(ReasonCode::UnsupportedProtocolVersion, &[])),
            server("another code for an unknown version")
                .peer_bytes(b"\x10\x0D\x00\x04MQTT\x09\x02\x00\x00\x00\x01c")
                .me(&refused())
                .breaks(&[Rule::ProtocolVersionCode]),
        ]);
    }
    // The reserved flag is set.
    let malformed = b"\x10\x0D\x00\x04MQTT\x04\x03\x00\x00\x00\x01c";
    talks.extend([
        Talk::new("a malformed CONNECT is answered", Role::Server, V3)
            .peer_bytes(malformed)
            .me(&refused())
            .breaks(&[Rule::MalformedConnectAnswered]),
        Talk::new("a malformed CONNECT is not answered", Role::Server, V3).peer_bytes(malformed).closed(),
        Talk::v5("5.0 allows a word", Role::Server)
            .peer_bytes(malformed)
            .me(&connack(ReasonCode::MalformedPacket, &[]))
            .closed(),
    ]);
    talks
}

fn connects() -> Vec<Talk> {
    let invalid = || connack(ReasonCode::ClientIdentifierNotValid, &[]);
    let long = Connect { client_id: "a name of twenty-four ch", ..connect_of(V31) };
    let client = |name, version| Talk::new(name, Role::Client, version);
    let server = |name, version| Talk::new(name, Role::Server, version);
    let named = [Property::AssignedClientIdentifier("x")];
    let qos1 = [Property::MaximumQoS(QoS::AtLeastOnce)];
    let no_retain = [Property::RetainAvailable(false)];
    let information = [Property::ResponseInformation("r")];
    vec![
        client("no name, no clean session", V3).me(&nameless(V3, false)).breaks(&[Rule::ClientIdentifier]),
        client("no name, clean session", V3).me(&nameless(V3, true)),
        client("no name in 5.0", V5).me(&nameless(V5, false)),
        client("a long name in 3.1", V31).me(&Packet::Connect(long)).breaks(&[Rule::ClientIdentifier]),
        client("a long name since", V3).me(&Packet::Connect(Connect { version: V3, ..long })),
        server("no name is accepted", V3)
            .peer(&nameless(V3, false))
            .me(&accepted(false))
            .breaks(&[Rule::EmptyClientIdentifierCode]),
        server("no name is refused", V3).peer(&nameless(V3, false)).me(&invalid()),
        server("no name is given", V5)
            .peer(&nameless(V5, true))
            .me(&accepted(false))
            .breaks(&[Rule::AssignedClientIdentifier]),
        server("a name is given", V5).peer(&nameless(V5, true)).me(&connack(ReasonCode::Success, &named)),
        server("will of QoS 2", V5)
            .peer(&with_will(QoS::ExactlyOnce, false))
            .me(&connack(ReasonCode::Success, &qos1))
            .breaks(&[Rule::WillQoS]),
        server("will of QoS 1", V5)
            .peer(&with_will(QoS::AtLeastOnce, false))
            .me(&connack(ReasonCode::Success, &qos1)),
        server("retained will", V5)
            .peer(&with_will(QoS::AtLeastOnce, true))
            .me(&connack(ReasonCode::Success, &no_retain))
            .breaks(&[Rule::WillRetain]),
        server("retained will is refused", V5)
            .peer(&with_will(QoS::AtLeastOnce, true))
            .me(&connack(ReasonCode::RetainNotSupported, &no_retain)),
        server("response information", V5).limited(&[], &information).breaks(&[Rule::ResponseInformation]),
        server("response information is asked for", V5)
            .limited(&[Property::RequestResponseInformation(true)], &information),
    ]
}

/// Session present, and what follows.
fn presence() -> Vec<Talk> {
    let mut talks = Vec::new();
    for version in VERSIONS {
        let client = |name| Talk::new(name, Role::Client, version);
        let server = |name| Talk::new(name, Role::Server, version);
        let keeps = |name| server(name).with(|settings| settings.keeps_sessions = true);
        let after_clean = |talk: Talk| talk.client(&clean(version)).server(&accepted(true));
        talks.extend([
            after_clean(server("present after a clean start")).breaks(&[Rule::PresentAfterCleanStart]),
            server("present at first")
                .peer(&connect(version))
                .me(&accepted(true))
                .breaks(&[Rule::PresentWithoutSession]),
            server("present on a wire")
                .with(|settings| settings.view = View::Wire)
                .peer(&connect(version))
                .me(&accepted(true)),
            server("present after a restart")
                .connected()
                .forgets()
                .reconnected(true)
                .breaks(&[Rule::PresentWithoutSession]),
            server("present again").connected().reconnected(true),
            server("dropped").connected().reconnected(false),
            keeps("dropped, though kept").connected().reconnected(false).breaks(&[Rule::SessionDropped]),
            keeps("kept").connected().reconnected(true),
            // The client closes.
            after_clean(client("a client refuses presence")).closed(),
            after_clean(client("a client goes on")).me(&qos0()).breaks(&[Rule::ClosesAfterFault]),
            after_clean(client("a client tolerates presence"))
                .with(|settings| settings.tolerates_session_present = true)
                .me(&qos0()),
        ]);
    }
    let foreign = |name| Talk::v5(name, Role::Client).me(&connect(V5)).peer(&accepted(true));
    let brief = |talk: Talk| talk.limited(&[Property::SessionExpiryInterval(10)], &[]);
    let v3 = |name| Talk::new(name, Role::Server, V3).peer(&clean(V3)).me(&accepted(false));
    talks.extend([
        foreign("a foreign session").me(&qos0()).breaks(&[Rule::ForeignSession]),
        foreign("a foreign session is refused").me(&disconnect_with(ReasonCode::ProtocolError, &[])),
        brief(Talk::v5("expired", Role::Server))
            .broken()
            .pass(11_001)
            .peer(&connect(V5))
            .me(&accepted(true))
            .breaks(&[Rule::PresentAfterExpiry]),
        brief(Talk::v5("not expired", Role::Server))
            .broken()
            .pass(9_000)
            .peer(&connect(V5))
            .me(&accepted(true)),
        brief(Talk::v5("expired rightly", Role::Server))
            .with(|settings| settings.keeps_sessions = true)
            .broken()
            .pass(10_000)
            .peer(&connect(V5))
            .me(&accepted(false)),
        v3("a clean session ends").reconnected(true).breaks(&[Rule::PresentWithoutSession]),
        v3("a clean session ends by takeover")
            .again()
            .peer(&connect(V3))
            .me(&accepted(true))
            .on(1)
            .closed()
            .breaks(&[Rule::PresentWithoutSession]),
        Talk::v5("the client has given its session up", Role::Server)
            .connected()
            .peer(&disconnect_with(ReasonCode::Success, &[Property::SessionExpiryInterval(0)]))
            .reconnected(true)
            .breaks(&[Rule::PresentWithoutSession]),
    ]);
    talks
}

fn authentication() -> Vec<Talk> {
    let both = [Role::Client, Role::Server];
    let mut talks = Vec::new();
    for role in both {
        let talk = |name| Talk::v5(name, role);
        let begun = |name| talk(name).client(&connect_with(&[METHOD]));
        let open = |name| begun(name).server(&connack(ReasonCode::Success, &[METHOD]));
        let own = if role == Role::Client { AGAIN } else { ReasonCode::Success };
        talks.extend([
            begun("a whole authentication")
                .server(&auth(CONTINUE, &[METHOD]))
                .client(&auth(CONTINUE, &[METHOD]))
                .server(&connack(ReasonCode::Success, &[METHOD]))
                .client(&auth(AGAIN, &[METHOD]))
                .server(&auth(CONTINUE, &[METHOD]))
                .client(&auth(CONTINUE, &[METHOD]))
                .server(&auth(ReasonCode::Success, &[METHOD]))
                .client(&auth(AGAIN, &[METHOD]))
                .server(&auth(ReasonCode::Success, &[METHOD]))
                .settles(),
            talk("AUTH without a method").connected().me(&auth(own, &[METHOD])).breaks(&[Rule::AuthUnasked]),
            open("AUTH with another method")
                .client(&auth(AGAIN, &[if role == Role::Client { OTHER_METHOD } else { METHOD }]))
                .server(&auth(
                    ReasonCode::Success,
                    &[if role == Role::Client { METHOD } else { OTHER_METHOD }],
                ))
                .breaks(&[Rule::AuthMethod]),
        ]);
    }
    let client = |name| Talk::v5(name, Role::Client).me(&connect_with(&[METHOD]));
    let server = |name| Talk::v5(name, Role::Server).peer(&connect_with(&[METHOD]));
    let accepted_with = || connack(ReasonCode::Success, &[METHOD]);
    let open = |talk: Talk| talk.server(&accepted_with());
    talks.extend([
        client("a packet before CONNACK").me(&qos0()).breaks(&[Rule::OnlyAuth]),
        client("an answer with 0x19")
            .peer(&auth(CONTINUE, &[METHOD]))
            .me(&auth(AGAIN, &[METHOD]))
            .breaks(&[Rule::AuthReason]),
        open(client("again with 0x18")).me(&auth(CONTINUE, &[METHOD])).breaks(&[Rule::AuthReason]),
        client("out of turn").me(&auth(CONTINUE, &[METHOD])).breaks(&[Rule::AuthTurn]),
        client("no answer").peer(&auth(CONTINUE, &[METHOD])).settles().breaks(&[Rule::OwesAuth]),
        server("success instead of CONNACK")
            .me(&auth(ReasonCode::Success, &[METHOD]))
            .breaks(&[Rule::AuthReason]),
        open(server("unasked")).me(&auth(CONTINUE, &[METHOD])).breaks(&[Rule::AuthTurn]),
        open(server("no answer to a new authentication"))
            .peer(&auth(AGAIN, &[METHOD]))
            .settles()
            .breaks(&[Rule::OwesAuth]),
        server("CONNACK without the method").me(&accepted(false)).breaks(&[Rule::AuthMethod]),
        Talk::v5("CONNACK with a method", Role::Server).limited(&[], &[METHOD]).breaks(&[Rule::AuthUnasked]),
        server("AUTH is what a client may send").peer(&qos0()).me(&qos0()).breaks(&[Rule::ClosesAfterFault]),
        open(client("a server's AUTH out of turn"))
            .peer(&auth(CONTINUE, &[METHOD]))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
    ]);
    talks
}
