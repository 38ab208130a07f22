//! How many files this process may have open.

use crate::failure::Failure;

/// Beside the connections: standard streams, and what waits for sockets.
const MORE: u64 = 32;

/// Raises the limit as far as these connections need it.
#[cfg(unix)]
pub(super) fn allow(connections: usize) -> Result<(), Failure> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let needed = connections as u64 + MORE;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let most = limit.maximum.unwrap_or(needed);
    if most < needed {
        return Err(Failure::new(format!(
            "{connections} connections need {needed} open files, but this system allows {most}"
        ))
        .advice(format!("raise the limit as root, and in the shell: ulimit -n {needed}")));
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit).map_err(|error| {
        Failure::new(format!("the limit of open files can't be raised to {needed}: {error}"))
    })
}

/// There is no such limit.
#[cfg(not(unix))]
pub(super) fn allow(_: usize) -> Result<(), Failure> {
    let _ = MORE;
    Ok(())
}
