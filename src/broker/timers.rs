//! One index over everything that has a deadline.

use alloc::collections::BTreeSet;

use super::slab::Key;
use crate::Timestamp;

/// Who waits for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A connection: connect timeout, keep alive.
    Connection(Key),
    /// A session whose client is away: its will, its end.
    Session(Key),
    /// A connected session that reads too slowly, and for which publishers wait.
    Pressure(Key),
}

/// Deadlines in order. Each owner has one entry at most, and keeps its time to find it again.
///
/// An entry may be earlier than what its owner waits for by now: a keep alive moves with each packet, and moving the entry as
/// often would cost more than one early look.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the next timer that is due.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.remove(&(at, timer));
        Some(timer)
    }

    /// Makes the entry of `timer`, which is at `entry`, early enough for `deadline`; returns where it is now.
    pub(super) fn advance(
        &mut self,
        timer: Timer,
        entry: Option<Timestamp>,
        deadline: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let Some(deadline) = deadline else { return entry };
        if let Some(entry) = entry {
            if entry <= deadline {
                return Some(entry);
            }
            self.0.remove(&(entry, timer));
        }
        self.0.insert((deadline, timer));
        Some(deadline)
    }

    pub(super) fn remove(&mut self, timer: Timer, entry: Option<Timestamp>) {
        if let Some(entry) = entry {
            self.0.remove(&(entry, timer));
        }
    }
}
