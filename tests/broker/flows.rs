//! The flows of the wire examples.

use mqtt_engine::packet::ReasonCode;

use crate::harness::*;

/// [MQTT-4.3.1-1] (both versions)
#[test]
fn flow_1_remote_led() {
    for version in [V4, V5] {
        let mut world = World::new();
        let device = world.connect(hello(version, "device"));
        world.subscribe(device, "led", AtMostOnce);
        let app = world.connect(hello(version, "app"));
        world.publish(app, "led", AtMostOnce, 0, "on");
        world.expect(device, &[publish("led", AtMostOnce, 0, "on")]);
        world.expect_nothing(app);
    }
}

/// Over both versions at once.
#[test]
fn flow_2_mutual() {
    let mut world = World::new();
    let device = world.connect(hello(V4, "device"));
    let app = world.connect(hello(V5, "app"));
    let other = world.connect(hello(V4, "other"));
    world.subscribe(device, "kfb_topic", AtMostOnce);
    world.subscribe(app, "app_topic", AtMostOnce);
    world.publish(app, "kfb_topic", AtMostOnce, 0, "1");
    world.publish(device, "app_topic", AtMostOnce, 0, "2");
    assert_eq!(world.payloads(device), ["1"]);
    assert_eq!(world.payloads(app), ["2"]);
    world.expect_nothing(other);
}

/// QoS 1 to a subscriber whose PUBACK is lost with the connection: the same packet again, with DUP.
/// [MQTT-2.3.1-3] [MQTT-2.3.1-4] [MQTT-3.2.0-1] [MQTT-3.2.2-2] [MQTT-3.3.1-1] [MQTT-4.3.2-1] (3.1.1)
/// [MQTT-4.4.0-1] (3.1.1)
#[test]
fn flow_4_lost_puback() {
    let mut world = World::new();
    let subscriber = world.connect(hello(V4, "s").resume());
    world.subscribe(subscriber, "t", AtLeastOnce);
    let publisher = world.connect(hello(V4, "p"));
    world.publish(publisher, "t", AtLeastOnce, 9, "x");
    world.expect(publisher, &[puback(9)]);
    world.expect(subscriber, &[publish("t", AtLeastOnce, 1, "x")]);
    world.hang_up(subscriber);
    let subscriber = world.reconnect(hello(V4, "s"));
    world.expect(subscriber, &[duplicate(publish("t", AtLeastOnce, 1, "x"))]);
    world.send(subscriber, &puback(1));
    world.hang_up(subscriber);
    let subscriber = world.reconnect(hello(V4, "s"));
    world.expect_nothing(subscriber);
}

/// QoS 2 to a subscriber, with the connection cut before each of its answers arrives.
/// [MQTT-3.3.1-1] [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-4] [MQTT-2.3.1-6] [MQTT-4.3.3-1] (3.1.1),
/// [MQTT-2.2.1-5] [MQTT-3.1.2-5] [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] (5.0)
/// [MQTT-4.3.3-6] (5.0)
#[test]
fn flow_4_s03_each_step_of_qos_2_is_repeated_and_only_that() {
    for version in [V4, V5] {
        let mut world = World::new();
        let expiry = [mqtt_engine::packet::Property::SessionExpiryInterval(100)];
        let who = hello(version, "s").resume().with(if version == V5 { &expiry } else { &[] });
        let subscriber = world.connect(who);
        world.subscribe(subscriber, "t", ExactlyOnce);
        let publisher = world.connect(hello(version, "p"));
        world.publish(publisher, "t", ExactlyOnce, 9, "x");
        world.expect(publisher, &[pubrec(9)]);
        world.send(publisher, &pubrel(9));
        world.expect(publisher, &[pubcomp(9)]);
        world.expect(subscriber, &[publish("t", ExactlyOnce, 1, "x")]);
        world.hang_up(subscriber);
        let subscriber = world.reconnect(who);
        world.expect(subscriber, &[duplicate(publish("t", ExactlyOnce, 1, "x"))]);
        world.send(subscriber, &pubrec(1));
        world.expect(subscriber, &[pubrel(1)]);
        world.hang_up(subscriber);
        let subscriber = world.reconnect(who);
        world.expect(subscriber, &[pubrel(1)]);
        world.send(subscriber, &pubcomp(1));
        world.hang_up(subscriber);
        let subscriber = world.reconnect(who);
        world.expect_nothing(subscriber);
    }
}

/// [MQTT-3.14.4-3] (both versions)
#[test]
fn flow_6_last_words() {
    for version in [V4, V5] {
        let mut world = World::new();
        let watcher = world.connect(hello(version, "watcher"));
        world.subscribe(watcher, "last/#", AtMostOnce);
        let vanishing = world.connect(hello(version, "a").will("last/a", AtMostOnce, false, &[]));
        let polite = world.connect(hello(version, "b").will("last/b", AtMostOnce, false, &[]));
        world.hang_up(vanishing);
        world.leave(polite);
        world.expect(watcher, &[publish("last/a", AtMostOnce, 0, "gone")]);
    }
}

/// [MQTT-3.3.1-8] [MQTT-3.3.1-9] (3.1.1).
#[test]
fn flow_7_retained() {
    let mut world = World::new();
    let live = world.connect(hello(V4, "live"));
    world.subscribe(live, "r", AtMostOnce);
    let publisher = world.connect(hello(V4, "p"));
    world.publish_retained(publisher, "r", "v");
    let late = world.connect(hello(V4, "late"));
    world.subscribe(late, "r", AtMostOnce);
    assert_eq!(world.messages(live).iter().map(|got| got.retain).collect::<Vec<_>>(), [false]);
    assert_eq!(world.messages(late).iter().map(|got| got.retain).collect::<Vec<_>>(), [true]);
}

/// [MQTT-4.7.0-1] (5.0): a name with a wildcard closes the connection.
/// [MQTT-4.7.1-2] [MQTT-4.7.1-3] (3.1.1)
#[test]
fn flow_8_wildcards() {
    let mut world = World::new();
    let one = world.connect(hello(V4, "one"));
    let all = world.connect(hello(V4, "all"));
    world.subscribe(one, "a/+/c", AtMostOnce);
    world.subscribe(all, "a/#", AtMostOnce);
    let publisher = world.connect(hello(V5, "p"));
    world.publish(publisher, "a/b/c", AtMostOnce, 0, "x");
    assert_eq!(world.payloads(one), ["x"]);
    assert_eq!(world.payloads(all), ["x"]);
    world.hex(publisher, "30 07 00 03 61 2F 2B 00 78");
    world.expect_fault(publisher, ReasonCode::TopicNameInvalid);
}
