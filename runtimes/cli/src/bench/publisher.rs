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
    /// One for each topic, in turn.
    packets: Vec<Prepared>,
    turn: usize,
    run: u32,
    number: u32,
    /// How many subscribers get each message.
    deliveries: u32,
}

/// A whole PUBLISH; its packet identifier and its tag are written anew for each message.
#[derive(Debug)]
struct Prepared {
    bytes: Vec<u8>,
    /// Where the packet identifier is, for QoS 1 and 2.
    packet_id_at: Option<usize>,
    tag_at: usize,
}

impl Publisher {
    pub(super) fn new(plan: &Plan, number: u32, window: u16) -> Result<Self, Failure> {
        let packets = plan.topics_of(number).map(|topic| Prepared::new(plan, topic));
        Ok(Self {
            window: Window::new(window),
            sent: 0,
            is_ready: false,
            packets: packets.collect::<Result<_, _>>()?,
            turn: 0,
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
            let packet = &mut self.packets[self.turn];
            let is_acknowledged = packet.packet_id_at.is_none();
            let sequence = self.window.open(due(self.sent), self.deliveries, is_acknowledged);
            self.sent += 1;
            let tag = Tag { run: self.run, publisher: self.number, sequence };
            output.extend_from_slice(packet.with(packet_id(sequence), tag));
            self.turn = if self.turn + 1 < self.packets.len() { self.turn + 1 } else { 0 };
        }
        self.sent - before
    }
}

impl Prepared {
    fn new(plan: &Plan, topic: u32) -> Result<Self, Failure> {
        let bytes = plan.publish(topic)?;
        // First byte and length, then the topic with its own, then the packet identifier.
        let body = bytes.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 2;
        let length = usize::from(u16::from_be_bytes([bytes[body], bytes[body + 1]]));
        Ok(Self {
            packet_id_at: (plan.qos > QoS::AtMostOnce).then_some(body + 2 + length),
            tag_at: bytes.len() - plan.payload,
            bytes,
        })
    }

    /// The bytes to be sent.
    fn with(&mut self, packet_id: u16, tag: Tag) -> &[u8] {
        if let Some(at) = self.packet_id_at {
            self.bytes[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        self.bytes[self.tag_at..self.tag_at + SIZE].copy_from_slice(&tag.to_bytes());
        &self.bytes
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
    fn topics_take_turns() {
        // Of different lengths: 9, 19 and 29 come before 99 and 109.
        let plan = plan(&["-q", "1", "--publishers", "10", "--topics", "11"]);
        let mut publisher = Publisher::new(&plan, 9, 100).unwrap();
        let mut seen = Vec::new();
        for _ in 0..23 {
            let mut output = Vec::new();
            publisher.fill(&mut output, publisher.sent + 1, |_| 0);
            let packet = Packet::decode(&output, plan.version).unwrap();
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            let tag = Tag { run: plan.run, publisher: 9, sequence: publisher.sent - 1 };
            assert_eq!(Tag::of(publish.payload), Some(tag));
            assert_eq!(publish.packet_id.map(|id| u64::from(id.get())), Some(publisher.sent));
            seen.push(publish.topic.to_owned());
        }
        let topics: Vec<_> = (0..11).map(|round| format!("bench/{}", 9 + 10 * round)).collect();
        assert_eq!(seen[..11], topics);
        assert_eq!((&seen[11..22], &seen[22]), (&topics[..], &topics[0]));
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
