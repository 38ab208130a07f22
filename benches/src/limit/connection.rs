//! One client of the broker: its socket, and what MQTT keeps of it.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mqtt_engine::packet::ProtocolVersion;

use crate::codec::by_hand::read::{self, Publish};

#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    pub(super) version: ProtocolVersion,
    pub(super) has_subscribed: bool,
    /// Whether it is in the list of those that may have more to read.
    pub(super) is_readable: bool,
    /// Whether it is in the list of those that have something to write.
    pub(super) is_dirty: bool,
    /// The socket takes nothing until it says so.
    pub(super) is_blocked: bool,
    last_id: u16,
    pub(super) output: Vec<u8>,
    /// The begin of a packet.
    unfinished: Vec<u8>,
    /// A bit for each identifier of a message of QoS 2 that is not released; empty before the first one.
    received: Vec<u64>,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            version: ProtocolVersion::V3_1_1,
            has_subscribed: false,
            is_readable: false,
            is_dirty: false,
            is_blocked: false,
            last_id: 0,
            output: Vec::new(),
            unfinished: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Reads once, behind what was left of the last read. Tells how much is in the buffer; at the end of the stream there is an error.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let kept = self.unfinished.len();
        buffer[..kept].copy_from_slice(&self.unfinished);
        match self.socket.read(&mut buffer[kept..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(kept + count),
        }
    }

    /// Keeps the begin of a packet for the next read.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.unfinished.clear();
        self.unfinished.extend_from_slice(rest);
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while !self.is_blocked && !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(count) if count == self.output.len() => self.output.clear(),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The packet as it came, but for its flags and its packet identifier.
    pub(super) fn deliver(&mut self, frame: &[u8], publish: &Publish<'_>) {
        let start = self.output.len();
        self.output.extend_from_slice(frame);
        self.output[start] = 0x30 | publish.qos << 1;
        if publish.qos > 0 {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let at = start + read::head(frame) + 2 + publish.topic.len();
            self.output[at..at + 2].copy_from_slice(&self.last_id.to_be_bytes());
        }
    }

    /// Remembers a message of QoS 2; whether it is new.
    pub(super) fn hold(&mut self, packet_id: u16) -> bool {
        self.received.resize((1 << 16) / 64, 0);
        let (word, bit) = (&mut self.received[usize::from(packet_id) / 64], 1 << (packet_id % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Forgets it.
    pub(super) fn release(&mut self, packet_id: u16) {
        if let Some(word) = self.received.get_mut(usize::from(packet_id) / 64) {
            *word &= !(1 << (packet_id % 64));
        }
    }
}
