//! The messages of the judged party.

use mqtt_engine::{
    QoS,
    packet::{Packet, Property, Publish},
};
use mqtt_engine_sim::checker::{Role, Rule, View};

use crate::talk::*;

pub fn talks() -> Vec<Talk> {
    [identifiers(), resends(), releases(), quota(), late()].concat()
}

fn every(then: impl Fn(&dyn Fn(&'static str) -> Talk) -> Vec<Talk>) -> Vec<Talk> {
    ALL.iter()
        .flat_map(|(role, version)| then(&|name| Talk::new(name, *role, *version).connected()))
        .collect()
}

fn identifiers() -> Vec<Talk> {
    let mut talks = every(|talk| {
        vec![
            talk("QoS 1").me(&qos1(1)).peer(&puback(1)).me(&qos1(1)).me(&qos1(2)),
            talk("QoS 2").me(&qos2(1)).peer(&pubrec(1)).me(&pubrel(1)).peer(&pubcomp(1)).me(&qos2(1)),
            talk("in use for QoS 1").me(&qos1(1)).me(&other(&qos1(1))).breaks(&[Rule::PacketIdInUse]),
            talk("in use after PUBREC")
                .me(&qos2(1))
                .peer(&pubrec(1))
                .me(&qos1(1))
                .breaks(&[Rule::PacketIdInUse]),
            talk("in use after PUBREL")
                .me(&qos2(1))
                .peer(&pubrec(1))
                .me(&pubrel(1))
                .me(&other(&qos2(1)))
                .breaks(&[Rule::PacketIdInUse]),
            talk("in use across connections")
                .me(&qos1(1))
                .reconnected(true)
                .me(&other(&qos1(1)))
                .breaks(&[Rule::PacketIdInUse, Rule::ResendFirst]),
            talk("DUP at first").me(&dup(&qos1(1))).breaks(&[Rule::FirstSendDup]),
            talk("DUP after PUBACK")
                .me(&qos1(1))
                .peer(&puback(1))
                .me(&dup(&qos1(1)))
                .breaks(&[Rule::FirstSendDup]),
            talk("DUP after the loss of the session")
                .me(&qos1(1))
                .reconnected(false)
                .me(&dup(&qos1(1)))
                .breaks(&[Rule::FirstSendDup]),
            talk("new after the loss of the session").me(&qos1(1)).reconnected(false).me(&qos1(1)),
            talk("PUBACK for QoS 2 finishes nothing")
                .me(&qos2(1))
                .peer(&puback(1))
                .me(&qos1(1))
                .breaks(&[Rule::PacketIdInUse]),
        ]
    });
    for version in VERSIONS {
        let talk = |name| Talk::new(name, Role::Client, version).connected();
        talks.extend([
            talk("requests share the space")
                .me(&subscribe_one(1))
                .me(&qos1(1))
                .breaks(&[Rule::PacketIdInUse]),
            talk("messages share the space").me(&qos1(1)).me(&unsubscribe(1)).breaks(&[Rule::PacketIdInUse]),
            talk("requests among themselves")
                .me(&subscribe_one(1))
                .me(&unsubscribe(1))
                .breaks(&[Rule::PacketIdInUse]),
            talk("free again")
                .me(&subscribe_one(1))
                .peer(&granted(1))
                .me(&unsubscribe(1))
                .peer(&unsubscribed(1))
                .me(&qos1(1)),
            talk("requests end with the connection").me(&subscribe_one(1)).reconnected(true).me(&qos1(1)),
        ]);
    }
    let early = |name| Talk::v5(name, Role::Client).connected().me(&qos1(1)).broken().me(&connect(V5));
    talks.extend([
        early("before CONNACK, kept").me(&qos1(2)).peer(&accepted(false)).peer(&puback(2)).me(&qos1(2)),
        early("before CONNACK, in use")
            .me(&qos1(2))
            .peer(&accepted(false))
            .me(&other(&qos1(2)))
            .breaks(&[Rule::PacketIdInUse]),
    ]);
    talks
}

fn resends() -> Vec<Talk> {
    let mut talks = every(|talk| {
        let two = |name| talk(name).me(&qos1(1)).me(&qos2(2)).reconnected(true);
        vec![
            two("in order").me(&dup(&qos1(1))).me(&dup(&qos2(2))).me(&qos1(3)),
            two("out of order").me(&dup(&qos2(2))).me(&dup(&qos1(1))).breaks(&[Rule::ResendOrder]),
            two("not all").me(&dup(&qos1(1))).me(&qos1(3)).breaks(&[Rule::ResendFirst]),
            two("never").settles().breaks(&[Rule::OwesPublish, Rule::OwesPublish]),
            two("some are finished").peer(&puback(1)).me(&dup(&qos2(2))).me(&qos1(1)),
            two("without DUP").me(&qos1(1)).breaks(&[Rule::ResendDup]),
            two("another message").me(&dup(&other(&qos1(1)))).breaks(&[Rule::ResendSame]),
            two("a third connection")
                .me(&dup(&qos1(1)))
                .reconnected(true)
                .me(&dup(&qos1(1)))
                .me(&dup(&qos2(2)))
                .settles(),
            talk("after PUBREC")
                .me(&qos2(1))
                .peer(&pubrec(1))
                .me(&pubrel(1))
                .reconnected(true)
                .me(&dup(&qos2(1)))
                .breaks(&[Rule::PublishAfterPubRec]),
            talk("unknown on a wire")
                .with(|settings| settings.view = View::Wire)
                .reconnected(true)
                .me(&dup(&qos1(1)))
                .me(&pubrel(2)),
        ]
    });
    for role in [Role::Client, Role::Server] {
        let twice = |name, version| Talk::new(name, role, version).connected().me(&qos1(1));
        talks.extend([
            twice("repeated in 5.0", V5).me(&dup(&qos1(1))).breaks(&[Rule::ResendOnReconnect]),
            twice("repeated in 3.1.1", V3).me(&dup(&qos1(1))).me(&dup(&qos1(1))),
            Talk::v5("refused", role)
                .connected()
                .me(&qos2(1))
                .peer(&pubrec_error(1))
                .reconnected(true)
                .me(&dup(&qos2(1)))
                .breaks(&[Rule::FirstSendDup]),
            Talk::v5("refused, then new", role).connected().me(&qos2(1)).peer(&pubrec_error(1)).me(&qos1(1)),
        ]);
    }
    let unsendable = |name| {
        let talk = Talk::v5(name, Role::Client).connected().me(&qos2(1)).me(&qos1(2)).broken();
        talk.me(&connect(V5)).peer(&resumed(&[Property::MaximumQoS(QoS::AtLeastOnce)]))
    };
    talks.extend([
        unsendable("given up").me(&dup(&qos1(2))).me(&qos1(1)),
        unsendable("sent again all the same").me(&dup(&qos2(1))).breaks(&[Rule::MaximumQoS]),
        unsendable("sent again later").reconnected(true).me(&dup(&qos2(1))).me(&dup(&qos1(2))),
    ]);
    // The size counts with the topic in full.
    let long = Publish { topic: "a/long/topic/name", ..message(1, QoS::AtLeastOnce) };
    let alias = [Property::TopicAlias(1)];
    let properties = mqtt_engine::packet::Properties::new(&alias);
    let first = Publish { properties, ..message(0, QoS::AtMostOnce) };
    let first = Packet::Publish(Publish { topic: long.topic, ..first });
    let by_alias = Packet::Publish(Publish { topic: "", properties, ..long });
    talks.push(
        Talk::v5("too large without the alias", Role::Client)
            .limited(&[Property::TopicAliasMaximum(1)], &[Property::SessionExpiryInterval(u32::MAX)])
            .me(&first)
            .me(&by_alias)
            .broken()
            .me(&connect(V5))
            .peer(&resumed(&[Property::MaximumPacketSize(20)]))
            .me(&qos1(2)),
    );
    talks
}

fn releases() -> Vec<Talk> {
    let mut talks = every(|talk| {
        let received = |name| talk(name).me(&qos2(1)).me(&qos2(2)).peer(&pubrec(2)).peer(&pubrec(1));
        vec![
            received("in order").me(&pubrel(2)).me(&pubrel(1)).settles(),
            received("out of order").me(&pubrel(1)).me(&pubrel(2)).breaks(&[Rule::PubRelOrder]),
            received("never").settles().breaks(&[Rule::OwesPubRel, Rule::OwesPubRel]),
            received("again in order")
                .me(&pubrel(2))
                .me(&pubrel(1))
                .reconnected(true)
                .me(&pubrel(2))
                .me(&pubrel(1))
                .me(&qos1(3))
                .settles(),
            received("again out of order")
                .me(&pubrel(2))
                .me(&pubrel(1))
                .reconnected(true)
                .me(&pubrel(1))
                .breaks(&[Rule::PubRelOrder]),
            received("a new message first")
                .me(&pubrel(2))
                .me(&pubrel(1))
                .reconnected(true)
                .me(&pubrel(2))
                .me(&qos1(3))
                .breaks(&[Rule::ResendFirst]),
            talk("before PUBREC").me(&qos2(1)).me(&pubrel(1)).breaks(&[Rule::PubRelUnasked]),
            talk("for nothing").me(&pubrel(1)).breaks(&[Rule::PubRelUnasked]),
            talk("for QoS 1").me(&qos1(1)).me(&pubrel(1)).breaks(&[Rule::PubRelUnasked]),
            talk("for a PUBREC for nothing").peer(&pubrec(1)).me(&pubrel(1)),
            talk("for a PUBREC that came twice")
                .me(&qos2(1))
                .peer(&pubrec(1))
                .me(&pubrel(1))
                .peer(&pubrec(1))
                .me(&pubrel(1)),
        ]
    });
    for role in [Role::Client, Role::Server] {
        let released = |name| Talk::v5(name, role).connected().me(&qos2(1)).peer(&pubrec(1)).me(&pubrel(1));
        talks.extend([
            released("repeated").me(&pubrel(1)).breaks(&[Rule::ResendOnReconnect]),
            released("crossed on a wire").with(|settings| settings.view = View::Wire).peer(&pubcomp(1)),
            Talk::v5("PUBLISH crossed with PUBREC", role)
                .with(|settings| settings.view = View::Wire)
                .connected()
                .me(&qos2(1))
                .reconnected(true)
                .peer(&pubrec(1))
                .me(&dup(&qos2(1))),
        ]);
    }
    talks
}

fn quota() -> Vec<Talk> {
    let mut talks = Vec::new();
    let for_ever = Property::SessionExpiryInterval(u32::MAX);
    for role in [Role::Client, Role::Server] {
        let talk = |name| Talk::v5(name, role).limited(&[Property::ReceiveMaximum(2), for_ever], &[for_ever]);
        let again = |talk: Talk, maximum| {
            let list = [Property::ReceiveMaximum(maximum), for_ever];
            let (of_client, of_server) =
                if role == Role::Client { (&list[1..], &list[..]) } else { (&list[..], &list[1..]) };
            talk.broken().client(&connect_with(of_client)).server(&resumed(of_server))
        };
        talks.extend([
            talk("two").me(&qos1(1)).me(&qos2(2)).me(&qos0()),
            talk("three").me(&qos1(1)).me(&qos2(2)).me(&qos1(3)).breaks(&[Rule::ReceiveMaximum]),
            talk("freed")
                .me(&qos1(1))
                .me(&qos2(2))
                .peer(&puback(1))
                .me(&qos2(3))
                .peer(&pubrec_error(3))
                .me(&qos1(4))
                .peer(&pubrec(2))
                .me(&pubrel(2))
                .peer(&pubcomp(2))
                .me(&qos1(5)),
            talk("not freed by PUBREC")
                .me(&qos2(1))
                .me(&qos2(2))
                .peer(&pubrec(1))
                .me(&pubrel(1))
                .me(&qos2(3))
                .breaks(&[Rule::ReceiveMaximum]),
            again(talk("less than before").me(&qos1(1)).me(&qos1(2)), 1)
                .me(&dup(&qos1(1)))
                .me(&dup(&qos1(2)))
                .breaks(&[Rule::ReceiveMaximum]),
            again(talk("less than before, in turn").me(&qos1(1)).me(&qos1(2)), 1)
                .me(&dup(&qos1(1)))
                .peer(&puback(1))
                .me(&dup(&qos1(2))),
            again(talk("PUBREL is free").me(&qos2(1)).peer(&pubrec(1)).me(&pubrel(1)), 1)
                .me(&pubrel(1))
                .me(&qos1(2)),
        ]);
    }
    talks
}

/// What comes after the party has stopped may be looked at, or not.
fn late() -> Vec<Talk> {
    let mut talks = Vec::new();
    for role in [Role::Client, Role::Server] {
        let talk = |name| {
            let talk = Talk::v5(name, role).connected().me(&qos1(1)).me(&qos2(2));
            talk.peer_bytes(b"\x60\x02\x00\x01").broken()
        };
        let ended = |name| {
            let busy = mqtt_engine::packet::ReasonCode::UnspecifiedError;
            let talk = Talk::v5(name, role).connected().me(&qos1(1)).me(&qos2(2));
            let talk = talk.me(&disconnect_with(busy, &[])).peer(&puback(1)).peer(&pubrec(2));
            talk.reconnected(true)
        };
        talks.extend([
            talk("nothing").client(&connect(V5)).server(&accepted(true)).me(&dup(&qos1(1))),
            ended("not looked at").me(&dup(&qos1(1))).me(&dup(&qos2(2))),
            ended("looked at").me(&pubrel(2)).me(&qos2(1)).settles(),
        ]);
    }
    talks
}
