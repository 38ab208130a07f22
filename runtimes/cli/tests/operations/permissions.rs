//! Who may publish and subscribe to what.

use crate::{
    served::{Folder, Served, WITH_PASSWORDS},
    wire::{Client, V4, V5, Version, hello},
};

const RULES: &str = "
[permissions.anonymous]
subscribe = ['public/#']

[permissions.all_users]
both = ['users/%u/#', 'clients/%c']
publish = ['log']

[permissions.user.alice]
publish = ['lamps/+/set']
subscribe = ['lamps/#', 'other/+']
both = ['chat/+']
deny = ['lamps/cellar/#']

[permissions.user.root]
both = ['#', '$SYS/#']
";

fn start(folder: &Folder) -> Served {
    folder.users(&["alice", "bob", "root"]);
    let config = format!("{WITH_PASSWORDS}{RULES}")
        .replace("address = '127.0.0.1:0'", "address = '127.0.0.1:0'\nallow_anonymous = true");
    Served::start(folder, &config)
}

fn connect(served: &Served, version: Version, client_id: &str, user: &str) -> Client {
    let anonymous = hello(version, client_id);
    let password = format!("{user}'s");
    Client::connect(served.port(), &if user.is_empty() { anonymous } else { anonymous.user(user, &password) })
}

#[test]
fn the_matrix_of_permissions() {
    let folder = Folder::new();
    let served = start(&folder);
    for (user, topic, publish, subscribe) in [
        ("", "public/a", false, true),
        ("", "public", false, true),
        ("", "public/#", false, true),
        ("", "private", false, false),
        ("", "users//a", false, false),
        ("", "log", false, false),
        ("alice", "users/alice/a/b", true, true),
        ("alice", "users/alice/#", true, true),
        ("alice", "users/alice", true, true),
        ("alice", "users/bob/a", false, false),
        ("alice", "users/+/a", false, false),
        ("alice", "users/#", false, false),
        ("alice", "clients/c", true, true),
        ("alice", "clients/d", false, false),
        ("alice", "log", true, false),
        ("alice", "lamps/1/set", true, true),
        ("alice", "lamps/1/get", false, true),
        ("alice", "lamps/cellar/set", false, false),
        ("alice", "lamps/cellar", false, false),
        // Could bring what is denied.
        ("alice", "lamps/#", false, false),
        ("alice", "lamps/+/set", false, false),
        ("alice", "lamps/1/#", false, true),
        ("alice", "chat/a", true, true),
        ("alice", "chat/+", true, true),
        ("alice", "chat/a/b", false, false),
        ("alice", "chat/#", false, false),
        ("alice", "#", false, false),
        ("alice", "public/a", false, false),
        ("alice", "$SYS/broker/uptime", false, false),
        ("bob", "lamps/1/set", false, false),
        ("bob", "users/bob/a", true, true),
        ("root", "anything/at/all", true, true),
        ("root", "#", true, true),
        ("root", "+/+", true, true),
        ("root", "$SYS/#", false, true),
        ("root", "$other/a", false, false),
    ] {
        let is_filter = topic.contains(['+', '#']);
        for version in [V4, V5] {
            let mut client = connect(&served, version, "c", user);
            if !is_filter {
                let mut watcher = connect(&served, V4, "watcher", "root");
                assert_eq!(watcher.subscribe(&["#"]), [1]);
                let code = client.publish(topic);
                let arrived = watcher.topics();
                assert_eq!(arrived == [topic], publish, "{user} publishes to {topic}: {arrived:?}");
                let told = if publish { 0 } else { 0x87 };
                assert!(version == V4 || code == told, "{user} publishes to {topic}: {code:#x}");
            }
            let denied = if version == V5 { 0x87 } else { 0x80 };
            let told = if subscribe { 1 } else { denied };
            assert_eq!(client.subscribe(&[topic]), [told], "{user} subscribes to {topic}");
            client.leave();
        }
    }
}

/// A denied filter does not take the others of its packet with it.
#[test]
fn a_denied_filter_is_answered_by_itself() {
    let folder = Folder::new();
    let served = start(&folder);
    for (version, denied) in [(V4, 0x80), (V5, 0x87)] {
        let mut client = connect(&served, version, "c", "alice");
        assert_eq!(client.subscribe(&["chat/a", "secret", "lamps/1/set", "#"]), [1, denied, 1, denied]);
        let mut root = connect(&served, version, "r", "root");
        for topic in ["secret", "chat/a", "lamps/1/set"] {
            root.publish(topic);
        }
        let mut arrived = client.topics();
        arrived.sort();
        assert_eq!(arrived, ["chat/a", "lamps/1/set"]);
    }
}

/// A name with a wildcard in it would make a wildcard of a pattern.
#[test]
fn cve_2017_7650_names_of_clients_and_users_never_widen_a_pattern() {
    let folder = Folder::new();
    folder.users(&["alice", "+", "al/ice", "x#", "$x", "root"]);
    let config = format!(
        "{WITH_PASSWORDS}
[permissions.all_users]
both = ['users/%u/in', 'clients/%c/in', '%u', '%c']
[permissions.user.root]
both = ['#']
deny = ['not/for/%c']
"
    );
    let served = Served::start(&folder, &config);
    for version in [V4, V5] {
        let denied = if version == V5 { 0x87 } else { 0x80 };
        for name in ["+", "#", "a/+", "+/b", "x#", "$x", "$SYS", "a/b", "/", "al/ice"] {
            let mut client = connect(&served, version, name, "alice");
            let own = format!("clients/{name}/in");
            for filter in ["clients/+/in", "clients/victim/in", "#", "+", "clients/#", "$SYS/broker/version"]
            {
                assert_eq!(client.subscribe(&[filter]), [denied], "client id {name}: {filter}");
            }
            if !name.contains('#') {
                assert_eq!(client.subscribe(&[&own]), [denied], "client id {name}: {own}");
            }
            assert_eq!(client.subscribe(&["users/alice/in"]), [1], "what does not need the client id");
            if version == V5 {
                assert_eq!(client.publish("clients/victim/in"), 0x87);
            }
            // A pattern that denies must not be lost either.
            let mut root = connect(&served, version, &format!("r{name}"), "root");
            assert_eq!(root.subscribe(&["public"]), [denied], "client id r{name}");
        }
        for user in ["+", "al/ice", "x#", "$x"] {
            let mut client = connect(&served, version, "c", user);
            for filter in ["users/+/in", "users/alice/in", "+", "#", "users/#"] {
                assert_eq!(client.subscribe(&[filter]), [denied], "user {user}: {filter}");
            }
            assert_eq!(client.subscribe(&["clients/c/in"]), [1]);
            client.leave();
        }
        let mut honest = connect(&served, version, "honest", "alice");
        assert_eq!(honest.subscribe(&["clients/honest/in", "users/alice/in"]), [1, 1]);
    }
}

/// A will is published by the broker, but in the name of the client.
#[test]
fn wills_need_the_permission_of_a_message() {
    let folder = Folder::new();
    let served = start(&folder);
    for (version, denied) in [(V4, 5), (V5, 0x87)] {
        let mut watcher = connect(&served, version, "watcher", "root");
        watcher.subscribe(&["#"]);
        for (topic, code) in
            [("log", 0), ("users/bob/x", 0), ("users/alice/x", denied), ("lamps/1/set", denied)]
        {
            let hello = hello(version, "b").user("bob", "bob's").will(topic);
            let (client, told) = Client::knock(served.port(), &hello);
            assert_eq!(told, code, "will to {topic}");
            drop(client);
        }
        let (_, told) = Client::knock(served.port(), &hello(version, "c").will("public/a"));
        assert_eq!(told, denied, "an anonymous client may only subscribe");
        let (_, told) =
            Client::knock(served.port(), &hello(version, "").user("bob", "bob's").will("clients/"));
        assert_eq!(told, denied, "a client without a name has no topics by its name");
        let mut arrived = Vec::new();
        while arrived.len() < 2 {
            arrived.extend(watcher.topics());
        }
        arrived.sort();
        assert_eq!(arrived, ["log", "users/bob/x"]);
    }
}

/// CVE-2018-12550: no rules are no permissions.
#[test]
fn cve_2018_12550_an_empty_section_denies_everything() {
    let folder = Folder::new();
    let served = Served::start(&folder, "[[listener]]\naddress = '127.0.0.1:0'\n[permissions]\n");
    let mut client = Client::connect(served.port(), &hello(V5, "c"));
    assert_eq!(client.subscribe(&["a", "#"]), [0x87, 0x87]);
    assert_eq!(client.publish("a"), 0x87);
}

/// A name that nobody verified is none.
#[test]
fn without_a_password_file_user_names_mean_nothing() {
    let folder = Folder::new();
    let config = "[[listener]]\naddress = '127.0.0.1:0'\n
[permissions.anonymous]\nboth = ['public']\n[permissions.all_users]\nboth = ['users/%u']\n";
    let served = Served::start(&folder, config);
    let mut client = Client::connect(served.port(), &hello(V5, "c").user("alice", "anything"));
    assert_eq!(client.subscribe(&["public", "users/alice"]), [1, 0x87]);
}
