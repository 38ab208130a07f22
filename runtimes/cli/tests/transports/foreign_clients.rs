//! Clients of others on our `mqtt broker`, over TLS and WebSocket.

use std::process::Command;

use crate::{
    both_versions,
    process::Process,
    programs::{Version, have, have_mqtt_js, have_paho, npm, python},
    server::Server,
};

both_versions! {
    mqtt_js_over_websocket,
    mqtt_js_over_tls,
    mqtt_js_over_websocket_and_tls,
    mqtt_js_with_a_client_certificate,
    paho_over_websocket,
    paho_over_tls,
    paho_over_websocket_and_tls,
    paho_with_a_client_certificate,
    mosquitto_over_tls,
    mosquitto_with_a_client_certificate,
}

fn mqtt_js_over_websocket(version: Version) {
    mqtt_js(version, Server::start, |server| format!("ws://127.0.0.1:{}/mqtt", server.ws), false);
}

fn mqtt_js_over_tls(version: Version) {
    mqtt_js(version, Server::start, |server| format!("mqtts://localhost:{}", server.mqtts), false);
}

fn mqtt_js_over_websocket_and_tls(version: Version) {
    mqtt_js(version, Server::start, |server| format!("wss://localhost:{}/mqtt", server.wss), false);
}

fn mqtt_js_with_a_client_certificate(version: Version) {
    let start = Server::with_client_certificates;
    mqtt_js(version, start, |server| format!("mqtts://localhost:{}", server.mqtts), true);
    mqtt_js(version, start, |server| format!("wss://localhost:{}/mqtt", server.wss), true);
}

fn mqtt_js(version: Version, start: fn() -> Server, url: impl FnOnce(&Server) -> String, certificate: bool) {
    if !have_mqtt_js() {
        return;
    }
    let mut server = start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transports/mqttjs.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(npm().join("node_modules/")).args([
        &url(&server),
        version.ours(),
        &server.authority.file(),
    ]);
    if certificate {
        node.args([&server.client.certificate, &server.client.key]);
    }
    Process::start(&mut node).finish().expect_success();
    expect_name(&mut server, certificate);
    server.stop();
}

fn paho_over_websocket(version: Version) {
    paho(version, Server::start, |server| server.ws, "websockets", &[]);
}

fn paho_over_tls(version: Version) {
    paho(version, Server::start, |server| server.mqtts, "tcp", &["ca"]);
}

fn paho_over_websocket_and_tls(version: Version) {
    paho(version, Server::start, |server| server.wss, "websockets", &["ca"]);
}

fn paho_with_a_client_certificate(version: Version) {
    let start = Server::with_client_certificates;
    paho(version, start, |server| server.mqtts, "tcp", &["ca", "certificate"]);
    paho(version, start, |server| server.wss, "websockets", &["ca", "certificate"]);
}

fn paho(
    version: Version,
    start: fn() -> Server,
    port: impl FnOnce(&Server) -> u16,
    transport: &str,
    tls: &[&str],
) {
    if !have_paho() {
        return;
    }
    let mut server = start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transports/paho_transports.py");
    let mut paho = Command::new(python());
    paho.args([script, &port(&server).to_string(), version.ours(), transport])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if tls.contains(&"ca") {
        paho.arg(server.authority.file());
    }
    if tls.contains(&"certificate") {
        paho.args([&server.client.certificate, &server.client.key]);
    }
    Process::start(&mut paho).finish().expect_success();
    expect_name(&mut server, tls.contains(&"certificate"));
    server.stop();
}

fn mosquitto_over_tls(version: Version) {
    mosquitto(version, Server::start(), false);
}

fn mosquitto_with_a_client_certificate(version: Version) {
    mosquitto(version, Server::with_client_certificates(), true);
}

fn mosquitto(version: Version, mut server: Server, certificate: bool) {
    if !(have("mosquitto_pub") && have("mosquitto_sub")) {
        return;
    }
    let client = |program: &str, arguments: &[&str]| {
        let mut client = Command::new(program);
        let port = server.mqtts.to_string();
        client.args([
            "-h",
            "localhost",
            "-p",
            &port,
            "-V",
            version.mosquitto(),
            "--cafile",
            &server.authority.file(),
        ]);
        if certificate {
            client.args(["--cert", &server.client.certificate, "--key", &server.client.key]);
        }
        client.args(arguments);
        client
    };
    let large = crate::programs::file("large", "x".repeat(500_000).as_bytes());
    let publish = |arguments: &[&str]| {
        Process::start(&mut client("mosquitto_pub", arguments)).finish().expect_success();
    };
    publish(&["-t", "a/ready", "-m", "ready", "-r", "-q", "1"]);
    let mut sub = Process::start(&mut client("mosquitto_sub", &["-t", "a/#", "-q", "2", "-F", "%t %q %l"]));
    assert_eq!(sub.next_line(), "a/ready 1 5");
    for qos in ["0", "1", "2"] {
        publish(&["-t", "a/b", "-m", "hello", "-q", qos]);
        assert_eq!(sub.next_line(), format!("a/b {qos} 5"));
    }
    publish(&["-t", "a/large", "-f", large.to_str().unwrap(), "-q", "2"]);
    assert_eq!(sub.next_line(), "a/large 2 500000");
    std::fs::remove_file(large).unwrap();
    drop(sub);
    if certificate {
        let mut without = Command::new("mosquitto_pub");
        without.args([
            "-h",
            "localhost",
            "-p",
            &server.mqtts.to_string(),
            "--cafile",
            &server.authority.file(),
        ]);
        let ended = Process::start(without.args(["-t", "a", "-m", "b", "-q", "1"])).finish();
        assert!(!ended.status.success(), "{ended:?}");
        server.process.wait_for("the client has no certificate, and must have one");
    }
    server.stop();
}

/// The broker knows whose certificate it was.
fn expect_name(server: &mut Server, certificate: bool) {
    let line = server.process.wait_for("connected");
    assert_eq!(line.contains("certificate=\"sensor 7\""), certificate, "{line}");
}
