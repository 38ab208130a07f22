//! Enhanced authentication: the broker asks its program for each step.

use mqtt_engine::{
    Answer, BrokerConfig,
    packet::{Property, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage as _, Said, auth, connect, disconnect, pingreq, pingresp, publish, refusal,
};

use super::{Steps as _, play_with, with};
use crate::{
    diaries,
    vocabulary::{V5, accepted, broker, seconds, text},
};

diaries! { "broker";
    enhanced_authentication_in_two_steps_v5 => play_with(with(steps), two_steps);
    enhanced_authentication_fails_v5 => play_with(with(steps), fails);
    enhanced_authentication_over_an_unknown_method_v5 => play_with(with(steps), unknown_method);
    enhanced_authentication_with_no_methods_v5 => play_with(broker(), unknown_method);
    enhanced_authentication_takes_too_long_v5 => play_with(with(steps), too_long);
    nothing_but_auth_before_connack_v5 => play_with(with(steps), other_packet);
    auth_with_another_method_v5 => play_with(with(steps), other_method);
    re_authentication_succeeds_v5 => play_with(with(steps), again);
    re_authentication_fails_v5 => play_with(with(steps), again_fails);
    re_authentication_without_a_method_v5 => play_with(with(steps), without_method);
}

fn steps(config: &mut BrokerConfig) {
    config.authentication_methods = vec![text("STEPS")];
}

/// With the method, and data.
fn by_steps(said: Said, data: &'static str) -> Said {
    said.with(Property::AuthenticationMethod("STEPS")).with(Property::AuthenticationData(data.as_bytes()))
}

fn another_step(data: &'static str) -> Answer {
    Answer::Continue { data: Some(data.into()) }
}

fn authenticated(name: &'static str, data: &'static str) -> Answer {
    Answer::Authenticated { user_name: Some(text(name)), data: Some(data.into()) }
}

/// The client is let in as alice.
fn let_in(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(authenticated("alice", "welcome"));
    broker.recv("c", by_steps(accepted(false), "welcome"));
}

/// CONNECT, AUTH, AUTH, CONNACK: each step is a question, each answer a packet, all name the method.
/// [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] (5.0)
fn two_steps(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    broker.send("c", by_steps(auth(R::ContinueAuthentication), "proof"));
    broker.answer(authenticated("alice", "welcome"));
    broker.recv("c", by_steps(accepted(false), "welcome"));
    broker.ask("c", pingreq(), pingresp());
}

/// The proof is none: CONNACK with the reason. [MQTT-4.12.0-4] (5.0)
fn fails(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    broker.send("c", by_steps(auth(R::ContinueAuthentication), "no proof"));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.recv("c", refusal(R::NotAuthorized));
    broker.ends("c");
}

/// Nobody is asked. [MQTT-4.12.0-1] (5.0)
fn unknown_method(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    let connect = connect("c").with(Property::AuthenticationMethod("OTHER"));
    broker.ask("c", connect, refusal(R::BadAuthenticationMethod));
    broker.ends("c");
}

/// All steps together have the ten seconds of the connect timeout.
fn too_long(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.silence(seconds(4));
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    broker.silence(seconds(6));
    broker.ends("c");
}

/// [MQTT-3.1.2-30] (5.0): a PUBLISH ends the connection.
fn other_packet(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    broker.ask("c", publish("t", "x"), refusal(R::ProtocolError));
    broker.ends("c");
}

/// [MQTT-4.12.0-5] (5.0): AUTH names the method of CONNECT.
fn other_method(broker: &mut BrokerDesk) {
    broker.opens("c", V5);
    broker.send("c", by_steps(connect("c"), "hello"));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    let other = auth(R::ContinueAuthentication).with(Property::AuthenticationMethod("OTHER"));
    broker.ask("c", other, refusal(R::BadAuthenticationMethod));
    broker.ends("c");
}

/// On the live connection, in two steps. The client's PINGREQ waits meanwhile for the program's word. [MQTT-4.12.1-1] (5.0)
fn again(broker: &mut BrokerDesk) {
    let_in(broker);
    broker.send("c", by_steps(auth(R::ReAuthenticate), "again"));
    broker.send("c", pingreq());
    broker.silence(seconds(1));
    broker.answer(another_step("prove it"));
    broker.recv("c", by_steps(auth(R::ContinueAuthentication), "prove it"));
    broker.recv("c", pingresp());
    broker.send("c", by_steps(auth(R::ContinueAuthentication), "proof"));
    broker.answer(authenticated("alice", "fine"));
    broker.recv("c", by_steps(auth(R::Success), "fine"));
    broker.ask("c", pingreq(), pingresp());
}

/// DISCONNECT with the reason; to become another user fails, too. [MQTT-4.12.1-2] (5.0)
fn again_fails(broker: &mut BrokerDesk) {
    for answer in [Answer::Refuse(R::NotAuthorized), authenticated("bob", "fine")] {
        let_in(broker);
        broker.send("c", by_steps(auth(R::ReAuthenticate), "again"));
        broker.answer(answer);
        broker.recv("c", disconnect(R::NotAuthorized));
        broker.ends("c");
    }
}

/// CONNECT named no method: AUTH is a protocol error. [MQTT-4.12.0-7] (5.0)
fn without_method(broker: &mut BrokerDesk) {
    broker.joins("c", V5);
    broker.ask("c", by_steps(auth(R::ReAuthenticate), "again"), disconnect(R::ProtocolError));
    broker.ends("c");
}
