//! A broker's process: started for one run and ended after it.

use std::{
    fs,
    io::{self, Read},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a broker may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(10);
/// Descriptors for 10,000 connections.
const DESCRIPTORS: &str = "--nofile=16384:16384";
/// A broker's core.
const CORE: &str = "0";
/// The core of what talks to it: the load, or a client.
pub(crate) const OTHER_CORE: &str = "1";

/// A broker that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    configuration: Option<PathBuf>,
}

/// The begin of a command line: on the core that is a broker's, and with enough descriptors. The program and its arguments follow.
pub(super) fn command() -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", CORE, "prlimit", DESCRIPTORS]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Running {
    /// Waits until it listens. The file is removed at the end.
    pub(super) fn start(
        mut command: Command,
        address: SocketAddr,
        configuration: Option<PathBuf>,
    ) -> io::Result<Self> {
        let mut running = Self { child: command.spawn()?, address, configuration };
        running.wait_until_it_accepts()?;
        Ok(running)
    }

    /// `taskset` and `prlimit` become the program that they start, so this is the broker's.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the input of one that ends with it, and gives what it has said.
    pub(crate) fn last_words(mut self) -> io::Result<String> {
        drop(self.child.stdin.take());
        let mut words = String::new();
        if let Some(output) = &mut self.child.stdout {
            output.read_to_string(&mut words)?;
        }
        Ok(words)
    }

    fn wait_until_it_accepts(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = TcpStream::connect(self.address) {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let state = ended.map_or_else(|| "still runs".to_owned(), |status| status.to_string());
                return Err(io::Error::new(
                    error.kind(),
                    format!("the broker does not listen: {error}; {state}"),
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody can do anything about the file.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = &self.configuration {
            let _ = fs::remove_file(path);
        }
    }
}
