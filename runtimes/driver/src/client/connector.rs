//! How a client gets its transports.

use core::pin::Pin;
use std::io;

/// An attempt to open a transport.
pub type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// Opens transports: TCP with `Tcp`, and anything else (TLS, a pipe in a test) with a closure that returns a future of a
/// stream.
pub trait Connector {
    /// The transport.
    type Stream;

    /// Begins to open one. The future is dropped if the client no longer wants it, or after the connect timeout.
    fn connect(&mut self) -> Connecting<Self::Stream>;
}

impl<F, A, S> Connector for F
where
    F: FnMut() -> A,
    A: Future<Output = io::Result<S>> + Send + 'static,
{
    type Stream = S;

    fn connect(&mut self) -> Connecting<S> {
        Box::pin(self())
    }
}
