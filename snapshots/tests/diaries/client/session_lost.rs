//! The server has lost the session, or has one that it should not have.

use mqtt_engine::{
    ClientConfig, LostSession, Profile,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe,
};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS1, QOS2, V3, V5, lasting, message, subscribe_to, with},
};

diaries! { "client";
    s09_a_lost_session_reports_every_message_v3 => play(lasting(V3), reported);
    s09_a_lost_session_reports_every_message_v5 => play(lasting(V5), reported);
    s09_a_lost_session_is_published_once_more_v3 => play(republishing(V3), republished);
    s09_a_lost_session_is_published_once_more_v5 => play(republishing(V5), republished);
    s09_a_lost_session_forgets_what_was_received_v3 => play(lasting(V3), forgotten);
    s09_a_lost_session_forgets_what_was_received_v5 => play(lasting(V5), forgotten);
    s10_session_present_after_a_clean_start_is_tolerated_v3 => play(clean(V3), tolerated);
    s10_session_present_after_a_clean_start_is_tolerated_v5 => play(clean(V5), tolerated);
    s10_session_present_after_a_clean_start_ends_a_strict_connection_v3 =>
        play(strict(clean(V3)), closed);
    s10_session_present_after_a_clean_start_ends_a_strict_connection_v5 =>
        play(strict(clean(V5)), closed);
    s10_a_session_of_which_we_know_nothing_is_resumed_v3 => play(lasting(V3), resumed);
    s10_a_session_of_which_we_know_nothing_is_resumed_v5 => play(lasting(V5), resumed);
    s10_a_session_of_which_a_strict_client_knows_nothing_is_dropped_v5 =>
        play(strict(lasting(V5)), dropped);
    s85_subscriptions_are_made_again_before_anything_is_published_v3 => play(lasting(V3), resubscribed);
    s85_subscriptions_are_made_again_before_anything_is_published_v5 => play(lasting(V5), resubscribed);
    s85_the_program_may_subscribe_itself_before_anything_is_published_v3 =>
        by_hand(by_itself(V3), subscribed_by_the_program);
    s85_the_program_may_subscribe_itself_before_anything_is_published_v5 =>
        by_hand(by_itself(V5), subscribed_by_the_program);
}

fn republishing(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.lost_session = LostSession::Republish)
}

fn clean(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.clean_start = true)
}

fn strict(config: ClientConfig) -> ClientConfig {
    with(config, |config| config.profile = Profile::Strict)
}

fn by_itself(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.resubscribe = false)
}

/// One message waits for PUBACK, one for PUBREC, one for PUBCOMP, one is queued; then the connection ends.
fn four_messages(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS1));
    client.recv(publish("a", "x").qos1(1));
    client.publish(message("b", "x", QOS2));
    client.recv(publish("b", "x").qos2(2));
    client.publish(message("c", "x", QOS2));
    client.recv(publish("c", "x").qos2(3));
    client.send(pubrec(3));
    client.recv(pubrel(3));
    client.cut();
    client.publish(message("queued", "x", QOS1));
}

/// What was sent has one fate each, *unknown*; what was not sent goes out as if nothing had happened.
/// [MQTT-3.2.2-5] (5.0)
fn reported(client: &mut dyn ClientStage) {
    four_messages(client);
    client.connect();
    client.recv(publish("queued", "x").qos1(4));
    client.send(puback(4));
}

/// What the server may not have goes out as new messages, without DUP; what it had taken over (PUBREC) does not.
fn republished(client: &mut dyn ClientStage) {
    four_messages(client);
    client.connect();
    client.recv(publish("a", "x").qos1(4));
    client.recv(publish("b", "x").qos2(5));
    client.recv(publish("queued", "x").qos1(6));
    client.send(puback(4));
    client.send(pubrec(5));
    client.recv(pubrel(5));
    client.send(pubcomp(5));
    client.send(puback(6));
}

/// The same identifier is another message then, and is delivered.
fn forgotten(client: &mut dyn ClientStage) {
    client.connect();
    client.send(publish("led", "on").qos2(7));
    client.recv(pubrec(7));
    client.cut();
    client.connect();
    client.send(publish("led", "off").qos2(7));
    client.recv(pubrec(7));
    client.send(pubrel(7));
    client.recv(pubcomp(7));
}

/// The deviation is told, and the session counts as new. [MQTT-3.2.2-1] (3.1.1) [MQTT-3.2.2-2] (5.0)
fn tolerated(client: &mut dyn ClientStage) {
    client.resume();
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.send(puback(1));
}

/// No packet follows: the server has accepted nobody. [MQTT-3.2.2-1] (3.1.1) [MQTT-3.2.2-2] (5.0)
fn closed(client: &mut dyn ClientStage) {
    client.resume();
    client.ends();
}

/// The program asked for no clean start, so it knows what it does; its messages are delivered.
fn resumed(client: &mut dyn ClientStage) {
    client.resume();
    client.send(publish("led", "on").qos1(7).dup());
    client.recv(puback(7));
}

/// The first attempt ends, the second one starts clean. [MQTT-3.2.2-4] (5.0)
fn dropped(client: &mut dyn ClientStage) {
    client.resume();
    client.ends();
    client.connect();
}

/// SUBSCRIBE, with what was granted, comes before the message that waits.
fn resubscribed(client: &mut dyn ClientStage) {
    client.connect();
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(1).filter("button", QOS1));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
    client.cut();
    client.publish(message("led", "on", QOS1));
    client.connect();
    client.recv(subscribe(2).filter("button", QOS1));
    client.recv(publish("led", "on").qos1(3));
    client.send(suback(2, &[ReasonCode::GrantedQoS1]));
    client.send(puback(3));
}

/// The message waits until the program has heard of the loss: what it subscribes to at that moment goes out before it.
fn subscribed_by_the_program(desk: &mut ClientDesk) {
    desk.connect();
    desk.cut();
    desk.publish(message("led", "on", QOS1));
    desk.subscribe_when_connected(subscribe_to("button", QOS1));
    desk.connect();
    desk.recv(subscribe(1).filter("button", QOS1));
    desk.recv(publish("led", "on").qos1(2));
    desk.send(suback(1, &[ReasonCode::GrantedQoS1]));
    desk.send(puback(2));
}
