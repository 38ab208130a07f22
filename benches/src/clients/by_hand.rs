//! A client written by hand: one thread that writes as many packets as the window lets through, and waits for acknowledgements. The
//! practical limit.

use std::{
    error::Error,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use mqtt_engine::{
    QoS,
    packet::{Connect, Packet as Request, Properties, ProtocolVersion},
};

use super::{Meter, PAYLOAD, TOPIC, WINDOW};
use crate::codec::{
    by_hand::{ByHand, Stream, read::Packet, write},
    contender::Contender,
};

pub(super) fn publish(
    address: SocketAddr,
    version: ProtocolVersion,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let mut stream = connect(address, version)?;
    let mut packets = Packets::new(version);
    let (mut acks, mut buffer) = (Stream::new(version), vec![0; 64 << 10]);
    let (mut under_way, mut awaited, mut goes_on) = (0, 1, true);
    loop {
        if goes_on {
            stream.write_all(packets.next(WINDOW - under_way))?;
            under_way = WINDOW;
        }
        let size = stream.read(&mut buffer)?;
        let before = under_way;
        ByHand::read(&mut acks, &buffer[..size], |packet| {
            let in_order =
                matches!(packet, Packet::Ack { first: write::PUBACK, packet_id } if *packet_id == awaited);
            assert!(in_order, "{packet:?}, but {awaited} is awaited");
            awaited = after(awaited);
            under_way -= 1;
        });
        goes_on = meter.acknowledged(before - under_way);
        if size == 0 || !goes_on && under_way == 0 {
            return Ok(());
        }
    }
}

fn connect(address: SocketAddr, version: ProtocolVersion) -> Result<TcpStream, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut hello = Vec::new();
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: "client",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    };
    Request::Connect(connect).encode(version, &mut hello)?;
    stream.write_all(&hello)?;
    // With no properties.
    let mut answer = if version == ProtocolVersion::V5 { vec![0; 5] } else { vec![0; 4] };
    stream.read_exact(&mut answer)?;
    if answer[..4] != [0x20, answer[1], 0, 0] {
        return Err(format!("not a CONNACK that accepts: {answer:?}").into());
    }
    Ok(stream)
}

/// A window full of packets, ready but for their packet identifiers.
struct Packets {
    bytes: Vec<u8>,
    size: usize,
    id_at: usize,
    id: u16,
}

impl Packets {
    fn new(version: ProtocolVersion) -> Self {
        let mut packet = Vec::new();
        write::plain_publish(TOPIC, &PAYLOAD, QoS::AtLeastOnce, Some(1), version, &mut packet)
            .expect("a packet that can be sent");
        // The header has two bytes, and the topic follows its length.
        Self { bytes: packet.repeat(WINDOW), size: packet.len(), id_at: 4 + TOPIC.len(), id: 1 }
    }

    /// So many.
    fn next(&mut self, count: usize) -> &[u8] {
        let bytes = &mut self.bytes[..count * self.size];
        for packet in bytes.chunks_exact_mut(self.size) {
            packet[self.id_at..self.id_at + 2].copy_from_slice(&self.id.to_be_bytes());
            self.id = after(self.id);
        }
        bytes
    }
}

fn after(packet_id: u16) -> u16 {
    packet_id.checked_add(1).unwrap_or(1)
}
