//! Questions to the embedding program, answered at once, late or never.

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Answer, Broker, BrokerEvent, DisconnectCause, Question, QuestionId,
    packet::{Ack, Packet, Property, ReasonCode, Subscription},
};

use crate::harness::*;

/// The open questions in the order they were asked.
fn questions(broker: &mut Broker) -> Vec<(QuestionId, Question)> {
    let events = std::iter::from_fn(|| broker.poll_event());
    events
        .filter_map(|event| match event {
            BrokerEvent::Question { question, about, .. } => Some((question, about)),
            _ => None,
        })
        .collect()
}

fn only_question(world: &mut World) -> (QuestionId, Question) {
    let mut all = questions(&mut world.broker);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn authentication_is_asked_and_the_packets_behind_connect_wait() {
    for version in [V4, V5] {
        let mut world = World::with(|config| config.ask_authentication = true);
        let id = world.open(version);
        let mut connect = hello(version, "a").user("alice");
        connect.0.password = Some(b"secret");
        let mut bytes = encode(&Packet::Connect(connect.0), version);
        let behind = encode(&Packet::PingReq, version);
        bytes.extend(&behind);
        let mut input = Bytes::from(bytes);
        world.broker.receive(id, &mut input, world.now);
        assert_eq!(input, behind, "what follows waits with the adapter");
        assert!(!world.broker.wants_input(id));
        world.expect_nothing(id);
        let (question, about) = only_question(&mut world);
        let Question::Authenticate { client_id, user_name, password, .. } = about else {
            panic!("{about:?}")
        };
        assert_eq!(
            (&client_id, user_name.as_ref().unwrap(), &password.unwrap()[..]),
            (&"a".try_into().unwrap(), &"alice".try_into().unwrap(), &b"secret"[..])
        );
        world.broker.answer(question, Answer::Allow, world.now);
        assert_eq!(world.broker.poll_ready(), Some(id));
        assert!(world.broker.wants_input(id));
        world.broker.receive(id, &mut input, world.now);
        assert_eq!(world.connack(id), (false, ReasonCode::Success));
        world.expect(id, &[Packet::PingResp]);
    }
}

/// [MQTT-3.2.2-5] [MQTT-3.2.2-6] (3.1.1): the nearest return code, or none.
/// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] (5.0)
#[test]
fn a_refused_client_is_told_in_the_words_of_its_version() {
    use ReasonCode as R;
    for (reason, in_3_1_1) in [
        (R::BadUserNameOrPassword, Some(R::BadUserNameOrPassword)),
        (R::NotAuthorized, Some(R::NotAuthorized)),
        (R::Banned, Some(R::NotAuthorized)),
        (R::ServerBusy, Some(R::ServerUnavailable)),
        (R::UnspecifiedError, None),
        // Not the code of a refusal: refused all the same.
        (R::Success, Some(R::NotAuthorized)),
    ] {
        for version in [V4, V5] {
            let mut world = World::with(|config| config.ask_authentication = true);
            let id = world.knock(hello(version, "a"));
            let (question, _) = only_question(&mut world);
            world.broker.answer(question, Answer::Refuse(reason), world.now);
            let in_5_0 = if reason == R::Success { R::NotAuthorized } else { reason };
            let told = if version == V5 { Some(in_5_0) } else { in_3_1_1 };
            let last: Vec<_> = told.map(|reason| connack(false, reason)).into_iter().collect();
            world.expect_closed(id, &last);
            assert_eq!(world.causes(), [DisconnectCause::Refused(in_5_0)]);
        }
    }
}

/// A client under question takes nothing over, and its old connection goes on.
#[test]
fn s60_s61_a_take_over_waits_for_the_answer() {
    let mut world = World::with(|config| config.ask_authentication = true);
    let older = world.knock(hello(V4, "a").resume());
    let (question, _) = only_question(&mut world);
    world.broker.answer(question, Answer::Allow, world.now);
    world.take(older);
    let newer = world.knock(hello(V4, "a").resume());
    world.expect_open(older);
    let (question, _) = only_question(&mut world);
    world.broker.answer(question, Answer::Allow, world.now);
    world.expect_fault(older, ReasonCode::SessionTakenOver);
    assert_eq!(world.connack(newer), (true, ReasonCode::Success));
}

/// No answer: the connect timeout goes on.
#[test]
fn s47_a_question_without_an_answer_ends_with_the_connect_timeout() {
    let mut world = World::with(|config| config.ask_authentication = true);
    let id = world.knock(hello(V5, "a"));
    let (question, _) = only_question(&mut world);
    world.wait_secs(10);
    world.expect_closed(id, &[]);
    world.broker.answer(question, Answer::Allow, world.now);
    assert_eq!(world.broker.statistics().sessions, 0);
}

#[test]
fn a_publish_waits_for_its_answer_and_what_follows_waits_behind_it() {
    for version in [V4, V5] {
        let mut world = World::with(|config| config.ask_publish = true);
        let watcher = world.connect(hello(version, "watcher"));
        world.subscribe(watcher, "#", ExactlyOnce);
        let client = world.connect(hello(version, "a").keep_alive(10));
        let other = world.connect(hello(version, "other"));
        let mut bytes = encode(&publish("t/1", AtLeastOnce, 1, "x"), version);
        bytes.extend(encode(&publish("t/2", ExactlyOnce, 2, "y"), version));
        bytes.extend(encode(&disconnect(ReasonCode::Success), version));
        let mut input = Bytes::from(bytes);
        world.events();
        world.broker.receive(client, &mut input, world.now);
        world.expect_nothing(client);
        // Everything else goes on, and a client is not blamed for a slow answer.
        world.wait_secs(100);
        world.expect_open(other);
        world.expect_nothing(watcher);
        let (question, about) = only_question(&mut world);
        assert!(matches!(about, Question::Publish { topic, .. } if topic == "t/1"));
        world.broker.answer(question, Answer::Allow, world.now);
        world.expect(client, &[puback(1)]);
        assert_eq!(world.payloads(watcher), ["x"]);
        world.broker.receive(client, &mut input, world.now);
        assert!(input.has_remaining());
        let (question, _) = only_question(&mut world);
        world.broker.answer(question, Answer::Allow, world.now);
        world.expect(client, &[pubrec(2)]);
        assert_eq!(world.payloads(watcher), ["y"]);
        world.broker.receive(client, &mut input, world.now);
        world.expect_closed(client, &[]);
        // A second answer, and one to nothing, are ignored.
        world.broker.answer(question, Answer::Refuse(ReasonCode::NotAuthorized), world.now);
    }
}

/// [MQTT-3.3.5-2] (3.1.1): acknowledged as usual, and dropped. 5.0: with the code.
#[test]
fn a_refused_publish_is_acknowledged_and_dropped() {
    for version in [V4, V5] {
        let reason = if version == V5 { ReasonCode::NotAuthorized } else { ReasonCode::Success };
        let mut world = World::with(|config| config.ask_publish = true);
        let watcher = world.connect(hello(version, "watcher"));
        world.subscribe(watcher, "#", AtMostOnce);
        let client = world.connect(hello(version, "a"));
        for (qos, packet_id) in [(AtMostOnce, 0), (AtLeastOnce, 1), (ExactlyOnce, 2)] {
            world.publish(client, "t", qos, packet_id, "x");
            let (question, _) = only_question(&mut world);
            world.broker.answer(question, Answer::Refuse(ReasonCode::NotAuthorized), world.now);
        }
        world.expect(
            client,
            &[Packet::PubAck(Ack::new(id(1), reason)), Packet::PubRec(Ack::new(id(2), reason))],
        );
        world.expect_nothing(watcher);
        world.expect_open(client);
    }
}

/// A message whose connection is gone when the answer comes was not received: it is asked about again when it is repeated, and
/// accepted once.
#[test]
fn s21_a_message_whose_connection_ended_before_the_answer_was_not_received() {
    for qos in [AtLeastOnce, ExactlyOnce] {
        for resumed_before_answer in [false, true] {
            let mut world = World::with(|config| config.ask_publish = true);
            let watcher = world.connect(hello(V4, "watcher"));
            world.subscribe(watcher, "#", AtMostOnce);
            let client = world.connect(hello(V4, "a").resume());
            world.publish(client, "t", qos, 1, "x");
            world.hang_up(client);
            let (too_late, _) = only_question(&mut world);
            let answer = |world: &mut World, question| {
                world.broker.answer(question, Answer::Allow, world.now);
            };
            if !resumed_before_answer {
                answer(&mut world, too_late);
            }
            let client = world.reconnect(hello(V4, "a"));
            world.send(client, &duplicate(publish("t", qos, 1, "x")));
            if resumed_before_answer {
                answer(&mut world, too_late);
            }
            world.expect_nothing(watcher);
            let (question, _) = only_question(&mut world);
            answer(&mut world, question);
            world.expect(client, &[if qos == ExactlyOnce { pubrec(1) } else { puback(1) }]);
            assert_eq!(world.payloads(watcher), ["x"]);
        }
    }
}

/// The next connection's messages can't be overtaken by one of the connection before.
#[test]
fn a_late_answer_does_not_change_the_order_of_messages() {
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let mut world = World::with(|config| config.ask_publish = true);
        let watcher = world.connect(hello(V4, "watcher"));
        world.subscribe(watcher, "#", AtMostOnce);
        let client = world.connect(hello(V4, "a").resume());
        let id = u16::from(qos > AtMostOnce);
        world.publish(client, "t", qos, id, "first");
        let (late, _) = only_question(&mut world);
        world.hang_up(client);
        let client = world.reconnect(hello(V4, "a"));
        world.publish(client, "t", qos, id * 2, "second");
        let (question, _) = only_question(&mut world);
        world.broker.answer(question, Answer::Allow, world.now);
        world.broker.answer(late, Answer::Allow, world.now);
        assert_eq!(world.payloads(watcher), ["second"]);
    }
}

/// One question per filter; a refusal counts for its filter alone.
#[test]
fn filters_are_asked_one_by_one() {
    for (version, refused) in [(V4, ReasonCode::UnspecifiedError), (V5, ReasonCode::NotAuthorized)] {
        let mut world = World::with(|config| config.ask_subscribe = true);
        world.broker.publish(mqtt_engine::Message::new("a", "kept").unwrap().retained(), world.now);
        let client = world.connect(hello(version, "a"));
        let filters = ["a", "b", "c"].map(|filter| Subscription {
            filter,
            qos: AtLeastOnce,
            ..Subscription::default()
        });
        world.send(client, &subscribe(5, &filters, &[]));
        for answer in [Answer::Allow, Answer::Refuse(ReasonCode::NotAuthorized), Answer::Allow] {
            world.expect_nothing(client);
            world.broker.publish(mqtt_engine::Message::new("a", "too early").unwrap(), world.now);
            let (question, _) = only_question(&mut world);
            world.broker.answer(question, answer, world.now);
        }
        world.expect_first(client, &suback(5, &[ReasonCode::GrantedQoS1, refused, ReasonCode::GrantedQoS1]));
        assert_eq!(world.payloads(client), ["kept"]);
        world.broker.publish(mqtt_engine::Message::new("b", "x").unwrap(), world.now);
        world.broker.publish(mqtt_engine::Message::new("c", "y").unwrap(), world.now);
        assert_eq!(world.payloads(client), ["y"]);
    }
}

/// mosquitto 2.0.16: a will goes through the same check as a message.
#[test]
fn s62_a_will_is_asked_about_when_its_client_connects() {
    for (version, reason) in [(V4, ReasonCode::NotAuthorized), (V5, ReasonCode::Banned)] {
        let mut world = World::with(|config| {
            config.ask_authentication = true;
            config.ask_publish = true;
        });
        let client = world.knock(hello(version, "a").will("w", AtLeastOnce, true, &[]));
        let (question, about) = only_question(&mut world);
        assert!(matches!(about, Question::Authenticate { .. }));
        world.broker.answer(question, Answer::Allow, world.now);
        world.expect_nothing(client);
        let (question, about) = only_question(&mut world);
        assert!(matches!(about, Question::Publish { topic, retain: true, .. } if topic == "w"));
        world.broker.answer(question, Answer::Refuse(ReasonCode::Banned), world.now);
        world.expect_closed(client, &[connack(false, reason)]);
        assert_eq!(world.broker.statistics().retained, 0);
    }
}

/// Connections that end in the middle of a question, over and over: nothing is left behind.
#[test]
fn questions_of_ended_connections_are_bounded() {
    let mut world = World::with(|config| {
        config.ask_publish = true;
        config.connection_count = 10;
    });
    let mut asked = vec![];
    for _ in 0..100 {
        let client = world.connect(hello(V5, "a").with(&[Property::SessionExpiryInterval(9)]));
        world.publish(client, "t", ExactlyOnce, 1, "x");
        asked.push(only_question(&mut world).0);
        world.hang_up(client);
    }
    for question in asked {
        world.broker.answer(question, Answer::Allow, world.now);
    }
    assert_eq!(world.broker.statistics().received, 0);
}
