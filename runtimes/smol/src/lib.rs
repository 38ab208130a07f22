//! MQTT 3.1.1 and 5.0 on smol: a client and a broker, driven by the state machines of [`mqtt_engine`].
//!
//! Both are thin: they open and accept transports, move bytes between them and the machine, and wait for its deadline.
//! What the machine decides (sessions, acknowledgements, reconnection, limits) is documented there.
//!
//! - [`Client`] owns one session and its connection; its `next_event` drives it, on any executor or none. [`Handle`] lets other
//!   tasks, and the message handler itself, publish and subscribe without ever waiting.
//! - [`Server`] owns one [`Broker`](mqtt_engine::Broker) and serves any number of connections, as tasks of the executor that it is
//!   made with: on as many threads as run that executor.
//!
//! Streams are those that implement the traits of `futures-io`: TCP, Unix sockets, and whatever a connector opens or a program
//! gives to [`Server::serve_stream`](mqtt_engine_driver::Server::serve_stream), TLS for instance, for which this crate itself has
//! nothing.
//!
//! ```no_run
//! use mqtt_engine::{ClientConfig, ClientEvent, QoS, Subscribe, Text, TopicFilter};
//! use mqtt_engine_smol::Client;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::new("localhost:1883", ClientConfig::new(Text::try_from("lamp")?));
//! client.subscribe(Subscribe::new(TopicFilter::try_from("led")?, QoS::AtLeastOnce))?;
//! while let Some(event) = client.next_event().await {
//!     if let ClientEvent::Received { message, .. } = event {
//!         println!("{}: {:?}", message.topic, message.payload);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A broker, until the program is interrupted:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use async_executor::Executor;
//! use mqtt_engine::BrokerConfig;
//! use mqtt_engine_smol::{Server, ServerConfig};
//!
//! # async fn interrupted() {}
//! # async fn example() -> std::io::Result<()> {
//! let executor = Arc::new(Executor::new());
//! let listener = async_net::TcpListener::bind("127.0.0.1:1883").await?;
//! let server = Server::on(Arc::clone(&executor), BrokerConfig::new(), (), ServerConfig::default());
//! executor.run(server.serve(vec![listener.into()], interrupted())).await;
//! # Ok(())
//! # }
//! ```
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod listener;
mod runtime;
#[cfg(unix)]
pub mod unix;

use async_net::TcpStream;
pub use listener::{Incoming, Listener};
pub use mqtt_engine_driver::{Connecting, Connector, Decision, Hooks, Peer, ServerConfig, Stopped, Traffic};
pub use runtime::{Sleep, Smol, SmolHost};

/// A client over streams of one kind: see [`mqtt_engine_driver::Client`].
pub type Client<S = TcpStream> = mqtt_engine_driver::Client<Smol, S>;

/// TCP to an address, looked up at each attempt: see [`mqtt_engine_driver::Tcp`].
pub type Tcp = mqtt_engine_driver::Tcp<Smol>;

/// Publishes, subscribes and so on from anywhere, while `next_event` runs: see [`mqtt_engine_driver::Handle`].
pub type Handle = mqtt_engine_driver::Handle<Smol>;

/// A broker, and the tasks that serve its connections: see [`mqtt_engine_driver::Server`]. Made with
/// [`Server::on`](mqtt_engine_driver::Server::on), which takes the executor: an `Arc<Executor<'static>>`.
pub type Server = mqtt_engine_driver::Server<SmolHost>;
