//! Those of the tests of every runtime that are about brokers.

#[path = "../../../driver/tests/on_every_runtime/broker.rs"]
mod broker;
#[path = "../../../cli/tests/peers/foreign.rs"]
mod foreign;
#[path = "../../../driver/tests/on_every_runtime/foreign_clients.rs"]
mod foreign_clients;
#[path = "../../../driver/tests/on_every_runtime/hooks.rs"]
mod hooks;
#[path = "../../../driver/tests/on_every_runtime/lasting.rs"]
mod lasting;
#[path = "../../../cli/tests/peers/process.rs"]
mod process;
#[path = "../../../driver/tests/on_every_runtime/support.rs"]
pub(crate) mod support;
