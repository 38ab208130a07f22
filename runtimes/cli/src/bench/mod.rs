//! `mqtt bench`: puts load on a broker, any broker, and tells what it costs.
//!
//! It must never be what limits: one thread, bytes that are ready to be copied, one read and one write for many packets, and
//! of what arrives only what counts is looked at.

mod alarm;
mod arrivals;
mod handshake;
mod limits;
mod load;
mod measure;
mod network;
mod options;
mod parse;
mod plan;
mod progress;
mod publisher;
mod report;
mod schedule;
mod socket;
mod subscriber;
mod tag;
mod units;
mod window;
mod words;

use core::time::Duration;
use std::io::{self, Write};

pub(crate) use options::{BENCH_HELP, BenchOptions, hide_what_is_not_spoken};

use crate::failure::Failure;
use load::{Load, Phase};
use measure::Process;
use network::Network;
use plan::Plan;
use progress::Progress;
use report::{Broker, Report};
use schedule::Schedule;

/// How long all is quiet before the memory of the broker is read.
const QUIET: Duration = Duration::from_millis(300);
/// What a packet of a server may have beside a message of ours: words, and other properties.
const MORE: usize = 64 << 10;

pub(crate) fn run(options: &BenchOptions) -> Result<u8, Failure> {
    let plan = Plan::new(options)?;
    limits::allow(plan.connections())?;
    let mut progress = Progress::new(options.quiet);
    let result = measure(&plan, options.broker_pid, &mut progress);
    progress.end();
    let report = result?;
    let text = if options.json { format!("{}\n", report.json()) } else { report.text() };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::new(format!("the report can't be written: {error}")))?;
    match report.failures() {
        failures if failures.is_empty() => Ok(0),
        failures => Err(Failure::new(failures.join("; "))),
    }
}

/// All phases, one after another.
fn measure<'a>(plan: &'a Plan, broker: Option<u32>, progress: &mut Progress) -> Result<Report<'a>, Failure> {
    let mut watched = broker.map(Watched::new).transpose()?;
    let publish = plan.publish((plan.publishers * plan.topics).saturating_sub(1))?.len();
    let mut network = Network::new(plan.version, publish + MORE)?;

    let begin = network.now();
    progress.begin("connecting", begin);
    let terms = handshake::connect(&mut network, plan, |now, count| progress.connected(now, count))?;
    let connecting = network.now() - begin;
    terms.check(plan, publish)?;
    handshake::subscribe(&mut network, plan, terms)?;
    handshake::rest(&mut network, plan, terms, QUIET)?;
    if let Some(watched) = &mut watched {
        watched.figures.memory_connected = watched.memory()?;
    }

    let mut load = Load::new(plan, terms, network.now())?;
    let (phase, generator) = publish_all(&mut load, &mut network, plan, watched.as_mut(), progress)?;
    if let Some(watched) = &mut watched {
        watched.figures.memory_loaded = watched.memory()?;
    }
    handshake::disconnect(&mut network, plan)?;
    Ok(Report {
        plan,
        window: load.window(),
        connecting,
        phase,
        faults: load.faults(),
        generator,
        broker: watched.map(|watched| watched.figures),
    })
}

/// Warms up, and measures; tells what came of it, and the processor time that it took here.
fn publish_all(
    load: &mut Load<'_>,
    network: &mut Network,
    plan: &Plan,
    watched: Option<&mut Watched>,
    progress: &mut Progress,
) -> Result<(Phase, Option<Duration>), Failure> {
    if plan.publishers == 0 {
        return Ok((Phase::new(), None));
    }
    let own = Process::own();
    progress.begin("warming up", network.now());
    load.run(network, Schedule::new(plan.amount.tenth(), plan.rate, network.now()), progress)?;
    if load.faults().is_stuck {
        return Ok((Phase::new(), None));
    }
    let before =
        (own.processor_time(), watched.as_ref().map(|watched| watched.processor_time()).transpose()?);
    progress.begin("measuring", network.now());
    let phase = load.run(network, Schedule::new(plan.amount, plan.rate, network.now()), progress)?;
    let generator = own.processor_time().zip(before.0).map(|(now, before)| now.since(&before));
    if let (Some(watched), Some(before)) = (watched, before.1) {
        watched.figures.processor = watched.processor_time()?.since(&before);
    }
    Ok((phase, generator))
}

/// The process of the broker.
struct Watched {
    process: Process,
    figures: Broker,
}

impl Watched {
    fn new(id: u32) -> Result<Self, Failure> {
        let process = Process::new(id);
        let memory = process.memory().ok_or_else(|| gone(id))?;
        let figures = Broker {
            id,
            processor: Duration::ZERO,
            memory_before: memory,
            memory_connected: memory,
            memory_loaded: memory,
        };
        Ok(Self { process, figures })
    }

    fn memory(&self) -> Result<u64, Failure> {
        self.process.memory().ok_or_else(|| gone(self.figures.id))
    }

    fn processor_time(&self) -> Result<measure::ProcessorTime, Failure> {
        self.process.processor_time().ok_or_else(|| gone(self.figures.id))
    }
}

fn gone(id: u32) -> Failure {
    Failure::new(format!("nothing can be learnt of process {id}"))
        .advice("is it the broker's (--broker-pid), is it still there, and is this Linux?")
}
