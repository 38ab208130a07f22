//! What goes wrong with transports, and what is said about it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    certificates::{Authority, Pair},
    process::{Ended, PATIENCE, Process},
    programs::MQTT,
    server::Server,
};

fn mqtt(arguments: &[&str]) -> Ended {
    Process::start(Command::new(MQTT).args(arguments)).finish()
}

/// It fails, and says all this.
fn fails(arguments: &[&str], parts: &[&str]) {
    let ended = mqtt(arguments);
    assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {ended:?}");
    let said = ended.err.join("\n");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: no {part:?} in: {said}");
    }
}

#[test]
fn a_client_says_what_is_wrong_with_the_server() {
    let server = Server::start();
    let other = Authority::new();
    let (ca, other) = (server.authority.file(), other.file());
    let message = ["-t", "a", "-m", "b"];
    let publish = |url: &str, more: &[&str], parts: &[&str]| {
        fails(&[&["pub", "-L", url], more, &message].concat(), parts);
    };
    let tls = format!("mqtts://localhost:{}", server.mqtts);
    publish(&tls, &["--cafile", &other], &["not signed by an authority that is trusted", "--cafile FILE"]);
    // The system does not know our authority either, if it knows one at all.
    publish(&tls, &[], &["authorit", "--cafile"]);
    let by_another_name = format!("mqtts://127.0.0.2:{}", server.mqtts);
    publish(&by_another_name, &["--cafile", &ca], &["127.0.0.2"]);
    publish(&format!("mqtts://localhost:{}", server.mqtt), &["--cafile", &ca], &["TLS", "8883"]);
    publish(&format!("mqtt://localhost:{}", server.mqtts), &[], &["TLS (--tls, --cafile)"]);
    publish(&format!("mqtt://localhost:{}", server.ws), &[], &["WebSocket (--ws)"]);
    publish(&format!("ws://localhost:{}/elsewhere", server.ws), &[], &["404", "path"]);
    publish(&format!("ws://localhost:{}", server.mqtt), &[], &["no connection", "WebSocket"]);
    publish(&format!("ws://localhost:{}", server.wss), &[], &["no connection"]);
    publish(&tls, &["--cafile", &server.client.key], &["no certificate in PEM form"]);
    publish(&tls, &["--cafile", "/nowhere/ca.pem"], &["/nowhere/ca.pem", "--cafile"]);
    publish("unix:/nowhere/mqtt.sock", &[], &["/nowhere/mqtt.sock", "is a broker listening"]);
    publish(&format!("mqtt://localhost:{}", server.mqtt), &["--cafile", &ca], &["mqtts://"]);
    server.stop();
}

#[test]
fn names_and_dates_in_certificates_matter() {
    let authority = Authority::new();
    let ca = authority.file();
    let with = |pair: &Pair| {
        let mut broker = Command::new(MQTT);
        broker.args([
            "broker",
            "--listen",
            "mqtts://127.0.0.1:0",
            "--tls-cert",
            &pair.certificate,
            "--tls-key",
            &pair.key,
        ]);
        let mut broker = Process::start(&mut broker);
        let url = broker.wait_for("listening on ").strip_prefix("listening on ").unwrap().to_owned();
        (broker, url)
    };
    let (mut broker, url) = with(&authority.sign("server", &["elsewhere.test"], |_| {}));
    let publish = ["pub", "-t", "a", "-m", "b", "-q", "1", "--cafile", &ca, "-L", &url];
    fails(&publish, &["for another name", "elsewhere.test"]);
    broker.wait_for("does not trust the server's certificate");
    let insecure = mqtt(&[&publish[..], &["--insecure"]].concat()).expect_success();
    assert!(insecure.err.iter().any(|line| line.contains("warning: --insecure")), "{insecure:?}");

    let expired = authority
        .sign("server", &["127.0.0.1"], |params| params.not_after = rcgen::date_time_ymd(2000, 1, 1));
    let (_broker, url) = with(&expired);
    let publish = ["pub", "-t", "a", "-m", "b", "--cafile", &ca, "-L", &url];
    fails(&publish, &["has expired", "renewed"]);
    fails(&[&publish[..], &["--insecure"]].concat(), &["has expired"]);
}

#[test]
fn the_broker_refuses_files_that_make_no_sense() {
    let authority = Authority::new();
    let (one, two) = (authority.server(), authority.server());
    let broker = |certificate: &str, key: &str, parts: &[&str]| {
        let listen =
            ["broker", "--listen", "mqtts://127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key];
        fails(&listen, parts);
    };
    broker(
        &one.certificate,
        &two.key,
        &["--listen mqtts://127.0.0.1:0", "is not the key of the certificate"],
    );
    broker(&one.key, &one.key, &["no certificate in PEM form"]);
    broker(&one.certificate, &one.certificate, &["no private key in PEM form"]);
    broker("/nowhere.pem", &one.key, &["/nowhere.pem"]);
    fails(&["broker", "--listen", "mqtts://127.0.0.1:0"], &["--tls-cert"]);
    fails(&["broker", "--listen", "http://127.0.0.1:0"], &["http", "mqtts://"]);
    fails(&["broker", "--listen", "mqtt://127.0.0.1:0/path"], &["only WebSockets have a path"]);
    fails(&["broker", "--listen", "unix:/nowhere/mqtt.sock"], &["/nowhere"]);
    let file = authority.folder().join("file");
    fs::write(&file, "precious").unwrap();
    // A short way to a long folder.
    let link = format!("/tmp/{}", crate::programs::unique("folder"));
    std::os::unix::fs::symlink(authority.folder(), &link).unwrap();
    fails(&["broker", "--listen", &format!("unix:{link}/file")], &["not a socket", "another path"]);
    fs::remove_file(link).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_unix_socket_is_taken_over_from_the_dead_and_not_from_the_living() {
    let path = format!("/tmp/{}.sock", crate::programs::unique("mqtt"));
    let listen = ["broker", "--listen", &format!("unix:{path}")];
    let start = || {
        let mut broker = Process::start(Command::new(MQTT).args(listen));
        broker.wait_for(&format!("listening on unix:{path}"));
        broker
    };
    start().kill();
    assert!(fs::exists(&path).unwrap(), "nobody was left to remove it");
    let broker = start();
    fails(&listen, &["another program listens there"]);
    let url = format!("unix:{path}");
    mqtt(&["pub", "-L", &url, "-t", "a", "-m", "b", "-q", "1"]).expect_success();
    broker.terminate();
    broker.finish().expect_success();
    assert!(!fs::exists(&path).unwrap());
}

/// The time for CONNECT includes the handshakes before it, and nobody waits for those who are silent.
#[test]
fn who_is_silent_in_a_handshake_is_dropped() {
    let authority = Authority::new();
    let Pair { certificate, key } = authority.server();
    let mut broker = Command::new(MQTT);
    broker.args([
        "broker",
        "--listen",
        "wss://127.0.0.1:0",
        "--listen",
        "ws://127.0.0.1:0",
        "--connect-timeout",
        "1",
    ]);
    let mut broker = Process::start(broker.args(["--tls-cert", &certificate, "--tls-key", &key]));
    let mut urls = Vec::new();
    for _ in 0..2 {
        urls.push(broker.wait_for("listening on ").strip_prefix("listening on ").unwrap().to_owned());
    }
    let began = Instant::now();
    let silent: Vec<TcpStream> = urls
        .iter()
        .flat_map(|url| core::iter::repeat_n(url, 50))
        .map(|url| {
            let address = url.split("://").nth(1).unwrap().strip_suffix("/mqtt").unwrap();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(if url.starts_with("wss") { b"\x16\x03" } else { b"GET" }).unwrap();
            stream
        })
        .collect();
    for url in &urls {
        let ca = authority.file();
        let more = if url.starts_with("wss") { &["--cafile", &ca][..] } else { &[] };
        mqtt(&[&["pub", "-L", url, "-t", "a", "-m", "b", "-q", "1"], more].concat()).expect_success();
    }
    for mut stream in silent {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(began.elapsed() < Duration::from_secs(15), "they had a second");
    broker.wait_for("the handshake took too long");
    broker.terminate();
    broker.finish().expect_success();
}
