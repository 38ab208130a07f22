//! What a machine wants of its transport.

use crate::Timestamp;

/// What a machine wants of the transport that its adapter owns.
///
/// Looking is cheap; the wish is a function of the machine's state and may change after any call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// No transport: nothing to open, and whatever is still open may be dropped.
    None,
    /// Open a transport, not before this moment, then call `transport_opened`; if it can't be opened, call
    /// `transport_closed`.
    Open {
        /// The earliest moment for the attempt (the back-off between attempts).
        not_before: Timestamp,
    },
    /// Keep the open transport: write the outbox, read input.
    Keep,
    /// Write what the outbox still holds, for as long as seems reasonable, then close and call `transport_closed`.
    FlushThenClose,
}
