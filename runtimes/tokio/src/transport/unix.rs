//! Unix sockets.

use core::time::Duration;
use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::{
    net::{UnixListener, UnixSocket, UnixStream},
    time::sleep,
};

use crate::client::{Connecting, Connector};

/// Whom the file lets in unless told otherwise: the user of the process.
pub const MODE: u32 = 0o600;
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How often, and after which pause, another process is asked to let go of the folder.
const ATTEMPTS: usize = 40;
const PAUSE: Duration = Duration::from_millis(25);

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
    path: PathBuf,
    /// Device and number of the file, to know it again.
    file: (u64, u64),
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
        let _lock = lock_folder(&path).await?;
        remove_stale(&path).await?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(&path)?;
        // Before it listens: until then nobody can connect.
        let prepared = fs::set_permissions(&path, Permissions::from_mode(mode))
            .and_then(|()| Ok((socket.listen(BACKLOG)?, identify(&path)?)));
        match prepared {
            Ok((listener, file)) => Ok(Self { listener, path, file }),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Another program may have put its own there.
        if identify(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Unlocked when the file is dropped.
async fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = File::open(folder)?;
    for _ in 0..ATTEMPTS {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) => sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another program holds a lock on the folder"))
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file, and it is not a socket"));
    }
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match UnixStream::connect(path).await {
        Err(error) if refused(&error) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        // Whatever the answer: somebody is there.
        Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn identify(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
