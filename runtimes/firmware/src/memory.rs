//! How much heap and stack the program needs, told by itself.

use bytes::Bytes;

use crate::{board::HEAP_BYTES, hardware, words};

/// The most heap that was in use at each stage of the program's life.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    connect: usize,
    subscribe: usize,
    publish: usize,
    since: usize,
}

/// A stage that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connect,
    Subscribe,
    Publish,
}

impl Memory {
    /// Notes the peak of a stage at its first end; all that follows the last stage is one.
    pub(crate) fn note(&mut self, stage: Stage) {
        let slot = match stage {
            Stage::Connect if self.connect == 0 => &mut self.connect,
            Stage::Subscribe if self.subscribe == 0 => &mut self.subscribe,
            Stage::Publish if self.publish == 0 => &mut self.publish,
            Stage::Connect | Stage::Subscribe | Stage::Publish => &mut self.since,
        };
        *slot = hardware::take_heap_peak().max(*slot);
    }

    /// In words, in bytes.
    pub(crate) fn report(&self) -> Bytes {
        let (stack_peak, stack_size) = hardware::stack();
        words::sentence(&[
            ("connect ", self.connect),
            (" subscribe ", self.subscribe),
            (" publish ", self.publish),
            (" since ", self.since),
            (" now ", hardware::heap_used()),
            (" heap ", HEAP_BYTES),
            (" stack ", stack_peak),
            (" of ", stack_size),
        ])
    }
}
