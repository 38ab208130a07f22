//! Frames of a real exchange that tutorials print: decoded, put in words, and encoded back bit for bit.

use alloc::{string::ToString, vec::Vec};

use super::{BOTH, V3, bytes, encoded, fault_of};
use crate::packet::{
    DecodeError, Fault, Packet, PacketType, ProtocolVersion, ReasonCode, VariableByteInteger,
};

/// Bytes and words of 3.1.1.
pub(crate) const WIRE_EXAMPLES: [(&str, &str); 18] = [
    (
        "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A",
        r#"CONNECT v3.1.1 id="894672089" clean_start keep_alive=120 user_name="489402" password=7 bytes"#,
    ),
    (
        "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 37 36 37 39 35 38 00 06 34 38 39 34 30 32 00 07 64 70 6A 66 73 73 6A",
        r#"CONNECT v3.1.1 id="894767958" clean_start keep_alive=120 user_name="489402" password=7 bytes"#,
    ),
    ("20 02 00 00", "CONNACK success session_present=false"),
    ("20 02 01 00", "CONNACK success session_present=true"),
    ("82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00", r#"SUBSCRIBE id=10 "app_topic" qos=0"#),
    ("82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01", r#"SUBSCRIBE id=11 "app_topic" qos=1"#),
    ("82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00", r#"SUBSCRIBE id=10 "kfb_topic" qos=0"#),
    ("A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63", r#"UNSUBSCRIBE id=12 "app_topic""#),
    ("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33", r#"PUBLISH qos=0 topic="kfb_topic" payload=3 bytes"#),
    (
        "32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        r#"PUBLISH id=1 qos=1 topic="kfb_topic" payload=3 bytes"#,
    ),
    (
        "3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        r#"PUBLISH id=1 qos=1 dup topic="kfb_topic" payload=3 bytes"#,
    ),
    (
        "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        r#"PUBLISH id=1 qos=2 topic="kfb_topic" payload=3 bytes"#,
    ),
    ("40 02 00 01", "PUBACK id=1 success"),
    ("50 02 00 01", "PUBREC id=1 success"),
    ("62 02 00 01", "PUBREL id=1 success"),
    ("70 02 00 01", "PUBCOMP id=1 success"),
    ("C0 00", "PINGREQ"),
    ("D0 00", "PINGRESP"),
];

/// [MQTT-2.2.2-1] [MQTT-2.3.1-5] [MQTT-3.1.3-1] [MQTT-3.3.2-1] (3.1.1)
#[test]
fn wire_examples_are_decoded_and_encoded_back() {
    for (hex, words) in WIRE_EXAMPLES.into_iter().chain([("E0 00", "DISCONNECT normal")]) {
        let frame = bytes(hex);
        let packet = Packet::decode(&frame, V3).unwrap();
        assert_eq!(packet.to_string(), words);
        assert_eq!(encoded(&packet, V3).unwrap(), frame, "{words}");
    }
}

#[test]
fn the_fields_of_the_first_example() {
    let frame = bytes(WIRE_EXAMPLES[0].0);
    // CONNECT names its own version.
    for version in BOTH {
        let Ok(Packet::Connect(connect)) = Packet::decode(&frame, version) else { panic!("a CONNECT") };
        assert_eq!(connect.version, V3);
        assert_eq!((connect.client_id, connect.user_name), ("894672089", Some("489402")));
        assert_eq!((connect.password, connect.will), (Some(&b"dndfssj"[..]), None));
        assert_eq!((connect.keep_alive, connect.clean_start), (120, true));
    }
}

/// [MQTT-2.2.2-2] [MQTT-3.6.1-1] (3.1.1), [MQTT-2.1.3-1] (5.0).
#[test]
fn s54_the_pubrel_that_tutorials_print_is_refused() {
    let fault = Fault::HeaderFlags { packet: PacketType::PubRel, flags: 0 };
    let expected = DecodeError { offset: 0, field: "flags", fault };
    for (version, statement) in [(V3, "MQTT-2.2.2-2"), (ProtocolVersion::V5, "MQTT-2.1.3-1")] {
        let error = fault_of(&bytes("60 02 00 01"), version);
        assert_eq!(error, expected);
        assert_eq!(
            (error.reason(), error.statement(version)),
            (ReasonCode::MalformedPacket, Some(statement))
        );
    }
    assert_eq!(expected.to_string(), "byte 0, flags: the flags are 0000, but those of PUBREL must be 0010");
}

/// [MQTT-1.5.5-1] (5.0)
#[test]
fn the_ranges_of_the_remaining_length() {
    for (value, hex) in [
        (0, "00"),
        (127, "7F"),
        (128, "80 01"),
        (16_383, "FF 7F"),
        (16_384, "80 80 01"),
        (2_097_151, "FF FF 7F"),
        (2_097_152, "80 80 80 01"),
        (268_435_455, "FF FF FF 7F"),
    ] {
        let mut out = Vec::new();
        VariableByteInteger::put(value, &mut out);
        assert_eq!(out, bytes(hex));
        assert_eq!(VariableByteInteger::length_of(value), out.len());
        assert_eq!(VariableByteInteger::get(&out), Some((value, out.len())));
        for cut in 0..out.len() {
            assert_eq!(VariableByteInteger::read(&out[..cut]), Ok(None), "{hex} cut at {cut}");
        }
    }
    for (hex, fault, index) in [
        ("80 00", Fault::IntegerNotMinimal, 1),
        ("FF 80 00", Fault::IntegerNotMinimal, 2),
        ("80 80 80 00", Fault::IntegerNotMinimal, 3),
        ("FF FF FF 80 01", Fault::IntegerTooLong, 3),
        ("FF FF FF FF", Fault::IntegerTooLong, 3),
    ] {
        assert_eq!(VariableByteInteger::read(&bytes(hex)), Err((fault, index)), "{hex}");
        assert_eq!(VariableByteInteger::get(&bytes(hex)), None);
    }
}
