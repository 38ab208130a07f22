//! SUBACK and UNSUBACK (sections 3.9 and 3.11).

use super::{PacketId, Properties, ReasonCode};

/// SUBACK: the server's answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct SubAck<'a> {
    /// That of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// One for each filter, in order. 3.1.1 has one code for all failures, 0x80, and every failure is sent as that.
    pub reasons: ReasonCodes<'a>,
}

/// UNSUBACK: the server's answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct UnsubAck<'a> {
    /// That of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// One for each filter, in order. 3.1.1 carries none: they are not sent, and decoded there are none.
    pub reasons: ReasonCodes<'a>,
}

/// Reason codes in the order of the filters that they answer.
#[derive(Clone, Copy, Debug)]
pub struct ReasonCodes<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [ReasonCode]),
    Wire(&'a [u8]),
}

impl<'a> ReasonCodes<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [ReasonCode]) -> Self {
        Self {
            source: Source::List(list),
        }
    }

    /// The codes, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + Clone + use<'a> {
        let (list, wire): (&[ReasonCode], &[u8]) = match self.source {
            Source::List(list) => (list, &[]),
            Source::Wire(wire) => (&[], wire),
        };
        // Codes on the wire were checked when they were decoded.
        list.iter()
            .copied()
            .chain(wire.iter().filter_map(|code| ReasonCode::from_u8(*code)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            Source::List(list) => list.len(),
            Source::Wire(wire) => wire.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
