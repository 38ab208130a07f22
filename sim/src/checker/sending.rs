//! PUBLISH of the party: identifiers, DUP, resends and their order, quota (sections 2.2.1, 4.3, 4.4, 4.6 and 4.9).

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use mqtt_engine::packet::{Packet, PacketId, Properties, Property, ProtocolVersion, Publish};

use super::{
    Rule, View,
    scene::Scene,
    session::{Message, Replay, Step},
};

impl Scene<'_> {
    /// The connection was accepted: the session goes on, or is a new one, to which only what was sent on this connection
    /// belongs.
    pub(super) fn enter_session(&mut self, session_present: bool) {
        let id = self.link.id;
        self.session.number += u64::from(!session_present);
        self.link.session = Some(self.session.number);
        if !session_present {
            self.session.messages.retain(|_, message| message.begun_on == id);
            self.session.identifiers.retain(|_, link| *link == id);
            return;
        }
        let peer = self.link.peer;
        let mut publishes = Vec::new();
        let mut releases = Vec::new();
        for (packet_id, message) in &mut self.session.messages {
            if message.sent_on == id && message.step != Step::Received {
                continue;
            }
            if message.step == Step::Published {
                message.is_optional |= message.is_unsendable(&peer);
                publishes.push((message.order, *packet_id));
            } else {
                releases.push((message.received_order, *packet_id));
            }
        }
        publishes.sort_unstable();
        releases.sort_unstable();
        let in_order = |list: Vec<(u64, PacketId)>| list.into_iter().map(|(_, id)| id).collect();
        self.link.replay =
            Replay { publishes: in_order(publishes), releases: in_order(releases), is_resumed: true };
    }

    /// A QoS 1 or 2 message goes out. `topic` is in full.
    pub(super) fn wrote_message(
        &mut self,
        id: PacketId,
        publish: &Publish<'_>,
        topic: &str,
        packet: &Packet<'_>,
        size: usize,
    ) {
        let mut hasher = DefaultHasher::new();
        (topic, publish.payload, publish.qos as u8, publish.retain).hash(&mut hasher);
        let digest = hasher.finish();
        let known = self.session.messages.get(&id);
        let is_request = self.link.requests.contains(&id);
        match known.map(|message| (message.step, message.digest == digest, message.is_optional)) {
            _ if is_request => {
                let words = format_args!("{id} is in use for a request");
                self.report.broken(Rule::PacketIdInUse, Some(packet), words);
            }
            Some((.., true)) if !publish.duplicate => {}
            None if !publish.duplicate => {}
            Some((Step::Published, true, _)) if self.is_resend(id, publish) => {
                return self.resent(id, publish, packet);
            }
            Some((Step::Published, false, _)) if publish.duplicate => {
                let words = format_args!("another message was sent under {id}");
                self.report.broken(Rule::ResendSame, Some(packet), words);
                return self.resent(id, publish, packet);
            }
            // Before PUBREL was written PUBLISH may have crossed with PUBREC.
            Some((Step::Received, true, _)) if publish.duplicate && self.settings.view == View::Wire => {}
            Some((Step::Received | Step::Released, ..)) if publish.duplicate => {
                let words = format_args!("PUBREC was received for {id}");
                return self.report.broken(Rule::PublishAfterPubRec, Some(packet), words);
            }
            Some(_) => {
                let words = format_args!("{id} is in use for another message");
                self.report.broken(Rule::PacketIdInUse, Some(packet), words);
            }
            None => self.check_unknown_resend(id, packet),
        }
        if !publish.duplicate {
            self.check_resent_first(packet);
        }
        let message = Message {
            qos: publish.qos,
            retain: publish.retain,
            digest,
            order: self.session.order(),
            received_order: 0,
            step: Step::Published,
            begun_on: self.link.id,
            sent_on: self.link.id,
            counted_on: self.link.id,
            size: full_size(publish, topic, size, self.report.version),
            is_optional: false,
            repeated: 0,
        };
        self.finish(id);
        self.session.messages.insert(id, message);
        self.count(packet);
    }

    /// Whether a PUBLISH repeats the message under its identifier: DUP says so, or it is plain that it was forgotten. On a live
    /// connection of 5.0, where nothing is repeated, it is another message that looks the same.
    fn is_resend(&self, id: PacketId, publish: &Publish<'_>) -> bool {
        let sent_here = self.session.messages.get(&id).is_some_and(|message| message.sent_on == self.link.id);
        publish.duplicate || !(sent_here && self.link.is_v5())
    }

    fn resent(&mut self, id: PacketId, publish: &Publish<'_>, packet: &Packet<'_>) {
        if !publish.duplicate {
            self.report.broken(Rule::ResendDup, Some(packet), format_args!("DUP is 0, {id} was sent before"));
        }
        let link = self.link.id;
        let Some(message) = self.session.messages.get_mut(&id) else { return };
        if message.sent_on == link {
            // In 3.1.1 it may be repeated at any time.
            if self.link.is_v5() {
                let words = format_args!("{id} was sent on this connection");
                self.report.broken(Rule::ResendOnReconnect, Some(packet), words);
            }
            return;
        }
        message.sent_on = link;
        message.is_optional = false;
        let counts = message.counted_on != link;
        message.counted_on = link;
        if let Some(place) = self.link.replay.publishes.iter().position(|waiting| *waiting == id) {
            let mut before = self.link.replay.publishes.range(..place);
            if let Some(earlier) = before.find(|earlier| self.session.owes_publish(**earlier, link)) {
                let words = format_args!("{earlier} was sent earlier and is not sent again yet");
                self.report.broken(Rule::ResendOrder, Some(packet), words);
            }
            self.link.replay.publishes.remove(place);
        }
        if counts {
            self.count(packet);
        }
    }

    fn check_unknown_resend(&mut self, id: PacketId, packet: &Packet<'_>) {
        if self.settings.view == View::Wire && self.link.replay.is_resumed {
            return;
        }
        let words = format_args!("nothing was sent under {id} that is not finished");
        self.report.broken(Rule::FirstSendDup, Some(packet), words);
    }

    /// A new message goes out: what is unacknowledged came first.
    fn check_resent_first(&mut self, packet: &Packet<'_>) {
        let waiting = self.session.owed_publishes(self.link).next();
        if let Some(waiting) = waiting.or_else(|| self.first_former_release()) {
            let words = format_args!("{waiting} is not sent again yet");
            self.report.broken(Rule::ResendFirst, Some(packet), words);
            // Once is enough.
            self.link.replay.releases.clear();
        }
        self.link.replay.publishes.clear();
    }

    /// A PUBREL of a former connection that was not sent again. Those of this connection have no order with new messages.
    fn first_former_release(&self) -> Option<PacketId> {
        let link = self.link.id;
        self.session
            .owed_releases(self.link)
            .find(|id| self.session.messages.get(id).is_some_and(|message| message.counted_on != link))
    }

    fn count(&mut self, packet: &Packet<'_>) {
        self.link.unfinished = self.link.unfinished.saturating_add(1);
        let (count, maximum) = (self.link.unfinished, self.link.peer.receive_maximum);
        if count > maximum {
            let words = format_args!("{count} unfinished messages, the peer takes {maximum}");
            self.report.broken(Rule::ReceiveMaximum, Some(packet), words);
        }
    }

    pub(super) fn finish(&mut self, id: PacketId) -> Option<Message> {
        let message = self.session.messages.remove(&id)?;
        if message.counted_on == self.link.id {
            self.link.unfinished = self.link.unfinished.saturating_sub(1);
        }
        Some(message)
    }
}

/// The size of a PUBLISH with its topic in full and without an alias.
fn full_size(publish: &Publish<'_>, topic: &str, size: usize, version: ProtocolVersion) -> usize {
    if publish.properties.topic_alias().is_none() {
        return size;
    }
    let others = publish.properties.iter().filter(|one| !matches!(one, Property::TopicAlias(_)));
    let list: Vec<_> = others.collect();
    let properties = Properties::new(&list);
    Packet::Publish(Publish { topic, properties, ..*publish }).size(version).unwrap_or(size)
}
