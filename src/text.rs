//! Strings as MQTT knows them.

use alloc::string::String;
use core::{fmt, str};

use bytes::Bytes;

/// Why bytes are not an MQTT string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// More than 65,535 bytes.
    TooLong,
    /// Not well-formed UTF-8 [MQTT-1.5.3-1] (3.1.1) [MQTT-1.5.4-1] (5.0).
    NotUtf8,
    /// Contains U+0000 [MQTT-1.5.3-2] (3.1.1) [MQTT-1.5.4-2] (5.0).
    ContainsNul,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 65,535 bytes",
            Self::NotUtf8 => "not well-formed UTF-8",
            Self::ContainsNul => "contains the character U+0000",
        })
    }
}

impl core::error::Error for TextError {}

/// Checks what MQTT asks of a string: UTF-8 without U+0000 (3.1.1 section 1.5.3, 5.0 section 1.5.4).
/// [MQTT-4.7.3-2] [MQTT-4.7.3-3] (both versions), [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-1.5.3-3] (3.1.1),
/// [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.4-3] (5.0)
pub(crate) fn check_text(bytes: &[u8]) -> Result<&str, TextError> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(TextError::TooLong);
    }
    let text = str::from_utf8(bytes).map_err(|_| TextError::NotUtf8)?;
    if contains_any(bytes, [0]) {
        return Err(TextError::ContainsNul);
    }
    Ok(text)
}

/// Whether one of these bytes stands in there.
#[inline]
pub(crate) fn contains_any<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> bool {
    let (blocks, rest) = bytes.as_chunks();
    let borrows = |block: &[u8; 8]| wanted.iter().fold(0, |found, wanted| found | find(block, *wanted));
    blocks.iter().any(|block| borrows(block) != 0) || rest.iter().any(|byte| wanted.contains(byte))
}

/// Where a byte stands first.
#[inline]
pub(crate) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks();
    for (place, block) in blocks.iter().enumerate() {
        let found = find(block, wanted);
        if found != 0 {
            return Some(8 * place + found.trailing_zeros() as usize / 8);
        }
    }
    let behind = rest.iter().position(|byte| *byte == wanted)?;
    Some(8 * blocks.len() + behind)
}

/// Looks at eight bytes at once: subtracting 1 from each borrows from the top bit of one that is 0, and one is 0 where it is equal to
/// the wanted byte. The lowest top bit that is set tells the first such byte; others may be wrong.
#[inline]
fn find(block: &[u8; 8], wanted: u8) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOP_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let difference = u64::from_le_bytes(*block) ^ (ONES * u64::from(wanted));
    difference.wrapping_sub(ONES) & !difference & TOP_BITS
}

/// An MQTT string that is cheap to clone: at most 65,535 bytes of UTF-8 without U+0000, in a shared buffer.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// The empty string.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Takes a buffer over without copying it.
    ///
    /// # Errors
    ///
    /// Says why the bytes are not an MQTT string.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, TextError> {
        let bytes = bytes.into();
        check_text(&bytes)?;
        Ok(Self(bytes))
    }

    /// Wraps bytes that were checked before.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert!(check_text(&bytes).is_ok());
        Self(bytes)
    }

    /// The text. Costs a scan of the bytes (the crate has no `unsafe`): hot paths compare [`as_bytes`](Self::as_bytes).
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text's bytes, without cost.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no character in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<&str> for Text {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        check_text(text.as_bytes())?;
        Ok(Self(Bytes::copy_from_slice(text.as_bytes())))
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// The words of eight bytes, their neighbours that borrow, and what is left over.
    #[test]
    fn bytes_are_found_wherever_they_stand() {
        for len in 0..40 {
            for other in [0, 1, b'.', b'/' ^ 0x80, b'0', 0xFF] {
                let mut bytes = vec![other; len];
                assert_eq!((position(&bytes, b'/'), contains_any(&bytes, [b'/', b'+'])), (None, false));
                for at in (0..len).rev() {
                    bytes[at] = b'/';
                    assert_eq!(
                        (position(&bytes, b'/'), contains_any(&bytes, [b'+', b'/'])),
                        (Some(at), true)
                    );
                }
            }
        }
    }
}
