//! The sender's side of QoS 2, from PUBREC on (section 4.3.3).

use alloc::collections::VecDeque;

use super::{Fate, Known, Link, Outgoing, PacketIds, PublishOutcome, Sent, Violation};
use crate::{
    Outbox, Timestamp,
    packet::{PacketId, PacketType, ReasonCode},
    sorted::SortedMap,
};

/// A message that the peer has taken over: PUBREL was sent; PUBCOMP is due.
/// [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-5] [MQTT-4.3.3-6] (5.0)
#[derive(Debug)]
pub(super) struct Released {
    pub(super) token: u64,
    /// That of PUBREC.
    reason: ReasonCode,
    pub(super) sent: Sent,
}

/// What is left of QoS 2 messages.
#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    /// By order of their PUBRECs.
    pub(super) released: SortedMap<u64, Released>,
    /// The identifiers of messages that were sent once and which the peer, as it is now, does not take. It may remember them, and
    /// would take a new message for a repetition.
    pub(super) abandoned: VecDeque<PacketId>,
}

impl Outgoing {
    pub(super) fn exactly_once(&mut self) -> &mut ExactlyOnce {
        self.exactly_once.get_or_insert_default()
    }

    /// PUBREC was received: the message is the peer's now, PUBREL goes out, behind all others.
    /// [MQTT-4.6.0-4] (both versions), [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-4] (5.0)
    pub(super) fn release(
        &mut self,
        order: u64,
        reason: ReasonCode,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) {
        let Some((token, _, sent)) = self.remove_published(order) else { return };
        link.answer(PacketType::PubRel, sent.id, ReasonCode::Success, outbox);
        let order = self.order();
        self.by_id.insert(sent.id, order);
        self.exactly_once()
            .released
            .insert(order, Released { token, reason, sent: Sent { at: now, ..sent } });
        link.await_answer(now);
    }

    /// PUBREC or PUBCOMP arrived behind PUBREL.
    pub(super) fn released_answered(
        &mut self,
        order: u64,
        kind: PacketType,
        ids: &mut PacketIds,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<(Known, Option<Fate>), Violation> {
        if kind == PacketType::PubRec {
            // A PUBREC that came twice: the PUBREL is repeated, and costs no quota.
            if let Some(released) = self.exactly_once().released.get(&order) {
                link.answer(PacketType::PubRel, released.sent.id, ReasonCode::Success, outbox);
            }
            return Ok((Known::Yes, None));
        }
        if kind != PacketType::PubComp {
            return Err(Violation::WrongAcknowledgement);
        }
        let ended = self.exactly_once().released.remove(&order);
        let fate = ended.map(|Released { token, reason, sent }| {
            self.end(sent, ids, link);
            Fate { token, outcome: PublishOutcome::Acknowledged { reason } }
        });
        Ok((Known::Yes, fate))
    }
}
