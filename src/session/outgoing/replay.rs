//! What is sent again: on a resumed session, and on a byte pipe that loses something (section 4.4).

use alloc::{collections::VecDeque, vec::Vec};

use super::{Fate, Link, Outgoing, PacketIds, PublishOutcome, Replay, Sent, Stage, left};
use crate::{
    Outbox, Timestamp,
    packet::{PacketType, ReasonCode},
};

impl Outgoing {
    /// Sends unfinished exchanges again on a resumed session: in their order, with their identifiers, within the quota
    /// of this connection [MQTT-4.4.0-1] (both versions).
    pub(super) fn replay(
        &mut self,
        ids: &mut PacketIds,
        link: &mut Link,
        outbox: &mut Outbox,
        now: Timestamp,
        fates: &mut VecDeque<Fate>,
    ) {
        if !self.replay_releases(link, outbox, now) {
            return;
        }
        while let Some(replay) = link.replay {
            let next = self.messages.first_from(&replay.next_publish);
            let Some((&order, outbound)) = next.filter(|(order, _)| **order < self.first_waiting) else {
                link.replay = None;
                return;
            };
            link.replay = Some(Replay { next_publish: order, ..replay });
            if !link.has_room(outbox) {
                return;
            }
            if let Some(reason) = link.refusal(&outbound.message) {
                let token = outbound.token;
                self.abandon(order, ids, link);
                fates.push_back(Fate { token, outcome: PublishOutcome::Refused { reason } });
                continue;
            }
            if link.send_quota == 0 {
                return;
            }
            link.send_quota -= 1;
            link.replay = Some(Replay { next_publish: order + 1, ..replay });
            self.publish_again(order, link, outbox, now);
        }
    }

    /// Sends the PUBRELs of former connections again, which don't wait for the quota; whether all of them are out.
    fn replay_releases(&mut self, link: &mut Link, outbox: &mut Outbox, now: Timestamp) -> bool {
        while let Some(replay) = link.replay
            && replay.next_release < replay.end
        {
            let next =
                self.exactly_once.as_ref().and_then(|held| held.released.first_from(&replay.next_release));
            let Some((&order, _)) = next.filter(|(order, _)| **order < replay.end) else {
                link.replay = Some(Replay { next_release: replay.end, ..replay });
                break;
            };
            if !link.has_room(outbox) {
                link.replay = Some(Replay { next_release: order, ..replay });
                return false;
            }
            link.replay = Some(Replay { next_release: order + 1, ..replay });
            self.release_again(order, link, outbox, now);
        }
        true
    }

    /// [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-3] (3.1.1)
    fn publish_again(&mut self, order: u64, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        let Some(outbound) = self.messages.get_mut(&order) else { return };
        let Stage::Published(sent) = &mut outbound.stage else { return };
        (sent.counted_in, sent.at) = (link.epoch, now);
        link.publish(&outbound.message, Some(sent.id), true, left(outbound.expires, now), outbox);
        link.await_answer(now);
    }

    /// [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-3] (3.1.1)
    fn release_again(&mut self, order: u64, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        let Some(released) = self.exactly_once().released.get_mut(&order) else { return };
        released.sent.at = now;
        link.answer(PacketType::PubRel, released.sent.id, ReasonCode::Success, outbox);
        link.await_answer(now);
    }

    /// Sends again what was sent on this connection and stayed unanswered for too long; 3.1.1 on lossy byte pipes only.
    pub(in crate::session) fn retransmit(&mut self, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        let Some(after) = link.settings.retransmit_after else { return };
        if link.retransmit_at.is_none_or(|at| now < at) {
            return;
        }
        let replay = link.replay;
        let due = |(order, sent): (u64, Sent)| (sent.at + after <= now).then_some(order);
        let publishes: Vec<u64> = self.published_in(replay).filter_map(due).collect();
        let releases: Vec<u64> = self.released_in(replay).filter_map(due).collect();
        for order in releases {
            if !link.has_room(outbox) {
                break;
            }
            self.release_again(order, link, outbox, now);
        }
        for order in publishes {
            if !link.has_room(outbox) {
                break;
            }
            self.publish_again(order, link, outbox, now);
        }
        let all = self.published_in(replay).chain(self.released_in(replay));
        let oldest = all.map(|(_, sent)| sent.at).min();
        // At least one full interval from now for what found no room in the outbox.
        link.retransmit_at =
            oldest.map(|sent_at| if sent_at + after <= now { now + after } else { sent_at + after });
    }

    /// The PUBLISHes that were sent on this connection: all but what its replay has not reached yet.
    fn published_in(&self, replay: Option<Replay>) -> impl Iterator<Item = (u64, Sent)> {
        let end = replay.map_or(u64::MAX, |replay| replay.next_publish);
        self.messages.iter().map_while(move |(order, outbound)| match outbound.stage {
            Stage::Published(sent) if *order < end => Some((*order, sent)),
            Stage::Published(_) | Stage::Waiting { .. } => None,
        })
    }

    /// The PUBRELs that were.
    fn released_in(&self, replay: Option<Replay>) -> impl Iterator<Item = (u64, Sent)> {
        let due = replay.map_or(0..0, |replay| replay.next_release..replay.end);
        let all = self.exactly_once.iter().flat_map(|held| held.released.iter());
        all.map(|(order, released)| (*order, released.sent)).filter(move |(order, _)| !due.contains(order))
    }
}
