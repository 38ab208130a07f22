//! When wills are published, and when not (section 3.1.2.5).

use std::time::Duration;

use mqtt_engine::{
    Answer, BrokerEvent, DropReason, Question,
    packet::{Packet, Property, ReasonCode, Subscription},
};

use crate::harness::*;

const DELAY: u32 = 10;

/// A watcher of `w`, and a client `a` with a will.
fn world_with_will(hello: Hello<'_>) -> (World, mqtt_engine::ConnectionId, mqtt_engine::ConnectionId) {
    let mut world = World::new();
    let watcher = world.connect(crate::harness::hello(V5, "watcher"));
    world.subscribe(watcher, "w", ExactlyOnce);
    let client = world.connect(hello);
    (world, watcher, client)
}

/// How the connection of a client with a will ends, and whether its will is published.
/// [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3] (both versions).
/// [MQTT-3.1.2-24] (3.1.1)
#[test]
fn s62_every_end_but_a_normal_disconnect_publishes_the_will() {
    type End = fn(&mut World, mqtt_engine::ConnectionId);
    let ends: [(&str, End, bool); 9] = [
        ("DISCONNECT", |world, id| world.send(id, &disconnect(ReasonCode::Success)), false),
        ("transport closed", |world, id| world.broker.transport_closed(id, world.now), true),
        ("keep alive", |world, _| world.wait_secs(15), true),
        ("malformed packet", |world, id| world.hex(id, "00 00"), true),
        ("protocol error", |world, id| world.send(id, &Packet::PingResp), true),
        (
            "closed by the program",
            |world, id| world.broker.close(id, ReasonCode::AdministrativeAction, world.now),
            true,
        ),
        (
            "taken over",
            |world, _| {
                world.knock(hello(V4, "a"));
            },
            true,
        ),
        ("too large", |world, id| world.hex(id, "30 FF FF FF 7F"), true),
        (
            "half a packet, then closed",
            |world, id| {
                world.hex(id, "30 10 00");
                world.broker.transport_closed(id, world.now);
            },
            true,
        ),
    ];
    for version in [V4, V5] {
        for (name, end, published) in ends {
            let (mut world, watcher, client) =
                world_with_will(hello(version, "a").keep_alive(10).will("w", AtLeastOnce, false, &[]));
            end(&mut world, client);
            assert_eq!(
                world.payloads_and_qos(watcher),
                if published { vec![("gone".into(), AtLeastOnce)] } else { vec![] },
                "{name}"
            );
            // Once, whatever comes later.
            world.broker.transport_closed(client, world.now);
            world.wait_secs(100);
            world.expect_nothing(watcher);
        }
    }
}

/// 5.0: *disconnect with will message* and every other code but 0.
#[test]
fn s62_disconnect_with_a_code_publishes_the_will() {
    for reason in
        [ReasonCode::DisconnectWithWill, ReasonCode::UnspecifiedError, ReasonCode::AdministrativeAction]
    {
        let (mut world, watcher, client) = world_with_will(hello(V5, "a").will("w", AtMostOnce, false, &[]));
        world.send(client, &disconnect(reason));
        assert_eq!(world.payloads(watcher), ["gone"]);
    }
}

/// [MQTT-3.1.2-16] [MQTT-3.1.2-17] (3.1.1), [MQTT-3.1.2-14] [MQTT-3.1.2-15] (5.0).
#[test]
fn s62_a_retained_will_is_kept() {
    for (retain, kept) in [(false, vec![]), (true, vec!["gone"])] {
        let (mut world, _, client) = world_with_will(hello(V4, "a").will("w", AtMostOnce, retain, &[]));
        world.hang_up(client);
        let late = world.connect(hello(V4, "late"));
        world.subscribe(late, "w", AtMostOnce);
        assert_eq!(world.payloads(late), kept);
    }
}

/// The QoS and the properties of a will reach its subscribers.
#[test]
fn s62_a_will_keeps_its_properties() {
    let properties =
        [Property::MessageExpiryInterval(9), Property::UserProperty("a", "1"), Property::ContentType("t")];
    let (mut world, watcher, client) =
        world_with_will(hello(V5, "a").will("w", ExactlyOnce, false, &properties));
    world.hang_up(client);
    let frame = world.next(watcher).unwrap();
    let Packet::Publish(will) = Packet::decode(&frame, V5).unwrap() else { panic!("a PUBLISH") };
    assert_eq!((will.qos, will.properties.message_expiry_interval()), (ExactlyOnce, Some(9)));
    assert_eq!(will.properties.content_type(), Some("t"));
    assert_eq!(will.properties.user_properties().collect::<Vec<_>>(), [("a", "1")]);
}

fn delayed(expiry: &'static [Property<'static>]) -> Hello<'static> {
    hello(V5, "a").with(expiry).will("w", AtMostOnce, false, &[Property::WillDelayInterval(DELAY)])
}

/// The sooner of the delay and the session's end. [MQTT-3.1.2-8] (5.0); mosquitto 3505: expiry 0 is at once.
/// [MQTT-3.1.2-7] (5.0)
#[test]
fn s62_a_delayed_will_comes_at_the_delay_or_the_sessions_end() {
    for (expiry, after) in [
        (&[Property::SessionExpiryInterval(100)][..], 10),
        (&[Property::SessionExpiryInterval(10)], 10),
        (&[Property::SessionExpiryInterval(3)], 3),
        (&[Property::SessionExpiryInterval(u32::MAX)], 10),
        (&[], 0),
    ] {
        let (mut world, watcher, client) = world_with_will(delayed(expiry));
        world.hang_up(client);
        if after > 0 {
            world.wait(Duration::from_millis(after * 1000 - 1));
            world.expect_nothing(watcher);
            world.wait(Duration::from_millis(1));
        }
        assert_eq!(world.payloads(watcher), ["gone"], "{expiry:?}");
        world.wait_secs(200);
        world.expect_nothing(watcher);
    }
}

/// [MQTT-3.1.3-9] (5.0).
#[test]
fn s62_a_resume_within_the_delay_cancels_the_will() {
    let expiry = &[Property::SessionExpiryInterval(100)];
    let (mut world, watcher, client) = world_with_will(delayed(expiry));
    world.hang_up(client);
    world.wait_secs(9);
    let client = world.reconnect(hello(V5, "a").with(expiry));
    world.wait_secs(50);
    world.expect_nothing(watcher);
    // The new CONNECT had none.
    world.hang_up(client);
    world.wait_secs(200);
    world.expect_nothing(watcher);
}

/// A clean start ends the session, and with it the wait.
#[test]
fn s62_a_clean_start_within_the_delay_publishes_the_will_at_once() {
    let expiry = &[Property::SessionExpiryInterval(100)];
    let (mut world, watcher, client) = world_with_will(delayed(expiry));
    world.hang_up(client);
    world.wait_secs(5);
    world.connect(hello(V5, "a"));
    assert_eq!(world.payloads(watcher), ["gone"]);
    world.wait_secs(200);
    world.expect_nothing(watcher);
}

/// A take-over within the delay goes on with the session: no will. Without a delay it is published.
#[test]
fn s62_s60_a_take_over_counts_as_a_resume() {
    let expiry = &[Property::SessionExpiryInterval(100)];
    let (mut world, watcher, _) = world_with_will(delayed(expiry));
    world.reconnect(hello(V5, "a").with(expiry));
    world.wait_secs(200);
    world.expect_nothing(watcher);

    let (mut world, watcher, _) =
        world_with_will(hello(V5, "a").with(expiry).will("w", AtMostOnce, false, &[]));
    world.reconnect(hello(V5, "a").with(expiry));
    assert_eq!(world.payloads(watcher), ["gone"]);
}

/// What should become of one client with a will, kept beside the broker.
#[derive(Default)]
struct Expected {
    /// The session expiry of the connection, if there is one.
    connected: Option<u64>,
    /// The session exists.
    exists: bool,
    /// While the client is away: when its will and its session end.
    will_at: Option<u64>,
    ends_at: Option<u64>,
    published: usize,
}

impl Expected {
    fn connect(&mut self, clean: bool, expiry: u64, now: u64) {
        self.drop_connection(true, now);
        if clean && self.exists {
            // The session ends, and its will comes at once.
            self.published += usize::from(self.will_at.is_some());
        }
        *self = Self { connected: Some(expiry), exists: true, published: self.published, ..Self::default() };
    }

    fn drop_connection(&mut self, with_will: bool, now: u64) {
        if let Some(expiry) = self.connected.take() {
            self.will_at = with_will.then_some(now + u64::from(DELAY));
            self.ends_at = Some(now + expiry);
        }
    }

    fn pass(&mut self, now: u64) {
        let ends = self.ends_at.is_some_and(|at| at <= now);
        if self.will_at.is_some_and(|at| at <= now || ends) {
            self.will_at = None;
            self.published += 1;
        }
        if ends {
            self.ends_at = None;
            self.exists = false;
        }
    }
}

/// CVE-2019-11778: all orders of will delay, session expiry, reconnect, take-over and DISCONNECT 0 and 4 against a model: the will
/// comes exactly when it should, and once. [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.1.3-9] (5.0)
#[test]
fn s62_cve_2019_11778_no_order_of_events_confuses_a_will() {
    const STEPS: usize = 7;
    for script in 0..STEPS.pow(5) {
        let (mut world, watcher, first) = world_with_will(delayed(&[Property::SessionExpiryInterval(15)]));
        let (mut client, mut seen, mut rest) = (Some(first), 0, script);
        let mut expected = Expected::default();
        let start = world.now;
        expected.connect(true, 15, 0);
        for _ in 0..7 {
            // Two more waits at the end of each script.
            let step = if rest == 0 { 4 } else { rest % STEPS };
            rest /= STEPS;
            let now = world.now.saturating_since(start).as_secs();
            match (step, client) {
                (0, Some(id)) => {
                    world.hang_up(id);
                    expected.drop_connection(true, now);
                    client = None;
                }
                (1, Some(id)) => {
                    world.leave(id);
                    expected.drop_connection(false, now);
                    client = None;
                }
                (2, _) => {
                    client = Some(world.knock(delayed(&[Property::SessionExpiryInterval(15)]).resume()));
                    expected.connect(false, 15, now);
                }
                (3, _) => {
                    client = Some(world.knock(delayed(&[Property::SessionExpiryInterval(5)])));
                    expected.connect(true, 5, now);
                }
                (5, Some(id)) => {
                    world.send(id, &disconnect(ReasonCode::DisconnectWithWill));
                    world.hang_up(id);
                    expected.drop_connection(true, now);
                    client = None;
                }
                // DISCONNECT 4 that ends the session at once.
                (6, Some(id)) => {
                    world.hex(id, "E0 07 04 05 11 00 00 00 00");
                    world.hang_up(id);
                    expected.drop_connection(true, now);
                    expected.ends_at = Some(now);
                    client = None;
                }
                _ => world.wait_secs(6),
            }
            expected.pass(world.now.saturating_since(start).as_secs());
            seen += world.payloads(watcher).len();
            assert_eq!(seen, expected.published, "script {script}, step {step}");
            let sessions = 1 + usize::from(expected.exists);
            assert_eq!(world.broker.statistics().sessions, sessions, "script {script}, step {step}");
        }
    }
}

/// A will is asked about when its client connects, and again when it is due: rights may have changed (mosquitto 2.0.16,
/// *reject will to $CONTROL*).
#[test]
fn s62_vulnerability_a_due_will_goes_through_the_same_question_as_a_message() {
    for allowed in [true, false] {
        let mut world = World::with(|config| config.ask_publish = true);
        let watcher = world.connect(hello(V5, "watcher"));
        world.subscribe(watcher, "#", AtMostOnce);
        let client = world.knock(hello(V5, "a").user("alice").will("$CONTROL/x", AtMostOnce, true, &[]));
        let ask = |world: &mut World| {
            let asked = world.events().into_iter().find_map(|event| match event {
                BrokerEvent::Question {
                    question,
                    about: Question::Publish { client_id, user_name, topic, retain, .. },
                    ..
                } => {
                    assert_eq!(
                        (&client_id, &user_name.unwrap(), retain),
                        (&"a".try_into().unwrap(), &"alice".try_into().unwrap(), true)
                    );
                    assert_eq!(topic, "$CONTROL/x");
                    Some(question)
                }
                _ => None,
            });
            asked.expect("a question")
        };
        let question = ask(&mut world);
        world.broker.answer(question, Answer::Allow, world.now);
        assert_eq!(world.connack(client).1, ReasonCode::Success);
        world.hang_up(client);
        assert_eq!(world.broker.statistics().retained, 0, "nothing happens before the answer");
        let question = ask(&mut world);
        let answer = if allowed { Answer::Allow } else { Answer::Refuse(ReasonCode::NotAuthorized) };
        world.broker.answer(question, answer, world.now);
        assert_eq!(world.broker.statistics().retained, usize::from(allowed));
        world.expect_nothing(watcher);
    }
}

/// No Local is about client identifiers [MQTT-3.8.3-3] (5.0): a will whose question is answered when its client is back, with a new
/// session, is still its own.
#[test]
fn a_late_will_is_its_own_clients_in_the_next_session_as_well() {
    for no_local in [true, false] {
        let mut world = World::with(|config| config.ask_publish = true);
        let question = |world: &mut World| {
            let asked = world.events().into_iter().find_map(|event| match event {
                BrokerEvent::Question { question, .. } => Some(question),
                _ => None,
            });
            asked.expect("a question")
        };
        let client = world.knock(hello(V5, "a").will("w", AtMostOnce, false, &[]));
        let about_connect = question(&mut world);
        world.broker.answer(about_connect, Answer::Allow, world.now);
        assert_eq!(world.connack(client).1, ReasonCode::Success);
        world.hang_up(client);
        let about_will = question(&mut world);
        let client = world.connect(hello(V5, "a"));
        let filter = Subscription { filter: "#", no_local, ..Subscription::default() };
        world.send(client, &subscribe(1, &[filter], &[]));
        world.expect(client, &[suback(1, &[ReasonCode::Success])]);
        world.broker.answer(about_will, Answer::Allow, world.now);
        assert_eq!(world.payloads(client).len(), usize::from(!no_local));
    }
}

/// Wills that nobody answers for are bounded, too.
#[test]
fn unanswered_wills_are_bounded() {
    let mut world = World::with(|config| {
        config.ask_publish = true;
        (config.connection_count, config.session_count) = (2, 2);
    });
    let mut unasked = 0;
    for _ in 0..10 {
        let client = world.knock(hello(V5, "a").will("w", AtMostOnce, false, &[]));
        let events = world.events();
        let question = events.iter().rev().find_map(|event| match event {
            BrokerEvent::Question { question, .. } => Some(*question),
            _ => None,
        });
        world.broker.answer(question.unwrap(), Answer::Allow, world.now);
        world.hang_up(client);
        let events = world.events();
        unasked += events
            .iter()
            .filter(|event| matches!(event, BrokerEvent::Dropped { why: DropReason::Unasked, .. }))
            .count();
    }
    assert_eq!(unasked, 6);
}

/// A will goes the way of any message: not to `$SYS`, and not to deeper levels than allowed.
#[test]
fn a_will_that_could_not_be_published_refuses_the_connection() {
    for (version, reason) in [(V4, ReasonCode::NotAuthorized), (V5, ReasonCode::NotAuthorized)] {
        let mut world = World::new();
        let id = world.knock(hello(version, "a").will("$SYS/x", AtMostOnce, false, &[]));
        world.expect_closed(id, &[connack(false, reason)]);
    }
}
