//! What each operation of a client allocates, link and line included. The table in the crate's documentation is made of this:
//! `cargo test -p mqtt-engine-bare --test allocations -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use mqtt_engine::{
    Client, ClientConfig, ClientEvent, Message, QoS, Subscribe, Text, Timestamp, TopicFilter, TopicName,
    packet::ProtocolVersion,
};
use mqtt_engine_bare::{Link, Next};

/// How often an operation is repeated once everything has its memory.
const TIMES: u64 = 100;

/// A line whose server is the test.
#[derive(Default)]
struct Wire {
    down: VecDeque<u8>,
    up: Vec<u8>,
}

impl ErrorType for Wire {
    type Error = Infallible;
}

impl ReadReady for Wire {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.down.is_empty())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(std::io::Read::read(&mut self.down, buffer).unwrap_or_default())
    }
}

impl WriteReady for Wire {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        self.up.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Board {
    client: Client,
    link: Link<128>,
    wire: Wire,
    version: ProtocolVersion,
    now: Timestamp,
}

impl Board {
    fn new(version: ProtocolVersion) -> Self {
        let now = Timestamp::from_secs(1);
        let mut config = ClientConfig::new(Text::try_from("board").unwrap());
        config.version = version;
        config.clean_start = false;
        config.session_expiry = 3600;
        Self {
            client: Client::new(config, now),
            link: Link::new(),
            wire: Wire { down: VecDeque::with_capacity(1024), up: Vec::with_capacity(1024) },
            version,
            now,
        }
    }

    /// Until nothing moves any more; the last event that was there.
    fn run(&mut self) -> Option<ClientEvent> {
        let mut last = None;
        loop {
            let Ok(next) = self.link.turn(&mut self.client, &mut self.wire, self.now);
            while let Some(event) = self.client.poll_event() {
                last = Some(event);
            }
            if next != Next::AtOnce {
                return last;
            }
        }
    }

    /// The server answers what was sent. Packets for 3.1.1 have no byte for properties.
    fn hear(&mut self, v3: &[u8], v5: &[u8]) -> Option<ClientEvent> {
        self.wire.down.extend(if self.version == ProtocolVersion::V5 { v5 } else { v3 });
        self.wire.up.clear();
        self.run()
    }

    /// The identifier of the last packet that was sent, whose payload is so long.
    fn sent_id(&self, from_end: usize) -> [u8; 2] {
        let at = self.wire.up.len() - from_end;
        [self.wire.up[at], self.wire.up[at + 1]]
    }

    fn connect(&mut self) {
        self.run();
        let event = self.hear(&[0x20, 2, 0, 0], &[0x20, 3, 0, 0, 0]);
        assert!(matches!(event, Some(ClientEvent::Connected(_))), "{event:?}");
    }

    fn reconnect(&mut self) {
        self.link.lost(&mut self.client, self.now);
        self.now = self.now + Duration::from_secs(60);
        self.run();
        let event = self.hear(&[0x20, 2, 1, 0], &[0x20, 3, 1, 0, 0]);
        assert!(matches!(event, Some(ClientEvent::Connected(_))), "{event:?}");
    }

    fn subscribe(&mut self, request: Subscribe) {
        self.client.subscribe(request, self.now).unwrap();
        self.run();
        // The filter `led`, its length and its options are behind the identifier, in 5.0 an empty list of properties, too.
        let [high, low] = self.sent_id(if self.version == ProtocolVersion::V5 { 9 } else { 8 });
        let event = self.hear(&[0x90, 3, high, low, 1], &[0x90, 4, high, low, 0, 1]);
        assert!(matches!(event, Some(ClientEvent::Subscribed { .. })), "{event:?}");
    }

    fn publish(&mut self, message: &Message) {
        self.client.publish(message.clone(), self.now).unwrap();
        self.run();
        if message.qos == QoS::AtMostOnce {
            self.wire.up.clear();
            return;
        }
        let behind = message.payload.len() + usize::from(self.version == ProtocolVersion::V5);
        let [high, low] = self.sent_id(behind + 2);
        let answer = if message.qos == QoS::AtLeastOnce { 0x40 } else { 0x50 };
        let mut event = self.hear(&[answer, 2, high, low], &[answer, 2, high, low]);
        if message.qos == QoS::ExactlyOnce {
            event = self.hear(&[0x70, 2, high, low], &[0x70, 2, high, low]);
        }
        assert!(matches!(event, Some(ClientEvent::Published { .. })), "{event:?}");
    }

    fn receive(&mut self, qos: QoS) {
        let event = match qos {
            QoS::AtMostOnce => self.hear(b"\x30\x0D\0\x03ledon, dimm", b"\x30\x0E\0\x03led\0on, dimm"),
            QoS::AtLeastOnce => {
                self.hear(b"\x32\x0F\0\x03led\0\x01on, dimm", b"\x32\x10\0\x03led\0\x01\0on, dimm")
            }
            QoS::ExactlyOnce => {
                self.hear(b"\x34\x0F\0\x03led\0\x01on, dimm", b"\x34\x10\0\x03led\0\x01\0on, dimm")
            }
        };
        assert!(matches!(event, Some(ClientEvent::Received { .. })), "{event:?}");
        drop(event);
        if qos == QoS::ExactlyOnce {
            self.hear(&[0x62, 2, 0, 1], &[0x62, 2, 0, 1]);
        }
        assert_eq!(self.wire.up.is_empty(), qos == QoS::AtMostOnce);
    }

    fn ping(&mut self) {
        self.wire.up.clear();
        self.now = self.now + Duration::from_secs(60);
        self.run();
        assert_eq!(self.wire.up, [0xC0, 0]);
        self.hear(&[0xD0, 0], &[0xD0, 0]);
    }
}

/// One line of the table.
fn tell(what: &str, info: &AllocationInfo, times: u64) {
    println!(
        "| {what} | {} | {} | {} |",
        info.count_total / times,
        info.bytes_total / times,
        info.bytes_current
    );
}

/// An operation for the first time, and then so often: what one costs, and that nothing is kept of it.
fn operation(what: &str, board: &mut Board, mut act: impl FnMut(&mut Board), allocations: u64) {
    let first = measure(|| act(board));
    tell(&format!("{what}, the first time"), &first, 1);
    // Every container takes its final size.
    for _ in 0..TIMES {
        act(board);
    }
    let later = measure(|| (0..TIMES).for_each(|_| act(board)));
    tell(&format!("{what}, each"), &later, TIMES);
    assert_eq!(later.bytes_current, 0, "{what} leaves something behind");
    assert!(later.count_total <= TIMES * allocations, "{what}: {} allocations", later.count_total);
}

fn operations(version: ProtocolVersion) {
    let mut board = None;
    let created = measure(|| board = Some(Board::new(version)));
    let mut board = board.unwrap();
    println!("| {version:?} | allocations | bytes | kept |\n|---|---|---|---|");
    tell("the client, beside the two buffers of 1,024 bytes of the test", &created, 1);
    println!("| size of `Client`, `Link<128>` | | {}, {} | |", size_of::<Client>(), size_of::<Link<128>>());
    let connected = measure(|| board.connect());
    tell("connect", &connected, 1);

    let topic = TopicName::try_from("counter").unwrap();
    let payload = Bytes::from_static(&[7; 8]);
    let message = |qos| Message::new(topic.clone(), payload.clone()).unwrap().with_qos(qos);
    let request = Subscribe::new(TopicFilter::try_from("led").unwrap(), QoS::AtLeastOnce);

    operation("ping", &mut board, Board::ping, 0);
    operation("subscribe", &mut board, |board| board.subscribe(request.clone()), 4);
    for (name, qos, allocations) in
        [("QoS 0", QoS::AtMostOnce, 0), ("QoS 1", QoS::AtLeastOnce, 0), ("QoS 2", QoS::ExactlyOnce, 0)]
    {
        operation(&format!("publish {name}"), &mut board, |board| board.publish(&message(qos)), allocations);
    }
    for (name, qos, allocations) in
        [("QoS 0", QoS::AtMostOnce, 1), ("QoS 1", QoS::AtLeastOnce, 1), ("QoS 2", QoS::ExactlyOnce, 1)]
    {
        operation(&format!("receive {name}"), &mut board, |board| board.receive(qos), allocations);
    }
    operation("reconnect", &mut board, Board::reconnect, 2);
}

#[test]
fn operations_of_3_1_1() {
    operations(ProtocolVersion::V3_1_1);
}

#[test]
fn operations_of_5_0() {
    operations(ProtocolVersion::V5);
}
