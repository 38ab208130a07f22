//! Packets out of a byte stream (3.1.1 section 2.2, 5.0 section 2.1).
#![warn(clippy::indexing_slicing)]

use bytes::{Buf, Bytes};

use crate::{Timestamp, packet::DecodeError};

/// What happens to a packet that is larger than the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oversize {
    /// It is an error, at its header already.
    #[default]
    Refuse,
    /// Its bytes are let pass, and its first ones are told as [`Span::Skipped`].
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
        /// Its first bytes, at most as many as the limit: enough for [`PublishStart`](crate::packet::PublishStart).
        prefix: Bytes,
        /// Its size with its fixed header.
        size: usize,
    },
}

/// Finds the packets in a byte stream that arrives in pieces of any size.
#[derive(Debug)]
pub struct Framing {
    limit: usize,
    oversize: Oversize,
}

impl Framing {
    /// A stream whose packets have at most `limit` bytes each, fixed header included.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            oversize: Oversize::Refuse,
        }
    }

    /// Changes the limit for packets whose header has not arrived yet.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Changes what happens to a packet that is larger.
    pub const fn set_oversize(&mut self, oversize: Oversize) {
        self.oversize = oversize;
    }

    /// Takes the next packet from `input`; `None` once all of it is taken and no packet is whole.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a packet's header. The stream can't be read on after that.
    pub fn next(&mut self, input: &mut impl Buf) -> Result<Option<Span>, DecodeError> {
        todo!()
    }

    /// Whether a packet has begun and not ended.
    #[must_use]
    pub const fn is_mid_packet(&self) -> bool {
        todo!()
    }
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
        Self {
            bytes,
            owner: Some(bytes),
        }
    }

    /// The whole packet.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A part of the packet (or anything else) to keep: shared if the packet's buffer is, else copied.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        todo!()
    }
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

/// Hands the packets in `input` to `receiver`, until it is all taken or the receiver stops reading.
pub(crate) fn feed<R: Receiver>(receiver: &mut R, input: &mut impl Buf, now: Timestamp) {
    todo!()
}
