//! Watching a packet being decoded.

use core::ops::Range;

use super::{PacketType, Property, ProtocolVersion, ReasonCode, RetainHandling};
use crate::QoS;

/// Is told of each field of a packet while the decoder reads it.
///
/// `()` ignores everything, at no cost.
pub trait Observer {
    /// A field was read. `range` counts from the packet's first byte; fields that share a byte have the same range.
    fn field(&mut self, range: Range<usize>, name: &'static str, value: FieldValue<'_>);
}

impl Observer for () {
    #[inline]
    fn field(&mut self, _range: Range<usize>, _name: &'static str, _value: FieldValue<'_>) {}
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// A number.
    Number(u32),
    /// A single bit.
    Flag(bool),
    /// A string.
    Text(&'a str),
    /// Binary data.
    Bytes(&'a [u8]),
    /// The packet's type.
    PacketType(PacketType),
    /// The protocol's version.
    Version(ProtocolVersion),
    /// A quality of service.
    QoS(QoS),
    /// A reason code, or a return code of 3.1.1.
    Reason(ReasonCode),
    /// What a subscription asks of retained messages.
    RetainHandling(RetainHandling),
    /// A property with its identifier.
    Property(Property<'a>),
}
