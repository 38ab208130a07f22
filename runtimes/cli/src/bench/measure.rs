//! What processes cost: processor time and memory, as Linux tells them in `/proc`.

use core::time::Duration;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// What the system counts the time of a whole process in: a hundredth of a second on every Linux that Rust knows.
const TICK: Duration = Duration::from_millis(10);

/// A process that is watched.
#[derive(Debug)]
pub(super) struct Process {
    folder: PathBuf,
}

/// How much processor time it has had.
#[derive(Debug)]
pub(super) struct ProcessorTime {
    /// Of each thread that runs, to the nanosecond.
    threads: BTreeMap<u32, Duration>,
    /// Of all threads there ever were, in ticks.
    whole: Duration,
}

impl Process {
    /// This process.
    pub(super) fn own() -> Self {
        Self::new(std::process::id())
    }

    pub(super) fn new(id: u32) -> Self {
        Self { folder: PathBuf::from(format!("/proc/{id}")) }
    }

    /// `None` if it has ended, or this system has no `/proc`.
    pub(super) fn processor_time(&self) -> Option<ProcessorTime> {
        let whole = whole(&fs::read_to_string(self.folder.join("stat")).ok()?)?;
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(self.folder.join("task")).ok()? {
            let folder = thread.ok()?.path();
            let id = folder.file_name()?.to_str()?.parse().ok()?;
            // A thread may end meanwhile, and a system may leave this out.
            let Ok(times) = fs::read_to_string(folder.join("schedstat")) else { continue };
            let on_processor = times.split_ascii_whitespace().next()?.parse().ok()?;
            threads.insert(id, Duration::from_nanos(on_processor));
        }
        Some(ProcessorTime { threads, whole })
    }

    /// Memory that is really there, in bytes.
    pub(super) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(self.folder.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

impl ProcessorTime {
    /// How much it is more than before.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        let before = |id| earlier.threads.get(id).copied().unwrap_or_default();
        let exact = self.threads.iter().map(|(id, time)| time.saturating_sub(before(id))).sum();
        let whole = self.whole.saturating_sub(earlier.whole);
        // Then threads have ended in between, of which only the coarse clock knows.
        if whole > exact + 3 * TICK { whole } else { exact }
    }
}

/// User and system time out of `/proc/PID/stat`.
fn whole(stat: &str) -> Option<Duration> {
    // The name, in parentheses, may have anything in it.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn time(threads: &[(u32, u32)], whole: u32) -> ProcessorTime {
        let threads = threads.iter().map(|&(id, time)| (id, MILLISECOND * time)).collect();
        ProcessorTime { threads, whole: MILLISECOND * whole }
    }

    #[test]
    fn threads_that_come_and_go_are_counted() {
        let before = time(&[(1, 100), (2, 50)], 150);
        assert_eq!(time(&[(1, 103), (2, 54)], 150).since(&before), MILLISECOND * 7);
        assert_eq!(time(&[(1, 103), (2, 54), (3, 11)], 160).since(&before), MILLISECOND * 18);
        // The second one has run for 200 ms more and ended.
        assert_eq!(time(&[(1, 103)], 350).since(&before), MILLISECOND * 200);
        // Ticks are rounded; and a process that is gone costs nothing.
        assert_eq!(time(&[(1, 103), (2, 50)], 170).since(&before), MILLISECOND * 3);
        assert_eq!(time(&[], 0).since(&before), Duration::ZERO);
    }

    #[test]
    fn the_time_of_a_process_is_behind_its_name() {
        let stat = "77 (a) b (c)) S 1 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1000 5000 600";
        assert_eq!(whole(stat), Some(Duration::from_secs(3)));
        assert_eq!(whole("77 (a) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_costs_something() {
        let own = Process::own();
        assert!(own.memory().unwrap() > 100_000);
        let before = own.processor_time().unwrap();
        let mut spent = Duration::ZERO;
        // Each look takes time itself.
        for _ in 0..100_000 {
            spent = own.processor_time().unwrap().since(&before);
            if spent > MILLISECOND * 20 {
                break;
            }
        }
        assert!(spent > MILLISECOND * 20, "{spent:?}");
        assert!(Process::new(u32::MAX).processor_time().is_none());
    }
}
