//! `$SYS`, and the log.

use std::{process::Command, thread, time::Duration};

use serde_json::Value;

use crate::{
    served::{Folder, Served, WITH_PASSWORDS},
    support::run,
    wire::{Client, V5, hello},
};

const PLAIN: &str = "[[listener]]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 0.2\n";

/// Reads `$SYS/#` with our own subscriber until it has been silent for a while.
fn system_topics(port: u16) -> Vec<(String, String)> {
    let port = port.to_string();
    let got = run(&["sub", "-p", &port, "-t", "$SYS/#", "-v", "-W", "0.6", "-i", "observer"]);
    let all = got.out.lines().map(|line| {
        let names = ["retained messages/count", "retained messages/bytes"];
        let split = names.iter().find_map(|name| {
            let (before, value) = line.split_once(&format!("{name} "))?;
            Some((format!("{before}{name}"), value.to_owned()))
        });
        split.unwrap_or_else(|| {
            let (topic, value) = line.split_once(' ').unwrap();
            (topic.to_owned(), value.to_owned())
        })
    });
    all.collect()
}

fn value(topics: &[(String, String)], name: &str) -> String {
    let found = topics.iter().rev().find(|(topic, _)| *topic == format!("$SYS/broker/{name}"));
    found.unwrap_or_else(|| panic!("no {name} in {topics:?}")).1.clone()
}

#[test]
fn statistics_are_published_and_follow_what_happens() {
    let folder = Folder::new();
    let served = Served::start(&folder, PLAIN);
    let mut client = Client::connect(served.port(), &hello(V5, "c"));
    client.subscribe(&["a", "b"]);
    client.send(&[0x31, 5, 0, 1, b'a', 0, b'x']);
    assert_eq!(client.topics(), ["a"]);
    let topics = system_topics(served.port());
    let number = |name: &str| value(&topics, name).parse::<u64>().unwrap();
    assert_eq!(value(&topics, "version"), concat!("mqtt-engine ", env!("CARGO_PKG_VERSION")));
    assert!(value(&topics, "uptime").ends_with(" seconds"));
    assert_eq!(number("clients/connected"), 2);
    assert_eq!(number("clients/total"), 2);
    assert_eq!(number("clients/disconnected"), 0);
    assert_eq!(number("subscriptions/count"), 3);
    assert_eq!(number("publish/messages/received"), 1, "without those of the broker itself");
    assert!(number("publish/messages/sent") >= 1);
    assert_eq!(number("publish/messages/dropped"), 0);
    assert!(number("retained messages/count") >= 15 && number("retained messages/bytes") > 0);
    assert!(number("bytes/received") > 20 && number("bytes/sent") > 20);
    // With "#" nobody gets them.
    assert_eq!(client.subscribe(&["#"]), [1]);
    assert!(!client.topics().iter().any(|topic| topic.starts_with('$')));
    // And nobody but the broker publishes there.
    assert_eq!(client.publish("$SYS/broker/uptime"), 0x87);
}

#[test]
fn mosquitto_sub_reads_the_statistics() {
    let folder = Folder::new();
    let served = Served::start(&folder, PLAIN);
    served.wait_for_log("listening", 1);
    let port = served.port().to_string();
    let arguments = ["-p", &port, "-t", "$SYS/broker/version", "-C", "1", "-W", "10"];
    match Command::new("mosquitto_sub").args(arguments).output() {
        Ok(got) => assert!(String::from_utf8_lossy(&got.stdout).starts_with("mqtt-engine "), "{got:?}"),
        Err(error) => {
            assert!(std::env::var_os("MQTT_REQUIRE_PEERS").is_none(), "mosquitto_sub: {error}");
            println!("skipped: no mosquitto_sub");
        }
    }
}

#[test]
fn statistics_can_be_switched_off() {
    let folder = Folder::new();
    let served = Served::start(&folder, &PLAIN.replace("0.2", "0"));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(system_topics(served.port()), []);
}

#[test]
fn a_json_log_is_one_object_a_line_without_secrets() {
    let folder = Folder::new();
    folder.users(&["alice"]);
    for arguments in [&["--log-format", "json"][..], &[]] {
        let format = if arguments.is_empty() { "\n[log]\nformat = 'json'\nlevel = 'error'\n" } else { "" };
        let served = Served::start_with(&folder, &format!("{WITH_PASSWORDS}{format}"), arguments);
        let hello = hello(V5, "evil\n{\"level\":\"INFO\"}");
        let mut client = Client::connect(served.port(), &hello.clone().user("alice", "alice's"));
        client.publish("payload/topic");
        assert_eq!(Client::knock(served.port(), &hello.user("alice", "hunter2-wrong")).1, 0x86);
        served.reload();
        served.fail_after_breaking(&folder);
        let log = served.stop();
        let events: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        let find = |message: &str| {
            let found = events.iter().find(|event| event["message"] == message);
            found.unwrap_or_else(|| panic!("no {message} in {log}"))
        };
        assert!(find("listening")["address"].as_str().unwrap().starts_with("127.0.0.1:"));
        let connected = find("connected");
        assert_eq!(connected["client_id"], "evil\n{\"level\":\"INFO\"}");
        assert_eq!(
            (&connected["user_name"], &connected["level"]),
            (&Value::from("alice"), &Value::from("INFO"))
        );
        assert_eq!(connected["listener"], 0);
        assert!(
            connected["peer"].as_str().unwrap().starts_with("127.0.0.1:")
                && connected["timestamp"].is_string()
        );
        assert_eq!(find("refused")["user_name"], "alice");
        for secret in ["alice's", "hunter2", "$argon2", "hello"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

impl Served {
    fn fail_after_breaking(&self, folder: &Folder) {
        folder.write("broker.toml", "\u{1b}[31mnonsense\n");
        self.fail_to_reload();
    }
}
