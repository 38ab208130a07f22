//! Permissions that are taken back while subscriptions stand.

use mqtt_engine::{Text, TopicFilter, packet::Property};

use crate::harness::*;

fn is_allowed(client_id: &Text, _: Option<&Text>, filter: &TopicFilter) -> bool {
    client_id.as_str() == "free" || !filter.pattern().starts_with("secret")
}

/// CVE-2021-34434: a change of the rules leaves no subscription in force, connected or away; what waits goes, too, unless
/// another subscription wants it.
#[test]
fn cve_2021_34434_subscriptions_end_with_their_permission() {
    let kept = [Property::SessionExpiryInterval(1000)];
    for version in [V4, V5] {
        // One message at a time: all others wait in the queue.
        let mut world = World::with(|config| config.connection.inflight_maximum = 1);
        let resuming = |name| {
            let hello = hello(version, name).resume();
            if version == V5 { hello.with(&kept) } else { hello }
        };
        let mut here = None;
        for name in ["here", "away", "free"] {
            let id = world.connect(resuming(name));
            for filter in ["secret/#", "secret/open/+", "+/open/1", "open"] {
                world.subscribe(id, filter, AtLeastOnce);
            }
            match name {
                "here" => here = Some(id),
                _ => world.leave(id),
            }
        }
        let here = here.unwrap();
        let publisher = world.connect(hello(version, "publisher"));
        for (number, topic) in [(1, "open"), (2, "secret/1"), (3, "secret/open/1"), (4, "open")] {
            world.publish(publisher, topic, AtLeastOnce, number, topic);
        }
        let (before, now) = (world.broker.statistics().subscriptions, world.now);
        world.broker.retain_subscriptions(is_allowed, now);
        assert_eq!(world.broker.statistics().subscriptions, before - 4, "two of each but the free one");
        for (number, topic) in [(5, "secret/2"), (6, "secret/open/2"), (7, "open")] {
            world.publish(publisher, topic, AtLeastOnce, number, topic);
        }
        let received = |world: &mut World, id| {
            let mut topics = Vec::new();
            while let Some(message) = world.messages(id).into_iter().next() {
                world.send(id, &puback(message.packet_id));
                topics.push(message.topic);
            }
            topics
        };
        let some = ["open", "secret/open/1", "open", "open"];
        assert_eq!(received(&mut world, here), some);
        let away = world.reconnect(resuming("away"));
        assert_eq!(received(&mut world, away), some);
        let free = world.reconnect(resuming("free"));
        let all = ["open", "secret/1", "secret/open/1", "open", "secret/2", "secret/open/2", "open"];
        assert_eq!(received(&mut world, free), all);
    }
}

/// What waits behind messages that are nobody's any more is sent at once, and the connection is named.
#[test]
fn what_stood_behind_the_messages_of_an_ended_subscription_is_sent() {
    let mut world = World::with(|config| config.connection.inflight_maximum = 1);
    let reader = world.connect(hello(V5, "reader"));
    for (filter, qos) in [("secret/#", AtLeastOnce), ("open", AtMostOnce)] {
        world.subscribe(reader, filter, qos);
    }
    let publisher = world.connect(hello(V5, "publisher"));
    for (number, topic) in [(1, "secret/1"), (2, "secret/2"), (3, "open")] {
        world.publish(publisher, topic, AtLeastOnce, number, topic);
    }
    let topics = |world: &mut World| -> Vec<String> {
        world.messages(reader).into_iter().map(|message| message.topic).collect()
    };
    assert_eq!(topics(&mut world), ["secret/1"], "one at a time");
    while world.broker.poll_ready().is_some() {}
    world.broker.retain_subscriptions(is_allowed, world.now);
    assert_eq!(world.broker.poll_ready(), Some(reader));
    assert_eq!(topics(&mut world), ["open"]);
}
