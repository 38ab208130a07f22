//! MQTT 3.1.1 and 5.0 without an asynchronous runtime: a client and a broker over the standard library's sockets and threads,
//! driven by the state machines of [`mqtt_engine`].
//!
//! # The client
//!
//! It has no thread of its own. [`Client::next_event`] does all the work; the other methods only tell the machine what is wanted,
//! so they never wait, and a program that publishes from its message handler can't block itself.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use mqtt_engine::{ClientConfig, ClientEvent, QoS, Subscribe, Text, TopicFilter};
//! use mqtt_engine_blocking::Client;
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::new("localhost:1883", ClientConfig::new(Text::try_from("lamp")?));
//! client.subscribe(Subscribe::new(TopicFilter::try_from("led")?, QoS::AtLeastOnce))?;
//! loop {
//!     if let Some(ClientEvent::Received { message, .. }) = client.next_event(Duration::from_secs(60))? {
//!         println!("{}: {:?}", message.topic, message.payload);
//!     }
//! }
//! # }
//! ```
//!
//! # The broker
//!
//! [`Server::serve`] blocks until another thread calls [`Server::stop`]. It has a thread for each listener and two for each
//! connection: [`Server`] tells why, and what bounds them.
//!
//! ```no_run
//! use std::{net::TcpListener, thread};
//!
//! use mqtt_engine::{BrokerConfig, Message};
//! use mqtt_engine_blocking::{Server, ServerConfig};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:1883")?;
//! let server = Server::new(BrokerConfig::new(), (), ServerConfig::default());
//! let serving = thread::spawn({
//!     let server = server.clone();
//!     move || server.serve(vec![listener.into()])
//! });
//! server.publish(Message::new("announcements", "it runs")?);
//! // ... until the program ends:
//! server.stop();
//! let stopped = serving.join().expect("the server does not panic")?;
//! assert_eq!(stopped.dropped, 0, "all connections have ended in time");
//! # Ok(())
//! # }
//! ```
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod broker;
mod client;

use std::io;

pub use broker::{Listener, Server, Socket};
pub use client::{Client, Connector, Ended, Stream, Tcp};
pub use mqtt_engine_driver::{Decision, Hooks, Peer, ServerConfig, Stopped, Traffic};

/// Whether a read or write has only run out of time.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
