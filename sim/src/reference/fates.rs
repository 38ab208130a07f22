//! What becomes of messages: the one fate of each publish, and expiry.

use std::time::Duration;

use mqtt_engine::{PublishOutcome, QoS, Timestamp, packet::ReasonCode};

use super::Model;
use crate::{
    coverage::Row,
    names::TOPICS,
    violation::{Checked, ensure},
};

/// A message that the broker has decided to send at this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forwarded {
    pub(crate) number: u64,
    pub(crate) is_first: bool,
    /// What it says is left, in seconds.
    pub(crate) expiry: Option<u32>,
    pub(crate) is_v5: bool,
    pub(crate) at: Timestamp,
}

impl Model {
    /// A publish has met its fate.
    pub(crate) fn fated(
        &mut self,
        client: usize,
        number: u64,
        outcome: PublishOutcome,
        now: Timestamp,
    ) -> Checked {
        let is_astray = self.astray.contains(&client);
        let published = &mut self.published[number as usize];
        ensure!(published.qos > QoS::AtMostOnce, "QoS 0 has no fate", "message {number}: {outcome:?}");
        let former = published.outcome.replace(outcome);
        ensure!(former.is_none(), "one fate", "message {number}: {outcome:?} after {former:?}");
        let is_forbidden =
            self.rules.forbids_publish && TOPICS[usize::from(published.topic)].starts_with("no/");
        match outcome {
            PublishOutcome::Acknowledged { reason } => {
                // The watcher subscribes to everything.
                ensure!(reason == ReasonCode::Success, "acknowledged", "message {number}: {reason}");
                let is_unjudged = is_forbidden || published.length == 0 || is_astray;
                ensure!(
                    is_unjudged || published.accepted > 0,
                    "acknowledged, but lost",
                    "message {number}: {published:?}"
                );
            }
            PublishOutcome::Refused { reason } => {
                let is_too_large = reason == ReasonCode::PacketTooLarge
                    && published.length + 60 >= self.rules.packet_size as usize;
                ensure!(is_forbidden || is_too_large, "refused", "message {number}: {reason}");
                self.coverage.count_if(is_forbidden, Row::PublishForbidden);
                self.coverage.count_if(is_too_large, Row::OversizeRefused);
            }
            PublishOutcome::Expired => {
                let is_over = now >= published.given + Duration::from_secs(published.expiry.into());
                ensure!(published.expiry > 0 && is_over, "expired", "message {number}: {published:?}");
                ensure!(published.accepted == 0, "expired, but accepted", "message {number}: {published:?}");
                self.coverage.count(Row::MessageExpired);
            }
            PublishOutcome::Unknown => {
                // It was sent on one connection, and a later one told that the session was lost.
                let (_, last_loss) = self.connections.get(&client).copied().unwrap_or_default();
                let is_lost = published.first_chance < last_loss;
                ensure!(is_astray || is_lost, "unknown", "message {number}: {published:?}");
                self.coverage.count(Row::OutcomeUnknown);
            }
            _ => {}
        }
        Ok(())
    }

    /// What the broker sends is not out of date, and says how long it will not be. What it has kept, or handed from one member of
    /// a group to another, is counted in whole seconds anew each time.
    pub(crate) fn forwarded(&self, one: Forwarded) -> Checked {
        let published = self.published.get(one.number as usize).filter(|published| published.expiry > 0);
        let Some(published) = published.filter(|_| one.number > 0) else { return Ok(()) };
        let name = TOPICS[usize::from(published.topic)];
        if name.starts_with("$s/") || name.starts_with("$t/") {
            return Ok(());
        }
        let rounded = Duration::from_secs(published.retain.into());
        let left = published.expires + rounded - one.at;
        ensure!(!one.is_first || !left.is_zero(), "sent after its expiry", "{one:?}: {published:?}");
        let most = (left + Duration::from_micros(999_999)).as_secs().max(1);
        let is_right = !one.is_v5 || one.expiry.is_some_and(|expiry| u64::from(expiry) <= most);
        ensure!(is_right, "expiry", "{one:?}, but {most} s are left: {published:?}");
        Ok(())
    }
}
