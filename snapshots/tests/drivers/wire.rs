//! The script's end of a connection.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use mqtt_engine::packet::ProtocolVersion;
use mqtt_engine_diary::{Packets, Seen};

/// What is awaited comes within milliseconds; a busy machine takes longer.
const LIMIT: Duration = Duration::from_secs(20);
/// How long the machine under test runs before the script looks at its sockets again.
pub const TURN: Duration = Duration::from_millis(1);
/// How long nothing more must come at the end of a flow.
pub const AFTERWARDS: Duration = Duration::from_millis(20);
/// Flows with longer spans are for the desk, where they take no time.
const LONGEST: Duration = Duration::from_millis(500);

/// A socket that is read without waiting.
pub struct Wire {
    socket: TcpStream,
    packets: Packets,
    has_ended: bool,
}

impl Wire {
    pub fn new(socket: TcpStream, version: ProtocolVersion) -> Self {
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, packets: Packets::new(version), has_ended: false }
    }

    /// If the other side has closed, this fails; what it has said before tells why.
    pub fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            assert_ne!(error.kind(), ErrorKind::WouldBlock, "it reads nothing");
        }
    }

    /// The packets that have arrived.
    pub fn read(&mut self) -> Vec<Seen> {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    self.packets.push(&buffer[..count]);
                    continue;
                }
                Err(error) => self.has_ended |= error.kind() != ErrorKind::WouldBlock,
            }
            return self.packets.by_ref().collect();
        }
    }

    /// Whether the other side has closed.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }
}

/// Patience with a machine under test: generous, but not without end.
pub struct Patience(Instant);

impl Patience {
    pub fn new() -> Self {
        Self(Instant::now() + LIMIT)
    }

    pub fn is_over(&self) -> bool {
        Instant::now() > self.0
    }
}

/// Does something for a span.
pub fn during(span: Duration, mut act: impl FnMut()) {
    assert!(span <= LONGEST, "{span:?} is too long on a real clock");
    let end = Instant::now() + span;
    while Instant::now() < end {
        act();
    }
}
