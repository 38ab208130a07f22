//! Short texts out of numbers. `core::fmt` would cost more flash than all the rest of the program.

use bytes::{BufMut, Bytes, BytesMut};

/// Appends a number in decimal digits.
pub(crate) fn decimal(number: usize, text: &mut BytesMut) {
    if number > 9 {
        decimal(number / 10, text);
    }
    text.put_u8(b"0123456789"[number % 10]);
}

/// Words and numbers in turn.
pub(crate) fn sentence(parts: &[(&str, usize)]) -> Bytes {
    let mut text = BytesMut::with_capacity(64);
    for (word, number) in parts {
        text.put_slice(word.as_bytes());
        decimal(*number, &mut text);
    }
    text.freeze()
}
