//! What holds of the messages on their way, whatever is called in whatever order.

use alloc::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, Bytes};

use super::*;
use crate::{
    packet::ProtocolVersion,
    session::{LinkSettings, Session},
};

const LIMITS: QueueLimits = QueueLimits { count: 24, bytes: 4096 };

/// A sender on one connection after the other.
struct Sender {
    outgoing: Outgoing,
    ids: PacketIds,
    link: Link,
    outbox: Outbox,
    fates: VecDeque<Fate>,
    now: Timestamp,
    epoch: u64,
    seed: u64,
    next_token: u64,
    /// Tokens of QoS 1 and 2 that have no fate yet.
    open: BTreeSet<u64>,
}

impl Sender {
    fn new() -> Self {
        Self {
            outgoing: Outgoing::new(LIMITS),
            ids: PacketIds::default(),
            link: link(8, 1000, None),
            outbox: Outbox::new(),
            fates: VecDeque::new(),
            now: Timestamp::from_secs(1),
            epoch: 0,
            seed: 88_172_645_463_325_252,
            next_token: 0,
            open: BTreeSet::new(),
        }
    }

    fn random(&mut self, below: u16) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::from(u16::try_from((self.seed >> 20) % u64::from(below)).unwrap())
    }

    fn step(&mut self) {
        match self.random(20) {
            0..=5 => self.hand_over(),
            6..=8 => self.transmit(),
            9..=12 => self.acknowledge(),
            13 => self.now = self.now + Duration::from_millis(self.seed % 1500),
            14 => self.outgoing.expire(self.now, &mut self.fates),
            15 => self.outbox.advance(self.outbox.remaining()),
            16 => self.reconnect(),
            17 => self.take_out(),
            18 => self.outgoing.retransmit(&mut self.link, &mut self.outbox, self.now),
            _ => {
                if let Some((token, _)) = self.outgoing.make_room() {
                    assert!(!self.open.contains(&token), "only QoS 0 makes room");
                }
            }
        }
        while let Some(fate) = self.fates.pop_front() {
            assert!(self.open.remove(&fate.token), "a second fate of {}", fate.token);
        }
    }

    fn hand_over(&mut self) {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.random(3)];
        let payload = Bytes::from(alloc::vec![7; self.random(60)]);
        let mut message = Message::new("t", payload).unwrap().with_qos(qos);
        let expires = self.random(3) == 0;
        message.properties.message_expiry = expires.then(|| Duration::from_secs(1 + self.seed % 4));
        let token = self.next_token;
        self.next_token += 1;
        let taken = if self.random(2) == 0 {
            self.outgoing.enqueue(token, message, self.now)
        } else if self.link.refusal(&message).is_some() {
            return;
        } else {
            let (link, outbox) = (&mut self.link, &mut self.outbox);
            self.outgoing.publish(token, message, &mut self.ids, link, outbox, self.now)
        };
        if taken.is_ok() && qos > QoS::AtMostOnce {
            self.open.insert(token);
        }
    }

    fn transmit(&mut self) {
        let (link, outbox) = (&mut self.link, &mut self.outbox);
        self.outgoing.transmit(&mut self.ids, link, outbox, self.now, &mut self.fates);
    }

    /// An acknowledgement of something in flight, in the right place or not, or of nothing.
    fn acknowledge(&mut self) {
        let kind = [PacketType::PubAck, PacketType::PubRec, PacketType::PubComp][self.random(3)];
        let all: Vec<PacketId> = self.outgoing.by_id.keys().copied().collect();
        let place = self.random(4);
        let id = all.get(place.min(all.len().saturating_sub(1))).copied().unwrap_or(PacketId::MAX);
        let reason = if self.random(8) == 0 { ReasonCode::UnspecifiedError } else { ReasonCode::Success };
        let (link, outbox) = (&mut self.link, &mut self.outbox);
        let ack = Ack::new(id, reason);
        let answer = self.outgoing.acknowledged(kind, &ack, &mut self.ids, link, outbox, self.now);
        if let Ok((known, fate)) = answer {
            assert_eq!(known == Known::Yes, all.contains(&id));
            self.fates.extend(fate);
        }
    }

    fn reconnect(&mut self) {
        self.outbox.clear();
        let most = u16::try_from(1 + self.random(10)).unwrap();
        let largest = if self.random(3) == 0 { 40 } else { 1000 };
        let after = (self.random(2) == 0).then(|| Duration::from_secs(1));
        self.link = link(most, largest, after);
        match self.random(4) {
            0 => self.outgoing.lose(LostSession::Republish, &mut self.ids, &mut self.fates),
            1 => self.outgoing.lose(LostSession::Report, &mut self.ids, &mut self.fates),
            _ => {}
        }
        self.epoch += 1;
        self.link.epoch = self.epoch;
        self.link.replay = self.outgoing.due_again();
    }

    fn take_out(&mut self) {
        let before: BTreeMap<u64, u64> =
            self.outgoing.queued().map(|(order, token, _)| (order, token)).collect();
        let orders: Vec<u64> = self.outgoing.messages.keys().copied().collect();
        match self.random(3) {
            0 if !orders.is_empty() => {
                let order = orders[self.random(24) % orders.len()];
                let count = self.outgoing.count();
                let message = self.outgoing.withdraw(order, self.now);
                assert!(message.is_none() || before.contains_key(&order));
                assert_eq!(self.outgoing.count(), count - usize::from(before.contains_key(&order)));
            }
            1 => {
                let parity = self.random(2);
                self.outgoing.retain_queued(|message| message.payload.len() % 2 == parity);
            }
            _ => drop(self.outgoing.take_refused(&mut self.ids, &mut self.link)),
        }
        // The owner has them now, and knows.
        let messages = self.outgoing.messages.iter().map(|(_, outbound)| outbound.token);
        let held = self.outgoing.exactly_once.iter().flat_map(|held| held.released.iter());
        let left: BTreeSet<u64> = messages.chain(held.map(|(_, released)| released.token)).collect();
        self.open.retain(|token| left.contains(token));
    }

    fn check(&self) {
        let outgoing = &self.outgoing;
        let waits = |outbound: &Outbound| matches!(outbound.stage, Stage::Waiting { .. });
        for (order, outbound) in outgoing.messages.iter() {
            assert_eq!(waits(outbound), *order >= outgoing.first_waiting);
            assert!(waits(outbound) || outbound.message.qos > QoS::AtMostOnce);
        }
        let messages = || outgoing.messages.iter().map(|(_, outbound)| outbound);
        assert_eq!(outgoing.waiting, messages().filter(|outbound| waits(outbound)).count());
        assert_eq!(outgoing.bytes, messages().map(|outbound| outbound.message.cost()).sum::<usize>());
        assert!(outgoing.count() <= LIMITS.count && outgoing.bytes <= LIMITS.bytes);
        let droppable = |(order, outbound): &(&u64, &Outbound)| {
            outbound.message.qos == QoS::AtMostOnce && **order < outgoing.first_droppable
        };
        assert_eq!(outgoing.messages.iter().filter(droppable).count(), 0);

        let expiring = outgoing.messages.iter().filter(|(_, outbound)| waits(outbound));
        let first = expiring.filter_map(|(order, outbound)| Some((outbound.expires?, *order))).min();
        assert_eq!(outgoing.expiries.first(), first);

        let published = outgoing.messages.iter().filter_map(|(order, outbound)| match outbound.stage {
            Stage::Published(sent) => Some((*order, sent)),
            Stage::Waiting { .. } => None,
        });
        let held = outgoing.exactly_once.iter().flat_map(|held| held.released.iter());
        let exchanges: Vec<(u64, Sent)> =
            published.chain(held.map(|(order, released)| (*order, released.sent))).collect();
        assert_eq!(exchanges.len(), outgoing.by_id.len());
        assert!(exchanges.iter().all(|(order, sent)| outgoing.by_id.get(&sent.id) == Some(order)));
        let counted = exchanges.iter().filter(|(_, sent)| sent.counted_in == self.epoch && self.epoch > 0);
        assert_eq!(
            usize::from(self.link.send_quota) + counted.count(),
            usize::from(self.link.settings.send_maximum)
        );

        // Each message of QoS 1 and 2 stands here or has a fate.
        let here = messages()
            .filter(|outbound| outbound.message.qos > QoS::AtMostOnce)
            .map(|outbound| outbound.token);
        let held = outgoing.exactly_once.iter().flat_map(|held| held.released.iter());
        let here: BTreeSet<u64> = here.chain(held.map(|(_, released)| released.token)).collect();
        assert_eq!(here, self.open);
    }
}

fn link(send_maximum: u16, peer_packet_size: usize, retransmit_after: Option<Duration>) -> Link {
    Link::new(LinkSettings {
        version: ProtocolVersion::V5,
        send_maximum,
        peer_packet_size,
        outbound_aliases: 0,
        peer_maximum_qos: QoS::ExactlyOnce,
        peer_retains: true,
        receive_maximum: 10,
        inbound_aliases: 0,
        outbox_bytes: 300,
        retransmit_after,
    })
}

/// Each message stands in one place and has one fate, and what is counted is what is there.
#[test]
fn all_orders_of_calls_keep_the_books() {
    let mut sender = Sender::new();
    sender.reconnect();
    for _ in 0..60_000 {
        sender.step();
        sender.check();
    }
    assert!(sender.next_token > 10_000 && sender.epoch > 1000);
    sender.outgoing.lose(LostSession::Report, &mut sender.ids, &mut sender.fates);
    let taken: BTreeSet<PacketId> = core::iter::from_fn(|| sender.ids.take()).collect();
    assert_eq!(taken.len(), usize::from(u16::MAX), "no identifier is lost");
}

/// What arrived may have been sent in any of the sessions that the peer lost; order and expiry are those of the first call.
#[test]
fn a_session_that_is_lost_twice_keeps_the_order() {
    let mut session = Session::new(LIMITS);
    let (mut outbox, mut fates, now) = (Outbox::new(), VecDeque::new(), Timestamp::from_secs(1));
    for token in 0..6 {
        let mut message = Message::new("t", Bytes::new()).unwrap().with_qos(QoS::AtLeastOnce);
        message.properties.message_expiry = Some(Duration::from_secs(10 + token));
        session.enqueue(token, message, now).unwrap();
    }
    for sent in [4, 2] {
        let mut link = link(sent, 1000, None);
        session.begin(&mut link);
        session.transmit(&mut link, &mut outbox, now, &mut fates);
        assert_eq!(session.queued().count(), 6 - usize::from(sent));
        session.lose(LostSession::Republish, &mut fates);
        assert!(session.queued().map(|(_, token, _)| token).eq(0..6));
        assert_eq!(session.next_expiry(), Some(now + Duration::from_secs(10)));
    }
    assert_eq!(fates.len(), 0);
    session.expire(now + Duration::from_secs(20), &mut fates);
    let unknown = fates.iter().map(|fate| fate.outcome == PublishOutcome::Unknown);
    assert!(unknown.eq([true, true, true, true, false, false]), "four may have arrived");
}
