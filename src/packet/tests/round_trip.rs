//! What is encoded is decoded to the same, and bad bytes never do more than fail.

use alloc::vec::Vec;

use super::{BOTH, STEP, WIRE_EXAMPLES, bytes, encoded, samples};
use crate::packet::{Fault, Packet, ProtocolVersion, VariableByteInteger};

/// [MQTT-2.2.2-1] (3.1.1), [MQTT-2.1.3-1] (5.0)
#[test]
fn s57_samples_survive_encoding_and_decoding() {
    for (version, packet) in samples() {
        let frame = encoded(&packet, version).unwrap();
        let decoded = Packet::decode(&frame, version).unwrap();
        assert_eq!(decoded, packet);
        assert_eq!(encoded(&decoded, version).unwrap(), frame, "{packet}");
    }
}

/// [MQTT-1.5.3-3] (3.1.1), [MQTT-1.5.4-3] (5.0).
#[test]
fn a_byte_order_mark_stays_in_a_string() {
    for version in BOTH {
        let extra: &[u8] = if version == ProtocolVersion::V5 { &[0] } else { &[] };
        let mut frame = Vec::from([0x30, 6, 0, 4, 0xEF, 0xBB, 0xBF, b'a']);
        frame.extend_from_slice(extra);
        frame[1] += u8::try_from(extra.len()).unwrap();
        let Ok(Packet::Publish(publish)) = Packet::decode(&frame, version) else { panic!("a PUBLISH") };
        assert_eq!(publish.topic, "\u{FEFF}a");
    }
}

/// The packet ends at any place, with its length as announced, and with the length that is there.
#[test]
fn s54_a_packet_cut_anywhere_is_refused() {
    for (version, packet) in samples() {
        let frame = encoded(&packet, version).unwrap();
        for cut in (0..frame.len()).step_by(STEP) {
            let error = Packet::decode(&frame[..cut], version).unwrap_err();
            assert_eq!(error.fault, Fault::Truncated, "{packet} cut at {cut}");
            assert!(error.offset <= cut, "{packet} cut at {cut}: {error}");
        }
        let (_, length) = VariableByteInteger::get(&frame[1..]).unwrap();
        let body = &frame[1 + length..];
        for cut in (0..body.len()).step_by(STEP) {
            let mut short = Vec::from([frame[0]]);
            VariableByteInteger::put(cut.try_into().unwrap(), &mut short);
            short.extend_from_slice(&body[..cut]);
            check_stable(&short, version);
            // A shorter packet may be whole, but it is never taken for the longer one.
            let is_taken_for_it = Packet::decode(&short, version).as_ref() == Ok(&packet);
            assert!(!is_taken_for_it || is_auth_of_length_one(&short), "{packet}");
        }
    }
}

#[test]
fn s57_no_changed_byte_does_more_than_fail() {
    let samples = samples();
    let encoded = samples.iter().map(|(version, packet)| encoded(packet, *version).unwrap());
    for mut frame in encoded.chain(WIRE_EXAMPLES.iter().map(|(hex, _)| bytes(hex))).step_by(STEP) {
        for index in (0..frame.len()).step_by(STEP) {
            let original = frame[index];
            for value in (0..=u8::MAX).step_by(STEP) {
                frame[index] = value;
                BOTH.iter().for_each(|version| check_stable(&frame, *version));
            }
            frame[index] = original;
        }
    }
}

/// Every length field of two bytes is set to what mistakes make of it, over the whole packet. CVE-2021-45932 to CVE-2021-45939: the
/// packets of servers too.
#[test]
fn s57_wrong_inner_lengths_do_no_more_than_fail() {
    for (version, packet) in samples() {
        let frame = encoded(&packet, version).unwrap();
        for index in (1..frame.len().saturating_sub(1)).step_by(STEP) {
            let real = u16::from_be_bytes([frame[index], frame[index + 1]]);
            for wrong in [0, real.wrapping_sub(1), real.wrapping_add(1), u16::MAX] {
                let mut changed = frame.clone();
                changed[index..index + 2].copy_from_slice(&wrong.to_be_bytes());
                check_stable(&changed, version);
            }
        }
    }
}

/// What is decoded from these bytes, if anything, is encoded and decoded to the same, in the same bytes from then on.
fn check_stable(frame: &[u8], version: ProtocolVersion) {
    let Ok(packet) = Packet::decode(frame, version) else {
        return;
    };
    let again = encoded(&packet, version).unwrap_or_else(|error| {
        panic!("{frame:02x?} is decoded to {packet}, which can't be encoded: {error}")
    });
    assert!(again.len() <= frame.len() || is_auth_of_length_one(frame));
    let decoded = Packet::decode(&again, version).unwrap();
    assert_eq!(decoded, packet);
    assert_eq!(encoded(&decoded, version).unwrap(), again);
}

/// It lacks the length of its properties: that is let pass, and never sent.
fn is_auth_of_length_one(frame: &[u8]) -> bool {
    matches!(frame, [0xF0, 1, _])
}
