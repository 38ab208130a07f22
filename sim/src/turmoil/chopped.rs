//! A stream that moves its bytes in small pieces, and now and then none at all.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::random::Random;

/// The largest piece, in bytes.
const LARGEST: usize = 24;

/// A stream whose reads and writes move 1 to 24 bytes each, and one in eight nothing at first.
#[derive(Debug)]
pub struct Chopped<S> {
    inner: S,
    /// None: the stream is left as it is.
    random: Option<Random>,
}

impl<S> Chopped<S> {
    /// Chops a stream.
    pub const fn new(inner: S, random: Random) -> Self {
        Self { inner, random: Some(random) }
    }

    /// The same stream.
    pub const fn whole(inner: S) -> Self {
        Self { inner, random: None }
    }
}

impl<S> Chopped<S> {
    /// How many bytes to move now; `Pending`: none, and ask again at once.
    fn poll_piece(&mut self, cx: &Context<'_>) -> Poll<usize> {
        let Some(random) = &mut self.random else { return Poll::Ready(usize::MAX) };
        if random.one_in(8) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(1 + random.below(LARGEST))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Chopped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = ready!(self.poll_piece(cx)).min(buf.remaining());
        if piece > LARGEST {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let mut bytes = [0; LARGEST];
        let mut part = ReadBuf::new(&mut bytes[..piece]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Chopped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let piece = ready!(self.poll_piece(cx)).min(buf.len());
        Pin::new(&mut self.inner).poll_write(cx, &buf[..piece])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
