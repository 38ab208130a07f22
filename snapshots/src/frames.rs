//! Where packets begin and end, by their fixed headers alone: what shows packets to people must not stop at a bad one.

/// What the start of a stream tells about the size of its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every caller must handle each")]
pub enum Size {
    /// So many bytes, fixed header included; they need not all be here.
    Known(usize),
    /// The fixed header is not all here.
    Incomplete,
    /// The length is malformed; so many bytes make up the header, and where the next packet begins nobody knows.
    Unreadable(usize),
}

/// The size of the packet that `bytes` begin with.
#[must_use]
pub fn size(bytes: &[u8]) -> Size {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Size::Known(2 + index + length);
        }
        if index == 3 {
            return Size::Unreadable(5);
        }
    }
    Size::Incomplete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_from_any_length_of_header() {
        assert_eq!(size(&[]), Size::Incomplete);
        assert_eq!(size(&[0xC0]), Size::Incomplete);
        assert_eq!(size(&[0xC0, 0x00]), Size::Known(2));
        assert_eq!(size(&[0x30, 0x80]), Size::Incomplete);
        assert_eq!(size(&[0x30, 0x80, 0x01, 9]), Size::Known(131));
        assert_eq!(size(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]), Size::Known(268_435_460));
        assert_eq!(size(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]), Size::Unreadable(5));
    }
}
