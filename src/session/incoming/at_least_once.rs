//! Received messages of QoS 1 (section 4.3.2).

use alloc::collections::VecDeque;

use crate::{
    Outbox,
    packet::{PacketId, PacketType, ReasonCode},
    session::{Link, packet_ids::PacketIdSet},
};

/// Messages that are not answered yet. They are of the present connection: after that the peer waits for no answer.
#[derive(Debug, Default)]
pub(super) struct AtLeastOnce {
    /// In order of receipt, in which the PUBACKs go out [MQTT-4.6.0-2] (both versions).
    deliveries: VecDeque<Delivery>,
    /// Their identifiers, from the first repetition until none is left.
    ids: Option<PacketIdSet>,
}

#[derive(Debug)]
struct Delivery {
    token: u64,
    id: PacketId,
    /// The program's word, while earlier messages hold the packet back.
    acknowledged: Option<ReasonCode>,
}

impl AtLeastOnce {
    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    pub(super) fn holds(&mut self, id: PacketId) -> bool {
        let deliveries = &self.deliveries;
        if deliveries.is_empty() {
            return false;
        }
        let ids = self.ids.get_or_insert_with(|| deliveries.iter().map(|delivery| delivery.id).collect());
        ids.contains(id)
    }

    pub(super) fn deliver(&mut self, token: u64, id: PacketId) {
        self.deliveries.push_back(Delivery { token, id, acknowledged: None });
        if let Some(ids) = &mut self.ids {
            ids.insert(id);
        }
    }

    /// Notes the program's word; whether the message is one of these.
    pub(super) fn acknowledge(&mut self, token: u64, reason: ReasonCode) -> bool {
        let place = self.deliveries.binary_search_by_key(&token, |delivery| delivery.token);
        let delivery = place.ok().and_then(|place| self.deliveries.get_mut(place));
        delivery.map(|delivery| delivery.acknowledged.get_or_insert(reason)).is_some()
    }

    /// Sends the PUBACKs that no unacknowledged earlier message holds back.
    pub(super) fn answer(&mut self, link: &mut Link, outbox: &mut Outbox) {
        while let Some(&Delivery { id, acknowledged: Some(reason), .. }) = self.deliveries.front() {
            self.deliveries.pop_front();
            if let Some(ids) = &mut self.ids {
                ids.remove(id);
                if self.deliveries.is_empty() {
                    self.ids = None;
                }
            }
            link.received = link.received.saturating_sub(1);
            // [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-4] (5.0)
            link.answer(PacketType::PubAck, id, reason, outbox);
        }
    }
}
