//! Time that work takes on a processor.

use std::{num::NonZeroUsize, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use super::{Case, Repeat};

/// How long the work is repeated for one reading of the clock.
const SAMPLE: Duration = Duration::from_millis(20);

/// The middle of several readings, and how far they lie apart; in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// Half of the distance between the quartiles.
    pub(crate) deviation: f64,
}

impl Spread {
    /// Of at least one reading.
    pub(crate) fn of(mut readings: Vec<f64>) -> Self {
        readings.sort_by(f64::total_cmp);
        // Between two readings if it falls there, as the middle one of an even number does.
        let quartile = |part: usize| {
            let place = (readings.len() - 1) * part;
            let (below, above) = (readings[place / 4], readings[place.div_ceil(4)]);
            below + (above - below) * (place % 4) as f64 / 4.0
        };
        Self { median: quartile(2), deviation: (quartile(3) - quartile(1)) / 2.0 }
    }
}

/// The time of one unit of each case.
pub(super) fn measure(cases: &[&Case], rounds: NonZeroUsize) -> Vec<Spread> {
    let mut started: Vec<(Repeat, usize)> = cases
        .iter()
        .map(|case| {
            let mut repeat = case.start();
            let times = calibrate(&mut repeat);
            (repeat, times)
        })
        .collect();
    let mut readings = vec![Vec::new(); cases.len()];
    for _ in 0..rounds.get() {
        for (readings, (repeat, times)) in readings.iter_mut().zip(&mut started) {
            let spent = spent_on(repeat, *times);
            readings.push(spent.as_nanos() as f64 / *times as f64);
        }
    }
    let units = cases.iter().map(|case| f64::from(case.units));
    let by_unit = readings.into_iter().zip(units);
    by_unit
        .map(|(readings, units)| Spread::of(readings.into_iter().map(|time| time / units).collect()))
        .collect()
}

/// How many repetitions take about as long as a sample; warms everything up meanwhile.
fn calibrate(repeat: &mut Repeat) -> usize {
    let mut times = 1;
    loop {
        let spent = spent_on(repeat, times);
        if spent >= SAMPLE / 2 {
            return times;
        }
        // At most tenfold, since the first repetitions are slower.
        let factor = SAMPLE.as_nanos() / spent.as_nanos().max(1);
        times *= usize::try_from(factor.clamp(2, 10)).unwrap_or(2);
    }
}

fn spent_on(repeat: &mut Repeat, times: usize) -> Duration {
    let start = now();
    repeat(times);
    now().saturating_sub(start)
}

/// How long this thread was on a processor.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_half() {
        let check = |readings: &[f64], median, deviation| {
            assert_eq!(Spread::of(readings.to_vec()), Spread { median, deviation }, "{readings:?}");
        };
        check(&[7.0], 7.0, 0.0);
        check(&[3.0, 1.0], 2.0, 0.5);
        check(&[100.0, 1.0, 2.0], 2.0, 24.75);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5, 0.75);
        check(&[100.0, 3.0, 1.0, 2.0, 4.0], 3.0, 1.0);
        check(&[7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 4.0, 1.5);
    }

    #[test]
    fn a_unit_takes_its_part_of_a_repetition() {
        let spin = || {
            |times: usize| {
                for index in 0..times * 1000 {
                    std::hint::black_box(index);
                }
            }
        };
        let whole = Case::new("test", "spin", "one", spin);
        let parts = Case::new("test", "spin", "many", spin).with_units(1000);
        let rounds = NonZeroUsize::MIN;
        let [whole, parts] = measure(&[&whole, &parts], rounds)[..] else { panic!("two cases") };
        let factor = whole.median / parts.median;
        assert!((100.0..10_000.0).contains(&factor), "{whole:?} {parts:?}");
    }
}
