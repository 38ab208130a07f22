//! Work that is repeated in one thread: its time, its instructions and its allocations.

mod time;
mod valgrind;

use std::{collections::BTreeMap, io, num::NonZeroUsize};

pub(crate) use self::{
    time::Spread,
    valgrind::{Counts, profile, repeat, repeat_all},
};

/// Does the work so many times, in a loop of its own.
pub(crate) type Repeat = Box<dyn FnMut(usize)>;

/// A work as one contender does it: a cell of a table.
pub(crate) struct Case {
    pub(crate) group: &'static str,
    /// The row.
    pub(crate) work: String,
    /// The column.
    pub(crate) contender: &'static str,
    /// The cases of the group that are compared with it: their time is measured in turn with its own.
    compared: String,
    /// How many of the things that the row is about one repetition does.
    units: u32,
    /// How many repetitions are counted.
    counted: usize,
    setup: Box<dyn Fn() -> Repeat>,
}

impl Case {
    /// A case whose `setup` prepares the work and gives what repeats it.
    pub(crate) fn new<R>(
        group: &'static str,
        work: impl Into<String>,
        contender: &'static str,
        setup: impl Fn() -> R + 'static,
    ) -> Self
    where
        R: FnMut(usize) + 'static,
    {
        let setup = Box::new(move || Box::new(setup()) as Repeat);
        let work = work.into();
        Self { group, compared: work.clone(), work, contender, units: 1, counted: 500, setup }
    }

    /// The same, where a repetition does the thing that is measured so many times.
    pub(crate) fn with_units(self, units: u32) -> Self {
        Self { units, ..self }
    }

    /// The same, compared with those of its column, not with those of its row.
    pub(crate) fn compared_by_column(self) -> Self {
        Self { compared: self.contender.to_owned(), ..self }
    }

    /// The same with this many repetitions under valgrind. They must be enough that what happens rarely, such as a buffer that is
    /// filled anew, has its share.
    pub(crate) fn counted_over(self, counted: usize) -> Self {
        Self { counted, ..self }
    }

    /// How the case is called on the command line.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}/{}", self.group, self.work, self.contender)
    }

    /// Prepares the work.
    pub(crate) fn start(&self) -> Repeat {
        (self.setup)()
    }
}

/// What was found out about a case; for one of its units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// In nanoseconds.
    pub(crate) time: Spread,
    /// Unless valgrind is missing.
    pub(crate) counts: Option<Counts>,
}

/// Measures all cases of a group, in their order: time in turn with all that a case is compared with, so that a slow moment of the
/// machine meets everybody.
///
/// # Errors
///
/// Valgrind has failed at one of them.
pub(crate) fn run(cases: &[Case], rounds: NonZeroUsize) -> io::Result<Vec<Measured>> {
    let mut compared: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        compared.entry(&case.compared).or_default().push(index);
    }
    let mut times: Vec<Option<Spread>> = cases.iter().map(|_| None).collect();
    for (name, indices) in compared {
        eprintln!("{}: {name}", cases[indices[0]].group);
        let in_turn: Vec<&Case> = indices.iter().map(|index| &cases[*index]).collect();
        for (index, time) in indices.iter().zip(time::measure(&in_turn, rounds)) {
            times[*index] = Some(time);
        }
    }
    let counts: Vec<Option<Counts>> = if valgrind::is_there() {
        valgrind::count(cases)?.into_iter().map(Some).collect()
    } else {
        cases.iter().map(|_| None).collect()
    };
    let measured = times.into_iter().flatten().zip(counts);
    Ok(measured.map(|(time, counts)| Measured { time, counts }).collect())
}
