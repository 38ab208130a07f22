//! A small language for flows: packets that a script sends and expects, and stages on which the machines play.
//!
//! Each step is one line, and a failing one prints the diary so far:
//!
//! ```
//! use mqtt_engine::{ClientConfig, Message, QoS, Text};
//! use mqtt_engine_diary::script::{ClientStage, ClientDesk, puback, publish};
//!
//! let mut desk = ClientDesk::new(ClientConfig::new(Text::try_from("lamp")?));
//! desk.connect();
//! desk.publish(Message::new("led", "on")?.with_qos(QoS::AtLeastOnce));
//! desk.recv(publish("led", "on").qos1(1));
//! desk.cut();
//! desk.resume();
//! desk.recv(publish("led", "on").qos1(1).dup());
//! desk.send(puback(1));
//! assert!(desk.finish().to_string().contains("Published #0 acknowledged"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | stage | plays | the script plays |
//! |---|---|---|
//! | [`ClientDesk`] | a [`Client`](mqtt_engine::Client) | the server |
//! | [`BrokerDesk`] | a [`Broker`](mqtt_engine::Broker) | any number of clients, by name |
//! | [`ConnectionDesk`] | a [`Connection`](mqtt_engine::Connection) | the client, and the program that answers |
//! | [`Pair`] | clients and a broker | the network, which cuts |
//!
//! [`ClientStage`] and [`BrokerStage`] are what adapters implement too, over real sockets, so that one script runs on all of them.

mod broker;
mod client;
mod connection;
mod pair;
mod said;
mod scribe;

pub use broker::{BrokerDesk, BrokerStage};
pub use client::{ClientDesk, ClientStage};
pub use connection::ConnectionDesk;
pub use pair::Pair;
pub use said::{
    Said, auth, bytes, connack, connect, disconnect, pingreq, pingresp, puback, pubcomp, publish, pubrec,
    pubrel, refusal, suback, subscribe, unsuback, unsubscribe,
};
