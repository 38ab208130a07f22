//! What can't be run.

use std::net::TcpListener;

use crate::support::run;

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_connected() {
    for (arguments, words) in [
        (&["--tls"][..], "bench speaks neither TLS nor WebSocket"),
        (&["-L", "ws://localhost"], "bench speaks neither TLS nor WebSocket"),
        (&["-L", "mqtt://localhost", "--insecure"], "the URL (-L) is of a connection without TLS"),
        (&["--pairs", "--publishers", "2"], "--pairs needs as many subscribers as publishers, not 1 and 2"),
        (&["--publishers", "0", "--subscribers", "0"], "nothing to do without any connection"),
        (&["--publishers", "2000000"], "at most 1000000 are possible"),
        (&["-t", "a/#"], "--topic \"a/#\""),
        (&["--share", "a/b+"], "--share"),
        (&["-V", "311", "-P", "secret"], "no password without a user name"),
        (&["--broker-pid", "4294967295"], "nothing can be learnt of process 4294967295"),
        (&["--payload", "15"], "15 is not in 16..=100000000"),
        (&["--window", "0"], "0 is not in 1..=60000"),
        (&["--messages", "0"], "0 is not in 1.."),
        (&["--rate", "0"], "a number of messages a second above 0 is needed"),
        (&["-q", "3"], "it is 0 (at most once), 1 (at least once) or 2 (exactly once)"),
        (&["--messages", "5", "--seconds", "5"], "cannot be used with"),
        (&["--pairs", "--share", "g"], "cannot be used with"),
    ] {
        let run = run(&[&["bench"], arguments].concat());
        assert_eq!((run.code, &*run.out), (1, ""), "{arguments:?}");
        assert!(run.err.contains(words), "{arguments:?}: no {words:?} in {}", run.err);
    }
}

#[test]
fn the_help_shows_only_what_is_of_use() {
    let help = run(&["bench", "--help"]);
    assert_eq!((help.code, &*help.err), (0, ""));
    for option in ["--host", "--url", "--username", "--publishers", "--window", "--json"] {
        assert!(help.out.contains(option), "no {option} in {}", help.out);
    }
    for option in ["--tls", "--cafile", "--insecure", "--ws ", "--will-topic"] {
        assert!(!help.out.contains(option), "{option} in {}", help.out);
    }
    assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{}", help.out);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let refused = run(&["bench", "-h", "127.0.0.1", "-p", &port]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is a broker listening on 127.0.0.1:"), "{}", refused.err);
    let missing = run(&["bench", "-L", "unix:/nonexistent/mqtt.sock"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("no connection to /nonexistent/mqtt.sock"), "{}", missing.err);
}

#[test]
fn more_connections_than_files_are_refused() {
    let shell = "ulimit -n 100; exec \"$0\" bench --idle 100";
    let mqtt = env!("CARGO_BIN_EXE_mqtt");
    let run = std::process::Command::new("sh").args(["-c", shell, mqtt]).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("102 connections need 134 open files, but this system allows 100"), "{said}");
    assert!(said.contains("ulimit -n 134"), "{said}");
}
