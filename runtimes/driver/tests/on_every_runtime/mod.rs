//! What holds on every runtime, tested on real sockets of this machine. Each adapter's tests include this folder and have a
//! module `adapter` that says, with the same names for all, how its runtime is used.

mod broker;
mod client;
mod faults;
#[path = "../../../cli/tests/peers/foreign.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod foreign;
mod foreign_broker;
mod foreign_clients;
mod hooks;
mod lasting;
#[path = "../../../cli/tests/peers/process.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod process;
mod streams;
mod support;
#[cfg(unix)]
mod unix;

pub(crate) use faults::Faulty;
