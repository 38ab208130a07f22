//! The receiver of messages: what is to be acknowledged, and which QoS 2 messages were received already (section 4.3).

use alloc::collections::VecDeque;

use super::{Arrival, Known, Link, Violation};
use crate::{
    Outbox, QoS,
    packet::{Ack, Packet, PacketId, PacketType, ProtocolVersion, Publish, ReasonCode},
    sorted::SortedMap,
};

/// A received QoS 1 or 2 message that nobody has acknowledged yet.
#[derive(Debug)]
struct Delivery {
    id: PacketId,
    qos: QoS,
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
    deliveries: SortedMap<u64, Delivery>,
    exchanges: SortedMap<PacketId, Exchange>,
    /// The awaited deliveries in order of receipt: PUBACKs and PUBRECs go out in this order [MQTT-4.6.0-2] [MQTT-4.6.0-3] (both versions).
    at_least_once: VecDeque<u64>,
    exactly_once: VecDeque<u64>,
    /// The identifiers of the awaited QoS 1 messages.
    at_least_once_ids: SortedMap<PacketId, ()>,
}

impl Incoming {
    /// How many messages the program has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.deliveries.len()
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
        if publish.duplicate && self.at_least_once_ids.contains(&id) {
            // Repeated on a live connection while the program holds it: one answer is enough.
            return Ok(Arrival::Duplicate);
        }
        link.count_received()?;
        Ok(Arrival::New(self.deliver(id, QoS::AtLeastOnce)))
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
            let token = self.deliver(id, QoS::ExactlyOnce);
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
                if let Some(delivery) = self.deliveries.get_mut(&token)
                    && !delivery.awaited
                {
                    delivery.awaited = true;
                    self.exactly_once.push_back(token);
                }
            }
            ExchangeState::Answered { reason } if is_first_here && !self.exactly_once.is_empty() => {
                // Behind the earlier ones that the program still holds.
                let token = self.deliver(id, QoS::ExactlyOnce);
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

    fn deliver(&mut self, id: PacketId, qos: QoS) -> u64 {
        let token = self.token();
        self.deliveries.insert(token, Delivery { id, qos, acknowledged: None, awaited: true });
        if qos == QoS::ExactlyOnce {
            self.exactly_once.push_back(token);
        } else {
            self.at_least_once.push_back(token);
            self.at_least_once_ids.insert(id, ());
        }
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
        let Some(delivery) = self.deliveries.get_mut(&token) else { return };
        delivery.acknowledged.get_or_insert_with(|| sendable(reason));
        let qos = delivery.qos;
        match link {
            Some(link) if delivery.awaited => self.answer_in_order(qos, link, outbox),
            _ => self.settle_unawaited(token),
        }
    }

    /// Notes the program's word for a message whose connection is gone: QoS 2 is answered when the peer repeats it.
    fn settle_unawaited(&mut self, token: u64) {
        let Some(delivery) = self.deliveries.get(&token) else { return };
        if delivery.awaited {
            return;
        }
        if let (Some(reason), QoS::ExactlyOnce) = (delivery.acknowledged, delivery.qos)
            && let Some(exchange) = self.exchanges.get_mut(&delivery.id)
        {
            exchange.state = ExchangeState::Answered { reason };
        }
        self.deliveries.remove(&token);
    }

    /// Takes a message for not received, whose connection is gone: the peer's repetition is a new one.
    pub(super) fn forget(&mut self, token: u64) {
        if let Some(delivery) = self.deliveries.remove(&token)
            && delivery.qos == QoS::ExactlyOnce
        {
            self.exchanges.remove(&delivery.id);
        }
    }

    /// Sends the answers that no unacknowledged earlier message holds back.
    fn answer_in_order(&mut self, qos: QoS, link: &mut Link, outbox: &mut Outbox) {
        loop {
            let order =
                if qos == QoS::ExactlyOnce { &mut self.exactly_once } else { &mut self.at_least_once };
            let Some(token) = order.front().copied() else { return };
            let Some(delivery) = self.deliveries.get(&token) else {
                order.pop_front();
                continue;
            };
            let Some(reason) = delivery.acknowledged else { return };
            let id = delivery.id;
            order.pop_front();
            self.deliveries.remove(&token);
            if qos == QoS::ExactlyOnce {
                self.answer_exactly_once(id, reason, link, outbox);
            } else {
                self.at_least_once_ids.remove(&id);
                link.received = link.received.saturating_sub(1);
                // [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-4] (5.0)
                link.answer(Packet::PubAck, id, reason, outbox);
            }
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
        link.answer(Packet::PubRec, id, reason, outbox);
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
        link.answer(Packet::PubComp, ack.packet_id, reason, outbox);
        Ok(known)
    }

    /// The connection is gone, and with it the peer's wait for answers. Unanswered QoS 1 messages come again as new ones;
    /// the set of QoS 2 identifiers stays.
    pub(super) fn suspend(&mut self) {
        for token in self.at_least_once.drain(..) {
            self.deliveries.remove(&token);
        }
        self.at_least_once_ids.clear();
        let suspended = core::mem::take(&mut self.exactly_once);
        for token in suspended {
            if let Some(delivery) = self.deliveries.get_mut(&token) {
                delivery.awaited = false;
                if delivery.acknowledged.is_some() {
                    self.settle_unawaited(token);
                }
            }
        }
    }

    /// The peer has lost the session: its identifiers stand for new messages.
    pub(super) fn lose(&mut self) {
        self.deliveries.clear();
        self.exchanges.clear();
        self.at_least_once.clear();
        self.at_least_once_ids.clear();
        self.exactly_once.clear();
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
