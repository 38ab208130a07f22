//! What the rings have in common: a seed becomes a setup and a schedule, and a schedule is run.

use std::{fmt::Debug, panic::AssertUnwindSafe};

use crate::{
    Checked, Violation,
    coverage::{Coverage, Row},
    shrink::shrink,
    trace::Trace,
    violation,
};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What happened how often.
    pub coverage: Coverage,
    /// What went wrong, if something did.
    pub violation: Option<Violation>,
    /// All of it in words, if they were asked for.
    pub trace: Trace,
}

/// A kind of simulation.
pub trait Ring {
    /// What stays while a schedule shrinks.
    type Setup: Clone + Debug;
    /// What happens; any part of a schedule is a schedule.
    type Step: Copy + Debug;

    /// Its name for the command line.
    const NAME: &'static str;
    /// What must happen sooner or later.
    const ROWS: &'static [Row];

    /// The setup and the schedule of a seed.
    fn draw(seed: u64) -> (Self::Setup, Vec<Self::Step>);

    /// Runs a schedule, and lets everything come to rest.
    fn run(setup: &Self::Setup, steps: &[Self::Step], trace: Trace) -> Report;

    /// Runs a seed.
    #[must_use]
    fn run_seed(seed: u64) -> Report {
        let (setup, steps) = Self::draw(seed);
        Self::run(&setup, &steps, Trace::default())
    }

    /// The smallest part found of a schedule (steps with their places) that breaks the same rule, and its report with all
    /// words.
    #[must_use]
    fn shrink(
        setup: &Self::Setup,
        steps: &[(usize, Self::Step)],
        rule: &str,
    ) -> (Vec<(usize, Self::Step)>, Report) {
        let run = |steps: &[(usize, Self::Step)], trace: Trace| {
            let steps: Vec<Self::Step> = steps.iter().map(|(_, step)| *step).collect();
            Self::run(setup, &steps, trace)
        };
        let fails = |steps: &[(usize, Self::Step)]| {
            run(steps, Trace::default()).violation.is_some_and(|violation| violation.rule == rule)
        };
        let kept = shrink(steps, fails);
        let report = run(&kept, Trace::on());
        (kept, report)
    }
}

/// Runs something; a panic counts as a violation.
pub(crate) fn guarded(run: impl FnOnce() -> Checked) -> Option<Violation> {
    match std::panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.err(),
        Err(panic) => Some(Violation { rule: "panic", details: violation::words(panic.as_ref()) }),
    }
}
