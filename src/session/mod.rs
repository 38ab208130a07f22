//! What outlives a connection: packet identifiers, messages on their way and messages received (section 4.1).
//!
//! Both sides of the protocol send and receive messages by the same rules, so [`Client`](crate::Client) and
//! [`Connection`](crate::Connection) share this module. Packet identifiers of messages never leave it: its users know tokens.

mod expiries;
mod fate;
mod incoming;
mod link;
mod outgoing;
mod packet_ids;
mod violation;

use alloc::{collections::VecDeque, vec::Vec};

pub(crate) use fate::Fate;
pub use fate::{LostSession, PublishOutcome};
pub(crate) use link::{
    Link, LinkSettings, SMALLEST_PACKET_SIZE, message_properties, owned_properties, whole_seconds,
};
pub(crate) use outgoing::left;
pub use violation::Violation;

use self::{expiries::Expiries, incoming::Incoming, outgoing::Outgoing, packet_ids::PacketIds};
use crate::{
    Message, Outbox, Timestamp,
    packet::{Ack, PacketId, PacketType, Publish, ReasonCode},
};

/// The most that may wait in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Messages, queued or unacknowledged.
    pub(crate) count: usize,
    /// What they cost together, by [`Message::cost`].
    pub(crate) bytes: usize,
}

/// Whether an acknowledgement belongs to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    No,
}

/// What a received PUBLISH is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A message to deliver under this token.
    New(u64),
    /// A repetition of one that was delivered.
    Duplicate,
}

/// The state that both peers keep across connections (section 3.1.2.4 of 3.1.1, 4.1 of 5.0).
///
/// Opaque: it is moved between connections, not looked into.
/// [MQTT-4.1.0-1] (both versions), [MQTT-3.1.2-23] (5.0)
#[derive(Debug)]
pub struct Session {
    ids: PacketIds,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Counts the connections of this session, so that what was sent on one is not taken for another's.
    epoch: u64,
}

impl Session {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            ids: PacketIds::default(),
            outgoing: Outgoing::new(limits),
            incoming: Incoming::default(),
            epoch: 0,
        }
    }

    /// A connection begins on this session: quotas start afresh, and unfinished exchanges are due for a replay.
    pub(crate) fn begin(&mut self, link: &mut Link) {
        self.epoch += 1;
        link.epoch = self.epoch;
        self.incoming.suspend();
        link.replay = self.outgoing.due_again();
    }

    /// The connection is gone; the peer awaits no answer any more.
    pub(crate) fn suspend(&mut self) {
        self.incoming.suspend();
    }

    /// The peer has lost the session.
    pub(crate) fn lose(&mut self, policy: LostSession, fates: &mut VecDeque<Fate>) {
        self.outgoing.lose(policy, &mut self.ids, fates);
        self.incoming.lose();
    }

    /// Queues a message; it comes back if the queue is full.
    pub(crate) fn enqueue(&mut self, token: u64, message: Message, now: Timestamp) -> Result<(), Message> {
        self.outgoing.enqueue(token, message, now)
    }

    /// Sends a message that the peer of this connection takes, or queues it if something stands before it; it comes back if there is
    /// no room.
    pub(crate) fn publish(
        &mut self,
        token: u64,
        message: Message,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
    ) -> Result<(), Message> {
        self.outgoing.publish(token, message, &mut self.ids, link, outbox, now)
    }

    /// Sends a message of QoS 0 if nothing stands before it and the peer takes it; whether it did.
    pub(crate) fn send_at_once(&self, message: &Message, link: &mut Link, outbox: &mut Outbox) -> bool {
        let sends = !self.outgoing.has_to_send(link)
            && self.has_room(message.cost())
            && link.has_room(outbox)
            && link.refusal(message).is_none();
        if sends {
            // [MQTT-4.3.1-1] (both versions)
            link.publish(message, None, false, None, outbox);
        }
        sends
    }

    /// Drops the oldest queued message of QoS 0.
    pub(crate) fn make_room(&mut self) -> Option<(u64, Message)> {
        self.outgoing.make_room()
    }

    /// Drops all queued messages of QoS 0.
    pub(crate) fn drop_qos0(&mut self) {
        self.outgoing.drop_qos0();
    }

    /// Drops the queued messages that are not wanted any more.
    pub(crate) fn retain_queued(&mut self, is_wanted: impl FnMut(&Message) -> bool) {
        self.outgoing.retain_queued(is_wanted);
    }

    /// How many messages wait or are unacknowledged, and what they cost.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.outgoing.count(), self.outgoing.bytes())
    }

    /// Whether a message of this cost would be queued.
    pub(crate) fn has_room(&self, cost: usize) -> bool {
        self.outgoing.has_room(cost)
    }

    /// What waits for its first transmission: its place, its token and the message, in order.
    pub(crate) fn queued(&self) -> impl Iterator<Item = (u64, u64, &Message)> {
        self.outgoing.queued()
    }

    /// Takes a queued message out, with what is left of its expiry; `None` if nothing is left.
    pub(crate) fn withdraw(&mut self, order: u64, now: Timestamp) -> Option<Message> {
        self.outgoing.withdraw(order, now)
    }

    /// Ends the session: what somebody else may get in place of its peer, with its token.
    pub(crate) fn into_unfinished(self, now: Timestamp) -> Vec<(u64, Message)> {
        self.outgoing.into_unfinished(now)
    }

    /// Takes out what the peer of this connection does not take.
    pub(crate) fn take_refused(&mut self, link: &mut Link) -> Vec<Message> {
        self.outgoing.take_refused(&mut self.ids, link)
    }

    /// How many received messages the program has not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.incoming.unacknowledged()
    }

    /// When [`expire`](Self::expire) is due.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.outgoing.next_expiry()
    }

    /// Ends queued messages whose time has passed.
    pub(crate) fn expire(&mut self, now: Timestamp, fates: &mut VecDeque<Fate>) {
        self.outgoing.expire(now, fates);
    }

    /// Moves what is due to the outbox: first the replay, then the queue, within quota and outbox limit.
    #[inline]
    pub(crate) fn transmit(
        &mut self,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
        fates: &mut VecDeque<Fate>,
    ) {
        if self.outgoing.has_to_send(link) {
            self.outgoing.transmit(&mut self.ids, link, outbox, now, fates);
        }
    }

    /// Sends again what stayed unanswered for too long on this connection; see [`Link::retransmit_at`].
    pub(crate) fn retransmit(&mut self, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        self.outgoing.retransmit(link, outbox, now);
    }

    /// PUBACK, PUBREC or PUBCOMP arrived.
    pub(crate) fn acknowledged(
        &mut self,
        kind: PacketType,
        ack: &Ack<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
        fates: &mut VecDeque<Fate>,
    ) -> Result<Known, Violation> {
        let (known, fate) = self.outgoing.acknowledged(kind, ack, &mut self.ids, link, outbox, now)?;
        if let Some(fate) = fate {
            fates.push_back(fate);
        }
        Ok(known)
    }

    /// PUBLISH arrived. A repetition is answered here.
    pub(crate) fn received(
        &mut self,
        publish: &Publish<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Arrival, Violation> {
        self.incoming.received(publish, link, outbox)
    }

    /// The program has taken a message over (or refuses it, in 5.0, with an error). Without a link it is only noted.
    pub(crate) fn acknowledge(
        &mut self,
        token: u64,
        reason: ReasonCode,
        link: Option<&mut Link>,
        outbox: &mut Outbox,
    ) {
        self.incoming.acknowledge(token, reason, link, outbox);
    }

    /// Takes a message for not received, whose connection is gone: the peer's repetition is a new one.
    pub(crate) fn forget(&mut self, token: u64) {
        self.incoming.forget(token);
    }

    /// PUBREL arrived.
    pub(crate) fn released(
        &mut self,
        ack: &Ack<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Known, Violation> {
        self.incoming.released(ack, link, outbox)
    }

    /// Takes an identifier for a SUBSCRIBE or UNSUBSCRIBE from the space that PUBLISH uses too.
    pub(crate) fn take_id(&mut self) -> Option<PacketId> {
        self.ids.take()
    }

    /// Gives an identifier of a SUBSCRIBE or UNSUBSCRIBE back.
    pub(crate) fn release_id(&mut self, id: PacketId) {
        self.ids.release(id);
    }
}
