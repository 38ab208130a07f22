//! Clients and a broker on a network that breaks.

use mqtt_engine_sim::{
    Ring,
    pair::{Pair, Setup, Step},
    trace::Trace,
};

/// Clients and a broker with settings, programs and faults of the fuzzer's choice: streams that are chopped, merged, stalled,
/// half-closed and cut behind any byte, peers that send garbage, timers and clocks that go wrong. The simulator's checkers and
/// its model watch; in the end all is healed, and must come to rest with nothing lost, doubled or out of order.
pub fn conversation(bytes: &[u8]) {
    let (setup, steps) = Pair::of_bytes(bytes);
    come_to_rest(&setup, &steps);
}

/// Runs a schedule, in which the simulator must find nothing.
pub(crate) fn come_to_rest(setup: &Setup, steps: &[Step]) {
    let report = Pair::run(setup, steps, Trace::default());
    if let Some(violation) = report.violation {
        // The fuzzer would take the time that it takes for a step that hangs.
        if !cfg!(fuzzing) {
            explain(setup, steps, violation.rule);
        }
        panic!("{violation}");
    }
}

/// Tells the few steps that it takes, in words that make a regression test of the simulator, and what happens in them.
fn explain(setup: &Setup, steps: &[Step], rule: &str) {
    let places: Vec<_> = steps.iter().copied().enumerate().collect();
    let (kept, report) = Pair::shrink(setup, &places, rule);
    eprintln!("{}\n{setup:#?}", report.trace.as_str());
    kept.iter().for_each(|(_, step)| eprintln!("    {step:?},"));
}
