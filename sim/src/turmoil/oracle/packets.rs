//! The packet checkers: one for each client and one for the broker's side of each client, told what passes their streams.

use std::time::Duration;

use mqtt_engine::Timestamp;

use super::Oracle;
use crate::{
    checker::{self, Checker, Role, Rule, View},
    violation::{Checked, Violation},
};

/// Programs doze and hosts get their turn now and then, so nobody is blamed for being late; the pair ring judges that.
const LATENESS: Duration = Duration::from_secs(86_400);

/// Who reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::turmoil) enum Side {
    /// This client.
    Client(usize),
    /// The broker, towards this client.
    Server(usize),
}

/// All checkers.
#[derive(Debug)]
pub(in crate::turmoil) struct Packets {
    clients: Vec<Checker>,
    servers: Vec<Checker>,
    links: u64,
    /// The last connection of the broker's former life: what it still says is not judged.
    former: u64,
}

impl Packets {
    pub(super) fn new(clients: usize) -> Self {
        let all = |role| (0..clients).map(|_| checker(role)).collect();
        Self { clients: all(Role::Client), servers: all(Role::Server), links: 0, former: 0 }
    }

    /// A name for a connection, seen from one side.
    pub(in crate::turmoil) const fn open(&mut self) -> u64 {
        self.links += 1;
        self.links
    }

    fn of(&mut self, side: Side) -> &mut Checker {
        match side {
            Side::Client(index) => &mut self.clients[index],
            Side::Server(index) => &mut self.servers[index],
        }
    }

    /// A client's program ends, with all that it knew.
    pub(super) fn client_ends(&mut self, index: usize) {
        self.clients[index] = checker(Role::Client);
    }

    /// The broker ends, with all that it knew.
    pub(super) fn broker_ends(&mut self) {
        self.servers.iter_mut().for_each(|server| *server = checker(Role::Server));
        self.former = self.links;
    }

    const fn is_judged(&self, side: Side, link: u64) -> bool {
        matches!(side, Side::Client(_)) || link > self.former
    }
}

/// A stream shows a packet when it is written, which is later than the party decided on it: a wire.
fn checker(role: Role) -> Checker {
    let mut checker = Checker::new(role);
    let settings = checker.settings_mut();
    settings.view = View::Wire;
    settings.lateness = LATENESS;
    // A program that starts again goes on with the session that the broker has kept.
    settings.tolerates_session_present = true;
    checker
}

impl Oracle {
    pub(in crate::turmoil) fn packet_link_opened(&mut self, side: Side, link: u64) {
        let now = self.timestamp();
        self.packets.of(side).opened(link, now);
    }

    pub(in crate::turmoil) fn packet_link_closed(&mut self, side: Side, link: u64) {
        let now = self.timestamp();
        self.packets.of(side).closed(link, now);
    }

    pub(in crate::turmoil) fn party_read(&mut self, side: Side, link: u64, bytes: &[u8]) -> Checked {
        let now = self.timestamp();
        if self.packets.is_judged(side, link) {
            self.packets.of(side).read(link, bytes, now);
        }
        self.check_packets(side)
    }

    pub(in crate::turmoil) fn party_wrote(&mut self, side: Side, link: u64, bytes: &[u8]) -> Checked {
        let now = self.timestamp();
        if self.packets.is_judged(side, link) {
            self.packets.of(side).wrote(link, bytes, now);
        }
        self.check_packets(side)
    }

    /// The order of what is sent again is left to the receivers and to the pair ring: an acknowledgement that a stream has shown may
    /// be one that the party has thrown away unread, with the connection, so that nobody here knows what must come again.
    fn check_packets(&mut self, side: Side) -> Checked {
        let is_judged = |violation: &checker::Violation| violation.rule != Rule::ResendOrder;
        match self.packets.of(side).violations().into_iter().find(is_judged) {
            None => Ok(()),
            Some(first) => Err(Violation { rule: "packets", details: format!("{side:?}: {first}") }),
        }
    }

    /// The time as of the last step, which is there also while a host ends.
    fn timestamp(&self) -> Timestamp {
        Timestamp::ZERO + self.now
    }
}
