//! Our `mqtt pub` and `mqtt sub` on our `mqtt broker`, over everything it listens on.

use std::process::Command;

use crate::{
    both_versions,
    certificates::Pair,
    process::Process,
    programs::{MQTT, Version},
    server::Server,
};

both_versions! { every_transport_leads_to_the_same_broker }

fn every_transport_leads_to_the_same_broker(version: Version) {
    let server = Server::with_client_certificates();
    let Pair { certificate, key } = &server.client;
    let ca = server.authority.file();
    let tls = ["--cafile", &ca, "--cert", certificate, "--key", key];
    let port = |port: u16| port.to_string();
    let ways: Vec<Vec<String>> = [
        (vec!["-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port(server.mqtt)], false),
        (vec!["-L".to_owned(), format!("mqtt://127.0.0.1:{}", server.mqtt)], false),
        (vec!["-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port(server.mqtts)], true),
        (vec!["-L".to_owned(), format!("mqtts://localhost:{}", server.mqtts)], true),
        (vec!["--ws".to_owned(), "-p".to_owned(), port(server.ws)], false),
        (vec!["-L".to_owned(), format!("ws://127.0.0.1:{}/mqtt", server.ws)], false),
        (vec!["--ws".to_owned(), "-p".to_owned(), port(server.wss)], true),
        (vec!["-L".to_owned(), format!("wss://127.0.0.1:{}", server.wss)], true),
        (vec!["-L".to_owned(), format!("unix://{}", server.unix)], false),
    ]
    .into_iter()
    .map(|(mut way, is_encrypted)| {
        if is_encrypted {
            way.extend(tls.map(String::from));
        }
        way
    })
    .collect();
    let mqtt = |command: &str, way: &[String], arguments: &[&str]| {
        let mut mqtt = Command::new(MQTT);
        mqtt.args([command, "-V", version.ours(), "-q", "2"]).args(way).args(arguments);
        mqtt
    };
    let first = &ways[0];
    Process::start(&mut mqtt("pub", first, &["-r", "-t", "x/ready", "-m", "ready"]))
        .finish()
        .expect_success();
    for (number, way) in ways.iter().enumerate() {
        let mut sub = Process::start(&mut mqtt("sub", way, &["-t", "x/#", "-v"]));
        assert_eq!(sub.next_line(), "x/ready ready", "{way:?}");
        let message = format!("message {number}");
        Process::start(&mut mqtt("pub", way, &["-t", "x/y", "-m", &message])).finish().expect_success();
        assert_eq!(sub.next_line(), format!("x/y {message}"));
        sub.terminate();
        sub.finish().expect_success();
    }
    server.stop();
}
