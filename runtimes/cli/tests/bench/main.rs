//! `mqtt bench` against our own broker, Debian's mosquitto, and a server that does wrong on purpose. What is asserted are counts and
//! structure, never speeds.
//!
//! A test whose program is missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic, and has std"
)]

mod brokers;
mod demands;
mod fake;
mod faults;
#[path = "../peers/foreign.rs"]
mod foreign;
mod measured;
#[path = "../peers/process.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod process;
#[path = "../peers/programs.rs"]
#[allow(dead_code, unused_imports, reason = "shared; a part is used here")]
mod programs;
#[path = "../support/mod.rs"]
mod support;
mod wrong;

use serde_json::Value;

use support::{Run, run};

/// What `mqtt bench --json` ended with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) code: i32,
    /// Null if there was no report.
    pub(crate) report: Value,
    pub(crate) err: String,
}

/// Runs it against a port of this machine.
pub(crate) fn bench(port: &str, arguments: &[&str]) -> Bench {
    let mut all = vec!["bench", "-h", "127.0.0.1", "-p", port, "--json", "--quiet"];
    all.extend(arguments);
    let Run { code, out, err } = run(&all);
    let report = if out.is_empty() { Value::Null } else { serde_json::from_str(&out).unwrap() };
    Bench { code, report, err }
}

impl Bench {
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.report[name].as_u64().unwrap_or_else(|| panic!("{name} in {self:?}"))
    }

    /// All has arrived, once and in order.
    pub(crate) fn expect_all(&self, published: u64, delivered: u64) -> &Self {
        assert_eq!((self.code, &*self.err), (0, ""), "{self:?}");
        assert_eq!((self.count("published"), self.count("delivered")), (published, delivered));
        assert_eq!((self.count("lost"), self.count("duplicated"), self.count("out_of_order")), (0, 0, 0));
        assert_eq!((&self.report["ok"], self.count("stalls")), (&Value::Bool(true), 0));
        self
    }

    /// It failed with these words, and no report.
    pub(crate) fn expect_failure(&self, words: &[&str]) -> &Self {
        assert!(self.code != 0 && self.report.is_null(), "{self:?}");
        for part in words {
            assert!(self.err.contains(part), "no {part:?} in {}", self.err);
        }
        self
    }
}
