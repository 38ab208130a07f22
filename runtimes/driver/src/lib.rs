//! What the adapters of [`mqtt_engine`] share: an MQTT 3.1.1 and 5.0 client and broker over the streams and timers of any runtime.
//!
//! Programs use the adapter of their runtime (`mqtt-engine-tokio`, `mqtt-engine-smol`, `mqtt-engine-blocking`), which shows what
//! is here under its own name. This crate is for who writes another one:
//!
//! - [`Runtime`] is a clock, and [`Streams`] moves bytes: with these there is a [`Client`].
//! - [`Host`] runs tasks and accepts connections: with it there is a [`Server`].
//! - [`Shared`] is the broker behind its lock, for a server that is not made of futures: whoever acts on it wakes the
//!   connections that this concerns, and shows what happened to the [`Hooks`].
//!
//! Nothing here has a clock, a socket or a thread, nor depends on more than the engine and `bytes`.
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod broker;
mod client;
mod io;
mod runtime;
mod signal;
mod time;
#[cfg(unix)]
pub mod unix;

pub use broker::{
    ACCEPT_PAUSE, Decision, Hooks, Meter, Outside, Peer, Running, Server, ServerConfig, Shared, Slot,
    Stopped, Traffic, concerns_one_connection, full, serve,
};
pub use client::{Client, Connecting, Connector, Handle, Tcp};
pub use io::close;
#[cfg(unix)]
pub use runtime::UnixSockets;
pub use runtime::{Ambient, Host, Runtime, Streams};
pub use signal::Signal;
pub use time::timeout_at;
