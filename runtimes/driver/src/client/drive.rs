//! Doing what the machine wants of its transport. Every await here may be the last: state changes only between them.

use core::{
    fmt,
    future::poll_fn,
    mem,
    pin::pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use std::{io, sync::Arc};

use bytes::Buf;
use mqtt_engine::{Client as Machine, Remains, Timestamp, Transport};

use super::{Client, Connecting, handle::Shared};
use crate::{
    Streams,
    io::{Unread, close, poll_read, poll_write},
    time::{sleep_until, timeout_at},
};

/// How long the last bytes may take. A server that takes none for so long won't miss them.
const FLUSH: Duration = Duration::from_secs(5);

/// What the transport is doing.
pub(super) enum Phase<S> {
    Closed,
    Opening(Connecting<S>, Timestamp),
    Open(S),
    /// Flushing, then waiting for the server to close its half; until the moment.
    Closing(S, Timestamp),
}

impl<S> fmt::Debug for Phase<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Closed",
            Self::Opening(..) => "Opening",
            Self::Open(_) => "Open",
            Self::Closing(..) => "Closing",
        })
    }
}

impl<R: Streams<S>, S> Client<R, S> {
    /// Waits until something changed, and does the next thing; `false` if there is nothing to wait for.
    pub(super) async fn step(&mut self) -> bool {
        poll_fn(|cx| self.turn.poll_next(cx)).await;
        let shared = Arc::clone(&self.handle.shared);
        let (wish, deadline) = {
            let mut machine = shared.machine();
            let now = shared.now();
            if machine.deadline().is_some_and(|deadline| deadline <= now) {
                machine.handle_timeout(now);
            }
            (machine.transport(), machine.deadline())
        };
        if wish == Transport::None {
            self.phase = Phase::Closed;
            self.unread.clear();
            return false;
        }
        let mut moved = pin!(self.move_transport(wish));
        let mut changed = pin!(shared.changed.notified());
        let mut due = pin!(sleep_until(&shared.runtime, deadline));
        // The transport first, so that a handle that never rests can't keep it from the bytes. What the others stand for has
        // been seen to above.
        poll_fn(|cx| {
            let ready = moved.as_mut().poll(cx).is_ready()
                || changed.as_mut().poll(cx).is_ready()
                || due.as_mut().poll(cx).is_ready();
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        true
    }

    /// Drops the transport if it is still there; tells what was not done.
    pub(super) fn abandon(&mut self) -> Remains {
        self.phase = Phase::Closed;
        self.unread.clear();
        let mut machine = self.handle.shared.machine();
        let remains = machine.remains();
        machine.transport_closed(self.handle.shared.now());
        remains
    }

    async fn move_transport(&mut self, wish: Transport) {
        let shared = &*self.handle.shared;
        match (&mut self.phase, wish) {
            (Phase::Closed, Transport::Open { not_before }) => {
                sleep_until(&shared.runtime, Some(not_before)).await;
                self.phase = Phase::Opening((self.connector)(), shared.now() + self.connect_timeout);
            }
            (Phase::Opening(attempt, until), Transport::Open { .. }) => {
                match timeout_at(&shared.runtime, *until, attempt)
                    .await
                    .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
                {
                    Ok(stream) => {
                        self.unread.clear();
                        self.phase = Phase::Open(stream);
                        shared.machine().transport_opened(shared.now());
                    }
                    Err(error) => self.closed(Some(error)),
                }
            }
            (Phase::Open(stream), Transport::Keep) => {
                let ended = poll_fn(|cx| poll_exchange::<R, S>(stream, &mut self.unread, shared, cx)).await;
                match ended {
                    Ok(true) => {}
                    Ok(false) => self.closed(None),
                    Err(error) => self.closed(Some(error)),
                }
            }
            (Phase::Open(_), Transport::FlushThenClose) => {
                if let Phase::Open(stream) = mem::replace(&mut self.phase, Phase::Closed) {
                    self.phase = Phase::Closing(stream, shared.now() + FLUSH);
                }
            }
            (Phase::Closing(stream, until), Transport::FlushThenClose) => {
                let _ = timeout_at(&shared.runtime, *until, async {
                    poll_fn(|cx| poll_write_all::<R, S>(stream, &mut shared.machine(), cx)).await?;
                    close(&shared.runtime, stream, *until).await;
                    io::Result::Ok(())
                })
                .await;
                self.closed(None);
            }
            // The machine has no use for what we have (a connection that it closed, an attempt that it gave up), or
            // believes in one that we have not: begin anew.
            (_, _) => {
                let had_none = matches!(self.phase, Phase::Closed);
                self.phase = Phase::Closed;
                if had_none {
                    shared.machine().transport_closed(shared.now());
                }
            }
        }
    }

    fn closed(&mut self, error: Option<io::Error>) {
        self.phase = Phase::Closed;
        self.unread.clear();
        let shared = &self.handle.shared;
        shared.set_error(error);
        shared.machine().transport_closed(shared.now());
    }
}

/// Writes what waits and reads once: `true` after a read, `false` at the end of the stream.
fn poll_exchange<R, S>(
    stream: &mut S,
    unread: &mut Unread,
    shared: &Shared<R>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<bool>>
where
    R: Streams<S>,
{
    let mut machine = shared.machine();
    let written = match poll_write_all::<R, S>(stream, &mut machine, cx) {
        // Whether the flush is through does not matter: it goes on with the next poll.
        Poll::Ready(Ok(())) => match R::poll_flush(stream, cx) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        },
        Poll::Ready(Err(error)) => Err(error),
        Poll::Pending => Ok(()),
    };
    if !machine.wants_input() {
        // Woken by the handle, or by the program that takes events.
        return written.map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending);
    }
    let now: Timestamp = shared.now();
    if unread.has_remaining() {
        machine.receive(unread, now);
        return Poll::Ready(Ok(true));
    }
    let read = poll_read::<R, S>(stream, unread, |mut input| machine.receive(&mut input, now), cx);
    match (read, written) {
        (Poll::Ready(Ok(0)), Ok(())) => Poll::Ready(Ok(false)),
        // A server that refused us may have closed before we wrote: what it said is read first.
        (Poll::Ready(Ok(count)), _) if count > 0 => Poll::Ready(Ok(true)),
        (_, Err(error)) => Poll::Ready(Err(error)),
        (Poll::Ready(Ok(_)), Ok(())) => Poll::Ready(Ok(false)),
        (Poll::Ready(Err(error)), Ok(())) => Poll::Ready(Err(error)),
        (Poll::Pending, Ok(())) => Poll::Pending,
    }
}

/// Writes all that the machine has (`Ready`), or as far as the stream takes it. Room in the outbox lets more of the queue flow.
fn poll_write_all<R, S>(stream: &mut S, machine: &mut Machine, cx: &mut Context<'_>) -> Poll<io::Result<()>>
where
    R: Streams<S>,
{
    loop {
        let outbox = machine.outbox();
        if outbox.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(poll_write::<R, S>(stream, outbox, cx))?;
    }
}
