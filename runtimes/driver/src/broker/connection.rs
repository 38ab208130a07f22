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
pub fn serve<R, S>(runtime: R, slot: Slot, mut stream: S, patience: Duration) -> impl Future<Output = ()>
where
    R: Streams<S>,
{
    let mut turn = Turn::default();
    let mut exchange = Exchange::new(slot);
    // A function would hold its arguments twice: as they came, and as they are used.
    async move {
        exchange.look();
        while exchange.wish == Transport::Keep {
            poll_fn(|cx| turn.poll_next(cx)).await;
            // In this order, always, so that a simulation is the same each time. Bytes first: they make the task look at the broker, too.
            let open = poll_fn(|cx| match exchange.poll::<R, S>(&mut stream, cx) {
                Poll::Ready(open) => Poll::Ready(Some(open)),
                Poll::Pending => exchange.slot.wake.poll_notified(cx).map(|()| None),
            });
            match open.await {
                None => exchange.look(),
                Some(Ok(true)) => {}
                Some(Ok(false) | Err(_)) => return,
            }
        }
        if exchange.wish == Transport::FlushThenClose {
            Box::pin(exchange.end(&runtime, &mut stream, patience)).await;
        }
    }
}

/// What the task keeps between two looks at the broker.
struct Exchange {
    slot: Slot,
    /// Taken from the broker, to be written without its lock. The next one is taken when this one is through, so a slow
    /// peer's bytes pile up in the broker, which bounds them.
    outbox: Outbox,
    unread: Unread,
    wish: Transport,
    wants_input: bool,
    /// Why nothing can be written any more. What the peer said before it went is still read.
    broken: Option<io::Error>,
}

impl Exchange {
    fn new(slot: Slot) -> Self {
        Self {
            slot,
            outbox: Outbox::new(),
            unread: Unread::new(),
            wish: Transport::Keep,
            wants_input: true,
            broken: None,
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
        slot.shared.with_own(id, |broker, now| {
            act(broker, now);
            if outbox.is_empty() {
                *outbox = broker.take_outbox(id);
            }
            *wish = broker.transport(id);
            *wants_input = broker.wants_input(id);
        });
    }

    /// Writes what waits and reads once: `true` when there may be more to do, `false` at the end of the stream.
    fn poll<R, S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<bool>>
    where
        R: Streams<S>,
    {
        if let Err(error) = self.write::<R, S>(stream, cx) {
            self.broken = Some(error);
        }
        if self.wish != Transport::Keep {
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
                Poll::Ready(()) => self.look(),
                Poll::Pending => return Ok(()),
            }
        }
        // A flush that is not through goes on with the next poll.
        match R::poll_flush(stream, cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes the last bytes, and closes the stream.
    async fn end<R, S>(&mut self, runtime: &R, stream: &mut S, patience: Duration)
    where
        R: Streams<S>,
    {
        if self.flush(runtime, stream, patience).await.is_ok() {
            close(runtime, stream, runtime.now() + patience).await;
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
