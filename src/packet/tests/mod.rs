//! Tests of the codec.

mod display;
mod encode;
mod fields;
mod observe;
mod properties;
mod reject;
mod reject_properties;
mod round_trip;
mod samples;
mod short_forms;
mod wire_examples;

use alloc::vec::Vec;

use super::{DecodeError, EncodeError, Packet, PacketId, ProtocolVersion};

pub(crate) use samples::samples;
pub(crate) use wire_examples::WIRE_EXAMPLES;

pub(crate) const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
pub(crate) const V5: ProtocolVersion = ProtocolVersion::V5;
pub(crate) const BOTH: [ProtocolVersion; 2] = [V3, V5];

/// Loops over everything take steps of this size, and large numbers are divided by it: all is tried, but under Miri, which is
/// slower by a factor of a thousand, only a share of it.
pub(crate) const STEP: usize = if cfg!(miri) { 31 } else { 1 };

/// The bytes of `30 05 "ab"`: hexadecimal, and text in quotes.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
        } else {
            bytes.extend(part.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
    }
    bytes
}

/// A packet of this first byte with the remaining length that its body has.
pub(crate) fn packet(first: u8, body: &str) -> Vec<u8> {
    let body = bytes(body);
    let mut packet = Vec::from([first]);
    super::VariableByteInteger::put(body.len().try_into().unwrap(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}

fn encoded(packet: &Packet<'_>, version: ProtocolVersion) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let result = packet.encode(version, &mut out);
    match result {
        Ok(()) => assert_eq!(packet.size(version), Ok(out.len()), "{packet}"),
        Err(error) => assert!(out.is_empty() && packet.size(version) == Err(error), "{packet}"),
    }
    result.map(|()| out)
}

fn fault_of(frame: &[u8], version: ProtocolVersion) -> DecodeError {
    match Packet::decode(frame, version) {
        Ok(packet) => panic!("{frame:02x?} is taken for {packet}"),
        Err(error) => error,
    }
}

const fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}
