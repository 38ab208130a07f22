//! The client, driven by hand in virtual time. A test that stands for a scenario carries its number.

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
