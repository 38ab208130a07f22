//! Where connections come in.

use core::{
    future::poll_fn,
    task::{Context, Poll},
};
use std::io;

use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};

use super::Peer;

/// A socket that accepts connections, and a tag that tells the hooks which one it is.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tag: usize,
}

impl Listener {
    /// Connections of this socket are told as [`Peer`]s of this tag.
    #[must_use]
    pub const fn with_tag(socket: TcpListener, tag: usize) -> Self {
        Self { socket, tag }
    }
}

/// With tag 0.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::with_tag(socket, 0)
    }
}

/// The next connection of any of the listeners.
pub(super) async fn accept(listeners: &[Listener], not_before: Instant) -> io::Result<(TcpStream, Peer)> {
    if not_before > Instant::now() {
        sleep_until(not_before).await;
    }
    poll_fn(|cx: &mut Context<'_>| {
        listeners
            .iter()
            .map(|listener| {
                let peer = Peer::of(listener.tag);
                listener
                    .socket
                    .poll_accept(cx)
                    .map_ok(|(stream, address)| (stream, peer.with_address(address)))
            })
            .find(Poll::is_ready)
            .unwrap_or(Poll::Pending)
    })
    .await
}

/// Whether an error of `accept` is about the connection that was to be accepted, and not about the system.
pub(super) fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
