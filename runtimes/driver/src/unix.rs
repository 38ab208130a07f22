//! Unix sockets: connecting, and listening, with what becomes of the file.

use core::{fmt, marker::PhantomData, time::Duration};
use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{Connecting, Connector, Runtime, UnixSockets};

/// Whom the file lets in unless told otherwise: the user of the process.
pub const MODE: u32 = 0o600;
/// How many connections may wait to be accepted.
const BACKLOG: u16 = 1024;
/// How often, and after which pause, another process is asked to let go of the folder.
const ATTEMPTS: usize = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// A connector to a socket in the file system.
pub struct Unix<R> {
    path: PathBuf,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Unix<R> {
    /// Nothing is looked up yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), runtime: PhantomData }
    }
}

impl<R: UnixSockets> Connector for Unix<R> {
    type Stream = R::UnixStream;

    fn connect(&mut self) -> Connecting<R::UnixStream> {
        Box::pin(R::connect_unix(self.path.clone()))
    }
}

/// A listening socket, and its file: that is removed when this is dropped.
pub struct Bound<R: UnixSockets> {
    listener: R::UnixListener,
    path: PathBuf,
    /// Device and number of the file, to know it again.
    file: (u64, u64),
}

impl<R: UnixSockets> Bound<R> {
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
        let _lock = lock_folder(&R::default(), &path).await?;
        remove_stale::<R>(&path).await?;
        let bound = R::bind_unix(&path)?;
        // Before it listens: until then nobody can connect.
        let prepared = fs::set_permissions(&path, Permissions::from_mode(mode))
            .and_then(|()| Ok((R::listen_unix(bound, BACKLOG)?, identify(&path)?)));
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

    /// Accepts its connections.
    #[must_use]
    pub const fn listener(&self) -> &R::UnixListener {
        &self.listener
    }
}

impl<R: UnixSockets> Drop for Bound<R> {
    fn drop(&mut self) {
        // Another program may have put its own there.
        if identify(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Unlocked when the file is dropped.
async fn lock_folder<R: Runtime>(runtime: &R, path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = File::open(folder)?;
    for _ in 0..ATTEMPTS {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) => runtime.sleep_until(runtime.now() + PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another program holds a lock on the folder"))
}

async fn remove_stale<R: UnixSockets>(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file, and it is not a socket"));
    }
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match R::connect_unix(path.to_owned()).await {
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

impl<R> Clone for Unix<R> {
    fn clone(&self) -> Self {
        Self::new(&*self.path)
    }
}

impl<R> fmt::Debug for Unix<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unix").field("path", &self.path).finish()
    }
}

impl<R: UnixSockets> fmt::Debug for Bound<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("path", &self.path).finish_non_exhaustive()
    }
}
