//! Received messages of QoS 2 (section 4.3.3).

use alloc::collections::VecDeque;
use core::mem;

use super::Tokens;
use crate::{
    Outbox,
    packet::{Ack, PacketId, PacketType, ProtocolVersion, ReasonCode},
    session::{Arrival, Known, Link, Violation},
    sorted::SortedMap,
};

/// A received QoS 2 message that nobody has acknowledged yet.
#[derive(Debug)]
struct Delivery {
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

/// Messages from PUBLISH to PUBREL.
#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    /// By token.
    deliveries: SortedMap<u64, Delivery>,
    /// The awaited ones in order of receipt, in which the PUBRECs go out [MQTT-4.6.0-3] (both versions).
    awaited: VecDeque<u64>,
    exchanges: SortedMap<PacketId, Exchange>,
}

impl ExactlyOnce {
    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0)
    pub(super) fn received(
        &mut self,
        id: PacketId,
        tokens: &mut Tokens,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Arrival, Violation> {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            link.count_received()?;
            let token = self.deliver(id, tokens);
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
                    self.awaited.push_back(token);
                }
            }
            ExchangeState::Answered { reason } if is_first_here && !self.awaited.is_empty() => {
                // Behind the earlier ones that the program still holds.
                let token = self.deliver(id, tokens);
                self.exchanges.insert(
                    id,
                    Exchange { counted_in: link.epoch, state: ExchangeState::Delivered { token } },
                );
                self.acknowledge(token, reason, Some(link), outbox);
            }
            ExchangeState::Answered { reason } => self.answer(id, reason, link, outbox),
        }
        Ok(Arrival::Duplicate)
    }

    fn deliver(&mut self, id: PacketId, tokens: &mut Tokens) -> u64 {
        let token = tokens.take();
        self.deliveries.insert(token, Delivery { id, acknowledged: None, awaited: true });
        self.awaited.push_back(token);
        token
    }

    /// Notes the program's word, if the message is one of these, and answers what is awaited.
    pub(super) fn acknowledge(
        &mut self,
        token: u64,
        reason: ReasonCode,
        link: Option<&mut Link>,
        outbox: &mut Outbox,
    ) {
        let Some(delivery) = self.deliveries.get_mut(&token) else { return };
        delivery.acknowledged.get_or_insert(reason);
        match link {
            Some(link) if delivery.awaited => self.answer_awaited(link, outbox),
            _ => self.settle_unawaited(token),
        }
    }

    /// Notes the program's word for a message whose connection is gone: QoS 2 is answered when the peer repeats it.
    fn settle_unawaited(&mut self, token: u64) {
        let Some(delivery) = self.deliveries.get(&token).filter(|delivery| !delivery.awaited) else {
            return;
        };
        if let (Some(reason), Some(exchange)) = (delivery.acknowledged, self.exchanges.get_mut(&delivery.id))
        {
            exchange.state = ExchangeState::Answered { reason };
        }
        self.deliveries.remove(&token);
    }

    /// Takes a message for not received, whose connection is gone: the peer's repetition is a new one.
    pub(super) fn forget(&mut self, token: u64) {
        if let Some(delivery) = self.deliveries.remove(&token) {
            self.exchanges.remove(&delivery.id);
        }
    }

    /// Sends the PUBRECs that no unacknowledged earlier message holds back.
    fn answer_awaited(&mut self, link: &mut Link, outbox: &mut Outbox) {
        while let Some(token) = self.awaited.front() {
            if let Some(delivery) = self.deliveries.get(token) {
                let Some(reason) = delivery.acknowledged else { return };
                let id = delivery.id;
                self.deliveries.remove(token);
                self.answer(id, reason, link, outbox);
            }
            self.awaited.pop_front();
        }
    }

    /// Sends PUBREC. A refusal ends the exchange: the identifier stands for a new message then [MQTT-4.3.3-9] (5.0).
    fn answer(&mut self, id: PacketId, reason: ReasonCode, link: &mut Link, outbox: &mut Outbox) {
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

    /// The connection is gone, and with it the peer's wait for answers. The set of identifiers stays.
    pub(super) fn suspend(&mut self) {
        for token in mem::take(&mut self.awaited) {
            if let Some(delivery) = self.deliveries.get_mut(&token) {
                delivery.awaited = false;
                if delivery.acknowledged.is_some() {
                    self.settle_unawaited(token);
                }
            }
        }
    }
}
