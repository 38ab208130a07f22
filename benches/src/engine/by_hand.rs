//! A client and a server written by hand for this work: packet identifiers, a table of what is in flight, the set of received
//! identifiers, and the acknowledgements. The practical limit.

use bytes::Bytes;
use mqtt_engine::{QoS, packet::ProtocolVersion};

use super::{PAYLOAD, Pair, TOPIC, Tally};
use crate::codec::{
    by_hand::{ByHand as Codec, Stream, read::Packet, write},
    contender::Contender,
};

pub(crate) struct ByHand {
    client: Client,
    server: Server,
    payload: Bytes,
}

/// How many messages may be in flight; a power of two, so that identifiers have their place in the table.
const IN_FLIGHT: usize = 64;

struct Client {
    version: ProtocolVersion,
    last_id: u16,
    in_flight: Vec<Option<Sent>>,
    stream: Stream,
    out: Vec<u8>,
}

/// A message without its last acknowledgement.
struct Sent {
    id: u16,
    /// To be sent again after a reconnect; gone once PUBREC came.
    payload: Option<Bytes>,
}

struct Server {
    /// A bit for each identifier of a message with QoS 2 that is not released.
    received: Vec<u64>,
    stream: Stream,
    out: Vec<u8>,
}

impl Pair for ByHand {
    const NAME: &'static str = "by hand";

    fn connected(version: ProtocolVersion) -> Option<Self> {
        let in_flight = (0..IN_FLIGHT).map(|_| None).collect();
        let (stream, out) = (Stream::new(version), Vec::new());
        let client = Client { version, last_id: 0, in_flight, stream, out };
        let received = vec![0; (1 << 16) / 64];
        let server = Server { received, stream: Stream::new(version), out: Vec::new() };
        Some(Self { client, server, payload: Bytes::copy_from_slice(&PAYLOAD) })
    }

    fn exchange(&mut self, count: usize, qos: QoS) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..count {
            self.client.publish(TOPIC, &self.payload, qos).expect("room for a message");
        }
        while !self.client.out.is_empty() {
            self.server.receive(&self.client.out, &mut tally);
            self.client.out.clear();
            self.client.receive(&self.server.out, &mut tally);
            self.server.out.clear();
        }
        tally
    }
}

impl Client {
    fn publish(&mut self, topic: &str, payload: &Bytes, qos: QoS) -> Option<()> {
        let mut id = None;
        if qos > QoS::AtMostOnce {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let slot = &mut self.in_flight[usize::from(self.last_id) % IN_FLIGHT];
            if slot.is_some() {
                return None;
            }
            *slot = Some(Sent { id: self.last_id, payload: Some(payload.clone()) });
            id = Some(self.last_id);
        }
        write::plain_publish(topic, payload, qos, id, self.version, &mut self.out)
    }

    fn receive(&mut self, bytes: &[u8], tally: &mut Tally) {
        let Self { in_flight, stream, out, .. } = self;
        Codec::read(stream, bytes, |packet| {
            let Packet::Ack { first, packet_id } = packet else { panic!("unexpected: {packet:?}") };
            let slot = &mut in_flight[usize::from(*packet_id) % IN_FLIGHT];
            let sent = slot.as_mut().filter(|sent| sent.id == *packet_id).expect("it is in flight");
            if *first == write::PUBREC {
                sent.payload = None;
                write::ack(write::PUBREL, *packet_id, out);
            } else {
                *slot = None;
                tally.finished += 1;
            }
        });
    }
}

impl Server {
    fn receive(&mut self, bytes: &[u8], tally: &mut Tally) {
        let Self { received, stream, out } = self;
        Codec::read(stream, bytes, |packet| match packet {
            Packet::Publish(publish) => {
                let id = publish.packet_id.unwrap_or_default();
                let bit = 1 << (id % 64);
                let word = &mut received[usize::from(id) / 64];
                if publish.qos < 2 || *word & bit == 0 {
                    tally.delivered(publish.payload);
                }
                if publish.qos == 1 {
                    write::ack(write::PUBACK, id, out);
                } else if publish.qos == 2 {
                    *word |= bit;
                    write::ack(write::PUBREC, id, out);
                }
            }
            Packet::Ack { packet_id, .. } => {
                received[usize::from(*packet_id) / 64] &= !(1 << (packet_id % 64));
                write::ack(write::PUBCOMP, *packet_id, out);
            }
            Packet::Connect(_) => panic!("unexpected: {packet:?}"),
        });
    }
}
