//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).

use super::{PacketId, Properties, ReasonCode};

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Ack<'a> {
    /// That of the PUBLISH.
    pub packet_id: PacketId,
    /// How it went. 3.1.1 carries none.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl Ack<'static> {
    /// One without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self {
            packet_id,
            reason,
            properties: Properties::NONE,
        }
    }
}
