//! Our `mqtt pub` and `mqtt sub` on Debian's mosquitto, over TLS and, if its build has them, WebSockets.

use std::process::Command;

use crate::{
    both_versions,
    certificates::{Authority, Pair},
    process::Process,
    programs::{Broker, MQTT, Version, have, unique},
};

both_versions! {
    over_tls,
    with_a_client_certificate,
    over_websocket,
    over_websocket_and_tls,
    over_a_unix_socket,
}

fn over_tls(version: Version) {
    let authority = Authority::new();
    exchange(version, &authority, &tls(&authority), "mqtts", &[]);
}

fn with_a_client_certificate(version: Version) {
    let authority = Authority::new();
    let settings = format!(
        "{}cafile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        tls(&authority),
        authority.file()
    );
    let Pair { certificate, key } = authority.client("sensor 7");
    let Some(mut broker) =
        exchange(version, &authority, &settings, "mqtts", &["--cert", &certificate, "--key", &key])
    else {
        return;
    };
    broker.process.wait_for("u'sensor 7'");
    let mut without = Command::new(MQTT);
    let url = format!("mqtts://localhost:{}", broker.port);
    without.args([
        "pub",
        "-L",
        &url,
        "--cafile",
        &authority.file(),
        "-V",
        version.ours(),
        "-t",
        "a",
        "-m",
        "b",
    ]);
    let ended = Process::start(&mut without).finish();
    assert!(!ended.status.success(), "{ended:?}");
    let said = ended.err.join("\n");
    assert!(said.contains("wants a certificate of the client") && said.contains("--cert"), "{said}");
}

fn over_websocket(version: Version) {
    let authority = Authority::new();
    exchange(version, &authority, &websockets(), "ws", &[]);
}

fn over_websocket_and_tls(version: Version) {
    let authority = Authority::new();
    exchange(version, &authority, &format!("{}{}", tls(&authority), websockets()), "wss", &[]);
}

fn over_a_unix_socket(version: Version) {
    exchange(version, &Authority::new(), &format!("listener 0 {}\n", socket()), "unix", &[]);
}

/// mosquitto 2.0.11 does not start if it has nothing but WebSockets to serve.
fn websockets() -> String {
    format!("protocol websockets\nlistener 0 {}\n", socket())
}

/// Paths of Unix sockets are short.
fn socket() -> String {
    format!("/tmp/{}.sock", unique("mosquitto"))
}

fn tls(authority: &Authority) -> String {
    let Pair { certificate, key } = authority.server();
    format!("certfile {certificate}\nkeyfile {key}\n")
}

/// Messages of every QoS there and back.
fn exchange(
    version: Version,
    authority: &Authority,
    settings: &str,
    scheme: &str,
    more: &[&str],
) -> Option<Broker> {
    if !have("mosquitto") {
        return None;
    }
    let broker = Broker::mosquitto_with(&format!("allow_anonymous true\n{settings}"));
    let url = match settings.split_once("listener 0 ") {
        Some((_, path)) if scheme == "unix" => format!("unix:{}", path.trim()),
        _ => format!("{scheme}://localhost:{}", broker.port),
    };
    let mqtt = |command: &str, arguments: &[&str]| {
        let mut mqtt = Command::new(MQTT);
        mqtt.args([command, "-L", &url, "-V", version.ours()]).args(arguments).args(more);
        if ["mqtts", "wss"].contains(&scheme) {
            mqtt.args(["--cafile", &authority.file()]);
        }
        mqtt
    };
    let publish = |arguments: &[&str]| {
        Process::start(&mut mqtt("pub", arguments)).finish().expect_success();
    };
    publish(&["-t", "a/ready", "-m", "ready", "-r", "-q", "2"]);
    let mut sub = Process::start(&mut mqtt("sub", &["-t", "a/#", "-v", "-q", "2"]));
    assert_eq!(sub.next_line(), "a/ready ready");
    publish(&["-t", "a/b", "-m", "hello", "-q", "2"]);
    assert_eq!(sub.next_line(), "a/b hello");
    let large = crate::programs::file("large", "x".repeat(500_000).as_bytes());
    publish(&["-t", "a/large", "-f", large.to_str().unwrap(), "-q", "2"]);
    assert_eq!(sub.next_line().len(), "a/large ".len() + 500_000);
    std::fs::remove_file(large).unwrap();
    let lines: String = (0..500).map(|number| format!("{number}\n")).collect();
    Process::start_with_input(&mut mqtt("pub", &["-t", "a/lines", "-l"]), lines.as_bytes())
        .finish()
        .expect_success();
    for number in 0..500 {
        assert_eq!(sub.next_line(), format!("a/lines {number}"));
    }
    sub.terminate();
    sub.finish().expect_success();
    Some(broker)
}
