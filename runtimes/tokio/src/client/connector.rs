//! How a client gets its transports.

use core::pin::Pin;
use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// An attempt to open a transport.
pub type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// Opens transports: TCP with [`Tcp`], and anything else (TLS, a pipe in a test) with a closure that returns a future of a
/// stream.
pub trait Connector {
    /// The transport.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Begins to open one. The future is dropped if the client no longer wants it, or after the connect timeout.
    fn connect(&mut self) -> Connecting<Self::Stream>;
}

impl<F, A, S> Connector for F
where
    F: FnMut() -> A,
    A: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Stream = S;

    fn connect(&mut self) -> Connecting<S> {
        Box::pin(self())
    }
}

/// TCP to an address of the form `host:port`. A name is looked up at each attempt, and its addresses tried in order.
/// [MQTT-7.1.2-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
#[derive(Clone, Debug)]
pub struct Tcp {
    address: String,
}

impl Tcp {
    /// Nothing is looked up yet.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }
}

impl Connector for Tcp {
    type Stream = TcpStream;

    fn connect(&mut self) -> Connecting<TcpStream> {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // Packets are gathered before they are written, so waiting for more (Nagle) only delays them.
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}
