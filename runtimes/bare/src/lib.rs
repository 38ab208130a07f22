//! An MQTT 3.1.1 and 5.0 client without an operating system, driven by the state machine of [`mqtt_engine`] over the traits of
//! `embedded-io`.
//!
//! ```
//! use core::task::Poll;
//! use mqtt_engine::{Client, ClientConfig, ClientEvent, Message, QoS, Subscribe, Text, Timestamp, TopicFilter};
//! use mqtt_engine_bare::{Line, LineError, Link, Next};
//!
//! # trait Pin { fn low(&mut self); fn high(&mut self); }
//! /// A UART, and the pin that makes the module behind it hang up.
//! struct Modem<U, P> {
//!     uart: U,
//!     hang_up: P,
//! }
//!
//! # use embedded_io::{Read, ReadReady, Write, WriteReady};
//! impl<U: Read + ReadReady + Write + WriteReady, P: Pin> Line for Modem<U, P> {
//!     type Io = U;
//!
//!     fn io(&mut self) -> &mut U {
//!         &mut self.uart
//!     }
//!
//!     fn poll_open(&mut self, _: Timestamp) -> Poll<Result<(), U::Error>> {
//!         self.hang_up.low();
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn poll_close(&mut self, _: Timestamp) -> Poll<()> {
//!         self.hang_up.high();
//!         Poll::Ready(())
//!     }
//! }
//! ```
#![no_std]

mod asynchronous;
mod line;
mod link;
mod superloop;

pub use asynchronous::{AsyncLine, Clock};
pub use line::{Line, LineError};
pub use link::Link;
pub use superloop::Next;
