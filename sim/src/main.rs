//! Runs seeds until something breaks.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a tool of this workspace for hosts with std"
)]

use std::{
    collections::BTreeMap,
    num::NonZero,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use mqtt_engine_sim::{
    Ring, Violation, coverage::Coverage, lone::Lone, pair::Pair, trace::Trace, turmoil::Turmoil,
};

/// From so many runs on, a row of the table that stays empty is a failure.
const ENOUGH: u64 = 50_000;
/// How many seeds a thread takes at a time.
const PORTION: u64 = 64;
/// After so many failures of a rule its further ones are only counted.
const SHOWN: usize = 1;

/// Breaks the networks of the engine's clients and brokers, and watches whether they keep their promises.
#[derive(Parser)]
#[command(name = "mqtt-engine-sim")]
struct Options {
    /// Which seeds to run: so many from 0 on, or FROM..TO
    #[arg(long, default_value = "10000", value_parser = seeds)]
    seeds: (u64, u64),
    /// What to simulate
    #[arg(long, value_enum, default_value = "pair")]
    ring: Kind,
    /// Runs this seed alone and shows its packets and events
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// With --replay: only these steps of the seed's schedule, like 0,5-9
    #[arg(long, value_name = "STEPS", value_parser = steps)]
    keep: Option<Steps>,
    /// Ends at the first seed that fails, without shrinking it; of several threads' the first one found
    #[arg(long)]
    first: bool,
    /// How many threads; the default is one for each core
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Clients and a broker over byte pipes that break in every way
    Pair,
    /// One client against a server that keeps to the specification
    Lone,
    /// Hosts with the tokio client and broker on a network that breaks in every way
    Turmoil,
}

/// Places in a schedule.
#[derive(Clone)]
struct Steps(Vec<usize>);

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let number =
        |text: &str| text.replace('_', "").parse::<u64>().map_err(|error| format!("{text}: {error}"));
    match text.split_once("..") {
        Some((from, to)) => Ok((number(from)?, number(to)?)),
        None => Ok((0, number(text)?)),
    }
}

fn steps(text: &str) -> Result<Steps, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|error| format!("{text}: {error}"));
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(number(first)?..=number(last)?);
    }
    Ok(Steps(all))
}

fn main() -> ExitCode {
    let options = Options::parse();
    mqtt_engine_sim::quiet_panics();
    match options.ring {
        Kind::Pair => run::<Pair>(&options),
        Kind::Lone => run::<Lone>(&options),
        Kind::Turmoil => run::<Turmoil>(&options),
    }
}

fn run<R: Ring>(options: &Options) -> ExitCode {
    let is_well = match options.replay {
        Some(seed) => replay::<R>(seed, options.keep.as_ref()),
        None => run_all::<R>(options),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows one run; whether it went well.
fn replay<R: Ring>(seed: u64, keep: Option<&Steps>) -> bool {
    let (setup, mut steps) = R::draw(seed);
    if let Some(Steps(places)) = keep {
        steps = places.iter().filter_map(|place| steps.get(*place).copied()).collect();
    }
    let report = R::run(&setup, &steps, Trace::on());
    println!("{setup:?}\n\n{}", report.trace.as_str());
    show_ladder(&report.trace);
    match &report.violation {
        Some(violation) => println!("seed {seed}: {violation}"),
        None => println!("seed {seed}: no violation"),
    }
    report.violation.is_none()
}

fn show_ladder(trace: &Trace) {
    if let Some(ladder) = trace.ladder() {
        println!("{ladder}");
    }
}

/// What all threads share.
struct Shared {
    /// One failure is enough.
    first: bool,
    next: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
    coverage: Mutex<Coverage>,
    broken: Mutex<Broken>,
}

/// By rule: how often it was broken, and the first seeds.
type Broken = BTreeMap<&'static str, (u64, Vec<(u64, Violation)>)>;

fn run_all<R: Ring>(options: &Options) -> bool {
    let (from, to) = options.seeds;
    let threads = options.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    let shared = Shared {
        first: options.first,
        next: AtomicU64::new(from),
        done: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        coverage: Mutex::default(),
        broken: Mutex::default(),
    };
    let start = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work::<R>(&shared, to))).collect();
        let progress = scope.spawn(|| show_progress(&shared, start, to - from));
        for worker in workers {
            let _ = worker.join();
        }
        shared.is_over.store(true, Ordering::Relaxed);
        progress.thread().unpark();
    });
    let runs = shared.done.into_inner();
    let seconds = start.elapsed().as_secs_f64();
    let coverage = shared.coverage.into_inner().unwrap_or_default();
    println!("{}", coverage.table(R::ROWS));
    println!("{runs} runs in {seconds:.1} s: {:.0} runs/s on {threads} threads", runs as f64 / seconds);
    let broken = shared.broken.into_inner().unwrap_or_default();
    if options.first {
        let first = broken.values().flat_map(|(_, first)| first).min_by_key(|(seed, _)| *seed);
        if let Some((seed, violation)) = first {
            println!("first failing seed: {seed}\n{violation}");
        }
        return first.is_none();
    }
    for (count, first) in broken.values() {
        for (seed, violation) in first {
            println!("\n{count} × {violation}");
            explain::<R>(*seed, violation);
        }
    }
    let missing: Vec<_> = coverage.missing(R::ROWS).map(|row| row.words()).collect();
    let has_holes = runs >= ENOUGH && !missing.is_empty();
    if has_holes {
        println!("never happened, so the workload has a hole: {}", missing.join("; "));
    }
    broken.is_empty() && !has_holes
}

/// Runs seeds until there are no more.
fn work<R: Ring>(shared: &Shared, to: u64) {
    let mut coverage = Coverage::default();
    loop {
        let first = shared.next.fetch_add(PORTION, Ordering::Relaxed);
        if first >= to {
            break;
        }
        for seed in first..to.min(first + PORTION) {
            let report = R::run_seed(seed);
            coverage.add(&report.coverage);
            shared.done.fetch_add(1, Ordering::Relaxed);
            if let (Some(violation), Ok(mut broken)) = (report.violation, shared.broken.lock()) {
                let (count, first) = broken.entry(violation.rule).or_default();
                *count += 1;
                if first.len() < SHOWN {
                    eprintln!("\nseed {seed}: {violation}");
                    first.push((seed, violation));
                }
                if shared.first {
                    shared.next.store(to, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
    if let Ok(mut all) = shared.coverage.lock() {
        all.add(&coverage);
    }
}

fn show_progress(shared: &Shared, start: Instant, all: u64) {
    while !shared.is_over.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_secs(1));
        let done = shared.done.load(Ordering::Relaxed);
        let rate = done as f64 / start.elapsed().as_secs_f64();
        eprint!("\r{done} of {all} runs, {rate:.0} runs/s ");
    }
    eprintln!();
}

/// Shrinks what failed, and shows how to see it again.
fn explain<R: Ring>(seed: u64, violation: &Violation) {
    let (setup, steps) = R::draw(seed);
    let places: Vec<(usize, R::Step)> = steps.iter().copied().enumerate().collect();
    let (kept, report) = R::shrink(&setup, &places, violation.rule);
    let keep: Vec<String> = kept.iter().map(|(place, _)| place.to_string()).collect();
    println!("seed {seed}; to see all of it:");
    let command = format!("cargo run --release -p mqtt-engine-sim -- --ring {} --replay {seed}", R::NAME);
    println!("    {command}\n{} of its {} steps are enough:", kept.len(), steps.len());
    println!("    {command} --keep {},", keep.join(","));
    println!("\nas a regression test:\n{setup:#?}");
    kept.iter().for_each(|(_, step)| println!("    {step:?},"));
    println!();
    show_ladder(&report.trace);
    if let Some(violation) = &report.violation {
        println!("{violation}");
    }
}
