//! TCP, for clients.

use mqtt_engine_driver::{Connecting, Connector};
use tokio::net::TcpStream;

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

impl From<String> for Tcp {
    fn from(address: String) -> Self {
        Self::new(address)
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
