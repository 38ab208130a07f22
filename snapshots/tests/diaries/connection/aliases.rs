//! Topic aliases in both directions.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{ConnectionDesk, connect, disconnect, puback, publish};

use super::{Steps as _, play};
use crate::{
    diaries,
    vocabulary::{V5, accepted, durable, message},
};

diaries! { "connection";
    aliases_from_the_client_v5 => play(V5, from_the_client);
    aliases_to_the_client_v5 => play(V5, to_the_client);
    s13_aliases_end_with_the_connection_v5 => play(V5, over);
    s54_an_alias_above_the_maximum_v5 => play(V5, too_high);
}

const fn alias(number: u16) -> Property<'static> {
    Property::TopicAlias(number)
}

/// The program hears of topics only. [MQTT-3.3.2-12] (5.0)
fn from_the_client(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    for topic in ["a", "", "b", ""] {
        server.send(publish(topic, "x").with(alias(16)));
        server.done(&[R::Success]);
    }
}

/// Two for three topics; the third has none. [MQTT-3.1.2-26] [MQTT-3.3.2-11] (5.0)
fn to_the_client(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(connect("c").with(Property::TopicAliasMaximum(2)));
    server.accept(false);
    server.recv(accepted(false));
    for (topic, sent, number) in [
        ("first", "first", Some(1)),
        ("second", "second", Some(2)),
        ("third", "third", None),
        ("first", "", Some(1)),
        ("second", "", Some(2)),
        ("third", "third", None),
    ] {
        server.deliver(message(topic, "x", AtMostOnce));
        let expected = publish(sent, "x");
        server.recv(match number {
            Some(number) => expected.with(alias(number)),
            None => expected,
        });
    }
}

/// Neither side knows an alias on the next connection. [MQTT-3.3.2-7] (5.0)
fn over(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(durable("c").with(Property::TopicAliasMaximum(1)));
    server.accept(false);
    server.recv(accepted(false));
    for (id, sent) in [(1, "t"), (2, "")] {
        server.deliver(message("t", "x", AtLeastOnce));
        server.recv(publish(sent, "x").qos1(id).with(alias(1)));
    }
    server.send(publish("u", "y").with(alias(1)));
    server.done(&[R::Success]);
    server.cut();
    server.send(durable("c").with(Property::TopicAliasMaximum(1)));
    server.accept(true);
    server.recv(accepted(true));
    for id in 1..=2 {
        server.recv(publish("t", "x").qos1(id).dup());
        server.send(puback(id));
    }
    server.deliver(message("t", "x", AtMostOnce));
    server.recv(publish("t", "x").with(alias(1)));
    server.send(publish("", "y").with(alias(1)));
    server.recv(disconnect(R::ProtocolError));
    server.ends();
}

/// [MQTT-3.3.2-9] (5.0)
fn too_high(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(publish("t", "x").with(alias(17)));
    server.recv(disconnect(R::TopicAliasInvalid));
    server.ends();
}
