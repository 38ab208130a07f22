//! A stream that shows the packet checkers what one party reads and writes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mqtt_engine::{
    framing::{Framing, Span},
    packet::{Packet, ProtocolVersion},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    oracle::{Side, Witness},
    setup::index_of,
};

/// Whose bytes these are.
enum Party {
    Known(Side),
    /// A server does not know before it has read CONNECT; what it has read so far.
    Unknown(Vec<u8>),
}

/// A stream of a client, or of the broker.
pub(super) struct Tap<S> {
    inner: S,
    witness: Witness,
    link: u64,
    party: Party,
}

impl<S> Tap<S> {
    pub(super) fn of_client(inner: S, witness: Witness, index: usize) -> Self {
        let side = Side::Client(index);
        let link = witness.oracle().packets.open();
        witness.oracle().packet_link_opened(side, link);
        Self { inner, witness, link, party: Party::Known(side) }
    }

    pub(super) fn of_server(inner: S, witness: Witness) -> Self {
        let link = witness.oracle().packets.open();
        Self { inner, witness, link, party: Party::Unknown(Vec::new()) }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        match &mut self.party {
            Party::Known(side) => {
                let (side, link) = (*side, self.link);
                self.witness.judge(|oracle| oracle.party_read(side, link, bytes));
            }
            Party::Unknown(early) => {
                early.extend_from_slice(bytes);
                if let Some(index) = client_of(early) {
                    let (side, link, early) = (Side::Server(index), self.link, std::mem::take(early));
                    self.party = Party::Known(side);
                    self.witness.oracle().packet_link_opened(side, link);
                    self.witness.judge(|oracle| oracle.party_read(side, link, &early));
                }
            }
        }
    }
}

/// The client that a CONNECT names, once it is complete.
fn client_of(mut bytes: &[u8]) -> Option<usize> {
    let Ok(Some(Span::InPlace(size))) = Framing::new(usize::MAX).next(&mut bytes) else { return None };
    // CONNECT itself says which version it is.
    match Packet::decode(&bytes[..size], ProtocolVersion::V5) {
        Ok(Packet::Connect(connect)) => index_of(connect.client_id),
        _ => None,
    }
}

impl<S> Drop for Tap<S> {
    fn drop(&mut self) {
        if let Party::Known(side) = self.party {
            self.witness.oracle().packet_link_closed(side, self.link);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        self.has_read(&buf.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        if let (Ok(count), Party::Known(side)) = (&written, &self.party) {
            let (side, link) = (*side, self.link);
            self.witness.judge(|oracle| oracle.party_wrote(side, link, &buf[..*count]));
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
