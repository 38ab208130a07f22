//! Packets out of what arrived, read only as far as a load generator must.

use mqtt_engine::packet::{PacketType, ProtocolVersion};

/// A packet, with what counts of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    Publish {
        qos: u8,
        /// 0 without one.
        packet_id: u16,
        payload: &'a [u8],
    },
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Answer {
        packet_type: PacketType,
        packet_id: u16,
        /// 0 in 3.1.1.
        reason: u8,
    },
    PingResp,
    /// Any other, whole: for the engine's own decoder.
    Other(&'a [u8]),
}

/// Why a stream can't be read on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A length of more than four bytes, or a packet that ends before its fields do.
    Malformed,
    /// So many bytes: more than any packet that can be expected.
    TooLarge(usize),
}

/// The first packet in `input` and its size; `None` while it is not whole.
pub(super) fn next(
    input: &[u8],
    version: ProtocolVersion,
    largest: usize,
) -> Result<Option<(Incoming<'_>, usize)>, Unreadable> {
    let Some((&first, behind)) = input.split_first() else { return Ok(None) };
    let Some((remaining, behind)) = variable(behind)? else { return Ok(None) };
    let size = input.len() - behind.len() + remaining;
    if size > largest {
        return Err(Unreadable::TooLarge(size));
    }
    let (Some(body), Some(packet)) = (behind.get(..remaining), input.get(..size)) else { return Ok(None) };
    let incoming = match PacketType::from_u8(first >> 4) {
        Some(PacketType::Publish) => publish(first, body, version)?,
        Some(
            packet_type
            @ (PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp),
        ) => {
            let (packet_id, rest) = two_bytes(body)?;
            Incoming::Answer { packet_type, packet_id, reason: rest.first().copied().unwrap_or(0) }
        }
        Some(PacketType::PingResp) => Incoming::PingResp,
        _ => Incoming::Other(packet),
    };
    Ok(Some((incoming, size)))
}

fn publish(first: u8, body: &[u8], version: ProtocolVersion) -> Result<Incoming<'_>, Unreadable> {
    let (topic, rest) = two_bytes(body)?;
    let mut rest = rest.get(usize::from(topic)..).ok_or(Unreadable::Malformed)?;
    let qos = first >> 1 & 3;
    let mut packet_id = 0;
    if qos > 0 {
        (packet_id, rest) = two_bytes(rest)?;
    }
    if version == ProtocolVersion::V5 {
        let (properties, behind) = variable(rest)?.ok_or(Unreadable::Malformed)?;
        rest = behind.get(properties..).ok_or(Unreadable::Malformed)?;
    }
    Ok(Incoming::Publish { qos, packet_id, payload: rest })
}

/// A variable byte integer and what follows it; `None` if it is not whole.
fn variable(bytes: &[u8]) -> Result<Option<(usize, &[u8])>, Unreadable> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(bytes.get(index + 1..).map(|rest| (value, rest)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Unreadable::Malformed) }
}

fn two_bytes(bytes: &[u8]) -> Result<(u16, &[u8]), Unreadable> {
    let (two, rest) = bytes.split_first_chunk().ok_or(Unreadable::Malformed)?;
    Ok((u16::from_be_bytes(*two), rest))
}

#[cfg(test)]
mod tests {
    use ProtocolVersion::{V3_1_1, V5};
    use mqtt_engine::{
        QoS,
        packet::{Ack, Packet, PacketId, Properties, Property, Publish, ReasonCode},
    };

    use super::*;

    const ID: PacketId = PacketId::new(0x1234).unwrap();

    /// What a server sends, in the engine's own bytes; the publishes are of all sizes of the remaining length up to three bytes.
    fn stream(version: ProtocolVersion, payload: &[u8]) -> Vec<u8> {
        let properties = [Property::ContentType("text"), Property::UserProperty("a", "b")];
        let properties = if version == V5 { Properties::new(&properties) } else { Properties::NONE };
        let mut packets = vec![
            Packet::PingResp,
            Packet::ConnAck(mqtt_engine::packet::ConnAck {
                session_present: false,
                reason: ReasonCode::Success,
                properties: Properties::NONE,
            }),
        ];
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for (topic, payload) in [("a", &payload[..3]), ("bench/12", &payload[..200]), ("b", payload)] {
                packets.push(Packet::Publish(Publish {
                    duplicate: false,
                    qos,
                    retain: false,
                    topic,
                    packet_id: (qos > QoS::AtMostOnce).then_some(ID),
                    properties,
                    payload,
                }));
            }
        }
        packets.push(Packet::PubAck(Ack::new(ID, ReasonCode::Success)));
        packets.push(Packet::PubRec(Ack::new(ID, ReasonCode::Success)));
        packets.push(Packet::PubRel(Ack::new(ID, ReasonCode::Success)));
        packets.push(Packet::PubComp(Ack::new(ID, ReasonCode::Success)));
        if version == V5 {
            packets.push(Packet::PubAck(Ack::new(ID, ReasonCode::QuotaExceeded)));
        }
        let mut bytes = Vec::new();
        for packet in packets {
            packet.encode(version, &mut bytes).unwrap();
        }
        bytes
    }

    /// All packets in words, and how much was left.
    fn read(input: &[u8], version: ProtocolVersion) -> (Vec<String>, usize) {
        let (mut said, mut rest) = (Vec::new(), input);
        while let Some((packet, size)) = next(rest, version, 20_000).unwrap() {
            said.push(format!("{packet:?}"));
            rest = &rest[size..];
        }
        (said, rest.len())
    }

    #[test]
    fn what_counts_of_each_packet_is_read() {
        let payload = [7; 17_000];
        for version in [V3_1_1, V5] {
            let (said, left) = read(&stream(version, &payload), version);
            assert_eq!((said.len(), left), (if version == V5 { 16 } else { 15 }, 0));
            assert_eq!(said[0], "PingResp");
            assert!(said[1].starts_with("Other([32, "), "{}", said[1]);
            for qos in 0..3_u8 {
                for (index, size) in [3, 200, 17_000].into_iter().enumerate() {
                    let packet_id = if qos > 0 { 0x1234 } else { 0 };
                    let payload = &payload[..size];
                    let expected = format!("{:?}", Incoming::Publish { qos, packet_id, payload });
                    assert_eq!(said[2 + usize::from(qos) * 3 + index], expected);
                }
            }
            for (index, packet_type) in
                [PacketType::PubAck, PacketType::PubRec, PacketType::PubRel, PacketType::PubComp]
                    .into_iter()
                    .enumerate()
            {
                let expected = Incoming::Answer { packet_type, packet_id: 0x1234, reason: 0 };
                assert_eq!(said[11 + index], format!("{expected:?}"));
            }
            if version == V5 {
                assert!(said[15].ends_with("reason: 151 }"), "{}", said[15]);
            }
        }
    }

    #[test]
    fn every_cut_gives_the_same_packets() {
        for version in [V3_1_1, V5] {
            let bytes = stream(version, &[7; 200]);
            let (whole, _) = read(&bytes, version);
            for cut in 0..bytes.len() {
                let (mut said, left) = read(&bytes[..cut], version);
                let (rest, end) = read(&bytes[cut - left..], version);
                said.extend(rest);
                assert_eq!((said, end), (whole.clone(), 0), "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_told() {
        use Unreadable::{Malformed, TooLarge};
        for (bytes, version, fault) in [
            (&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1][..], V5, Malformed),
            // A topic that is longer than its packet, no packet identifier, no properties, properties that are too long.
            (&[0x30, 3, 0, 9, b'a'], V3_1_1, Malformed),
            (&[0x32, 4, 0, 1, b'a', 0], V3_1_1, Malformed),
            (&[0x30, 3, 0, 1, b'a'], V5, Malformed),
            (&[0x30, 4, 0, 1, b'a', 1], V5, Malformed),
            (&[0x40, 1, 0], V5, Malformed),
            (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], V5, TooLarge(268_435_460)),
        ] {
            assert_eq!(next(bytes, version, 1000), Err(fault), "{bytes:02x?}");
        }
    }
}
