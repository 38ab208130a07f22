//! MQTT 3.1.1 and 5.0 as pure state machines.
//!
//! Bytes and time go in; bytes to send, events and one deadline come out. There is no socket, no clock, no thread and no
//! randomness in here. Three machines, each usable alone:
//!
//! | machine | owns | for |
//! |---|---|---|
//! | [`Client`] | one session and at most one connection | devices, services, gateways |
//! | `Connection` | the server's side of one connection; no routing | people who write their own server |
//! | `Broker` | every connection, session, subscription, retained message and will | an embeddable server |
//!
//! Nothing outside of the specifications is needed to talk to them [MQTT-7.0.0-2] (3.1.1); [`statements`] lists every numbered
//! statement with the code that fulfils it and the tests that prove it.
//!
//! Below them, [`packet`] reads and writes control packets and [`framing`] finds them in a byte stream; both can be used on
//! their own. The contract that all machines share stands at [`Client`].
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod broker;
mod client;
mod connection;
pub mod framing;
mod message;
mod outbox;
pub mod packet;
mod session;
mod sorted;
#[doc = include_str!("statements.md")]
pub mod statements {}
mod text;
mod time;
mod topic;
mod transport;

pub use broker::{
    Answer, AtCapacity, Broker, BrokerConfig, BrokerEvent, ConnectionId, DeadlineReason, Question,
    QuestionId, Statistics,
};
pub use client::{
    Acknowledgement, Authentication, Client, ClientConfig, ClientEvent, Connected, DeliveryToken, Deviation,
    Disconnect, DisconnectReason, Oversize, Profile, PublishError, PublishToken, Reconnect, Remains,
    RequestError, ServerLimits, ServerWords, Subscribe, SubscribeToken, Subscription, Unsubscribe,
    UnsubscribeToken,
};
pub use connection::{
    Acceptance, ConnectRequest, Connection, ConnectionConfig, ConnectionEvent, DisconnectCause, Dismissal,
    DropReason, EnhancedAuthentication, FilterRequest, RequestToken,
};
pub use message::{
    Message, MessageProperties, PayloadFormat, QoS, RareProperties, SubscriptionIdentifiers, UserProperties,
    Will,
};
pub use outbox::Outbox;
pub use session::{LostSession, PublishOutcome, Session, Violation};
pub use text::{Text, TextError};
pub use time::Timestamp;
pub use topic::{TopicError, TopicFilter, TopicName};
pub use transport::Transport;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
