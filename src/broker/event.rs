//! What a broker tells and asks the program that embeds it.

use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;

use super::slab::Key;
use crate::{
    DisconnectCause, Dismissal, DropReason, QoS, Text, TopicFilter, TopicName,
    packet::{ProtocolVersion, ReasonCode},
};

/// A connection of a [`Broker`](crate::Broker). Calls with one that has ended do nothing, also when its slot is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) Key);

/// `slot.generation`, as in a log.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.slot, self.0.generation)
    }
}

/// A question that waits for [`Broker::answer`](crate::Broker::answer). Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub(super) u64);

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// No further connection is accepted: the configured number is reached, or the broker is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtCapacity;

impl fmt::Display for AtCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the broker accepts no further connection")
    }
}

impl core::error::Error for AtCapacity {}

/// Something that happened in a broker, from [`Broker::poll_event`](crate::Broker::poll_event).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BrokerEvent {
    /// A client was accepted.
    Connected {
        /// Its connection.
        connection: ConnectionId,
        /// Its name, assigned if it had none.
        client_id: Text,
        /// What it speaks.
        version: ProtocolVersion,
        /// Whether it goes on with a stored session.
        session_present: bool,
        /// Who it is.
        user_name: Option<Text>,
        /// Whether it asked for a new session.
        clean_start: bool,
        /// The keep alive that is enforced, in seconds; 0 for none.
        keep_alive: u16,
    },
    /// A connection ended, accepted or not.
    Disconnected {
        /// Which.
        connection: ConnectionId,
        /// The client, if it was accepted.
        client_id: Option<Text>,
        /// Why.
        reason: DisconnectCause,
    },
    /// The connection's further packets wait until this is answered; everything else goes on.
    Question {
        /// For [`Broker::answer`](crate::Broker::answer).
        question: QuestionId,
        /// Whose packet it is about.
        connection: ConnectionId,
        /// What is asked.
        about: Question,
    },
    /// A message was dropped for one client.
    Dropped {
        /// The client that does not get it (or, with [`DropReason::RetainedFull`], the one that sent it).
        client_id: Text,
        /// The message's topic.
        topic: TopicName,
        /// Why.
        why: DropReason,
    },
}

/// What a broker asks its program; each kind only if the configuration says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// May this client connect?
    Authenticate {
        /// Its name; empty if it wants to be given one.
        client_id: Text,
        /// Who it says it is.
        user_name: Option<Text>,
        /// What is to prove it.
        password: Option<Bytes>,
        /// What it speaks.
        version: ProtocolVersion,
    },
    /// May this client connect, or go on? Asked for each step of an enhanced authentication (5.0 section 4.12): answer with
    /// [`Answer::Continue`] for one more step. A re-authentication that is refused ends the connection.
    EnhancedAuthentication {
        /// Its name; empty if it wants to be given one.
        client_id: Text,
        /// Who it says it is, or was found to be before.
        user_name: Option<Text>,
        /// The password of CONNECT, which few methods use.
        password: Option<Bytes>,
        /// How it proves who it is.
        method: Text,
        /// What it says.
        data: Option<Bytes>,
        /// Whether it is connected already.
        is_reauthentication: bool,
    },
    /// May it publish there? Asked for each message, and for its will when it connects and when the will is due (the
    /// connection has ended then). A message whose connection ends before the answer was not received: of QoS 1 and 2 the client
    /// sends it again.
    Publish {
        /// Its name; empty for the will of a client that wants to be given one.
        client_id: Text,
        /// Who it is.
        user_name: Option<Text>,
        /// Where to.
        topic: TopicName,
        /// How surely.
        qos: QoS,
        /// Whether the message is to be retained.
        retain: bool,
    },
    /// May it subscribe to this? Asked for each filter, one after the other.
    Subscribe {
        /// Its name.
        client_id: Text,
        /// Who it is.
        user_name: Option<Text>,
        /// To what.
        filter: TopicFilter,
        /// The highest QoS wanted.
        qos: QoS,
    },
}

/// What the program says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Yes.
    Allow,
    /// Yes, and more about who it is: to [`Question::Authenticate`] and [`Question::EnhancedAuthentication`]; to others the same
    /// as [`Allow`](Self::Allow).
    Authenticated {
        /// Who the client is, in place of the user name of CONNECT. A re-authentication can't change it.
        user_name: Option<Text>,
        /// The last word of an enhanced authentication, for CONNACK or AUTH.
        data: Option<Bytes>,
    },
    /// Another step is needed, and what the client is told: to [`Question::EnhancedAuthentication`]; to others a refusal.
    Continue {
        /// What the method exchanges.
        data: Option<Bytes>,
    },
    /// No, in more words: to clients that want to connect, and to subscribers; publishers hear of the code alone.
    RefuseWith(Box<Dismissal>),
    /// No, and what the client is told. A refused message is dropped and, in 3.1.1, acknowledged as usual.
    Refuse(ReasonCode),
}

/// How much a broker holds, and what it has counted since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Open connections, accepted or not yet.
    pub connections: usize,
    /// Sessions, connected or stored.
    pub sessions: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Retained messages.
    pub retained: usize,
    /// What they cost, by [`Message::cost`](crate::Message::cost).
    pub retained_bytes: usize,
    /// Messages accepted from clients, wills and the embedding program.
    pub received: u64,
    /// Copies handed to sessions.
    pub delivered: u64,
    /// Copies dropped.
    pub dropped: u64,
    /// Events that found no room.
    pub lost_events: u64,
}
