//! One connection's task.

use core::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
    time::Duration,
};
use std::io;

use bytes::Buf;
use mqtt_engine::{Broker, Outbox, Timestamp, Transport};

use super::shared::Slot;
use crate::{
    Streams,
    io::{Unread, close, poll_read, poll_write},
    time::{Turn, timeout_at},
};

/// Serves one connection until it ends: speaks MQTT on the stream. `patience`: how long a peer that is being closed may take no
/// byte.
///
/// A connection that waits costs what this future takes, so the future holds little, and boxes what is only needed at the end.
pub fn serve<R, S>(slot: Slot, stream: S, patience: Duration) -> impl Future<Output = ()>
where
    R: Streams<S>,
{
    let mut serving = Serving { stream, exchange: Exchange::new(slot) };
    // A function would hold its arguments twice: as they came, and as they are used.
    async move {
        serving.exchange.look();
        if poll_fn(|cx| serving.poll::<R>(cx)).await == Wish::Flush {
            Box::pin(serving.end::<R>(patience)).await;
        }
    }
}

/// A connection. The stream is dropped first: the end of the slot is the end of it all.
struct Serving<S> {
    stream: S,
    exchange: Exchange,
}

impl<S> Serving<S> {
    /// Exchanges bytes until the broker no longer wants the connection, or the peer is gone. Tells what is to be done then.
    fn poll<R>(&mut self, cx: &mut Context<'_>) -> Poll<Wish>
    where
        R: Streams<S>,
    {
        let Self { stream, exchange } = self;
        while exchange.wish == Wish::Keep {
            if exchange.turn.poll_next(cx).is_pending() {
                return Poll::Pending;
            }
            // In this order, always, so that a simulation is the same each time. Bytes first: they make the task look at the broker, too.
            match exchange.poll::<R, S>(stream, cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false) | Err(_)) => return Poll::Ready(Wish::Drop),
                Poll::Pending if exchange.slot.wake.poll_notified(cx).is_ready() => exchange.look(),
                Poll::Pending => {
                    exchange.turn.end();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(exchange.wish)
    }

    /// Writes the last bytes, and closes the stream.
    async fn end<R>(&mut self, patience: Duration)
    where
        R: Streams<S>,
    {
        let Self { stream, exchange } = self;
        let clock = R::default();
        if exchange.flush(&clock, stream, patience).await.is_ok() {
            close(&clock, stream, clock.now() + patience).await;
        }
    }
}

/// What the broker wants of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Keep,
    /// Write the last bytes, then close it.
    Flush,
    Drop,
}

impl From<Transport> for Wish {
    fn from(transport: Transport) -> Self {
        if transport == Transport::Keep {
            Self::Keep
        } else if transport == Transport::FlushThenClose {
            Self::Flush
        } else {
            Self::Drop
        }
    }
}

/// What the task keeps between two looks at the broker.
struct Exchange {
    slot: Slot,
    /// Taken from the broker, to be written without its lock. The next one is taken when this one is through, so a slow
    /// peer's bytes pile up in the broker, which bounds them.
    outbox: Outbox,
    /// Whether the broker may have had more than that when it was asked last. It says by itself when it has more later.
    has_more: bool,
    unread: Unread,
    wish: Wish,
    wants_input: bool,
    /// Why nothing can be written any more. What the peer said before it went is still read.
    broken: Option<io::Error>,
    turn: Turn,
}

impl Exchange {
    fn new(slot: Slot) -> Self {
        Self {
            slot,
            outbox: Outbox::new(),
            has_more: true,
            unread: Unread::new(),
            wish: Wish::Keep,
            wants_input: true,
            broken: None,
            turn: Turn::default(),
        }
    }

    /// Learns what the broker wants of this connection now.
    fn look(&mut self) {
        let mut unread = mem::take(&mut self.unread);
        let id = self.slot.id;
        self.look_after(|broker, now| {
            if unread.has_remaining() && broker.wants_input(id) {
                broker.receive(id, &mut unread, now);
            }
        });
        self.unread = unread;
    }

    fn look_after(&mut self, act: impl FnOnce(&mut Broker, Timestamp)) {
        let Self { slot, outbox, wish, wants_input, .. } = self;
        let id = slot.id;
        let is_through = outbox.is_empty();
        let is_ready = slot.shared.with_own(id, |broker, now| {
            act(broker, now);
            if is_through {
                *outbox = broker.take_outbox(id);
            }
            *wish = Wish::from(broker.transport(id));
            *wants_input = broker.wants_input(id);
        });
        self.has_more = is_ready || !is_through;
    }

    /// Writes what waits and reads once: `true` when there may be more to do, `false` at the end of the stream.
    fn poll<R, S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<bool>>
    where
        R: Streams<S>,
    {
        if let Err(error) = self.write::<R, S>(stream, cx) {
            self.broken = Some(error);
        }
        if self.wish != Wish::Keep {
            return Poll::Ready(Ok(true));
        }
        if !self.wants_input || self.unread.has_remaining() {
            return self.idle();
        }
        let mut rest = Unread::new();
        let id = self.slot.id;
        let take =
            |mut input: &mut dyn Buf| self.look_after(|broker, now| broker.receive(id, &mut input, now));
        let read = poll_read::<R, S>(stream, &mut rest, take, cx);
        self.unread = rest;
        match read {
            Poll::Ready(read) => Poll::Ready(read.map(|count| {
                self.slot.shared.traffic.received(count);
                count > 0
            })),
            Poll::Pending => self.idle(),
        }
    }

    fn idle(&mut self) -> Poll<io::Result<bool>> {
        self.broken.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }

    /// Writes all that the broker has, as far as the stream takes it.
    fn write<R, S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> io::Result<()>
    where
        R: Streams<S>,
    {
        while self.broken.is_none() && !self.outbox.is_empty() {
            let before = self.outbox.remaining();
            let written = poll_write::<R, S>(stream, &mut self.outbox, cx);
            self.slot.shared.traffic.sent(before - self.outbox.remaining());
            match written? {
                Poll::Ready(()) if self.has_more => self.look(),
                // A connection that waits keeps no buffer.
                Poll::Ready(()) => self.outbox = Outbox::new(),
                Poll::Pending => return Ok(()),
            }
        }
        // A flush that is not through goes on with the next poll.
        match R::poll_flush(stream, cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes the last bytes, as long as the peer takes some now and then.
    async fn flush<R, S>(&mut self, runtime: &R, stream: &mut S, patience: Duration) -> io::Result<()>
    where
        R: Streams<S>,
    {
        loop {
            if self.outbox.is_empty() {
                self.look();
            }
            let before = self.outbox.remaining();
            if before == 0 {
                return Ok(());
            }
            let outbox = &mut self.outbox;
            let progress = poll_fn(|cx| match poll_write::<R, S>(stream, outbox, cx) {
                Poll::Pending if outbox.remaining() < before => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
                Poll::Ready(end) => Poll::Ready(end),
            });
            let end = timeout_at(runtime, runtime.now() + patience, progress).await;
            self.slot.shared.traffic.sent(before - self.outbox.remaining());
            end.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
        }
    }
}
