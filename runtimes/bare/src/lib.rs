//! An MQTT 3.1.1 and 5.0 client without an operating system: the state machine [`mqtt_engine::Client`] over a serial line or a socket, by
//! the traits of `embedded-io`.
//!
//! A [`Link`] moves the bytes. A program that does all things in turn calls [`Link::turn`], which never waits; one with an executor (embassy,
//! say) awaits [`Link::turn_async`]. Both do the same steps, decided in one place. The link owns neither the client nor the line, so that the
//! program publishes and subscribes at the client itself, between two turns.
//!
//! # A lamp behind a serial module
//!
//! ```no_run
//! use core::task::Poll;
//! use embedded_io::{Read, ReadReady, Write, WriteReady};
//! use mqtt_engine::{Client, ClientConfig, ClientEvent, QoS, Subscribe, Text, Timestamp, TopicFilter};
//! use mqtt_engine_bare::{Line, Link, Next};
//!
//! /// A UART, and the pin that makes the module behind it hang up.
//! struct Modem<U, P> {
//!     uart: U,
//!     hang_up: P,
//! }
//!
//! # trait OutputPin { fn set_high(&mut self); fn set_low(&mut self); }
//! impl<U: Read + ReadReady + Write + WriteReady, P: OutputPin> Line for Modem<U, P> {
//!     type Io = U;
//!
//!     fn io(&mut self) -> &mut U {
//!         &mut self.uart
//!     }
//!
//!     fn poll_open(&mut self, _now: Timestamp) -> Poll<Result<(), U::Error>> {
//!         self.hang_up.set_low();
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn poll_close(&mut self, _now: Timestamp) -> Poll<()> {
//!         self.hang_up.set_high();
//!         Poll::Ready(())
//!     }
//! }
//!
//! # fn millis() -> u64 { 0 }
//! # fn wait_for_interrupt() {}
//! fn run<U, P>(mut modem: Modem<U, P>, mut lamp: P) -> Result<(), Box<dyn core::error::Error>>
//! where
//!     U: Read + ReadReady + Write + WriteReady,
//!     P: OutputPin,
//! {
//!     let mut config = ClientConfig::new(Text::try_from("lamp")?);
//!     config.clean_start = false; // the server is to keep what comes while the line is down,
//!     config.session_expiry = 3600; // for an hour
//!     let now = || Timestamp::from_millis(millis()); // a tick counts them
//!     let mut client = Client::new(config, now());
//!     client.subscribe(Subscribe::new(TopicFilter::try_from("led")?, QoS::AtLeastOnce), now())?;
//!     let mut link: Link = Link::new();
//!     loop {
//!         // An error is for a log: the client knows, and connects again.
//!         let next = link.turn(&mut client, &mut modem, now()).unwrap_or(Next::AtOnce);
//!         while let Some(event) = client.poll_event() {
//!             if let ClientEvent::Received { message, .. } = event {
//!                 if &*message.payload == b"on" { lamp.set_high() } else { lamp.set_low() }
//!             }
//!         }
//!         if next != Next::AtOnce {
//!             wait_for_interrupt(); // of the UART or the tick
//!         }
//!     }
//! }
//! ```
//!
//! Whoever does something with the client after a turn and then sleeps until [`Next::Wait`] is over has not sent it: either the next turn comes
//! first, or a tick ends the sleep soon.
//!
//! # When the line is not to be trusted
//!
//! MQTT stands on TCP: it has no checksum, and nothing in its stream tells where a packet begins. A serial line has no end of the stream, and loses
//! bytes. What is done about it:
//!
//! | what happens | who finds out | then |
//! |---|---|---|
//! | the UART tells of an error (overrun, framing), or the module that it has no connection | the line: reading or writing fails | the connection counts as lost |
//! | a pin of the module tells it | the program calls [`Link::lost`] | the same |
//! | bytes from the server are lost | the client, by a malformed or forbidden packet, or by the missing answer to a PINGREQ | DISCONNECT (5.0), then hanging up |
//! | bytes to the server are lost | the server, by what makes no sense, or by the keep alive; or the client, by the missing answer | the same, or the server closes |
//! | a whole packet is lost, 3.1.1 | the client, by [`retransmit_after`](mqtt_engine::ClientConfig::retransmit_after) | it is sent again, without a new connection |
//! | the line takes nothing any more | the client, by the missing answer to a PINGREQ | five seconds for the last bytes, then hanging up |
//!
//! After each of them the session goes on over a **new connection**, never on the old one: the server might still wait for the rest of a
//! packet, and would take a CONNECT for it. So:
//!
//! - Nothing of an unfinished packet follows on the new connection; what was not acknowledged is sent again, whole and marked, with its old
//!   identifier.
//! - Hanging up must reach the server, and [`Line::poll_close`] (or [`AsyncLine::close`]) does it: a pin (DTR, reset), an escape
//!   sequence, a message to the network stack. Without it a server that has lost a byte of a PUBLISH takes the start of the next packet
//!   for its end, and passes a broken message on.
//! - [`Line::poll_open`] (or [`AsyncLine::open`]) opens a new connection, and forgets what the driver of the UART still has in its memory, in both
//!   directions.
//! - Whatever comes while there is no connection, and what waits when one has opened, is thrown away. The server speaks first in no case, so the
//!   first byte after CONNECT is CONNACK's.
//!
//! A module that dials by itself and can't be told to hang up leaves one way: **silence**. A server closes a connection on which nothing has
//! come for one and a half times the keep alive (section 3.1.2.10), and throws the rest of a packet away with it. With a
//! [`Reconnect::Backoff`](mqtt_engine::Reconnect::Backoff) whose `initial` (and so `maximum`) is above *three* times the keep alive (a random half is taken off)
//! the next CONNECT comes after that. A keep alive of ten seconds makes that half a minute.
//!
//! A UART **without flow control** loses what comes while nobody reads. Its interrupt or DMA fills a memory that must hold what comes between two
//! turns, and while the program does not take its events. [`receive_maximum`](mqtt_engine::ClientConfig::receive_maximum) times
//! [`maximum_packet_size`](mqtt_engine::ClientConfig::maximum_packet_size) bounds it for QoS 1 and 2 on 5.0; for QoS 0 nothing does.
//!
//! # Memory
//!
//! The link allocates nothing. What the client allocates, in bytes on a 32-bit processor, as `tests/allocations.rs` measures it (on i686, for topics and
//! payloads of up to eight bytes, a message at a time):
//!
//! | | allocations, bytes, the first time | kept of it | allocations, bytes, each further time |
//! |---|---|---|---|
//! | `Client` itself, where the program puts it | 892 | 892 | |
//! | its name | 1, 5 | 5 | |
//! | connect, 3.1.1 / 5.0 | 3, 191 / 3, 208 | 71 / 88 | 2, 139 / 2, 156 |
//! | PINGREQ | 0 | 0 | **0** |
//! | subscribe | 10, 220 | 168 | 4, 52 |
//! | publish QoS 0 | 1, 12 | 12 | **0** |
//! | publish QoS 1, after one of QoS 0, 3.1.1 / 5.0 | 4, 186 / 3, 148 | 167 / 148 | **0** |
//! | publish QoS 2, after one of QoS 1 | 2, 76 | 76 | **0** |
//! | receive QoS 0 | 1, 72 | 0 | 1, 72 |
//! | receive QoS 1 | 2, 120 | 48 | 1, 72 |
//! | receive QoS 2, after one of QoS 1 | 5, 196 | 124 | 1, 72 |
//!
//! All of it together is 1.6 KB for a message at a time. What is kept are tables that were empty before, and serve all that follows; for more
//! messages at once they double, by at most 132 bytes for each that waits for its acknowledgement. A received message is one allocation, freed with
//! it: its packet, in the next of 64, 128, 256, 384 and 512 bytes, with the count of its references (a larger one has two). The payload and the topic that a program publishes are its own: a topic that
//! is kept as a [`TopicName`](mqtt_engine::TopicName) and cloned costs nothing again.
//!
//! The defaults of [`ClientConfig`](mqtt_engine::ClientConfig) are bounds for machines with megabytes, and none of them is allocated before it is needed.
//! For a device: [`maximum_packet_size`](mqtt_engine::ClientConfig::maximum_packet_size), [`queue_count`](mqtt_engine::ClientConfig::queue_count),
//! [`queue_bytes`](mqtt_engine::ClientConfig::queue_bytes), [`outbox_bytes`](mqtt_engine::ClientConfig::outbox_bytes),
//! [`event_bytes`](mqtt_engine::ClientConfig::event_bytes), [`receive_maximum`](mqtt_engine::ClientConfig::receive_maximum),
//! [`inflight_maximum`](mqtt_engine::ClientConfig::inflight_maximum), and 0 for both numbers of topic aliases.
//!
//! # Processors
//!
//! Checked for `thumbv7em-none-eabihf`, `thumbv7m-none-eabi`, `riscv32imac-unknown-none-elf` and `wasm32-unknown-unknown`. `bytes` counts
//! its references atomically, which `thumbv6m-none-eabi` (Cortex-M0) and `riscv32imc-unknown-none-elf` can't do by themselves: there a program
//! depends on `bytes` with its feature `extra-platforms`, and on `portable-atomic` with its feature `critical-section`, or is compiled with
//! `--cfg portable_atomic_unsafe_assume_single_core`; the engine is checked for both with the latter.
#![no_std]

mod asynchronous;
mod line;
mod link;
mod superloop;

pub use asynchronous::{AsyncLine, Clock};
pub use line::{Line, LineError};
pub use link::Link;
pub use superloop::Next;
