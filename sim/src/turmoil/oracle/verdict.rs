//! After the faults: what is still to come, and what must be true when nothing is.

use std::{collections::BTreeMap, fmt::Write};

use mqtt_engine::{PublishOutcome, QoS, packet::ReasonCode};

use super::{Oracle, Person, Phase, Published, Status};
use crate::violation::{Checked, ensure};

impl Oracle {
    /// Whether everything has come to rest.
    pub(in crate::turmoil) fn is_settled(&self) -> bool {
        let is_settled =
            |person: &Person| person.is_at_rest() && person.has_all() && person.will.is_settled();
        self.broker.is_up() && self.people.iter().all(is_settled) && self.missing_shared().is_none()
    }

    /// Whether everybody got a message of this round from everybody.
    pub(in crate::turmoil) fn is_probed(&self, round: u32) -> bool {
        let has_all = |person: &Person| {
            (0..self.people.len()).all(|other| person.probes.get(&other).is_some_and(|got| *got >= round))
        };
        self.people.iter().all(|person| person.is_in_hole || has_all(person))
    }

    /// Who is not at rest, and why.
    pub(in crate::turmoil) fn unsettled(&self) -> String {
        let mut words = format!("broker up: {}; ", self.broker.is_up());
        for (index, person) in self.people.iter().enumerate() {
            let missing: Vec<_> = person.expected.difference(&person.got).collect();
            let _ = write!(
                words,
                "c{index}: {:?}, missing {missing:?}, will {:?}, probes {:?}; ",
                person.status, person.will, person.probes
            );
        }
        words
    }

    /// What a new subscriber got of the retained messages: topics and numbers.
    pub(in crate::turmoil) fn audited(&mut self, found: &BTreeMap<String, u64>) -> Checked {
        self.phase = Phase::Over;
        for (topic, number) in &self.retained {
            let may_be_gone = self.published.get(number).is_none_or(|message| message.expires);
            let is = found.get(topic);
            ensure!(
                is == Some(number) || is.is_none() && may_be_gone,
                "the last retained message is kept",
                "{topic}: {is:?}, not {number}"
            );
        }
        let extra = found.keys().find(|topic| !self.retained.contains_key(*topic));
        ensure!(extra.is_none(), "nothing else is kept", "{extra:?}");
        Ok(())
    }

    /// Everything has come to its end.
    pub(in crate::turmoil) fn check(&self) -> Checked {
        for (index, person) in self.people.iter().enumerate() {
            ensure!(
                person.has_all(),
                "QoS 1 and 2 arrive",
                "c{index}: {:?} of {:?}",
                person.got,
                person.expected
            );
            ensure!(person.will.is_settled(), "wills are published when owed", "c{index}: {:?}", person.will);
        }
        let missing = self.missing_shared();
        ensure!(missing.is_none(), "a shared message arrives", "{missing:?}");
        self.published.iter().try_for_each(|(number, message)| self.check_fate(*number, message))
    }

    /// A shared message that a member must get and none has got. Not judged once a session or a program of any member was lost,
    /// with all that it had taken.
    fn missing_shared(&self) -> Option<u64> {
        let is_judged = self.broker.is_first()
            && self.people.iter().all(|person| person.session_lasts && person.life == 1 && !person.missed);
        let is_owed = |number: u64, message: &Published| {
            let has_member =
                self.people.iter().any(|one| one.shares_since.is_some_and(|since| since <= number));
            let is_sure = message.qos > QoS::AtMostOnce && !message.expires && !message.is_empty;
            message.topic.starts_with("$s/") && message.accepted > 0 && is_sure && has_member
        };
        let is_missing =
            |(number, message): &(&u64, &Published)| is_owed(**number, message) && message.shared == 0;
        self.published.iter().filter(|_| is_judged).find(is_missing).map(|(number, _)| *number)
    }

    fn check_fate(&self, number: u64, message: &Published) -> Checked {
        // What the watcher of an earlier life has seen says little about messages of that time.
        let is_witnessed = number >= self.broker.began_with && !message.is_empty;
        ensure!(
            !message.is_received || message.accepted > 0 || !is_witnessed,
            "only what was accepted is delivered",
            "{number}: {message:?}"
        );
        let publisher = &self.people[message.publisher];
        match message.outcome {
            None => {
                let has_none = message.qos == QoS::AtMostOnce || message.is_orphan;
                ensure!(has_none, "every publish has a fate", "{number}: {message:?}");
            }
            Some(PublishOutcome::Acknowledged { reason }) if message.topic.starts_with("no/") => {
                ensure!(!publisher.is_v5, "a refusal is told", "{number}: {reason}");
            }
            Some(PublishOutcome::Acknowledged { .. }) => {
                let is_there = message.accepted > 0 || !is_witnessed;
                ensure!(is_there, "what is acknowledged was accepted", "{number}: {message:?}");
            }
            Some(PublishOutcome::Refused { reason }) => {
                let is_right = message.topic.starts_with("no/") && reason == ReasonCode::NotAuthorized;
                ensure!(is_right, "only what is forbidden is refused", "{number}: {reason}, {message:?}");
            }
            Some(PublishOutcome::Expired) => {
                ensure!(message.expires, "only what expires has expired", "{number}: {message:?}");
            }
            Some(PublishOutcome::Unknown) => {
                let may_be = publisher.may_lose_session;
                ensure!(may_be, "a fate is known unless the session is lost", "{number}: {message:?}");
            }
            Some(_) => {}
        }
        Ok(())
    }
}

impl Person {
    fn is_at_rest(&self) -> bool {
        self.status == Status { is_connected: true, ..Status::default() }
    }

    fn has_all(&self) -> bool {
        self.missed || self.expected.is_subset(&self.got)
    }
}
