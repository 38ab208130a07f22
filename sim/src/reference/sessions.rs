//! The session that a broker keeps for a client: whether there is one, until when, its subscriptions and its will.

use std::time::Duration;

use mqtt_engine::{QoS, Timestamp, packet::RetainHandling};

use super::ledger::{Identifiers, Ledger, Replay, identifier};
use crate::{
    coverage::{Coverage, Row},
    names::{FILTERS, SHARED_S},
    reference::matching::shared,
};

/// What a CONNECT said, as far as the broker grants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectSeen {
    pub(crate) clean_start: bool,
    /// In seconds.
    pub(crate) expiry: u32,
    pub(crate) will_delay: Option<Duration>,
    pub(crate) receive_maximum: u16,
}

/// What a SUBSCRIBE asks for, filter by filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub(crate) filter: &'static str,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) handling: RetainHandling,
    pub(crate) identifiers: Identifiers,
    /// The moment when it was made.
    pub(crate) since: u64,
}

impl Subscription {
    pub(crate) fn new(filter: &mqtt_engine::packet::Subscription<'_>, id: Option<u32>, since: u64) -> Self {
        Self {
            filter: known(filter.filter),
            qos: filter.qos,
            no_local: filter.no_local,
            retain_as_published: filter.retain_as_published,
            handling: filter.retain_handling,
            identifiers: identifier(id.unwrap_or(0)),
            since,
        }
    }
}

/// The filter as it stands in our list.
pub(crate) fn known(filter: &str) -> &'static str {
    FILTERS.iter().find(|known| **known == filter).copied().unwrap_or("")
}

/// A will that its session's end or the passing of time will publish.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wills {
    /// How many were owed so far, and how many were published.
    pub(crate) owed: u32,
    pub(crate) seen: u32,
    /// The session that the last one belonged to.
    pub(crate) generation: u32,
}

/// What a broker should keep for one client.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) exists: bool,
    /// Counts the sessions of this client.
    pub(crate) generation: u32,
    /// Which start of the client's program it began with.
    pub(crate) incarnation: u32,
    pub(crate) is_connected: bool,
    expiry: u32,
    ends_at: Option<Timestamp>,
    will_delay: Option<Duration>,
    will_at: Option<Timestamp>,
    receive_maximum: u16,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) wills: Wills,
    /// One for each generation.
    pub(crate) ledgers: Vec<Ledger>,
}

impl Session {
    /// The client is accepted; what it was told about a stored session should be this.
    pub(crate) fn connect(&mut self, seen: ConnectSeen, incarnation: u32, coverage: &mut Coverage) -> bool {
        if seen.clean_start && self.exists {
            self.end(coverage);
        }
        let is_present = self.exists;
        if is_present {
            coverage.count(Row::SessionResumed);
            coverage.count_if(self.will_at.is_some(), Row::WillCancelled);
            coverage.count_if(seen.receive_maximum < self.receive_maximum, Row::SmallerReceiveMaximum);
        } else {
            self.exists = true;
            self.generation += 1;
            self.incarnation = incarnation;
        }
        self.ledgers.resize_with(self.generation as usize + 1, Ledger::default);
        let filters: Vec<_> = self.subscriptions.iter().map(|one| one.filter).collect();
        self.ledger().announced.extend(filters);
        self.is_connected = true;
        self.expiry = seen.expiry;
        self.will_delay = seen.will_delay;
        self.receive_maximum = seen.receive_maximum;
        (self.ends_at, self.will_at) = (None, None);
        is_present
    }

    /// The connection is gone; `expiry` is what a DISCONNECT said last.
    pub(crate) fn disconnect(
        &mut self,
        said_goodbye: bool,
        expiry: Option<u32>,
        now: Timestamp,
        coverage: &mut Coverage,
    ) {
        self.is_connected = false;
        let expiry = expiry.unwrap_or(self.expiry);
        let delay = self.will_delay.take().filter(|_| !said_goodbye);
        self.wills.generation = self.generation;
        if expiry > 0 && delay == Some(Duration::ZERO) {
            self.wills.owed += 1;
            coverage.count(Row::WillAtOnce);
        } else {
            self.will_at = delay.map(|delay| now + delay);
        }
        self.ends_at = (expiry < u32::MAX).then(|| now + Duration::from_secs(expiry.into()));
        if expiry == 0 {
            self.end(coverage);
        }
        self.let_pass(now, coverage);
    }

    pub(crate) fn let_pass(&mut self, now: Timestamp, coverage: &mut Coverage) {
        if self.is_connected || !self.exists {
            return;
        }
        if self.will_at.take_if(|at| *at <= now).is_some() {
            self.wills.owed += 1;
            coverage.count(Row::WillDelayed);
        }
        if self.ends_at.is_some_and(|at| at <= now) {
            coverage.count(Row::SessionExpired);
            self.end(coverage);
        }
    }

    /// The session ends, and with it the wait for the will.
    fn end(&mut self, coverage: &mut Coverage) {
        if self.will_at.take().is_some() {
            self.wills.owed += 1;
            coverage.count(Row::WillAtSessionEnd);
        }
        self.exists = false;
        self.subscriptions.clear();
    }

    /// The broker has lost everything; nobody publishes the wills.
    pub(crate) fn lose(&mut self) {
        self.exists = false;
        self.is_connected = false;
        (self.ends_at, self.will_at, self.will_delay) = (None, None, None);
        self.subscriptions.clear();
        self.wills.owed = self.wills.seen;
    }

    pub(crate) fn ledger(&mut self) -> &mut Ledger {
        let generation = self.generation as usize;
        if self.ledgers.len() <= generation {
            self.ledgers.resize_with(generation + 1, Ledger::default);
        }
        &mut self.ledgers[generation]
    }

    /// A subscription is made or replaced, unless there are too many; the reason code of its SUBACK.
    pub(crate) fn subscribe(&mut self, wanted: Subscription, limit: usize) -> u8 {
        let former = self.subscriptions.iter().position(|one| one.filter == wanted.filter);
        if former.is_none() && self.subscriptions.len() >= limit {
            return 0x97;
        }
        if let Some(former) = former {
            self.subscriptions.remove(former);
        }
        let is_shared = shared(wanted.filter).is_some();
        let gets_retained = match wanted.handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => former.is_none(),
            _ => false,
        };
        let ledger = self.ledger();
        if is_shared {
            ledger.memberships.insert(wanted.filter);
        } else if gets_retained {
            ledger.outdate(wanted.filter);
            let Subscription { filter, qos, identifiers, since, .. } = wanted;
            ledger.replays.push(Replay { filter, qos, identifiers, since, is_current: true });
        }
        self.subscriptions.push(wanted);
        wanted.qos as u8
    }

    /// The reason code of the UNSUBACK.
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> u8 {
        self.ledger().outdate(filter);
        let Some(former) = self.subscriptions.iter().position(|one| one.filter == filter) else {
            return 0x11;
        };
        let removed = self.subscriptions.remove(former);
        // What it has let in may come on another connection, without the SUBACK of this one.
        self.ledger().announced.insert(removed.filter);
        0
    }

    /// Whether it is a member of the group all of whose members are granted QoS 2, since before a moment.
    pub(crate) fn is_member_since(&self, moment: u64) -> bool {
        self.subscriptions.iter().any(|one| one.filter == SHARED_S && one.since < moment)
    }
}
