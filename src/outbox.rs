//! Bytes that wait for the peer.

use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

/// Payloads of at least this many bytes are shared, smaller ones are copied behind their header: a copy of a kilobyte
/// costs less than a second chunk costs the writer.
const SHARE_FROM: usize = 1024;
/// An empty tail with more room than this is given back, so that an idle connection holds no large buffer.
const KEEP_CAPACITY: usize = 4096;

/// Bytes waiting for the peer, in order.
///
/// It is a [`Buf`]: an adapter writes [`chunk`](Buf::chunk) (or all chunks at once, with
/// [`chunks_vectored`](Buf::chunks_vectored)) and [`advance`](Buf::advance)s by what the transport took, so a write that
/// was cut short is remembered here and nowhere else. Small packets coalesce into one chunk; large payloads are shared,
/// not copied.
#[derive(Debug, Default)]
pub struct Outbox {
    chunks: VecDeque<Bytes>,
    /// Behind them, and how much of it was taken out.
    tail: Vec<u8>,
    tail_taken: usize,
    /// Bytes in `chunks`.
    queued: usize,
    /// Bytes that were taken out.
    advanced: u64,
}

impl Outbox {
    /// An empty outbox. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Room for a small packet of this size, behind everything pushed before. All of it is to be written.
    pub(crate) fn room(&mut self, size: usize) -> &mut [u8] {
        self.make_room(size);
        let start = self.tail.len();
        self.tail.resize(start + size, 0);
        self.tail.get_mut(start..).unwrap_or_default()
    }

    /// Appends a payload: shared if it is large, copied if it is small.
    pub(crate) fn push(&mut self, payload: &Bytes) {
        if payload.len() < SHARE_FROM {
            self.make_room(payload.len());
            self.tail.extend_from_slice(payload);
            return;
        }
        if !self.tail().is_empty() {
            let mut head = Bytes::from(mem::take(&mut self.tail));
            head.advance(mem::take(&mut self.tail_taken));
            self.queued += head.len();
            self.chunks.push_back(head);
        }
        self.queued += payload.len();
        self.chunks.push_back(payload.clone());
    }

    /// The room of what was taken out is used again before more is asked for.
    fn make_room(&mut self, size: usize) {
        let is_full = self.tail.capacity() - self.tail.len() < size;
        if is_full && self.tail_taken >= self.tail.len() - self.tail_taken {
            self.tail.drain(..mem::take(&mut self.tail_taken));
        }
    }

    fn tail(&self) -> &[u8] {
        self.tail.get(self.tail_taken..).unwrap_or_default()
    }

    /// How many bytes were ever queued here: it grows whenever something is.
    pub(crate) fn position(&self) -> u64 {
        self.advanced + self.remaining() as u64
    }

    /// How many bytes were ever taken out.
    pub(crate) const fn taken(&self) -> u64 {
        self.advanced
    }

    /// Takes everything out, in constant time.
    #[must_use]
    pub(crate) fn take(&mut self) -> Self {
        let advanced = self.position();
        mem::replace(self, Self { advanced, ..Self::default() })
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        drop(self.take());
    }
}

impl Buf for Outbox {
    fn remaining(&self) -> usize {
        self.queued + self.tail.len() - self.tail_taken
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or_else(|| self.tail(), Bytes::as_ref)
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining(), "advanced past the end of the outbox");
        self.advanced += count as u64;
        while let Some(first) = self.chunks.front_mut() {
            if count < first.len() {
                first.advance(count);
                self.queued -= count;
                return;
            }
            count -= first.len();
            self.queued -= first.len();
            self.chunks.pop_front();
        }
        self.tail_taken += count;
        if self.tail_taken == self.tail.len() {
            self.tail_taken = 0;
            self.tail.clear();
            if self.tail.capacity() > KEEP_CAPACITY {
                self.tail = Vec::new();
            }
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let parts = self.chunks.iter().map(|chunk| &**chunk).chain([self.tail()]);
        let mut filled = 0;
        for (slot, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
            *slot = std::io::IoSlice::new(part);
            filled += 1;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn keeps_order_over_copied_and_shared_parts() {
        let mut outbox = Outbox::new();
        let large = Bytes::from(vec![7; SHARE_FROM]);
        outbox.room(3).copy_from_slice(b"one");
        outbox.push(&Bytes::from_static(b"two"));
        outbox.push(&large);
        outbox.room(5).copy_from_slice(b"three");
        assert_eq!(outbox.remaining(), 3 + 3 + SHARE_FROM + 5);

        let mut slices = [std::io::IoSlice::new(&[]); 4];
        assert_eq!(outbox.chunks_vectored(&mut slices), 3);

        let all = outbox.copy_to_bytes(outbox.remaining());
        assert_eq!(&all[..6], b"onetwo");
        assert_eq!(&all[6..6 + SHARE_FROM], &large[..]);
        assert_eq!(&all[6 + SHARE_FROM..], b"three");
        assert!(outbox.is_empty());
    }

    #[test]
    fn large_payloads_are_shared() {
        let mut outbox = Outbox::new();
        let large = Bytes::from(vec![7; SHARE_FROM]);
        outbox.push(&large);
        assert_eq!(outbox.chunk().as_ptr(), large.as_ptr());
    }

    #[test]
    fn room_is_used_again_by_one_who_is_always_behind() {
        let mut outbox = Outbox::new();
        for _ in 0..10_000 {
            outbox.room(100).fill(1);
            outbox.advance(outbox.remaining() - 1);
        }
        assert_eq!(outbox.chunk(), [1]);
        assert!(outbox.tail.capacity() < 1000);
    }

    #[test]
    fn advance_remembers_a_write_cut_anywhere() {
        let large = Bytes::from(vec![7; SHARE_FROM]);
        for step in [1, 2, 5, 1000] {
            let mut outbox = Outbox::new();
            outbox.room(4).copy_from_slice(b"head");
            outbox.push(&large);
            outbox.room(4).copy_from_slice(b"foot");
            let mut seen = vec![];
            while outbox.has_remaining() {
                let count = step.min(outbox.chunk().len());
                seen.extend_from_slice(&outbox.chunk()[..count]);
                outbox.advance(count);
            }
            assert_eq!(seen.len(), SHARE_FROM + 8);
            assert!(seen.starts_with(b"head") && seen.ends_with(b"foot"));
        }
    }
}
