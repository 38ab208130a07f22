//! CONNACK (section 3.2).

use super::{Properties, ReasonCode};

/// CONNACK: the server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct ConnAck<'a> {
    /// Whether the server goes on with a stored session.
    pub session_present: bool,
    /// Whether the connection is accepted. The return codes 0 to 5 of 3.1.1 stand for success, 0x84, 0x85, 0x88, 0x86
    /// and 0x87; other reasons can't be sent there [MQTT-3.2.2-6].
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}
