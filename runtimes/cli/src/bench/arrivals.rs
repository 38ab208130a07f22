//! What arrives under load: messages at subscribers, acknowledgements at publishers.

use std::io;

use mqtt_engine::{
    DisconnectReason, QoS,
    packet::{PacketType, ReasonCode},
};

use super::{
    load::Load,
    network::Handler,
    parse::Incoming,
    subscriber::Arrival,
    tag::Tag,
    words::{name, other, unexpected},
};
use crate::{connect, failure::Failure};

impl Handler for Load<'_> {
    fn packet(
        &mut self,
        connection: usize,
        packet: Incoming<'_>,
        output: &mut Vec<u8>,
        now: u64,
    ) -> Result<(), Failure> {
        let done = match packet {
            Incoming::Publish { qos, packet_id, payload } if qos == self.plan.qos as u8 => {
                match qos {
                    0 => {}
                    1 => reply(output, 0x40, packet_id),
                    _ => reply(output, 0x50, packet_id),
                }
                self.receive(connection, payload, now)
            }
            Incoming::Answer { packet_type: PacketType::PubRel, packet_id, .. }
                if connection < self.subscribers.len() =>
            {
                reply(output, 0x70, packet_id);
                Some(())
            }
            Incoming::Answer { reason, .. } if reason >= 0x80 => {
                return Err(self.refused(connection, reason));
            }
            Incoming::Answer { packet_type, packet_id, .. } => {
                self.arrived(now);
                self.answered(connection, packet_type, packet_id, output)
            }
            Incoming::PingResp => {
                // Those that only keep connections alive come from a server that delivers nothing, too.
                if self.plan.is_unheard() {
                    self.arrived(now);
                }
                self.pings = self.pings.saturating_sub(1);
                Some(())
            }
            Incoming::Publish { .. } => None,
            Incoming::Other(frame) => return Err(other(self.plan, connection, frame)),
        };
        done.ok_or_else(|| unexpected(self.plan, connection, &packet))
    }

    fn closed(&mut self, connection: usize, error: Option<io::Error>) -> Result<(), Failure> {
        let why = connect::in_words(&DisconnectReason::TransportClosed, error.as_ref());
        let delivered = self.phase.delivered;
        Err(Failure::new(format!("the connection was lost after {delivered} deliveries: {why}"))
            .at(&name(self.plan, connection)))
    }

    fn writable(&mut self, connection: usize) {
        let publisher = connection.checked_sub(self.subscribers.len());
        if let Some(number) = publisher.filter(|number| *number < self.publishers.len()) {
            self.wake(u32::try_from(number).unwrap_or_default());
        }
    }
}

impl Load<'_> {
    /// A subscriber got a message.
    fn receive(&mut self, connection: usize, payload: &[u8], now: u64) -> Option<()> {
        self.arrived(now);
        let Tag { run, publisher, sequence } = Tag::of(payload)?;
        let subscriber = self.subscribers.get_mut(connection)?;
        let window = &mut self.publishers.get_mut(publisher as usize)?.window;
        if run != self.plan.run || payload.len() != self.plan.payload || sequence >= window.next() {
            return None;
        }
        let (is_new, due) = if self.plan.share.is_some() {
            self.faults.out_of_order += u64::from(subscriber.is_late(publisher, sequence)?);
            let due = window.delivered(sequence);
            (due.is_some(), due)
        } else {
            match subscriber.receive(publisher, sequence)? {
                Arrival::Next { missing } => {
                    for lost in missing {
                        self.faults.lost += 1;
                        window.delivered(lost);
                    }
                    (true, window.delivered(sequence))
                }
                Arrival::OutOfOrder => {
                    self.faults.out_of_order += 1;
                    self.faults.lost -= 1;
                    (true, None)
                }
                Arrival::Again => (false, None),
            }
        };
        if is_new {
            self.phase.delivered += 1;
        } else {
            self.faults.duplicated += 1;
        }
        // What was given up has no latency.
        if let Some(due) = due {
            self.phase.latency.saturating_record(now.saturating_sub(due));
            self.slide(publisher);
        }
        Some(())
    }

    /// The server answered a publisher; `None` if it answered what was not sent.
    fn answered(
        &mut self,
        connection: usize,
        packet_type: PacketType,
        packet_id: u16,
        output: &mut Vec<u8>,
    ) -> Option<()> {
        let publisher = u32::try_from(connection).ok()?.checked_sub(self.plan.subscribers)?;
        let window = &mut self.publishers.get_mut(publisher as usize)?.window;
        match (self.plan.qos, packet_type) {
            (QoS::AtLeastOnce, PacketType::PubAck) | (QoS::ExactlyOnce, PacketType::PubComp) => {
                window.acknowledged(packet_id).then_some(())?;
                self.slide(publisher);
            }
            (QoS::ExactlyOnce, PacketType::PubRec) => {
                window.awaits(packet_id).then(|| reply(output, 0x62, packet_id))?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Looks which messages are no longer under way, and whether that makes enough room.
    fn slide(&mut self, number: u32) {
        let window = &mut self.publishers[number as usize].window;
        let over = window.slide();
        self.under_way -= over;
        if over > 0 && window.free() >= self.refill {
            self.wake(number);
        }
    }

    fn refused(&self, connection: usize, reason: u8) -> Failure {
        let reason =
            ReasonCode::from_u8(reason).map_or_else(|| format!("{reason:#04x}"), |reason| reason.to_string());
        Failure::new(format!("the server refused a message: {reason}")).at(&name(self.plan, connection))
    }
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP.
fn reply(output: &mut Vec<u8>, first: u8, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    output.extend_from_slice(&[first, 2, high, low]);
}
