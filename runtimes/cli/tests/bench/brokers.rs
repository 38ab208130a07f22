//! Every kind of load on real brokers: ours, and Debian's mosquitto.

use crate::{
    Bench, both_versions,
    programs::{self, Version, have},
    support,
};

both_versions! {
    every_qos_arrives_once,
    one_publisher_reaches_ten_subscribers,
    one_subscriber_hears_ten_publishers,
    pairs_keep_to_themselves,
    a_shared_subscription_gets_each_message_once,
    messages_for_nobody_are_published,
    topics_take_turns,
    idle_connections_and_filters_get_nothing,
}

/// Runs it against our broker, then against mosquitto if it is there.
fn on_each(version: Version, arguments: &[&str], check: impl Fn(Bench)) {
    let mut all = vec!["-V", version.ours()];
    all.extend(arguments);
    let ours = support::Broker::start(&[]);
    check(crate::bench(&ours.port, &all));
    if have("mosquitto") {
        let mosquitto = programs::Broker::mosquitto();
        check(crate::bench(&mosquitto.port.to_string(), &all));
    }
}

fn every_qos_arrives_once(version: Version) {
    for (qos, payload) in [("0", "16"), ("1", "200"), ("2", "20000")] {
        // mosquitto 2.0.11 sends at most 20 messages of QoS 2 at a time, and forgets those that have to wait.
        let arguments = ["-q", qos, "--payload", payload, "--messages", "300", "--window", "20"];
        on_each(version, &arguments, |bench| {
            bench.expect_all(300, 300);
            assert_eq!((bench.count("connections"), bench.count("qos").to_string().as_str()), (2, qos));
        });
    }
}

fn one_publisher_reaches_ten_subscribers(version: Version) {
    for qos in ["0", "1"] {
        let arguments = ["-q", qos, "--subscribers", "10", "--messages", "100", "--window", "20"];
        on_each(version, &arguments, |bench| {
            bench.expect_all(100, 1000);
            assert_eq!((bench.count("connections"), bench.count("window")), (11, 20));
        });
    }
}

fn one_subscriber_hears_ten_publishers(version: Version) {
    // 105 messages are no whole number for each.
    let arguments = ["-q", "1", "--publishers", "10", "--messages", "105", "--window", "5"];
    on_each(version, &arguments, |bench| {
        bench.expect_all(105, 105);
    });
}

fn pairs_keep_to_themselves(version: Version) {
    let arguments = ["-q", "2", "--publishers", "5", "--subscribers", "5", "--pairs", "--messages", "100"];
    on_each(version, &arguments, |bench| {
        bench.expect_all(100, 100);
        assert_eq!((bench.count("connections"), &bench.report["pairs"]), (10, &true.into()));
    });
}

fn a_shared_subscription_gets_each_message_once(version: Version) {
    let arguments = ["-q", "1", "--subscribers", "3", "--share", "group", "--messages", "100"];
    on_each(version, &arguments, |bench| {
        bench.expect_all(100, 100);
        assert_eq!(bench.report["share"], "group");
    });
}

fn messages_for_nobody_are_published(version: Version) {
    for qos in ["0", "1", "2"] {
        on_each(version, &["-q", qos, "--subscribers", "0", "--messages", "100"], |bench| {
            bench.expect_all(100, 0);
            assert!(bench.report["latency_us"].is_null());
        });
    }
}

fn topics_take_turns(version: Version) {
    let topics = ["--topics", "7", "--publishers", "2", "--messages", "100", "--window", "20", "-q", "1"];
    for subscribers in [&["--subscribers", "2", "--pairs"][..], &[]] {
        on_each(version, &[&topics[..], subscribers].concat(), |bench| {
            bench.expect_all(100, 100);
            assert_eq!(bench.count("topics"), 7);
        });
    }
}

fn idle_connections_and_filters_get_nothing(version: Version) {
    let filters = ["--filters", "250", "--messages", "50"];
    on_each(version, &[&filters[..], &["--idle", "200", "--subscribers", "2"]].concat(), |bench| {
        bench.expect_all(50, 100);
        assert_eq!(
            (bench.count("connections"), bench.count("idle"), bench.count("filters")),
            (203, 200, 250)
        );
    });
    // Without subscribers the filters have a connection of their own.
    on_each(version, &[&filters[..], &["--subscribers", "0"]].concat(), |bench| {
        bench.expect_all(50, 0);
        assert_eq!(bench.count("connections"), 2);
    });
    // Nobody needs to publish.
    on_each(version, &["--idle", "5", "--publishers", "0", "--subscribers", "0"], |bench| {
        bench.expect_all(0, 0);
        assert_eq!(bench.count("connections"), 5);
    });
}

#[test]
fn a_user_name_and_a_password_are_sent() {
    if !(have("mosquitto") && have("mosquitto_passwd")) {
        return;
    }
    let passwords = programs::file("passwords", b"user:secret\n");
    let mut encrypt = std::process::Command::new("mosquitto_passwd");
    assert!(encrypt.arg("-U").arg(&passwords).status().unwrap().success());
    let settings = format!("allow_anonymous false\npassword_file {}\n", passwords.display());
    let mosquitto = programs::Broker::mosquitto_with(&settings);
    let port = mosquitto.port.to_string();
    crate::bench(&port, &["-u", "user", "-P", "secret", "--messages", "10"]).expect_all(10, 10);
    let wrong = crate::bench(&port, &["-u", "user", "-P", "wrong", "--messages", "10"]);
    wrong.expect_failure(&["the server refused the connection: not authorized (0x87)", "-P"]);
    assert_eq!(wrong.code, 0x87);
    std::fs::remove_file(passwords).unwrap();
}

#[test]
fn unix_sockets_are_spoken() {
    let path = std::env::temp_dir().join(programs::unique("bench.sock"));
    let address = format!("unix:{}", path.display());
    let _broker = support::Broker::start(&["--listen", &address]);
    let run = support::run(&["bench", "-L", &address, "--messages", "100", "-q", "1", "--json"]);
    assert_eq!((run.code, &*run.err), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["delivered"], &report["target"]), (&100.into(), &path.to_str().unwrap().into()));
}

#[test]
fn a_broker_that_dies_is_told() {
    let broker = support::Broker::start(&[]);
    let arguments = ["bench", "-h", "127.0.0.1", "-p", &broker.port, "--seconds", "60", "--json"];
    let running = support::command(&arguments).spawn().unwrap();
    // The load is there once somebody else hears of it.
    let heard = support::run(&[
        "sub",
        "-h",
        "127.0.0.1",
        "-p",
        &broker.port,
        "-t",
        "bench/0",
        "-C",
        "1",
        "-W",
        "25",
        "--format",
        "json",
    ]);
    assert_eq!(heard.code, 0, "{heard:?}");
    support::send(broker.id(), "KILL");
    let ended = support::end(running);
    assert_eq!((ended.code, &*ended.out), (1, ""), "{ended:?}");
    assert!(ended.err.contains("the connection was lost after "), "{}", ended.err);
}
