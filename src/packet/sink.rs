//! Writing bytes. Each packet is written by one function to a sink: once to count, once into the buffer.

use core::mem;

use bytes::BufMut;

use super::{EncodeError, Fault, VariableByteInteger};
use crate::{
    text::contains_any,
    topic::{check_filter, split_share},
};

/// Takes the bytes of a packet.
pub(super) trait Sink {
    fn u8(&mut self, value: u8);

    fn slice(&mut self, bytes: &[u8]);

    fn u16(&mut self, value: u16) {
        self.slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.slice(&value.to_be_bytes());
    }

    fn variable(&mut self, value: u32);

    /// A string or binary data, whose length was checked.
    fn binary(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= usize::from(u16::MAX));
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.slice(bytes);
    }
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Counter(pub(super) usize);

impl Sink for Counter {
    fn u8(&mut self, _value: u8) {
        self.0 += 1;
    }

    fn slice(&mut self, bytes: &[u8]) {
        // The same bytes may be listed many times, so that the sum exceeds what memory could hold.
        self.0 = self.0.saturating_add(bytes.len());
    }

    fn variable(&mut self, value: u32) {
        self.0 += VariableByteInteger::length_of(value);
    }
}

/// Writes to any buffer.
#[derive(Debug)]
pub(super) struct Writer<'o, B>(pub(super) &'o mut B);

impl<B: BufMut> Sink for Writer<'_, B> {
    fn u8(&mut self, value: u8) {
        self.0.put_u8(value);
    }

    fn slice(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }

    fn variable(&mut self, value: u32) {
        VariableByteInteger::put(value, self.0);
    }
}

/// Writes into room of the right size, which costs least.
#[derive(Debug)]
pub(super) struct Room<'o>(pub(super) &'o mut [u8]);

impl Sink for Room<'_> {
    #[inline]
    fn u8(&mut self, value: u8) {
        self.slice(&[value]);
    }

    #[inline]
    fn slice(&mut self, bytes: &[u8]) {
        let room = mem::take(&mut self.0);
        debug_assert!(bytes.len() <= room.len(), "more than was counted");
        if let Some((place, rest)) = room.split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.0 = rest;
        }
    }

    #[inline]
    fn variable(&mut self, value: u32) {
        VariableByteInteger::each_byte(value, |byte| self.u8(byte));
    }
}

/// A packet, or the start of one, that was checked and counted.
pub(super) trait Counted {
    /// How many bytes it has.
    fn size(&self) -> usize;

    fn write(&self, sink: &mut impl Sink);

    /// Appends it to any buffer; what is small in one piece.
    fn append(&self, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let needed = self.size();
        if out.remaining_mut() < needed {
            return Err(EncodeError::NoRoom { needed });
        }
        let mut small = [0; 128];
        if let Some(room) = small.get_mut(..needed) {
            self.write(&mut Room(room));
            out.put_slice(room);
        } else {
            self.write(&mut Writer(out));
        }
        Ok(())
    }
}

/// The length of a part as it is announced in a variable byte integer.
pub(super) fn announced(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length)
        .ok()
        .filter(|length| *length <= VariableByteInteger::MAX)
        .ok_or(EncodeError::TooLarge)
}

/// The size of a packet with its fixed header.
pub(super) const fn whole(remaining: u32) -> usize {
    1 + VariableByteInteger::length_of(remaining) + remaining as usize
}

pub(super) const fn invalid(field: &'static str, fault: Fault) -> EncodeError {
    EncodeError::Invalid { field, fault }
}

pub(super) const fn check_binary(field: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > u16::MAX as usize {
        return Err(EncodeError::TextTooLong { field });
    }
    Ok(())
}

pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), EncodeError> {
    check_binary(field, text.as_bytes())?;
    if contains_any(text.as_bytes(), [0]) {
        return Err(invalid(field, Fault::ContainsNul));
    }
    Ok(())
}

pub(super) fn check_topic(field: &'static str, topic: &str) -> Result<(), EncodeError> {
    check_binary(field, topic.as_bytes())?;
    if topic.is_empty() {
        return Err(invalid(field, Fault::TopicEmpty));
    }
    if contains_any(topic.as_bytes(), [0, b'+', b'#']) {
        check_text(field, topic)?;
        return Err(invalid(field, Fault::TopicWildcard));
    }
    Ok(())
}

/// A filter, with the rules of shared subscriptions if the version has them. Says whether it is a shared one.
pub(super) fn check_topic_filter(filter: &str, with_shares: bool) -> Result<bool, Fault> {
    check_filter(filter).map_err(Fault::TopicFilter)?;
    Ok(with_shares && split_share(filter).map_err(Fault::TopicFilter)?.is_some())
}
