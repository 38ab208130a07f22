//! Between a client and the broker: reads every packet that passes, and cuts the connection when it is told to.

use core::net::SocketAddr;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mqtt_engine::packet::{PacketType, ProtocolVersion};
use mqtt_engine_diary::{Ladder, Packets, Way};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

use crate::decode::Direction;

/// A relay in front of the broker, for one client.
#[derive(Clone)]
pub(super) struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something passed.
    passed: Notify,
    /// The connection is to be cut now.
    cut: Notify,
}

#[derive(Default)]
struct State {
    passed: Vec<Passed>,
    /// The next packet of this kind is lost, and the connection with it.
    lose: Option<(Direction, PacketType)>,
}

/// What the relay saw.
#[derive(Clone, Debug)]
pub(super) enum Passed {
    Packet { direction: Direction, bytes: Vec<u8>, arrived: bool },
    Cut,
}

impl Relay {
    /// A relay to the broker, and the address that a client connects to.
    pub(super) async fn start(broker: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::default(), passed: Notify::new(), cut: Notify::new() });
        let relay = Self { shared };
        let serving = relay.clone();
        tokio::spawn(async move {
            // One connection after the other: a client has no more.
            while let Ok((client, _)) = listener.accept().await {
                // An error ends this connection, which both sides see.
                let _ = serving.connection(client, broker).await;
            }
        });
        Ok((relay, address))
    }

    /// Loses the next packet of this kind, and the connection with it.
    pub(super) fn lose(&self, direction: Direction, packet_type: PacketType) {
        self.state().lose = Some((direction, packet_type));
    }

    /// Cuts the connection now.
    pub(super) fn cut(&self) {
        self.shared.cut.notify_one();
    }

    /// How many packets of a kind have been seen, lost ones included.
    pub(super) fn count(&self, kind: PacketType, way: Direction) -> usize {
        let state = self.state();
        let packets = state.passed.iter().filter(|passed| match passed {
            Passed::Packet { direction, bytes, .. } => *direction == way && type_of(bytes) == Some(kind),
            Passed::Cut => false,
        });
        packets.count()
    }

    /// Waits until something passes. Look at the counts after creating the future, before awaiting it.
    pub(super) async fn passed(&self) {
        self.shared.passed.notified().await;
    }

    /// Everything that passed, in order.
    pub(super) fn transcript(&self) -> Vec<Passed> {
        self.state().passed.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self, client: TcpStream, broker: SocketAddr) -> io::Result<()> {
        let broker = TcpStream::connect(broker).await?;
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_broker, to_broker) = broker.into_split();
        let mut up = core::pin::pin!(self.pass(from_client, to_broker, Direction::ToServer));
        let mut down = core::pin::pin!(self.pass(from_broker, to_client, Direction::ToClient));
        let (mut up_ended, mut down_ended) = (false, false);
        while !(up_ended && down_ended) {
            tokio::select! {
                () = self.shared.cut.notified() => {
                    self.note(Passed::Cut);
                    return Ok(());
                }
                end = &mut up, if !up_ended => up_ended = end?,
                end = &mut down, if !down_ended => down_ended = end?,
            }
        }
        Ok(())
    }

    /// Passes packets on until the sender ends; an error cuts the connection.
    async fn pass(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        direction: Direction,
    ) -> io::Result<bool> {
        let mut buffer = Vec::new();
        let mut packets = Packets::new(ProtocolVersion::V5);
        while from.read_buf(&mut buffer).await? > 0 {
            packets.push(&buffer);
            buffer.clear();
            for packet in packets.by_ref().map(|seen| seen.bytes) {
                let lost = self.is_lost(direction, &packet);
                self.note(Passed::Packet { direction, bytes: packet.clone(), arrived: !lost });
                if lost {
                    self.note(Passed::Cut);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                to.write_all(&packet).await?;
            }
        }
        to.shutdown().await?;
        Ok(true)
    }

    fn is_lost(&self, direction: Direction, packet: &[u8]) -> bool {
        let mut state = self.state();
        let lost = state.lose.is_some_and(|(way, kind)| way == direction && type_of(packet) == Some(kind));
        if lost {
            state.lose = None;
        }
        lost
    }

    fn note(&self, passed: Passed) {
        self.state().passed.push(passed);
        // A permit is kept if nobody waits at this moment.
        self.shared.passed.notify_one();
    }
}

fn type_of(packet: &[u8]) -> Option<PacketType> {
    packet.first().and_then(|first| PacketType::from_u8(first >> 4))
}

/// Draws what passed between a client and the broker.
pub(super) fn draw(name: &str, transcript: &[Passed]) -> Ladder {
    let mut ladder = Ladder::new(name, "broker");
    for passed in transcript {
        match passed {
            Passed::Packet { direction, bytes, arrived } => {
                let way = match direction {
                    Direction::ToServer => Way::Right,
                    Direction::ToClient => Way::Left,
                };
                if *arrived { ladder.bytes(way, bytes) } else { ladder.lost(way, bytes) }
            }
            Passed::Cut => ladder.cut(),
        }
    }
    ladder
}
