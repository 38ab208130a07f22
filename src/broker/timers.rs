//! One index over everything that has a deadline, but the retained messages.

use alloc::collections::BTreeSet;
use core::fmt;

use super::{
    Broker, ConnectionId,
    sessions::{SessionKey, State},
    slab::Key,
};
use crate::{Text, Timestamp, TopicName};

/// What a broker waits for, from [`Broker::why_deadline`]. In words for a log: `keep alive of 3.1`, `will of "lamp"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineReason {
    /// A client is due to be heard of, or a message that waits for it expires.
    Connection {
        /// Its connection.
        connection: ConnectionId,
        /// What [`Connection::why_deadline`](crate::Connection::why_deadline) says.
        timer: &'static str,
    },
    /// A connection is only looked at: what was due then has been put off (a keep alive by each packet, and for as long as a
    /// question is open), or has come to nothing with the connection's end.
    EarlyLook {
        /// Which.
        connection: ConnectionId,
    },
    /// The will of a client that is away is published.
    Will {
        /// Whose.
        client_id: Text,
    },
    /// The session of a client that is away ends.
    SessionExpiry {
        /// Whose.
        client_id: Text,
    },
    /// Publishers wait no longer for a connected client that reads too slowly.
    Patience {
        /// Which.
        client_id: Text,
    },
    /// A retained message expires.
    RetainedExpiry {
        /// The message's topic.
        topic: TopicName,
    },
}

impl fmt::Display for DeadlineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection { connection, timer } => write!(f, "{timer} of {connection}"),
            Self::EarlyLook { connection } => write!(f, "early look at {connection}"),
            Self::Will { client_id } => write!(f, "will of {client_id:?}"),
            Self::SessionExpiry { client_id } => write!(f, "session expiry of {client_id:?}"),
            Self::Patience { client_id } => write!(f, "patience with {client_id:?}"),
            Self::RetainedExpiry { topic } => write!(f, "expiry of retained {topic:?}"),
        }
    }
}

impl Broker {
    /// When [`handle_timeout`](Self::handle_timeout) is due; sometimes early, never late.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| at);
        timer.into_iter().chain(self.retained.next_expiry()).min()
    }

    /// Why there is a [`deadline`](Self::deadline), for people who debug. Of several things at one moment the one that is done
    /// first.
    #[must_use]
    pub fn why_deadline(&self) -> Option<DeadlineReason> {
        let deadline = self.deadline();
        if deadline.is_some() && self.retained.next_expiry() == deadline {
            let topic = self.retained.next_expired()?.clone();
            return Some(DeadlineReason::RetainedExpiry { topic });
        }
        let (at, timer) = self.timers.first()?;
        match timer {
            Timer::Connection(key) => self.why_connection(key, at),
            Timer::Session(key) => {
                let stored = self.sessions.get(SessionKey(key))?;
                let client_id = stored.client_id.clone();
                Some(match stored.state {
                    State::Away { ends_at, .. } if ends_at == Some(at) => {
                        DeadlineReason::SessionExpiry { client_id }
                    }
                    State::Away { .. } | State::Connected(_) | State::Moving => {
                        DeadlineReason::Will { client_id }
                    }
                })
            }
            Timer::Pressure(key) => {
                let client_id = self.sessions.get(SessionKey(key))?.client_id.clone();
                Some(DeadlineReason::Patience { client_id })
            }
        }
    }

    fn why_connection(&self, key: Key, at: Timestamp) -> Option<DeadlineReason> {
        let machine = &self.connections.get(key)?.connection;
        let connection = ConnectionId(key);
        Some(match machine.why_deadline().filter(|_| machine.deadline() == Some(at)) {
            Some(timer) => DeadlineReason::Connection { connection, timer },
            None => DeadlineReason::EarlyLook { connection },
        })
    }
}

/// Who waits for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A connection: connect timeout, keep alive, message expiry.
    Connection(Key),
    /// A session whose client is away: its will, its end.
    Session(Key),
    /// A connected session that reads too slowly, and for which publishers wait.
    Pressure(Key),
}

/// Deadlines in order. Each owner has one entry at most, and keeps its time to find it again.
///
/// An entry may be earlier than what its owner waits for by now: a keep alive moves with each packet, and moving the entry as
/// often would cost more than one early look.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(super) fn first(&self) -> Option<(Timestamp, Timer)> {
        self.0.first().copied()
    }

    /// Takes the next timer that is due.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = self.first()?;
        if at > now {
            return None;
        }
        self.0.remove(&(at, timer));
        Some(timer)
    }

    /// Makes the entry of `timer`, which is at `entry`, early enough for `deadline`; returns where it is now.
    pub(super) fn advance(
        &mut self,
        timer: Timer,
        entry: Option<Timestamp>,
        deadline: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let Some(deadline) = deadline else { return entry };
        if let Some(entry) = entry {
            if entry <= deadline {
                return Some(entry);
            }
            self.0.remove(&(entry, timer));
        }
        self.0.insert((deadline, timer));
        Some(deadline)
    }

    pub(super) fn remove(&mut self, timer: Timer, entry: Option<Timestamp>) {
        if let Some(entry) = entry {
            self.0.remove(&(entry, timer));
        }
    }
}
