//! Variable byte integers.

use bytes::BufMut;

use super::Fault;

/// Variable byte integers (3.1.1 section 2.2.3, 5.0 section 1.5.5): seven bits a byte, the lowest first.
#[derive(Debug)]
#[non_exhaustive]
pub struct VariableByteInteger;

impl VariableByteInteger {
    /// The largest value: 268,435,455.
    pub const MAX: u32 = 0x0FFF_FFFF;

    /// How many bytes a value takes. Values above [`MAX`](Self::MAX) can't be written; for them it says 5.
    #[must_use]
    pub const fn length_of(value: u32) -> usize {
        match value {
            0..=0x7F => 1,
            0x80..=0x3FFF => 2,
            0x4000..=0x1F_FFFF => 3,
            0x20_0000..=Self::MAX => 4,
            _ => 5,
        }
    }

    /// The value at the start of `bytes` and how many bytes it takes; `None` if there is none.
    pub(crate) fn get(bytes: &[u8]) -> Option<(u32, usize)> {
        Self::read(bytes).ok().flatten()
    }

    /// The same, and tells an unfinished value (`None`) from a wrong one (and the index of the wrong byte): more than
    /// four bytes, or more than needed [MQTT-1.5.5-1] (5.0).
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(u32, usize)>, (Fault, usize)> {
        match bytes.first() {
            Some(byte) if *byte < 0x80 => Ok(Some((u32::from(*byte), 1))),
            _ => Self::read_long(bytes),
        }
    }

    fn read_long(bytes: &[u8]) -> Result<Option<(u32, usize)>, (Fault, usize)> {
        let mut value = 0;
        for (index, byte) in bytes.iter().take(4).enumerate() {
            value |= u32::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                let is_minimal = index == 0 || *byte != 0;
                return if is_minimal {
                    Ok(Some((value, index + 1)))
                } else {
                    Err((Fault::IntegerNotMinimal, index))
                };
            }
        }
        if bytes.len() < 4 { Ok(None) } else { Err((Fault::IntegerTooLong, 3)) }
    }

    /// Appends a value.
    pub(crate) fn put(value: u32, out: &mut impl BufMut) {
        Self::each_byte(value, |byte| out.put_u8(byte));
    }

    /// The bytes of a value, as few as possible [MQTT-1.5.5-1] (5.0).
    #[inline]
    pub(crate) fn each_byte(value: u32, mut put: impl FnMut(u8)) {
        let mut rest = value;
        loop {
            let [low, ..] = (rest & 0x7F).to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                return put(low);
            }
            put(low | 0x80);
        }
    }
}
