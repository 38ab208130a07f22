//! What becomes of the party's messages: PUBACK, PUBREC, PUBCOMP of the peer and the party's PUBREL (sections 3.4 to 3.7 and
//! 4.3).

use core::mem;

use mqtt_engine::{
    QoS,
    packet::{Ack, Packet, PacketId},
};

use super::{
    Rule, View,
    scene::Scene,
    session::{Message, Step},
};

impl Scene<'_> {
    /// The peer has acknowledged a message to the end.
    fn acknowledge(&mut self, id: PacketId) {
        let finished = self.finish(id);
        self.session.note_acknowledged(id, finished, self.now);
    }

    /// Several packets may be told at once: if the connection is over at the same moment, the party may have stopped before it
    /// came to an acknowledgement among them.
    pub(super) fn doubt_if_over(&mut self) {
        if self.link.is_over_since != Some(self.now) || self.session.acknowledged_at != self.now {
            return;
        }
        for (id, finished) in mem::take(&mut self.session.acknowledged) {
            let messages = &mut self.session.messages;
            if let Some(message) = finished {
                messages.entry(id).or_insert(Message { is_optional: true, ..message });
            } else if let Some(message) = messages.get_mut(&id)
                && message.step == Step::Received
            {
                (message.step, message.is_optional) = (Step::Published, true);
            }
        }
    }

    pub(super) fn wrote_pubrel(&mut self, id: PacketId, packet: &Packet<'_>) {
        let link = self.link.id;
        let is_stray = self.link.answers.take_stray(id);
        let is_wire = self.settings.view == View::Wire && self.link.replay.is_resumed;
        let Some(message) = self.session.messages.get_mut(&id) else {
            if !is_stray && !is_wire {
                let words = format_args!("no PUBREC was received for {id}");
                self.report.broken(Rule::PubRelUnasked, Some(packet), words);
            }
            return;
        };
        if message.step == Step::Published && !message.is_optional {
            if !is_stray {
                let words = format_args!("PUBLISH {id} is not answered");
                self.report.broken(Rule::PubRelUnasked, Some(packet), words);
            }
            return;
        }
        if message.step == Step::Released && message.sent_on == link {
            if message.repeated > 0 {
                message.repeated -= 1;
            } else if self.link.is_v5() {
                let words = format_args!("PUBREL {id} was sent on this connection");
                self.report.broken(Rule::ResendOnReconnect, Some(packet), words);
            }
            return;
        }
        message.step = Step::Released;
        message.sent_on = link;
        message.is_optional = false;
        let Some(place) = self.link.replay.releases.iter().position(|waiting| *waiting == id) else { return };
        let mut before = self.link.replay.releases.range(..place);
        if let Some(earlier) = before.find(|earlier| self.session.owes_release(**earlier, link)) {
            let words = format_args!("PUBREC {earlier} came earlier");
            self.report.broken(Rule::PubRelOrder, Some(packet), words);
        }
        self.link.replay.releases.remove(place);
    }

    pub(super) fn read_puback(&mut self, ack: &Ack<'_>) {
        if self.waits_for(ack.packet_id, QoS::AtLeastOnce, Step::Published) {
            self.acknowledge(ack.packet_id);
        }
    }

    pub(super) fn read_pubrec(&mut self, ack: &Ack<'_>) {
        let id = ack.packet_id;
        if self.waits_for(id, QoS::ExactlyOnce, Step::Published) {
            if ack.reason.is_error() {
                return self.acknowledge(id);
            }
            self.session.note_acknowledged(id, None, self.now);
            let order = self.session.order();
            if let Some(message) = self.session.messages.get_mut(&id) {
                message.step = Step::Received;
                message.received_order = order;
                message.is_optional = false;
            }
            self.link.replay.releases.push_back(id);
        } else if let Some(message) = self.session.messages.get_mut(&id)
            && message.step != Step::Published
        {
            message.repeated = message.repeated.saturating_add(1);
        } else {
            // The peer waits for a PUBREL, and may get one.
            self.link.answers.strays.push(id);
        }
    }

    pub(super) fn read_pubcomp(&mut self, id: PacketId) {
        if self.waits_for(id, QoS::ExactlyOnce, Step::Released) {
            let repeated = self.session.messages.get(&id).map_or(0, |message| message.repeated);
            self.link.answers.strays.extend((0..repeated).map(|_| id));
            self.acknowledge(id);
        }
    }

    /// An acknowledgement that the party need not have looked at.
    pub(super) fn note_late(&mut self, packet: &Packet<'_>) {
        if let Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) = packet
            && let Some(message) = self.session.messages.get_mut(&ack.packet_id)
        {
            message.is_optional = true;
        }
    }

    fn waits_for(&self, id: PacketId, qos: QoS, step: Step) -> bool {
        let message = self.session.messages.get(&id);
        message.is_some_and(|message| message.qos == qos && message.step == step)
    }

    /// Whether an identifier stands for a message that is not finished.
    pub(super) fn is_message(&self, id: PacketId) -> bool {
        self.session.messages.get(&id).is_some_and(|message| !message.is_optional)
    }
}
