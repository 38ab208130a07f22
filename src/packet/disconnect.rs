//! DISCONNECT and AUTH (sections 3.14 and 3.15).

use super::{Properties, ReasonCode};

/// DISCONNECT: the last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Disconnect<'a> {
    /// Why. 3.1.1 carries none: it is always [`ReasonCode::Success`] there, and no other can be sent.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

/// AUTH: a step of an authentication exchange, 5.0 only.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Auth<'a> {
    /// Success, continue or start over.
    pub reason: ReasonCode,
    /// The method and its data.
    pub properties: Properties<'a>,
}
