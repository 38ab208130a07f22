//! The caller's clock, as a number.

use core::{
    fmt,
    num::NonZeroU64,
    ops::{Add, Sub},
    time::Duration,
};

/// A moment, in microseconds since an epoch that the caller chose.
///
/// The engine has no clock. Whoever drives a machine picks an epoch (the start of the program, say) and passes the
/// time with each call. Spans are [`core::time::Duration`]; arithmetic saturates at both ends, so no time that a caller
/// can pass makes the engine panic. Sixty-four bits of microseconds last 584,000 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    /// One more than the microseconds, so that an `Option` takes no room of its own: every timer is one.
    NonZeroU64,
);

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// The last moment that can be expressed.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The moment `micros` microseconds after the epoch; at most [`MAX`](Self::MAX), which is that of `u64::MAX - 1`.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self::ZERO.plus_micros(micros)
    }

    /// The moment `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// The moment `seconds` seconds after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// Without a [`Duration`], whose nanoseconds have to be divided.
    pub(crate) const fn plus_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The span from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.get().saturating_sub(earlier.0.get()))
    }
}

/// When the first of several timers is due, and which it is; of two at one moment the one that is named first.
pub(crate) fn earliest<T: Copy>(
    timers: impl IntoIterator<Item = T>,
    when: impl Fn(T) -> Option<Timestamp>,
) -> Option<(Timestamp, T)> {
    timers.into_iter().filter_map(|timer| Some((when(timer)?, timer))).min_by_key(|(when, _)| *when)
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let micros = span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros().into());
        self.plus_micros(micros)
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// Same as [`Timestamp::saturating_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Seconds with three decimals, as in a packet-flow diary: `30.000`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_micros() / 1_000;
        write!(f, "{}.{:03}", millis / 1_000, millis % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::ZERO - Timestamp::MAX, Duration::ZERO);
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn a_moment_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<u64>());
        for micros in [0, 1, 999, u64::MAX - 1] {
            assert_eq!(Timestamp::from_micros(micros).as_micros(), micros);
        }
        assert_eq!(Timestamp::from_micros(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn displays_as_seconds() {
        extern crate std;
        assert_eq!(std::format!("{}", Timestamp::from_millis(61_005)), "61.005");
    }
}
