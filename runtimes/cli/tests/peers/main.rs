//! Our command against programs of others: mosquitto, mosquitto_pub and mosquitto_sub, paho-mqtt for Python, and tshark as a judge of bytes.
//!
//! A test whose program is missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test may panic, and has std"
)]

mod capture;
mod foreign;
mod foreign_broker;
mod foreign_clients;
mod paho;
mod process;
#[allow(dead_code, reason = "shared; a part is used here")]
mod programs;
mod raw;
mod tshark;
