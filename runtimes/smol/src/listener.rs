//! Where connections come in.

use core::{
    net::SocketAddr,
    task::{Context, Poll, ready},
};
use std::{io, sync::Arc};

use async_io::Async;

use crate::Peer;
#[cfg(unix)]
use crate::unix::Bound;

/// A socket that accepts connections, and a tag that tells the hooks which one it is.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tag: usize,
}

#[derive(Debug)]
enum Socket {
    Tcp(Arc<Async<std::net::TcpListener>>),
    #[cfg(unix)]
    Unix(Bound),
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Incoming(pub(crate) Raw);

#[derive(Debug)]
pub(crate) enum Raw {
    Tcp(async_net::TcpStream),
    #[cfg(unix)]
    Unix(async_net::unix::UnixStream),
}

impl Listener {
    /// Connections of this socket are told as [`Peer`]s of this tag.
    #[must_use]
    pub fn with_tag(socket: impl Into<Self>, tag: usize) -> Self {
        Self { tag, ..socket.into() }
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Incoming, Peer)>> {
        let peer = Peer::of(self.tag);
        match &self.socket {
            Socket::Tcp(socket) => poll_accept(socket, |socket| socket.accept().and_then(tcp), cx)
                .map_ok(|(stream, address)| (Incoming(Raw::Tcp(stream)), peer.with_address(address))),
            #[cfg(unix)]
            Socket::Unix(socket) => {
                let accept = |socket: &std::os::unix::net::UnixListener| Async::new(socket.accept()?.0);
                poll_accept(socket.listener(), accept, cx)
                    .map_ok(|stream| (Incoming(Raw::Unix(stream.into())), peer))
            }
        }
    }
}

/// With tag 0.
impl From<async_net::TcpListener> for Listener {
    fn from(socket: async_net::TcpListener) -> Self {
        Self { socket: Socket::Tcp(socket.into()), tag: 0 }
    }
}

/// With tag 0.
#[cfg(unix)]
impl From<Bound> for Listener {
    fn from(socket: Bound) -> Self {
        Self { socket: Socket::Unix(socket), tag: 0 }
    }
}

/// Accepts until that says that it would have to wait; then waits for the socket.
fn poll_accept<L, T>(
    socket: &Async<L>,
    accept: impl Fn(&L) -> io::Result<T>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    loop {
        match accept(socket.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(socket.poll_readable(cx))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            accepted => return Poll::Ready(accepted),
        }
    }
}

fn tcp(
    (stream, address): (std::net::TcpStream, SocketAddr),
) -> io::Result<(async_net::TcpStream, SocketAddr)> {
    // Without it packets are only sent later, which hurts nobody but the clock.
    let _ = stream.set_nodelay(true);
    Ok((Async::new(stream)?.into(), address))
}
