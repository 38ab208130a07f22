//! What the broker does with packets.

use std::{io, time::Duration};

use mio::{Interest, Registry, Token, event::Event, net::TcpListener};
use mqtt_engine::{TopicFilter, packet::ProtocolVersion};

use super::{
    connection::Connection,
    routes::{Routes, Subscriber},
};
use crate::codec::by_hand::{
    read::{self, Packet, Publish},
    write,
};

/// What is read at a time, and the largest packet.
const BUFFER: usize = 64 << 10;

pub(super) struct Broker {
    registry: Registry,
    connections: Vec<Option<Connection>>,
    /// Numbers without a connection.
    free: Vec<usize>,
    routes: Routes,
    /// May have more to read.
    readable: Vec<usize>,
    /// Have something to write.
    dirty: Vec<usize>,
    buffer: Vec<u8>,
    published: u64,
}

impl Broker {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            connections: Vec::new(),
            free: Vec::new(),
            routes: Routes::default(),
            readable: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; BUFFER],
            published: 0,
        }
    }

    /// How many messages were published.
    pub(super) const fn published(&self) -> u64 {
        self.published
    }

    /// How long it can wait for sockets.
    pub(super) fn patience(&self) -> Option<Duration> {
        (!self.readable.is_empty()).then_some(Duration::ZERO)
    }

    pub(super) fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or(self.connections.len());
            self.registry.register(&mut socket, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            if number == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[number] = Some(Connection::new(socket));
        }
    }

    /// A socket has something to read, or room for something to write.
    pub(super) fn ready(&mut self, number: usize, event: &Event) {
        let Some(connection) = &mut self.connections[number] else { return };
        if event.is_writable() && connection.is_blocked {
            connection.is_blocked = false;
            mark(number, connection, &mut self.dirty);
        }
        if (event.is_readable() || event.is_error()) && !connection.is_readable {
            connection.is_readable = true;
            self.readable.push(number);
        }
    }

    /// Reads each that has something once; then writes.
    pub(super) fn turn(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut readable = std::mem::take(&mut self.readable);
        readable.retain(|number| match self.read(*number, &mut buffer) {
            Ok(has_more) => has_more,
            Err(_) => {
                self.close(*number);
                false
            }
        });
        (self.buffer, self.readable) = (buffer, readable);
        while let Some(number) = self.dirty.pop() {
            let Some(connection) = &mut self.connections[number] else { continue };
            connection.is_dirty = false;
            if connection.write().is_err() {
                self.close(number);
            }
        }
    }

    /// Tells whether there may be more. After an error, whatever it was, the connection is of no use.
    fn read(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(connection) = &mut self.connections[number] else { return Ok(false) };
        let filled = match connection.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.is_readable = false;
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            filled => filled?,
        };
        let mut rest = &buffer[..filled];
        while let Some((frame, behind)) = read::size(rest).and_then(|size| rest.split_at_checked(size)) {
            self.receive(number, frame).ok_or(io::ErrorKind::InvalidData)?;
            rest = behind;
        }
        // The system tells of a stream only when it changes; less than was asked for is all there is.
        let has_more = filled == buffer.len();
        if let Some(connection) = &mut self.connections[number] {
            connection.keep(rest);
            connection.is_readable = has_more;
        }
        Ok(has_more)
    }

    /// Answers a packet; `None` if that is the end.
    fn receive(&mut self, number: usize, frame: &[u8]) -> Option<()> {
        let connection = self.connections[number].as_mut()?;
        match frame[0] {
            0x10 => connect(connection, frame)?,
            0x82 => subscribe(&mut self.routes, number, connection, frame)?,
            0xC0 => connection.output.extend_from_slice(&[0xD0, 0]),
            _ => match read::packet(frame, connection.version)? {
                Packet::Publish(publish) => return self.publish(number, frame, &publish),
                Packet::Ack { first: write::PUBREC, packet_id } => {
                    write::ack(write::PUBREL, packet_id, &mut connection.output);
                }
                Packet::Ack { first: write::PUBREL, packet_id } => {
                    connection.release(packet_id);
                    write::ack(write::PUBCOMP, packet_id, &mut connection.output);
                }
                // The end of a delivery, of which nothing was kept: no session outlives its connection.
                Packet::Ack { .. } => {}
                Packet::Connect(_) => return None,
            },
        }
        mark(number, connection, &mut self.dirty);
        Some(())
    }

    fn publish(&mut self, number: usize, frame: &[u8], publish: &Publish<'_>) -> Option<()> {
        let connection = self.connections[number].as_mut()?;
        let (version, packet_id) = (connection.version, publish.packet_id.unwrap_or_default());
        let is_new = publish.qos < 2 || connection.hold(packet_id);
        if is_new {
            self.published += 1;
            for subscriber in self.routes.of(publish.topic) {
                let receiver = self.connections[subscriber.connection].as_mut()?;
                if receiver.version != version || subscriber.qos < publish.qos {
                    return None;
                }
                receiver.deliver(frame, publish);
                mark(subscriber.connection, receiver, &mut self.dirty);
            }
        }
        if publish.qos > 0 {
            let first = if publish.qos == 1 { write::PUBACK } else { write::PUBREC };
            let connection = self.connections[number].as_mut()?;
            write::ack(first, packet_id, &mut connection.output);
            mark(number, connection, &mut self.dirty);
        }
        Some(())
    }

    fn close(&mut self, number: usize) {
        if let Some(connection) = self.connections[number].take() {
            self.free.push(number);
            if connection.has_subscribed {
                self.routes.forget(number);
            }
        }
    }
}

/// Whoever they are, they are welcome: only the version is read.
fn connect(connection: &mut Connection, frame: &[u8]) -> Option<()> {
    let level = *frame.get(read::head(frame) + 6)?;
    if level == 5 {
        connection.version = ProtocolVersion::V5;
        connection.output.extend_from_slice(&[0x20, 3, 0, 0, 0]);
    } else {
        connection.output.extend_from_slice(&[0x20, 2, 0, 0]);
    }
    Some(())
}

/// Grants what is asked for.
fn subscribe(routes: &mut Routes, number: usize, connection: &mut Connection, frame: &[u8]) -> Option<()> {
    let (packet_id, mut rest) = frame[read::head(frame)..].split_first_chunk::<2>()?;
    let mut suback = packet_id.to_vec();
    if connection.version == ProtocolVersion::V5 {
        let (properties, behind) = read::variable(rest)?;
        rest = behind.get(properties..)?;
        suback.push(0);
    }
    while !rest.is_empty() {
        let (filter, behind) = read::binary(rest)?;
        let (options, behind) = behind.split_first()?;
        let filter = TopicFilter::try_from(std::str::from_utf8(filter).ok()?).ok()?;
        let qos = options & 3;
        routes.add(filter, Subscriber { connection: number, qos });
        suback.push(qos);
        rest = behind;
    }
    connection.has_subscribed = true;
    write::header(0x90, suback.len(), &mut connection.output)?;
    connection.output.extend_from_slice(&suback);
    Some(())
}

/// Enters a connection once in the list of those that have something to write.
fn mark(number: usize, connection: &mut Connection, dirty: &mut Vec<usize>) {
    if !connection.is_dirty {
        connection.is_dirty = true;
        dirty.push(number);
    }
}
