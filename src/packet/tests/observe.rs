//! Watching the decoder.

use alloc::{format, string::String, vec, vec::Vec};
use core::ops::Range;

use super::{V3, V5, WIRE_EXAMPLES, bytes, encoded, samples};
use crate::packet::{FieldValue, Observer, Packet, ProtocolVersion};

#[derive(Default)]
struct Notes(Vec<(Range<usize>, String)>);

impl Observer for Notes {
    fn field(&mut self, range: Range<usize>, name: &'static str, value: FieldValue<'_>) {
        self.0.push((range, format!("{name}: {value}")));
    }
}

fn lines(frame: &[u8], version: ProtocolVersion) -> Vec<String> {
    let mut notes = Notes::default();
    let result = Packet::decode_observed(frame, version, &mut notes);
    assert_eq!(result, Packet::decode(frame, version));
    notes.0.iter().map(|(range, words)| format!("{}..{} {words}", range.start, range.end)).collect()
}

#[test]
fn the_fields_of_a_connect_are_told() {
    assert_eq!(
        lines(&bytes(WIRE_EXAMPLES[0].0), V5),
        [
            "0..1 packet type: CONNECT",
            "1..2 remaining length: 38",
            "2..8 protocol name: \"MQTT\"",
            "8..9 protocol version: v3.1.1",
            "9..10 user name flag: true",
            "9..10 password flag: true",
            "9..10 will retain: false",
            "9..10 will QoS: 0 (at most once)",
            "9..10 will flag: false",
            "9..10 clean start: true",
            "10..12 keep alive: 120",
            "12..23 client identifier: \"894672089\"",
            "23..31 user name: \"489402\"",
            "31..40 password: \"dndfssj\"",
        ]
    );
}

#[test]
fn the_fields_of_5_0_are_told() {
    assert_eq!(
        lines(&bytes("3A 0C 00 01 \"t\" 00 07 03 23 00 01 \"hi\" FF"), V5)[..],
        [
            "0..1 packet type: PUBLISH",
            "0..1 duplicate: true",
            "0..1 QoS: 1 (at least once)",
            "0..1 retain: false",
            "1..2 remaining length: 12",
            "2..5 topic name: \"t\"",
            "5..7 packet identifier: 7",
            "7..8 property length: 3",
            "8..11 topic alias: 1",
            "11..14 payload: 68 69 ff",
        ]
    );
    assert_eq!(
        lines(&bytes("82 07 00 01 00 00 01 \"t\" 19"), V5)[3..],
        [
            "4..5 property length: 0",
            "5..8 topic filter: \"t\"",
            "8..9 retain handling: 1 (send if new)",
            "8..9 retain as published: true",
            "8..9 no local: false",
            "8..9 QoS: 1 (at least once)",
        ]
    );
    assert_eq!(
        lines(&bytes("20 03 01 00 00"), V5)[2..],
        ["2..3 session present: true", "3..4 reason code: success (0x00)", "4..5 property length: 0"]
    );
    assert_eq!(lines(&bytes("20 02 00 05"), V3)[3..], ["3..4 return code: 5"]);
}

/// What is right before the fault is told.
#[test]
fn fields_are_told_up_to_the_fault() {
    assert_eq!(lines(&bytes("60 02 00 01"), V3), ["0..1 packet type: PUBREL"]);
    assert_eq!(
        lines(&bytes("82 09 00 01 00 01 \"t\" 00 00 01 FF"), V3).last().unwrap(),
        "7..8 QoS: 0 (at most once)"
    );
}

/// A topic that may not be one is told, since it explains the fault.
#[test]
fn a_topic_with_a_wildcard_is_told() {
    let told = lines(&bytes("30 05 00 03 \"a/#\""), V3);
    assert!(told.last().unwrap().starts_with("2..7 topic name: "), "{told:?}");
    assert!(told.last().unwrap().contains("a/#"), "{told:?}");
}

/// The fields cover every byte of a packet, in order.
#[test]
fn no_byte_is_left_unexplained() {
    for (version, packet) in samples() {
        let frame = encoded(&packet, version).unwrap();
        let mut notes = Notes::default();
        Packet::decode_observed(&frame, version, &mut notes).unwrap();
        let mut covered = vec![false; frame.len()];
        let mut last = 0;
        for (range, words) in &notes.0 {
            covered[range.clone()].fill(true);
            assert!(range.start >= last, "{words} in {packet}");
            last = range.start;
        }
        assert!(covered.iter().all(|covered| *covered), "{}: {:?}", packet, notes.0);
    }
}
