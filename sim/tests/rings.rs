//! A small share of what the command runs, for every build: some hundred seeds of each ring, and that a seed is a run.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    reason = "a test says what went wrong by panicking"
)]

use mqtt_engine_sim::{Ring, coverage::Coverage, lone::Lone, pair::Pair, trace::Trace};

/// Runs seeds; none may break a rule.
fn run<R: Ring>(seeds: std::ops::Range<u64>) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in seeds {
        let report = R::run_seed(seed);
        if let Some(violation) = report.violation {
            panic!(
                "{violation}\ncargo run --release -p mqtt-engine-sim -- --ring {} --replay {seed}",
                R::NAME
            );
        }
        coverage.add(&report.coverage);
    }
    coverage
}

/// Clients and a broker: what is promised holds, whatever breaks.
#[test]
fn every_world_comes_to_its_end() {
    let coverage = run::<Pair>(0..400);
    let missing: Vec<_> = coverage.missing(Pair::ROWS).collect();
    assert!(missing.len() < 8, "{missing:?}: {}", coverage.table(Pair::ROWS));
}

/// [MQTT-3.1.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-2] [MQTT-4.6.0-3] (both versions), [MQTT-2.3.1-2] (3.1.1),
/// [MQTT-2.2.1-3] [MQTT-3.2.2-11] [MQTT-3.2.2-15] [MQTT-3.2.2-17] [MQTT-3.3.4-7] (5.0)
#[test]
fn every_conversation_comes_to_its_end() {
    let coverage = run::<Lone>(0..800);
    let missing: Vec<_> = coverage.missing(Lone::ROWS).collect();
    assert!(missing.len() < 3, "{missing:?}: {}", coverage.table(Lone::ROWS));
}

fn words<R: Ring>(seed: u64) -> String {
    let (setup, steps) = R::draw(seed);
    let report = R::run(&setup, &steps, Trace::on());
    format!("{setup:?}\n{}\n{}", report.trace.as_str(), report.trace.ladder().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    for seed in 0..40 {
        let (first, second) = (words::<Pair>(seed), words::<Pair>(seed));
        assert!(first.len() > 5000 && first == second, "seed {seed}");
        assert_eq!(words::<Lone>(seed), words::<Lone>(seed), "seed {seed}");
    }
    assert_ne!(words::<Pair>(0), words::<Pair>(1));
}

/// Writing the trace changes nothing.
#[test]
fn a_run_is_the_same_when_somebody_looks() {
    for seed in 0..60 {
        let (setup, steps) = Pair::draw(seed);
        let seen = Pair::run(&setup, &steps, Trace::on());
        assert_eq!(seen.coverage, Pair::run_seed(seed).coverage, "seed {seed}");
    }
}

/// Any part of a schedule is a schedule.
#[test]
fn parts_of_schedules_run() {
    for seed in 0..150 {
        let (setup, steps) = Pair::draw(seed);
        let part: Vec<_> =
            steps.iter().copied().enumerate().filter(|(n, _)| (*n as u64) % 3 != seed % 3).collect();
        let part: Vec<_> = part.into_iter().map(|(_, step)| step).collect();
        let violation = Pair::run(&setup, &part, Trace::default()).violation;
        assert_eq!(violation, None, "seed {seed}");
    }
}
