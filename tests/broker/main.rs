//! The broker as its clients see it: bytes in, bytes out, virtual time. Names carry the scenario numbers.

#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for one packet or event; all others are alike"
)]
#![expect(clippy::cast_possible_truncation, reason = "numbers that are noise or known to be small")]
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod acceptance;
mod authentication;
mod availability;
mod deadlines;
mod faults;
mod flows;
mod harness;
mod keep_alive;
mod limits;
mod pacing;
mod publishing;
mod questions;
mod retained;
mod rules;
mod sessions;
mod shared;
mod standing;
mod subscribing;
mod takeover;
mod version5;
mod vulnerabilities;
mod wills;
