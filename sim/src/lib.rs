//! Breaks the networks of the engine's clients and brokers, and watches whether they keep their promises.
//!
//! Everything in a run follows from a seed: the setup, the workload, the faults. Time is virtual and jumps to the next
//! deadline, so that hours pass in a millisecond, and the same seed gives the same run, byte for byte.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "a tool of this workspace for hosts with std, not a library for others"
)]

pub mod checker;
pub mod coverage;
pub mod lone;
mod names;
pub mod pair;
pub mod random;
mod reference;
pub mod ring;
mod shrink;
pub mod trace;
#[cfg(feature = "hosts")]
pub mod turmoil;
mod violation;

pub use ring::{Report, Ring};
pub use violation::{Checked, Violation, quiet_panics};
