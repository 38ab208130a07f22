//! Doing what the machine wants of its transport, with one thread and no way to wait for reading and writing at once.

use core::time::Duration;
use std::{
    io::{self, IoSlice},
    thread,
};

use bytes::{Buf, BytesMut};
use mqtt_engine::{Client as Machine, Remains, Timestamp, Transport};

use crate::{Client, Connector, Stream, is_timeout};

const READ_SIZE: usize = 16 << 10;
/// How many parts one write gathers.
const PARTS: usize = 16;
/// The shortest wait that every system takes: zero means *for ever* to it.
const SHORTEST: Duration = Duration::from_millis(1);
/// While the server takes no bytes, reading and writing take turns of this length. Who only wrote would wait for ever for
/// a server that does the same.
const TURN: Duration = Duration::from_millis(20);
/// The longest wait in one read; the machine's deadline is asked again then.
const FAR: Duration = Duration::from_secs(3600);
/// How long the last bytes may take.
const FLUSH: Duration = Duration::from_secs(5);
/// How long the server may take to close its half after our last byte. Closing with unread input makes the system reset
/// the connection, which can destroy bytes that the server has not read yet.
const LINGER: Duration = Duration::from_millis(500);

/// The transport and the bytes on their way in.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: Option<S>,
    /// Why writing failed. What the server said before is still read.
    broken: Option<io::Error>,
    /// Read, but not taken by a machine that pauses.
    unread: BytesMut,
    closing: Closing,
    buffer: Box<[u8]>,
}

/// How far closing has come, and when that step is given up.
#[derive(Clone, Copy, Debug)]
enum Closing {
    NotBegun,
    Flushing(Timestamp),
    Lingering(Timestamp),
}

impl<S> Default for Wire<S> {
    fn default() -> Self {
        Self {
            stream: None,
            broken: None,
            unread: BytesMut::new(),
            closing: Closing::NotBegun,
            buffer: Box::default(),
        }
    }
}

impl<C: Connector> Client<C> {
    /// Does the next thing, waiting for it no longer than until the machine's deadline or `until`.
    pub(crate) fn step(&mut self, until: Timestamp) {
        let now = self.now();
        if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
            self.machine.handle_timeout(now);
        }
        let until = self.machine.deadline().map_or(until, |deadline| deadline.min(until));
        match (self.machine.transport(), self.wire.stream.is_some()) {
            (Transport::None, _) => self.wire.drop_stream(),
            (Transport::Open { not_before }, false) if not_before > now => {
                thread::sleep(not_before.min(until).saturating_since(now));
            }
            (Transport::Open { .. }, false) => self.open(),
            (Transport::Open { .. }, true) => self.wire.drop_stream(),
            (Transport::Keep, true) => self.exchange(until),
            (Transport::FlushThenClose, true) => self.close(until),
            // The machine believes in a transport that is gone; also what a version to come may want.
            (_, _) => self.closed(None),
        }
    }

    /// Drops the transport if it is still there; tells what was not done. What it takes without waiting is written before: a good-bye
    /// that comes late is better than none.
    pub(crate) fn abandon(&mut self) -> Remains {
        self.wire.write(&mut self.machine, SHORTEST);
        self.wire.drop_stream();
        let now = self.now();
        let remains = self.machine.remains();
        self.machine.transport_closed(now);
        remains
    }

    fn open(&mut self) {
        match self.connector.connect(self.connect_timeout) {
            Ok(stream) => {
                self.wire.drop_stream();
                self.wire.stream = Some(stream);
                let now = self.now();
                self.machine.transport_opened(now);
            }
            Err(error) => self.closed(Some(error)),
        }
    }

    /// Writes, then reads once.
    fn exchange(&mut self, until: Timestamp) {
        self.wire.write(&mut self.machine, TURN);
        let now = self.now();
        if self.wire.unread.has_remaining() && self.machine.wants_input() {
            self.machine.receive(&mut self.wire.unread, now);
            return;
        }
        let waiting = self.wire.broken.is_none() && self.machine.outbox().has_remaining();
        let patience = if waiting || self.wire.broken.is_some() {
            SHORTEST
        } else {
            until.saturating_since(now).min(FAR)
        };
        if !self.machine.wants_input() {
            // Only the program, by taking events, gets us on; whoever calls without doing so must not spin.
            thread::sleep(patience.min(TURN));
            return;
        }
        let read = self.wire.read(patience);
        let now = self.now();
        match read {
            Ok(Some(0)) => {
                let error = self.wire.broken.take();
                self.closed(error);
            }
            Ok(Some(count)) => self.wire.pass(count, &mut self.machine, now),
            Ok(None) => {
                if let Some(error) = self.wire.broken.take() {
                    self.closed(Some(error));
                }
            }
            Err(error) => self.closed(Some(error)),
        }
    }

    /// Writes the last bytes, says that there are no more, and waits for the server to say the same.
    fn close(&mut self, until: Timestamp) {
        let now = self.now();
        match self.wire.closing {
            Closing::NotBegun => self.wire.closing = Closing::Flushing(now + FLUSH),
            Closing::Flushing(give_up) => {
                self.wire.write(&mut self.machine, until.min(give_up).saturating_since(now).max(SHORTEST));
                let hopeless = self.wire.broken.is_some() || self.now() >= give_up;
                if hopeless || self.machine.outbox().is_empty() {
                    self.wire.end_writing();
                    self.wire.closing = Closing::Lingering(self.now() + LINGER);
                }
            }
            Closing::Lingering(give_up) => {
                let patience = until.min(give_up).saturating_since(now);
                if now >= give_up || matches!(self.wire.read(patience), Ok(Some(0)) | Err(_)) {
                    self.closed(None);
                }
            }
        }
    }

    fn closed(&mut self, error: Option<io::Error>) {
        self.wire.drop_stream();
        self.error = error;
        let now = self.now();
        self.machine.transport_closed(now);
    }
}

impl<S> Wire<S> {
    fn drop_stream(&mut self) {
        self.stream = None;
        self.broken = None;
        self.closing = Closing::NotBegun;
        self.unread.clear();
    }

    /// Shows what was read to the machine, and keeps what it leaves.
    fn pass(&mut self, count: usize, machine: &mut Machine, now: Timestamp) {
        let mut input = self.buffer.get(..count).unwrap_or_default();
        machine.receive(&mut input, now);
        self.unread.extend_from_slice(input);
    }
}

impl<S: Stream> Wire<S> {
    fn end_writing(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.end_writing();
        }
    }

    /// Writes until the outbox is empty or the stream takes nothing for `patience`.
    fn write(&mut self, machine: &mut Machine, patience: Duration) {
        let Some(stream) = &mut self.stream else { return };
        if self.broken.is_some() || !machine.outbox().has_remaining() {
            return;
        }
        let mut write = || {
            stream.set_write_timeout(patience)?;
            while machine.outbox().has_remaining() {
                let mut parts = [IoSlice::new(&[]); PARTS];
                let outbox = machine.outbox();
                let count = outbox.chunks_vectored(&mut parts);
                match stream.write_vectored(parts.get(..count).unwrap_or(&parts)) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => outbox.advance(written),
                    Err(error) if is_timeout(&error) => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            match stream.flush() {
                Err(error) if !is_timeout(&error) => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        };
        self.broken = write().err();
    }

    /// Reads once; `None` if nothing came within `patience`.
    fn read(&mut self, patience: Duration) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(Some(0)) };
        if self.buffer.is_empty() {
            self.buffer = vec![0; READ_SIZE].into_boxed_slice();
        }
        stream.set_read_timeout(patience.max(SHORTEST))?;
        match stream.read(&mut self.buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}
