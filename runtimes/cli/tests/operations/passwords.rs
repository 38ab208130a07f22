//! `mqtt passwd`, and clients with right and wrong passwords.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{
    served::{Folder, Served, WITH_PASSWORDS, mode},
    support::{run, run_with_input},
    wire::{Client, V4, V5, hello},
};

#[test]
fn passwd_makes_changes_and_deletes_users() {
    let folder = Folder::new();
    let file = folder.text("passwords");
    folder.users(&["alice", "bob"]);
    assert_eq!(mode(&folder.path("passwords")), 0o600);
    let first = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("alice:$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    assert!(lines[1].starts_with("bob:$argon2id$"), "{first}");
    assert!(!first.contains("alice's"));

    // A change leaves the others and the comments where they are, also if the file was readable for others.
    fs::write(&file, format!("# ours\n\n{first}")).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    folder.passwd("alice", "new");
    let second = fs::read_to_string(&file).unwrap();
    let changed: Vec<_> = second.lines().collect();
    assert_eq!((changed[0], changed[1], changed[3]), ("# ours", "", lines[1]));
    assert!(changed[2].starts_with("alice:$argon2id$") && changed[2] != lines[0]);
    assert_eq!(mode(&folder.path("passwords")), 0o600, "CVE-2017-9868: not readable for others");

    let deleted = run(&["passwd", "-D", &file, "bob"]);
    assert_eq!((deleted.code, &*deleted.err), (0, ""));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("# ours\n\n{}\n", changed[2]));
    let names: Vec<_> =
        fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["passwords"], "nothing is left beside it");
}

#[test]
fn passwd_says_what_is_wrong_and_changes_nothing() {
    let folder = Folder::new();
    let file = folder.text("passwords");
    for (arguments, input, error) in [
        (
            &["passwd", &file, "a:b"][..],
            "x\n",
            r#"error: "a:b": a user name can't contain a colon, which ends it in the file"#,
        ),
        (
            &["passwd", &file, "#a"],
            "x\n",
            r##"error: "#a": a user name can't begin with #, which begins a comment in the file"##,
        ),
        (&["passwd", &file, ""], "x\n", r#"error: "": a user name is needed"#),
        (&["passwd", &file, "alice"], "", "error: the password is empty; nothing was changed"),
        (
            &["passwd", "-D", &file, "alice"],
            "",
            &format!("error: {file}: can't be read: No such file or directory (os error 2)"),
        ),
    ] {
        let wrong = run_with_input(arguments, input.as_bytes());
        assert_eq!((wrong.code, wrong.err.trim_end()), (1, error));
        assert!(!folder.path("passwords").exists());
    }
    folder.users(&["alice"]);
    let wrong = run(&["passwd", "-D", &file, "bob"]);
    assert_eq!((wrong.code, wrong.err), (1, format!("error: {file}: there is no user bob\n")));
}

/// CVE-2018-12550 and CVE-2018-12551: an empty file is not "everybody", and a garbled line not a user without password.
#[test]
fn cve_2018_12551_files_that_are_empty_or_garbled_refuse_to_start() {
    let folder = Folder::new();
    let file = folder.text("passwords");
    let config = folder.write("broker.toml", WITH_PASSWORDS);
    folder.users(&["alice"]);
    let good = fs::read_to_string(&file).unwrap();
    let hash = good.trim_end().strip_prefix("alice:").unwrap();
    let cut = &hash[..hash.rfind('$').unwrap()];
    let greedy = hash.replace("m=19456", "m=2000000");
    let mosquitto = "bob:$7$101$CpDHQaBQDzvSPJzl$8bvvTCOV0qlZTBAkBxjkDSg==";
    let written = "`mqtt passwd` writes them";
    for (text, reason) in [
        (String::new(), format!(": the password file has no user\n  add one with: mqtt passwd {file} NAME")),
        (
            String::from("# nobody\n\n"),
            format!(": the password file has no user\n  add one with: mqtt passwd {file} NAME"),
        ),
        (format!("{good}bob\n"), String::from(":2: not USER:HASH; `mqtt passwd` writes such lines")),
        (format!("{good}bob:\n"), String::from(":2: the user has no password")),
        (format!("{good}:{hash}\n"), String::from(":2: a user name is needed")),
        (format!("{good}{good}"), String::from(":2: the user alice is here twice")),
        (format!("{good}bob:{cut}\n"), format!(":2: not an Argon2 hash (it is cut off); {written}")),
        (format!("{good}{mosquitto}\n"), format!(":2: not an Argon2 hash; {written}")),
        (
            format!("\nbob:{greedy}\n"),
            String::from(":2: the hash wants 2000000 KiB of memory; at most 1048576 are given"),
        ),
    ] {
        fs::write(&file, &text).unwrap();
        let refused = run(&["broker", "--config", &config]);
        assert_eq!((refused.code, refused.err.trim_end()), (1, &*format!("error: {file}{reason}")), "{text}");
    }
    // Who wrote the password itself does not find it in a log.
    fs::write(&file, "bob:hunter2\n").unwrap();
    let refused = run(&["broker", "--config", &config]);
    assert_eq!((refused.code, refused.err), (1, format!("error: {file}:1: not an Argon2 hash; {written}\n")));
    fs::write(&file, b"alice:\xFF\n").unwrap();
    assert_eq!(run(&["broker", "--config", &config]).code, 1);
}

#[test]
fn clients_come_in_by_their_password_only() {
    let folder = Folder::new();
    folder.users(&["alice", "bob"]);
    let served = Served::start(&folder, WITH_PASSWORDS);
    let without = |version| {
        let mut hello = hello(version, "c");
        hello.user = Some("alice");
        hello
    };
    for (version, denied, unauthorized) in [(V4, 4, 5), (V5, 0x86, 0x87)] {
        for (hello, code) in [
            (hello(version, "c").user("alice", "alice's"), 0),
            (hello(version, "c").user("bob", "bob's"), 0),
            (hello(version, "c").user("alice", "bob's"), denied),
            (hello(version, "c").user("alice", ""), denied),
            (without(version), denied),
            (hello(version, "c").user("nobody", "bob's"), denied),
            (hello(version, "c").user("", "bob's"), denied),
            (hello(version, "c").user("ALICE", "alice's"), denied),
            (hello(version, "c"), unauthorized),
        ] {
            let (mut client, told) = Client::knock(served.port(), &hello);
            assert_eq!(told, code, "{hello:?}");
            if code == 0 {
                client.leave();
            } else {
                assert_eq!(client.end(), None, "CVE-2025-56352: a refusal is followed by the end");
            }
        }
    }
    let log = served.stop();
    for secret in ["alice's", "bob's", "argon2"] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// Who guesses names learns nothing from the time of the answer, and the others do not wait for it.
#[test]
fn unknown_users_take_as_long_as_known_ones_and_nobody_else_waits() {
    let folder = Folder::new();
    folder.users(&["alice"]);
    let served = Served::start(&folder, WITH_PASSWORDS);
    let port = served.port();
    let time = |user: &str| {
        let began = Instant::now();
        let (_, code) = Client::knock(port, &hello(V5, "guess").user(user, "wrong"));
        assert_eq!(code, 0x86);
        began.elapsed()
    };
    // The shortest of several is the work itself.
    let shortest = |user| (0..7).map(|_| time(user)).min().unwrap();
    let (known, unknown) = (shortest("alice"), shortest("nobody"));
    assert!(unknown * 2 > known && known * 2 > unknown, "known {known:?}, unknown {unknown:?}");

    let mut client = Client::connect(port, &hello(V5, "c").user("alice", "alice's"));
    let began = Instant::now();
    let guesses: Vec<_> = (0..40)
        .map(|_| {
            thread::spawn(move || {
                let _ = Client::knock(port, &hello(V5, "").user("alice", "wrong"));
                began.elapsed()
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let sent = Instant::now();
        assert!(client.topics().is_empty());
        slowest = slowest.max(sent.elapsed());
    }
    let last = guesses.into_iter().map(|guess| guess.join().unwrap()).max().unwrap();
    assert!(slowest < last / 2, "a ping took {slowest:?}, all guesses {last:?}");
}
