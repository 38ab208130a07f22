//! The client, driven by hand in virtual time. A test that stands for a scenario carries its number.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what went wrong by panicking"
)]

mod flow;
mod handshake;
#[path = "../harness/mod.rs"]
mod harness;
mod keep_alive;
mod limits;
mod qos2;
mod reconnect;
mod requests;
mod resume;
mod rules;
