//! SIGHUP.

use std::{fs, thread, time::Duration};

use crate::{
    served::{Folder, Served, WITH_PASSWORDS},
    wire::{Client, Hello, V4, V5, Version, hello},
};

const RULES: &str = "
[permissions.user.alice]
both = ['a/#', 'b']
[permissions.user.root]
both = ['#']
";

fn config(rules: &str) -> String {
    format!("{WITH_PASSWORDS}{rules}")
}

fn start(folder: &Folder) -> Served {
    folder.users(&["alice", "root"]);
    Served::start(folder, &config(RULES))
}

#[test]
fn changed_passwords_hold_from_now_on_and_for_who_is_there() {
    let folder = Folder::new();
    folder.users(&["bob", "carol"]);
    let served = start(&folder);
    let mut five = Client::connect(served.port(), &hello(V5, "five").user("alice", "alice's"));
    let mut four = Client::connect(served.port(), &hello(V4, "four").user("alice", "alice's"));
    let mut gone = Client::connect(served.port(), &hello(V5, "gone").user("bob", "bob's"));
    let mut stays = Client::connect(served.port(), &hello(V5, "stays").user("carol", "carol's"));
    folder.passwd("alice", "changed");
    assert_eq!(crate::support::run(&["passwd", "-D", &folder.text("passwords"), "bob"]).code, 0);
    // Not before the signal.
    assert_eq!(Client::knock(served.port(), &hello(V5, "x").user("alice", "changed")).1, 0x86);
    served.reload();
    assert_eq!(five.end(), Some((0xE0, vec![0x87])), "not authorised");
    assert_eq!(four.end(), None);
    assert_eq!(gone.end(), Some((0xE0, vec![0x87])));
    assert!(stays.is_open());
    assert_eq!(Client::knock(served.port(), &hello(V5, "y").user("alice", "alice's")).1, 0x86);
    let mut fresh = Client::connect(served.port(), &hello(V5, "x").user("alice", "changed"));
    assert_eq!(Client::knock(served.port(), &hello(V5, "y").user("bob", "bob's")).1, 0x86);
    // The second look, after a second, finds nobody who came in by the new password.
    thread::sleep(Duration::from_millis(1500));
    assert!(fresh.is_open() && stays.is_open());
}

/// A subscription that was allowed once delivers nothing after that has changed: of a client that is connected, and of a
/// session whose client is away, where also what waits is gone.
#[test]
fn cve_2021_34434_subscriptions_end_with_their_permission() {
    let folder = Folder::new();
    let served = start(&folder);
    fn alice(version: Version, id: &str) -> Hello<'_> {
        hello(version, id).user("alice", "alice's").keeps()
    }
    let mut root = Client::connect(served.port(), &hello(V5, "root").user("root", "root's"));
    for version in [V4, V5] {
        let (there, away) = (format!("there-{version:?}"), format!("away-{version:?}"));
        let mut there = Client::connect(served.port(), &alice(version, &there));
        assert_eq!(there.subscribe(&["a/x", "a/y", "b"]), [1, 1, 1]);
        let mut left = Client::connect(served.port(), &alice(version, &away));
        assert_eq!(left.subscribe(&["a/x", "a/y", "b"]), [1, 1, 1]);
        left.send(&[0xE0, 0]);
        assert_eq!(left.end(), None);
        root.publish("a/x");
        root.publish("b");
        assert_eq!(there.topics(), ["a/x", "b"]);

        folder.write("broker.toml", &config(&RULES.replace("'a/#'", "'a/y'")));
        served.reload();
        for topic in ["a/x", "a/y", "b"] {
            root.publish(topic);
        }
        assert_eq!(there.topics(), ["a/y", "b"], "{version:?}");
        let mut back = Client::connect(served.port(), &alice(version, &away));
        assert_eq!(back.topics(), ["b", "a/y", "b"], "{version:?}: a/x waited and is gone");
        let denied = if version == V5 { 0x87 } else { 0x80 };
        assert_eq!(back.subscribe(&["a/x"]), [denied]);

        folder.write("broker.toml", &config(RULES));
        served.reload();
        root.publish("a/x");
        assert_eq!(there.topics(), [""; 0], "what was taken must be asked for again");
        assert_eq!(back.subscribe(&["a/x"]), [1]);
    }
}

#[test]
fn a_will_that_is_no_longer_allowed_is_not_published() {
    let folder = Folder::new();
    let served = start(&folder);
    let mut root = Client::connect(served.port(), &hello(V5, "root").user("root", "root's"));
    root.subscribe(&["#"]);
    let first = Client::connect(served.port(), &hello(V5, "1").user("alice", "alice's").will("a/1"));
    let second = Client::connect(served.port(), &hello(V5, "2").user("alice", "alice's").will("b"));
    folder.write(
        "broker.toml",
        &config("[permissions.user.alice]\nboth = ['b']\n[permissions.user.root]\nboth = ['#']\n"),
    );
    served.reload();
    drop((first, second));
    let mut arrived = Vec::new();
    while arrived.is_empty() {
        arrived = root.topics();
    }
    served.wait_for_log("disconnected", 2);
    arrived.extend(root.topics());
    assert_eq!(arrived, ["b"]);
}

/// A reload that fails, for want of file descriptors, say, must not leave the broker open.
#[test]
fn cve_2017_7652_a_reload_that_fails_changes_nothing() {
    let folder = Folder::new();
    let served = start(&folder);
    let good = fs::read_to_string(folder.path("passwords")).unwrap();
    let file = folder.text("broker.toml");
    let mut client = Client::connect(served.port(), &hello(V5, "c").user("alice", "alice's"));
    let open = "[[listener]]\naddress = '127.0.0.1:0'\nallow_anonymous = true\n";
    let without = format!("{open}[permissions.anonymous]\nboth = ['#', 'oops/#/']\n");
    for (config, passwords, reason) in [
        (without, Some(&*good), format!("{file}:5: pattern \"oops/#/\": ")),
        (config(RULES), Some(""), format!("{}: the password file has no user", folder.text("passwords"))),
        (config(RULES), Some("alice\n"), format!("{}:1: not USER:HASH", folder.text("passwords"))),
        (config(RULES), None, format!("{}: can't be read", folder.text("passwords"))),
        (config(&RULES.replace("root", "rood")), Some(&good), format!("{file}:8: permissions of \"rood\"")),
        (String::from("nonsense"), Some(&good), format!("{file}:1: ")),
    ] {
        fs::remove_file(folder.path("passwords")).unwrap_or_default();
        if let Some(passwords) = passwords {
            folder.write("passwords", passwords);
        }
        folder.write("broker.toml", &config);
        served.fail_to_reload();
        assert!(served.log().contains(&reason), "{reason}: {}", served.log());
        assert_eq!(Client::knock(served.port(), &hello(V5, "x")).1, 0x87, "{reason}");
        assert_eq!(Client::knock(served.port(), &hello(V5, "x").user("alice", "wrong")).1, 0x86);
        assert_eq!(Client::knock(served.port(), &hello(V5, "x").user("alice", "alice's")).1, 0);
        assert!(client.is_open());
        assert_eq!(client.subscribe(&["a/1", "secret"]), [1, 0x87]);
    }
    // And one that is good again is taken.
    folder.write("passwords", &good);
    folder.write("broker.toml", &config("[permissions.user.alice]\nboth = ['secret']\n"));
    served.reload();
    assert_eq!(client.subscribe(&["a/1", "secret"]), [0x87, 1]);
}

#[test]
fn what_a_reload_can_not_change_is_said() {
    let folder = Folder::new();
    let served = Served::start(&folder, WITH_PASSWORDS_ALONE);
    folder.users(&["alice"]);
    folder.write("broker.toml", &config(RULES.split("[permissions.user.root]").next().unwrap()));
    served.fail_to_reload();
    assert!(served.log().contains("a [permissions] section where there was none needs a new start"));
    let more =
        format!("{WITH_PASSWORDS_ALONE}[[listener]]\naddress = '127.0.0.1:1'\n[limits]\nqueue_count = 1\n");
    folder.write("broker.toml", &more);
    served.reload();
    for what in ["listeners", "limits"] {
        served.wait_for_log(&format!("{what} changed in the configuration; that needs a new start"), 1);
    }
    assert!(!served.log().contains("statistics changed"));
    assert_eq!(Client::knock(served.port(), &hello(V5, "x")).1, 0);
    // A password file can come by a reload: who is there without a password has to go.
    let mut client = Client::connect(served.port(), &hello(V5, "c"));
    folder.write("broker.toml", WITH_PASSWORDS);
    served.reload();
    assert_eq!(client.end(), Some((0xE0, vec![0x87])));
    assert_eq!(Client::knock(served.port(), &hello(V5, "x")).1, 0x87);
}

const WITH_PASSWORDS_ALONE: &str = "[[listener]]\naddress = '127.0.0.1:0'\n";
