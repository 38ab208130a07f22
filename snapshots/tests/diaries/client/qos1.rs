//! QoS 1 from the client.

use mqtt_engine::QoS;
use mqtt_engine_diary::script::{ClientStage, puback, publish};

use crate::{
    diaries, on_every_client,
    vocabulary::{V3, V5, lasting, message},
};

diaries! { "client";
    s04_a_resent_publish_has_dup_v3 => on_every_client(lasting(V3), lost_puback);
    s04_a_resent_publish_has_dup_v5 => on_every_client(lasting(V5), lost_puback);
}

fn lost_puback(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QoS::AtLeastOnce));
    client.recv(publish("led", "on").qos1(1));
    client.cut();
    client.resume();
    client.recv(publish("led", "on").qos1(1).dup());
    client.send(puback(1));
}
