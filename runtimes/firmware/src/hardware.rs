//! What the compiler can't check: registers by address, the interrupt table, the heap's memory and the painted stack.
#![allow(unsafe_code, reason = "the only file that touches the machine directly")]

use core::{
    alloc::{GlobalAlloc, Layout},
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use cortex_m::interrupt::InterruptNumber;
use embedded_alloc::LlffHeap;

use crate::{board::HEAP_BYTES, serial};

/// One register of 32 bits, by the peripheral's base address and its offset in the reference manual.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    /// Only `board` and `serial` make them, from the memory map.
    pub(crate) const fn new(peripheral: usize, offset: usize) -> Self {
        Self(peripheral + offset)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: the address is that of an aligned register; reading one has no effect on memory.
        unsafe { ptr::with_exposed_provenance::<u32>(self.0).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: the address is that of an aligned register; none of those in use moves memory.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(self.0).write_volatile(value) }
    }

    /// Sets the bits in `mask` to those of `value`.
    pub(crate) fn modify(self, mask: u32, value: u32) {
        self.write(self.read() & !mask | value);
    }

    pub(crate) fn set(self, bits: u32) {
        self.modify(0, bits);
    }
}

/// The interrupts up to the one we use.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<extern "C" fn()>; serial::INTERRUPT as usize + 1] = {
    let mut table = [None::<extern "C" fn()>; serial::INTERRUPT as usize + 1];
    table[serial::INTERRUPT as usize] = Some(serial::interrupted);
    table
};

/// Tells the interrupt controller which one.
#[derive(Clone, Copy)]
struct Interrupt;

// SAFETY: the number does not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        serial::INTERRUPT
    }
}

/// Lets the serial line's interrupt through.
pub(crate) fn unmask_serial() {
    // SAFETY: its handler is in the table, and shares nothing but atomics with the program.
    unsafe { cortex_m::peripheral::NVIC::unmask(Interrupt) };
}

/// The allocator, and the most that was ever taken from it.
struct Heap {
    memory: LlffHeap,
    peak: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { memory: LlffHeap::empty(), peak: AtomicUsize::new(0) };

static mut HEAP_MEMORY: [MaybeUninit<u64>; HEAP_BYTES / 8] = [MaybeUninit::uninit(); HEAP_BYTES / 8];

// SAFETY: all is handed through to the allocator below.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let place = unsafe { self.memory.alloc(layout) };
        self.peak.fetch_max(self.memory.used(), Ordering::Relaxed);
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.memory.dealloc(place, layout) }
    }
}

/// Gives the allocator its memory. To be called once, before anything is allocated; again, it panics.
pub(crate) fn start_heap() {
    // SAFETY: nobody else names the array, and the allocator refuses to be given it twice.
    unsafe { HEAP.memory.init((&raw mut HEAP_MEMORY).addr(), HEAP_BYTES) };
}

/// Bytes of the heap in use now.
pub(crate) fn heap_used() -> usize {
    HEAP.memory.used()
}

/// The most that was in use since the last call.
pub(crate) fn take_heap_peak() -> usize {
    HEAP.peak.swap(HEAP.memory.used(), Ordering::Relaxed)
}

/// How many bytes the stack ever used, and how many it may.
pub(crate) fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, end) = (&raw const _stack_start, &raw const _stack_end);
    let mut place = end;
    // SAFETY: all between the two is memory of the stack; start-up code has painted it.
    while place < top && unsafe { place.read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE {
        place = place.wrapping_add(1);
    }
    (top.addr() - place.addr(), top.addr() - end.addr())
}
