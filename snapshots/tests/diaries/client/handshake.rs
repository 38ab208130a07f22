//! From CONNECT to CONNACK, and the good-byes.

use mqtt_engine::{
    ClientConfig, Disconnect, Will,
    packet::{Property, ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{ClientDesk, ClientStage, connack, disconnect, puback, publish, refusal};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS1, V3, V5, lasting, message, seconds, text, with},
};

diaries! { "client";
    connect_with_everything_v3 => play(everything(V3), normal_goodbye);
    connect_with_everything_v5 => play(everything(V5), normal_goodbye);
    connect_refused_v3 => play(lasting(V3), refused);
    connect_refused_v5 => play(lasting(V5), refused);
    connect_nothing_is_sent_before_connack_v3 => play(lasting(V3), waits_for_connack);
    connect_nothing_is_sent_before_connack_v5 => play(lasting(V5), waits_for_connack);
    connect_connack_is_lost_v3 => play(lasting(V3), connack_lost);
    connect_connack_is_lost_v5 => play(lasting(V5), connack_lost);
    s47_a_message_before_the_connack_is_a_violation_v3 => play(lasting(V3), message_before_connack);
    s47_a_message_before_the_connack_is_a_violation_v5 => play(lasting(V5), message_before_connack);
    connect_a_second_connack_is_a_violation_v3 => play(lasting(V3), second_connack);
    connect_a_second_connack_is_a_violation_v5 => play(lasting(V5), second_connack);
    connect_clean_start_is_for_every_connection_v3 => play(clean(V3), two_connections);
    connect_clean_start_is_for_the_first_connection_v5 => play(clean(V5), two_connections);
    connect_an_assigned_client_identifier_is_kept_v5 => play(nameless(), assigned);
    s47_a_connack_that_never_comes_v3 => by_hand(lasting(V3), no_connack);
    s47_a_connack_that_never_comes_v5 => by_hand(lasting(V5), no_connack);
    s47_messages_right_behind_the_connack_v3 => play(lasting(V3), messages_behind_connack);
    s47_messages_right_behind_the_connack_v5 => play(lasting(V5), messages_behind_connack);
    disconnect_is_the_last_packet_v3 => play(lasting(V3), last_packet);
    disconnect_is_the_last_packet_v5 => play(lasting(V5), last_packet);
    disconnect_with_will_v3 => play(everything(V3), with_will);
    disconnect_with_will_v5 => play(everything(V5), with_will);
    disconnect_by_the_server_v3 => play(lasting(V3), by_the_server);
    disconnect_by_the_server_v5 => play(lasting(V5), by_the_server);
}

fn everything(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| {
        config.client_id = text("lamp-7");
        config.keep_alive = 30;
        config.user_name = Some(text("ada"));
        config.password = Some("secret".into());
        let last_words = message("lamp-7/state", "gone", QOS1).retained();
        config.will = Some(Will::new(last_words).with_delay(seconds(5)));
        config.request_response_information = true;
        config.request_problem_information = false;
    })
}

fn clean(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.clean_start = true)
}

fn nameless() -> ClientConfig {
    with(lasting(V5), |config| config.client_id = text(""))
}

/// Every field of CONNECT; only 5.0 has the properties, and the delay of the will. [MQTT-3.1.3-1] (both versions)
fn normal_goodbye(client: &mut dyn ClientStage) {
    client.connect();
    client.disconnect(Disconnect::default());
    client.recv(disconnect(ReasonCode::Success));
    client.ends();
}

/// The program is told the reason, and no packet follows.
fn refused(client: &mut dyn ClientStage) {
    client.opens();
    client.send(refusal(ReasonCode::ServerUnavailable).with(Property::ReasonString("back at noon")));
    client.ends();
}

/// The message waits for CONNACK, whose limits it must keep. [MQTT-3.1.0-1] (both versions)
fn waits_for_connack(client: &mut dyn ClientStage) {
    client.opens();
    client.publish(message("led", "on", QOS1));
    client.send(connack(false));
    client.recv(publish("led", "on").qos1(1));
    client.send(puback(1));
}

/// The server made the session, and the client does not know: the next CONNACK says that it is present.
fn connack_lost(client: &mut dyn ClientStage) {
    client.opens();
    client.send_part(connack(false), 0);
    client.cut();
    client.opens();
    client.send_part(connack(true), 3);
    client.cut();
    client.resume();
}

/// The connection ends; the server has accepted nobody whom it could be told. [MQTT-3.2.0-1] (both versions)
fn message_before_connack(client: &mut dyn ClientStage) {
    client.opens();
    client.send(publish("led", "on"));
    client.ends();
}

/// [MQTT-3.2.0-2] (5.0)
fn second_connack(client: &mut dyn ClientStage) {
    client.connect();
    client.send(connack(false));
    if client.version() == V5 {
        client.recv(disconnect(ReasonCode::ProtocolError));
    }
    client.ends();
}

/// In 3.1.1 each CONNECT asks for a clean session; in 5.0 the second one goes on with the session.
fn two_connections(client: &mut dyn ClientStage) {
    client.connect();
    client.cut();
    if client.version() == V5 { client.resume() } else { client.connect() }
}

/// The second CONNECT has the name that the server gave.
fn assigned(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::AssignedClientIdentifier("auto-1")));
    client.cut();
    client.resume();
}

/// Ten seconds, and no packet: the server has accepted nobody.
fn no_connack(desk: &mut ClientDesk) {
    desk.opens();
    desk.silence(seconds(9));
    desk.advance(seconds(1));
    desk.ends();
    desk.connect();
}

/// A resumed session's messages come in the same breath as its CONNACK.
fn messages_behind_connack(client: &mut dyn ClientStage) {
    client.resume();
    for id in 1..=3 {
        client.send(publish("led", "on").qos1(id).dup());
        client.recv(puback(id));
    }
}

/// What is published afterwards stays queued for the next connection. [MQTT-3.14.4-2] (3.1.1) [MQTT-3.14.4-1] (5.0)
fn last_packet(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.disconnect(Disconnect::default());
    client.publish(message("led", "off", QOS1));
    client.recv(disconnect(ReasonCode::Success));
    client.ends();
}

/// 5.0 says so (0x04); in 3.1.1 only a connection that ends without DISCONNECT has the will published.
fn with_will(client: &mut dyn ClientStage) {
    client.connect();
    client.disconnect(with(Disconnect::default(), |goodbye| goodbye.reason = ReasonCode::DisconnectWithWill));
    if client.version() == V5 {
        client.recv(disconnect(ReasonCode::DisconnectWithWill));
    }
    client.ends();
}

/// 5.0 tells the reason; in 3.1.1 servers have no such packet.
fn by_the_server(client: &mut dyn ClientStage) {
    client.connect();
    client.send(disconnect(ReasonCode::ServerShuttingDown).with(Property::ReasonString("back at noon")));
    client.ends();
}
