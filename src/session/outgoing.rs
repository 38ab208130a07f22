//! The sender of messages: a queue, and the exchanges of QoS 1 and 2 that are not finished (section 4.3).

mod replay;

use alloc::{collections::VecDeque, vec::Vec};
use core::{mem, time::Duration};

use super::{
    Expiries, Fate, Known, Link, LostSession, PacketIds, PublishOutcome, QueueLimits, Violation, link::Replay,
};
use crate::{
    Message, Outbox, QoS, Timestamp,
    packet::{Ack, PacketId, PacketType, ReasonCode},
    sorted::SortedMap,
};

/// A message that waits for its first transmission.
#[derive(Debug)]
struct Queued {
    token: u64,
    message: Message,
    /// When it is of no use any more.
    expires: Option<Timestamp>,
    /// It was sent in a session that the peer has lost: it may have arrived.
    was_sent: bool,
}

/// An exchange that the peer has not finished.
#[derive(Debug)]
struct InFlight {
    token: u64,
    id: PacketId,
    phase: Phase,
    /// The connection on which the PUBLISH was counted against the send quota.
    counted_in: u64,
    /// When its packet was last sent.
    sent_at: Timestamp,
}

#[derive(Debug)]
enum Phase {
    /// PUBLISH was sent; PUBACK or PUBREC is due.
    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.2-3] [MQTT-4.3.3-3] (5.0)
    Published { message: Message, expires: Option<Timestamp> },
    /// PUBREL was sent; PUBCOMP is due. The message itself is not needed any more.
    /// [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-5] [MQTT-4.3.3-6] (5.0)
    Released { reason: ReasonCode },
}

/// Messages on their way to the peer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    limits: QueueLimits,
    /// By order of the program's calls.
    /// [MQTT-4.6.0-5] [MQTT-4.6.0-6] (both versions)
    queue: SortedMap<u64, Queued>,
    /// No queued message of QoS 0 stands before this one. They are the first to be dropped.
    first_droppable: u64,
    /// The queued messages that expire.
    expiries: Expiries,
    next_queued: u64,
    /// By order of the last packet that was new: PUBLISH, then PUBREL. This is the order of a replay
    /// [MQTT-4.6.0-1] [MQTT-4.6.0-4] (both versions).
    inflight: SortedMap<u64, InFlight>,
    by_id: SortedMap<PacketId, u64>,
    /// The identifiers of QoS 2 messages that were sent once and which the peer, as it is now, does not take. It may remember
    /// them, and would take a new message for a repetition.
    abandoned: VecDeque<PacketId>,
    next_sent: u64,
    /// What the queued and the unacknowledged messages cost.
    bytes: usize,
}

impl Outgoing {
    pub(super) const fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            queue: SortedMap::new(),
            first_droppable: 0,
            expiries: Expiries::new(),
            next_queued: 0,
            inflight: SortedMap::new(),
            by_id: SortedMap::new(),
            abandoned: VecDeque::new(),
            next_sent: 0,
            bytes: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.queue.len() + self.inflight.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is to be sent again on a new connection.
    pub(super) fn due_again(&self) -> Option<Replay> {
        let (&first, _) = self.inflight.first()?;
        Some(Replay { next_release: first, next_publish: first, end: self.next_sent })
    }

    /// Whether a message of this cost would be queued.
    pub(super) fn has_room(&self, cost: usize) -> bool {
        self.count() < self.limits.count && self.bytes.saturating_add(cost) <= self.limits.bytes
    }

    /// Counts a message, if there is room for it.
    fn admit(&mut self, token: u64, message: Message, now: Timestamp) -> Result<Queued, Message> {
        let cost = message.cost();
        if !self.has_room(cost) {
            return Err(message);
        }
        self.bytes += cost;
        let expires = message.expires(now);
        Ok(Queued { token, message, expires, was_sent: false })
    }

    pub(super) fn enqueue(&mut self, token: u64, message: Message, now: Timestamp) -> Result<(), Message> {
        let queued = self.admit(token, message, now)?;
        self.append(queued);
        Ok(())
    }

    /// Sends a message that the peer takes, or queues it if it can't be sent at once.
    pub(super) fn publish(
        &mut self,
        token: u64,
        message: Message,
        ids: &mut PacketIds,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) -> Result<(), Message> {
        let queued = self.admit(token, message, now)?;
        let is_next = !self.has_to_send(link) && link.has_room(outbox) && !queued.message.has_expired();
        match if is_next { self.ticket(queued.message.qos, ids, link) } else { None } {
            Some(ticket) => self.send_first(queued, ticket, link, outbox, now),
            None => self.append(queued),
        }
        Ok(())
    }

    fn append(&mut self, queued: Queued) {
        let order = self.next_queued;
        self.next_queued += 1;
        if let Some(expires) = queued.expires {
            self.expiries.note(expires, order);
        }
        self.queue.insert(order, queued);
    }

    fn dequeue(&mut self, order: u64) -> Option<Queued> {
        let queued = self.queue.remove(&order)?;
        if queued.expires.is_some() {
            let queue = &self.queue;
            self.expiries.departed(queue.len(), |order| queue.contains(&order));
        }
        Some(queued)
    }

    /// Takes a queued message out for good.
    fn discard(&mut self, order: u64) -> Option<Queued> {
        let queued = self.dequeue(order)?;
        self.bytes -= queued.message.cost();
        Some(queued)
    }

    pub(super) fn make_room(&mut self) -> Option<(u64, Message)> {
        let is_droppable =
            |(order, queued): (&u64, &Queued)| (queued.message.qos == QoS::AtMostOnce).then_some(*order);
        let oldest = self.queue.from(&self.first_droppable).find_map(is_droppable);
        self.first_droppable = oldest.unwrap_or(self.next_queued);
        let order = oldest?;
        self.discard(order).map(|queued| (queued.token, queued.message))
    }

    /// Drops all queued messages of QoS 0.
    pub(super) fn drop_qos0(&mut self) {
        while self.make_room().is_some() {}
    }

    /// What waits for its first transmission: its place, its token and the message, in order.
    pub(super) fn queued(&self) -> impl Iterator<Item = (u64, u64, &Message)> {
        self.queue.iter().map(|(order, queued)| (*order, queued.token, &queued.message))
    }

    /// Takes a queued message out, with what is left of its expiry; `None` if nothing is left.
    pub(super) fn withdraw(&mut self, order: u64, now: Timestamp) -> Option<Message> {
        let Queued { message, expires, .. } = self.discard(order)?;
        unexpired(message, expires, now)
    }

    /// Takes out what nobody else has got: QoS 1 messages without their acknowledgement, then the queue. QoS 2 messages that
    /// were sent are nobody else's [MQTT-4.8.2-5] (5.0).
    pub(super) fn into_unfinished(self, now: Timestamp) -> Vec<(u64, Message)> {
        let sent = self.inflight.into_values().filter_map(|inflight| match inflight.phase {
            Phase::Published { message, expires } if message.qos == QoS::AtLeastOnce => {
                Some((inflight.token, message, expires))
            }
            Phase::Published { .. } | Phase::Released { .. } => None,
        });
        let queued = self.queue.into_values().map(|queued| (queued.token, queued.message, queued.expires));
        sent.chain(queued)
            .filter_map(|(token, message, expires)| Some((token, unexpired(message, expires, now)?)))
            .collect()
    }

    /// Takes out what the peer of this connection does not take.
    pub(super) fn take_refused(&mut self, ids: &mut PacketIds, link: &mut Link) -> Vec<Message> {
        let is_refused = |message: &Message| link.refusal(message).is_some();
        let sent = self.inflight.iter().filter_map(|(order, inflight)| match &inflight.phase {
            Phase::Published { message, .. } if is_refused(message) => Some(*order),
            Phase::Published { .. } | Phase::Released { .. } => None,
        });
        let sent: Vec<u64> = sent.collect();
        let queued: Vec<u64> =
            self.queued().filter(|(.., message)| is_refused(message)).map(|(order, ..)| order).collect();
        let mut refused: Vec<Message> =
            sent.into_iter().filter_map(|order| self.abandon(order, ids, link)).collect();
        refused.extend(queued.into_iter().filter_map(|order| Some(self.discard(order)?.message)));
        refused
    }

    /// Drops the queued messages that are not wanted any more.
    pub(super) fn retain_queued(&mut self, mut is_wanted: impl FnMut(&Message) -> bool) {
        let unwanted: Vec<u64> =
            self.queued().filter(|(.., message)| !is_wanted(message)).map(|(order, ..)| order).collect();
        for order in unwanted {
            self.discard(order);
        }
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(expires, _)| expires)
    }

    /// Expires queued messages. What was sent once is never expired [MQTT-4.3.3-7] (5.0).
    /// [MQTT-3.3.2-5] [MQTT-4.3.3-13] (5.0)
    pub(super) fn expire(&mut self, now: Timestamp, fates: &mut VecDeque<Fate>) {
        while let Some((expires, order)) = self.expiries.first()
            && expires <= now
        {
            let was_sent = self.queue.get(&order).is_some_and(|queued| queued.was_sent);
            let outcome = if was_sent { PublishOutcome::Unknown } else { PublishOutcome::Expired };
            self.end_queued(order, outcome, fates);
        }
    }

    fn end_queued(&mut self, order: u64, outcome: PublishOutcome, fates: &mut VecDeque<Fate>) {
        if let Some(queued) = self.discard(order)
            && queued.message.qos > QoS::AtMostOnce
        {
            fates.push_back(Fate { token: queued.token, outcome });
        }
    }

    /// Ends an unfinished exchange: its identifier and its share of the quota are free again.
    /// [MQTT-2.3.1-3] [MQTT-4.3.2-1] (3.1.1), [MQTT-4.3.2-3] [MQTT-4.3.3-5] [MQTT-4.9.0-2] (5.0)
    fn end_inflight(&mut self, order: u64, ids: &mut PacketIds, link: &mut Link) -> Option<InFlight> {
        let inflight = self.remove_inflight(order, link)?;
        ids.release(inflight.id);
        Some(inflight)
    }

    /// Gives up a message that was sent once and can't be sent again. The identifier of a QoS 2 message is free again when the
    /// session is lost.
    fn abandon(&mut self, order: u64, ids: &mut PacketIds, link: &mut Link) -> Option<Message> {
        let InFlight { id, phase, .. } = self.remove_inflight(order, link)?;
        let Phase::Published { message, .. } = phase else { return None };
        if message.qos == QoS::ExactlyOnce {
            self.abandoned.push_back(id);
        } else {
            ids.release(id);
        }
        Some(message)
    }

    fn remove_inflight(&mut self, order: u64, link: &mut Link) -> Option<InFlight> {
        let inflight = self.inflight.remove(&order)?;
        self.by_id.remove(&inflight.id);
        if let Phase::Published { message, .. } = &inflight.phase {
            self.bytes -= message.cost();
        }
        if inflight.counted_in == link.epoch {
            // At PUBACK, PUBCOMP or a refusing PUBREC, not before [MQTT-4.9.0-2] (5.0).
            link.send_quota += 1;
        }
        if self.inflight.is_empty() {
            link.retransmit_at = None;
        }
        Some(inflight)
    }

    /// Whether [`transmit`](Self::transmit) may have something to do.
    pub(super) const fn has_to_send(&self, link: &Link) -> bool {
        !self.queue.is_empty() || link.replay.is_some()
    }

    /// Moves what is due to the outbox: first the replay, then the queue.
    #[inline(never)]
    pub(super) fn transmit(
        &mut self,
        ids: &mut PacketIds,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
        fates: &mut VecDeque<Fate>,
    ) {
        self.replay(ids, link, outbox, now, fates);
        if link.replay.is_some() {
            return;
        }
        self.expire(now, fates);
        while link.has_room(outbox)
            && let Some((&order, queued)) = self.queue.first()
        {
            if let Some(reason) = link.refusal(&queued.message) {
                self.end_queued(order, PublishOutcome::Refused { reason }, fates);
                continue;
            }
            let Some(ticket) = self.ticket(queued.message.qos, ids, link) else { break };
            let Some(queued) = self.dequeue(order) else { break };
            self.send_first(queued, ticket, link, outbox, now);
        }
    }

    /// What a message needs to be sent: a share of the quota and an identifier if its QoS is 1 or 2. `None` if these are used up.
    /// [MQTT-3.3.4-7] [MQTT-3.3.4-9] (5.0)
    fn ticket(&mut self, qos: QoS, ids: &mut PacketIds, link: &mut Link) -> Option<Option<PacketId>> {
        if qos == QoS::AtMostOnce {
            return Some(None);
        }
        link.send_quota = link.send_quota.checked_sub(1)?;
        // Rather one that the peer may remember from long ago than none for ever.
        let id = ids.take().or_else(|| self.abandoned.pop_front());
        if id.is_none() {
            link.send_quota += 1;
        }
        id.map(Some)
    }

    /// Sends a message for the first time.
    /// [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1] (both versions), [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-4.9.0-2] (5.0)
    fn send_first(
        &mut self,
        queued: Queued,
        ticket: Option<PacketId>,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) {
        let Queued { token, message, expires, .. } = queued;
        link.publish(&message, ticket, false, left(expires, now), outbox);
        let Some(id) = ticket else {
            self.bytes -= message.cost();
            return;
        };
        let phase = Phase::Published { message, expires };
        self.note_sent(InFlight { token, id, phase, counted_in: link.epoch, sent_at: now }, link);
    }

    /// Files an exchange behind all others.
    fn note_sent(&mut self, inflight: InFlight, link: &mut Link) {
        if link.retransmit_at.is_none() {
            link.retransmit_at = link.settings.retransmit_after.map(|after| inflight.sent_at + after);
        }
        self.by_id.insert(inflight.id, self.next_sent);
        self.inflight.insert(self.next_sent, inflight);
        self.next_sent += 1;
    }

    /// PUBACK, PUBREC or PUBCOMP arrived.
    /// [MQTT-4.4.0-2] [MQTT-4.9.0-3] (5.0)
    /// [MQTT-4.8.2-6] (5.0)
    pub(super) fn acknowledged(
        &mut self,
        kind: PacketType,
        ack: &Ack<'_>,
        ids: &mut PacketIds,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) -> Result<(Known, Option<Fate>), Violation> {
        let found = self.by_id.get(&ack.packet_id).copied();
        let Some((order, inflight)) = found.and_then(|order| Some((order, self.inflight.get(&order)?)))
        else {
            if kind == PacketType::PubRec {
                // The peer waits for a PUBREL, and would for ever.
                link.answer(PacketType::PubRel, ack.packet_id, ReasonCode::PacketIdentifierNotFound, outbox);
            }
            return Ok((Known::No, None));
        };
        let outcome = match (&inflight.phase, kind) {
            (Phase::Published { message, .. }, PacketType::PubAck) if message.qos == QoS::AtLeastOnce => {
                outcome(ack.reason)
            }
            (Phase::Published { message, .. }, PacketType::PubRec) if message.qos == QoS::ExactlyOnce => {
                if !ack.reason.is_error() {
                    self.release(order, ack.reason, link, outbox, now);
                    return Ok((Known::Yes, None));
                }
                outcome(ack.reason)
            }
            (Phase::Released { .. }, PacketType::PubRec) => {
                // A PUBREC that came twice: the PUBREL is repeated, and costs no quota.
                link.answer(PacketType::PubRel, ack.packet_id, ReasonCode::Success, outbox);
                return Ok((Known::Yes, None));
            }
            (Phase::Released { reason }, PacketType::PubComp) => {
                PublishOutcome::Acknowledged { reason: *reason }
            }
            _ => return Err(Violation::WrongAcknowledgement),
        };
        let fate = self.end_inflight(order, ids, link).map(|ended| Fate { token: ended.token, outcome });
        Ok((Known::Yes, fate))
    }

    /// PUBREC was received: the message is the peer's now, PUBREL goes out and the exchange moves behind all others.
    /// [MQTT-4.6.0-4] (both versions), [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.3-4] (5.0)
    fn release(
        &mut self,
        order: u64,
        reason: ReasonCode,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) {
        let Some(mut inflight) = self.inflight.remove(&order) else { return };
        link.answer(PacketType::PubRel, inflight.id, ReasonCode::Success, outbox);
        if let Phase::Published { message, .. } =
            mem::replace(&mut inflight.phase, Phase::Released { reason })
        {
            self.bytes -= message.cost();
        }
        inflight.sent_at = now;
        self.note_sent(inflight, link);
    }

    /// The peer has lost the session: nothing that was sent can be finished any more.
    pub(super) fn lose(&mut self, policy: LostSession, ids: &mut PacketIds, fates: &mut VecDeque<Fate>) {
        let queue = mem::take(&mut self.queue);
        self.expiries.clear();
        self.by_id.clear();
        self.abandoned.drain(..).for_each(|id| ids.release(id));
        for inflight in mem::take(&mut self.inflight).into_values() {
            ids.release(inflight.id);
            let token = inflight.token;
            match inflight.phase {
                Phase::Published { message, expires } if policy == LostSession::Republish => {
                    self.append(Queued { token, message, expires, was_sent: true });
                    continue;
                }
                Phase::Published { message, .. } => self.bytes -= message.cost(),
                Phase::Released { .. } => {}
            }
            fates.push_back(Fate { token, outcome: PublishOutcome::Unknown });
        }
        for queued in queue.into_values() {
            self.append(queued);
        }
    }
}

/// A message for another peer, with what is left of its expiry [MQTT-3.3.2-6] (5.0); `None` if nothing is left.
fn unexpired(mut message: Message, expires: Option<Timestamp>, now: Timestamp) -> Option<Message> {
    if expires.is_some_and(|expires| expires <= now) {
        return None;
    }
    if expires.is_some() {
        message.properties.message_expiry = left(expires, now);
    }
    Some(message)
}

/// What is left until a message expires, in whole seconds; one at least, because it was in time when it was first sent.
/// [MQTT-3.3.2-6] (5.0)
pub(crate) fn left(expires: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    expires.map(|expires| {
        let left = expires.saturating_since(now) + Duration::from_micros(999_999);
        Duration::from_secs(left.as_secs().max(1))
    })
}

const fn outcome(reason: ReasonCode) -> PublishOutcome {
    if reason.is_error() {
        PublishOutcome::Refused { reason }
    } else {
        PublishOutcome::Acknowledged { reason }
    }
}
