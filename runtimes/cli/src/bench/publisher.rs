//! One publisher: its messages, ready to be copied, and its window.

use mqtt_engine::QoS;

use super::{
    network::BATCH,
    plan::Plan,
    tag::{SIZE, Tag},
    window::{Window, packet_id},
};
use crate::failure::Failure;

#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) window: Window,
    /// Messages of this phase.
    pub(super) sent: u64,
    /// Whether it is in the list of those that may have something to send.
    pub(super) is_ready: bool,
    /// The whole PUBLISH; its packet identifier and its tag are written anew for each message.
    packet: Vec<u8>,
    /// Where the packet identifier is, for QoS 1 and 2.
    packet_id_at: Option<usize>,
    tag_at: usize,
    run: u32,
    number: u32,
    /// How many subscribers get each message.
    deliveries: u32,
}

impl Publisher {
    pub(super) fn new(plan: &Plan, number: u32, window: u16) -> Result<Self, Failure> {
        let packet = plan.publish(number)?;
        // First byte and length, the topic with its length, then the packet identifier.
        let body = packet.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 2;
        let topic = 2 + plan.topic_of(number).len();
        Ok(Self {
            window: Window::new(window),
            sent: 0,
            is_ready: false,
            packet_id_at: (plan.qos > QoS::AtMostOnce).then_some(body + topic),
            tag_at: packet.len() - plan.payload,
            packet,
            run: plan.run,
            number,
            deliveries: plan.deliveries(),
        })
    }

    /// Whether there is a message to send, and room for it in the window; `allowed` is how many of this phase may be sent by now.
    pub(super) const fn may_send(&self, allowed: u64) -> bool {
        self.sent < allowed && self.window.free() > 0
    }

    /// Appends what may be sent, until there is enough for one write, and tells how many messages that were. `due` tells from the
    /// message's number in this phase when it was due.
    pub(super) fn fill(
        &mut self,
        output: &mut Vec<u8>,
        allowed: u64,
        mut due: impl FnMut(u64) -> u64,
    ) -> u64 {
        let before = self.sent;
        while self.may_send(allowed) && output.len() < BATCH {
            let is_acknowledged = self.packet_id_at.is_none();
            let sequence = self.window.open(due(self.sent), self.deliveries, is_acknowledged);
            self.sent += 1;
            if let Some(at) = self.packet_id_at {
                self.packet[at..at + 2].copy_from_slice(&packet_id(sequence).to_be_bytes());
            }
            let tag = Tag { run: self.run, publisher: self.number, sequence };
            self.packet[self.tag_at..self.tag_at + SIZE].copy_from_slice(&tag.to_bytes());
            output.extend_from_slice(&self.packet);
        }
        self.sent - before
    }
}

#[cfg(test)]
mod tests {
    use mqtt_engine::packet::Packet;

    use super::*;
    use crate::bench::plan::tests::plan;

    #[test]
    fn what_is_sent_are_whole_packets_with_their_numbers() {
        for arguments in [&["-q", "0"][..], &["-q", "1", "-V", "311"], &["-q", "2", "--payload", "300"]] {
            let plan = plan(arguments);
            let mut publisher = Publisher::new(&plan, 0, 3).unwrap();
            let mut output = Vec::new();
            assert_eq!(publisher.fill(&mut output, 2, |message| 1000 + message), 2);
            // The window is full before as many as are allowed.
            assert_eq!(publisher.fill(&mut output, 7, |message| 1000 + message), 1);
            assert!(!publisher.may_send(7) && publisher.sent == 3);
            let size = plan.publish(0).unwrap().len();
            for (sequence, bytes) in (0..).zip(output.chunks(size)) {
                let packet = Packet::decode(bytes, plan.version).unwrap();
                let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
                let id = publish.packet_id.map(|id| id.get());
                assert_eq!(id, (plan.qos > QoS::AtMostOnce).then_some(packet_id(sequence)));
                let tag = Tag { run: plan.run, publisher: 0, sequence };
                assert_eq!(Tag::of(publish.payload), Some(tag));
                assert_eq!(publisher.window.delivered(sequence), Some(1000 + sequence));
            }
            assert_eq!(output.len(), 3 * size);
        }
    }

    #[test]
    fn one_write_is_not_endless() {
        let plan = plan(&["--payload", "20000"]);
        let mut publisher = Publisher::new(&plan, 0, 1000).unwrap();
        let mut output = Vec::new();
        assert_eq!(publisher.fill(&mut output, u64::MAX, |_| 0), 4);
        assert!(publisher.may_send(u64::MAX));
    }
}
