//! What the party owes for the packets that it has read, and its answers (sections 3.3.4, 3.12, 4.3 and 4.6).

use std::collections::{BTreeSet, VecDeque};

use mqtt_engine::{
    QoS,
    packet::{Packet, PacketId, PacketType, Publish},
};

use super::{Role, Rule, requests::Request, scene::Scene};

/// What waits for an answer on one connection. Answers are given on the connection of the question, or never.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The messages without PUBACK, in order of receipt.
    pub(super) at_least_once: VecDeque<PacketId>,
    /// Those without PUBREC.
    pub(super) exactly_once: VecDeque<PacketId>,
    /// Those that came once more after their PUBREC, which is to come once more as well: their order was kept the first time.
    pub(super) repeated: Vec<PacketId>,
    /// The messages with PUBREC and without PUBREL.
    received: BTreeSet<PacketId>,
    /// The PUBRELs without PUBCOMP.
    pub(super) releases: VecDeque<PacketId>,
    pub(super) requests: Vec<Request>,
    pub(super) pings: usize,
    /// What may be answered and need not: the peer should not have sent it.
    spare: Vec<(PacketType, PacketId)>,
    /// PUBRECs for nothing: each may be answered with PUBREL.
    pub(super) strays: Vec<PacketId>,
}

impl Answers {
    /// Whether an answer may be given that is not due; it is used up.
    fn take_spare(&mut self, kind: PacketType, id: PacketId) -> bool {
        let place = self.spare.iter().position(|spare| *spare == (kind, id));
        place.map(|place| self.spare.swap_remove(place)).is_some()
    }

    fn take_repeated(&mut self, kind: PacketType, id: PacketId) -> bool {
        let place = self.repeated.iter().position(|repeated| *repeated == id);
        let place = place.filter(|_| kind == PacketType::PubRec);
        place.map(|place| self.repeated.swap_remove(place)).is_some()
    }

    pub(super) fn take_stray(&mut self, id: PacketId) -> bool {
        let place = self.strays.iter().position(|stray| *stray == id);
        place.map(|place| self.strays.swap_remove(place)).is_some()
    }

    fn queues(&mut self, kind: PacketType) -> (&mut VecDeque<PacketId>, &mut VecDeque<PacketId>) {
        if kind == PacketType::PubAck {
            (&mut self.at_least_once, &mut self.exactly_once)
        } else {
            (&mut self.exactly_once, &mut self.at_least_once)
        }
    }
}

impl Scene<'_> {
    pub(super) fn read_publish(&mut self, publish: &Publish<'_>) {
        if !self.check_peer_content(publish) {
            return;
        }
        let Some(id) = publish.packet_id else { return };
        let kind = if publish.qos == QoS::AtLeastOnce { PacketType::PubAck } else { PacketType::PubRec };
        let answers = &mut self.link.answers;
        if kind == PacketType::PubRec && answers.received.contains(&id) {
            return answers.repeated.push(id);
        }
        let (queue, _) = answers.queues(kind);
        if queue.contains(&id) {
            // It came again before it was answered: one answer is enough, two do no harm.
            answers.spare.push((kind, id));
        } else {
            queue.push_back(id);
        }
    }

    pub(super) fn read_pubrel(&mut self, id: PacketId) {
        let answers = &mut self.link.answers;
        answers.received.remove(&id);
        if answers.exactly_once.contains(&id) {
            // Before its PUBREC.
            answers.spare.push((PacketType::PubComp, id));
        } else {
            answers.releases.push_back(id);
        }
    }

    /// PUBACK or PUBREC.
    pub(super) fn wrote_answer(&mut self, id: PacketId, packet: &Packet<'_>) {
        let kind = packet.packet_type();
        let answers = &mut self.link.answers;
        if matches!(packet, Packet::PubRec(ack) if !ack.reason.is_error()) {
            answers.received.insert(id);
        }
        let (queue, other) = answers.queues(kind);
        let place = queue.iter().position(|waiting| *waiting == id);
        let first = queue.front().copied();
        if let (Some(place), Some(first)) = (place, first) {
            queue.remove(place);
            // If it came more than once, nobody can say which of them this answers.
            let is_judged = self.role == Role::Client || self.settings.strict;
            if place > 0 && is_judged && !answers.spare.contains(&(kind, id)) {
                let rule = if kind == PacketType::PubAck { Rule::PubAckOrder } else { Rule::PubRecOrder };
                self.report.broken(rule, Some(packet), format_args!("{first} came earlier"));
            }
        } else if let Some(wrong) = other.iter().position(|waiting| *waiting == id) {
            other.remove(wrong);
            let words = format_args!("the message under {id} has another QoS");
            self.report.broken(Rule::AnswerKind, Some(packet), words);
        } else if !(answers.take_repeated(kind, id) || answers.take_spare(kind, id)) {
            let words = format_args!("no message under {id} waits for it on this connection");
            self.report.broken(Rule::AnswerUnasked, Some(packet), words);
        }
    }

    pub(super) fn wrote_pubcomp(&mut self, id: PacketId, packet: &Packet<'_>) {
        let answers = &mut self.link.answers;
        if let Some(place) = answers.releases.iter().position(|waiting| *waiting == id) {
            answers.releases.remove(place);
        } else if !answers.take_spare(PacketType::PubComp, id) {
            let words = format_args!("no PUBREL {id} waits for it on this connection");
            self.report.broken(Rule::PubCompUnasked, Some(packet), words);
        }
    }

    pub(super) fn wrote_pingresp(&mut self, packet: &Packet<'_>) {
        match self.link.answers.pings.checked_sub(1) {
            Some(pings) => self.link.answers.pings = pings,
            None => {
                let words = format_args!("no PINGREQ waits for it");
                self.report.broken(Rule::PingRespUnasked, Some(packet), words);
            }
        }
    }
}
