//! Packets written and read again.

use arbitrary::Unstructured;
use mqtt_engine::packet::{EncodeError, Packet, ProtocolVersion};

use crate::{
    VERSIONS,
    packets::{KINDS, with_packet},
};

/// What was written is read as the same packet, and what was read is written as one that is read so again. The length that is
/// announced is the one that is written.
pub fn round_trip(bytes: &[u8]) {
    for version in VERSIONS {
        if let Ok(packet) = Packet::decode(bytes, version) {
            there_and_back(&packet, version);
        }
    }
    // Bytes that are too few for a packet make none.
    let _ = structured(&mut Unstructured::new(bytes));
}

fn structured(choices: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let version = *choices.choose(&VERSIONS)?;
    with_packet(&KINDS, version, choices, |packet| match packet.size(version) {
        Ok(_) => there_and_back(packet, version),
        Err(error) => refused(packet, version, error),
    })
}

fn refused(packet: &Packet<'_>, version: ProtocolVersion, error: EncodeError) {
    let mut out = Vec::new();
    assert_eq!(packet.encode(version, &mut out), Err(error));
    assert!(out.is_empty(), "written although {error}");
}

fn there_and_back(packet: &Packet<'_>, version: ProtocolVersion) {
    let written = write(packet, version);
    let read = Packet::decode(&written, version).expect("what was written can be read");
    assert_eq!(read, *packet);
    assert_eq!(write(&read, version), written, "written once more it differs");
}

fn write(packet: &Packet<'_>, version: ProtocolVersion) -> Vec<u8> {
    let size = packet.size(version).expect("it can be written");
    let mut out = Vec::new();
    packet.encode(version, &mut out).expect("it has a size");
    assert_eq!(out.len(), size, "another size than announced");

    let mut small = vec![0xFF; size - 1];
    assert_eq!(packet.encode(version, &mut &mut *small), Err(EncodeError::NoRoom { needed: size }));
    assert!(small.iter().all(|byte| *byte == 0xFF), "written although there is no room");

    if let Packet::Publish(publish) = packet {
        let mut parts = Vec::new();
        publish.encode_header(version, &mut parts).expect("it has a size");
        parts.extend_from_slice(publish.payload);
        assert_eq!(parts, out, "header and payload make up the packet");
    }
    out
}
