//! A sans-IO MQTT 3.1.1 and 5.0 engine.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod client;
pub mod framing;
mod message;
mod outbox;
pub mod packet;
mod session;
mod text;
mod time;
mod topic;
mod transport;

pub use client::{
    Acknowledgement, Authentication, Client, ClientConfig, ClientEvent, Connected, DeliveryToken, Deviation,
    Disconnect, DisconnectReason, LostSession, Oversize, Profile, PublishError, PublishOutcome, PublishToken,
    Reconnect, RequestError, ServerLimits, ServerWords, Subscribe, SubscribeToken, Subscription, Unsubscribe,
    UnsubscribeToken,
};
pub use message::{
    Message, MessageProperties, PayloadFormat, QoS, SubscriptionIdentifiers, UserProperties, Will,
};
pub use outbox::Outbox;
pub use session::{Session, Violation};
pub use text::{Text, TextError};
pub use time::Timestamp;
pub use topic::{TopicError, TopicFilter, TopicName};
pub use transport::Transport;
