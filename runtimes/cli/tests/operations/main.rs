//! `mqtt broker` as it is operated: configuration, users, permissions, reload, statistics, log. Tests that show a known
//! vulnerability of other brokers carry its number.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test may panic, and has std"
)]

mod configuration;
mod listeners;
mod observation;
mod passwords;
mod permissions;
mod reload;
mod rules;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod wire;
