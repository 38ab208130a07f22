//! Permissions that are taken back while subscriptions and wills stand.

use mqtt_engine::{Standing, packet::Property};

use crate::harness::*;

fn is_allowed(standing: Standing<'_>) -> bool {
    let (client_id, what) = match standing {
        Standing::Subscription { client_id, filter, .. } => (client_id, filter.as_str()),
        Standing::Will { client_id, topic, .. } => (client_id, topic.as_str()),
        other => panic!("{other:?}"),
    };
    client_id.as_str() == "free" || !what.starts_with("secret")
}

/// CVE-2021-34434: a change of the rules leaves no subscription in force, connected or away; what waits goes, too, unless
/// another subscription wants it.
#[test]
fn cve_2021_34434_subscriptions_end_with_their_permission() {
    let kept = [Property::SessionExpiryInterval(1000)];
    for version in [V4, V5] {
        // One message at a time: all others wait in the queue.
        let mut world = World::with(|config| config.inflight_maximum = 1);
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
        world.broker.retain(is_allowed, now);
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

/// A will is published in the client's name: not if the client may not publish there any more.
#[test]
fn wills_end_with_their_permission() {
    for version in [V4, V5] {
        let mut world = World::new();
        let watcher = world.connect(hello(version, "watcher"));
        world.subscribe(watcher, "#", AtMostOnce);
        let doomed: Vec<_> = [("a", "secret/will"), ("b", "will"), ("free", "secret/free")]
            .into_iter()
            .map(|(name, topic)| world.connect(hello(version, name).will(topic, AtMostOnce, false, &[])))
            .collect();
        let now = world.now;
        world.broker.retain(is_allowed, now);
        for id in doomed {
            world.hang_up(id);
        }
        let topics: Vec<_> = world.messages(watcher).into_iter().map(|message| message.topic).collect();
        assert_eq!(topics, ["will", "secret/free"]);
    }
}
