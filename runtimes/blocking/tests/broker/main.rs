//! The broker: what holds on every runtime, with asynchronous clients, and what is special about threads.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test"
)]

mod adapter;
#[allow(dead_code, reason = "a part is used")]
mod on_every_runtime;
mod threads;
