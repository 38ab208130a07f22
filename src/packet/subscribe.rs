//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 and 3.10).

use super::{Filters, PacketId, Properties, TopicFilters};

/// SUBSCRIBE: a client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Subscribe<'a> {
    /// Names the exchange.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What is asked for; one at least.
    pub filters: Filters<'a>,
}

/// UNSUBSCRIBE: a client asks for no more messages.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Unsubscribe<'a> {
    /// Names the exchange.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What was asked for; one at least.
    pub filters: TopicFilters<'a>,
}
