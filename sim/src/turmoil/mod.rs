//! The real tokio client and broker on the network of the crate `turmoil`: hosts that crash and lose their power, links that
//! lose, hold and partition, a relay that cuts inside a packet, streams that come in crumbs.
//!
//! A run follows from its seed: setup, workload, faults, latencies and the order in which hosts get their turn. Each ends
//! with everything mended; then all must come to rest, everybody must reach everybody, and the oracle must be content.

mod broker_host;
pub mod chopped;
mod client_host;
pub mod faults;
mod oracle;
mod panics;
mod relay;
pub mod sabotage;
pub mod setup;
mod tap;

use std::{
    collections::VecDeque,
    mem,
    time::{Duration, SystemTime},
};

use ::turmoil::{Builder, Sim};

use self::{
    faults::{BROKER, Break, Fault, Node, RELAY, power_back, power_loss},
    oracle::{Phase, Witness},
    relay::Desk,
    sabotage::Liar,
    setup::Setup,
};
use crate::{
    coverage::Row,
    random::Random,
    ring::{Report, Ring, guarded},
    trace::Trace,
    violation::{Checked, Violation, ensure},
};

const PORT: u16 = 1883;
/// How long nothing may happen before all is at rest, once everything is mended: several times what keep alive, back-off and
/// wills need.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take until all is at rest, if something happens all the time: queues that drain slowly.
const LIMIT: Duration = Duration::from_secs(200);
/// How long a round of probes may take before the next one begins: a connection may turn out to be dead in it.
const ROUND: Duration = Duration::from_secs(3);
/// How many rounds there may be.
const ROUNDS: u32 = 10;

/// The ring of whole hosts.
#[derive(Clone, Copy, Debug)]
pub struct Turmoil;

impl Ring for Turmoil {
    type Setup = Setup;
    type Step = Fault;

    const NAME: &'static str = "turmoil";
    const ROWS: &'static [Row] = &ROWS;

    fn draw(seed: u64) -> (Setup, Vec<Fault>) {
        let setup = Setup::draw(seed);
        // A source of its own, so that a new setting does not change every schedule.
        let faults = faults::draw(&setup, &mut Random::new(seed ^ 0x5EED));
        (setup, faults)
    }

    fn run(setup: &Setup, faults: &[Fault], trace: Trace) -> Report {
        let mut run = Run::new(setup, faults, trace);
        panics::watch();
        let result = guarded(|| run.finish());
        let panic = panics::first().map(|details| Violation { rule: "panic", details });
        panics::look_away();
        let Run { sim, witness, desk, .. } = run;
        drop(sim);
        let mut oracle = witness.oracle();
        oracle.coverage.add(&desk.orders().coverage);
        let (coverage, trace) = (mem::take(&mut oracle.coverage), mem::take(&mut oracle.trace));
        // A panic comes first, whatever else it has caused.
        Report { coverage, violation: panic.or(result), trace }
    }
}

struct Run<'a> {
    setup: &'a Setup,
    sim: Sim<'a>,
    witness: Witness,
    desk: Desk,
    hosts: Vec<String>,
    /// What is broken, and when it is to be mended.
    broken: Vec<(Duration, Break)>,
    /// What is still to break.
    faults: VecDeque<Fault>,
}

impl<'a> Run<'a> {
    fn new(setup: &'a Setup, faults: &[Fault], trace: Trace) -> Self {
        let witness = Witness::new(setup, trace);
        let desk = Desk::default();
        let mut run = Self {
            setup,
            sim: network(setup),
            witness,
            desk,
            hosts: Vec::new(),
            broken: Vec::new(),
            faults: faults.iter().copied().collect(),
        };
        run.start_hosts();
        run
    }

    fn start_hosts(&mut self) {
        let (setup, witness, desk) = (self.setup, &self.witness, &self.desk);
        let oracle = witness.clone();
        self.sim.host(BROKER, move || broker_host::serve(setup.clone(), oracle.clone()));
        let desk = desk.clone();
        self.sim.host(RELAY, move || relay::pass_on(desk.clone(), setup.sabotage.map(Liar::new)));
        self.hosts = vec![BROKER.to_owned(), RELAY.to_owned()];
        for index in 0..setup.clients.len() {
            let oracle = witness.clone();
            let name = setup::host(index);
            self.sim.host(name.as_str(), move || client_host::live(setup.clone(), index, oracle.clone()));
            self.hosts.push(name);
        }
    }

    fn finish(&mut self) -> Checked {
        while self.sim.elapsed() < self.setup.busy {
            self.break_and_mend();
            self.step()?;
        }
        self.mend_all();
        self.rest()?;
        self.probe()?;
        // What the probes left behind.
        self.enter(Phase::Calm);
        self.rest()?;
        self.enter(Phase::Audit);
        let until = self.sim.elapsed() + PATIENCE;
        while self.phase() != Phase::Over {
            self.step()?;
            ensure!(self.sim.elapsed() < until, "wedged", "the audit does not end");
        }
        self.witness.oracle().check()
    }

    /// One tick of the network and of each host.
    fn step(&mut self) -> Checked {
        let stepped = self.sim.step();
        self.witness.oracle().now = self.sim.elapsed();
        if let Err(error) = stepped {
            return Err(Violation { rule: "a host fails", details: error.to_string() });
        }
        // Told by whoever ends the run.
        ensure!(panics::first().is_none(), "panic", "in a task");
        self.witness.oracle().violation.take().map_or(Ok(()), Err)
    }

    fn phase(&self) -> Phase {
        self.witness.oracle().phase
    }

    fn enter(&self, phase: Phase) {
        let mut oracle = self.witness.oracle();
        oracle.phase = phase;
        oracle.note(|| format!("-- {phase:?}"));
    }

    /// Everything comes to rest, and nothing has happened for a while: twice the way there and back through the relay.
    fn rest(&mut self) -> Checked {
        let quiet = Duration::from_millis(100) + 8 * self.setup.latency.1;
        let begin = self.sim.elapsed();
        loop {
            self.step()?;
            let now = self.sim.elapsed();
            let oracle = self.witness.oracle();
            let still = now - oracle.last_progress.max(begin);
            if oracle.is_settled() && still > quiet {
                return Ok(());
            }
            ensure!(still < PATIENCE && now - begin < LIMIT, "wedged", "{}", oracle.unsettled());
        }
    }

    /// Everybody reaches everybody.
    fn probe(&mut self) -> Checked {
        for round in 1..=ROUNDS {
            self.enter(Phase::Probe(round));
            let end = self.sim.elapsed() + ROUND;
            while self.sim.elapsed() < end {
                self.step()?;
                if self.witness.oracle().is_probed(round) {
                    return Ok(());
                }
            }
            self.witness.oracle().count(Row::ProbedAgain);
        }
        ensure!(false, "wedged", "probes: {}", self.witness.oracle().unsettled());
        Ok(())
    }

    fn break_and_mend(&mut self) {
        let now = self.sim.elapsed();
        while let Some(place) = self.broken.iter().position(|(until, _)| *until <= now) {
            let (_, what) = self.broken.remove(place);
            self.mend(what);
        }
        while let Some(fault) = self.faults.pop_front_if(|fault| fault.at <= now) {
            self.strike(fault.what);
            self.broken.push((now + fault.lasts, fault.what));
        }
    }

    fn mend_all(&mut self) {
        for (_, what) in mem::take(&mut self.broken) {
            self.mend(what);
        }
        self.desk.orders().withdraw_all();
        self.enter(Phase::Calm);
    }

    fn strike(&mut self, what: Break) {
        {
            let mut oracle = self.witness.oracle();
            oracle.note(|| format!("-- {what:?}"));
            if let Some(row) = row(what) {
                oracle.count(row);
            }
        }
        faults::strike(&mut self.sim, what);
        match what {
            Break::Crash(node) => self.end_host(node, |sim, name, _| sim.crash(name)),
            Break::PowerLoss(node) => {
                self.end_host(node, |sim, name, hosts| {
                    power_loss(sim, name, hosts.iter().map(String::as_str))
                });
            }
            Break::Restart if self.sim.is_host_running(BROKER) => self.witness.oracle().restart = true,
            Break::Cut(..) | Break::Stall(..) | Break::HalfClose(_) => self.desk.orders().give(what),
            _ => {}
        }
    }

    /// Ends a host's programs, unless they have ended before.
    fn end_host(&mut self, node: Node, end: impl FnOnce(&mut Sim<'a>, &str, &[String])) {
        let name = node.name();
        if self.sim.is_host_running(name.as_str()) {
            let mut oracle = self.witness.oracle();
            match node {
                Node::Broker => oracle.broker_ends(),
                Node::Client(index) => oracle.client_crashed(index),
                Node::Relay => {}
            }
            drop(oracle);
            end(&mut self.sim, &name, &self.hosts);
        }
    }

    fn mend(&mut self, what: Break) {
        self.witness.oracle().note(|| format!("-- mended: {what:?}"));
        faults::mend(&mut self.sim, what, self.setup.latency.1);
        match what {
            Break::Crash(node) if !self.sim.is_host_running(node.name()) => self.sim.bounce(node.name()),
            // Also if the host runs again already: its links are still cut.
            Break::PowerLoss(node) => {
                let name = node.name();
                let others = self.hosts.iter().map(String::as_str);
                if self.sim.is_host_running(name.as_str()) {
                    faults::reconnect(&self.sim, &name, others);
                } else {
                    power_back(&mut self.sim, &name, others);
                }
            }
            _ => {}
        }
    }
}

/// The network of a run, without its hosts.
fn network<'a>(setup: &Setup) -> Sim<'a> {
    let mut builder = Builder::new();
    builder
        .rng_seed(setup.seed)
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(setup.tick)
        .min_message_latency(setup.latency.0)
        .max_message_latency(setup.latency.1)
        .enable_random_order();
    builder.build()
}

/// What the relay does is counted when it does it.
const fn row(what: Break) -> Option<Row> {
    Some(match what {
        Break::Partition(_) => Row::Partition,
        Break::OneWay(..) => Row::OneWay,
        Break::Hold(_) => Row::Hold,
        Break::Loss(..) => Row::Loss,
        Break::Slow(..) => Row::Slow,
        Break::Crash(Node::Client(_)) => Row::ClientCrash,
        Break::Crash(Node::Broker) => Row::BrokerCrash,
        Break::Crash(Node::Relay) => Row::RelayCrash,
        Break::PowerLoss(Node::Client(_)) => Row::ClientPowerLoss,
        Break::PowerLoss(Node::Broker) => Row::BrokerPowerLoss,
        Break::PowerLoss(Node::Relay) => Row::RelayPowerLoss,
        Break::Restart => Row::BrokerTold,
        Break::Cut(..) | Break::Stall(..) | Break::HalfClose(_) => return None,
    })
}

/// What must happen here sooner or later.
const ROWS: [Row; 46] = [
    Row::Partition,
    Row::OneWay,
    Row::Hold,
    Row::Loss,
    Row::Slow,
    Row::ClientCrash,
    Row::ClientPowerLoss,
    Row::BrokerCrash,
    Row::BrokerPowerLoss,
    Row::BrokerTold,
    Row::RelayCrash,
    Row::RelayPowerLoss,
    Row::CutMidPacket,
    Row::CutAtByte,
    Row::Stalled,
    Row::HalfClosed,
    Row::Chopped,
    Row::ConnectFailed,
    Row::ConnectionLost,
    Row::PingTimeout,
    Row::KeepAliveEnds,
    Row::ConnectTimeout,
    Row::Takeover,
    Row::SessionBegun,
    Row::SessionResumed,
    Row::SessionLost,
    Row::SessionHole,
    Row::SessionKept,
    Row::Resubscribed,
    Row::Left,
    Row::Dozed,
    Row::WriteRefused,
    Row::WritableAgain,
    Row::QueueFull,
    Row::PublishResent,
    Row::DuplicateQoS1PassedOn,
    Row::OutcomeUnknown,
    Row::MessageExpired,
    Row::PublishForbidden,
    Row::AnsweredLater,
    Row::WillAtOnce,
    Row::WillDelayed,
    Row::WillCancelled,
    Row::RetainedReplayed,
    Row::RetainedCleared,
    Row::SharedDelivered,
];
