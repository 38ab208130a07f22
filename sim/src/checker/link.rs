//! What is known of one connection.

use std::collections::BTreeMap;

use mqtt_engine::{
    QoS, Timestamp,
    packet::{Connect, PacketId, Properties, ProtocolVersion},
};

use super::{answers::Answers, authentication::Authentication, limits::Limits, session::Replay};

/// One connection: everything of it ends with it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) phase: Phase,
    /// That of CONNECT.
    pub(super) version: Option<ProtocolVersion>,
    pub(super) terms: Terms,
    /// What the party announced, and what its peer did.
    pub(super) own: Limits,
    pub(super) peer: Limits,
    /// In force, in seconds.
    pub(super) keep_alive: u16,
    /// Why the party has to stop, if so.
    pub(super) end: Option<End>,
    /// Since when the party need not look at what it gets: it has to stop, or the peer said good-bye.
    pub(super) is_over_since: Option<Timestamp>,
    pub(super) authentication: Authentication,
    pub(super) answers: Answers,
    pub(super) replay: Replay,
    /// Which session it is on, once that is known.
    pub(super) session: Option<u64>,
    /// How many unfinished QoS 1 and 2 messages were sent here.
    pub(super) unfinished: u16,
    /// The topics of the party's aliases, and of the peer's.
    pub(super) aliases: BTreeMap<u16, String>,
    pub(super) peer_aliases: BTreeMap<u16, String>,
    /// The identifiers of SUBSCRIBE and UNSUBSCRIBE packets that a client waits for an answer to.
    pub(super) requests: Vec<PacketId>,
    pub(super) accepted: Timestamp,
    pub(super) last_written: Timestamp,
    pub(super) last_read: Timestamp,
    /// Whether the present silence was reported already.
    pub(super) is_late: bool,
    /// The party was told that a malformed CONNECT came, with this protocol level if that was the fault.
    pub(super) malformed_connect: Option<Option<u8>>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has passed.
    New,
    /// CONNECT has.
    Connecting,
    /// CONNACK has, and accepted.
    Open,
    /// CONNACK has, and refused.
    Refused,
}

/// Why a party has to stop.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// It wrote DISCONNECT.
    Said,
    /// It wrote a CONNACK that refuses.
    Refused,
    /// The peer did what makes the party close.
    Fault(&'static str),
    /// The server says that it resumes a session of which the client knows nothing.
    ForeignSession,
    /// A newer connection has the session.
    TakenOver,
}

/// What CONNECT asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) clean_start: bool,
    pub(super) is_nameless: bool,
    /// Of CONNECT, and what is in force now: CONNACK and DISCONNECT may change it.
    pub(super) requested_expiry: u32,
    pub(super) session_expiry: u32,
    pub(super) problem_information: bool,
    pub(super) response_information: bool,
    pub(super) will: Option<(QoS, bool)>,
}

impl Terms {
    pub(super) fn of(connect: &Connect<'_>) -> Self {
        let properties = &connect.properties;
        let expiry = match (connect.version, connect.clean_start) {
            (ProtocolVersion::V5, _) => properties.session_expiry_interval().unwrap_or(0),
            (_, true) => 0,
            (_, false) => u32::MAX,
        };
        Self {
            clean_start: connect.clean_start,
            is_nameless: connect.client_id.is_empty(),
            requested_expiry: expiry,
            session_expiry: expiry,
            problem_information: properties.request_problem_information().unwrap_or(true),
            response_information: properties.request_response_information().unwrap_or(false),
            will: connect.will.map(|will| (will.qos, will.retain)),
        }
    }
}

impl Link {
    pub(super) fn new(id: u64) -> Self {
        let limits = Limits::of(&Properties::NONE);
        Self {
            id,
            phase: Phase::New,
            version: None,
            terms: Terms::default(),
            own: limits,
            peer: limits,
            keep_alive: 0,
            end: None,
            is_over_since: None,
            authentication: Authentication::default(),
            answers: Answers::default(),
            replay: Replay::default(),
            session: None,
            unfinished: 0,
            aliases: BTreeMap::new(),
            peer_aliases: BTreeMap::new(),
            requests: Vec::new(),
            accepted: Timestamp::ZERO,
            last_written: Timestamp::ZERO,
            last_read: Timestamp::ZERO,
            is_late: false,
            malformed_connect: None,
        }
    }

    pub(super) fn is_v5(&self) -> bool {
        self.version.is_some_and(|version| version >= ProtocolVersion::V5)
    }

    /// The party has to stop from now on. The first reason counts, but for its own last word.
    pub(super) fn stop(&mut self, end: End, now: Timestamp) {
        if self.end.is_none() || matches!(end, End::Said | End::Refused) {
            self.end = Some(end);
            self.is_over_since.get_or_insert(now);
        }
    }
}
