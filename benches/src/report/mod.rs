//! What the groups found out, for people: tables, charts, and their places in the README.

mod chart;
mod grid;
mod machine;
mod readme;

use std::{fs, io};

pub(crate) use self::{
    chart::{Bar, Bars, Chart, Role},
    grid::{Grid, NONE, grouped, readable},
    machine::facts,
    readme::root,
};
use crate::measure::{Case, Counts, Measured, Spread};

/// What a group prints.
#[derive(Debug)]
pub(crate) struct Section {
    /// The group, as the markers in the README name it.
    pub(crate) group: &'static str,
    /// Markdown.
    pub(crate) text: String,
    pub(crate) charts: Vec<Chart>,
}

impl Section {
    /// Puts the text between the group's markers in the README, and draws the charts.
    ///
    /// # Errors
    ///
    /// A file can't be read or written, or the README has no such markers.
    pub(crate) fn write(&self) -> io::Result<()> {
        readme::replace(self.group, &self.text)?;
        for chart in &self.charts {
            fs::write(root().join("benches").join(chart.file), chart.draw())?;
        }
        Ok(())
    }
}

/// Two tables: the time of each case, and what valgrind counted.
pub(crate) fn side_by_side(cases: &[Case], measured: &[Measured]) -> String {
    let mut times = Grid::new("nanoseconds");
    let mut counts = Grid::new("instructions (allocations)");
    for (case, measured) in cases.iter().zip(measured) {
        let Spread { median, deviation } = measured.time;
        let time = format!("{} ± {}", readable(median), readable(deviation));
        times.set(&case.work, case.contender, time);
        if let Some(counted) = measured.counts {
            counts.set(&case.work, case.contender, shown(&counted));
        }
    }
    let counts = if counts.is_empty() {
        "Instructions and allocations are missing: they need valgrind.\n".to_owned()
    } else {
        counts.markdown()
    };
    format!("{}\n{counts}\n", times.markdown())
}

/// `1,204 (2)`; what allocates nothing has no parentheses.
fn shown(counts: &Counts) -> String {
    let instructions = readable(counts.instructions);
    if counts.allocations < 0.05 {
        return instructions;
    }
    format!("{instructions} ({})", readable(counts.allocations))
}
