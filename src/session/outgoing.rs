//! The sender of messages: those that wait, and the exchanges of QoS 1 and 2 that are not finished (section 4.3).

mod exactly_once;
mod replay;

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::{mem, time::Duration};

use self::exactly_once::ExactlyOnce;
use super::{
    Expiries, Fate, Known, Link, LostSession, PacketIds, PublishOutcome, QueueLimits, Violation, link::Replay,
};
use crate::{
    Message, Outbox, QoS, Timestamp,
    packet::{Ack, PacketId, PacketType, ReasonCode},
    sorted::SortedMap,
};

/// A message that the peer has not taken over.
#[derive(Debug)]
struct Outbound {
    token: u64,
    message: Message,
    /// When it is of no use any more, unless it was sent.
    expires: Option<Timestamp>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It waits to be sent. If it was sent in a session that the peer has lost, it may have arrived.
    Waiting { was_sent: bool },
    /// PUBLISH was sent; PUBACK or PUBREC is due.
    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1] (3.1.1), [MQTT-4.3.2-3] [MQTT-4.3.3-3] (5.0)
    Published(Sent),
}

/// The last packet of an exchange that the peer has not finished.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: PacketId,
    /// The connection on which the PUBLISH was counted against the send quota.
    counted_in: u64,
    at: Timestamp,
}

/// Messages on their way to the peer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    limits: QueueLimits,
    /// By order of the program's calls, in which they are sent: first those that were published, then those that wait.
    /// [MQTT-4.6.0-5] [MQTT-4.6.0-6] (both versions)
    messages: SortedMap<u64, Outbound>,
    /// The stage of a message is [`Published`](Stage::Published) if it stands before this one, and [`Waiting`](Stage::Waiting) if not.
    first_waiting: u64,
    waiting: usize,
    /// No waiting message of QoS 0 stands before this one. They are the first to be dropped.
    first_droppable: u64,
    /// The waiting messages that expire.
    expiries: Expiries,
    /// Made when it is needed first: few sessions send at QoS 2.
    exactly_once: Option<Box<ExactlyOnce>>,
    /// The number of the next message or release. Each of both kinds is sent again in this order
    /// [MQTT-4.6.0-1] [MQTT-4.6.0-4] (both versions).
    next_order: u64,
    by_id: SortedMap<PacketId, u64>,
    /// What the messages cost.
    bytes: usize,
}

impl Outgoing {
    pub(super) const fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            messages: SortedMap::new(),
            first_waiting: 0,
            waiting: 0,
            first_droppable: 0,
            expiries: Expiries::new(),
            exactly_once: None,
            next_order: 0,
            by_id: SortedMap::new(),
            bytes: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.messages.len() + self.exactly_once.as_ref().map_or(0, |held| held.released.len())
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether an exchange is not finished.
    fn has_sent(&self) -> bool {
        self.count() > self.waiting
    }

    /// What is to be sent again on a new connection.
    pub(super) fn due_again(&self) -> Option<Replay> {
        self.has_sent().then_some(Replay { next_release: 0, next_publish: 0, end: self.next_order })
    }

    /// Whether a message of this cost would be queued.
    pub(super) fn has_room(&self, cost: usize) -> bool {
        self.count() < self.limits.count && self.bytes.saturating_add(cost) <= self.limits.bytes
    }

    /// Counts a message, if there is room for it.
    fn admit(&mut self, token: u64, message: Message, now: Timestamp) -> Result<Outbound, Message> {
        let cost = message.cost();
        if !self.has_room(cost) {
            return Err(message);
        }
        self.bytes += cost;
        let expires = message.expires(now);
        Ok(Outbound { token, message, expires, stage: Stage::Waiting { was_sent: false } })
    }

    pub(super) fn enqueue(&mut self, token: u64, message: Message, now: Timestamp) -> Result<(), Message> {
        let outbound = self.admit(token, message, now)?;
        self.append(outbound);
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
        let mut outbound = self.admit(token, message, now)?;
        let is_next = !self.has_to_send(link) && link.has_room(outbox) && !outbound.message.has_expired();
        let ticket =
            if is_next { ticket(outbound.message.qos, &mut self.exactly_once, ids, link) } else { None };
        let Some(id) = ticket else {
            self.append(outbound);
            return Ok(());
        };
        outbound.send_first(id, link, outbox, now);
        if let Some(id) = id {
            let order = self.order();
            self.first_waiting = self.next_order;
            self.by_id.insert(id, order);
            self.messages.insert(order, outbound);
        } else {
            self.bytes -= outbound.message.cost();
        }
        Ok(())
    }

    fn order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order += 1;
        order
    }

    fn append(&mut self, outbound: Outbound) {
        let order = self.order();
        self.file(order, outbound);
    }

    /// Files a message that waits behind all others.
    fn file(&mut self, order: u64, outbound: Outbound) {
        if let Some(expires) = outbound.expires {
            self.expiries.note(expires, order);
        }
        self.waiting += 1;
        self.messages.insert(order, outbound);
    }

    /// A message does not wait any more.
    fn departed(&mut self, expires: Option<Timestamp>) {
        self.waiting -= 1;
        if expires.is_some() {
            let (messages, first) = (&self.messages, self.first_waiting);
            self.expiries.departed(self.waiting, |order| order >= first && messages.contains(&order));
        }
    }

    /// Takes a waiting message out for good.
    fn discard(&mut self, order: u64) -> Option<Outbound> {
        if order < self.first_waiting {
            return None;
        }
        let outbound = self.messages.remove(&order)?;
        self.bytes -= outbound.message.cost();
        self.departed(outbound.expires);
        Some(outbound)
    }

    pub(super) fn make_room(&mut self) -> Option<(u64, Message)> {
        let is_droppable = |(order, outbound): (&u64, &Outbound)| {
            (outbound.message.qos == QoS::AtMostOnce).then_some(*order)
        };
        let first = self.first_droppable.max(self.first_waiting);
        let oldest = self.messages.from(&first).find_map(is_droppable);
        self.first_droppable = oldest.unwrap_or(self.next_order);
        let order = oldest?;
        self.discard(order).map(|outbound| (outbound.token, outbound.message))
    }

    /// Drops all queued messages of QoS 0.
    pub(super) fn drop_qos0(&mut self) {
        while self.make_room().is_some() {}
    }

    /// What waits to be sent: its place, its token and the message, in order.
    pub(super) fn queued(&self) -> impl Iterator<Item = (u64, u64, &Message)> {
        self.messages
            .from(&self.first_waiting)
            .map(|(order, outbound)| (*order, outbound.token, &outbound.message))
    }

    /// Takes a queued message out, with what is left of its expiry; `None` if nothing is left.
    pub(super) fn withdraw(&mut self, order: u64, now: Timestamp) -> Option<Message> {
        let Outbound { message, expires, .. } = self.discard(order)?;
        unexpired(message, expires, now)
    }

    /// Takes out what nobody else has got: QoS 1 messages without their acknowledgement, then the queue. QoS 2 messages that
    /// were sent are nobody else's [MQTT-4.8.2-5] (5.0).
    pub(super) fn into_unfinished(self, now: Timestamp) -> Vec<(u64, Message)> {
        let is_the_peers = |outbound: &Outbound| {
            outbound.message.qos == QoS::ExactlyOnce && matches!(outbound.stage, Stage::Published(_))
        };
        self.messages
            .into_entries()
            .filter(|(_, outbound)| !is_the_peers(outbound))
            .filter_map(|(_, outbound)| {
                Some((outbound.token, unexpired(outbound.message, outbound.expires, now)?))
            })
            .collect()
    }

    /// Takes out what the peer of this connection does not take.
    pub(super) fn take_refused(&mut self, ids: &mut PacketIds, link: &mut Link) -> Vec<Message> {
        let is_refused = |(_, outbound): &(&u64, &Outbound)| link.refusal(&outbound.message).is_some();
        let refused: Vec<u64> = self.messages.iter().filter(is_refused).map(|(order, _)| *order).collect();
        let take = |order| {
            if order < self.first_waiting {
                self.abandon(order, ids, link)
            } else {
                Some(self.discard(order)?.message)
            }
        };
        refused.into_iter().filter_map(take).collect()
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
            let stage = self.messages.get(&order).map(|outbound| &outbound.stage);
            let was_sent = matches!(stage, Some(Stage::Waiting { was_sent: true }));
            let outcome = if was_sent { PublishOutcome::Unknown } else { PublishOutcome::Expired };
            self.end_waiting(order, outcome, fates);
        }
    }

    fn end_waiting(&mut self, order: u64, outcome: PublishOutcome, fates: &mut VecDeque<Fate>) {
        if let Some(outbound) = self.discard(order)
            && outbound.message.qos > QoS::AtMostOnce
        {
            fates.push_back(Fate { token: outbound.token, outcome });
        }
    }

    /// Whether [`transmit`](Self::transmit) may have something to do.
    pub(super) const fn has_to_send(&self, link: &Link) -> bool {
        self.waiting > 0 || link.replay.is_some()
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
            && let Some((&order, outbound)) = self.messages.first_from_mut(&self.first_waiting)
        {
            // Not to search those that are gone again.
            self.first_waiting = order;
            if let Some(reason) = link.refusal(&outbound.message) {
                self.end_waiting(order, PublishOutcome::Refused { reason }, fates);
                continue;
            }
            let ticket = ticket(outbound.message.qos, &mut self.exactly_once, ids, link);
            let Some(id) = ticket else { break };
            outbound.send_first(id, link, outbox, now);
            match id {
                Some(id) => {
                    let expires = outbound.expires;
                    self.by_id.insert(id, order);
                    self.first_waiting = order + 1;
                    self.departed(expires);
                }
                None => drop(self.discard(order)),
            }
        }
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
        let Some(order) = self.by_id.get(&ack.packet_id).copied() else {
            if kind == PacketType::PubRec {
                // The peer waits for a PUBREL, and would for ever.
                link.answer(PacketType::PubRel, ack.packet_id, ReasonCode::PacketIdentifierNotFound, outbox);
            }
            return Ok((Known::No, None));
        };
        let Some(outbound) = self.messages.get(&order) else {
            return self.released_answered(order, kind, ids, link, outbox);
        };
        match (outbound.message.qos, kind) {
            (QoS::AtLeastOnce, PacketType::PubAck) => {}
            (QoS::ExactlyOnce, PacketType::PubRec) if ack.reason.is_error() => {}
            (QoS::ExactlyOnce, PacketType::PubRec) => {
                self.release(order, ack.reason, link, outbox, now);
                return Ok((Known::Yes, None));
            }
            _ => return Err(Violation::WrongAcknowledgement),
        }
        let fate = self.remove_published(order).map(|(token, _, sent)| {
            self.end(sent, ids, link);
            Fate { token, outcome: outcome(ack.reason) }
        });
        Ok((Known::Yes, fate))
    }

    /// Takes out a message that was published.
    fn remove_published(&mut self, order: u64) -> Option<(u64, Message, Sent)> {
        let Stage::Published(sent) = self.messages.get(&order)?.stage else { return None };
        let Outbound { token, message, .. } = self.messages.remove(&order)?;
        self.bytes -= message.cost();
        Some((token, message, sent))
    }

    /// An exchange has ended: its identifier and its share of the quota are free again.
    /// [MQTT-2.3.1-3] [MQTT-4.3.2-1] (3.1.1), [MQTT-4.3.2-3] [MQTT-4.3.3-5] [MQTT-4.9.0-2] (5.0)
    fn end(&mut self, sent: Sent, ids: &mut PacketIds, link: &mut Link) {
        self.give_up(sent, link);
        ids.release(sent.id);
    }

    /// The same, but the identifier is not free.
    fn give_up(&mut self, sent: Sent, link: &mut Link) {
        self.by_id.remove(&sent.id);
        if sent.counted_in == link.epoch {
            // At PUBACK, PUBCOMP or a refusing PUBREC, not before [MQTT-4.9.0-2] (5.0).
            link.send_quota += 1;
        }
        if !self.has_sent() {
            link.retransmit_at = None;
        }
    }

    /// Gives up a message that was published and can't be sent again. The identifier of a QoS 2 message is free again when the
    /// session is lost.
    fn abandon(&mut self, order: u64, ids: &mut PacketIds, link: &mut Link) -> Option<Message> {
        let (_, message, sent) = self.remove_published(order)?;
        self.give_up(sent, link);
        if message.qos == QoS::ExactlyOnce {
            self.exactly_once().abandoned.push_back(sent.id);
        } else {
            ids.release(sent.id);
        }
        Some(message)
    }

    /// The peer has lost the session: nothing that was sent can be finished any more. The fates of what the peer had taken over come
    /// first.
    pub(super) fn lose(&mut self, policy: LostSession, ids: &mut PacketIds, fates: &mut VecDeque<Fate>) {
        self.by_id.clear();
        self.expiries.clear();
        (self.first_waiting, self.waiting) = (0, 0);
        if let Some(held) = self.exactly_once.take() {
            held.abandoned.into_iter().for_each(|id| ids.release(id));
            for (_, released) in held.released.into_entries() {
                ids.release(released.sent.id);
                fates.push_back(Fate { token: released.token, outcome: PublishOutcome::Unknown });
            }
        }
        for (order, mut outbound) in mem::take(&mut self.messages).into_entries() {
            if let Stage::Published(sent) = outbound.stage {
                ids.release(sent.id);
                if policy != LostSession::Republish {
                    self.bytes -= outbound.message.cost();
                    fates.push_back(Fate { token: outbound.token, outcome: PublishOutcome::Unknown });
                    continue;
                }
                outbound.stage = Stage::Waiting { was_sent: true };
            }
            self.file(order, outbound);
        }
    }
}

impl Outbound {
    /// Sends a message that waits: what [`ticket`] gave goes with it.
    /// [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1] (both versions), [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-4.9.0-2] (5.0)
    fn send_first(&mut self, id: Option<PacketId>, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        link.publish(&self.message, id, false, left(self.expires, now), outbox);
        if let Some(id) = id {
            self.stage = Stage::Published(Sent { id, counted_in: link.epoch, at: now });
            link.await_answer(now);
        }
    }
}

/// What a message needs to be sent: a share of the quota and an identifier if its QoS is 1 or 2. `None` if these are used up.
/// [MQTT-3.3.4-7] [MQTT-3.3.4-9] (5.0)
fn ticket(
    qos: QoS,
    exactly_once: &mut Option<Box<ExactlyOnce>>,
    ids: &mut PacketIds,
    link: &mut Link,
) -> Option<Option<PacketId>> {
    if qos == QoS::AtMostOnce {
        return Some(None);
    }
    link.send_quota = link.send_quota.checked_sub(1)?;
    // Rather one that the peer may remember from long ago than none for ever.
    let id = ids.take().or_else(|| exactly_once.as_mut()?.abandoned.pop_front());
    if id.is_none() {
        link.send_quota += 1;
    }
    id.map(Some)
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

#[cfg(test)]
mod tests;
