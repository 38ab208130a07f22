//! Where the flows are played: prints them, and remembers what holds and what was sent.

use core::fmt::Write;
use std::net::SocketAddr;

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
    checks: usize,
    failures: usize,
}

impl Stage {
    pub(super) const fn new(version: ProtocolVersion, broker: SocketAddr) -> Self {
        Self { version, broker, title: String::new(), dump: String::new(), checks: 0, failures: 0 }
    }

    /// A new flow begins.
    pub(super) fn begin(&mut self, title: &str, story: &str) {
        self.title = String::from(title);
        println!("\n== {title}\n   {story}");
    }

    /// A client enters.
    pub(super) async fn enter(&self, name: &str, manner: &Manner) -> Result<Actor, Failure> {
        Actor::enter(name, manner, self.version, self.broker).await
    }

    /// Draws what passed between a client and the broker.
    pub(super) fn draw(&mut self, name: &str, transcript: &[Passed]) {
        print!("\n{}", relay::draw(name, transcript, self.version));
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
        println!("  {} {what}", if holds { "✔" } else { "✘" });
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
