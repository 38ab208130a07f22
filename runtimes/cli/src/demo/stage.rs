//! Where the flows are played: prints them, and remembers what holds and what was sent.

use core::{fmt::Write as _, net::SocketAddr};
use std::io::{self, Write as _};

use mqtt_engine::packet::ProtocolVersion;

use super::{
    actor::{Actor, Manner},
    relay::{self, Passed},
};
use crate::failure::Failure;

pub(super) struct Stage {
    pub(super) version: ProtocolVersion,
    pub(super) broker: SocketAddr,
    title: String,
    dump: String,
    /// Nobody reads what is printed.
    unread: bool,
    checks: usize,
    failures: usize,
}

impl Stage {
    pub(super) const fn new(version: ProtocolVersion, broker: SocketAddr) -> Self {
        Self {
            version,
            broker,
            title: String::new(),
            dump: String::new(),
            unread: false,
            checks: 0,
            failures: 0,
        }
    }

    /// A new flow begins.
    pub(super) fn begin(&mut self, title: &str, story: &str) {
        self.title = String::from(title);
        self.print(&format!("\n== {title}\n   {story}\n"));
    }

    /// A client enters.
    pub(super) async fn enter(&self, name: &str, manner: &Manner) -> Result<Actor, Failure> {
        Actor::enter(name, manner, self.version, self.broker).await
    }

    /// Draws what passed between a client and the broker.
    pub(super) fn draw(&mut self, name: &str, transcript: &[Passed]) {
        self.print(&format!("\n{}", relay::draw(name, transcript)));
        // Writing to a string does not fail.
        let _ = writeln!(self.dump, "# {}: {name}", self.title);
        for passed in transcript {
            match passed {
                Passed::Packet { direction, bytes, .. } => {
                    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    let _ = writeln!(self.dump, "{direction} {digits}");
                }
                Passed::Cut => {
                    let _ = writeln!(self.dump, "# the connection is cut");
                }
            }
        }
    }

    /// Says what should be so, and whether it is.
    pub(super) fn check(&mut self, holds: bool, what: &str) {
        self.checks += 1;
        if !holds {
            self.failures += 1;
        }
        self.print(&format!("  {} {what}\n", if holds { "✔" } else { "✘" }));
    }

    /// Prints, as long as somebody reads; the flows are played to their end all the same, for the exit code.
    pub(super) fn print(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        if !self.unread && out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.unread = true;
        }
    }

    /// A flow that could not be played to its end.
    pub(super) fn broke_off(&mut self, failure: &Failure) {
        self.check(false, &failure.to_string());
    }

    /// Every packet that was drawn, a line each.
    pub(super) fn dump(&self) -> &str {
        &self.dump
    }

    pub(super) const fn checks(&self) -> usize {
        self.checks
    }

    pub(super) const fn failures(&self) -> usize {
        self.failures
    }
}
