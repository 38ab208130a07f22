//! The file of a listening Unix socket: how it comes to a path, and how it goes.

use core::time::Duration;
use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::Runtime;

/// How often, and after which pause, another process is asked to let go of the folder.
const ATTEMPTS: usize = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// The file of a socket, removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number of the file, to know it again.
    file: (u64, u64),
}

/// Listens at this path, for those whom the mode of the file lets write to it; nobody else can connect at any time.
///
/// A socket that a program left behind is replaced, but only if nobody listens there: if `connecting` to it is refused. While
/// this is found out, the folder is locked (`flock`), so of two programs that try at the same time one is refused. `bind` makes
/// the socket and its file, `listen` lets clients in.
///
/// # Errors
///
/// `AddrInUse`: somebody listens there; `AlreadyExists`: something else is at this path; and those of the system.
pub async fn listen<R: Runtime, B, L>(
    path: PathBuf,
    mode: u32,
    connecting: impl Future<Output = io::Result<()>>,
    bind: impl FnOnce(&Path) -> io::Result<B>,
    listen: impl FnOnce(B) -> io::Result<L>,
) -> io::Result<(L, SocketFile)> {
    let _lock = lock_folder(&R::default(), &path).await?;
    remove_stale(&path, connecting).await?;
    let bound = bind(&path)?;
    // Before it listens: until then nobody can connect.
    let prepared = fs::set_permissions(&path, Permissions::from_mode(mode))
        .and_then(|()| Ok((listen(bound)?, identify(&path)?)));
    match prepared {
        Ok((listener, file)) => Ok((listener, SocketFile { path, file })),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

impl SocketFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
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

async fn remove_stale(path: &Path, connecting: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file, and it is not a socket"));
    }
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match connecting.await {
        Err(error) if refused(&error) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        // Whatever the answer: somebody is there.
        Ok(()) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn identify(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
