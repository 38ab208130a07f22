//! What fuzzers throw at the engine.
//!
//! Each target is an ordinary function of bytes that panics if something is wrong. The fuzzer calls it from
//! `fuzz_targets/NAME.rs`, and `cargo test -p mqtt-engine-fuzz` calls it with what stands in `corpus/NAME` and `regressions/NAME`.

#![expect(clippy::wildcard_enum_match_arm, reason = "what a target does not look at, it lets pass")]
#![expect(clippy::std_instead_of_alloc, reason = "none of this runs without std")]

mod broker_against_bytes;
mod broker_operations;
mod chunking;
mod client_against_bytes;
mod conversation;
mod decode;
mod differential;
mod filters;
mod packets;
mod round_trip;
mod setting;
mod stream;

use std::{env, fs, io};

use mqtt_engine::packet::ProtocolVersion;

pub use broker_against_bytes::broker_against_bytes;
pub use broker_operations::broker_operations;
pub use chunking::chunking;
pub use client_against_bytes::client_against_bytes;
pub use conversation::conversation;
pub use decode::decode;
pub use differential::differential;
pub use filters::{filters, naive_matches};
pub use round_trip::round_trip;

/// A target's name, which is that of its folders and its program, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 9] = [
    ("decode", decode),
    ("round_trip", round_trip),
    ("chunking", chunking),
    ("client_against_bytes", client_against_bytes),
    ("broker_against_bytes", broker_against_bytes),
    ("broker_operations", broker_operations),
    ("conversation", conversation),
    ("differential", differential),
    ("filters", filters),
];

const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// The program of a target: built by `cargo fuzz` it is the fuzzer, otherwise it runs the files that it is given.
#[macro_export]
macro_rules! program {
    ($body:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $body(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::run_files($body)
        }
    };
}

/// Runs the files that the command line names.
///
/// # Errors
///
/// Says why a file can't be read.
pub fn run_files(body: fn(&[u8])) -> io::Result<()> {
    for path in env::args_os().skip(1) {
        body(&fs::read(path)?);
    }
    Ok(())
}
