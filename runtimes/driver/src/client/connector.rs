//! How a client gets its transports.

use core::{fmt, marker::PhantomData, pin::Pin};
use std::io;

use crate::Runtime;

/// An attempt to open a transport.
pub type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// Opens transports: TCP with [`Tcp`], and anything else (TLS, a pipe in a test) with a closure that returns a future of a
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

/// TCP to an address of the form `host:port`. A name is looked up at each attempt, and its addresses tried in order.
/// [MQTT-7.1.2-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
pub struct Tcp<R> {
    address: String,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Tcp<R> {
    /// Nothing is looked up yet.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), runtime: PhantomData }
    }
}

impl<R: Runtime> Connector for Tcp<R> {
    type Stream = R::TcpStream;

    fn connect(&mut self) -> Connecting<R::TcpStream> {
        Box::pin(R::connect_tcp(self.address.clone()))
    }
}

impl<R> Clone for Tcp<R> {
    fn clone(&self) -> Self {
        Self::new(&*self.address)
    }
}

impl<R> fmt::Debug for Tcp<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcp").field("address", &self.address).finish()
    }
}
