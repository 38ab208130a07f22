//! Debian's mosquitto_pub and mosquitto_sub on our `mqtt broker`.

use crate::{
    both_versions,
    process::Process,
    programs::{Broker, MQTT, READY, Version, have, unique},
};
use std::process::Command;

both_versions! {
    every_qos_arrives_once,
    qos_is_the_lower_of_both,
    a_retained_message_waits_for_the_subscriber,
    a_will_is_published_only_without_a_disconnect,
    a_stored_session_keeps_messages_over_a_reconnect,
    wildcards_match,
    our_subscriber_hears_their_publisher_and_the_reverse,
    a_large_message_arrives_whole,
}

/// Topic, QoS, RETAIN and payload of each message.
const FORMAT: [&str; 2] = ["-F", "%t %q %r %p"];

/// Our broker with a ready mark; nothing if the foreign programs are not installed.
fn broker() -> Option<Broker> {
    if !(have("mosquitto_pub") && have("mosquitto_sub")) {
        return None;
    }
    let broker = Broker::ours();
    broker.leave_ready_mark();
    Some(broker)
}

/// Starts `mosquitto_sub` and waits until its subscriptions hold.
fn subscribe(broker: &Broker, version: Version, arguments: &[&str]) -> Process {
    let mut sub = broker.foreign("mosquitto_sub", version, arguments);
    let mut sub = Process::start(sub.args(FORMAT).args(["-t", READY]));
    let mark = sub.next_line();
    assert!(mark.starts_with(READY) && mark.ends_with(&format!(" 1 {READY}")), "{mark}");
    sub
}

fn every_qos_arrives_once(version: Version) {
    let Some(broker) = broker() else { return };
    for qos in ["0", "1", "2"] {
        let mut sub = subscribe(&broker, version, &["-q", qos, "-t", "a/b"]);
        broker.foreign_publish(version, &["-q", qos, "-t", "a/b", "-m", "hello world"]);
        broker.foreign_publish(version, &["-q", qos, "-t", "a/b", "-n"]);
        assert_eq!(sub.next_line(), format!("a/b {qos} 0 hello world"));
        assert_eq!(sub.next_line(), format!("a/b {qos} 0 "));
    }
}

fn qos_is_the_lower_of_both(version: Version) {
    let Some(broker) = broker() else { return };
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "down"]);
    for qos in ["0", "1", "2"] {
        broker.foreign_publish(version, &["-q", qos, "-t", "down", "-m", qos]);
    }
    for expected in ["down 0 0 0", "down 1 0 1", "down 1 0 2"] {
        assert_eq!(sub.next_line(), expected);
    }
}

fn a_retained_message_waits_for_the_subscriber(version: Version) {
    let Some(broker) = broker() else { return };
    let mut live = subscribe(&broker, version, &["-q", "1", "-t", "state"]);
    broker.foreign_publish(version, &["-q", "1", "-r", "-t", "state", "-m", "on"]);
    assert_eq!(live.next_line(), "state 1 0 on", "a live subscriber gets it without the flag");
    let mut late =
        Process::start(broker.foreign("mosquitto_sub", version, &["-q", "1", "-t", "state"]).args(FORMAT));
    assert_eq!(late.next_line(), "state 1 1 on");
    broker.foreign_publish(version, &["-q", "1", "-t", "state", "-m", "live"]);
    assert_eq!(late.next_line(), "state 1 0 live");

    broker.foreign_publish(version, &["-q", "1", "-r", "-t", "state", "-n"]);
    let mut after = subscribe(&broker, version, &["-q", "1", "-t", "state"]);
    broker.foreign_publish(version, &["-q", "1", "-t", "state", "-m", "first"]);
    assert_eq!(after.next_line(), "state 1 0 first", "an empty retained message removes the kept one");
}

fn a_will_is_published_only_without_a_disconnect(version: Version) {
    let Some(broker) = broker() else { return };
    let mut witness = subscribe(&broker, version, &["-q", "2", "-t", "will/#"]);
    let with_will = |topic, more: &[&str]| {
        let will = [
            "--will-topic",
            topic,
            "--will-payload",
            "gone",
            "--will-qos",
            "1",
            "--will-retain",
            "-t",
            "none",
        ];
        subscribe(&broker, version, &[&will, more].concat())
    };
    // It leaves with DISCONNECT when it has its one message, the mark.
    with_will("will/polite", &["-C", "1"]).finish().expect_success();
    with_will("will/abrupt", &[]).kill();
    assert_eq!(
        witness.next_line(),
        "will/abrupt 1 0 gone",
        "the polite one must not have left a will before"
    );

    let mut late =
        Process::start(broker.foreign("mosquitto_sub", version, &["-q", "1", "-t", "will/#"]).args(FORMAT));
    assert_eq!(late.next_line(), "will/abrupt 1 1 gone", "it was to be kept");
}

fn a_stored_session_keeps_messages_over_a_reconnect(version: Version) {
    let Some(broker) = broker() else { return };
    let id = unique("stored");
    let session = ["-c", "-i", &id, "-q", "2", "-t", "news"];
    subscribe(&broker, version, &[&session[..], &["-C", "1"]].concat()).finish().expect_success();

    for (qos, message) in [("1", "one"), ("2", "two"), ("1", "three")] {
        broker.foreign_publish(version, &["-q", qos, "-t", "news", "-m", message]);
    }
    let mut again = broker.foreign("mosquitto_sub", version, &session);
    let ended = Process::start(again.args(FORMAT).args(["-C", "3", "-W", "20"])).finish().expect_success();
    // mosquitto_sub hands over a message of QoS 2 at its PUBREL: later than what came behind it with QoS 1.
    let [one, two, three] = ["news 1 0 one", "news 2 0 two", "news 1 0 three"];
    assert!(ended.out == [one, two, three] || ended.out == [one, three, two], "{:?}", ended.out);

    // The same name with a clean session ends the stored one.
    subscribe(&broker, version, &["-i", &id, "-C", "1"]).finish().expect_success();
    broker.foreign_publish(version, &["-q", "1", "-t", "news", "-m", "lost"]);
    let mut after = broker.foreign("mosquitto_sub", version, &session);
    let mut after = Process::start(after.args(FORMAT).args(["-t", READY]));
    assert!(after.next_line().starts_with(READY), "nothing was kept");
}

fn wildcards_match(version: Version) {
    let Some(broker) = broker() else { return };
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "a/+/c", "-t", "x/#", "-t", "+/+"]);
    for topic in ["a/b/c", "a/b/d", "x", "y/x", "x/1/2", "$x/y", "/z"] {
        broker.foreign_publish(version, &["-q", "1", "-t", topic, "-m", "m"]);
    }
    for expected in ["a/b/c", "x", "y/x", "x/1/2", "/z"] {
        assert_eq!(sub.next_line(), format!("{expected} 1 0 m"));
    }
}

fn our_subscriber_hears_their_publisher_and_the_reverse(version: Version) {
    let Some(broker) = broker() else { return };
    let other = if version == Version::V5 { Version::V311 } else { Version::V5 };
    let mut theirs = subscribe(&broker, version, &["-q", "2", "-t", "mixed"]);
    let mut ours =
        Process::start(&mut broker.mqtt("sub", other, &["-q", "2", "-v", "-t", "mixed", "-t", READY]));
    assert_eq!(ours.next_line(), format!("{READY} {READY}"));
    broker.publish(other, &["-q", "2", "-t", "mixed", "-m", "from ours"]);
    broker.foreign_publish(version, &["-q", "2", "-t", "mixed", "-m", "from theirs"]);
    assert_eq!([theirs.next_line(), theirs.next_line()], ["mixed 2 0 from ours", "mixed 2 0 from theirs"]);
    assert_eq!([ours.next_line(), ours.next_line()], ["mixed from ours", "mixed from theirs"]);
}

fn a_large_message_arrives_whole(version: Version) {
    let Some(broker) = broker() else { return };
    let text = "0123456789abcdef".repeat(16 * 1024);
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "large"]);
    let mut publisher = broker.foreign("mosquitto_pub", version, &["-q", "1", "-t", "large", "-s"]);
    Process::start_with_input(&mut publisher, text.as_bytes()).finish().expect_success();
    let line = sub.next_line();
    assert!(line == format!("large 1 0 {text}"), "{} bytes came", line.len());
}

#[test]
fn v5_properties_of_a_message_pass_through() {
    let Some(broker) = broker() else { return };
    let mut sub = broker.foreign("mosquitto_sub", Version::V5, &["-q", "1", "-t", "p", "-t", READY]);
    let mut sub = Process::start(sub.args(["-F", "%t|%p|%C|%D|%E|%F|%P|%R"]));
    sub.wait_for(READY);
    let mut publish = vec!["-q", "1", "-t", "p", "-m", "m"];
    for property in [
        &["content-type", "text/plain"][..],
        &["correlation-data", "corr"],
        &["message-expiry-interval", "1000"],
        &["payload-format-indicator", "1"],
        &["user-property", "one", "1"],
        &["user-property", "two", "2"],
        &["response-topic", "answer/here"],
    ] {
        publish.extend(["-D", "publish"]);
        publish.extend(property);
    }
    broker.foreign_publish(Version::V5, &publish);
    let line = sub.next_line();
    let fields: Vec<&str> = line.split('|').collect();
    assert_eq!(fields[..4], ["p", "m", "text/plain", "corr"], "{line}");
    let expiry: u32 = fields[4].parse().unwrap();
    assert!((990..=1000).contains(&expiry), "what is left of 1000 s: {line}");
    assert_eq!(fields[5..], ["1", "one:1 two:2", "answer/here"], "{line}");
}

#[test]
fn a_broker_that_is_told_to_stop_says_so_and_exits_with_0() {
    let Some(broker) = broker() else { return };
    let mut sub = broker.foreign("mosquitto_sub", Version::V5, &["-d", "-t", READY, "-t", "more"]);
    let mut sub = Process::start(&mut sub);
    sub.wait_for(READY);
    broker.process.terminate();
    sub.wait_for("DISCONNECT (139)");
    broker.process.finish().expect_success();
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Process::start(Command::new(MQTT).args(["broker", "--listen", &address])).finish();
    assert!(!ended.status.success(), "{ended:?}");
    assert!(ended.err.iter().any(|line| line.contains(&address)), "it names the address: {ended:?}");
    assert!(ended.err.iter().all(|line| !line.contains("panicked")), "{ended:?}");
}
