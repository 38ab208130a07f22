//! TLS, WebSocket and Unix sockets between our command and programs of others: MQTT.js, mosquitto and its clients, paho-mqtt for Python.
//!
//! A test whose program is missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

#![expect(clippy::unwrap_used, clippy::std_instead_of_core, reason = "a test may panic, and has std")]

mod certificates;
#[path = "../peers/foreign.rs"]
mod foreign;
mod foreign_broker;
mod foreign_clients;
mod ours;
#[path = "../peers/process.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod process;
#[path = "../peers/programs.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod programs;
mod reload;
mod server;
mod trouble;
mod users;
