//! `mqtt decode`, on the wire examples and on what is wrong.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{Run, run, run_with_input};

/// The bytes that people learn the protocol from, what they are, and in which version they can be read.
const EXAMPLES: [(&str, &str); 17] = [
    (
        "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A",
        "CONNECT v3.1.1 id=\"894672089\" clean_start keep_alive=120 user_name=\"489402\" password=7 bytes",
    ),
    ("20 02 00 00", "CONNACK success session_present=false"),
    ("20 02 01 00", "CONNACK success session_present=true"),
    ("82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00", "SUBSCRIBE id=10 \"app_topic\" qos=0"),
    ("82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01", "SUBSCRIBE id=11 \"app_topic\" qos=1"),
    ("82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00", "SUBSCRIBE id=10 \"kfb_topic\" qos=0"),
    ("A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63", "UNSUBSCRIBE id=12 \"app_topic\""),
    ("30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33", "PUBLISH qos=0 topic=\"kfb_topic\" payload=3 bytes"),
    (
        "32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        "PUBLISH id=1 qos=1 topic=\"kfb_topic\" payload=3 bytes",
    ),
    (
        "3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        "PUBLISH id=1 qos=1 dup topic=\"kfb_topic\" payload=3 bytes",
    ),
    (
        "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
        "PUBLISH id=1 qos=2 topic=\"kfb_topic\" payload=3 bytes",
    ),
    ("40 02 00 01", "PUBACK id=1 success"),
    ("50 02 00 01", "PUBREC id=1 success"),
    ("62 02 00 01", "PUBREL id=1 success"),
    ("70 02 00 01", "PUBCOMP id=1 success"),
    ("C0 00", "PINGREQ"),
    ("D0 00", "PINGRESP"),
];

#[test]
fn the_wire_examples_are_explained_one_by_one() {
    for (hex, words) in EXAMPLES {
        for arguments in [&["decode", hex][..], &["decode", "-V", "311", hex]] {
            let Run { code, out, err } = run(arguments);
            assert_eq!((code, &*err), (0, ""), "{hex}: {out}");
            assert!(out.lines().any(|line| line.trim() == words), "{hex}: {out}");
            assert!(out.contains("packet type ="), "{out}");
        }
    }
}

#[test]
fn the_wire_examples_are_explained_as_one_stream() {
    let all: Vec<_> = EXAMPLES.iter().map(|(hex, _)| *hex).collect();
    let Run { code, out, .. } = run(&["decode", &all.join(" ")]);
    assert_eq!(code, 0, "{out}");
    for (_, words) in EXAMPLES {
        assert!(out.contains(words), "{out}");
    }
    // CONNECT told the version: no guesses.
    assert!(!out.contains("guessed"), "{out}");
}

#[test]
fn every_byte_range_is_shown_with_its_field() {
    let Run { out, .. } = run(&["decode", EXAMPLES[0].0]);
    for line in [
        "  0         10                         packet type = CONNECT",
        "  1         26                         remaining length = 38",
        "  2..7      00 04 4D 51 54 54          protocol name = \"MQTT\"",
        "  10..11    00 78                      keep alive = 120",
        "  12..22    00 09 38 39 34 36 .. 39    client identifier = \"894672089\"",
        "  31..39    00 07 64 6E 64 66 .. 6A    password = \"dndfssj\"",
    ] {
        assert!(out.lines().any(|shown| shown == line), "{line:?} in {out}");
    }
}

/// The tutorials' PUBREL: both versions' statements, as nobody said which version it is.
#[test]
fn s54_a_wrong_pubrel_is_named_with_offset_reason_and_statements() {
    let Run { code, out, .. } = run(&["decode", "60 02 00 01"]);
    assert_eq!(code, 1);
    for part in [
        "BAD at byte 0",
        "flags",
        "malformed packet (0x81)",
        "[MQTT-2.2.2-2] of MQTT 3.1.1",
        "[MQTT-2.1.3-1] of MQTT 5.0",
    ] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    let Run { out, .. } = run(&["decode", "-V", "3.1.1", "60020001"]);
    assert!(out.contains("[MQTT-2.2.2-2]") && !out.contains("[MQTT-2.1.3-1]"), "{out}");
}

/// One bad packet does not hide those behind it; a length that can't be read does, and that is said.
#[test]
fn a_stream_is_read_on_behind_a_bad_packet() {
    let Run { code, out, .. } = run(&["decode", "c0 00", "60 02 00 01", "d0 00"]);
    assert_eq!(code, 1);
    assert!(
        out.contains("PINGREQ, 2 bytes at 0")
            && out.contains("PUBREL, 4 bytes at 2")
            && out.contains("PINGRESP, 2 bytes at 6")
    );
    let Run { code, out, .. } = run(&["decode", "30 ff ff ff ff 7f c0 00"]);
    assert_eq!(code, 1);
    assert!(out.contains("behind a length that can't be read"), "{out}");
    let Run { code, out, .. } = run(&["decode", "30 0e 00 09"]);
    assert_eq!(code, 1);
    assert!(out.contains("BAD"), "{out}");
}

#[test]
fn both_directions_are_read_from_a_dump() {
    let dump = "# a comment\nc>s 101000044d5154540502000003 21000a 0000\ns>c 2003000000\n\nc>s c000 # and a remark\ns>c d0\ns>c 00\ns>c c000\n";
    let Run { code, out, .. } = run_with_input(&["decode", "-"], dump.as_bytes());
    assert!(out.contains("c>s CONNECT") && out.contains("s>c CONNACK, 5 bytes at 0, MQTT 5.0\n"), "{out}");
    assert!(out.contains("s>c PINGRESP, 2 bytes at 5"), "a packet in two pieces: {out}");
    assert!(out.contains("a server does not send PINGREQ"), "{out}");
    assert_eq!(code, 1);
}

/// Its level stands before what is wrong with it.
#[test]
fn a_bad_connect_tells_the_version_too() {
    let Run { code, out, .. } =
        run(&["decode", "10 0d 00 04 4d 51 54 54 04 03 00 00 00 01 61", "82 06 00 01 00 01 61 00"]);
    assert_eq!(code, 1);
    assert!(out.contains("[MQTT-3.1.2-3] of MQTT 3.1.1") && !out.contains("5.0"), "{out}");
}

#[test]
fn raw_bytes_are_read_from_standard_input() {
    let Run { code, out, .. } = run_with_input(&["decode", "--raw"], &[0xC0, 0x00, 0xE0, 0x00]);
    assert_eq!(code, 0);
    assert!(out.contains("PINGREQ") && out.contains("DISCONNECT"), "{out}");
}

#[test]
fn json_has_one_object_a_packet() {
    let Run { code, out, .. } = run(&["decode", "--json", "20 02 00 00 60 02 00 01"]);
    assert_eq!(code, 1);
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!((&objects[0]["type"], &objects[0]["version"]), (&"CONNACK".into(), &"3.1.1".into()));
    assert_eq!(objects[0]["bad"], serde_json::Value::Null);
    assert_eq!(objects[0]["fields"][0]["from"], 0);
    assert_eq!(objects[1]["bad"]["reason_code"], 0x81);
    assert_eq!(objects[1]["bad"]["statements"]["3.1.1"], "MQTT-2.2.2-2");
    assert_eq!(objects[1]["offset"], 4);
}

#[test]
fn what_is_not_hexadecimal_is_said_with_its_place() {
    for (arguments, input, part) in [
        (&["decode", "20 zz"][..], &b""[..], "'z' is not a hexadecimal digit"),
        (&["decode", "2"], b"", "an odd number of digits"),
        (&["decode"], b"", "no bytes to decode"),
        (&["decode", "-"], b"c000\nxx\n", "line 2"),
        (&["decode", "-"], &[0xC0, 0x00, 0xFF], "--raw"),
        (&["decode", "-", "c000"], b"", "can't be combined"),
        (&["decode", "--raw", "c000"], b"", "cannot be used with"),
        (&["decode", "-V", "7", "c000"], b"", "311"),
    ] {
        let Run { code, out, err } = run_with_input(arguments, input);
        assert_eq!((code, &*out), (1, ""), "{arguments:?}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
}

/// CONNECT of MQTT 3.1, and what follows it.
#[test]
fn a_conversation_of_3_1_is_explained() {
    let Run { code, out, err } =
        run(&["decode", "10 0F 00 06 4D 51 49 73 64 70 03 02 00 0A 00 01 61 20 02 00 02"]);
    assert_eq!((code, &*err), (0, ""), "{out}");
    assert!(out.contains("CONNECT v3.1 id=\"a\" clean_start keep_alive=10"), "{out}");
    assert!(out.contains("MQIsdp"), "{out}");
}
