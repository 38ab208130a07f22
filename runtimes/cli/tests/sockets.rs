//! `mqtt broker`, `pub`, `sub` and `demo`, and what they say when something is wrong.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use core::time::Duration;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Stdio},
    thread,
    time::Instant,
};

use serde_json::{Value, json};
use support::{Broker, PATIENCE, Run, command, end, run, run_with_input, send};

/// A subscriber that is known to be subscribed: it has received the retained message that `sub` below published for it.
fn sub(broker: &Broker, topic: &str, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let ready = format!("{topic}/ready");
    let filter = format!("{topic}/#");
    let published = run(&["pub", "-p", &broker.port, "-t", &ready, "-m", "ready", "-r", "-q", "1"]);
    assert_eq!(published.code, 0, "{published:?}");
    let mut all = vec!["sub", "-p", &broker.port, "-t", &filter];
    all.extend(arguments);
    let mut child = command(&all).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("ready"), "{line:?}");
    (child, out)
}

#[test]
fn messages_of_every_qos_and_version_arrive() {
    let broker = Broker::start(&[]);
    for version in ["5", "311"] {
        let (child, mut out) = sub(&broker, version, &["-V", version, "-q", "2", "-v", "-C", "7"]);
        for qos in ["0", "1", "2"] {
            let topic = format!("{version}/{qos}");
            let sent =
                run(&["pub", "-p", &broker.port, "-V", version, "-t", &topic, "-q", qos, "-m", "hello"]);
            assert_eq!((sent.code, &*sent.err), (0, ""));
        }
        let lines = format!("{version}/lines");
        let sent =
            run_with_input(&["pub", "-p", &broker.port, "-t", &lines, "-q", "1", "-l"], b"one\n\nthree");
        assert_eq!((sent.code, &*sent.err), (0, ""));
        let mut all = String::new();
        out.read_to_string(&mut all).unwrap();
        let expected = format!(
            "{version}/0 hello\n{version}/1 hello\n{version}/2 hello\n{version}/lines one\n{version}/lines \n{version}/lines three\n"
        );
        assert_eq!(all, expected);
        assert_eq!(end(child).code, 0);
    }
}

/// More lines than fit into the queue: they wait for their turn.
#[test]
fn lines_are_throttled_and_none_is_lost() {
    const LINES: usize = 20_000;
    let broker = Broker::start(&["--queue-count", "100000", "--queue-bytes", "100000000"]);
    let (child, out) = sub(&broker, "many", &["-q", "1", "-C", "20001"]);
    let input: String = (0..LINES).map(|number| format!("{number}\n")).collect();
    let sent =
        run_with_input(&["pub", "-p", &broker.port, "-t", "many/lines", "-q", "1", "-l"], input.as_bytes());
    assert_eq!((sent.code, &*sent.err), (0, ""));
    let lines: Vec<_> = out.lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), LINES);
    assert!(lines.iter().enumerate().all(|(number, line)| *line == number.to_string()));
    assert_eq!(end(child).code, 0);
}

#[test]
fn payloads_come_from_files_and_standard_input() {
    let broker = Broker::start(&[]);
    let (child, mut out) = sub(&broker, "payload", &["-C", "5"]);
    let path = std::env::temp_dir().join(format!("mqtt-payload-{}", std::process::id()));
    std::fs::write(&path, "from\na file").unwrap();
    let publish = |arguments: &[&str], input: &[u8]| {
        let mut all = vec!["pub", "-p", &broker.port, "-t", "payload/x", "-q", "1"];
        all.extend(arguments);
        assert_eq!(run_with_input(&all, input).code, 0);
    };
    publish(&["-f", path.to_str().unwrap()], b"");
    publish(&["-s"], b"from\nstandard input\n");
    publish(&["-n"], b"");
    publish(&["-m", "-1"], b"");
    std::fs::remove_file(&path).unwrap();
    let mut all = String::new();
    out.read_to_string(&mut all).unwrap();
    assert_eq!(all, "from\na file\nfrom\nstandard input\n\n\n-1\n");
    assert_eq!(end(child).code, 0);
}

#[test]
fn json_shows_properties_and_payloads_that_are_not_text() {
    let broker = Broker::start(&[]);
    let arguments = ["--format", "json", "-C", "3", "--property", "subscription-identifier", "7"];
    let (child, out) = sub(&broker, "json", &arguments);
    let sent = run(&[
        "pub",
        "-p",
        &broker.port,
        "-t",
        "json/a",
        "-m",
        "21.5",
        "-q",
        "1",
        "--property",
        "content-type",
        "text/plain",
        "--property",
        "user-property",
        "unit",
        "C",
        "--property",
        "correlation-data",
        "abc",
        "--property",
        "response-topic",
        "json/answer",
        "--property",
        "payload-format-indicator",
        "1",
    ]);
    assert_eq!((sent.code, &*sent.err), (0, ""));
    let sent = run_with_input(&["pub", "-p", &broker.port, "-t", "json/b", "-s"], &[0xFF, 0x00]);
    assert_eq!((sent.code, &*sent.err), (0, ""));
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(
        objects[0],
        json!({
            "topic": "json/a", "payload": "21.5", "qos": 0, "retain": false, "duplicate": false,
            "properties": {
                "payload-format-indicator": 1, "content-type": "text/plain", "response-topic": "json/answer",
                "correlation-data": "YWJj", "subscription-identifiers": [7], "user-properties": [["unit", "C"]],
            },
        })
    );
    assert_eq!((&objects[1]["payload"], &objects[1]["payload_base64"]), (&Value::Null, &json!("/wA=")));
    assert_eq!(end(child).code, 0);
}

#[test]
fn a_kept_session_brings_what_was_missed() {
    let broker = Broker::start(&[]);
    for version in ["5", "311"] {
        let id = format!("keeper-{version}");
        let keep = ["sub", "-p", &broker.port, "-V", version, "-c", "-i", &id, "-t", "kept", "-q", "1"];
        let first = run(&[&keep[..], &["-W", "0.3"]].concat());
        assert_eq!(first.code, 27, "{first:?}");
        let sent = run(&["pub", "-p", &broker.port, "-t", "kept", "-m", "missed", "-q", "1"]);
        assert_eq!(sent.code, 0);
        let second = run(&[&keep[..], &["-C", "1", "-W", "20"]].concat());
        assert_eq!((second.code, &*second.out), (0, "missed\n"), "{second:?}");
    }
}

#[test]
fn a_will_is_published_when_the_process_is_killed_and_not_when_it_stops() {
    let broker = Broker::start(&[]);
    let (watch, mut out) = sub(&broker, "will", &["-v", "-C", "2"]);
    for (signal, topic) in [("TERM", "will/polite"), ("KILL", "will/killed")] {
        let will = ["--will-topic", topic, "--will-payload", "gone", "--will-qos", "1"];
        let (mut child, _out) = sub(&broker, "other", &will);
        send(child.id(), signal);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), (signal == "TERM").then_some(0));
    }
    let mut all = String::new();
    out.read_to_string(&mut all).unwrap();
    assert_eq!(all, "will/killed gone\n");
    assert_eq!(end(watch).code, 0);
}

#[test]
fn sub_connects_again_after_the_broker_was_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let address = format!("127.0.0.1:{port}");
    let start = || {
        let mut child = command(&["broker", "--listen", &address]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), format!("listening on {address}"));
        child
    };
    let publish = |text: &str| {
        let sent = run(&["pub", "-p", &port, "-t", "x", "-m", text, "-r", "-q", "1"]);
        assert_eq!(sent.code, 0, "{sent:?}");
    };
    let first = start();
    publish("before");
    let mut child = command(&["sub", "-p", &port, "-t", "x", "-C", "2"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "before\n");
    send(first.id(), "TERM");
    assert_eq!(end(first).code, 0);
    let second = start();
    publish("after");
    line.clear();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "after\n");
    let ended = end(child);
    assert_eq!(ended.code, 0);
    assert!(
        ended.err.contains("connection lost: ended by the server: server shutting down"),
        "{}",
        ended.err
    );
    send(second.id(), "TERM");
    assert_eq!(end(second).code, 0);
}

/// `mqtt sub | head -1` ends.
#[test]
fn sub_ends_when_nobody_reads_its_output() {
    let broker = Broker::start(&[]);
    let (child, out) = sub(&broker, "pipe", &[]);
    drop(out);
    let sent = run(&["pub", "-p", &broker.port, "-t", "pipe/x", "-m", "1", "-q", "1"]);
    assert_eq!(sent.code, 0);
    let ended = end(child);
    assert_eq!((ended.code, &*ended.err), (0, ""));
}

#[test]
fn the_broker_stops_with_0_on_both_signals() {
    for signal in ["TERM", "INT"] {
        let broker = Broker::start(&[]);
        let mut client = TcpStream::connect(format!("127.0.0.1:{}", broker.port)).unwrap();
        client.write_all(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00").unwrap();
        let mut answer = [0; 1];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x20]);
        let (code, log) = broker.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(&[0xE0, 0x01, 0x8B]), "{rest:02x?}");
        assert!(log.contains("connected") && log.contains("stopped"), "{log}");
    }
}

/// What clients say can't forge lines of the log.
#[test]
fn the_log_escapes_what_clients_say() {
    let broker = Broker::start(&["-v"]);
    let sent = run(&["pub", "-p", &broker.port, "-i", "evil\nINFO forged", "-t", "x", "-m", "y"]);
    assert_eq!(sent.code, 0);
    let (_, log) = broker.stop("TERM");
    assert!(log.contains(r#"client_id="evil\nINFO forged""#), "{log}");
}

#[test]
fn errors_of_the_broker_say_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, parts) in [
        (&["broker", "--listen", &address][..], ["in use", "another port with --listen"]),
        (&["broker", "--listen", "0.0.0.0:0"], ["other machines can reach", "--allow-anonymous"]),
        (&["broker", "--listen", "[::]:0"], ["other machines can reach", "--allow-anonymous"]),
        (&["broker", "--listen", "nonsense"], ["--listen nonsense", "127.0.0.1:1883"]),
        (&["broker", "--max-connections", "many"], ["--max-connections", "many"]),
    ] {
        let Run { code, out, err } = run(arguments);
        assert_eq!((code, &*out), (1, ""), "{arguments:?}");
        assert!(parts.iter().all(|part| err.contains(part)), "{arguments:?}: {err}");
        assert!(!err.contains("listening on"), "{err}");
    }
    let mut child = command(&["broker", "--listen", "0.0.0.0:0", "--allow-anonymous"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on 0.0.0.0:"), "{line}");
    send(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn errors_of_pub_and_sub_say_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    for (arguments, parts) in [
        (
            &["sub", "-h", "127.0.0.1", "-p", &free, "-t", "x"][..],
            ["is a broker listening on 127.0.0.1:", "`mqtt broker`"],
        ),
        (
            &["pub", "-h", "127.0.0.1", "-p", &free, "-t", "x", "-m", "y"],
            ["is a broker listening on 127.0.0.1:", "`mqtt broker`"],
        ),
        (&["pub", "-t", "a/+", "-m", "x"], ["topic (-t)", "wildcards"]),
        (&["sub", "-t", "a/b#"], ["topic (-t)", "whole last level"]),
        (&["pub", "-t", "a"], ["required", "--message"]),
        (&["pub", "-t", "a", "-m", "x", "-l"], ["cannot be used with", "--help"]),
        (&["pub", "-t", "a", "-m", "x", "-q", "3"], ["'3'", "exactly once"]),
        (&["pub", "-t", "a", "-m", "x", "-V", "4.2"], ["'4.2'", "311"]),
        (&["pub", "-t", "a", "-f", "/nonexistent/file"], ["/nonexistent/file", "(-f)"]),
        (
            &["pub", "-t", "a", "-m", "x", "-V", "311", "--property", "content-type", "x"],
            ["5.0 only", "--property"],
        ),
        (&["pub", "-t", "a", "-m", "x", "--property", "user-property", "x"], ["user-property", "2 value(s)"]),
        (&["pub", "-t", "a", "-m", "x", "--property", "topic-alias", "1"], ["topic-alias", "content-type"]),
        (&["sub", "-t", "a", "--property", "receive-maximum", "0"], ["receive-maximum", "range"]),
        (&["pub", "-t", "a", "-m", "x", "-V", "311", "-P", "secret"], ["password", "add -u"]),
        (&["sub", "-t", "a", "-c"], ["--id", "--help"]),
        (&["sub", "-t", "a", "-W", "0"], ["--timeout", "above 0"]),
        (&["sub", "-t", "a", "--will-qos", "1"], ["--will-topic", "--help"]),
        (&["nonsense"], ["nonsense", "--help"]),
    ] {
        let Run { code, out, err } = run(arguments);
        assert_eq!((code, &*out), (1, ""), "{arguments:?}");
        assert!(parts.iter().all(|part| err.contains(part)), "{arguments:?}: {err}");
    }
}

/// A server that answers CONNECT with these bytes, once.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 512]).unwrap();
        stream.write_all(answer).unwrap();
        // Until the client has gone.
        let _ = stream.read(&mut [0; 512]);
    });
    port
}

#[test]
fn a_refusal_is_the_exit_code() {
    for (version, answer, code, words) in [
        ("311", &[0x20, 0x02, 0x00, 0x05][..], 5, "not authorized"),
        ("311", &[0x20, 0x02, 0x00, 0x04], 4, "bad user name or password"),
        ("311", &[0x20, 0x02, 0x00, 0x02], 2, "client identifier"),
        ("5", &[0x20, 0x03, 0x00, 0x87, 0x00], 0x87, "not authorized"),
        ("5", &[0x20, 0x03, 0x00, 0x89, 0x00], 0x89, "busy"),
        ("5", b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, "not MQTT"),
    ] {
        let port = answering(answer);
        let run = run(&["sub", "-h", "127.0.0.1", "-p", &port, "-V", version, "-t", "x"]);
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.err.contains(words), "{run:?}");
    }
}

#[test]
fn help_and_version_are_told() {
    let Run { code, out, .. } = run(&["--version"]);
    assert_eq!((code, out), (0, format!("mqtt {}\n", env!("CARGO_PKG_VERSION"))));
    for command in ["broker", "pub", "sub", "decode", "demo"] {
        let Run { code, out, err } = run(&[command, "--help"]);
        assert_eq!((code, &*err), (0, ""));
        assert!(out.contains("Usage: mqtt"), "{out}");
    }
    let Run { out, .. } = run(&["sub", "--help"]);
    assert!(out.contains("27") && out.contains("-h, --host <HOST>"), "{out}");
}

#[test]
fn the_demo_holds_and_says_the_same_every_time() {
    for version in ["5", "311"] {
        let dump = std::env::temp_dir().join(format!("mqtt-demo-{version}-{}", std::process::id()));
        let began = Instant::now();
        let Run { code, out, err } = run(&["demo", "-V", version, "--dump", dump.to_str().unwrap()]);
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!((code, &*err), (0, ""), "{out}");
        for flow in ["Flow 1:", "Flow 2:", "Flow 4: lost PUBCOMP, QoS 2", "Flow 6:", "Flow 7:", "Flow 8:"] {
            assert!(out.contains(flow), "{flow} in {out}");
        }
        assert!(
            out.contains("exactly once: the subscriber received the message once") && !out.contains('✘'),
            "{out}"
        );
        let without_time =
            |text: &str| text.lines().filter(|line| !line.starts_with("Every flow")).collect::<String>();
        assert_eq!(without_time(&out), without_time(&run(&["demo", "-V", version]).out));

        // What was sent can be decoded, and is right, but for the name with a wildcard in flow 8.
        let packets = std::fs::read(&dump).unwrap();
        std::fs::remove_file(&dump).unwrap();
        let Run { out, .. } = run_with_input(&["decode", "--json", "-"], &packets);
        let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(objects.len() > 200, "{} packets", objects.len());
        let bad: Vec<_> = objects.iter().filter(|object| !object["bad"].is_null()).collect();
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert_eq!(bad[0]["bad"]["field"], "topic name");
    }
    let broken = run(&["demo", "--dump", "/nonexistent/file"]);
    assert_eq!(broken.code, 1);
    assert!(broken.err.contains("/nonexistent/file") && broken.err.contains("--dump"), "{}", broken.err);
}

/// `mqtt demo | head -1`.
#[test]
fn the_demo_does_not_mind_who_reads() {
    let mut child = command(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = end(child);
    assert_eq!((ended.code, &*ended.err), (0, ""));
}

/// Nothing that a stranger sends keeps the broker from serving others.
#[test]
fn the_broker_goes_on_after_bad_input() {
    let broker = Broker::start(&[]);
    let (child, mut out) = sub(&broker, "good", &["-C", "2"]);
    let address = format!("127.0.0.1:{}", broker.port);
    for bytes in [
        &[0x10, 0xFF, 0xFF, 0xFF, 0x7F][..],
        &[0x60, 0x02, 0x00, 0x01],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xFF; 4096],
        &[0x00],
        &[],
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let mut rest = Vec::new();
        // A reset tells the same.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 64, "{rest:02x?}");
    }
    let sent = run(&["pub", "-p", &broker.port, "-t", "good/x", "-m", "still here", "-q", "2"]);
    assert_eq!(sent.code, 0);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "still here\n");
    assert_eq!(end(child).code, 0);
}
