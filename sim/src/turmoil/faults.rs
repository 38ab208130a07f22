//! What breaks, and how it is mended.

use std::time::Duration;

use ::turmoil::Sim;

use super::setup::{ClientSetup, Setup, host};
use crate::random::Random;

/// The broker's host.
pub(super) const BROKER: &str = "broker";
/// The host that passes bytes on, until it is told not to.
pub(super) const RELAY: &str = "relay";

/// Something that breaks for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, counted from the beginning of the run.
    pub at: Duration,
    /// For how long, if it lasts.
    pub lasts: Duration,
    /// What.
    pub what: Break,
}

/// The ways in which things break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Nothing passes a link; what is under way is lost.
    Partition(Link),
    /// Nothing passes a link in one direction.
    OneWay(Link, Way),
    /// Everything on a link stands still, and arrives later.
    Hold(Link),
    /// So many of a thousand segments break their link, until the next segment.
    Loss(Link, u16),
    /// A link takes so many milliseconds.
    Slow(Link, u16),
    /// A host's programs end; its peers are told by FIN or RST.
    Crash(Node),
    /// A host falls silent, and starts again.
    PowerLoss(Node),
    /// The broker is told to stop, and starts again.
    Restart,
    /// The relay passes so many more bytes on and then cuts that connection, at both ends.
    Cut(Way, u16),
    /// The relay passes so many more bytes on and then is silent in that direction, until the connection ends.
    Stall(Way, u16),
    /// The relay closes one direction of a connection and leaves the other open.
    HalfClose(Way),
}

/// A direction, seen from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the broker.
    Up,
    /// To the client.
    Down,
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Node {
    Broker,
    Relay,
    Client(usize),
}

/// Two hosts; the one nearer to the clients is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub Node, pub Node);

impl Node {
    /// Its name in the network.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Broker => BROKER.to_owned(),
            Self::Relay => RELAY.to_owned(),
            Self::Client(index) => host(index),
        }
    }
}

impl Link {
    fn names(self) -> (String, String) {
        (self.0.name(), self.1.name())
    }
}

/// Draws the faults of a run. A run has a few kinds only, so that they meet more often.
pub(super) fn draw(setup: &Setup, random: &mut Random) -> Vec<Fault> {
    let kinds: Vec<_> = (0..3).map(|_| random.below(KINDS)).collect();
    let count = random.below(9);
    let busy = setup.busy.as_millis() as usize;
    let mut faults: Vec<_> = (0..count)
        .map(|_| Fault {
            at: Duration::from_millis((100 + random.below(busy)) as u64),
            lasts: Duration::from_millis(random.pick(&[20, 100, 400, 1000, 2500])),
            what: one_of(random.pick(&kinds), &setup.clients, random),
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

const KINDS: usize = 13;

fn one_of(kind: usize, clients: &[ClientSetup], random: &mut Random) -> Break {
    let client = random.below(clients.len());
    let way = random.pick(&[Way::Up, Way::Down]);
    let bytes = random.below(120) as u16;
    let link = match (clients[client].is_relayed, random.one_in(2)) {
        (false, _) => Link(Node::Client(client), Node::Broker),
        (true, false) => Link(Node::Client(client), Node::Relay),
        (true, true) => Link(Node::Relay, Node::Broker),
    };
    match kind {
        0 => Break::Partition(link),
        1 => Break::OneWay(link, way),
        2 => Break::Hold(link),
        3 => Break::Loss(link, random.pick(&[5, 30, 200])),
        4 => Break::Slow(link, random.pick(&[100, 300])),
        5 => Break::Crash(Node::Client(client)),
        6 => Break::PowerLoss(Node::Client(client)),
        7 => Break::Crash(random.pick(&[Node::Broker, Node::Relay])),
        8 => Break::PowerLoss(random.pick(&[Node::Broker, Node::Relay])),
        9 => Break::Restart,
        10 => Break::HalfClose(way),
        11 => Break::Stall(way, bytes),
        _ => Break::Cut(way, bytes),
    }
}

/// Does to the network what this fault does to it; hosts and the relay are for the caller to break.
pub(super) fn strike(sim: &mut Sim<'_>, what: Break) {
    match what {
        Break::Partition(link) => {
            let (near, far) = link.names();
            sim.partition(near, far);
        }
        Break::OneWay(link, way) => {
            let (from, to) = directed(link, way);
            sim.partition_oneway(from, to);
        }
        Break::Hold(link) => {
            let (near, far) = link.names();
            sim.hold(near, far);
        }
        Break::Loss(link, rate) => {
            let (near, far) = link.names();
            sim.set_link_fail_rate(near, far, f64::from(rate) / 1000.0);
        }
        Break::Slow(link, millis) => {
            let (near, far) = link.names();
            sim.set_link_latency(near, far, Duration::from_millis(millis.into()));
        }
        Break::Crash(_) | Break::PowerLoss(_) | Break::Restart => {}
        Break::Cut(..) | Break::Stall(..) | Break::HalfClose(_) => {}
    }
}

/// Mends what [`strike`] broke. `slowest` is the latency that links have at most.
pub(super) fn mend(sim: &mut Sim<'_>, what: Break, slowest: Duration) {
    match what {
        Break::Partition(link) | Break::Hold(link) => {
            let (near, far) = link.names();
            sim.release(near, far);
        }
        Break::OneWay(link, way) => {
            let (from, to) = directed(link, way);
            sim.repair_oneway(from, to);
        }
        Break::Loss(link, _) => {
            let (near, far) = link.names();
            sim.set_link_fail_rate(near.as_str(), far.as_str(), 0.0);
            sim.release(near, far);
        }
        Break::Slow(link, _) => {
            let (near, far) = link.names();
            sim.set_link_latency(near, far, slowest);
        }
        Break::Crash(_) | Break::PowerLoss(_) | Break::Restart => {}
        Break::Cut(..) | Break::Stall(..) | Break::HalfClose(_) => {}
    }
}

fn directed(link: Link, way: Way) -> (String, String) {
    let (near, far) = link.names();
    match way {
        Way::Up => (near, far),
        Way::Down => (far, near),
    }
}

/// A host falls silent at this instant: its programs end, and none of its peers hears of it. What it had sent and has not
/// arrived is lost. [`power_back`] starts it again.
pub fn power_loss<'a>(sim: &mut Sim<'_>, host: &str, others: impl IntoIterator<Item = &'a str>) {
    for other in others.into_iter().filter(|other| *other != host) {
        sim.partition(host, other);
    }
    // The FIN and RST of the ending programs go nowhere.
    sim.crash(host);
}

/// Starts a host again after [`power_loss`]; its peers then learn by RST that it knows nothing of them.
pub fn power_back<'a>(sim: &mut Sim<'_>, host: &str, others: impl IntoIterator<Item = &'a str>) {
    sim.bounce(host);
    reconnect(sim, host, others);
}

/// Mends all links of a host.
pub(super) fn reconnect<'a>(sim: &Sim<'_>, host: &str, others: impl IntoIterator<Item = &'a str>) {
    for other in others.into_iter().filter(|other| *other != host) {
        sim.release(host, other);
    }
}
