//! Counting acknowledgements, and what they cost this process.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// How many acknowledgements come at least between two looks at the clock.
const PAUSE: u64 = 64;

/// Lets a client warm up for a tenth of the time, and then measures.
#[derive(Debug)]
pub(super) struct Meter {
    span: Duration,
    total: u64,
    look_at: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    WarmingUp(Instant),
    Measuring(Mark),
    Done(Mark, Mark),
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    total: u64,
    wall: Instant,
    /// Processor time of all threads, user and system.
    processor: Duration,
}

impl Meter {
    /// To be started when the client begins to connect.
    pub(super) fn start(span: Duration) -> Self {
        Self { span, total: 0, look_at: PAUSE, phase: Phase::WarmingUp(Instant::now()) }
    }

    /// Counts acknowledgements, and tells whether publishing goes on.
    pub(super) fn acknowledged(&mut self, count: usize) -> bool {
        self.total += count as u64;
        if self.total >= self.look_at {
            self.look_at = self.total + PAUSE;
            self.look();
        }
        !matches!(self.phase, Phase::Done(..))
    }

    fn look(&mut self) {
        let wall = Instant::now();
        match self.phase {
            Phase::WarmingUp(start) if wall - start >= self.span / 10 => {
                self.phase = Phase::Measuring(self.mark(wall));
            }
            Phase::Measuring(from) if wall - from.wall >= self.span => {
                self.phase = Phase::Done(from, self.mark(wall));
            }
            Phase::WarmingUp(_) | Phase::Measuring(_) | Phase::Done(..) => {}
        }
    }

    fn mark(&self, wall: Instant) -> Mark {
        let processor = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
        Mark { total: self.total, wall, processor }
    }

    /// What was measured; `None` if it was not long enough.
    pub(super) fn counts(&self) -> Option<Counts> {
        let Phase::Done(from, to) = self.phase else { return None };
        Some(Counts {
            total: self.total,
            measured: to.total - from.total,
            wall: to.wall - from.wall,
            processor: to.processor.saturating_sub(from.processor),
            library: String::new(),
        })
    }
}

/// What a client says at the end, in one line of words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// All messages that were acknowledged.
    pub(super) total: u64,
    /// Those that were measured.
    pub(super) measured: u64,
    pub(super) wall: Duration,
    pub(super) processor: Duration,
    /// Name and version, where the lock file does not know it.
    pub(super) library: String,
}

impl Counts {
    /// Reads the line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().splitn(5, ' ');
        let mut number = || words.next()?.parse().ok();
        let (total, measured) = (number()?, number()?);
        let (wall, processor) = (Duration::from_nanos(number()?), Duration::from_nanos(number()?));
        let library = words.next().unwrap_or_default().to_owned();
        Some(Self { total, measured, wall, processor, library })
    }

    /// Microseconds of processor time for each message.
    pub(super) fn cost(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.measured as f64
    }

    /// Messages a second.
    pub(super) fn rate(&self) -> f64 {
        self.measured as f64 / self.wall.as_secs_f64()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, measured, wall, processor, library } = self;
        write!(f, "{total} {measured} {} {} {library}", wall.as_nanos(), processor.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let said = "2200 2000 1000000000 4000000 libmosquitto 2.0.11\n";
        let counts = Counts::parse(said).expect("four numbers");
        assert_eq!((counts.total, counts.cost(), counts.rate()), (2200, 2.0, 2000.0));
        assert_eq!(counts.library, "libmosquitto 2.0.11");
        assert_eq!(Counts::parse(&counts.to_string()), Some(counts));
        assert_eq!(Counts::parse("refused: 5"), None);
    }

    #[test]
    fn only_what_comes_after_the_warm_up_is_measured() {
        let mut meter = Meter::start(Duration::ZERO);
        assert_eq!(meter.counts(), None);
        // The first look ends the warm-up, the second one all.
        assert!(meter.acknowledged(63) && meter.acknowledged(1) && meter.acknowledged(63));
        assert!(!meter.acknowledged(37) && !meter.acknowledged(100));
        let counts = meter.counts().expect("it is done");
        assert_eq!((counts.total, counts.measured), (264, 100));
    }
}
