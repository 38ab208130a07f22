//! What the transport of a client is doing, however its bytes are moved.

use core::time::Duration;

use bytes::Buf;
use mqtt_engine::{Client, Timestamp, Transport};

/// How long the last bytes may take, and then the end of the connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an opened line is read for what was left of the connection before.
pub(crate) const LEFTOVERS: usize = 64;

/// Moves the bytes between a [`Client`] and its line. It holds `N` bytes for what is read, and allocates nothing.
///
/// A program without an executor calls [`turn`](Self::turn) in its loop, one with an executor awaits [`turn_async`](Self::turn_async). Both
/// do the same: what follows from what is decided here, once.
#[derive(Debug)]
pub struct Link<const N: usize = 256> {
    phase: Phase,
    pub(crate) buffer: [u8; N],
    /// The part of `buffer` that a pausing client has not taken.
    unread: (usize, usize),
    /// Whether something was written that the line may still hold back.
    pub(crate) unflushed: bool,
}

/// What the line is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Closed,
    /// One is being made, until the moment.
    Opening(Timestamp),
    Open,
    /// The last bytes go out, until the moment.
    Flushing(Timestamp),
    /// The line is ending the connection, until the moment.
    HangingUp(Timestamp),
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Rest,
    /// Until the moment nothing but throw away what comes: it belongs to no connection.
    Wait(Timestamp),
    /// Ask the line to open a connection, until the moment.
    Open(Timestamp),
    /// Ask the line to end it, until the moment.
    Close(Timestamp),
    /// Read (if it says so) and write, until the moment.
    Exchange { reads: bool, until: Option<Timestamp> },
}

impl<const N: usize> Default for Link<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Link<N> {
    /// A link without a connection.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0, "a link must have room for what it reads") }
        Self { phase: Phase::Closed, buffer: [0; N], unread: (0, 0), unflushed: false }
    }

    /// Tells that the connection is gone, which a pin of a module may say. Nothing more of it is written or read; the line is asked to
    /// end what is left of it, and for a new one once the client wants it. Of no effect while there is none.
    pub fn lost(&mut self, client: &mut Client, now: Timestamp) {
        if matches!(self.phase, Phase::Opening(_) | Phase::Open | Phase::Flushing(_)) {
            self.hang_up(now);
            client.transport_closed(now);
        }
    }

    /// Lets time pass, and decides.
    pub(crate) fn step(&mut self, client: &mut Client, now: Timestamp) -> Step {
        if client.deadline().is_some_and(|deadline| deadline <= now) {
            client.handle_timeout(now);
        }
        self.pass_unread(client, now);
        loop {
            match (self.phase, client.transport()) {
                (Phase::HangingUp(until), _) if now < until => return Step::Close(until),
                (Phase::HangingUp(_), _) => self.hung_up(client, now),
                (Phase::Closed, Transport::None) => return Step::Rest,
                (Phase::Closed, Transport::Open { not_before }) if now < not_before => {
                    return Step::Wait(not_before);
                }
                (Phase::Closed, Transport::Open { .. }) => {
                    self.phase = Phase::Opening(now + client.config().connect_timeout);
                }
                (Phase::Opening(until), Transport::Open { .. }) if now < until => return Step::Open(until),
                (Phase::Opening(_), Transport::Open { .. }) => self.lost(client, now),
                (Phase::Open, Transport::Keep) => {
                    let reads = self.unread.0 == self.unread.1 && client.wants_input();
                    return Step::Exchange { reads, until: client.deadline() };
                }
                (Phase::Open, Transport::FlushThenClose) => self.phase = Phase::Flushing(now + PATIENCE),
                (Phase::Flushing(until), Transport::FlushThenClose)
                    if now < until && (self.unflushed || client.outbox().has_remaining()) =>
                {
                    return Step::Exchange { reads: true, until: Some(until) };
                }
                // The client believes in a connection that there is not.
                (Phase::Closed, _) => client.transport_closed(now),
                // All is said, or the client has no use for what there is.
                (_, _) => self.hang_up(now),
            }
        }
    }

    /// The line has opened a connection.
    pub(crate) fn opened(&mut self, client: &mut Client, now: Timestamp) {
        self.phase = Phase::Open;
        client.transport_opened(now);
    }

    /// The line has ended the connection.
    pub(crate) fn hung_up(&mut self, client: &mut Client, now: Timestamp) {
        self.phase = Phase::Closed;
        if matches!(client.transport(), Transport::Keep | Transport::FlushThenClose) {
            client.transport_closed(now);
        }
    }

    /// So many bytes were read into the buffer.
    pub(crate) fn was_read(&mut self, count: usize, client: &mut Client, now: Timestamp) {
        self.unread = (0, count.min(N));
        self.pass_unread(client, now);
    }

    fn hang_up(&mut self, now: Timestamp) {
        self.phase = Phase::HangingUp(now + PATIENCE);
        self.unflushed = false;
    }

    fn pass_unread(&mut self, client: &mut Client, now: Timestamp) {
        if self.phase != Phase::Open {
            // Of a connection that is over, or ending.
            self.unread = (0, 0);
        }
        let (start, end) = self.unread;
        let mut input = self.buffer.get(start..end).unwrap_or_default();
        if !input.is_empty() {
            client.receive(&mut input, now);
            self.unread.0 = end - input.len();
        }
    }
}
