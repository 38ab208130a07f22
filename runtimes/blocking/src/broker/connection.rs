//! One connection's two threads: this one writes, another reads. Neither ever waits with the broker locked.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    io::{self, IoSlice},
    net::Shutdown,
    sync::Arc,
    task::Wake,
    thread::JoinHandle,
    time::Instant,
};

use bytes::Buf;
use mqtt_engine::{ConnectionId, Outbox, Transport};
use mqtt_engine_driver::{Shared, Slot};

use super::{READER, Socket, bell::Bell, spawn};
use crate::is_timeout;

const READ_SIZE: usize = 16 << 10;
/// How many parts one write gathers.
const PARTS: usize = 64;
/// How long a peer may take to close its half after it was sent our last byte. Closing with unread input makes the system
/// reset the connection, which can destroy bytes that the peer has not read yet.
const LINGER: Duration = Duration::from_millis(500);

/// What wakes the threads of a connection.
#[derive(Debug, Default)]
pub(super) struct Threads {
    reader: Bell,
    writer: Bell,
    /// Nothing comes from the peer any more.
    input_ended: AtomicBool,
    /// Nothing of what comes is of interest any more.
    over: AtomicBool,
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer has everything that there was for it.
    Flushed,
    /// The peer took no more of it.
    Stuck,
    /// The peer has gone; what it said before is still read.
    Gone,
}

impl Wake for Threads {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.ring();
        self.writer.ring();
    }
}

impl Threads {
    fn has_ended(&self) -> bool {
        self.input_ended.load(Ordering::Acquire)
    }
}

/// Serves one connection until it ends. `patience`: how long a peer that is being closed may take no byte.
///
/// # Errors
///
/// The system has no thread or timer for it.
pub(super) fn serve<S: Socket>(slot: &Slot<Threads>, socket: &Arc<S>, patience: Duration) -> io::Result<()> {
    socket.set_write_timeout(patience)?;
    let reader = start_reader(slot, socket)?;
    let end = write_all(slot, &**socket);
    if end == End::Flushed {
        socket.shut_down(Shutdown::Write);
        let until = Instant::now() + LINGER;
        while !slot.wake.has_ended() && Instant::now() < until {
            slot.wake.writer.wait_for(until.saturating_duration_since(Instant::now()));
        }
    }
    // To a peer that goes on sending, closing with unread input says that it may stop. Read to its end after the shutdown, that
    // input would leave it waiting for room.
    slot.wake.over.store(end != End::Gone, Ordering::Release);
    socket.shut_down(Shutdown::Both);
    // Should it have panicked, in a hook say, the connection has ended with it.
    let _ = reader.join();
    Ok(())
}

/// Writes what the broker has, for as long as it wants the connection, and at the end what is left.
fn write_all<S: Socket>(slot: &Slot<Threads>, socket: &S) -> End {
    let id = slot.id;
    let mut outbox = Outbox::new();
    loop {
        // Taken from the broker, to be written without its lock. The next one is taken when this one is through, so a slow
        // peer's bytes pile up in the broker, which bounds them.
        let wish = slot.shared.with(|broker, _| {
            if outbox.is_empty() {
                outbox = broker.take_outbox(id);
            }
            broker.transport(id)
        });
        let keep = wish == Transport::Keep;
        if keep && slot.wake.has_ended() {
            return End::Gone;
        }
        if !outbox.is_empty() {
            let before = outbox.remaining();
            let written = write(socket, &mut outbox);
            slot.shared.meter().sent(before - outbox.remaining());
            match written {
                Ok(()) => {}
                // The broker decides how long it bears with a peer that takes nothing.
                Err(error) if keep && is_timeout(&error) => {}
                Err(_) if keep => return End::Gone,
                Err(_) => return End::Stuck,
            }
        } else if keep {
            slot.wake.writer.wait();
        } else {
            return if wish == Transport::FlushThenClose { End::Flushed } else { End::Gone };
        }
    }
}

fn write<S: Socket>(socket: &S, outbox: &mut Outbox) -> io::Result<()> {
    while outbox.has_remaining() {
        let mut parts = [IoSlice::new(&[]); PARTS];
        let count = outbox.chunks_vectored(&mut parts);
        match socket.write(parts.get(..count).unwrap_or(&parts)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => outbox.advance(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn start_reader<S: Socket>(slot: &Slot<Threads>, socket: &Arc<S>) -> io::Result<JoinHandle<()>> {
    let reading = Reading {
        shared: Arc::clone(&slot.shared),
        id: slot.id,
        threads: Arc::clone(&slot.wake),
        socket: Arc::clone(socket),
    };
    spawn(READER, move || reading.run())
}

/// What the reading thread has.
struct Reading<S: Socket> {
    shared: Arc<Shared>,
    id: ConnectionId,
    threads: Arc<Threads>,
    socket: Arc<S>,
}

impl<S: Socket> Reading<S> {
    fn run(self) {
        let mut buffer = vec![0; READ_SIZE];
        while !self.threads.over.load(Ordering::Acquire) {
            match self.socket.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    self.shared.meter().received(count);
                    self.pass(buffer.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Shows input to the broker, and waits until that would take more.
    fn pass(&self, mut input: &[u8]) {
        loop {
            let is_hungry = self.shared.with(|broker, now| {
                if broker.wants_input(self.id) {
                    broker.receive(self.id, &mut input, now);
                }
                if broker.transport(self.id) != Transport::Keep {
                    // What comes behind the end is read, and thrown away.
                    input.advance(input.remaining());
                    return true;
                }
                broker.wants_input(self.id)
            });
            if is_hungry && input.is_empty() {
                return;
            }
            self.threads.reader.wait();
        }
    }
}

impl<S: Socket> Drop for Reading<S> {
    fn drop(&mut self) {
        // A writer that waits for a peer that is gone is freed; one that says the last words is left to it.
        if self.shared.with(|broker, _| broker.transport(self.id)) == Transport::Keep {
            self.socket.shut_down(Shutdown::Both);
        }
        self.threads.input_ended.store(true, Ordering::Release);
        self.threads.writer.ring();
    }
}
