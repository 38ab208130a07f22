//! Programs that a test starts, watches line by line, and ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take. Far more than it takes, even while other tests run.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Ended, by its handle, when it is dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    lines: Receiver<(Stream, String)>,
    /// Every line so far, for the message of a test that fails.
    said: Vec<(Stream, String)>,
    /// How many of them `wait_for` has looked at.
    read: usize,
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The lines of standard output.
    pub(crate) out: Vec<String>,
    /// The lines of standard error.
    pub(crate) err: Vec<String>,
}

impl Ended {
    /// Panics unless the exit code is 0.
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.status.success(), "it failed: {self:#?}");
        self
    }
}

impl Process {
    /// Starts a program without standard input.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_input(command, b"")
    }

    /// Starts a program that reads `input`, then the end of it.
    pub(crate) fn start_with_input(command: &mut Command, input: &[u8]) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        // A program that doesn't read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input);
        let (lines, receiver) = channel();
        collect(Stream::Out, child.stdout.take().unwrap(), lines.clone());
        collect(Stream::Err, child.stderr.take().unwrap(), lines);
        Self { child, name, lines: receiver, said: Vec::new(), read: 0 }
    }

    /// Waits for the next line, of either stream, that contains `part`. Panics with all it said if it ends or takes too long.
    pub(crate) fn wait_for(&mut self, part: &str) -> String {
        self.try_wait_for(part).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Waits for the next line of standard output.
    pub(crate) fn next_line(&mut self) -> String {
        self.find(|stream, _| stream == Stream::Out).unwrap_or_else(|why| panic!("waiting for a line: {why}"))
    }

    /// Waits for the next line that contains `part`, and says why if none comes.
    pub(crate) fn try_wait_for(&mut self, part: &str) -> Result<String, String> {
        self.find(|_, line| line.contains(part)).map_err(|why| format!("waiting for {part:?}: {why}"))
    }

    /// Asks it politely to end: SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Asks it to read its settings anew: SIGHUP.
    #[allow(dead_code, reason = "not every test program does")]
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let kill =
            Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status().unwrap();
        assert!(kill.success(), "{} is gone already\n{}", self.name, self.report());
    }

    /// Ends it at once: SIGKILL. The kernel closes its connections, nothing else is said.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        // Both streams end with the program, so this also waits for the program.
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it doesn't end\n{}", self.report()),
            }
        }
        let status = self.child.wait().unwrap();
        let of = |wanted| {
            self.said.iter().filter(move |(stream, _)| *stream == wanted).map(|(_, line)| line.clone())
        };
        Ended { status, out: of(Stream::Out).collect(), err: of(Stream::Err).collect() }
    }

    fn find(&mut self, is_it: impl Fn(Stream, &str) -> bool) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some((stream, line)) = self.said.get(self.read) {
                self.read += 1;
                if is_it(*stream, line) {
                    return Ok(line.clone());
                }
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => return Err(format!("it ended\n{}", self.report())),
                Err(RecvTimeoutError::Timeout) => return Err(format!("it took too long\n{}", self.report())),
            }
        }
    }

    fn report(&self) -> String {
        let said: Vec<String> =
            self.said.iter().map(|(stream, line)| format!("{stream:?}: {line}")).collect();
        format!("{} said:\n{}", self.name, said.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: Stream, from: impl Read + Send + 'static, lines: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if lines.send((stream, text)).is_err() {
                break;
            }
            line.clear();
        }
    });
}
