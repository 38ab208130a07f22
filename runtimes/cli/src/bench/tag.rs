//! The first bytes of each payload, by which a message is known wherever it arrives.

/// How many bytes they are.
pub(super) const SIZE: usize = 16;

/// Which message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Tells runs apart, whose messages may meet on one broker.
    pub(super) run: u32,
    pub(super) publisher: u32,
    /// Counts from 0 for each publisher.
    pub(super) sequence: u64,
}

impl Tag {
    pub(super) fn to_bytes(self) -> [u8; SIZE] {
        let sequence = u128::from(self.sequence);
        (u128::from(self.run) << 96 | u128::from(self.publisher) << 64 | sequence).to_be_bytes()
    }

    /// `None` if the payload is too short for one.
    #[expect(clippy::cast_possible_truncation, reason = "takes the number apart")]
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let all = u128::from_be_bytes(*payload.first_chunk()?);
        Some(Self { run: (all >> 96) as u32, publisher: (all >> 64) as u32, sequence: all as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tag = Tag { run: 0xDEAD_BEEF, publisher: 77, sequence: u64::MAX - 3 };
        let mut payload = tag.to_bytes().to_vec();
        payload.push(9);
        assert_eq!(Tag::of(&payload), Some(tag));
        assert_eq!(Tag::of(&payload[..15]), None);
    }
}
