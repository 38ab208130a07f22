//! What is sent again: on a resumed session, and on a byte pipe that loses something (section 4.4).

use alloc::collections::VecDeque;

use super::{Fate, InFlight, Link, Outgoing, PacketIds, Phase, PublishOutcome, Replay, left};
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
            let found = self.sent_between(replay.next_publish, replay.end).find_map(|(order, inflight)| {
                match &inflight.phase {
                    Phase::Published { message, .. } => Some((*order, inflight.token, message)),
                    Phase::Released { .. } => None,
                }
            });
            let Some((order, token, message)) = found else {
                link.replay = None;
                return;
            };
            link.replay = Some(Replay { next_publish: order, ..replay });
            if !link.has_room(outbox) {
                return;
            }
            if let Some(reason) = link.refusal(message) {
                self.abandon(order, ids, link);
                fates.push_back(Fate { token, outcome: PublishOutcome::Refused { reason } });
                continue;
            }
            if link.send_quota == 0 {
                return;
            }
            link.send_quota -= 1;
            link.replay = Some(Replay { next_publish: order + 1, ..replay });
            self.send_again(order, link, outbox, now);
        }
    }

    /// Sends the PUBRELs of former connections again, which don't wait for the quota; whether all of them are out.
    fn replay_releases(&mut self, link: &mut Link, outbox: &mut Outbox, now: Timestamp) -> bool {
        while let Some(replay) = link.replay
            && replay.next_release < replay.end
        {
            let found = self
                .sent_between(replay.next_release, replay.end)
                .find(|(_, inflight)| matches!(inflight.phase, Phase::Released { .. }));
            let Some((&order, _)) = found else {
                link.replay = Some(Replay { next_release: replay.end, ..replay });
                break;
            };
            if !link.has_room(outbox) {
                link.replay = Some(Replay { next_release: order, ..replay });
                return false;
            }
            link.replay = Some(Replay { next_release: order + 1, ..replay });
            self.send_again(order, link, outbox, now);
        }
        true
    }

    /// [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT-4.4.0-1] (both versions), [MQTT-2.3.1-3] (3.1.1)
    fn send_again(&mut self, order: u64, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        let Some(inflight) = self.inflight.get_mut(&order) else { return };
        inflight.sent_at = now;
        match &inflight.phase {
            Phase::Published { message, expires } => {
                inflight.counted_in = link.epoch;
                link.publish(message, Some(inflight.id), true, left(*expires, now), outbox);
            }
            Phase::Released { .. } => {
                link.answer(PacketType::PubRel, inflight.id, ReasonCode::Success, outbox)
            }
        }
        if link.retransmit_at.is_none() {
            link.retransmit_at = link.settings.retransmit_after.map(|after| now + after);
        }
    }

    /// Sends again what was sent on this connection and stayed unanswered for too long; 3.1.1 on lossy byte pipes only.
    pub(in crate::session) fn retransmit(&mut self, link: &mut Link, outbox: &mut Outbox, now: Timestamp) {
        let Some(after) = link.settings.retransmit_after else { return };
        if link.retransmit_at.is_none_or(|at| now < at) {
            return;
        }
        let replay = link.replay;
        let due: VecDeque<u64> = self
            .sent_in(replay)
            .filter(|(_, inflight)| inflight.sent_at + after <= now)
            .map(|(order, _)| *order)
            .collect();
        for order in due {
            if !link.has_room(outbox) {
                break;
            }
            self.send_again(order, link, outbox, now);
        }
        let oldest = self.sent_in(replay).map(|(_, inflight)| inflight.sent_at).min();
        // At least one full interval from now for what found no room in the outbox.
        link.retransmit_at =
            oldest.map(|sent_at| if sent_at + after <= now { now + after } else { sent_at + after });
    }

    fn sent_between(&self, first: u64, end: u64) -> impl Iterator<Item = (&u64, &InFlight)> {
        self.inflight.from(&first).take_while(move |(order, _)| **order < end)
    }

    /// What was sent on this connection: all but what its replay has not reached yet.
    fn sent_in(&self, replay: Option<Replay>) -> impl Iterator<Item = (&u64, &InFlight)> {
        self.inflight.iter().filter(move |(order, inflight)| {
            replay.is_none_or(|replay| {
                let next = match inflight.phase {
                    Phase::Published { .. } => replay.next_publish,
                    Phase::Released { .. } => replay.next_release,
                };
                !(next..replay.end).contains(order)
            })
        })
    }
}
