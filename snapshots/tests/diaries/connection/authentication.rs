//! Enhanced authentication, step by step.

use mqtt_engine::packet::{Property, ProtocolVersion, ReasonCode as R};
use mqtt_engine_diary::script::{
    ConnectionDesk, Said, auth, connect, disconnect, pingreq, pingresp, refusal,
};

use super::{Steps as _, play, play_with};
use crate::{
    diaries,
    vocabulary::{V5, accepted, millis, seconds},
};

diaries! { "connection";
    a_challenge_before_connack_v5 => play_with(|config| config.enhanced_authentication = true, V5, challenged);
    a_challenge_that_is_not_met_v5 => play_with(|config| config.enhanced_authentication = true, V5, failed);
    a_method_that_nobody_knows_v5 => play(V5, unknown_method);
    a_challenge_and_another_method_v5 =>
        play_with(|config| config.enhanced_authentication = true, V5, other_method);
    a_challenge_and_another_packet_v5 =>
        play_with(|config| config.enhanced_authentication = true, V5, other_packet);
    a_challenge_that_nobody_answers_v5 =>
        play_with(|config| config.enhanced_authentication = true, V5, unanswered);
    a_re_authentication_v5 => play_with(|config| config.enhanced_authentication = true, V5, again);
    a_re_authentication_that_fails_v5 =>
        play_with(|config| config.enhanced_authentication = true, V5, again_failed);
    an_auth_without_a_method_v5 => play(V5, without_method);
}

fn by_steps(said: Said) -> Said {
    said.with(Property::AuthenticationMethod("STEPS"))
}

fn with_data(said: Said, data: &'static str) -> Said {
    by_steps(said).with(Property::AuthenticationData(data.as_bytes()))
}

fn challenge(server: &mut ConnectionDesk) {
    server.challenge("prove it");
    server.recv(with_data(auth(R::ContinueAuthentication), "prove it"));
}

fn begins(server: &mut ConnectionDesk) {
    server.send(with_data(connect("c"), "hello"));
    challenge(server);
}

fn answers(server: &mut ConnectionDesk) {
    server.send(with_data(auth(R::ContinueAuthentication), "proof"));
}

fn is_let_in(server: &mut ConnectionDesk) {
    server.accept(false);
    server.recv(by_steps(accepted(false)));
}

/// AUTH and CONNACK name the method. [MQTT-4.12.0-2] [MQTT-4.12.0-5] (5.0)
fn challenged(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    answers(server);
    challenge(server);
    answers(server);
    is_let_in(server);
    server.send(pingreq());
    server.recv(pingresp());
}

/// [MQTT-4.12.0-4] (5.0)
fn failed(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    answers(server);
    server.refuse(R::NotAuthorized);
    server.recv(refusal(R::NotAuthorized));
    server.ends();
}

/// The program is not asked. [MQTT-4.12.0-1] (5.0)
fn unknown_method(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.send(with_data(connect("c"), "hello"));
    server.recv(refusal(R::BadAuthenticationMethod));
    server.ends();
}

/// [MQTT-4.12.0-5] (5.0)
fn other_method(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    server.send(auth(R::ContinueAuthentication).with(Property::AuthenticationMethod("OTHER")));
    server.recv(refusal(R::BadAuthenticationMethod));
    server.ends();
}

/// [MQTT-3.1.2-30] (5.0)
fn other_packet(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    server.send(pingreq());
    server.recv(refusal(R::ProtocolError));
    server.ends();
}

/// Within the connect timeout of ten seconds.
fn unanswered(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.silence(seconds(1));
    begins(server);
    server.silence(seconds(9));
    server.ends();
}

/// The connection stays, and what the client sends waits while the program ponders. [MQTT-4.12.1-1] (5.0)
fn again(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    answers(server);
    is_let_in(server);
    server.send(with_data(auth(R::ReAuthenticate), "again"));
    server.send(pingreq());
    server.silence(millis(100));
    challenge(server);
    server.recv(pingresp());
    answers(server);
    server.finish_authentication("fine");
    server.recv(with_data(auth(R::Success), "fine"));
}

/// The program closes. [MQTT-4.12.1-2] (5.0)
fn again_failed(server: &mut ConnectionDesk, _: ProtocolVersion) {
    begins(server);
    answers(server);
    is_let_in(server);
    server.send(with_data(auth(R::ReAuthenticate), "again"));
    server.close(R::NotAuthorized);
    server.recv(disconnect(R::NotAuthorized));
    server.ends();
}

/// [MQTT-4.12.0-7] (5.0)
fn without_method(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(with_data(auth(R::ReAuthenticate), "again"));
    server.recv(disconnect(R::ProtocolError));
    server.ends();
}
