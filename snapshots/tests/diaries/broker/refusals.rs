//! Clients, messages and subscriptions that are not accepted, and the words for it.

use mqtt_engine::{
    Answer, BrokerConfig, Dismissal,
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, Said, connack, connect, disconnect, puback, publish, refusal, suback, subscribe,
};

use super::{Steps as _, hex, play, play_with, with};
use crate::{
    diaries, on_every_broker,
    vocabulary::{V3, V5, accepted, broker, durable, text},
};

diaries! { "broker";
    a_wrong_password_v3 => play_with(with(|config| config.ask_authentication = true), |desk| password(desk, V3));
    a_wrong_password_v5 => play_with(with(|config| config.ask_authentication = true), |desk| password(desk, V5));
    refusals_that_v3_has_no_code_for =>
        play_with(with(|config| config.ask_authentication = true), no_return_code);
    another_server_is_named_v5 => play_with(with(|config| config.ask_authentication = true), another_server);
    an_unknown_protocol_version => on_every_broker(broker(), unknown_version);
    a_client_without_a_name_gets_one_v3 => play(V3, assigned);
    a_client_without_a_name_gets_one_v5 => play(V5, assigned);
    a_client_without_a_name_is_refused_v3 =>
        play_with(with(|config| config.allow_empty_client_id = false), |desk| nameless(desk, V3));
    a_client_without_a_name_is_refused_v5 =>
        play_with(with(|config| config.allow_empty_client_id = false), |desk| nameless(desk, V5));
    one_session_too_many_v3 => play_with(with(|config| config.session_count = 1), |desk| sessions(desk, V3));
    one_session_too_many_v5 => play_with(with(|config| config.session_count = 1), |desk| sessions(desk, V5));
    the_program_refuses_a_message_v3 => play_with(with(|config| config.ask_publish = true), |desk| message(desk, V3));
    the_program_refuses_a_message_v5 => play_with(with(|config| config.ask_publish = true), |desk| message(desk, V5));
    the_program_refuses_a_subscription_v3 =>
        play_with(with(|config| config.ask_subscribe = true), |desk| subscription(desk, V3));
    the_program_refuses_a_subscription_v5 =>
        play_with(with(|config| config.ask_subscribe = true), |desk| subscription(desk, V5));
    the_program_refuses_a_will_v3 => play_with(with(|config| config.ask_publish = true), |desk| will(desk, V3));
    the_program_refuses_a_will_v5 => play_with(with(|config| config.ask_publish = true), |desk| will(desk, V5));
    the_program_ends_a_connection_v3 => play_with(broker(), |desk| closed(desk, V3));
    the_program_ends_a_connection_v5 => play_with(broker(), |desk| closed(desk, V5));
    topics_of_the_server_are_not_published_to_v3 => play(V3, sys);
    topics_of_the_server_are_not_published_to_v5 => play(V5, sys);
    s71_what_a_small_broker_does_not_offer_v3 => on_every_broker(with(small), not_offered_v3);
    s71_what_a_small_broker_does_not_offer_v5 => on_every_broker(with(small), not_offered_v5);
    s71_a_subscription_is_granted_the_maximum_qos_v3 =>
        play_with(with(|config| config.connection.maximum_qos = AtMostOnce), |desk| granted_less(desk, V3));
    s71_a_subscription_is_granted_the_maximum_qos_v5 =>
        play_with(with(|config| config.connection.maximum_qos = AtMostOnce), |desk| granted_less(desk, V5));
}

/// 3.1.1 has return code 4, 5.0 reason 0x86. [MQTT-3.2.2-5] (3.1.1), [MQTT-3.2.2-7] (5.0)
fn password(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.opens("c", version);
    broker.send("c", connect("c").user("alice", "wrong"));
    broker.answer(Answer::Refuse(R::BadUserNameOrPassword));
    broker.recv("c", refusal(R::BadUserNameOrPassword));
    broker.ends("c");
    broker.opens("c", version);
    broker.send("c", connect("c").user("alice", "secret"));
    broker.answer(Answer::Allow);
    broker.recv("c", accepted(false));
}

/// The nearest return code: 5 for a ban, 3 for a quota; closed without a CONNACK where none fits. [MQTT-3.2.2-6] (3.1.1)
fn no_return_code(broker: &mut BrokerDesk) {
    for (reason, told) in [
        (R::Banned, Some(R::NotAuthorized)),
        (R::QuotaExceeded, Some(R::ServerUnavailable)),
        (R::UnspecifiedError, None),
    ] {
        broker.opens("c", V3);
        broker.send("c", connect("c"));
        broker.answer(Answer::Refuse(reason));
        if let Some(told) = told {
            broker.recv("c", refusal(told));
        }
        broker.ends("c");
    }
}

/// With words for people and a server reference; who takes small packets only hears the code. [MQTT-3.2.2-19] (5.0)
fn another_server(broker: &mut BrokerDesk) {
    let dismissal = Dismissal::new(R::UseAnotherServer)
        .with_reason_string(text("under repair"))
        .with_server_reference(text("b.example"));
    let with_words = refusal(R::UseAnotherServer)
        .with(Property::ServerReference("b.example"))
        .with(Property::ReasonString("under repair"));
    let small = connect("c").with(Property::MaximumPacketSize(20));
    let without_words = refusal(R::UseAnotherServer).with(Property::ServerReference("b.example"));
    for (connect, answer) in [(connect("c"), with_words), (small, without_words)] {
        broker.opens("c", V5);
        broker.send("c", connect);
        broker.answer(Answer::RefuseWith(Box::new(dismissal.clone())));
        broker.recv("c", answer);
        broker.ends("c");
    }
}

/// Version 6 is told so in the form of 5.0, version 2 in that of 3.1.1; another protocol hears nothing.
/// [MQTT-3.1.2-1] [MQTT-3.1.2-2] (both versions)
fn unknown_version(broker: &mut dyn BrokerStage) {
    broker.opens("c", V5);
    broker.ask(
        "c",
        hex("10 0E 00 04 4D 51 54 54 06 02 00 00 00 00 01 63"),
        refusal(R::UnsupportedProtocolVersion),
    );
    broker.ends("c");
    broker.opens("c", V3);
    broker.ask(
        "c",
        hex("10 0D 00 04 4D 51 54 54 02 02 00 00 00 01 63"),
        refusal(R::UnsupportedProtocolVersion),
    );
    broker.ends("c");
    broker.opens("c", V3);
    broker.send("c", hex("10 0D 00 04 41 4D 51 50 04 02 00 00 00 01 63"));
    broker.ends("c");
}

/// 5.0 clients are told their name. In 3.1.1 an empty name needs a clean session.
/// [MQTT-3.1.3-6] [MQTT-3.1.3-8] (3.1.1), [MQTT-3.1.3-7] [MQTT-3.2.2-16] (5.0)
fn assigned(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    let told = |name| accepted(false).with(Property::AssignedClientIdentifier(name));
    broker.knocks("first", version, connect(""), told("auto-0"));
    broker.knocks("second", version, connect(""), told("auto-1"));
    let durable = durable("");
    if version == V5 {
        broker.knocks("third", version, durable, told("auto-2"));
    } else {
        broker.knocks("third", version, durable, refusal(R::ClientIdentifierNotValid));
        broker.ends("third");
    }
}

/// [MQTT-3.1.3-9] (3.1.1), [MQTT-3.1.3-8] (5.0)
fn nameless(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.knocks("c", version, connect(""), refusal(R::ClientIdentifierNotValid));
    broker.ends("c");
}

/// The session of a is stored, and there is room for one. In 3.1.1 the server is not available.
fn sessions(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.starts("a", version);
    broker.cut("a");
    let reason = if version == V5 { R::QuotaExceeded } else { R::ServerUnavailable };
    broker.knocks("b", version, connect("b"), refusal(reason));
    broker.ends("b");
    broker.resumes("a", version);
}

/// PUBACK says so in 5.0; in 3.1.1 it is as usual, and nobody gets the message. [MQTT-3.3.5-2] (3.1.1)
fn message(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "t", AtMostOnce);
    broker.send("c", publish("t", "no").qos1(1));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.recv("c", puback(1).reason(R::NotAuthorized));
    broker.send("c", publish("t", "no"));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.send("c", publish("t", "yes").qos1(2));
    broker.answer(Answer::Allow);
    broker.recv("c", puback(2));
    broker.recv("c", publish("t", "yes"));
}

/// One filter of two: SUBACK has a code for each, and words in 5.0. [MQTT-3.8.4-5] (3.1.1), [MQTT-3.8.4-6] (5.0)
fn subscription(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.send("c", subscribe(1).filter("secret", AtLeastOnce).filter("t", AtLeastOnce));
    let words = Dismissal::new(R::NotAuthorized).with_reason_string(text("ask alice"));
    broker.answer(Answer::RefuseWith(Box::new(words)));
    broker.answer(Answer::Allow);
    let reason = if version == V5 { R::NotAuthorized } else { R::UnspecifiedError };
    let answer = suback(1, &[reason, R::GrantedQoS1]).with(Property::ReasonString("ask alice"));
    broker.recv("c", answer);
}

/// A client whose will may not be published does not come in.
fn will(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.opens("c", version);
    broker.send("c", connect("c").will("secret", "x", AtMostOnce, true));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.recv("c", refusal(R::NotAuthorized));
    broker.ends("c");
}

/// 5.0 clients are told why.
fn closed(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.close("c", R::AdministrativeAction);
    if version == V5 {
        broker.recv("c", disconnect(R::AdministrativeAction));
    }
    broker.ends("c");
}

/// `$SYS` is the broker's: the message is dropped, and acknowledged; other topics with `$` are not special.
fn sys(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "$SYS/#", AtMostOnce);
    broker.ask("c", publish("$SYS/x", "1").qos1(1), puback(1).reason(R::NotAuthorized));
    broker.subscribes("c", "$app/x", AtMostOnce);
    broker.ask("c", publish("$app/x", "1").qos1(2), puback(2));
    broker.recv("c", publish("$app/x", "1"));
}

/// No QoS 2, nothing retained, no wildcards, identifiers or shared subscriptions.
fn small(config: &mut BrokerConfig) {
    let connection = &mut config.connection;
    connection.maximum_qos = AtLeastOnce;
    connection.retain_available = false;
    connection.wildcard_subscriptions = false;
    connection.subscription_identifiers = false;
    connection.shared_subscriptions = false;
}

/// CONNACK says what there is not; who asks for it all the same is sent away with the reason. [MQTT-3.2.2-9] (5.0)
fn not_offered_v5(broker: &mut dyn BrokerStage) {
    let told = connack(false)
        .with(Property::ReceiveMaximum(64))
        .with(Property::MaximumPacketSize(1 << 20))
        .with(Property::TopicAliasMaximum(16))
        .with(Property::MaximumQoS(AtLeastOnce))
        .with(Property::RetainAvailable(false))
        .with(Property::WildcardSubscriptionAvailable(false))
        .with(Property::SubscriptionIdentifierAvailable(false))
        .with(Property::SharedSubscriptionAvailable(false));
    let asked: [(Said, R); 5] = [
        (publish("t", "x").qos2(1), R::QoSNotSupported),
        (publish("t", "x").retain(), R::RetainNotSupported),
        (subscribe(1).filter("a/#", AtMostOnce), R::WildcardSubscriptionsNotSupported),
        (
            subscribe(1).filter("a", AtMostOnce).with(Property::SubscriptionIdentifier(1)),
            R::SubscriptionIdentifiersNotSupported,
        ),
        (subscribe(1).filter("$share/g/a", AtMostOnce), R::SharedSubscriptionsNotSupported),
    ];
    for (said, reason) in asked {
        broker.knocks("c", V5, connect("c"), told.clone());
        broker.ask("c", said, disconnect(reason));
        broker.ends("c");
    }
    let retained = connect("c").will("t", "x", AtMostOnce, true);
    broker.knocks("c", V5, retained, refusal(R::RetainNotSupported));
    broker.ends("c");
}

/// Clients could not know: filters are refused in SUBACK, messages end the connection.
fn not_offered_v3(broker: &mut dyn BrokerStage) {
    broker.joins("c", V3);
    let filters = ["a/#", "$share/g/a", "a"];
    let all = filters.into_iter().fold(subscribe(1), |all, filter| all.filter(filter, ExactlyOnce));
    broker.ask("c", all, suback(1, &[R::UnspecifiedError, R::UnspecifiedError, R::GrantedQoS1]));
    broker.send("c", publish("t", "x").qos2(1));
    broker.ends("c");
    broker.joins("c", V3);
    broker.send("c", publish("t", "x").retain());
    broker.ends("c");
}

/// Any QoS may be asked for; what is granted is QoS 0. [MQTT-3.2.2-10] (5.0)
fn granted_less(broker: &mut BrokerDesk, version: ProtocolVersion) {
    let told = accepted(false).with(Property::MaximumQoS(AtMostOnce));
    broker.knocks("c", version, connect("c"), told);
    broker.ask("c", subscribe(1).filter("t", ExactlyOnce), suback(1, &[R::Success]));
    broker.ask("c", publish("t", "x"), publish("t", "x"));
}
