//! The network dies and nobody is told: each side finds out by itself.

use mqtt_engine::{QoS, Will, packet::ProtocolVersion};
use mqtt_engine_diary::{Diary, script::Pair};

use crate::{
    diaries,
    vocabulary::{V3, V5, broker, client, message, seconds, subscribe_to},
};

diaries! { "pair";
    s43_the_client_finds_a_dead_link_by_its_ping_v3 => client_first(V3);
    s43_the_client_finds_a_dead_link_by_its_ping_v5 => client_first(V5);
    s43_the_broker_finds_a_dead_link_after_one_and_a_half_keep_alives_v3 => broker_first(V3);
    s43_the_broker_finds_a_dead_link_after_one_and_a_half_keep_alives_v5 => broker_first(V5);
}

/// 10 s after its last packet the client pings, and 2 s later it gives up; what it published meanwhile (S08) is sent again on its
/// next connection, which takes the session over from the one that the broker still believes in.
fn client_first(version: ProtocolVersion) -> Diary {
    let mut lamp = client("lamp", version);
    lamp.keep_alive = 10;
    lamp.ping_timeout = seconds(2);
    let mut pair = Pair::new(broker());
    pair.client("lamp", lamp);
    pair.run();
    pair.goes_silent("lamp");
    pair.publish("lamp", message("led", "on", QoS::AtLeastOnce));
    pair.advance(seconds(12));
    assert_eq!(pair.pending_publishes("lamp"), 0, "{}", pair.diary());
    assert!(pair.diary().events("lamp").any(|event| event == "Disconnected: no answer to PINGREQ"));
    pair.finish()
}

/// 15 s after the last packet of a client with a keep alive of 10 s the broker ends the connection and publishes the will.
/// [MQTT-3.1.2-24] (3.1.1) [MQTT-3.1.2-22] (5.0)
fn broker_first(version: ProtocolVersion) -> Diary {
    let mut lamp = client("lamp", version);
    lamp.keep_alive = 10;
    lamp.ping_timeout = seconds(30);
    lamp.will = Some(Will::new(message("lamp/state", "dead", QoS::AtLeastOnce)));
    let mut pair = Pair::new(broker());
    pair.client("watcher", client("watcher", version));
    pair.subscribe("watcher", subscribe_to("lamp/#", QoS::AtLeastOnce));
    pair.client("lamp", lamp);
    pair.run();
    pair.goes_silent("lamp");
    pair.advance(seconds(40));
    let wills = pair.diary().events("watcher").filter(|event| event.contains("\"lamp/state\" = \"dead\""));
    assert_eq!(wills.count(), 1, "{}", pair.diary());
    pair.finish()
}
