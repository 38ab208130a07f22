//! Enhanced authentication (5.0 section 4.12), from the client's side.

use bytes::Bytes;
use mqtt_engine::{
    Authentication, ClientConfig,
    packet::{Property, ReasonCode},
};
use mqtt_engine_diary::script::{
    ClientDesk, ClientStage, Said, auth, bytes, connack, disconnect, puback, publish, refusal,
};

use super::{by_hand, play};
use crate::{
    diaries,
    vocabulary::{QOS1, V5, lasting, message, text, with},
};

diaries! { "client";
    authentication_in_two_steps_v5 => by_hand(scram(), two_steps);
    authentication_without_a_step_v5 => by_hand(scram(), no_step);
    authentication_refused_v5 => by_hand(scram(), refused);
    authentication_again_on_the_live_connection_v5 => by_hand(scram(), again);
    authentication_again_refused_v5 => by_hand(scram(), again_refused);
    authentication_again_begins_anew_on_the_next_connection_v5 => by_hand(scram(), cut_in_the_middle);
    s53_an_auth_of_length_zero_or_one_v5 => by_hand(scram(), short_auth);
    authentication_with_another_method_is_a_violation_v5 => by_hand(scram(), other_method);
    authentication_that_the_server_begins_is_a_violation_v5 => by_hand(scram(), begun_by_the_server);
    authentication_that_does_not_wait_for_the_answer_is_a_violation_v5 => by_hand(scram(), impatient);
    authentication_without_a_method_is_a_violation_v5 => play(lasting(V5), no_method);
}

const METHOD: &str = "SCRAM-SHA-256";

fn scram() -> ClientConfig {
    with(lasting(V5), |config| {
        config.authentication = Some(with(Authentication::new(text(METHOD)), |authentication| {
            authentication.data = Some(Bytes::from_static(b"client first"));
        }));
    })
}

fn step(reason: ReasonCode, data: &'static [u8]) -> Said {
    auth(reason).with(Property::AuthenticationMethod(METHOD)).with(Property::AuthenticationData(data))
}

fn answers(desk: &mut ClientDesk, data: &'static str) {
    desk.call(&format!("authenticate {data:?}"), |client, now| client.authenticate(Some(data.into()), now));
}

fn begins_again(desk: &mut ClientDesk) {
    desk.call("reauthenticate \"client again\"", |client, now| {
        client.reauthenticate(Some("client again".into()), now);
    });
}

fn authenticated() -> Said {
    connack(false).with(Property::AuthenticationMethod(METHOD))
}

/// CONNECT has the method and its first data; AUTH goes back and forth, and CONNACK ends it.
/// [MQTT-4.12.0-3] [MQTT-4.12.0-5] (5.0)
fn two_steps(desk: &mut ClientDesk) {
    desk.publish(message("led", "on", QOS1));
    desk.opens();
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    answers(desk, "client final");
    desk.recv(step(ReasonCode::ContinueAuthentication, b"client final"));
    desk.send(step(ReasonCode::ContinueAuthentication, b"server again"));
    answers(desk, "client last");
    desk.recv(step(ReasonCode::ContinueAuthentication, b"client last"));
    desk.send(authenticated().with(Property::AuthenticationData(b"server final")));
    desk.note("nothing but AUTH went out until now");
    desk.recv(publish("led", "on").qos1(1));
    desk.send(puback(1));
}

/// The first data was enough.
fn no_step(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
}

/// The server does not like the answer, and says so with CONNACK.
fn refused(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    answers(desk, "wrong");
    desk.recv(step(ReasonCode::ContinueAuthentication, b"wrong"));
    desk.send(refusal(ReasonCode::NotAuthorized));
    desk.ends();
}

/// The client begins (0x19), the server ends with success (0x00); messages flow all the while. [MQTT-4.12.1-1] (5.0)
fn again(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    begins_again(desk);
    desk.recv(step(ReasonCode::ReAuthenticate, b"client again"));
    desk.publish(message("led", "on", QOS1));
    desk.recv(publish("led", "on").qos1(1));
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    desk.send(puback(1));
    answers(desk, "client final");
    desk.recv(step(ReasonCode::ContinueAuthentication, b"client final"));
    desk.send(step(ReasonCode::Success, b"server final"));
}

/// No code is success, as it is with a code and nothing else.
fn short_auth(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    let forms: [&[u8]; 2] = [&[0xF0, 0], &[0xF0, 1, 0]];
    for done in forms {
        begins_again(desk);
        desk.recv(step(ReasonCode::ReAuthenticate, b"client again"));
        desk.send(bytes(done));
    }
}

/// The server ends the connection. [MQTT-4.12.1-2] (5.0)
fn again_refused(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    begins_again(desk);
    desk.recv(step(ReasonCode::ReAuthenticate, b"client again"));
    desk.send(disconnect(ReasonCode::NotAuthorized));
    desk.ends();
}

/// The exchange is over with its connection: the answer to it goes nowhere, CONNECT has the first data again.
fn cut_in_the_middle(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    begins_again(desk);
    desk.recv(step(ReasonCode::ReAuthenticate, b"client again"));
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    desk.cut();
    desk.opens();
    answers(desk, "too late");
    desk.send(connack(true).with(Property::AuthenticationMethod(METHOD)));
}

/// [MQTT-4.12.0-5] (5.0)
fn other_method(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    begins_again(desk);
    desk.recv(step(ReasonCode::ReAuthenticate, b"client again"));
    desk.send(auth(ReasonCode::ContinueAuthentication).with(Property::AuthenticationMethod("PLAIN")));
    desk.recv(disconnect(ReasonCode::UnspecifiedError));
    desk.ends();
}

/// On a live connection only the client begins.
fn begun_by_the_server(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(authenticated());
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    desk.recv(disconnect(ReasonCode::ProtocolError));
    desk.ends();
}

/// A second step before the first one is answered; there is no CONNACK yet, so no packet follows.
fn impatient(desk: &mut ClientDesk) {
    desk.opens();
    desk.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    desk.send(step(ReasonCode::ContinueAuthentication, b"and another"));
    desk.ends();
}

/// CONNECT named none. [MQTT-4.12.0-6] (5.0)
fn no_method(client: &mut dyn ClientStage) {
    client.connect();
    client.send(step(ReasonCode::ContinueAuthentication, b"server first"));
    client.recv(disconnect(ReasonCode::ProtocolError));
    client.ends();
}
