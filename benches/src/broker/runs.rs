//! What is said of several runs of the same.

use std::num::NonZeroUsize;

use crate::measure::Spread;

/// How many there were, and what their figures are.
pub(crate) fn told(rounds: NonZeroUsize, length: &str) -> String {
    if rounds == NonZeroUsize::MIN {
        return format!("One run of {length}");
    }
    format!("Medians of {rounds} runs of {length}, ± half the distance between their quartiles")
}

/// The figure of at least one run: of several the median, and how far they lie apart.
pub(crate) fn shown(readings: Vec<f64>, format: impl Fn(f64) -> String) -> String {
    let is_one = readings.len() == 1;
    let Spread { median, deviation } = Spread::of(readings);
    if is_one { format(median) } else { format!("{} ± {}", format(median), format(deviation)) }
}

/// A figure of a few microseconds.
pub(crate) fn microseconds(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::readable;

    #[test]
    fn one_run_has_no_spread() {
        let three = NonZeroUsize::new(3).expect("it is not 0");
        assert_eq!(told(NonZeroUsize::MIN, "2 seconds"), "One run of 2 seconds");
        assert!(told(three, "2 seconds").starts_with("Medians of 3 runs of 2 seconds, ±"));
        assert_eq!(shown(vec![1.004], microseconds), "1.00");
        assert_eq!(shown(vec![1000.0, 1400.0, 1200.0], readable), "1,200 ± 100");
    }
}
