//! How long to wait between connection attempts.

use core::time::Duration;

use super::Reconnect;

/// Growing delays with jitter from a seed.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: Reconnect,
    attempts: u32,
    random: u64,
}

impl Backoff {
    pub(super) const fn new(policy: Reconnect, seed: u64) -> Self {
        Self { policy, attempts: 0, random: seed }
    }

    /// The delay before the next attempt; `None` if there is none.
    pub(super) fn next_delay(&mut self) -> Option<Duration> {
        let Reconnect::Backoff { initial, maximum } = self.policy else { return None };
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        Some(self.jitter(initial.saturating_mul(factor).min(maximum)))
    }

    /// The longest delay; `None` if there is no further attempt.
    pub(super) fn longest_delay(&mut self) -> Option<Duration> {
        let Reconnect::Backoff { maximum, .. } = self.policy else { return None };
        Some(self.jitter(maximum))
    }

    /// A connection ended that had lasted for so long: the delays start afresh if that was long enough to call it stable.
    pub(super) fn lasted(&mut self, span: Duration) {
        if let Reconnect::Backoff { maximum, .. } = self.policy
            && span >= maximum
        {
            self.attempts = 0;
        }
    }

    /// Takes a random half off, so that many clients of one server don't come back together.
    fn jitter(&mut self, delay: Duration) -> Duration {
        let half = u64::try_from(delay.as_micros() / 2).unwrap_or(u64::MAX);
        let off = if half == 0 { 0 } else { self.random() % half };
        delay.saturating_sub(Duration::from_micros(off))
    }

    /// The next number of the SplitMix64 sequence.
    const fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Reconnect =
        Reconnect::Backoff { initial: Duration::from_secs(1), maximum: Duration::from_secs(60) };

    #[test]
    fn s84_delays_double_up_to_the_maximum_with_a_random_half_off() {
        let mut backoff = Backoff::new(POLICY, 7);
        for attempt in 0..100 {
            let full = Duration::from_secs((1_u64 << attempt.min(30)).min(60));
            let delay = backoff.next_delay().unwrap();
            assert!(delay <= full && delay >= full / 2, "attempt {attempt}: {delay:?}");
        }
        backoff.lasted(Duration::from_secs(59));
        assert!(backoff.next_delay().unwrap() >= Duration::from_secs(30));
        backoff.lasted(Duration::from_secs(60));
        assert!(backoff.next_delay().unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn the_seed_decides_the_jitter() {
        let delays = |seed| {
            let mut backoff = Backoff::new(POLICY, seed);
            [(); 8].map(|()| backoff.next_delay())
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }
}
