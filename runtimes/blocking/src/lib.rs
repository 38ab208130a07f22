//! A blocking MQTT 3.1.1 and 5.0 client: std only, no thread of its own, driven by the state machine of [`mqtt_engine`].
//!
//! [`Client::next_event`] does all the work; the other methods only tell the machine what is wanted, so they never wait,
//! and a program that publishes from its message handler can't block itself.
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
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod client;
mod drive;
mod stream;

pub use client::{Client, Ended};
pub use stream::{Connector, Stream, Tcp};
