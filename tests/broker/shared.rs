//! Shared subscriptions (5.0 section 4.8.2).

use std::collections::BTreeMap;

use mqtt_engine::{
    BrokerEvent, ConnectionId, DropReason, Message,
    packet::{Ack, Packet, Property, ReasonCode, Subscription},
};

use crate::harness::*;

const LASTING: &[Property<'static>] = &[Property::SessionExpiryInterval(100)];

/// Clients that share `t` as group `g`, with sessions that last.
fn members<const N: usize>(world: &mut World, names: [&str; N], qos: mqtt_engine::QoS) -> [ConnectionId; N] {
    names.map(|name| {
        let id = world.connect(hello(V5, name).with(LASTING));
        world.subscribe(id, "$share/g/t", qos);
        id
    })
}

fn send(world: &mut World, payload: &str, qos: mqtt_engine::QoS) {
    world.broker.publish(Message::new("t", payload.to_owned()).unwrap().with_qos(qos), world.now);
}

fn dropped(world: &mut World) -> usize {
    let events = world.events().into_iter();
    events.filter(|event| matches!(event, BrokerEvent::Dropped { why: DropReason::QueueFull, .. })).count()
}

/// Each message goes to one member of each group, in turn; a group for itself by filter and by name. A client with the same
/// filter shared and for itself gets both.
#[test]
fn s66_each_group_gets_a_message_once_and_members_take_turns() {
    let mut world = World::new();
    let [a, b, c] = members(&mut world, ["a", "b", "c"], AtLeastOnce);
    let other = world.connect(hello(V4, "other"));
    world.subscribe(other, "$share/h/t", AtMostOnce);
    let alone = world.connect(hello(V5, "alone"));
    world.subscribe(alone, "t", AtMostOnce);
    world.subscribe(alone, "$share/i/+", AtMostOnce);
    for number in 0..9 {
        send(&mut world, &number.to_string(), AtMostOnce);
    }
    assert_eq!(world.payloads(a), ["0", "3", "6"]);
    assert_eq!(world.payloads(b), ["1", "4", "7"]);
    assert_eq!(world.payloads(c), ["2", "5", "8"]);
    assert_eq!(world.payloads(other).len(), 9);
    assert_eq!(world.payloads(alone).len(), 18);
    assert_eq!(world.broker.statistics().subscriptions, 6);
}

/// [MQTT-4.8.2-3] (5.0): the granted QoS of the chosen member, and its identifier and options.
#[test]
fn s66_the_chosen_members_qos_identifier_and_options_count() {
    let mut world = World::new();
    let low = world.connect(hello(V5, "low"));
    let one = Subscription { filter: "$share/g/t", qos: AtMostOnce, ..Subscription::default() };
    world.subscribe_with(low, one, &[Property::SubscriptionIdentifier(1)]);
    let high = world.connect(hello(V5, "high"));
    let one = Subscription { qos: ExactlyOnce, retain_as_published: true, ..one };
    world.subscribe_with(high, one, &[Property::SubscriptionIdentifier(2)]);
    for _ in 0..2 {
        world.broker.publish(Message::new("t", "x").unwrap().with_qos(ExactlyOnce).retained(), world.now);
    }
    let seen = |got: &Got| (got.qos, got.retain, got.identifiers.clone());
    assert_eq!(world.messages(low).iter().map(seen).collect::<Vec<_>>(), [(AtMostOnce, false, vec![1])]);
    assert_eq!(world.messages(high).iter().map(seen).collect::<Vec<_>>(), [(ExactlyOnce, true, vec![2])]);
}

/// Retained messages are not sent when a shared subscription is made (section 4.8.2).
#[test]
fn s66_no_retained_messages_for_a_shared_subscription() {
    let mut world = World::new();
    world.broker.publish(Message::new("t", "kept").unwrap().retained(), world.now);
    let [client] = members(&mut world, ["a"], AtMostOnce);
    world.expect_nothing(client);
}

/// A member whose queue is more than half full is passed over as long as others read; a member that is away gets messages only if
/// no connected one has room.
#[test]
fn s66_members_that_are_full_or_away_are_passed_over() {
    let mut world = World::with(|config| config.connection.queue_count = 4);
    let [slow, fast, away] = members(&mut world, ["slow", "fast", "away"], AtLeastOnce);
    world.hang_up(away);
    let mut fast_got = 0;
    for number in 0..20 {
        send(&mut world, &number.to_string(), AtLeastOnce);
        for got in world.messages(fast) {
            fast_got += 1;
            world.send(fast, &puback(got.packet_id));
        }
    }
    assert_eq!((fast_got, world.messages(slow).len()), (17, 3), "`slow` acknowledges nothing");
    // With nobody reading both fill up, the one that is away gets the next ones, and the last one is dropped.
    for number in 0..10 {
        send(&mut world, &number.to_string(), AtLeastOnce);
    }
    assert_eq!((world.messages(fast).len(), world.messages(slow).len()), (4, 1));
    assert_eq!(dropped(&mut world), 1);
    let away = world.reconnect(hello(V5, "away").with(LASTING));
    assert_eq!(world.payloads(away), ["5", "6", "7", "8"]);
}

/// QoS 0 is not stored for a member that is away: then nobody gets it.
#[test]
fn s66_qos_0_waits_for_nobody() {
    let mut world = World::new();
    let [a] = members(&mut world, ["a"], AtLeastOnce);
    world.hang_up(a);
    send(&mut world, "x", AtMostOnce);
    let a = world.reconnect(hello(V5, "a").with(LASTING));
    world.expect_nothing(a);
}

/// What was never sent goes to a connected member as soon as its first one goes away; what was sent waits for it, and goes
/// on when its session has ended.
#[test]
fn s66_a_member_that_leaves_loses_no_message() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 2);
    let [a] = members(&mut world, ["a"], AtLeastOnce);
    for payload in ["1", "2", "3", "4"] {
        send(&mut world, payload, AtLeastOnce);
    }
    assert_eq!(world.payloads(a), ["1", "2"]);
    let [b] = members(&mut world, ["b"], AtLeastOnce);
    world.hang_up(a);
    let got = world.messages(b);
    assert_eq!(got.iter().map(|got| &*got.payload).collect::<Vec<_>>(), [b"3", b"4"]);
    got.iter().for_each(|got| world.send(b, &puback(got.packet_id)));
    world.wait_secs(99);
    world.expect_nothing(b);
    world.wait_secs(1);
    let got = world.messages(b);
    let seen: Vec<_> = got.iter().map(|got| (&*got.payload, got.duplicate, got.qos)).collect();
    assert_eq!(seen, [(&b"1"[..], false, AtLeastOnce), (b"2", false, AtLeastOnce)]);
}

/// The same without another member: the messages wait for their client, or go with its session.
#[test]
fn s66_the_last_member_keeps_its_messages() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 1);
    let [a] = members(&mut world, ["a"], AtLeastOnce);
    send(&mut world, "1", AtLeastOnce);
    send(&mut world, "2", AtLeastOnce);
    world.take(a);
    world.hang_up(a);
    let a = world.reconnect(hello(V5, "a").with(LASTING));
    let got = world.messages(a);
    assert_eq!((got.len(), got[0].duplicate), (1, true));
    world.send(a, &puback(got[0].packet_id));
    assert_eq!(world.payloads(a), ["2"]);
    world.hang_up(a);
    world.wait_secs(100);
    assert_eq!(world.broker.statistics().subscriptions, 0);
}

/// [MQTT-4.8.2-4] [MQTT-4.8.2-5] (5.0): QoS 2 that was sent is completed with its client or by nobody; what was not sent goes on.
#[test]
fn s66_qos_2_that_was_begun_goes_to_nobody_else() {
    for returns in [true, false] {
        let mut world = World::with(|config| config.connection.inflight_maximum = 1);
        let [a, b] = members(&mut world, ["a", "b"], ExactlyOnce);
        world.send(b, &unsubscribe(1, &["$share/g/t"]));
        world.take(b);
        send(&mut world, "begun", ExactlyOnce);
        send(&mut world, "queued", ExactlyOnce);
        assert_eq!(world.payloads(a), ["begun"]);
        world.subscribe(b, "$share/g/t", ExactlyOnce);
        world.hang_up(a);
        assert_eq!(world.payloads(b), ["queued"]);
        if returns {
            let a = world.reconnect(hello(V5, "a").with(LASTING));
            let got = world.messages(a);
            assert_eq!((&*got[0].payload, got[0].duplicate), (&b"begun"[..], true));
        }
        world.wait_secs(1000);
        world.expect_nothing(b);
    }
}

/// [MQTT-4.8.2-6] (5.0): a message that its member refuses is offered to nobody else.
#[test]
fn s66_a_refused_message_is_dropped() {
    let mut world = World::new();
    let [a, b] = members(&mut world, ["a", "b"], ExactlyOnce);
    send(&mut world, "1", AtLeastOnce);
    let id_of = |got: Vec<Got>| id(got[0].packet_id);
    let refused = |id| Ack::new(id, ReasonCode::NotAuthorized);
    let number = id_of(world.messages(a));
    world.send(a, &Packet::PubAck(refused(number)));
    send(&mut world, "2", ExactlyOnce);
    let number = id_of(world.messages(b));
    world.send(b, &Packet::PubRec(refused(number)));
    world.leave(a);
    world.leave(b);
    world.wait_secs(50);
    for name in ["a", "b"] {
        let client = world.reconnect(hello(V5, name).with(LASTING));
        world.expect_nothing(client);
    }
}

/// Unsubscribing: what was sent is completed, what was not goes to another member; without one it is still delivered.
#[test]
fn s66_unsubscribing_hands_the_queue_on() {
    for with_other in [true, false] {
        let mut world = World::with(|config| config.connection.inflight_maximum = 1);
        let [a] = members(&mut world, ["a"], AtLeastOnce);
        send(&mut world, "1", AtLeastOnce);
        send(&mut world, "2", AtLeastOnce);
        let got = world.messages(a);
        let b = with_other.then(|| members(&mut world, ["b"], AtLeastOnce)[0]);
        world.send(a, &unsubscribe(5, &["$share/g/t"]));
        world.expect(a, &[unsuback(5, &[ReasonCode::Success])]);
        if let Some(b) = b {
            assert_eq!(world.payloads(b), ["2"]);
        }
        world.send(a, &puback(got[0].packet_id));
        assert_eq!(world.payloads(a).len(), usize::from(!with_other));
    }
}

/// A take-over with a clean start ends the session, and its messages go on; without, they stay with it.
#[test]
fn s60_s66_a_take_over_loses_no_shared_message() {
    for clean in [true, false] {
        let mut world = World::new();
        let [a] = members(&mut world, ["a"], AtLeastOnce);
        send(&mut world, "x", AtLeastOnce);
        world.take(a);
        let [b] = members(&mut world, ["b"], AtLeastOnce);
        let newer = hello(V5, "a").with(LASTING);
        if clean {
            world.connect(newer);
            assert_eq!(world.payloads(b), ["x"]);
        } else {
            let a = world.reconnect(newer);
            assert_eq!(world.payloads(a), ["x"]);
            world.expect_nothing(b);
        }
    }
}

/// What goes to another member carries what is left of its expiry, and expires (S63).
#[test]
fn s63_s66_expiry_counts_on_with_the_next_member() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 1);
    let [a] = members(&mut world, ["a"], AtLeastOnce);
    for seconds in [100, 30, 10] {
        let mut message = Message::new("t", seconds.to_string()).unwrap().with_qos(AtLeastOnce);
        message.properties.message_expiry = Some(std::time::Duration::from_secs(seconds));
        world.broker.publish(message, world.now);
    }
    world.take(a);
    world.wait_secs(20);
    let [b] = members(&mut world, ["b"], AtLeastOnce);
    world.hang_up(a);
    let got = world.messages(b);
    assert_eq!(got.iter().map(|got| got.expiry).collect::<Vec<_>>(), [Some(10)]);
}

/// Shutting down ends every connection: what a session that ends with it was to get goes to one that is stored.
#[test]
fn s66_shutting_down_hands_messages_to_stored_sessions() {
    let mut world = World::new();
    let brief = world.connect(hello(V5, "a"));
    world.subscribe(brief, "$share/g/t", AtLeastOnce);
    send(&mut world, "x", AtLeastOnce);
    world.take(brief);
    let [stored] = members(&mut world, ["b"], AtLeastOnce);
    world.hang_up(stored);
    world.broker.shut_down(world.now);
    assert_eq!(world.broker.statistics().sessions, 1);
    assert_eq!(world.broker.statistics().delivered, 2);
}

/// CVE-2024-8376: random subscriptions of both kinds against a model. Every group gets each message once, by a member of its
/// own, and nothing is left in the end.
#[test]
fn cve_2024_8376_random_shared_and_plain_subscriptions_agree_with_a_model() {
    let filters = ["a", "$share/g/a", "$share/h/a", "$share/g/+", "#", "$share/g/#", "$share/g/a/b"];
    let mut world = World::new();
    let mut clients: Vec<_> = (0..4).map(|number| world.connect(hello(V5, &number.to_string()))).collect();
    let mut model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = |bound: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 33) as usize % bound
    };
    for _ in 0..3000 {
        let (client, filter) = (below(4), filters[below(filters.len())]);
        let holders = model.entry(filter).or_default();
        match below(8) {
            0..3 => {
                world.subscribe(clients[client], filter, AtMostOnce);
                holders.retain(|other| *other != client);
                holders.push(client);
            }
            3 | 4 => {
                world.send(clients[client], &unsubscribe(8, &[filter]));
                let had = holders.contains(&client);
                let reason = if had { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted };
                world.expect(clients[client], &[unsuback(8, &[reason])]);
                holders.retain(|other| *other != client);
            }
            5 => {
                world.hang_up(clients[client]);
                clients[client] = world.connect(hello(V5, &client.to_string()));
                model.values_mut().for_each(|holders| holders.retain(|other| *other != client));
            }
            _ => {
                let topic = ["a", "a/b", "b"][below(3)];
                world.broker.publish(Message::new(topic, "x").unwrap(), world.now);
                let name = mqtt_engine::TopicName::try_from(topic).unwrap();
                let matching: Vec<_> = model
                    .iter()
                    .filter(|(filter, _)| {
                        mqtt_engine::TopicFilter::try_from(**filter).unwrap().matches(&name)
                    })
                    .filter(|(_, holders)| !holders.is_empty())
                    .collect();
                let shared = matching.iter().filter(|(filter, _)| filter.starts_with("$share"));
                let plain = |client: usize| {
                    matching.iter().any(|(f, holders)| !f.starts_with("$share") && holders.contains(&client))
                };
                let expected = shared.clone().count() + (0..4).filter(|client| plain(*client)).count();
                let got: Vec<_> = clients.iter().map(|id| world.messages(*id).len()).collect();
                assert_eq!(got.iter().sum::<usize>(), expected, "{topic} {model:?}");
                for (client, got) in got.into_iter().enumerate() {
                    let groups = shared.clone().filter(|(_, holders)| holders.contains(&client)).count();
                    let own = usize::from(plain(client));
                    assert!((own..=own + groups).contains(&got), "{client} {topic} {model:?}");
                }
            }
        }
        let held = model.values().map(Vec::len).sum::<usize>();
        assert_eq!(world.broker.statistics().subscriptions, held);
    }
    clients.into_iter().for_each(|client| world.hang_up(client));
    assert_eq!(world.broker.statistics().subscriptions, 0);
}

/// However members come and go, every QoS 1 message reaches somebody.
#[test]
fn s66_messages_survive_members_that_come_and_go() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 2);
    let mut seen = std::collections::BTreeSet::new();
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 33) as usize % bound
    };
    let mut clients: Vec<_> = members(&mut world, ["0", "1", "2"], AtLeastOnce).map(Some).into();
    let total = 500;
    for number in 0..total {
        // One is always there.
        let client = below(2);
        match (clients[client].take(), below(3)) {
            (Some(id), 0) => world.hang_up(id),
            (Some(id), 1) => {
                for got in world.messages(id) {
                    seen.insert(String::from_utf8(got.payload).unwrap());
                    world.send(id, &puback(got.packet_id));
                }
                clients[client] = Some(id);
            }
            (Some(id), _) => clients[client] = Some(id),
            (None, kind) => {
                let name = client.to_string();
                let newer = hello(V5, &name).with(LASTING);
                let id = world.knock(if kind == 0 { newer } else { newer.resume() });
                let (present, _) = world.connack(id);
                if !present {
                    world.subscribe(id, "$share/g/t", AtLeastOnce);
                }
                clients[client] = Some(id);
            }
        }
        send(&mut world, &number.to_string(), AtLeastOnce);
        world.wait_secs(below(20) as u64);
    }
    clients.iter().take(2).flatten().for_each(|id| world.hang_up(*id));
    world.wait_secs(200);
    let last = clients[2].unwrap();
    loop {
        let got = world.messages(last);
        if got.is_empty() {
            break;
        }
        for got in got {
            seen.insert(String::from_utf8(got.payload).unwrap());
            world.send(last, &puback(got.packet_id));
        }
    }
    assert_eq!(seen.len(), total);
    assert_eq!(dropped(&mut world), 0);
}

/// A member that may no longer be one (see [`retain_subscriptions`](mqtt_engine::Broker::retain_subscriptions)) hands on what it was not sent.
#[test]
fn s66_a_member_without_permission_hands_its_queue_on() {
    for is_away in [true, false] {
        let mut world = World::with(|config| config.connection.inflight_maximum = 1);
        let [a] = members(&mut world, ["a"], AtLeastOnce);
        ["1", "2", "3"].into_iter().for_each(|payload| send(&mut world, payload, AtLeastOnce));
        assert_eq!(world.payloads(a), ["1"]);
        if is_away {
            world.hang_up(a);
        }
        let [b] = members(&mut world, ["b"], AtLeastOnce);
        world.broker.retain_subscriptions(|client_id, _, _| *client_id != "a", world.now);
        assert_eq!(world.broker.statistics().subscriptions, 1);
        let first = world.messages(b);
        assert_eq!((first.len(), &*first[0].payload), (1, &b"2"[..]));
        world.send(b, &puback(first[0].packet_id));
        assert_eq!(world.payloads(b), ["3"]);
        send(&mut world, "4", AtLeastOnce);
        world.hang_up(b);
        let a = if is_away { world.reconnect(hello(V5, "a").with(LASTING)) } else { a };
        assert_eq!(world.payloads(a).len(), usize::from(is_away), "only what was sent before");
    }
}

/// A member that has stopped reading goes away: what nobody took out for it goes to the other member.
#[test]
fn s66_qos_0_that_was_never_sent_goes_to_another_member() {
    let mut world = World::with(|config| config.queue_qos0 = true);
    let [stalled, other] = ["stalled", "other"].map(|name| {
        let id = world.connect(hello(V5, name).with(LASTING));
        world.subscribe(id, "$share/g/t", AtMostOnce);
        id
    });
    for payload in ["0", "1", "2", "3"] {
        world.broker.publish(Message::new("t", payload).unwrap(), world.now);
    }
    assert_eq!(world.payloads(other), ["1", "3"]);
    world.hang_up(stalled);
    assert_eq!(world.payloads(other), ["0", "2"]);
}
