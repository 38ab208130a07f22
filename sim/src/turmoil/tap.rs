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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::{ring::Ring, trace::Trace, turmoil::Turmoil};

    /// 3.1.1, keep alive 0, from `c1`.
    const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02c1";
    const CONNACK: &[u8] = b"\x20\x02\x00\x00";
    const PINGREQ: &[u8] = b"\xc0\x00";

    fn rule(witness: &Witness) -> Option<&'static str> {
        witness.oracle().violation.as_ref().map(|violation| violation.rule)
    }

    fn witness() -> Witness {
        let (setup, _) = Turmoil::draw(0);
        assert!(setup.clients.len() > 1);
        Witness::new(&setup, Trace::default())
    }

    #[tokio::test]
    async fn what_a_client_writes_is_judged() {
        for (first, is_fine) in [(CONNECT, true), (PINGREQ, false)] {
            let witness = witness();
            let (near, _far) = duplex(100);
            let mut client = Tap::of_client(near, witness.clone(), 1);
            client.write_all(first).await.unwrap();
            assert_eq!(rule(&witness), (!is_fine).then_some("packets"));
        }
    }

    #[tokio::test]
    async fn what_the_broker_answers_is_judged_once_the_client_is_known() {
        for (answer, is_fine) in [(CONNACK, true), (PINGREQ, false)] {
            let witness = witness();
            let (near, mut far) = duplex(100);
            let mut broker = Tap::of_server(near, witness.clone());
            for piece in CONNECT.chunks(5) {
                far.write_all(piece).await.unwrap();
                broker.read_exact(&mut vec![0; piece.len()]).await.unwrap();
            }
            assert!(matches!(broker.party, Party::Known(Side::Server(1))));
            broker.write_all(answer).await.unwrap();
            assert_eq!(rule(&witness), (!is_fine).then_some("packets"));
        }
    }
}
