//! What the judged party answers.

use mqtt_engine::{
    QoS,
    packet::{Packet, Property, ReasonCode, Subscription},
};
use mqtt_engine_sim::checker::{Role, Rule};

use crate::talk::*;

pub fn talks() -> Vec<Talk> {
    [messages(), requests()].concat()
}

fn messages() -> Vec<Talk> {
    let mut talks = Vec::new();
    for (role, version) in ALL {
        let talk = |name| Talk::new(name, role, version).connected();
        let several = |name| talk(name).peer(&qos1(1)).peer(&qos2(2)).peer(&qos1(3)).peer(&qos2(4));
        talks.extend([
            several("in order of each QoS")
                .me(&pubrec(2))
                .me(&puback(1))
                .me(&pubrec(4))
                .me(&puback(3))
                .peer(&pubrel(4))
                .peer(&pubrel(2))
                .me(&pubcomp(2))
                .me(&pubcomp(4))
                .settles(),
            several("PUBACK out of order").me(&puback(3)).me(&puback(1)).breaks(&[Rule::PubAckOrder]),
            several("PUBREC out of order").me(&pubrec(4)).breaks(&[Rule::PubRecOrder]),
            several("of the wrong kind").me(&pubrec(1)).breaks(&[Rule::AnswerKind]),
            several("of the other wrong kind").me(&puback(2)).breaks(&[Rule::AnswerKind]),
            several("never").settles().breaks(&[
                Rule::OwesPubAck,
                Rule::OwesPubAck,
                Rule::OwesPubRec,
                Rule::OwesPubRec,
            ]),
            talk("twice").peer(&qos1(1)).me(&puback(1)).me(&puback(1)).breaks(&[Rule::AnswerUnasked]),
            talk("for nothing").peer(&qos0()).me(&pubrec(1)).breaks(&[Rule::AnswerUnasked]),
            talk("on the next connection")
                .peer(&qos1(1))
                .reconnected(true)
                .me(&puback(1))
                .breaks(&[Rule::AnswerUnasked]),
            talk("of a repetition")
                .peer(&qos2(1))
                .me(&pubrec(1))
                .reconnected(true)
                .peer(&dup(&qos2(1)))
                .me(&pubrec(1))
                .peer(&pubrel(1))
                .me(&pubcomp(1))
                .settles(),
            talk("a repetition after PUBREC keeps no order")
                .peer(&qos2(1))
                .me(&pubrec(1))
                .peer(&qos2(2))
                .peer(&dup(&qos2(1)))
                .me(&pubrec(1))
                .me(&pubrec(2))
                .settles(),
            talk("a repetition after PUBREC is answered")
                .peer(&qos2(1))
                .me(&pubrec(1))
                .peer(&dup(&qos2(1)))
                .settles()
                .breaks(&[Rule::OwesPubRec]),
            talk("one for a repetition on a live connection")
                .peer(&qos1(1))
                .peer(&dup(&qos1(1)))
                .me(&puback(1))
                .settles(),
            talk("two for a repetition on a live connection")
                .peer(&qos1(1))
                .peer(&dup(&qos1(1)))
                .me(&puback(1))
                .me(&puback(1))
                .me(&puback(1))
                .breaks(&[Rule::AnswerUnasked]),
            talk("PUBREL for nothing").peer(&pubrel(1)).me(&pubcomp(1)).settles(),
            talk("PUBCOMP for nothing").me(&pubcomp(1)).breaks(&[Rule::PubCompUnasked]),
            talk("PUBCOMP before PUBREL")
                .peer(&qos2(1))
                .me(&pubrec(1))
                .me(&pubcomp(1))
                .breaks(&[Rule::PubCompUnasked]),
            talk("PUBREL before PUBREC").peer(&qos2(1)).peer(&pubrel(1)).me(&pubrec(1)).me(&pubcomp(1)),
            talk("no PUBCOMP").peer(&pubrel(1)).settles().breaks(&[Rule::OwesPubComp]),
        ]);
    }
    talks.push(
        Talk::new("a server that need not keep the order", Role::Server, V3)
            .with(|settings| settings.strict = false)
            .connected()
            .peer(&qos1(1))
            .peer(&qos1(2))
            .me(&puback(2))
            .me(&puback(1)),
    );
    talks
}

fn requests() -> Vec<Talk> {
    const TWO: &[Subscription<'static>] =
        &[Subscription::new("a", QoS::ExactlyOnce), Subscription::new("b", QoS::AtMostOnce)];
    const RIGHT: &[ReasonCode] = &[ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError];
    let mut talks = Vec::new();
    for version in VERSIONS {
        let talk = |name| Talk::new(name, Role::Server, version).connected();
        let two = |name| talk(name).peer(&subscribe(7, TWO));
        talks.extend([
            two("granted").me(&suback(7, RIGHT)).settles(),
            two("too few codes").me(&granted(7)).breaks(&[Rule::SubAckCount]),
            two("too high").me(&suback(7, &[ReasonCode::GrantedQoS2; 2])).breaks(&[Rule::GrantedQoS]),
            two("another identifier")
                .me(&suback(8, RIGHT))
                .me(&suback(7, RIGHT))
                .breaks(&[Rule::RequestAnswerUnasked]),
            two("another answer").me(&unsubscribed(7)).breaks(&[Rule::RequestAnswerUnasked]),
            two("twice").me(&suback(7, RIGHT)).me(&suback(7, RIGHT)).breaks(&[Rule::RequestAnswerUnasked]),
            two("never").settles().breaks(&[Rule::OwesSubAck]),
            talk("unsubscribed").peer(&unsubscribe(9)).me(&unsubscribed(9)).settles(),
            talk("never unsubscribed").peer(&unsubscribe(9)).settles().breaks(&[Rule::OwesUnsubAck]),
            talk("pings").peer(&Packet::PingReq).me(&Packet::PingResp).settles(),
            talk("a ping too many").me(&Packet::PingResp).breaks(&[Rule::PingRespUnasked]),
            talk("a ping too few").peer(&Packet::PingReq).settles().breaks(&[Rule::OwesPingResp]),
        ]);
    }
    let server = |name| Talk::v5(name, Role::Server).connected();
    let identifier = &[Property::SubscriptionIdentifier(5)];
    talks.extend([
        server("too many codes")
            .peer(&unsubscribe(9))
            .me(&unsuback(9, &[ReasonCode::Success; 2]))
            .breaks(&[Rule::UnsubAckCount]),
        server("an identifier")
            .peer(&identified(1, identifier))
            .me(&granted(1))
            .me(&aliased("t", identifier)),
        server("an unknown identifier")
            .me(&aliased("t", identifier))
            .breaks(&[Rule::SubscriptionIdentifierUnknown]),
        server("an identifier of a lost session")
            .peer(&identified(1, identifier))
            .me(&granted(1))
            .reconnected(false)
            .me(&aliased("t", identifier))
            .breaks(&[Rule::SubscriptionIdentifierUnknown]),
        server("an identifier of a resumed session")
            .peer(&identified(1, identifier))
            .me(&granted(1))
            .reconnected(true)
            .me(&aliased("t", identifier)),
    ]);
    talks
}
