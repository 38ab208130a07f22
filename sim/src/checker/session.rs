//! What outlives a connection: messages that are not finished, and what a server keeps (section 4.1).

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use mqtt_engine::{QoS, Timestamp, packet::PacketId};

use super::{View, limits::Limits, link::Link};

/// What outlives a connection.
#[derive(Debug)]
pub(super) struct Session {
    /// Counts the sessions of the party.
    pub(super) number: u64,
    /// The connection that the session is on.
    pub(super) current: Option<u64>,
    /// A connection that lost the session to a newer one just now.
    pub(super) taken_over: Option<u64>,
    /// What a server keeps.
    pub(super) kept: Kept,
    /// Whether a client has read a CONNACK that accepted it.
    pub(super) has_state: bool,
    /// The subscription identifiers that the client gave, with the connection on which it last did.
    pub(super) identifiers: BTreeMap<u32, u64>,
    pub(super) messages: BTreeMap<PacketId, Message>,
    next_order: u64,
    /// What was acknowledged at the latest moment at which anything was: a message that is finished with that, or `None`.
    pub(super) acknowledged: Vec<(PacketId, Option<Message>)>,
    pub(super) acknowledged_at: Timestamp,
}

/// Until when a server keeps the session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// It may have one.
    Unknown,
    /// It has none.
    Nothing,
    /// It is on a connection, after which it is kept for so many seconds.
    Live { expiry: u32 },
    /// Its connection is over; when exactly is known to the server alone.
    Until { earliest: Timestamp, latest: Timestamp },
}

/// A QoS 1 or 2 message that the peer has not finished.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    /// Tells it from other messages.
    pub(super) digest: u64,
    /// Its place among all first transmissions, and that of its PUBREC among all PUBRECs.
    pub(super) order: u64,
    pub(super) received_order: u64,
    pub(super) step: Step,
    /// The connections on which it was sent first and last (from PUBREC on: on which PUBREL was sent).
    pub(super) begun_on: u64,
    pub(super) sent_on: u64,
    /// The connection on which it counts against the quota.
    pub(super) counted_on: u64,
    /// How large its packet is with its topic.
    pub(super) size: usize,
    /// Whether the party may as well take it for finished: its peer finished it when the party had no need to look any more,
    /// or it can't be sent to the present peer.
    pub(super) is_optional: bool,
    /// How many PUBRECs came once more: each may be answered once more.
    pub(super) repeated: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// PUBLISH was sent.
    Published,
    /// PUBREC was read.
    Received,
    /// PUBREL was sent.
    Released,
}

/// What is to be sent on a connection because of former ones, or of PUBRECs: in order.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) publishes: VecDeque<PacketId>,
    pub(super) releases: VecDeque<PacketId>,
    /// Whether the session goes on from former connections.
    pub(super) is_resumed: bool,
}

impl Kept {
    /// The same once its connection is taken over by another one.
    pub(super) fn after_takeover(self, now: Timestamp) -> Self {
        match self {
            Self::Live { expiry: 0 } => Self::Nothing,
            Self::Live { expiry: u32::MAX } => {
                Self::Until { earliest: Timestamp::MAX, latest: Timestamp::MAX }
            }
            Self::Live { .. } => Self::Until { earliest: now, latest: Timestamp::MAX },
            Self::Unknown | Self::Nothing | Self::Until { .. } => self,
        }
    }
}

impl Session {
    pub(super) fn new(view: View) -> Self {
        Self {
            number: 0,
            current: None,
            taken_over: None,
            kept: if view == View::Whole { Kept::Nothing } else { Kept::Unknown },
            has_state: false,
            identifiers: BTreeMap::new(),
            messages: BTreeMap::new(),
            next_order: 0,
            acknowledged: Vec::new(),
            acknowledged_at: Timestamp::ZERO,
        }
    }

    /// The one after this, which is forgotten.
    pub(super) fn next(&self, view: View) -> Self {
        Self { number: self.number + 1, ..Self::new(view) }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.messages.len()
    }

    /// The connection of the session is gone.
    pub(super) fn leave(&mut self, link: &Link, now: Timestamp) {
        let Kept::Live { expiry } = self.kept else { return };
        let until = |since: Timestamp| match expiry {
            u32::MAX => Timestamp::MAX,
            seconds => since + Duration::from_secs(seconds.into()),
        };
        let since = link.is_over_since.unwrap_or(now);
        self.kept = match expiry {
            0 => Kept::Nothing,
            _ => Kept::Until { earliest: until(since), latest: until(now) },
        };
    }

    /// What a connection owes of former ones' PUBLISHes, of these.
    pub(super) fn owed_publishes(&self, link: &Link) -> impl Iterator<Item = PacketId> {
        link.replay.publishes.iter().copied().filter(|id| self.owes_publish(*id, link.id))
    }

    /// What it owes of PUBRELs.
    pub(super) fn owed_releases(&self, link: &Link) -> impl Iterator<Item = PacketId> {
        link.replay.releases.iter().copied().filter(|id| self.owes_release(*id, link.id))
    }

    pub(super) fn owes_publish(&self, id: PacketId, link: u64) -> bool {
        self.messages.get(&id).is_some_and(|message| {
            message.step == Step::Published && message.sent_on != link && !message.is_optional
        })
    }

    pub(super) fn owes_release(&self, id: PacketId, link: u64) -> bool {
        self.messages.get(&id).is_some_and(|message| {
            let is_due = match message.step {
                Step::Published => false,
                Step::Received => true,
                Step::Released => message.sent_on != link,
            };
            is_due && !message.is_optional
        })
    }

    pub(super) fn note_acknowledged(&mut self, id: PacketId, finished: Option<Message>, now: Timestamp) {
        if self.acknowledged_at != now {
            self.acknowledged_at = now;
            self.acknowledged.clear();
        }
        self.acknowledged.push((id, finished));
    }

    pub(super) fn order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }
}

impl Message {
    /// Whether a peer announced not to take it.
    pub(super) fn is_unsendable(&self, peer: &Limits) -> bool {
        self.qos > peer.qos
            || self.retain && !peer.retain
            || u32::try_from(self.size).is_ok_and(|size| size > peer.packet_size)
    }
}
