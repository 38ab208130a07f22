//! A message goes from one client to another: what the broker says to whom, and in which order.

use mqtt_engine::{
    QoS,
    packet::{Property, ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::{
    Diary,
    script::{
        BrokerStage, connack, connect, disconnect, puback, pubcomp, publish, pubrec, pubrel, suback,
        subscribe,
    },
};

use crate::{
    diaries, on_every_broker,
    vocabulary::{V3, V5, broker},
};

diaries! { "broker";
    a_message_takes_each_qos_from_one_client_to_another_v3 => play(V3);
    a_message_takes_each_qos_from_one_client_to_another_v5 => play(V5);
}

fn play(version: ProtocolVersion) -> Diary {
    on_every_broker(broker(), |broker| each_qos(broker, version))
}

/// The publisher's exchange and the subscriber's are two, each with identifiers of its own sender.
/// [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.3-2] (3.1.1)
fn each_qos(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    for name in ["sub", "pub"] {
        broker.opens(name, version);
        broker.send(name, connect(name).with(Property::TopicAliasMaximum(0)));
        let accepted = connack(false).with(Property::ReceiveMaximum(64));
        broker.recv(
            name,
            accepted.with(Property::MaximumPacketSize(1 << 20)).with(Property::TopicAliasMaximum(16)),
        );
    }
    broker.send("sub", subscribe(10).filter("led", QoS::ExactlyOnce));
    broker.recv("sub", suback(10, &[ReasonCode::GrantedQoS2]));

    broker.send("pub", publish("led", "at most once"));
    broker.recv("sub", publish("led", "at most once"));

    broker.send("pub", publish("led", "at least once").qos1(7));
    broker.recv("pub", puback(7));
    broker.recv("sub", publish("led", "at least once").qos1(1));
    broker.send("sub", puback(1));

    broker.send("pub", publish("led", "exactly once").qos2(8));
    broker.recv("pub", pubrec(8));
    broker.recv("sub", publish("led", "exactly once").qos2(2));
    broker.send("pub", pubrel(8));
    broker.recv("pub", pubcomp(8));
    broker.send("sub", pubrec(2));
    broker.recv("sub", pubrel(2));
    broker.send("sub", pubcomp(2));

    broker.send("pub", disconnect(ReasonCode::Success));
    broker.ends("pub");
    broker.cut("sub");
}
