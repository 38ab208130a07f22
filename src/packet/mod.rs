//! The control packets of both versions: borrowed views, encoding and decoding. No state.

mod reason;

pub use reason::ReasonCode;

/// The version of the protocol that a connection speaks; CONNECT names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ProtocolVersion {
    /// MQTT 3.1.1, protocol level 4.
    V3_1_1 = 4,
    /// MQTT 5.0, protocol level 5.
    #[default]
    V5 = 5,
}

/// Variable byte integers (5.0 section 1.5.5).
#[derive(Debug)]
#[non_exhaustive]
pub struct VariableByteInteger;

impl VariableByteInteger {
    /// The largest value: 268,435,455.
    pub const MAX: u32 = 0x0FFF_FFFF;

    /// The value at the start of `bytes` and how many bytes it takes; `None` if there is none.
    pub(crate) fn get(_bytes: &[u8]) -> Option<(u32, usize)> {
        todo!()
    }

    /// Appends a value in as few bytes as possible.
    pub(crate) fn put(_value: u32, _out: &mut impl bytes::BufMut) {
        todo!()
    }
}
