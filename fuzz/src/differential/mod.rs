//! Our decoder and others on the same bytes.

mod differences;
mod foreign;

use mqtt_engine::packet::{DecodeError, Packet, PacketType, Property, ProtocolVersion};

use self::{
    differences::{accepts_more, reads_otherwise, refuses_more},
    foreign::{Codec, decode_and_encode},
};
use crate::packets::{properties_mut, with_properties};

/// Other codecs accept what ours accepts, and find the same in it, or the difference is a listed one.
///
/// The first byte is that of the packet, the others are what stands behind the remaining length: how packets are found in a
/// stream is not compared here.
pub fn differential(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let frame = frame(*first, body);
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let ours = Packet::decode(&frame, version);
        if is_out_of_scope(&ours, version) {
            continue;
        }
        for codec in Codec::ALL {
            compare(codec, &frame, version, &ours);
        }
    }
}

/// A packet with this first byte and body.
fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        frame.push(low | if length > 0 { 0x80 } else { 0 });
        if length == 0 {
            break;
        }
    }
    frame.extend_from_slice(body);
    frame
}

/// A CONNECT names its own version, and foreign codecs are for one each.
fn is_out_of_scope(ours: &Result<Packet<'_>, DecodeError>, version: ProtocolVersion) -> bool {
    match ours {
        Ok(Packet::Connect(connect)) => connect.version != version,
        Ok(_) => false,
        // What is wrong with the first byte or before the version is known says nothing about the version's packets.
        Err(error) => error.offset == 0 || matches!(error.field, "protocol name" | "protocol version"),
    }
}

fn compare(codec: Codec, frame: &[u8], version: ProtocolVersion, ours: &Result<Packet<'_>, DecodeError>) {
    let theirs = decode_and_encode(codec, frame, version);
    match (ours, theirs) {
        (Ok(ours), Ok(written)) => {
            let is_same = Packet::decode(&written, version).is_ok_and(|theirs| same(ours, &theirs));
            assert!(is_same || reads_otherwise(codec, ours), "{codec:?} writes {written:02X?} for {ours}");
        }
        (Err(_), Err(_)) => {}
        (Ok(packet), Err(words)) => {
            assert!(refuses_more(codec, packet), "{codec:?} refuses {packet}: {words}");
        }
        (Err(error), Ok(_)) => {
            let kind = PacketType::from_u8(frame[0] >> 4).expect("a first byte that is right");
            assert!(
                accepts_more(codec, kind, &error.fault),
                "{codec:?} accepts {frame:02X?} of {version} although {error:?}"
            );
        }
    }
}

/// Whether two packets are the same but for the order of different properties, which means nothing.
fn same(one: &Packet<'_>, other: &Packet<'_>) -> bool {
    let [one_lists, other_lists] = [one, other].map(sorted_properties);
    with_properties(*one, &one_lists.0, &one_lists.1)
        == with_properties(*other, &other_lists.0, &other_lists.1)
}

/// The properties of a packet and of its will, by identifier.
fn sorted_properties<'a>(packet: &Packet<'a>) -> (Vec<Property<'a>>, Vec<Property<'a>>) {
    let mut packet = *packet;
    let of_will = if let Packet::Connect(connect) = &packet { connect.will } else { None };
    let lists = [properties_mut(&mut packet).copied(), of_will.map(|will| will.properties)];
    let [list, of_will] = lists.map(|properties| {
        let mut list: Vec<_> = properties.iter().flat_map(|properties| properties.iter()).collect();
        list.sort_by_key(Property::id);
        list
    });
    (list, of_will)
}
