//! Topic aliases of publishers, and of the broker towards subscribers.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce},
    packet::{Property, ReasonCode as R},
};
use mqtt_engine_diary::script::{BrokerDesk, BrokerStage, Said, connect, disconnect, puback, publish};

use super::{Steps as _, play_v5, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable},
};

diaries! { "broker";
    a_publisher_uses_aliases_v5 => play_with(broker(), from_the_publisher);
    the_broker_uses_aliases_v5 => play_v5(to_the_subscriber);
    s13_an_alias_ends_with_its_connection_v5 => play_v5(unknown_after_reconnect);
    s13_a_replay_has_full_topic_names_v5 => play_v5(replay);
}

fn alias(number: u16) -> Property<'static> {
    Property::TopicAlias(number)
}

/// Set, used, set anew; the highest of 16. Subscribers see the topic and never the publisher's alias.
/// [MQTT-3.3.2-12] (5.0)
fn from_the_publisher(broker: &mut BrokerDesk) {
    for (name, version) in [("sub", V5), ("old", V3)] {
        broker.joins(name, version);
        broker.subscribes(name, "#", AtMostOnce);
    }
    broker.joins("pub", V5);
    for (said, number, topic) in
        [("a", 1, "a"), ("", 1, "a"), ("b", 1, "b"), ("", 1, "b"), ("c", 16, "c"), ("", 16, "c")]
    {
        broker.send("pub", publish(said, "x").with(alias(number)));
        broker.recv("sub", publish(topic, "x"));
        broker.recv("old", publish(topic, "x"));
    }
}

/// A subscriber that allows one alias.
fn with_alias(connect: Said) -> Said {
    connect.with(Property::TopicAliasMaximum(1))
}

/// The first topic gets the only alias that the subscriber allows, with the name once; the second topic has none.
/// [MQTT-3.3.2-11] [MQTT-3.1.2-26] [MQTT-3.1.2-27] (5.0)
fn to_the_subscriber(broker: &mut dyn BrokerStage) {
    broker.knocks("sub", V5, with_alias(connect("sub")), accepted(false));
    broker.subscribes("sub", "#", AtMostOnce);
    broker.joins("plain", V5);
    broker.subscribes("plain", "#", AtMostOnce);
    let sent = [
        ("first", publish("first", "x").with(alias(1))),
        ("first", publish("", "x").with(alias(1))),
        ("second", publish("second", "x")),
        ("second", publish("second", "x")),
        ("first", publish("", "x").with(alias(1))),
    ];
    broker.joins("pub", V5);
    for (topic, expected) in sent {
        broker.send("pub", publish(topic, "x"));
        broker.recv("sub", expected);
        broker.recv("plain", publish(topic, "x"));
    }
}

/// The session goes on, the alias does not: to use it is a protocol error. [MQTT-3.3.2-7] (5.0)
fn unknown_after_reconnect(broker: &mut dyn BrokerStage) {
    broker.starts("pub", V5);
    broker.send("pub", publish("a", "x").with(alias(1)));
    broker.send("pub", publish("", "y").with(alias(1)));
    broker.cut("pub");
    broker.resumes("pub", V5);
    broker.ask("pub", publish("", "z").with(alias(1)), disconnect(R::ProtocolError));
    broker.ends("pub");
}

/// The subscriber has forgotten the alias with the connection: what is sent again has the name, and the next message sets the
/// alias anew. [MQTT-3.3.2-7] (5.0)
fn replay(broker: &mut dyn BrokerStage) {
    broker.knocks("sub", V5, with_alias(durable("sub")), accepted(false));
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", V5);
    for (id, topic) in [(1, "t"), (2, "")] {
        broker.ask("pub", publish("t", "x").qos1(id), puback(id));
        broker.recv("sub", publish(topic, "x").qos1(id).with(alias(1)));
    }
    broker.cut("sub");
    broker.knocks("sub", V5, with_alias(durable("sub")), accepted(true));
    for id in 1..=2 {
        broker.recv("sub", publish("t", "x").qos1(id).dup());
        broker.send("sub", puback(id));
    }
    for (id, topic) in [(3, "t"), (4, "")] {
        broker.ask("pub", publish("t", "x").qos1(id), puback(id));
        broker.recv("sub", publish(topic, "x").qos1(id).with(alias(1)));
        broker.send("sub", puback(id));
    }
}
