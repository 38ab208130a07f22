//! How it goes, on one line of a terminal that is written anew.

use std::io::{self, IsTerminal, Write};

/// How often, in nanoseconds.
const INTERVAL: u64 = 250_000_000;

#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    what: &'static str,
    next: u64,
    /// Time and deliveries of the last line.
    before: (u64, u64),
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let is_shown = !quiet && io::stderr().is_terminal();
        Self { is_shown, what: "", next: 0, before: (0, 0) }
    }

    /// What begins now.
    pub(super) const fn begin(&mut self, what: &'static str, now: u64) {
        self.what = what;
        self.next = now;
        self.before = (now, 0);
    }

    /// Says how many connections there are.
    pub(super) fn connected(&mut self, now: u64, connections: usize) {
        if self.is_due(now) {
            write(&format!("{}: {connections} connections", self.what));
        }
    }

    /// Says how many messages there are.
    pub(super) fn show(&mut self, now: u64, published: u64, delivered: u64) {
        if self.is_due(now) {
            let (time, deliveries) = self.before;
            let seconds = (now - time) as f64 / 1e9;
            let rate =
                if seconds > 0.0 { delivered.saturating_sub(deliveries) as f64 / seconds } else { 0.0 };
            write(&format!("{}: {published} messages, {delivered} deliveries, {rate:.0}/s", self.what));
            self.before = (now, delivered);
        }
    }

    /// Clears the line.
    pub(super) fn end(&self) {
        if self.is_shown {
            write("");
        }
    }

    const fn is_due(&mut self, now: u64) -> bool {
        if !self.is_shown || now < self.next {
            return false;
        }
        self.next = now + INTERVAL;
        true
    }
}

fn write(line: &str) {
    // Nobody needs it.
    let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
}
