//! Packets out of a byte stream (3.1.1 section 2.2, 5.0 section 2.1).
#![warn(clippy::indexing_slicing)]

use alloc::vec::Vec;
use core::mem;

use bytes::{Buf, Bytes};

use crate::{
    Timestamp,
    packet::{DecodeError, Fault, PacketType, VariableByteInteger, check_first},
};

/// The longest fixed header: the type and four bytes of length.
const LONGEST_HEADER: usize = 5;
/// How much is kept of a packet that is let pass: a header, a topic of any length and a packet identifier.
const LONGEST_PREFIX: usize = LONGEST_HEADER + 2 + u16::MAX as usize + 2;

/// What happens to a packet that is larger than the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oversize {
    /// It is an error ([`Fault::PacketTooLarge`]), at its header already.
    #[default]
    Refuse,
    /// Its bytes are let pass, and its first ones are told as [`Span::Skipped`] once the last one has passed.
    Skip,
}

/// The next packet of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every caller must handle each")]
pub enum Span {
    /// The packet is the first so many bytes of the input's chunk; decode it, then advance the input.
    InPlace(usize),
    /// The packet, taken out of the input.
    Assembled(Bytes),
    /// A packet above the limit was let pass.
    Skipped {
        /// Its first bytes, at most as many as the limit: enough for [`PublishStart`](crate::packet::PublishStart),
        /// unless the limit is smaller than that.
        prefix: Bytes,
        /// Its size with its fixed header.
        size: usize,
    },
}

/// Finds the packets in a byte stream that arrives in pieces of any size.
///
/// Where the stream is cut makes no difference to the packets. What is kept of an unfinished packet grows with the bytes
/// that came, never with the length that was announced.
#[derive(Debug)]
pub struct Framing {
    limit: usize,
    oversize: Oversize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// So many bytes of a fixed header that is not complete.
    Header { bytes: [u8; LONGEST_HEADER], len: usize },
    /// The first bytes of a packet of `size` bytes.
    Body { bytes: Vec<u8>, size: usize },
    /// The first bytes of a packet of `size` bytes, of which `left` are to come, and all above `keep` are not kept.
    Skipping { prefix: Vec<u8>, keep: usize, size: usize, left: usize },
}

impl State {
    const START: Self = Self::Header { bytes: [0; LONGEST_HEADER], len: 0 };
}

impl Framing {
    /// A stream whose packets have at most `limit` bytes each, fixed header included.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, oversize: Oversize::Refuse, state: State::START }
    }

    /// Changes the limit for packets whose header is not complete yet.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Changes what happens to a packet that is larger.
    pub const fn set_oversize(&mut self, oversize: Oversize) {
        self.oversize = oversize;
    }

    /// Takes the next packet from `input`; `None` once all of it is taken and no packet is whole.
    ///
    /// A PUBLISH that is whole in the input's chunk is taken out: a large one with [`Buf::copy_to_bytes`], so a `BytesMut` or
    /// `Bytes` shares it. Other packets are left in place.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a packet's first byte, as soon as it came, or with its length. The stream can't be read on
    /// after that.
    pub fn next(&mut self, input: &mut impl Buf) -> Result<Option<Span>, DecodeError> {
        while input.has_remaining() {
            let found = match &mut self.state {
                State::Header { len: 0, .. } => {
                    if let Some(size) = self.whole_in(input.chunk())? {
                        return Ok(Some(Self::in_place(size, input)));
                    }
                    self.take_header(input)?
                }
                State::Header { .. } => self.take_header(input)?,
                State::Body { bytes, size } => {
                    take(bytes, *size, input);
                    (bytes.len() == *size).then(|| Span::Assembled(Bytes::from(mem::take(bytes))))
                }
                State::Skipping { prefix, keep, size, left } => {
                    let count = if prefix.len() < *keep {
                        // What is kept is smaller than the packet.
                        take(prefix, *keep, input)
                    } else {
                        let count = input.chunk().len().min(*left);
                        input.advance(count);
                        count
                    };
                    *left -= count;
                    (*left == 0)
                        .then(|| Span::Skipped { prefix: Bytes::from(mem::take(prefix)), size: *size })
                }
            };
            if found.is_some() {
                self.state = State::START;
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Whether a packet has begun and not ended.
    #[must_use]
    pub const fn is_mid_packet(&self) -> bool {
        !matches!(self.state, State::Header { len: 0, .. })
    }

    /// The size of the packet at the start of `chunk`, if all of it is there and it is not too large.
    fn whole_in(&self, chunk: &[u8]) -> Result<Option<usize>, DecodeError> {
        let size = size_of(chunk)?;
        Ok(size.filter(|size| *size <= self.limit && *size <= chunk.len()))
    }

    /// A packet that is whole in the input's chunk. A PUBLISH is taken out, since parts of it will be kept.
    fn in_place(size: usize, input: &mut impl Buf) -> Span {
        let chunk = input.chunk();
        if chunk.first().is_none_or(|first| first >> 4 != PacketType::Publish.as_u8()) {
            return Span::InPlace(size);
        }
        if size >= SHARE_FROM {
            return Span::Assembled(input.copy_to_bytes(size));
        }
        let packet = compact(chunk.get(..size).unwrap_or(chunk));
        input.advance(size);
        Span::Assembled(packet)
    }

    /// Takes one more byte of a fixed header. Once it is complete, the packet's bytes are awaited or let pass.
    fn take_header(&mut self, input: &mut impl Buf) -> Result<Option<Span>, DecodeError> {
        let State::Header { bytes, len } = &mut self.state else {
            return Ok(None);
        };
        if let Some(slot) = bytes.get_mut(*len) {
            *slot = input.get_u8();
            *len += 1;
        }
        let header = bytes.get(..*len).unwrap_or_default();
        let Some(size) = size_of(header)? else {
            return Ok(None);
        };
        if size == header.len() && size <= self.limit {
            return Ok(Some(Span::Assembled(Bytes::copy_from_slice(header))));
        }
        self.state = if size <= self.limit {
            State::Body { bytes: header.to_vec(), size }
        } else if self.oversize == Oversize::Skip {
            let keep = self.limit.min(LONGEST_PREFIX);
            let prefix = header.get(..keep).unwrap_or(header).to_vec();
            let left = size - header.len();
            if left == 0 {
                return Ok(Some(Span::Skipped { prefix: Bytes::from(prefix), size }));
            }
            State::Skipping { prefix, keep, size, left }
        } else {
            let fault = Fault::PacketTooLarge { size, limit: self.limit };
            return Err(DecodeError { offset: 1, field: "remaining length", fault });
        };
        Ok(None)
    }
}

/// The size of the packet that starts like this; `None` if its header is not complete. A first byte that no packet has is
/// refused although the rest is missing.
fn size_of(start: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some((first, rest)) = start.split_first() else {
        return Ok(None);
    };
    check_first(*first)?;
    match VariableByteInteger::read(rest) {
        Ok(None) => Ok(None),
        Ok(Some((remaining, length))) => {
            Ok(Some((1 + length).saturating_add(usize::try_from(remaining).unwrap_or(usize::MAX))))
        }
        Err((fault, index)) => Err(DecodeError { offset: 1 + index, field: "remaining length", fault }),
    }
}

/// A PUBLISH of at least this many bytes shares the input's buffer, a smaller one is copied out of it: what is kept of a small
/// message must not keep a large buffer alive.
const SHARE_FROM: usize = 4096;

/// A copy of a packet that will be shared. Of a small one all is in one piece of memory, the counter of its owners too, for which
/// `Bytes` asks a second piece otherwise.
fn compact(packet: &[u8]) -> Bytes {
    match packet.len() {
        0..=64 => Compact::<64>::of(packet),
        65..=128 => Compact::<128>::of(packet),
        129..=256 => Compact::<256>::of(packet),
        257..=384 => Compact::<384>::of(packet),
        385..=512 => Compact::<512>::of(packet),
        _ => Bytes::copy_from_slice(packet),
    }
}

/// Up to `N` bytes.
struct Compact<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Compact<N> {
    fn of(packet: &[u8]) -> Bytes {
        let mut compact = Self { bytes: [0; N], len: packet.len() };
        if let Some(place) = compact.bytes.get_mut(..packet.len()) {
            place.copy_from_slice(packet);
        }
        Bytes::from_owner(compact)
    }
}

impl<const N: usize> AsRef<[u8]> for Compact<N> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Moves bytes from the input's chunk until `bytes` has `size`; how many. The room doubles with what came, up to `size`.
fn take(bytes: &mut Vec<u8>, size: usize, input: &mut impl Buf) -> usize {
    let chunk = input.chunk();
    let part = chunk.get(..size.saturating_sub(bytes.len())).unwrap_or(chunk);
    let needed = bytes.len() + part.len();
    if needed > bytes.capacity() {
        let room = needed.max(bytes.capacity().saturating_mul(2)).min(size);
        bytes.reserve_exact(room - bytes.len());
    }
    bytes.extend_from_slice(part);
    let count = part.len();
    input.advance(count);
    count
}

/// The bytes of one packet, and how parts of them are kept.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    owner: Option<&'a Bytes>,
}

impl<'a> Frame<'a> {
    /// A packet in somebody's buffer: kept parts are copied.
    #[must_use]
    pub const fn borrowed(bytes: &'a [u8]) -> Self {
        Self { bytes, owner: None }
    }

    /// A packet in a shared buffer: kept parts share it.
    #[must_use]
    pub fn owned(bytes: &'a Bytes) -> Self {
        Self { bytes, owner: Some(bytes) }
    }

    /// The whole packet.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A part of the packet to keep: shared if the packet's buffer is, else copied, as is anything that is not a part.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        match self.owner {
            Some(owner) if is_within(part, owner) => owner.slice_ref(part),
            _ => Bytes::copy_from_slice(part),
        }
    }
}

/// Whether `part` lies in `whole`, by address.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (inner, outer) = (part.as_ptr_range(), whole.as_ptr_range());
    outer.start <= inner.start && inner.end <= outer.end
}

/// What takes packets from a stream: both machines share the loop of [`feed`].
pub(crate) trait Receiver {
    /// Its framing.
    fn framing(&mut self) -> &mut Framing;
    /// Whether it takes packets now; not while it pauses, nor once it is closed.
    fn is_reading(&self) -> bool;
    /// A whole packet.
    fn packet(&mut self, frame: &Frame<'_>, now: Timestamp);
    /// A packet above the limit was let pass.
    fn skipped(&mut self, prefix: &Bytes, size: usize, now: Timestamp);
    /// The stream can't be read on.
    fn malformed(&mut self, error: DecodeError, now: Timestamp);
}

/// Hands the packets in `input` to `receiver`, until all of it is taken, the receiver stops reading or the stream is
/// malformed. What is left then is left in `input`.
pub(crate) fn feed<R: Receiver>(receiver: &mut R, input: &mut impl Buf, now: Timestamp) {
    while receiver.is_reading() {
        match receiver.framing().next(input) {
            Ok(Some(Span::InPlace(size))) => {
                let chunk = input.chunk();
                receiver.packet(&Frame::borrowed(chunk.get(..size).unwrap_or(chunk)), now);
                input.advance(size);
            }
            Ok(Some(Span::Assembled(packet))) => receiver.packet(&Frame::owned(&packet), now),
            Ok(Some(Span::Skipped { prefix, size })) => receiver.skipped(&prefix, size, now),
            Ok(None) => return,
            Err(error) => return receiver.malformed(error, now),
        }
    }
}

#[cfg(test)]
mod tests;
