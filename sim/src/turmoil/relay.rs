//! A host between clients and the broker that passes bytes on, cuts them anywhere, and can be told to lie.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::turmoil::net::{
    TcpListener, TcpStream,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};
use mqtt_engine::framing::{Framing, Span};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use super::{
    PORT,
    faults::{BROKER, Break, Way},
    sabotage::Liar,
};
use crate::coverage::{Coverage, Row};

/// What the relay is to do to the next connections that carry something.
#[derive(Debug, Default)]
pub(super) struct Orders {
    waiting: VecDeque<Break>,
    pub(super) coverage: Coverage,
}

/// Shared with whoever gives the orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk(Arc<Mutex<Orders>>);

impl Desk {
    pub(super) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orders {
    pub(super) fn give(&mut self, order: Break) {
        self.waiting.push_back(order);
    }

    pub(super) fn withdraw_all(&mut self) {
        self.waiting.clear();
    }

    fn take(&mut self, way: Way) -> Option<Break> {
        let concerns = |order: &Break| match order {
            Break::Cut(other, _) | Break::Stall(other, _) | Break::HalfClose(other) => *other == way,
            _ => false,
        };
        let place = self.waiting.iter().position(concerns)?;
        self.waiting.remove(place)
    }
}

/// The relay's program.
pub(super) async fn pass_on(desk: Desk, liar: Option<Liar>) -> ::turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.join_next() => ended?,
            accepted = listener.accept() => {
                connections.spawn_local(carry(accepted?.0, desk.clone(), liar.clone()));
            }
        }
    }
}

/// Carries one connection until both directions are closed, or one of them is cut.
async fn carry(client: TcpStream, desk: Desk, liar: Option<Liar>) {
    let Ok(broker) = TcpStream::connect((BROKER, PORT)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let liar = liar.map(|liar| liar.for_connection());
    let up = Pipe::new(Way::Up, from_client, to_broker, &desk, liar.clone());
    let down = Pipe::new(Way::Down, from_broker, to_client, &desk, liar);
    // Either an error or a cut ends both.
    let _ = tokio::try_join!(up.run(), down.run());
}

/// One direction of a connection.
struct Pipe<'a> {
    way: Way,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    desk: &'a Desk,
    liar: Option<Liar>,
    framing: Framing,
    order: Option<Break>,
}

impl<'a> Pipe<'a> {
    const fn new(
        way: Way,
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        desk: &'a Desk,
        liar: Option<Liar>,
    ) -> Self {
        Self { way, from, to, desk, liar, framing: Framing::new(usize::MAX), order: None }
    }

    /// Ends well when the sender has closed its half, and with an error at a cut.
    async fn run(mut self) -> io::Result<()> {
        let mut piece = vec![0; 4096];
        loop {
            let count = self.from.read(&mut piece).await?;
            if count == 0 {
                return self.to.shutdown().await;
            }
            self.pass(&piece[..count]).await?;
        }
    }

    async fn pass(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Some(liar) = &mut self.liar {
            let lie = liar.retell(self.way, piece);
            return self.to.write_all(&lie).await;
        }
        self.order = self.order.or_else(|| self.desk.orders().take(self.way));
        match &mut self.order {
            None => self.write(piece).await,
            Some(Break::Cut(_, left) | Break::Stall(_, left)) if piece.len() <= usize::from(*left) => {
                *left -= piece.len() as u16;
                self.write(piece).await
            }
            Some(Break::Cut(_, left)) => {
                let last = usize::from(*left);
                self.write(&piece[..last]).await?;
                let is_inside = self.framing.is_mid_packet();
                let coverage = &mut self.desk.orders().coverage;
                coverage.count(Row::CutAtByte);
                coverage.count_if(is_inside, Row::CutMidPacket);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Break::Stall(_, left)) => {
                let last = usize::from(*left);
                self.write(&piece[..last]).await?;
                self.desk.orders().coverage.count(Row::Stalled);
                self.swallow().await
            }
            Some(_) => {
                self.desk.orders().coverage.count(Row::HalfClosed);
                self.write(piece).await?;
                self.to.shutdown().await?;
                self.swallow().await
            }
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let written = self.to.write_all(bytes).await;
        // Only to know where packets begin; what is no packet has no middle.
        while let Ok(Some(span)) = self.framing.next(&mut bytes) {
            if let Span::InPlace(size) = span {
                bytes = &bytes[size..];
            }
        }
        written
    }

    /// Reads on, and passes nothing on, until the sender gives up.
    async fn swallow(&mut self) -> io::Result<()> {
        let mut piece = vec![0; 4096];
        while self.from.read(&mut piece).await? > 0 {}
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}
