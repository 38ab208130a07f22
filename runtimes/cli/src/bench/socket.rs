//! Nonblocking sockets.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{self, Read, Write},
    net::ToSocketAddrs,
    path::PathBuf,
};

use mio::{Interest, Registry, Token, event::Source, net::TcpStream};

use crate::target::Target;

/// How long the first connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where all connections go.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A stream of bytes.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

impl Socket {
    /// The first connection, which waits: of the addresses of a name it takes the one that answers.
    pub(super) fn first(target: &Target) -> io::Result<(Self, Address)> {
        let Target::Tcp { host, port, .. } = target else {
            let Target::Unix(path) = target else { return Err(io::ErrorKind::Unsupported.into()) };
            let address = Address::Unix(path.clone());
            return Ok((Self::open(&address)?, address));
        };
        let mut result = Err(io::ErrorKind::NotFound.into());
        for address in (host.as_str(), *port).to_socket_addrs()? {
            result = std::net::TcpStream::connect_timeout(&address, PATIENCE).map(|stream| (stream, address));
            if result.is_ok() {
                break;
            }
        }
        let (stream, address) = result?;
        stream.set_nonblocking(true)?;
        Ok((Self::tcp(TcpStream::from_std(stream))?, Address::Tcp(address)))
    }

    /// A further connection; it may be open only later.
    pub(super) fn open(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Self::tcp(TcpStream::connect(*address)?),
            #[cfg(unix)]
            Address::Unix(path) => {
                // Waits for room in the server's backlog, of which nobody would tell a nonblocking socket.
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(mio::net::UnixStream::from_std(stream)))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Has `registry` tell of it under this number.
    pub(super) fn register(&mut self, registry: &Registry, number: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.source().register(registry, Token(number), interest)
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(into),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}
