//! Unix sockets.

use std::{
    io,
    path::{Path, PathBuf},
};

use mqtt_engine_driver::unix::{SocketFile, listen};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::{Connecting, Connector, Tokio};

/// Whom the file lets in unless told otherwise: the user of the process.
pub const MODE: u32 = 0o600;
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A connector to a socket in the file system.
#[derive(Clone, Debug)]
pub struct Unix {
    path: PathBuf,
}

impl Unix {
    /// Nothing is looked up yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Connector for Unix {
    type Stream = UnixStream;

    fn connect(&mut self) -> Connecting<UnixStream> {
        let path = self.path.clone();
        Box::pin(UnixStream::connect(path))
    }
}

/// A listening socket, and its file: that is removed when this is dropped.
#[derive(Debug)]
pub struct Bound {
    pub(crate) listener: UnixListener,
    file: SocketFile,
}

impl Bound {
    /// Listens at this path, for those whom the mode of the file (such as [`MODE`]) lets write to it; nobody else can connect at
    /// any time.
    ///
    /// A socket that a program left behind is replaced, but only if nobody listens there; while this is found out, the folder is
    /// locked (`flock`), so of two programs that try at the same time one is refused.
    ///
    /// # Errors
    ///
    /// `AddrInUse`: somebody listens there; `AlreadyExists`: something else is at this path; and those of the system.
    pub async fn bind(path: impl Into<PathBuf>, mode: u32) -> io::Result<Self> {
        let path = path.into();
        let there = path.clone();
        let connecting = async move { UnixStream::connect(there).await.map(drop) };
        let bind = |path: &Path| {
            let socket = UnixSocket::new_stream()?;
            socket.bind(path)?;
            Ok(socket)
        };
        let (listener, file) =
            listen::<Tokio, _, _>(path, mode, connecting, bind, |socket| socket.listen(BACKLOG)).await?;
        Ok(Self { listener, file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}
