//! What holds on every runtime, on tokio.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test"
)]

mod adapter;
#[path = "../../../driver/tests/on_every_runtime/mod.rs"]
mod on_every_runtime;
