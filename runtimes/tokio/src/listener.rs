//! Where connections come in.

use core::{
    fmt,
    task::{Context, Poll},
};
use std::{io, sync::Arc};

#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpListener, TcpStream};

#[cfg(feature = "tls")]
use crate::transport::tls::Acceptor;
#[cfg(unix)]
use crate::transport::unix::Bound;
#[cfg(feature = "websocket")]
use crate::transport::websocket;
use crate::{Peer, layers::Layers};

/// A socket that accepts connections, a tag that tells the hooks which one it is, and what its connections carry.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tag: usize,
    layers: Arc<Layers>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(Bound),
}

/// A connection before any handshake.
pub(crate) enum Raw {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    /// Connections of this socket are told as [`Peer`]s of this tag.
    #[must_use]
    pub fn with_tag(socket: impl Into<Self>, tag: usize) -> Self {
        Self { tag, ..socket.into() }
    }

    /// Its connections are encrypted: each begins with a TLS handshake.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, acceptor: Acceptor) -> Self {
        Arc::make_mut(&mut self.layers).tls = Some(acceptor);
        self
    }

    /// Its connections are WebSockets, inside TLS if there is TLS.
    #[cfg(feature = "websocket")]
    #[must_use]
    pub fn with_websocket(mut self, config: websocket::Config) -> Self {
        Arc::make_mut(&mut self.layers).websocket = Some(config);
        self
    }

    fn new(socket: Socket) -> Self {
        Self { socket, tag: 0, layers: Arc::default() }
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, Peer)>> {
        let peer = Peer::of(self.tag);
        let accepted = match &self.socket {
            Socket::Tcp(socket) => socket.poll_accept(cx).map_ok(|(stream, address)| {
                // Without it packets are only sent later, which hurts nobody but the clock.
                let _ = stream.set_nodelay(true);
                (Raw::Tcp(stream), peer.with_address(address))
            }),
            #[cfg(unix)]
            Socket::Unix(socket) => {
                socket.listener().poll_accept(cx).map_ok(|(stream, _)| (Raw::Unix(stream), peer))
            }
        };
        accepted.map_ok(|(raw, peer)| (Accepted { raw, layers: Arc::clone(&self.layers) }, peer))
    }
}

/// With tag 0.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(Socket::Tcp(socket))
    }
}

/// With tag 0.
#[cfg(unix)]
impl From<Bound> for Listener {
    fn from(socket: Bound) -> Self {
        Self::new(Socket::Unix(socket))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            #[cfg(unix)]
            Self::Unix(stream) => stream.fmt(f),
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    pub(crate) raw: Raw,
    /// What it carries.
    pub(crate) layers: Arc<Layers>,
}
