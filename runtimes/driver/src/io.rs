//! Reading and writing as far as a stream goes right now. Nothing is held between two calls, so nothing is lost when a
//! future that polls these is dropped.

use core::{
    cell::Cell,
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};
use std::io::{self, IoSlice};

use bytes::{Buf, BytesMut};
use mqtt_engine::{Outbox, Timestamp};

use crate::{Streams, time::timeout_at};

/// What is asked of a stream in one read. Large reads mean few calls for the kernel and many packets for each.
const READ_SIZE: usize = 64 << 10;
/// Reads of at least this many bytes are shared with the messages in them; from smaller ones payloads are copied, so that
/// a short message that is kept does not keep a large buffer.
const SHARE_FROM: usize = 4 << 10;
/// How many parts one write gathers.
const PARTS: usize = 64;
/// How long a peer may take to close its half after it was sent our last byte. Closing with unread input makes the kernel
/// reset the connection, which can destroy bytes that the peer has not read yet.
const LINGER: Duration = Duration::from_millis(500);

thread_local! {
    /// One buffer for each thread: a connection that waits holds none.
    static SCRATCH: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Bytes that were read and not yet taken by the machine (it pauses while too much waits for the program).
pub(crate) type Unread = BytesMut;

/// Writes until the outbox is empty (`Ready`) or the stream takes no more (`Pending`). A part that was written is gone from
/// the outbox.
pub(crate) fn poll_write<R, S>(
    stream: &mut S,
    outbox: &mut Outbox,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>>
where
    R: Streams<S>,
{
    while outbox.has_remaining() {
        let mut parts = [IoSlice::new(&[]); PARTS];
        let count = outbox.chunks_vectored(&mut parts);
        let written = ready!(R::poll_write(stream, parts.get(..count).unwrap_or(&parts), cx))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        outbox.advance(written);
    }
    Poll::Ready(Ok(()))
}

/// Reads once and shows the bytes to `take`; what it leaves is kept in `unread`. Tells how many bytes came: 0 at the end.
pub(crate) fn poll_read<R, S>(
    stream: &mut S,
    unread: &mut Unread,
    take: impl FnOnce(&mut dyn Buf),
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>>
where
    R: Streams<S>,
{
    let mut scratch = SCRATCH.take();
    scratch.clear();
    scratch.reserve(READ_SIZE);
    let read = R::poll_read(stream, &mut scratch, cx);
    if let Poll::Ready(Ok(count)) = read {
        if count >= SHARE_FROM {
            let mut shared = scratch.split_to(count);
            take(&mut shared);
            if shared.has_remaining() {
                *unread = shared;
            }
        } else if count > 0 {
            let mut copied = &*scratch;
            take(&mut copied);
            unread.extend_from_slice(copied);
        }
    }
    SCRATCH.set(scratch);
    read
}

/// Closes our half of the stream and lets the peer close its own, for a short while, `at_the_latest` until then; what it still
/// sends is thrown away.
pub async fn close<R, S>(runtime: &R, stream: &mut S, at_the_latest: Timestamp)
where
    R: Streams<S>,
{
    let until = at_the_latest.min(runtime.now() + LINGER);
    let _ = timeout_at(runtime, until, async {
        poll_fn(|cx| R::poll_close(stream, cx)).await?;
        let mut unread = Unread::new();
        while poll_fn(|cx| {
            poll_read::<R, S>(stream, &mut unread, |input| input.advance(input.remaining()), cx)
        })
        .await?
            > 0
        {}
        io::Result::Ok(())
    })
    .await;
}
