//! What MQTT travels over, besides TCP: TLS, WebSocket and Unix sockets, each on its own and on top of each other.
//!
//! A client's connectors wrap each other: `wss` is a [`WebSocket`](websocket::WebSocket) over a [`Tls`](tls::Tls) over
//! [`Tcp`](crate::Tcp). A server's [`Listener`](crate::Listener) is told what to expect inside its connections.

#[cfg(feature = "tls")]
pub mod tls;
#[cfg(unix)]
pub mod unix;
#[cfg(feature = "websocket")]
pub mod websocket;

use core::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Connecting, Connector};

/// A stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream of any kind.
pub type BoxedStream = Box<dyn Duplex>;

impl fmt::Debug for dyn Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Duplex")
    }
}

/// A connector of any kind; see [`boxed`].
pub type BoxedConnector = Box<dyn FnMut() -> Connecting<BoxedStream> + Send>;

/// Hides what a connector opens, for programs that choose when they run.
pub fn boxed<C>(mut connector: C) -> BoxedConnector
where
    C: Connector + Send + 'static,
    C::Stream: Duplex + 'static,
{
    Box::new(move || {
        let opening = connector.connect();
        Box::pin(async move { Ok(Box::new(opening.await?) as BoxedStream) })
    })
}
