//! The receiver of messages: what is to be acknowledged, and which QoS 2 messages were received already (section 4.3).

use alloc::collections::VecDeque;
use core::mem;

use super::{Arrival, Known, Link, Violation, packet_ids::PacketIdSet};
use crate::{
    Outbox, QoS,
    packet::{Ack, PacketId, PacketType, ProtocolVersion, Publish, ReasonCode},
    sorted::SortedMap,
};

/// A received QoS 1 message that is not answered yet. It is of the present connection: after that the peer waits for no answer.
#[derive(Debug)]
struct AtLeastOnce {
    token: u64,
    id: PacketId,
    /// The program's word, while earlier messages hold the packet back.
    acknowledged: Option<ReasonCode>,
}

/// A received QoS 2 message that nobody has acknowledged yet.
#[derive(Debug)]
struct ExactlyOnce {
    id: PacketId,
    /// The program's word, while earlier messages hold the packet back.
    acknowledged: Option<ReasonCode>,
    /// Whether the PUBLISH arrived on the present connection, so that the peer waits for an answer.
    awaited: bool,
}

/// A QoS 2 message from PUBLISH to PUBREL: a PUBLISH with its identifier is a repetition.
#[derive(Debug)]
struct Exchange {
    /// The connection on which it was counted against our Receive Maximum.
    counted_in: u64,
    state: ExchangeState,
}

#[derive(Clone, Copy, Debug)]
enum ExchangeState {
    /// The program has not acknowledged it.
    Delivered { token: u64 },
    /// PUBREC was sent, or is sent when the peer repeats its PUBLISH.
    Answered { reason: ReasonCode },
}

/// Messages from the peer.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    next_token: u64,
    /// In order of receipt, in which the PUBACKs go out [MQTT-4.6.0-2] (both versions).
    at_least_once: VecDeque<AtLeastOnce>,
    at_least_once_ids: PacketIdSet,
    /// By token.
    exactly_once: SortedMap<u64, ExactlyOnce>,
    /// The awaited ones in order of receipt, in which the PUBRECs go out [MQTT-4.6.0-3] (both versions).
    awaited: VecDeque<u64>,
    exchanges: SortedMap<PacketId, Exchange>,
}

impl Incoming {
    /// How many messages the program has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.at_least_once.len() + self.exactly_once.len()
    }

    /// [MQTT-3.3.4-1] (both versions), [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-5] (5.0)
    pub(super) fn received(
        &mut self,
        publish: &Publish<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Arrival, Violation> {
        let Some(id) = publish.packet_id else { return Ok(Arrival::New(self.token())) };
        if publish.qos == QoS::ExactlyOnce {
            return self.received_exactly_once(id, link, outbox);
        }
        if publish.duplicate && self.at_least_once_ids.contains(id) {
            // Repeated on a live connection while the program holds it: one answer is enough.
            return Ok(Arrival::Duplicate);
        }
        link.count_received()?;
        let token = self.token();
        self.at_least_once.push_back(AtLeastOnce { token, id, acknowledged: None });
        self.at_least_once_ids.insert(id);
        Ok(Arrival::New(token))
    }

    /// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0)
    fn received_exactly_once(
        &mut self,
        id: PacketId,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Arrival, Violation> {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            link.count_received()?;
            let token = self.deliver(id);
            let state = ExchangeState::Delivered { token };
            self.exchanges.insert(id, Exchange { counted_in: link.epoch, state });
            return Ok(Arrival::New(token));
        };
        let is_first_here = exchange.counted_in != link.epoch;
        if is_first_here {
            link.count_received()?;
            exchange.counted_in = link.epoch;
        }
        match exchange.state {
            ExchangeState::Delivered { token } => {
                if let Some(delivery) = self.exactly_once.get_mut(&token)
                    && !delivery.awaited
                {
                    delivery.awaited = true;
                    self.awaited.push_back(token);
                }
            }
            ExchangeState::Answered { reason } if is_first_here && !self.awaited.is_empty() => {
                // Behind the earlier ones that the program still holds.
                let token = self.deliver(id);
                self.exchanges.insert(
                    id,
                    Exchange { counted_in: link.epoch, state: ExchangeState::Delivered { token } },
                );
                self.acknowledge(token, reason, Some(link), outbox);
            }
            ExchangeState::Answered { reason } => self.answer_exactly_once(id, reason, link, outbox),
        }
        Ok(Arrival::Duplicate)
    }

    fn token(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        token
    }

    fn deliver(&mut self, id: PacketId) -> u64 {
        let token = self.token();
        self.exactly_once.insert(token, ExactlyOnce { id, acknowledged: None, awaited: true });
        self.awaited.push_back(token);
        token
    }

    /// The program has taken a message over, or refuses it with an error. A second word on the same message is ignored.
    pub(super) fn acknowledge(
        &mut self,
        token: u64,
        reason: ReasonCode,
        link: Option<&mut Link>,
        outbox: &mut Outbox,
    ) {
        let reason = sendable(reason);
        if let Ok(place) = self.at_least_once.binary_search_by_key(&token, |delivery| delivery.token) {
            if let Some(delivery) = self.at_least_once.get_mut(place) {
                delivery.acknowledged.get_or_insert(reason);
            }
            if let Some(link) = link {
                self.answer_at_least_once(link, outbox);
            }
        } else if let Some(delivery) = self.exactly_once.get_mut(&token) {
            delivery.acknowledged.get_or_insert(reason);
            match link {
                Some(link) if delivery.awaited => self.answer_awaited(link, outbox),
                _ => self.settle_unawaited(token),
            }
        }
    }

    /// Notes the program's word for a message whose connection is gone: QoS 2 is answered when the peer repeats it.
    fn settle_unawaited(&mut self, token: u64) {
        let Some(delivery) = self.exactly_once.get(&token).filter(|delivery| !delivery.awaited) else {
            return;
        };
        if let (Some(reason), Some(exchange)) = (delivery.acknowledged, self.exchanges.get_mut(&delivery.id))
        {
            exchange.state = ExchangeState::Answered { reason };
        }
        self.exactly_once.remove(&token);
    }

    /// Takes a message for not received, whose connection is gone: the peer's repetition is a new one.
    pub(super) fn forget(&mut self, token: u64) {
        if let Some(delivery) = self.exactly_once.remove(&token) {
            self.exchanges.remove(&delivery.id);
        }
    }

    /// Sends the PUBACKs that no unacknowledged earlier message holds back.
    fn answer_at_least_once(&mut self, link: &mut Link, outbox: &mut Outbox) {
        while let Some(&AtLeastOnce { id, acknowledged: Some(reason), .. }) = self.at_least_once.front() {
            self.at_least_once.pop_front();
            self.at_least_once_ids.remove(id);
            link.received = link.received.saturating_sub(1);
            // [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-4] (5.0)
            link.answer(PacketType::PubAck, id, reason, outbox);
        }
    }

    /// Sends the PUBRECs that no unacknowledged earlier message holds back.
    fn answer_awaited(&mut self, link: &mut Link, outbox: &mut Outbox) {
        while let Some(token) = self.awaited.front() {
            if let Some(delivery) = self.exactly_once.get(token) {
                let Some(reason) = delivery.acknowledged else { return };
                let id = delivery.id;
                self.exactly_once.remove(token);
                self.answer_exactly_once(id, reason, link, outbox);
            }
            self.awaited.pop_front();
        }
    }

    /// Sends PUBREC. A refusal ends the exchange: the identifier stands for a new message then [MQTT-4.3.3-9] (5.0).
    fn answer_exactly_once(
        &mut self,
        id: PacketId,
        reason: ReasonCode,
        link: &mut Link,
        outbox: &mut Outbox,
    ) {
        // 3.1.1 has no refusal: there the exchange goes on.
        if reason.is_error() && link.version() == ProtocolVersion::V5 {
            self.finish_exchange(id, link);
        } else if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.state = ExchangeState::Answered { reason };
        }
        // [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-8] (5.0)
        link.answer(PacketType::PubRec, id, reason, outbox);
    }

    fn finish_exchange(&mut self, id: PacketId, link: &mut Link) {
        if let Some(exchange) = self.exchanges.remove(&id)
            && exchange.counted_in == link.epoch
        {
            link.received = link.received.saturating_sub(1);
        }
    }

    /// PUBREL arrived: answered with PUBCOMP also if nothing is known of it, so that the peer can finish.
    /// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-11] [MQTT-4.3.3-12] (5.0)
    pub(super) fn released(
        &mut self,
        ack: &Ack<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Known, Violation> {
        let known = match self.exchanges.get(&ack.packet_id).map(|exchange| exchange.state) {
            Some(ExchangeState::Delivered { .. }) => return Err(Violation::WrongAcknowledgement),
            Some(ExchangeState::Answered { .. }) => Known::Yes,
            None => Known::No,
        };
        self.finish_exchange(ack.packet_id, link);
        let reason =
            if known == Known::Yes { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        link.answer(PacketType::PubComp, ack.packet_id, reason, outbox);
        Ok(known)
    }

    /// The connection is gone, and with it the peer's wait for answers. Unanswered QoS 1 messages come again as new ones;
    /// the set of QoS 2 identifiers stays.
    pub(super) fn suspend(&mut self) {
        self.at_least_once = VecDeque::new();
        self.at_least_once_ids.clear();
        for token in mem::take(&mut self.awaited) {
            if let Some(delivery) = self.exactly_once.get_mut(&token) {
                delivery.awaited = false;
                if delivery.acknowledged.is_some() {
                    self.settle_unawaited(token);
                }
            }
        }
    }

    /// The peer has lost the session: its identifiers stand for new messages.
    pub(super) fn lose(&mut self) {
        let next_token = self.next_token;
        *self = Self { next_token, ..Self::default() };
    }
}

/// A reason that PUBACK and PUBREC can carry [MQTT-3.4.2-1] [MQTT-3.5.2-1] (5.0): the program may have named any.
const fn sendable(reason: ReasonCode) -> ReasonCode {
    if reason.is_allowed_in(PacketType::PubAck) {
        reason
    } else if reason.is_error() {
        ReasonCode::UnspecifiedError
    } else {
        ReasonCode::Success
    }
}
