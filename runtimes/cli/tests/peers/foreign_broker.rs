//! Our `mqtt pub` and `mqtt sub` on Debian's mosquitto. What the broker logs of the packets it saw is the independent witness.

use std::{fs, process::Command};

use crate::{
    both_versions,
    process::Process,
    programs::{Broker, READY, Version, file, find, have, unique},
};

both_versions! {
    every_qos_arrives_once,
    lines_and_files_are_published,
    a_retained_message_waits_for_the_subscriber,
    a_will_is_published_only_without_a_disconnect,
    a_stored_session_keeps_messages_over_a_reconnect,
    wildcards_match,
    a_subscriber_comes_back_after_the_broker_restarted,
    a_user_name_and_password_are_checked,
    a_silent_subscription_times_out,
}

/// A broker with a ready mark; nothing if the programs are not installed.
fn broker() -> Option<Broker> {
    if !(have("mosquitto") && have("mosquitto_pub")) {
        return None;
    }
    let broker = Broker::mosquitto();
    broker.leave_ready_mark();
    Some(broker)
}

/// Starts `mqtt sub -v` and waits until its subscriptions hold.
fn subscribe(broker: &Broker, version: Version, arguments: &[&str]) -> Process {
    let mut sub = Process::start(broker.mqtt("sub", version, arguments).args(["-v", "-t", READY]));
    assert_eq!(sub.next_line(), format!("{READY} {READY}"));
    sub
}

fn every_qos_arrives_once(version: Version) {
    let Some(mut broker) = broker() else { return };
    for qos in ["0", "1", "2"] {
        let (from, to) = (unique("pub"), unique("sub"));
        let mut sub = subscribe(&broker, version, &["-i", &to, "-q", qos, "-t", "a/b"]);
        broker.publish(version, &["-i", &from, "-q", qos, "-t", "a/b", "-m", "hello world"]);
        broker.publish(version, &["-q", qos, "-t", "a/b", "-m", "last"]);
        assert_eq!(sub.next_line(), "a/b hello world");
        assert_eq!(sub.next_line(), "a/b last");
        sub.terminate();
        sub.finish().expect_success();

        // The log, in its order.
        let log = &mut broker.process;
        log.wait_for(&format!("as {to} ({}, ", version.logged()));
        log.wait_for(&format!("as {from} ({}, ", version.logged()));
        log.wait_for(&format!("Received PUBLISH from {from} (d0, q{qos}, r0, "));
        log.wait_for(&format!("Sending PUBLISH to {to} (d0, q{qos}, r0, "));
        match qos {
            "1" => drop(log.wait_for(&format!("Received PUBACK from {to}"))),
            "2" => {
                log.wait_for(&format!("Received PUBREC from {to}"));
                log.wait_for(&format!("Received PUBCOMP from {to}"));
            }
            _ => {}
        }
        log.wait_for(&format!("Received DISCONNECT from {to}"));
    }
}

fn lines_and_files_are_published(version: Version) {
    let Some(broker) = broker() else { return };
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "in/#"]);
    let mut lines = broker.mqtt("pub", version, &["-q", "1", "-t", "in/lines", "-l"]);
    Process::start_with_input(&mut lines, "one\ntwo words\nünï".as_bytes()).finish().expect_success();
    let content = file("payload", b"from a file");
    broker.publish(version, &["-q", "1", "-t", "in/file", "-f", content.to_str().unwrap()]);
    fs::remove_file(content).unwrap();
    for expected in ["in/lines one", "in/lines two words", "in/lines ünï", "in/file from a file"] {
        assert_eq!(sub.next_line(), expected);
    }
}

fn a_retained_message_waits_for_the_subscriber(version: Version) {
    let Some(mut broker) = broker() else { return };
    broker.publish(version, &["-q", "1", "-r", "-t", "state", "-m", "on"]);
    let to = unique("late");
    let sub = broker.mqtt("sub", version, &["-i", &to, "-q", "1", "-t", "state", "-C", "1", "-v"]);
    let ended = Process::start(&mut { sub }).finish().expect_success();
    assert_eq!(ended.out, ["state on"]);
    broker.process.wait_for(&format!("Sending PUBLISH to {to} (d0, q1, r1, "));
}

fn a_will_is_published_only_without_a_disconnect(version: Version) {
    let Some(broker) = broker() else { return };
    let mut witness = subscribe(&broker, version, &["-q", "1", "-t", "will/#"]);
    let with_will = |topic| {
        let will = ["--will-topic", topic, "--will-payload", "gone", "--will-qos", "1", "-t", "none"];
        subscribe(&broker, version, &will)
    };

    let polite = with_will("will/polite");
    polite.terminate();
    polite.finish().expect_success();
    let abrupt = with_will("will/abrupt");
    abrupt.kill();
    assert_eq!(witness.next_line(), "will/abrupt gone", "the polite one must not have left a will before");
}

fn a_stored_session_keeps_messages_over_a_reconnect(version: Version) {
    let Some(broker) = broker() else { return };
    let id = unique("stored");
    let session = ["-c", "-i", &id, "-q", "1", "-t", "news"];
    let first = subscribe(&broker, version, &session);
    first.terminate();
    first.finish().expect_success();

    for message in ["one", "two", "three"] {
        broker.publish(version, &["-q", "1", "-t", "news", "-m", message]);
    }
    let mut again = broker.mqtt("sub", version, &session);
    let ended = Process::start(again.args(["-v", "-C", "3", "-W", "20"])).finish().expect_success();
    assert_eq!(ended.out, ["news one", "news two", "news three"]);
}

fn wildcards_match(version: Version) {
    let Some(broker) = broker() else { return };
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "a/+/c", "-t", "x/#"]);
    for topic in ["a/b/c", "a/b/d", "x", "y/x", "x/1/2"] {
        broker.publish(version, &["-q", "1", "-t", topic, "-m", "m"]);
    }
    for expected in ["a/b/c m", "x m", "x/1/2 m"] {
        assert_eq!(sub.next_line(), expected);
    }
}

fn a_subscriber_comes_back_after_the_broker_restarted(version: Version) {
    let Some(broker) = broker() else { return };
    let mut sub = subscribe(&broker, version, &["-q", "1", "-t", "again"]);
    let port = broker.port;
    broker.process.kill();
    let broker = Broker::mosquitto_on(port, "allow_anonymous true\n").expect("the port is free again");
    // The new one knows no session, so the mark shows that it subscribed again.
    broker.leave_ready_mark();
    assert_eq!(sub.next_line(), format!("{READY} {READY}"));
    broker.publish(version, &["-q", "1", "-t", "again", "-m", "back"]);
    assert_eq!(sub.next_line(), "again back");
}

fn a_user_name_and_password_are_checked(version: Version) {
    if !(have("mosquitto") && have("mosquitto_passwd")) {
        return;
    }
    let passwords = file("passwords", b"");
    let mut make = Command::new(find("mosquitto_passwd").unwrap());
    assert!(make.arg("-b").arg(&passwords).args(["anna", "secret"]).status().unwrap().success());
    let broker =
        Broker::mosquitto_with(&format!("allow_anonymous false\npassword_file {}\n", passwords.display()));

    broker.publish(version, &["-u", "anna", "-P", "secret", "-q", "1", "-t", "t", "-m", "m"]);
    let wrong = broker.mqtt("pub", version, &["-u", "anna", "-P", "wrong", "-q", "1", "-t", "t", "-m", "m"]);
    let ended = Process::start(&mut { wrong }).finish();
    // The exit code is that of the CONNACK.
    let refused = if version == Version::V5 { 0x87 } else { 5 };
    assert_eq!(ended.status.code(), Some(refused), "{ended:?}");
    assert!(
        ended.err.iter().any(|line| line.to_lowercase().contains("not authori")),
        "it says why: {ended:?}"
    );
    fs::remove_file(passwords).unwrap();
}

fn a_silent_subscription_times_out(version: Version) {
    let Some(broker) = broker() else { return };
    let sub = broker.mqtt("sub", version, &["-t", "nothing/here", "-W", "1"]);
    let ended = Process::start(&mut { sub }).finish();
    assert_eq!(ended.status.code(), Some(27), "{ended:?}");
    assert!(ended.out.is_empty());
}
