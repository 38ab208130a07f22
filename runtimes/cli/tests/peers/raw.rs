//! Bytes over a plain TCP connection to `mqtt broker`, without a client: what people type who learn the protocol.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use crate::{
    process::{PATIENCE, Process},
    programs::{Broker, Version},
};

/// A CONNECT of 3.1.1 with user name and password, clean session, keep alive 120 s.
const CONNECT: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A";
/// The same from another client.
const CONNECT_OTHER: &str = "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 37 36 37 39 35 38 00 06 34 38 39 34 30 32 00 07 64 70 6A 66 73 73 6A";

/// A connection that speaks hexadecimal.
struct Wire(TcpStream);

impl Wire {
    fn open(broker: &Broker) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", broker.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// With the first CONNECT behind it.
    fn connected(broker: &Broker) -> Self {
        let mut wire = Self::open(broker);
        wire.send(CONNECT).expect("20 02 00 00");
        wire
    }

    fn send(&mut self, hex: &str) -> &mut Self {
        self.0.write_all(&bytes(hex)).unwrap();
        self
    }

    /// The next bytes must be these.
    fn expect(&mut self, hex: &str) -> &mut Self {
        let mut answer = vec![0; bytes(hex).len()];
        self.0.read_exact(&mut answer).unwrap_or_else(|error| panic!("expecting {hex}: {error}"));
        let answer: Vec<String> = answer.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(answer.join(" "), hex);
        self
    }

    /// Nothing more may come, and the connection must be closed.
    fn expect_close(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{rest:02x?} before the close"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn the_bytes_of_the_tutorials_get_the_answers_of_the_tutorials() {
    let broker = Broker::ours();
    let mut app = Wire::connected(&broker);
    app.send("82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00").expect("90 03 00 0A 00");
    app.send("82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01").expect("90 03 00 0B 01");
    app.send("A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63").expect("B0 02 00 0C");
    app.send("C0 00").expect("D0 00");
    app.send("82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00").expect("90 03 00 0A 00");

    let mut board = Wire::open(&broker);
    board.send(CONNECT_OTHER).expect("20 02 00 00");
    board.send("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33");
    app.expect("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33");
    board.send("32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").expect("40 02 00 01");
    app.expect("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33");
    board.send("34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").expect("50 02 00 01");
    board.send("62 02 00 01").expect("70 02 00 01");
    app.expect("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33");
    board.send("E0 00").expect_close();
    app.send("C0 00").expect("D0 00");
}

#[test]
fn a_resent_publish_of_qos_1_is_answered_and_routed_again() {
    let broker = Broker::ours();
    let mut wire = Wire::connected(&broker);
    wire.send("82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 01").expect("90 03 00 0A 01");
    let mut board = Wire::open(&broker);
    board.send(CONNECT_OTHER).expect("20 02 00 00");
    board.send("32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").expect("40 02 00 01");
    wire.expect("32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").send("40 02 00 01");
    board.send("3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").expect("40 02 00 01");
    // Routed once more, and never with the DUP of its publisher [MQTT-3.3.1-3] (3.1.1).
    wire.expect("32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00");
    let mut rest = [0; 4];
    wire.0.read_exact(&mut rest).unwrap();
    assert_eq!(&rest[1..], b"123", "the packet identifier before it is the broker's choice");
}

#[test]
fn s54_a_pubrel_with_the_flags_of_a_wrong_tutorial_closes_the_connection() {
    let broker = Broker::ours();
    let mut wire = Wire::connected(&broker);
    wire.send("34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33").expect("50 02 00 01");
    // [MQTT-2.2.2-2] (3.1.1)
    wire.send("60 02 00 01").expect_close();
}

#[test]
fn bad_bytes_close_their_own_connection_only() {
    let broker = Broker::ours();
    let mut other = Wire::connected(&broker);
    other.send("82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00").expect("90 03 00 0A 00");
    for bad in [
        // Text that isn't MQTT; five bytes that announce 268,435,455; no CONNECT first; a reserved packet type.
        "47 45 54 20 2F 20 48 54 54 50 2F 31 2E 31 0D 0A 0D 0A",
        "10 FF FF FF 7F",
        "C0 00",
        "00 00",
        // A remaining length of five bytes; QoS 3 after a CONNECT.
        "10 FF FF FF FF 01",
    ] {
        Wire::open(&broker).send(bad).expect_close();
    }
    for bad in
        ["36 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33", "82 02 00 0A", CONNECT, "20 02 00 00"]
    {
        let mut board = Wire::open(&broker);
        board.send(CONNECT_OTHER).expect("20 02 00 00");
        board.send(bad).expect_close();
    }
    let board = Process::start(&mut broker.mqtt("pub", Version::V311, &["-t", "kfb_topic", "-m", "123"]));
    board.finish().expect_success();
    other.expect("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33");
    broker.process.terminate();
    let ended = broker.process.finish().expect_success();
    assert!(ended.err.iter().all(|line| !line.contains("panicked")), "{ended:?}");
}
