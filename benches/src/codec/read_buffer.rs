//! A read buffer for decoders that take packets out of it.

use bytes::BytesMut;

/// Packets as they come from a socket: a few at once, when the last ones are used up. The copy that this costs belongs to such a
/// decoder's time; the buffer's memory is used again once nobody holds a packet.
pub(crate) struct ReadBuffer {
    bytes: BytesMut,
    packets: Vec<u8>,
}

/// As many bytes are read at once, and at least one packet.
const READ: usize = 8192;

impl ReadBuffer {
    pub(crate) fn new(frame: &[u8]) -> Self {
        Self { bytes: BytesMut::new(), packets: frame.repeat((READ / frame.len()).max(1)) }
    }

    /// The buffer, with one whole packet at least.
    pub(crate) fn filled(&mut self) -> &mut BytesMut {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&self.packets);
        }
        &mut self.bytes
    }
}
