//! Enhanced authentication (5.0 section 4.12).

use bytes::Bytes;
use mqtt_engine::{
    Answer, BrokerEvent, ConnectionId, DisconnectCause, Dismissal, Question, QuestionId, Violation,
    packet::{Auth, Packet, PacketType, Properties, Property, ReasonCode},
};

use crate::harness::*;

const METHOD: &str = "SCRAM";

fn world() -> World {
    World::with(|config| config.authentication_methods = vec![METHOD.try_into().unwrap()])
}

fn auth<'a>(reason: ReasonCode, properties: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Auth(Auth { reason, properties: Properties::new(properties) })
}

/// The open question: its method's data, and whether the client is connected already.
fn asked(world: &mut World) -> (QuestionId, Option<Bytes>, bool) {
    let mut asked = world.events().into_iter().filter_map(|event| match event {
        BrokerEvent::Question {
            question,
            about: Question::EnhancedAuthentication { method, data, is_reauthentication, .. },
            ..
        } => {
            assert_eq!(method, METHOD);
            Some((question, data, is_reauthentication))
        }
        _ => None,
    });
    let only = asked.next().expect("a question");
    assert!(asked.next().is_none());
    only
}

fn answer(world: &mut World, question: QuestionId, answer: Answer) {
    world.broker.answer(question, answer, world.now);
}

fn more(data: &'static [u8]) -> Answer {
    Answer::Continue { data: Some(Bytes::from_static(data)) }
}

fn done(data: &'static [u8]) -> Answer {
    Answer::Authenticated { user_name: None, data: Some(Bytes::from_static(data)) }
}

fn method() -> [Property<'static>; 1] {
    [Property::AuthenticationMethod(METHOD)]
}

fn with_data(data: &[u8]) -> [Property<'_>; 2] {
    [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)]
}

/// A client that was let in after a single step.
fn let_in(world: &mut World) -> ConnectionId {
    let id = world.knock(hello(V5, "a").with(&method()));
    let (question, ..) = asked(world);
    answer(world, question, Answer::Allow);
    assert_eq!(world.connack(id), (false, ReasonCode::Success));
    id
}

/// [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.2.0-1] (5.0): AUTH goes to and fro, then CONNACK with the method and the last word.
#[test]
fn a_client_is_asked_step_by_step() {
    let mut world = world();
    let id = world.knock(hello(V5, "a").with(&with_data(b"1")));
    let (mut question, data, again) = asked(&mut world);
    assert_eq!((data.as_deref(), again), (Some(&b"1"[..]), false));
    let exchanges: [(&'static [u8], &[u8]); 2] = [(b"2", b"3"), (b"4", b"5")];
    for (said, heard) in exchanges {
        assert!(!world.broker.wants_input(id));
        answer(&mut world, question, more(said));
        world.expect(id, &[auth(ReasonCode::ContinueAuthentication, &with_data(said))]);
        assert!(world.broker.wants_input(id));
        world.send(id, &auth(ReasonCode::ContinueAuthentication, &with_data(heard)));
        let (next, data, again) = asked(&mut world);
        assert_eq!((data.as_deref(), again), (Some(heard), false));
        question = next;
    }
    answer(&mut world, question, done(b"6"));
    let frame = world.next(id).unwrap();
    let connack = as_connack(&frame, V5);
    assert_eq!(connack.reason, ReasonCode::Success);
    assert_eq!(connack.properties.authentication_method(), Some(METHOD));
    assert_eq!(connack.properties.authentication_data(), Some(&b"6"[..]));
    world.expect_open(id);
}

/// [MQTT-4.12.0-1] (5.0).
#[test]
fn an_unknown_method_is_refused_without_a_question() {
    let mut world = world();
    let id = world.knock(hello(V5, "a").with(&[Property::AuthenticationMethod("PLAIN")]));
    world.expect_closed(id, &[connack(false, ReasonCode::BadAuthenticationMethod)]);
    assert_eq!(world.causes(), [DisconnectCause::Refused(ReasonCode::BadAuthenticationMethod)]);
}

/// [MQTT-4.12.0-4] [MQTT-3.14.0-1] [MQTT-3.2.2-7] (5.0): CONNACK with the reason, no DISCONNECT, at any step.
/// [MQTT-4.13.2-1] (5.0)
#[test]
fn a_refusal_at_any_step_is_a_connack() {
    for steps in 0..3 {
        let mut world = world();
        let id = world.knock(hello(V5, "a").with(&method()));
        for _ in 0..steps {
            let (question, ..) = asked(&mut world);
            answer(&mut world, question, more(b"x"));
            world.take(id);
            world.send(id, &auth(ReasonCode::ContinueAuthentication, &method()));
        }
        let (question, ..) = asked(&mut world);
        answer(&mut world, question, Answer::Refuse(ReasonCode::NotAuthorized));
        world.expect_closed(id, &[connack(false, ReasonCode::NotAuthorized)]);
        assert_eq!(world.broker.statistics().sessions, 0);
    }
}

/// [MQTT-3.1.2-30] [MQTT-4.12.0-3] [MQTT-4.12.0-5] (5.0): until CONNACK only AUTH 0x18 with the same method, or DISCONNECT.
#[test]
fn during_the_exchange_only_auth_and_disconnect_are_allowed() {
    let other = [Property::AuthenticationMethod("PLAIN")];
    let right = method();
    for (packet, reason) in [
        (Packet::PingReq, ReasonCode::ProtocolError),
        (publish("t", AtMostOnce, 0, "x"), ReasonCode::ProtocolError),
        (Packet::Connect(hello(V5, "a").0), ReasonCode::ProtocolError),
        (auth(ReasonCode::ReAuthenticate, &right), ReasonCode::ProtocolError),
        (auth(ReasonCode::Success, &right), ReasonCode::ProtocolError),
        (auth(ReasonCode::ContinueAuthentication, &[]), ReasonCode::ProtocolError),
        (auth(ReasonCode::ContinueAuthentication, &other), ReasonCode::BadAuthenticationMethod),
    ] {
        let mut world = world();
        let id = world.knock(hello(V5, "a").with(&right));
        let (question, ..) = asked(&mut world);
        answer(&mut world, question, more(b"x"));
        world.take(id);
        world.send(id, &packet);
        world.expect_closed(id, &[connack(false, reason)]);
    }
    let mut world = world();
    let id = world.knock(hello(V5, "a").with(&right));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, more(b"x"));
    world.take(id);
    world.send(id, &disconnect(ReasonCode::Success));
    world.expect_closed(id, &[]);
    // Half an exchange ends with the connect timeout.
    let id = world.knock(hello(V5, "b").with(&right));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, more(b"x"));
    world.take(id);
    world.wait_secs(10);
    world.expect_closed(id, &[]);
    assert!(world.causes().contains(&DisconnectCause::ConnectTimeout));
}

/// [MQTT-4.12.1-1] (5.0): the same method over again, while messages go on.
#[test]
fn a_client_may_authenticate_again() {
    let mut world = world();
    let id = let_in(&mut world);
    world.subscribe(id, "t", AtMostOnce);
    world.send(id, &auth(ReasonCode::ReAuthenticate, &with_data(b"1")));
    let (question, data, again) = asked(&mut world);
    assert_eq!((data.as_deref(), again), (Some(&b"1"[..]), true));
    assert!(!world.broker.wants_input(id));
    answer(&mut world, question, more(b"2"));
    world.expect(id, &[auth(ReasonCode::ContinueAuthentication, &with_data(b"2"))]);
    world.publish(id, "t", AtMostOnce, 0, "x");
    assert_eq!(world.payloads(id), ["x"]);
    world.send(id, &auth(ReasonCode::ContinueAuthentication, &with_data(b"3")));
    let (question, data, _) = asked(&mut world);
    assert_eq!(data.as_deref(), Some(&b"3"[..]));
    answer(&mut world, question, done(b"4"));
    world.expect(id, &[auth(ReasonCode::Success, &with_data(b"4"))]);
    // And once more.
    world.send(id, &auth(ReasonCode::ReAuthenticate, &method()));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, Answer::Allow);
    world.expect(id, &[auth(ReasonCode::Success, &method())]);
    world.expect_open(id);
}

/// [MQTT-4.12.1-2] (5.0): DISCONNECT with a fitting code, and the end.
/// [MQTT-4.13.2-1] (5.0)
#[test]
fn a_failed_re_authentication_ends_the_connection() {
    let mut world = world();
    let id = let_in(&mut world);
    world.send(id, &auth(ReasonCode::ReAuthenticate, &method()));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, Answer::Refuse(ReasonCode::NotAuthorized));
    world.expect_fault(id, ReasonCode::NotAuthorized);
}

/// A session stays with its user: authenticating again as somebody else is refused.
#[test]
fn s61_re_authentication_changes_no_user() {
    let mut world = world();
    let id = world.knock(hello(V5, "a").with(&method()));
    let (question, ..) = asked(&mut world);
    let alice = |name: &str| Answer::Authenticated { user_name: Some(name.try_into().unwrap()), data: None };
    answer(&mut world, question, alice("alice"));
    world.take(id);
    let connected = world.events().into_iter().find_map(|event| match event {
        BrokerEvent::Connected { user_name, .. } => user_name,
        _ => None,
    });
    assert_eq!(connected.unwrap(), "alice");
    world.send(id, &auth(ReasonCode::ReAuthenticate, &method()));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, alice("alice"));
    world.expect(id, &[auth(ReasonCode::Success, &method())]);
    world.send(id, &auth(ReasonCode::ReAuthenticate, &method()));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, alice("mallory"));
    world.expect_fault(id, ReasonCode::NotAuthorized);
}

/// [MQTT-4.12.0-6] [MQTT-4.12.0-7] (5.0), and words out of turn.
#[test]
fn auth_out_of_turn_is_a_protocol_error() {
    let other = [Property::AuthenticationMethod("PLAIN")];
    let right = method();
    for (packet, reason) in [
        (auth(ReasonCode::ContinueAuthentication, &right), ReasonCode::ProtocolError),
        (auth(ReasonCode::Success, &right), ReasonCode::ProtocolError),
        (auth(ReasonCode::ReAuthenticate, &[]), ReasonCode::ProtocolError),
        (auth(ReasonCode::ReAuthenticate, &other), ReasonCode::BadAuthenticationMethod),
    ] {
        let mut world = world();
        let id = let_in(&mut world);
        world.send(id, &packet);
        world.expect_fault(id, reason);
    }
    // Begun without a method: there is nothing to go on with.
    let mut world = world();
    let id = world.connect(hello(V5, "a"));
    world.send(id, &auth(ReasonCode::ReAuthenticate, &right));
    world.expect_fault(id, ReasonCode::ProtocolError);
    assert_eq!(world.causes(), [DisconnectCause::Misbehaved(Violation::UnexpectedAuthentication)]);
    // A second begin while the first is not finished.
    let id = let_in(&mut world);
    world.send(id, &auth(ReasonCode::ReAuthenticate, &right));
    let (question, ..) = asked(&mut world);
    answer(&mut world, question, more(b"x"));
    world.take(id);
    world.send(id, &auth(ReasonCode::ReAuthenticate, &right));
    world.expect_fault(id, ReasonCode::ProtocolError);
}

/// Without a method the plain question is asked; `Continue` is no answer to it.
#[test]
fn a_client_without_a_method_is_asked_about_as_ever() {
    let mut world = World::with(|config| {
        config.authentication_methods = vec![METHOD.try_into().unwrap()];
        config.ask_authentication = true;
    });
    let id = world.knock(hello(V5, "a"));
    let question = world.events().into_iter().find_map(|event| match event {
        BrokerEvent::Question { question, about: Question::Authenticate { .. }, .. } => Some(question),
        _ => None,
    });
    answer(&mut world, question.unwrap(), more(b"x"));
    world.expect_closed(id, &[connack(false, ReasonCode::NotAuthorized)]);
}

/// The words of a refusal: a reason, and another server. [MQTT-3.2.2-19] [MQTT-3.2.2-20] (5.0): left out before the code is.
#[test]
fn refusals_carry_words_and_another_server_as_far_as_the_client_takes_them() {
    let words = "w".repeat(50);
    for (limit, has_server, has_words, has_pairs) in [
        (1000, true, true, true),
        (90, true, true, false),
        (40, true, false, false),
        (10, false, false, false),
    ] {
        let mut world = World::with(|config| config.ask_authentication = true);
        let id = world.knock(hello(V5, "a").with(&[Property::MaximumPacketSize(limit)]));
        let question = world.events().into_iter().find_map(|event| match event {
            BrokerEvent::Question { question, .. } => Some(question),
            _ => None,
        });
        let mut dismissal = Dismissal::new(ReasonCode::UseAnotherServer)
            .with_reason_string(words.as_str().try_into().unwrap())
            .with_server_reference("elsewhere:1883".try_into().unwrap());
        dismissal.user_properties.push("name", &"v".repeat(100)).unwrap();
        answer(&mut world, question.unwrap(), Answer::RefuseWith(Box::new(dismissal)));
        let frame = world.next(id).unwrap();
        assert!(frame.len() <= limit as usize);
        let connack = as_connack(&frame, V5);
        assert_eq!(connack.reason, ReasonCode::UseAnotherServer);
        assert_eq!(connack.properties.server_reference().is_some(), has_server, "{limit}");
        assert_eq!(connack.properties.reason_string().is_some(), has_words, "{limit}");
        assert_eq!(connack.properties.user_properties().next().is_some(), has_pairs, "{limit}");
        world.expect_closed(id, &[]);
    }
}

/// Every reason that a server may give in DISCONNECT [MQTT-3.14.2-1] (5.0), with words and another server; 3.1.1 hears nothing.
#[test]
fn the_program_may_close_with_every_reason() {
    for reason in ReasonCode::ALL.iter().copied() {
        let mut world = World::new();
        let id = world.connect(hello(V5, "a"));
        let older = world.connect(hello(V4, "b"));
        let dismissal = Dismissal::new(reason)
            .with_reason_string("because".try_into().unwrap())
            .with_server_reference("elsewhere".try_into().unwrap());
        world.broker.close(id, dismissal, world.now);
        world.broker.close(older, reason, world.now);
        world.expect_closed(older, &[]);
        let frame = world.next(id).unwrap();
        let Packet::Disconnect(last) = Packet::decode(&frame, V5).unwrap() else { panic!("{frame:?}") };
        let expected = match reason {
            ReasonCode::DisconnectWithWill => ReasonCode::Success,
            reason if reason.is_allowed_in(PacketType::Disconnect) => reason,
            _ => ReasonCode::UnspecifiedError,
        };
        assert_eq!(last.reason, expected);
        assert_eq!(last.properties.reason_string(), Some("because"));
        assert_eq!(last.properties.server_reference(), Some("elsewhere"));
        // [MQTT-3.14.2-2] (5.0)
        assert_eq!(last.properties.session_expiry_interval(), None);
        assert_eq!(world.causes().len(), 2);
        world.expect_closed(id, &[]);
    }
}

/// [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24] (5.0): of a DISCONNECT that is too large the words go first.
#[test]
fn a_disconnect_that_is_too_large_loses_its_words() {
    for (limit, length) in [(27, 27), (26, 18), (18, 18), (17, 3)] {
        let mut world = World::with(|config| {
            config.connection.topic_alias_maximum = 0;
            config.connection.receive_maximum = u16::MAX;
        });
        let id = world.connect(hello(V5, "a").with(&[Property::MaximumPacketSize(limit)]));
        let dismissal = Dismissal::new(ReasonCode::ServerMoved)
            .with_server_reference("12345678901".try_into().unwrap())
            .with_reason_string("123456".try_into().unwrap());
        world.broker.close(id, dismissal, world.now);
        assert_eq!(world.take(id).len(), length, "{limit}");
    }
}

/// A CONNACK larger than the client takes is not sent, nor anything in its place [MQTT-3.1.2-24] [MQTT-3.14.0-1] (5.0).
/// [MQTT-4.13.2-1] (5.0)
#[test]
fn s56_a_connack_that_is_too_large_is_not_sent() {
    let mut world = World::new();
    let id = world
        .knock(hello(V5, "a").with(&[Property::MaximumPacketSize(6), Property::SessionExpiryInterval(9)]));
    world.expect_closed(id, &[]);
    assert_eq!(world.causes(), [DisconnectCause::AnswerTooLarge]);
}
