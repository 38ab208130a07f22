//! Bytes from the interrupt to the program.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// A queue of bytes with one writer and one reader, neither of which waits for the other.
pub(crate) struct Ring<const SIZE: usize> {
    bytes: [AtomicU8; SIZE],
    /// How many bytes were ever written, and read; their difference is at most `SIZE`, a power of two.
    written: AtomicUsize,
    read: AtomicUsize,
}

impl<const SIZE: usize> Ring<SIZE> {
    pub(crate) const fn new() -> Self {
        assert!(SIZE.is_power_of_two(), "counts must go on after they wrap");
        Self {
            bytes: [const { AtomicU8::new(0) }; SIZE],
            written: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        }
    }

    /// The writer's part; `false` if there is no room.
    pub(crate) fn push(&self, byte: u8) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        if written.wrapping_sub(self.read.load(Ordering::Acquire)) == SIZE {
            return false;
        }
        if let Some(place) = self.bytes.get(written % SIZE) {
            place.store(byte, Ordering::Relaxed);
        }
        self.written.store(written.wrapping_add(1), Ordering::Release);
        true
    }

    /// The reader's part.
    pub(crate) fn pop(&self) -> Option<u8> {
        let read = self.read.load(Ordering::Relaxed);
        if self.is_empty() {
            return None;
        }
        let byte = self.bytes.get(read % SIZE)?.load(Ordering::Relaxed);
        self.read.store(read.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read.load(Ordering::Relaxed) == self.written.load(Ordering::Acquire)
    }
}
