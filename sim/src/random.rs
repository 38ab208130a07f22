//! The one source of choices: everything in a run follows from its seed, or from the bytes of a fuzzer.

use bytes::Bytes;

/// Makes the choices of a run.
#[derive(Clone, Debug)]
pub struct Random(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The state of SplitMix64.
    Seed(u64),
    /// Each choice takes as many bytes as its possibilities need. When there are no more, it is the first possibility.
    Bytes(Bytes),
}

impl Random {
    /// A source that yields the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// A source whose choices are those of a fuzzer: each changes with a few bytes, and the others stay.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes(Bytes::copy_from_slice(bytes)))
    }

    /// Whether there is nothing left to choose from; a seed lasts for ever.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        matches!(&self.0, Source::Bytes(bytes) if bytes.is_empty())
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        self.number(u64::MAX)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number(limit as u64 - 1) % limit as u64) as usize
    }

    /// True once in so many times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of several; what stands there twice comes twice as often.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number(u8::MAX.into()) as u8).collect()
    }

    /// A number that may be larger than `most`, but takes no more bytes than that one has.
    fn number(&mut self, most: u64) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => split_mix(state),
            Source::Bytes(bytes) => {
                let size = (u64::BITS - most.leading_zeros()).div_ceil(8) as usize;
                let taken = bytes.split_to(size.min(bytes.len()));
                taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
        }
    }
}

const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_as_far_as_a_choice_needs_them() {
        let mut random = Random::of_bytes(&[7, 1, 2, 9, 0xFF]);
        assert_eq!(random.below(1), 0);
        assert_eq!(random.below(256), 7);
        assert_eq!(random.below(257), 0x0102 % 257);
        assert_eq!(random.bytes(1), [9]);
        assert!(!random.is_used_up());
        assert_eq!(random.next_u64(), 0xFF);
        assert!(random.is_used_up() && random.below(100) == 0 && random.one_in(3));
        assert!(!Random::new(0).is_used_up());
    }
}
