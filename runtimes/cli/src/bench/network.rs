//! Thousands of connections in one thread: it waits for all of them at once, reads each into the same buffer, and writes to each
//! at most once a turn.

use core::time::Duration;
use std::{io, time::Instant};

use mio::{Events, Poll};
use mqtt_engine::packet::ProtocolVersion;

use super::{
    alarm::Alarm,
    parse::{self, Incoming, Unreadable},
    schedule::nanoseconds,
    socket::Socket,
};
use crate::failure::Failure;

/// What is read and written at a time.
pub(super) const BATCH: usize = 64 << 10;

/// Told of what happens on the connections.
pub(super) trait Handler {
    /// A packet came at this time; `output` goes out at the end of the turn.
    fn packet(
        &mut self,
        connection: usize,
        packet: Incoming<'_>,
        output: &mut Vec<u8>,
        now: u64,
    ) -> Result<(), Failure>;

    /// The stream has ended, or failed.
    fn closed(&mut self, connection: usize, error: Option<io::Error>) -> Result<(), Failure>;

    /// There is room again for output.
    fn writable(&mut self, _connection: usize) {}
}

#[derive(Debug)]
pub(super) struct Network {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    began: Instant,
    version: ProtocolVersion,
    connections: Vec<Connection>,
    /// May have more to read.
    readable: Vec<usize>,
    /// Have something to write.
    dirty: Vec<usize>,
    /// Has room for what may be left of the turn before, less than a packet, and a batch.
    buffer: Vec<u8>,
    largest: usize,
}

#[derive(Debug)]
struct Connection {
    socket: Socket,
    output: Vec<u8>,
    /// The begin of a packet.
    unfinished: Vec<u8>,
    is_readable: bool,
    is_dirty: bool,
    /// The socket takes nothing until it says so.
    is_blocked: bool,
    is_closed: bool,
}

impl Network {
    /// For packets of at most `largest` bytes.
    pub(super) fn new(version: ProtocolVersion, largest: usize) -> Result<Self, Failure> {
        let unable = |error| Failure::new(format!("the system gives no way to wait for sockets: {error}"));
        let poll = Poll::new().map_err(unable)?;
        let alarm = Alarm::new(poll.registry()).map_err(unable)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            alarm,
            began: Instant::now(),
            version,
            connections: Vec::new(),
            readable: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; largest + BATCH],
            largest,
        })
    }

    /// Nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Takes a connection over, with what is to be written to it first.
    pub(super) fn add(&mut self, mut socket: Socket, output: Vec<u8>) -> io::Result<()> {
        let number = self.connections.len();
        socket.register(self.poll.registry(), number)?;
        self.connections.push(Connection {
            socket,
            output,
            unfinished: Vec::new(),
            is_readable: false,
            is_dirty: false,
            // Until it is open.
            is_blocked: true,
            is_closed: false,
        });
        Ok(())
    }

    pub(super) const fn len(&self) -> usize {
        self.connections.len()
    }

    /// Where to put what is to be written at the end of the turn; `None` while the socket takes nothing.
    pub(super) fn output(&mut self, connection: usize) -> Option<&mut Vec<u8>> {
        let open = !self.connections[connection].is_blocked;
        open.then(|| self.enqueue(connection))
    }

    /// The same, whether it is taken now or later.
    pub(super) fn enqueue(&mut self, connection: usize) -> &mut Vec<u8> {
        let this = &mut self.connections[connection];
        mark(connection, &mut this.is_dirty, &mut self.dirty);
        &mut this.output
    }

    /// Writes what there is to write, waits until something comes, but not longer than `patience`, and reads it.
    pub(super) fn turn(&mut self, patience: Duration, handler: &mut impl Handler) -> Result<(), Failure> {
        self.write();
        let patience = if self.readable.is_empty() { patience } else { Duration::ZERO };
        let failed = |error| Failure::new(format!("waiting for sockets failed: {error}"));
        let patience = self.alarm.set(patience).map_err(failed)?;
        match self.poll.poll(&mut self.events, Some(patience)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        for event in &self.events {
            let number = event.token().0;
            let Some(connection) = self.connections.get_mut(number) else { continue };
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                mark(number, &mut connection.is_readable, &mut self.readable);
            }
            if event.is_writable() && connection.is_blocked {
                connection.is_blocked = false;
                mark(number, &mut connection.is_dirty, &mut self.dirty);
                handler.writable(number);
            }
        }
        self.read(handler)
    }

    /// Reads each connection that has something once.
    fn read(&mut self, handler: &mut impl Handler) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(&connection) = self.readable.get(at) {
            if self.read_one(connection, handler)? {
                at += 1;
            } else {
                self.connections[connection].is_readable = false;
                self.readable.swap_remove(at);
            }
        }
        Ok(())
    }

    /// Tells whether there may be more.
    fn read_one(&mut self, number: usize, handler: &mut impl Handler) -> Result<bool, Failure> {
        let connection = &mut self.connections[number];
        if connection.is_closed {
            return Ok(false);
        }
        let kept = connection.unfinished.len();
        self.buffer[..kept].copy_from_slice(&connection.unfinished);
        let count = match connection.socket.read(&mut self.buffer[kept..kept + BATCH]) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            end => {
                connection.is_closed = true;
                handler.closed(number, end.err())?;
                return Ok(false);
            }
        };
        let now = nanoseconds(self.began.elapsed());
        let mut rest = &self.buffer[..kept + count];
        while let Some((packet, size)) = parse::next(rest, self.version, self.largest).map_err(unreadable)? {
            handler.packet(number, packet, &mut connection.output, now)?;
            rest = &rest[size..];
        }
        connection.unfinished.clear();
        connection.unfinished.extend_from_slice(rest);
        if !connection.output.is_empty() {
            mark(number, &mut connection.is_dirty, &mut self.dirty);
        }
        // Where the system tells of a stream only when it changes, less than was asked for is all there is.
        Ok(!cfg!(unix) || count == BATCH)
    }

    fn write(&mut self) {
        while let Some(number) = self.dirty.pop() {
            let connection = &mut self.connections[number];
            connection.is_dirty = false;
            if connection.is_blocked || connection.is_closed || connection.output.is_empty() {
                continue;
            }
            match connection.socket.write(&connection.output) {
                Ok(count) if count == connection.output.len() => connection.output.clear(),
                Ok(count) => {
                    connection.output.drain(..count);
                    connection.is_blocked = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    mark(number, &mut connection.is_dirty, &mut self.dirty);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.is_blocked = true,
                // Reading tells the reason, perhaps in the server's own words.
                Err(_) => {
                    connection.output.clear();
                    mark(number, &mut connection.is_readable, &mut self.readable);
                }
            }
        }
    }
}

/// Enters a connection in a list once.
fn mark(connection: usize, is_there: &mut bool, list: &mut Vec<usize>) {
    if !*is_there {
        *is_there = true;
        list.push(connection);
    }
}

fn unreadable(why: Unreadable) -> Failure {
    match why {
        Unreadable::Malformed => Failure::new("what the server sent is not MQTT")
            .advice("is it an MQTT server that speaks this version (-V)?"),
        Unreadable::TooLarge(size) => Failure::new(format!(
            "the server sent a packet of {size} bytes, more than any message of this run takes"
        )),
    }
}
