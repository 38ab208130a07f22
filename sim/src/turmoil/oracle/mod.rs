//! What must hold, judged outside of the hosts, so that it survives their crashes.
//!
//! It hears of three sides: what the clients' programs do and see, what the broker tells its program, and what a watcher
//! inside the broker's host gets, which subscribes to everything and so sees each accepted message in its order.

mod messages;
mod packets;
mod sessions;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mqtt_engine::{PublishOutcome, QoS, Timestamp};

use self::{
    packets::Packets,
    sessions::{BrokerLife, WillState},
};
pub(super) use self::{packets::Side, sessions::WATCHER};
use super::setup::Setup;
use crate::{
    coverage::{Coverage, Row},
    trace::Trace,
    violation::{Checked, Violation},
};

/// The oracle, for all who tell it something.
#[derive(Clone)]
pub(super) struct Witness(Arc<Mutex<Oracle>>);

impl Witness {
    pub(super) fn new(setup: &Setup, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(Oracle::new(setup, trace))))
    }

    /// For as long as one statement takes; never held over an await.
    pub(super) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened that can be wrong; the first violation is kept.
    pub(super) fn judge(&self, happened: impl FnOnce(&mut Oracle) -> Checked) {
        let mut oracle = self.oracle();
        if let Err(violation) = happened(&mut oracle) {
            oracle.note(|| format!("VIOLATION {violation}"));
            oracle.violation.get_or_insert(violation);
        }
    }
}

/// What a run is about at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Clients are busy, and faults happen.
    Busy,
    /// Everything is mended; all must come to rest.
    Calm,
    /// Everybody sends a message to everybody, for the nth time.
    Probe(u32),
    /// The retained messages are looked at.
    Audit,
    /// Everything was looked at.
    Over,
}

/// A message of a client.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) publisher: usize,
    pub(super) topic: String,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expires: bool,
    /// Nobody can tell empty messages apart, so only the fate of these is judged.
    pub(super) is_empty: bool,
    /// The round of probes that it belongs to.
    pub(super) probe: u32,
    outcome: Option<PublishOutcome>,
    /// The program that knew its token has crashed.
    is_orphan: bool,
    /// How often the broker accepted it, in the watcher's eyes.
    accepted: u32,
    /// How often it was delivered through the shared subscription.
    shared: u32,
    is_received: bool,
}

impl Published {
    pub(super) fn new(publisher: usize, topic: &str, qos: QoS) -> Self {
        Self {
            publisher,
            topic: topic.to_owned(),
            qos,
            retain: false,
            expires: false,
            is_empty: false,
            probe: 0,
            outcome: None,
            is_orphan: false,
            accepted: 0,
            shared: 0,
            is_received: false,
        }
    }
}

/// How a client's program stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) is_connected: bool,
    pub(super) pending: usize,
    pub(super) requests: usize,
    pub(super) unacknowledged: usize,
}

type Flow = (usize, String, QoS);

/// What is known of a client.
#[derive(Debug, Default)]
struct Person {
    is_v5: bool,
    session_lasts: bool,
    will_delay: Option<Duration>,
    status: Status,
    /// How often its program was started.
    life: u32,
    /// Whether its session may have been lost since its program started, so that a fate may be unknown.
    may_lose_session: bool,
    /// How often its program was connected.
    connections: usize,
    tokens: BTreeMap<u64, u64>,
    /// What the broker holds for it: whether the session lasts.
    session: Option<bool>,
    /// Its subscriptions on that session, each with the first number that was published afterwards.
    filters: BTreeMap<String, (u64, QoS)>,
    /// The first number that was published after it became a member of the shared subscription.
    shares_since: Option<u64>,
    will: WillState,
    /// What it must get.
    expected: BTreeSet<u64>,
    got: BTreeSet<u64>,
    /// What its program, since it was started, got how often, and last of each flow.
    counts: BTreeMap<u64, u32>,
    last: BTreeMap<(Flow, QoS), u64>,
    /// Something for it was dropped.
    missed: bool,
    /// The broker has begun a session anew, and the client has not heard of it yet.
    has_new_session: bool,
    /// It never heard of it, and believes in subscriptions and packet identifiers that the broker does not know. The protocol
    /// has no way to find out.
    is_in_hole: bool,
    /// The last round of probes that it got from each.
    probes: BTreeMap<usize, u32>,
}

/// Who knows what must hold.
pub(super) struct Oracle {
    pub(super) trace: Trace,
    pub(super) coverage: Coverage,
    pub(super) violation: Option<Violation>,
    pub(super) phase: Phase,
    /// The broker's program shall stop and start again.
    pub(super) restart: bool,
    /// As of the last step of the network.
    pub(super) now: Duration,
    /// When a message was last accepted, received or settled.
    pub(super) last_progress: Duration,
    pub(super) packets: Packets,
    people: Vec<Person>,
    published: BTreeMap<u64, Published>,
    next_number: u64,
    order: BTreeMap<Flow, u64>,
    retained: BTreeMap<String, u64>,
    broker: BrokerLife,
}

impl Oracle {
    fn new(setup: &Setup, trace: Trace) -> Self {
        let people = setup.clients.iter().map(|client| Person {
            is_v5: client.version == mqtt_engine::packet::ProtocolVersion::V5,
            session_lasts: client.lasts,
            may_lose_session: !client.lasts,
            will_delay: client.config(0, 1).will.map(|will| will.delay),
            ..Person::default()
        });
        Self {
            trace,
            coverage: Coverage::default(),
            violation: None,
            phase: Phase::Busy,
            restart: false,
            now: Duration::ZERO,
            last_progress: Duration::ZERO,
            packets: Packets::new(setup.clients.len()),
            people: people.collect(),
            published: BTreeMap::new(),
            next_number: 1,
            order: BTreeMap::new(),
            retained: BTreeMap::new(),
            broker: BrokerLife::default(),
        }
    }

    /// A line of the trace, at the time of the host that is running.
    pub(super) fn note(&mut self, words: impl FnOnce() -> String) {
        if self.trace.is_on() {
            let now = ::turmoil::sim_elapsed().unwrap_or(self.now);
            self.trace.note(Timestamp::ZERO + now, words);
        }
    }

    pub(super) fn count(&mut self, row: Row) {
        self.coverage.count(row);
    }

    /// A client's program starts, for the nth time.
    pub(super) fn client_started(&mut self, index: usize) -> u32 {
        let person = &mut self.people[index];
        person.life += 1;
        let life = person.life;
        self.note(|| format!("c{index} starts, life {life}"));
        life
    }

    /// A client's program is gone, with all that it knew.
    pub(super) fn client_crashed(&mut self, index: usize) {
        let person = &mut self.people[index];
        person.may_lose_session = true;
        person.status = Status::default();
        person.connections = 0;
        person.counts.clear();
        person.last.clear();
        for number in std::mem::take(&mut person.tokens).into_values() {
            if let Some(published) = self.published.get_mut(&number) {
                published.is_orphan = true;
            }
        }
        self.packets.client_ends(index);
        self.note(|| format!("c{index} crashes"));
    }

    pub(super) fn report(&mut self, index: usize, status: Status) {
        self.people[index].status = status;
    }
}
