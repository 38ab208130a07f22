//! Messages: published, accepted, received, and their fates.

use mqtt_engine::{Message, PublishOutcome, PublishToken, QoS};

use super::{Oracle, Published};
use crate::{
    coverage::Row,
    names::number,
    reference::matching::matches,
    violation::{Checked, ensure},
};

impl Oracle {
    /// The number of the next message.
    pub(in crate::turmoil) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// A client took a message over.
    pub(in crate::turmoil) fn published(&mut self, token: PublishToken, message: Published) {
        let number = self.next_number;
        self.next_number += 1;
        let publisher = message.publisher;
        self.note(|| format!("c{publisher} publishes {number} to {} with {:?}", message.topic, message.qos));
        if message.qos > QoS::AtMostOnce {
            self.people[publisher].tokens.insert(token.as_u64(), number);
        }
        self.published.insert(number, message);
    }

    /// A message met its fate.
    pub(in crate::turmoil) fn fate(
        &mut self,
        index: usize,
        token: PublishToken,
        outcome: PublishOutcome,
    ) -> Checked {
        self.last_progress = self.now;
        let number = self.people[index].tokens.remove(&token.as_u64());
        self.note(|| format!("c{index}: fate of {number:?}: {outcome:?}"));
        let Some(published) = number.and_then(|number| self.published.get_mut(&number)) else {
            ensure!(false, "one fate for each publish", "c{index}: {token:?}, {outcome:?}");
            return Ok(());
        };
        ensure!(published.outcome.is_none(), "one fate for each publish", "{number:?}: {outcome:?}");
        published.outcome = Some(outcome);
        self.coverage.count_if(outcome == PublishOutcome::Unknown, Row::OutcomeUnknown);
        self.coverage.count_if(outcome == PublishOutcome::Expired, Row::MessageExpired);
        Ok(())
    }

    /// The watcher got a message in a life of the broker: it was accepted.
    pub(in crate::turmoil) fn accepted(&mut self, life: u32, message: &Message) -> Checked {
        if !self.broker.is_alive(life) {
            return Ok(());
        }
        self.last_progress = self.now;
        let topic = message.topic.as_str();
        self.note(|| format!("accepted: {topic} {:?}", number(&message.payload)));
        if let Some(index) = topic.strip_prefix("will/").and_then(|index| index.parse::<usize>().ok()) {
            return self.will_seen(index);
        }
        if message.payload.is_empty() {
            let was_there = self.retained.remove(topic).is_some();
            self.coverage.count_if(was_there, Row::RetainedCleared);
            return Ok(());
        }
        let (number, published) = self.known(message)?;
        published.accepted += 1;
        let (is_first, published) = (published.accepted == 1, published.clone());
        let Published { publisher, ref topic, qos, retain, expires, .. } = published;
        ensure!(!topic.starts_with("no/"), "a refused message goes nowhere", "{number} {topic}");
        ensure!(message.retain == retain, "retain as published", "{number} {topic}");
        // Into a session that is not the one that the publisher means a message may be sent again.
        let is_new = is_first || self.people[publisher].is_in_hole;
        ensure!(qos == QoS::AtLeastOnce || is_new, "QoS 0 and 2 are accepted once", "{number} {qos:?}");
        self.coverage.count_if(!is_first, Row::DuplicateQoS1PassedOn);
        if is_first {
            let last = self.order.insert((publisher, topic.clone(), qos), number);
            ensure!(last < Some(number), "accepted in order", "{number} after {last:?}, {topic} {qos:?}");
        }
        if retain {
            self.retained.insert(topic.clone(), number);
        }
        for person in self.people.iter_mut().filter(|person| person.session == Some(true) && !expires) {
            let granted = granted(&person.filters, topic, number);
            if granted.is_some_and(|granted| granted.min(qos) > QoS::AtMostOnce) {
                person.expected.insert(number);
            }
        }
        Ok(())
    }

    /// A client got a message.
    pub(in crate::turmoil) fn received(
        &mut self,
        index: usize,
        message: &Message,
        duplicate: bool,
    ) -> Checked {
        self.last_progress = self.now;
        let topic = message.topic.as_str();
        self.note(|| format!("c{index} gets {topic} {:?} {:?}", number(&message.payload), message.qos));
        self.coverage.count_if(duplicate, Row::PublishResent);
        if topic.starts_with("will/") || message.payload.is_empty() {
            return Ok(());
        }
        let (number, published) = self.known(message)?;
        published.is_received = true;
        if message.retain {
            ensure!(published.retain, "only retained messages are replayed", "{number} to c{index}");
            self.coverage.count(Row::RetainedReplayed);
            return Ok(());
        }
        if topic.starts_with("$s/") || topic.starts_with("$t/") {
            published.shared += 1;
            let is_again = published.shared > 1 && published_once(published.qos, message.qos);
            // A program that starts again may get what the one before it had not acknowledged.
            let has_forgotten = self.people.iter().any(|person| person.life > 1 || person.is_in_hole);
            ensure!(
                !is_again || has_forgotten,
                "a shared message goes to one member",
                "{number} to c{index}"
            );
            self.coverage.count(Row::SharedDelivered);
            return Ok(());
        }
        let published = published.clone();
        self.judge_receipt(index, number, &published, message)
    }

    fn judge_receipt(
        &mut self,
        index: usize,
        number: u64,
        published: &Published,
        message: &Message,
    ) -> Checked {
        // Into a session that is not the one that the publisher means a message may be sent again.
        let may_repeat = self.people[published.publisher].is_in_hole;
        let person = &mut self.people[index];
        let is_new = person.got.insert(number);
        if published.probe > 0 {
            person.probes.insert(published.publisher, published.probe);
        }
        let count = person.counts.entry(number).or_default();
        *count += 1;
        let is_first = *count == 1;
        let once = published_once(published.qos, message.qos);
        ensure!(
            !once || is_first || may_repeat,
            "QoS 0 and 2 are delivered once",
            "{number} {:?} as {:?} twice to c{index}",
            published.qos,
            message.qos
        );
        // Of a message that is sent again a subscriber may have missed the first one, so that it gets the second one late:
        // unless it had subscribed before, its session lasts, and nothing was dropped or has expired.
        let was_there = person.session == Some(true)
            && !person.missed
            && !published.expires
            && message.qos > QoS::AtMostOnce
            && granted(&person.filters, &published.topic, number) > Some(QoS::AtMostOnce);
        if is_new && (once || was_there) {
            let flow = ((published.publisher, published.topic.clone(), published.qos), message.qos);
            let last = person.last.insert(flow, number);
            ensure!(
                last < Some(number),
                "delivered in order",
                "{number} after {last:?} to c{index}, {} {:?}",
                published.topic,
                published.qos
            );
        }
        Ok(())
    }

    fn known(&mut self, message: &Message) -> Checked<(u64, &mut Published)> {
        let number = number(&message.payload).unwrap_or_default();
        let published = self.published.get_mut(&number).filter(|one| one.topic == message.topic.as_str());
        let Some(published) = published else {
            let topic = message.topic.as_str();
            let details = format!("{number} in {topic}");
            return Err(crate::Violation { rule: "only what was published", details });
        };
        Ok((number, published))
    }
}

/// Whether both hops keep a message from coming twice.
fn published_once(published: QoS, delivered: QoS) -> bool {
    published != QoS::AtLeastOnce && delivered != QoS::AtLeastOnce
}

/// The highest QoS of the subscriptions that were there before a message was published.
fn granted<'a>(
    filters: impl IntoIterator<Item = (&'a String, &'a (u64, QoS))>,
    topic: &str,
    number: u64,
) -> Option<QoS> {
    let fits = |(filter, (since, _)): &(&String, &(u64, QoS))| *since <= number && matches(filter, topic);
    filters.into_iter().filter(fits).map(|(_, (_, qos))| *qos).max()
}
