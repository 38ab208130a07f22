//! What connections of a broker are made of.

use core::time::Duration;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
};

/// A byte stream that one thread reads while another writes, as a [`TcpStream`] can.
pub trait Socket: Send + Sync + 'static {
    /// Waits for bytes; 0 at the end.
    ///
    /// # Errors
    ///
    /// The stream has failed.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some of these parts, from the first on.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut): the peer took nothing for as long as
    /// was set; any other: the stream has failed.
    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Bounds each of the following writes. Never called with zero.
    ///
    /// # Errors
    ///
    /// The stream is not usable any more.
    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Says that nothing more will be written, or ends both directions: then nobody waits in [`read`](Self::read) or
    /// [`write`](Self::write) any more.
    fn shut_down(&self, how: Shutdown);
}

macro_rules! socket {
    ($stream:ty) => {
        impl Socket for $stream {
            fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                let mut stream = self;
                Read::read(&mut stream, buffer)
            }

            fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
                let mut stream = self;
                stream.write_vectored(parts)
            }

            fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
                Self::set_write_timeout(self, Some(timeout))
            }

            fn shut_down(&self, how: Shutdown) {
                // If it fails, the connection is gone already.
                let _ = self.shutdown(how);
            }
        }
    };
}

// [MQTT-7.1.1-1] (3.1.1), [MQTT-4.2.0-1] (5.0)
socket!(TcpStream);
#[cfg(unix)]
socket!(UnixStream);
