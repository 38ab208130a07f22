//! Who is at the other end of a connection.

use core::net::SocketAddr;

/// What a transport tells about a connection: where it came in, and who is there. The hooks see it with everything that
/// concerns the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The tag of the listener that accepted it ([`Listener::with_tag`](super::Listener::with_tag)).
    pub listener: usize,
    /// Where it comes from, if the transport knows addresses.
    pub address: Option<SocketAddr>,
    /// Whom the client's certificate names, if there is one that was verified.
    pub certificate_name: Option<String>,
}

impl Peer {
    /// A peer of the listener with this tag, of whom nothing else is known.
    #[must_use]
    pub const fn of(listener: usize) -> Self {
        Self { listener, address: None, certificate_name: None }
    }

    /// Adds where it comes from.
    #[must_use]
    pub const fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Adds whom its verified certificate names.
    #[must_use]
    pub fn with_certificate_name(mut self, name: impl Into<String>) -> Self {
        self.certificate_name = Some(name.into());
        self
    }
}
