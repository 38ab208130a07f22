//! What is too large, too short or ruled out by CONNACK.

use mqtt_engine::{
    ClientConfig, Disconnect, Oversize, QoS, Subscribe,
    packet::{Property, ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientStage, Said, bytes, connack, disconnect, puback, pubcomp, publish, pubrec, pubrel, suback,
    subscribe,
};

use super::play;
use crate::{
    diaries,
    vocabulary::{QOS0, QOS1, QOS2, V3, V5, lasting, message, subscribe_to, text, with},
};

diaries! { "client";
    s35_a_message_refused_on_the_spot_leaves_nothing_behind_v5 => play(lasting(V5), nothing_left);
    s36_a_receive_maximum_of_zero_is_a_protocol_error_v5 =>
        play(lasting(V5), |client| zero(client, &[0x20, 6, 0, 0, 3, 0x21, 0, 0]));
    s36_a_maximum_packet_size_of_zero_is_a_protocol_error_v5 =>
        play(lasting(V5), |client| zero(client, &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0]));
    s52_the_limit_is_the_size_of_the_whole_packet_v3 => play(small(V3), whole_packet);
    s52_the_limit_is_the_size_of_the_whole_packet_v5 => play(small(V5), whole_packet);
    s52_the_limit_of_the_server_is_the_size_of_the_whole_packet_v5 => play(lasting(V5), whole_packet_out);
    s53_short_acknowledgements_v5 => play(lasting(V5), short_acknowledgements);
    s53_a_disconnect_of_length_zero_v5 => play(lasting(V5), |client| said_goodbye(client, &[0xE0, 0]));
    s53_a_disconnect_of_length_one_v5 => play(lasting(V5), |client| said_goodbye(client, &[0xE0, 1, 0x8B]));
    s53_a_puback_with_more_bytes_is_malformed_v3 => play(lasting(V3), long_puback);
    s55_an_oversized_message_is_passed_over_and_answered_v3 => play(small(V3), passed_over);
    s55_an_oversized_message_is_passed_over_and_answered_v5 => play(small(V5), passed_over);
    s55_a_server_that_repeats_an_oversized_message_is_given_up_v3 => play(closing(V3), given_up);
    s55_a_server_that_repeats_an_oversized_message_is_given_up_v5 => play(closing(V5), given_up);
    s56_a_message_too_large_for_the_server_is_refused_here_v5 => play(lasting(V5), refused_here);
    s56_a_goodbye_too_long_for_the_server_loses_its_words_v5 => play(lasting(V5), short_goodbye);
    s71_what_connack_forbids_is_refused_here_v5 => play(lasting(V5), forbidden);
    s71_what_was_asked_for_offline_fails_when_connack_forbids_it_v5 => play(lasting(V5), forbidden_offline);
}

/// Takes packets of 20 bytes.
fn small(version: ProtocolVersion) -> ClientConfig {
    with(lasting(version), |config| config.maximum_packet_size = 20)
}

fn closing(version: ProtocolVersion) -> ClientConfig {
    with(small(version), |config| config.oversize = Oversize::Disconnect)
}

/// A payload that makes the PUBLISH to `led` so many bytes long.
fn filling(size: usize, qos: QoS, version: ProtocolVersion) -> String {
    let header = publish("led", "").wire(version).len() + if qos > QOS0 { 2 } else { 0 };
    "x".repeat(size - header)
}

/// The refused message takes no identifier, no quota and no place: the next one is 1, within a window of 1.
fn nothing_left(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::ReceiveMaximum(1)).with(Property::MaximumPacketSize(20)));
    client.publish(message("led", &filling(21, QOS1, V5), QOS1));
    client.publish(message("led", "on", QOS1));
    client.recv(publish("led", "on").qos1(1));
    client.send(puback(1));
}

/// The connection ends before it began; no packet follows. 5.0 sections 3.2.2.3.3 and 3.2.2.3.6
fn zero(client: &mut dyn ClientStage, answer: &[u8]) {
    client.opens();
    client.send(bytes(answer));
    client.ends();
}

/// 20 bytes arrive; of 21 the topic is told, and nothing else.
fn whole_packet(client: &mut dyn ClientStage) {
    let version = client.version();
    client.connect();
    client.send(publish("led", filling(20, QOS0, version)));
    client.send(publish("led", filling(21, QOS0, version)));
    client.send(publish("led", "on"));
}

/// 20 bytes go out, 21 do not. [MQTT-3.2.2-15] (5.0)
fn whole_packet_out(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::MaximumPacketSize(20)));
    let fits = filling(20, QOS1, V5);
    client.publish(message("led", &fits, QOS1));
    client.recv(publish("led", fits).qos1(1));
    client.publish(message("led", &filling(21, QOS1, V5), QOS1));
    client.send(puback(1));
}

/// PUBACK and the others may leave out the reason, then the properties.
fn short_acknowledgements(client: &mut dyn ClientStage) {
    client.connect();
    let forms: [&[u8]; 3] = [&[0x40, 2, 0, 1], &[0x40, 3, 0, 2, 0x10], &[0x40, 4, 0, 3, 0x10, 0]];
    for (answer, id) in forms.iter().zip(1..) {
        client.publish(message("a", "x", QOS1));
        client.recv(publish("a", "x").qos1(id));
        client.send(bytes(answer));
    }
    let forms: [[&[u8]; 2]; 3] = [
        [&[0x50, 2, 0, 4], &[0x70, 2, 0, 4]],
        [&[0x50, 3, 0, 5, 0x10], &[0x70, 3, 0, 5, 0]],
        [&[0x50, 4, 0, 6, 0x10, 0], &[0x70, 4, 0, 6, 0, 0]],
    ];
    for ([received, complete], id) in forms.iter().zip(4..) {
        client.publish(message("a", "x", QOS2));
        client.recv(publish("a", "x").qos2(id));
        client.send(bytes(received));
        client.recv(pubrel(id));
        client.send(bytes(complete));
    }
    let forms: [&[u8]; 3] = [&[0x62, 2, 0, 7], &[0x62, 3, 0, 7, 0], &[0x62, 4, 0, 7, 0, 0]];
    for release in forms {
        client.send(publish("b", "x").qos2(7));
        client.recv(pubrec(7));
        client.send(bytes(release));
        client.recv(pubcomp(7));
    }
}

/// No code is the code 0.
fn said_goodbye(client: &mut dyn ClientStage, goodbye: &[u8]) {
    client.connect();
    client.send(bytes(goodbye));
    client.ends();
}

/// 3.1.1 has no reasons: the length is 2. [MQTT-4.8.0-1] (3.1.1)
fn long_puback(client: &mut dyn ClientStage) {
    client.connect();
    client.publish(message("a", "x", QOS1));
    client.recv(publish("a", "x").qos1(1));
    client.send(bytes(&[0x40, 3, 0, 1, 0]));
    client.ends();
}

/// The server has its answer, so that it need not send the message again; 5.0 refuses it. [MQTT-4.5.0-2] (both versions)
fn passed_over(client: &mut dyn ClientStage) {
    let version = client.version();
    let error = ReasonCode::ImplementationSpecificError;
    client.connect();
    client.send(publish("led", filling(21, QOS1, version)).qos1(7));
    client.recv(puback(7).reason(error));
    client.send(publish("led", filling(21, QOS2, version)).qos2(8));
    client.recv(pubrec(8).reason(error));
    if version == V3 {
        client.send(pubrel(8));
        client.recv(pubcomp(8));
    }
    client.send(publish("led", "on").qos1(9));
    client.recv(puback(9));
}

/// Three connections, and no fourth until the program asks.
fn given_up(client: &mut dyn ClientStage) {
    let version = client.version();
    for session_present in [false, true, true] {
        client.opens();
        client.send(connack(session_present));
        client.send(publish("led", filling(21, QOS1, version)).qos1(7));
        if version == V5 {
            client.recv(disconnect(ReasonCode::PacketTooLarge));
        }
        client.ends();
    }
}

/// The program is told at once, and the connection stays. [MQTT-3.2.2-15] (5.0)
fn refused_here(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::MaximumPacketSize(20)));
    client.publish(message("led", &filling(21, QOS0, V5), QOS0));
    client.subscribe(subscribe_to("a/topic/that/is/too/long", QOS1));
    client.publish(message("led", "on", QOS0));
    client.recv(publish("led", "on"));
}

/// The code goes out, without the words for people. [MQTT-3.14.2-3] (5.0)
fn short_goodbye(client: &mut dyn ClientStage) {
    client.opens();
    client.send(connack(false).with(Property::MaximumPacketSize(20)));
    client.disconnect(with(Disconnect::default(), |goodbye| {
        goodbye.reason = ReasonCode::DisconnectWithWill;
        goodbye.reason_string = Some(text("the battery is empty"));
    }));
    client.recv(disconnect(ReasonCode::DisconnectWithWill));
    client.ends();
}

/// What the server rules out.
fn poor_server(session_present: bool) -> Said {
    connack(session_present)
        .with(Property::MaximumQoS(QOS0))
        .with(Property::RetainAvailable(false))
        .with(Property::WildcardSubscriptionAvailable(false))
        .with(Property::SubscriptionIdentifierAvailable(false))
        .with(Property::SharedSubscriptionAvailable(false))
}

fn identified() -> Subscribe {
    with(subscribe_to("button", QOS1), |request| request.identifier = Some(5))
}

/// Each call says why; the server sees what it takes. [MQTT-3.2.2-11] [MQTT-3.2.2-14] (5.0)
fn forbidden(client: &mut dyn ClientStage) {
    client.opens();
    client.send(poor_server(false));
    client.publish(message("led", "on", QOS1));
    client.publish(message("led", "on", QOS0).retained());
    client.subscribe(subscribe_to("#", QOS1));
    client.subscribe(identified());
    client.subscribe(subscribe_to("$share/all/button", QOS1));
    client.publish(message("led", "on", QOS0));
    client.recv(publish("led", "on"));
    client.subscribe(subscribe_to("button", QOS2));
    client.recv(subscribe(1).filter("button", QOS2));
    client.send(suback(1, &[ReasonCode::Success]));
}

/// The calls came before the CONNACK: each is answered with its reason, and nothing of it is sent.
fn forbidden_offline(client: &mut dyn ClientStage) {
    client.publish(message("led", "on", QOS1));
    client.publish(message("led", "on", QOS0).retained());
    client.subscribe(subscribe_to("#", QOS1));
    client.subscribe(identified());
    client.subscribe(subscribe_to("$share/all/button", QOS1));
    client.publish(message("led", "on", QOS0));
    client.opens();
    client.send(poor_server(false));
    client.recv(publish("led", "on"));
}
