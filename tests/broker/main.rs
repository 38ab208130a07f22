//! The broker as its clients see it: bytes in, bytes out, virtual time. Names carry the scenario numbers.

mod acceptance;
mod faults;
mod flows;
mod harness;
mod keep_alive;
mod limits;
mod publishing;
mod questions;
mod retained;
mod sessions;
mod subscribing;
mod takeover;
mod version5;
mod wills;
