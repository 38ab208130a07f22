//! The loops over a serial line with a module behind it that makes TCP of it, and a broker at the end, in virtual time. Every scenario runs
//! in the superloop, awaited by a program that drops the future whenever it waits, and by one that never does.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]

mod board;
mod faults;
mod flows;
mod hooks;
mod serial;
mod site;
