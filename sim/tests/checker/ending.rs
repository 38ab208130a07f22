//! Malformed packets, DISCONNECT, takeover.

use mqtt_engine::packet::{Packet, Property, ReasonCode};
use mqtt_engine_sim::checker::{Role, Rule, View};

use crate::talk::*;

pub fn talks() -> Vec<Talk> {
    [faults(), farewells(), takeovers()].concat()
}

fn faults() -> Vec<Talk> {
    let mut talks = Vec::new();
    for (role, version) in ALL {
        let talk = |name| Talk::new(name, role, version).connected();
        let foreign = if role == Role::Client { Packet::PingResp } else { Packet::PingReq };
        let peers = if role == Role::Client { Packet::PingReq } else { Packet::PingResp };
        talks.extend([
            talk("a packet of the other side").me(&foreign).breaks(&[Rule::Direction]),
            // PUBREL with the flags 0000.
            talk("a malformed packet").me_bytes(b"\x60\x02\x00\x01").breaks(&[Rule::Malformed]),
            talk("a packet identifier of 0")
                .me_bytes(if version == V5 {
                    b"\x32\x06\x00\x01t\x00\x00\x00"
                } else {
                    b"\x32\x05\x00\x01t\x00\x00"
                })
                .breaks(&[Rule::Malformed]),
            talk("goes on after a malformed packet")
                .peer_bytes(b"\x60\x02\x00\x01")
                .me(&qos0())
                .breaks(&[Rule::ClosesAfterFault]),
            talk("goes on after a wrong packet").peer(&peers).me(&qos0()).breaks(&[Rule::ClosesAfterFault]),
            talk("what crossed on a wire")
                .with(|settings| settings.view = View::Wire)
                .peer_bytes(b"\x60\x02\x00\x01")
                .me(&qos0()),
            talk("closes").peer_bytes(b"\x60\x02\x00\x01").peer(&qos1(1)).settles().closed(),
            talk("closes too late")
                .with(|settings| settings.closes_within = Some(core::time::Duration::from_secs(5)))
                .peer_bytes(b"\x60\x02\x00\x01")
                .pass(5_000)
                .pass(1)
                .pass(1)
                .breaks(&[Rule::Closes]),
        ]);
        if version == V5 {
            talks.push(
                talk("says why")
                    .peer_bytes(b"\x60\x02\x00\x01")
                    .me(&disconnect_with(ReasonCode::MalformedPacket, &[])),
            );
        }
    }
    talks.extend([
        Talk::new("a server of 3.1.1 has no DISCONNECT", Role::Server, V3)
            .connected()
            .me(&disconnect())
            .breaks(&[Rule::Direction]),
        Talk::new("CONNECT twice is a fault", Role::Server, V3)
            .connected()
            .peer(&connect(V3))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
        Talk::v5("a message before CONNACK is a fault", Role::Client)
            .me(&connect(V5))
            .peer(&qos0())
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
        Talk::v5("an alias above the announced maximum is a fault", Role::Client)
            .connected()
            .peer(&aliased("t", &[Property::TopicAlias(1)]))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
        Talk::v5("an alias that was not set is a fault", Role::Client)
            .limited(&[], &[Property::TopicAliasMaximum(1)])
            .peer(&aliased("", &[Property::TopicAlias(1)]))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
        Talk::v5("an alias in order", Role::Client)
            .limited(&[], &[Property::TopicAliasMaximum(1)])
            .peer(&aliased("t", &[Property::TopicAlias(1)]))
            .peer(&aliased("", &[Property::TopicAlias(1)]))
            .me(&qos0()),
        Talk::v5("an expiry in a server's DISCONNECT is a fault", Role::Client)
            .connected()
            .peer(&disconnect_with(ReasonCode::ServerBusy, &[Property::SessionExpiryInterval(1)]))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
        Talk::v5("an identifier in a client's PUBLISH is a fault", Role::Server)
            .connected()
            .peer(&aliased("t", &[Property::SubscriptionIdentifier(1)]))
            .me(&qos0())
            .breaks(&[Rule::ClosesAfterFault]),
    ]);
    talks
}

fn farewells() -> Vec<Talk> {
    let mut talks = Vec::new();
    for version in VERSIONS {
        talks.extend([
            Talk::new("after DISCONNECT", Role::Client, version)
                .connected()
                .me(&disconnect())
                .me(&Packet::PingReq)
                .breaks(&[Rule::AfterDisconnect]),
            Talk::new("DISCONNECT", Role::Client, version)
                .connected()
                .me(&disconnect())
                .peer(&qos1(1))
                .settles()
                .closed(),
        ]);
    }
    let client = |name| Talk::v5(name, Role::Client);
    let server = |name| Talk::v5(name, Role::Server);
    let busy = || disconnect_with(ReasonCode::ServerBusy, &[]);
    let an_hour = [Property::SessionExpiryInterval(3600)];
    talks.extend([
        server("after DISCONNECT").connected().me(&busy()).me(&qos0()).breaks(&[Rule::AfterDisconnect]),
        server("DISCONNECT before CONNACK")
            .peer(&connect(V5))
            .me(&busy())
            .breaks(&[Rule::DisconnectAfterConnAck]),
        server("a code of clients")
            .connected()
            .me(&disconnect_with(ReasonCode::DisconnectWithWill, &[]))
            .breaks(&[Rule::DisconnectReason]),
        client("a code of servers").connected().me(&busy()).breaks(&[Rule::DisconnectReason]),
        client("with will").connected().me(&disconnect_with(ReasonCode::DisconnectWithWill, &[])),
        client("a shorter expiry").connected().me(&disconnect_with(ReasonCode::Success, &an_hour)),
        client("an expiry raised from 0")
            .limited(&[], &[])
            .me(&disconnect_with(ReasonCode::Success, &an_hour))
            .breaks(&[Rule::DisconnectExpiry]),
        server("an expiry from a server")
            .connected()
            .me(&disconnect_with(ReasonCode::ServerBusy, &an_hour))
            .breaks(&[Rule::DisconnectExpiry]),
    ]);
    talks
}

fn takeovers() -> Vec<Talk> {
    let mut talks = Vec::new();
    let taken = disconnect_with(ReasonCode::SessionTakenOver, &[]);
    for version in VERSIONS {
        let taken_over = |name| {
            let talk = Talk::new(name, Role::Server, version).connected();
            talk.again().peer(&connect(version)).me(&accepted(true))
        };
        talks
            .push(taken_over("the older connection goes on").on(1).me(&qos0()).breaks(&[Rule::TakeoverEnds]));
    }
    let taken_over =
        |name| Talk::v5(name, Role::Server).connected().again().peer(&connect(V5)).me(&accepted(true)).on(1);
    talks.extend([
        taken_over("told").me(&taken).closed(),
        taken_over("not told").closed().breaks(&[Rule::TakeoverTold]),
        taken_over("told something else")
            .me(&disconnect_with(ReasonCode::ServerBusy, &[]))
            .closed()
            .breaks(&[Rule::TakeoverTold]),
        Talk::v5("told before", Role::Server)
            .connected()
            .again()
            .peer(&connect(V5))
            .on(1)
            .me(&taken)
            .on(2)
            .me(&accepted(true)),
        Talk::new("closed before", Role::Server, V3)
            .connected()
            .again()
            .peer(&connect(V3))
            .on(1)
            .closed()
            .on(2)
            .me(&accepted(true))
            .me(&qos1(1)),
        // What was under way to the older connection is not of the new session.
        Talk::new("half a message is sent to the end", Role::Server, V3)
            .with(|settings| settings.view = View::Wire)
            .connected()
            .again()
            .peer(&clean(V3))
            .me(&accepted(false))
            .on(1)
            .me(&qos1(1))
            .on(2)
            .me(&other(&qos1(1)))
            .me(&qos1(1))
            .breaks(&[Rule::PacketIdInUse]),
        // All but the last bytes of CONNACK were under way.
        Talk::v5("closed in the middle of CONNACK", Role::Server)
            .with(|settings| settings.view = View::Wire)
            .forgets()
            .again()
            .peer(&connect(V5))
            .me_bytes(&[0x20, 3, 0, 0])
            .closed()
            .again()
            .peer(&connect(V5))
            .me(&accepted(true)),
        Talk::v5("closed before CONNACK, as all can see", Role::Server)
            .peer(&connect(V5))
            .closed()
            .again()
            .peer(&connect(V5))
            .me(&accepted(true))
            .breaks(&[Rule::PresentWithoutSession]),
        // It is sent again before the older connection has sent it to the end.
        Talk::v5("half a message is sent to the end after its repetition", Role::Server)
            .with(|settings| settings.view = View::Wire)
            .connected()
            .again()
            .peer(&connect(V5))
            .me(&accepted(true))
            .me(&dup(&qos1(1)))
            .on(1)
            .me(&qos1(1))
            .me(&taken)
            .on(2)
            .me(&qos1(1))
            .breaks(&[Rule::PacketIdInUse]),
    ]);
    talks
}
