//! The command as a child process.
#![allow(dead_code, reason = "each test program uses a part")]

use core::time::Duration;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::Instant,
};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with_input(arguments, b"")
}

/// Runs it to its end with this standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        // A command that does not read its input may end first.
        let _ = stdin.write_all(&input);
    });
    let run = end(child);
    writer.join().unwrap();
    run
}

/// Waits for the end.
pub(crate) fn end(mut child: Child) -> Run {
    let began = Instant::now();
    let readers = (child.stdout.take(), child.stderr.take());
    let out = thread::spawn(move || text(readers.0));
    let err = thread::spawn(move || text(readers.1));
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end; out: {}; err: {}", out.join().unwrap(), err.join().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    Run { code, out: out.join().unwrap(), err: err.join().unwrap() }
}

fn text(stream: Option<impl Read>) -> String {
    let mut all = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut all).unwrap();
    }
    String::from_utf8(all).unwrap()
}

/// `mqtt broker` on a free port.
pub(crate) struct Broker {
    child: Option<Child>,
    stderr: Option<BufReader<ChildStderr>>,
    pub(crate) port: String,
}

impl Broker {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["broker", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut child = command(&all).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening on 127.0.0.1:").expect(&line).to_owned();
        Self { child: Some(child), stderr: Some(stderr), port }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Sends a signal, waits for the end and tells the exit code and the log.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        send(self.id(), signal);
        let mut child = self.child.take().unwrap();
        let mut log = String::new();
        self.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (child.wait().unwrap().code(), log)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal to a process of ours.
pub(crate) fn send(id: u32, signal: &str) {
    let Output { status, .. } = Command::new("kill").args(["-s", signal, &id.to_string()]).output().unwrap();
    assert!(status.success());
}
