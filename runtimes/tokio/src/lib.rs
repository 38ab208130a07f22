//! MQTT 3.1.1 and 5.0 on tokio: a client and a broker, driven by the state machines of [`mqtt_engine`].
//!
//! Both are thin: they open and accept transports, move bytes between them and the machine, and wait for its deadline.
//! What the machine decides (sessions, acknowledgements, reconnection, limits) is documented there.
//!
//! - [`Client`] owns one session and its connection; [`Client::next_event`] drives it, [`Handle`] lets other tasks, and the
//!   message handler itself, publish and subscribe without ever waiting.
//! - [`Server`] owns one [`Broker`](mqtt_engine::Broker) and serves any number of connections.
//!
//! ```no_run
//! use mqtt_engine::{ClientConfig, ClientEvent, QoS, Subscribe, Text, TopicFilter};
//! use mqtt_engine_tokio::Client;
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
//! A broker whose clients need a password, and publish below their own names only:
//!
//! ```no_run
//! use mqtt_engine::{Answer, BrokerConfig, ConnectionId, Question, packet::ReasonCode};
//! use mqtt_engine_tokio::{Decision, Hooks, Peer, Server, ServerConfig};
//!
//! struct Rules;
//!
//! # fn is_password_of(user: &str, password: &[u8]) -> bool { !user.is_empty() && !password.is_empty() }
//! impl Hooks for Rules {
//!     fn decide(&self, _: ConnectionId, _: &Peer, question: Question) -> Decision {
//!         let is_allowed = match &question {
//!             Question::Authenticate { user_name: Some(user), password: Some(password), .. } => {
//!                 is_password_of(user.as_str(), password)
//!             }
//!             Question::Publish { client_id, topic, .. } => {
//!                 topic.as_str().split('/').next() == Some(client_id.as_str())
//!             }
//!             _ => false,
//!         };
//!         // An answer that takes a while is `Decision::later` with a future.
//!         Decision::Now(if is_allowed { Answer::Allow } else { Answer::Refuse(ReasonCode::NotAuthorized) })
//!     }
//! }
//!
//! # async fn interrupted() {}
//! # async fn example() -> std::io::Result<()> {
//! let mut config = BrokerConfig::new();
//! config.ask_authentication = true;
//! config.ask_publish = true;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:1883").await?;
//! let server = Server::new(config, Rules, ServerConfig::default());
//! server.serve(vec![listener.into()], interrupted()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Beside TCP there are Unix sockets and, with the features `tls` and `websocket` (both off by default), TLS through rustls, and WebSocket with or
//! without it: see [`transport`] for clients and [`Listener`] for servers.
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod layers;
mod listener;
mod runtime;
pub mod transport;

pub use listener::Listener;
pub use mqtt_engine_driver::{Connecting, Connector, Decision, Hooks, Peer, ServerConfig, Stopped, Traffic};
pub use runtime::{Task, Tokio, TokioHost};
use tokio::net::TcpStream;

/// A client over streams of one kind: see [`mqtt_engine_driver::Client`].
pub type Client<S = TcpStream> = mqtt_engine_driver::Client<Tokio, S>;

/// TCP to an address, looked up at each attempt: see [`mqtt_engine_driver::Tcp`].
pub type Tcp = mqtt_engine_driver::Tcp<Tokio>;

/// Publishes, subscribes and so on from anywhere, while [`Client::next_event`] runs: see [`mqtt_engine_driver::Handle`].
pub type Handle = mqtt_engine_driver::Handle<Tokio>;

/// A broker, and the tasks that serve its connections: see [`mqtt_engine_driver::Server`].
pub type Server = mqtt_engine_driver::Server<TokioHost>;
