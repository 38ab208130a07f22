//! Topic aliases (5.0 section 3.3.2.3.4), in both directions.

use mqtt_engine::packet::{Property, ReasonCode};
use mqtt_engine_diary::script::{ClientStage, Said, bytes, connack, disconnect, puback, publish};

use super::play;
use crate::{
    diaries,
    vocabulary::{QOS0, QOS1, V5, lasting, message, with},
};

diaries! { "client";
    aliases_out_v5 => play(lasting(V5), out);
    aliases_out_no_more_than_the_server_allows_v5 => play(lasting(V5), few);
    aliases_out_none_unless_the_server_allows_v5 => play(lasting(V5), none);
    aliases_out_none_where_the_packet_would_be_too_long_v5 => play(lasting(V5), no_room);
    aliases_in_v5 => play(lasting(V5), inbound);
    aliases_in_out_of_range_v5 => play(with(lasting(V5), |config| config.topic_alias_maximum = 2), out_of_range);
    aliases_in_zero_v5 => play(lasting(V5), zero);
    aliases_in_never_set_v5 => play(lasting(V5), never_set);
    s13_aliases_out_end_with_their_connection_v5 => play(lasting(V5), replayed);
    s13_aliases_in_end_with_their_connection_v5 => play(lasting(V5), stale);
}

fn accepts(session_present: bool, aliases: u16) -> Said {
    connack(session_present).with(Property::TopicAliasMaximum(aliases))
}

fn aliased(topic: &str, alias: u16) -> Said {
    publish(topic, "x").with(Property::TopicAlias(alias))
}

/// The name comes once, with its alias; then the alias alone, on every QoS.
fn out(client: &mut dyn ClientStage) {
    client.opens();
    client.send(accepts(false, 8));
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("kitchen/lamp", 1));
    client.publish(message("kitchen/lamp", "x", QOS1));
    client.recv(aliased("", 1).qos1(1));
    client.publish(message("garden/gate", "x", QOS0));
    client.recv(aliased("garden/gate", 2));
    client.publish(message("garden/gate", "x", QOS0));
    client.recv(aliased("", 2));
    client.send(puback(1));
}

/// The second topic gets no alias, and the first one keeps its own. [MQTT-3.2.2-17] [MQTT-3.3.2-9] (5.0)
fn few(client: &mut dyn ClientStage) {
    client.opens();
    client.send(accepts(false, 1));
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("kitchen/lamp", 1));
    client.publish(message("garden/gate", "x", QOS0));
    client.recv(publish("garden/gate", "x"));
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("", 1));
}

/// CONNACK says nothing of aliases: none. [MQTT-3.2.2-18] (5.0)
fn none(client: &mut dyn ClientStage) {
    client.connect();
    for _ in 0..2 {
        client.publish(message("kitchen/lamp", "x", QOS0));
        client.recv(publish("kitchen/lamp", "x"));
    }
}

/// An alias that would make the packet longer than the server takes is given up; the plain form fits exactly.
fn no_room(client: &mut dyn ClientStage) {
    client.opens();
    client.send(accepts(false, 8).with(Property::MaximumPacketSize(7)));
    client.publish(message("a", "x", QOS0));
    client.recv(publish("a", "x"));
}

/// The server names its topics once; an alias may be given to another topic. [MQTT-3.3.2-10] (5.0)
fn inbound(client: &mut dyn ClientStage) {
    client.connect();
    client.send(aliased("kitchen/lamp", 16));
    client.send(aliased("", 16).qos1(7));
    client.recv(puback(7));
    client.send(aliased("garden/gate", 16));
    client.send(aliased("", 16));
}

/// We announced 2. [MQTT-3.3.2-11] (5.0)
fn out_of_range(client: &mut dyn ClientStage) {
    client.connect();
    client.send(aliased("kitchen/lamp", 2));
    client.send(aliased("garden/gate", 3));
    client.recv(disconnect(ReasonCode::TopicAliasInvalid));
    client.ends();
}

/// 0 is no alias. [MQTT-3.3.2-8] (5.0)
fn zero(client: &mut dyn ClientStage) {
    client.connect();
    client.send(bytes(&[0x30, 9, 0, 1, b'a', 3, 0x23, 0, 0, b'x', b'x']));
    client.recv(disconnect(ReasonCode::TopicAliasInvalid));
    client.ends();
}

/// An alias that stands for nothing. [MQTT-3.3.2-7] (5.0)
fn never_set(client: &mut dyn ClientStage) {
    client.connect();
    client.send(aliased("", 1));
    client.recv(disconnect(ReasonCode::ProtocolError));
    client.ends();
}

/// The message was sent by alias; it is sent again by name, without an alias, and aliases begin anew.
/// [MQTT-3.3.2-7] (5.0)
fn replayed(client: &mut dyn ClientStage) {
    client.opens();
    client.send(accepts(false, 8));
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("kitchen/lamp", 1));
    client.publish(message("kitchen/lamp", "x", QOS1));
    client.recv(aliased("", 1).qos1(1));
    client.cut();
    client.opens();
    client.send(accepts(true, 8));
    client.recv(publish("kitchen/lamp", "x").qos1(1).dup());
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("kitchen/lamp", 1));
    client.publish(message("kitchen/lamp", "x", QOS0));
    client.recv(aliased("", 1));
    client.send(puback(1));
}

/// The alias of the dead connection stands for nothing on the next one. [MQTT-3.3.2-7] (5.0)
fn stale(client: &mut dyn ClientStage) {
    client.connect();
    client.send(aliased("kitchen/lamp", 1));
    client.send(aliased("", 1));
    client.cut();
    client.resume();
    client.send(aliased("", 1));
    client.recv(disconnect(ReasonCode::ProtocolError));
    client.ends();
}
