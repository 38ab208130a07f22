//! Planted faults that no correct client or broker can survive. Each must be found, which shows that the checks can fail.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Buf;
use mqtt_engine::framing::{Framing, Span};

use super::faults::Way;

/// What the relay does to all that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The first PUBACK of a connection is lost, and every other one for its packet identifier.
    LosePubAck,
    /// One in four QoS 1 messages of clients is acknowledged and thrown away.
    LoseMessages,
    /// QoS 2 messages of clients come twice, under two packet identifiers.
    RepeatQoS2,
    /// A QoS 1 message waits until the next one of its connection has passed.
    Reorder,
    /// A task panics, and nobody looks.
    Panic,
}

const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;

/// Whoever tells packets otherwise than they were told; both directions of a connection share one.
#[derive(Clone, Debug)]
pub(super) struct Liar {
    what: Sabotage,
    wires: Arc<Mutex<Wires>>,
}

#[derive(Debug)]
struct Wires {
    up: Framing,
    down: Framing,
    /// Packets of our own for the client.
    forged: Vec<u8>,
    /// A message that waits.
    kept: Vec<u8>,
    messages: usize,
    /// The packet identifier whose PUBACKs are lost.
    unlucky: Option<u16>,
}

impl Wires {
    const fn new() -> Self {
        Self {
            up: Framing::new(usize::MAX),
            down: Framing::new(usize::MAX),
            forged: Vec::new(),
            kept: Vec::new(),
            messages: 0,
            unlucky: None,
        }
    }
}

impl Liar {
    pub(super) fn new(what: Sabotage) -> Self {
        Self { what, wires: Arc::new(Mutex::new(Wires::new())) }
    }

    /// The same, for another connection.
    pub(super) fn for_connection(&self) -> Self {
        if self.what == Sabotage::Panic {
            drop(tokio::spawn(async { panic!("planted") }));
        }
        Self::new(self.what)
    }

    /// What is passed on in place of these bytes.
    pub(super) fn retell(&self, way: Way, mut input: &[u8]) -> Vec<u8> {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = Vec::new();
        loop {
            let framing = if way == Way::Up { &mut wires.up } else { &mut wires.down };
            let packet = match framing.next(&mut input) {
                Ok(Some(Span::InPlace(size))) => {
                    let packet = input[..size].to_vec();
                    input.advance(size);
                    packet
                }
                Ok(Some(Span::Assembled(packet) | Span::Skipped { prefix: packet, .. })) => packet.to_vec(),
                Ok(None) => break,
                Err(_) => {
                    output.extend_from_slice(input);
                    break;
                }
            };
            match way {
                Way::Up => self.retell_up(packet, &mut wires, &mut output),
                Way::Down => self.retell_down(packet, &mut wires, &mut output),
            }
        }
        if way == Way::Down {
            output.append(&mut wires.forged);
        }
        output
    }

    fn retell_up(&self, packet: Vec<u8>, wires: &mut Wires, output: &mut Vec<u8>) {
        let (kind, qos) = (packet[0] >> 4, packet[0] >> 1 & 3);
        wires.messages += usize::from(kind == PUBLISH);
        match (self.what, kind, qos) {
            (Sabotage::LoseMessages, PUBLISH, 1) if wires.messages.is_multiple_of(4) => {
                let [high, low] = id_of(&packet).to_be_bytes();
                wires.forged.extend([PUBACK << 4, 2, high, low]);
            }
            (Sabotage::RepeatQoS2, PUBLISH, 2) => {
                let mut again = packet.clone();
                let place = id_place(&packet);
                again[place] |= 0x40;
                output.extend(packet);
                output.extend(again);
            }
            (Sabotage::Reorder, PUBLISH, 1) if wires.kept.is_empty() => wires.kept = packet,
            _ => {
                output.extend(packet);
                output.extend(mem::take(&mut wires.kept));
            }
        }
    }

    fn retell_down(&self, packet: Vec<u8>, wires: &mut Wires, output: &mut Vec<u8>) {
        if self.what == Sabotage::LosePubAck && packet[0] >> 4 == PUBACK {
            let id = u16::from_be_bytes([packet[2], packet[3]]);
            if *wires.unlucky.get_or_insert(id) == id {
                return;
            }
        }
        output.extend(packet);
    }
}

/// Where the packet identifier of a QoS 1 or 2 PUBLISH stands: behind the fixed header and the topic.
fn id_place(publish: &[u8]) -> usize {
    let length_bytes = publish[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let topic = 1 + length_bytes;
    topic + 2 + usize::from(u16::from_be_bytes([publish[topic], publish[topic + 1]]))
}

fn id_of(publish: &[u8]) -> u16 {
    let place = id_place(publish);
    u16::from_be_bytes([publish[place], publish[place + 1]])
}
