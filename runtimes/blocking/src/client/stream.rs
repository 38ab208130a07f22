//! Transports that wait no longer than they are told.

use core::time::Duration;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
};

/// A byte stream in both directions whose reads and writes can be bounded in time, as those of a [`TcpStream`] can.
///
/// A read or write that ran out of time fails with [`WouldBlock`](io::ErrorKind::WouldBlock) or
/// [`TimedOut`](io::ErrorKind::TimedOut), and has taken nothing.
pub trait Stream: Read + Write {
    /// Bounds each of the following reads. Never called with zero.
    ///
    /// # Errors
    ///
    /// The stream is not usable any more.
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()>;

    /// Bounds each of the following writes. Never called with zero.
    ///
    /// # Errors
    ///
    /// The stream is not usable any more.
    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()>;

    /// Says that nothing more will be written. Default: nothing is said but by dropping the stream.
    fn end_writing(&mut self) {}
}

/// [MQTT-7.1.2-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
impl Stream for TcpStream {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(timeout))
    }

    fn end_writing(&mut self) {
        // If it fails, the connection is gone already.
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Opens transports: TCP with [`Tcp`], and anything else with a closure.
pub trait Connector {
    /// The transport.
    type Stream: Stream;

    /// Opens one, within about the given time.
    ///
    /// # Errors
    ///
    /// Says why it could not be opened.
    fn connect(&mut self, within: Duration) -> io::Result<Self::Stream>;
}

impl<F, S> Connector for F
where
    F: FnMut(Duration) -> io::Result<S>,
    S: Stream,
{
    type Stream = S;

    fn connect(&mut self, within: Duration) -> io::Result<S> {
        self(within)
    }
}

/// TCP to an address of the form `host:port`. A name is looked up at each attempt (which takes as long as the system's
/// resolver takes), and its addresses are tried in order, each within its share of the time.
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

    fn connect(&mut self, within: Duration) -> io::Result<TcpStream> {
        let addresses: Vec<_> = self.address.to_socket_addrs()?.collect();
        let share = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    // Packets are gathered before they are written, so waiting for more (Nagle) only delays them.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
