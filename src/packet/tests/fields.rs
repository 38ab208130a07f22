//! Which fields are there, in which order, and that every string is one.

use alloc::{format, string::String, vec::Vec};

use super::{BOTH, STEP, V3, V5, bytes, encoded, fault_of, packet};
use crate::{
    QoS,
    packet::{Connect, Fault, Packet, Properties, Will},
};

/// Client identifier, will, user name and password stand in this order, each exactly if its flag is set.
/// [MQTT-3.1.2-9] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-1] [MQTT-3.1.3-3] (both versions),
/// [MQTT-3.1.2-11] [MQTT-3.1.2-20] [MQTT-3.1.2-21] (3.1.1), [MQTT-3.1.2-16] [MQTT-3.1.2-17]
/// [MQTT-3.1.3-12] (5.0)
#[test]
fn s57_the_payload_of_connect_is_what_its_flags_say() {
    for version in BOTH {
        // The length of no properties.
        let none = if version == V3 { "" } else { "00" };
        for parts in 0..8_u8 {
            let [with_will, with_name, with_password] = [1, 2, 4].map(|bit| parts & bit != 0);
            if version == V3 && with_password && !with_name {
                continue;
            }
            let will = Will {
                topic: "w",
                payload: b"m",
                qos: QoS::ExactlyOnce,
                retain: true,
                properties: Properties::NONE,
            };
            let connect = Packet::Connect(Connect {
                version,
                clean_start: false,
                keep_alive: 0x0102,
                client_id: "c",
                will: with_will.then_some(will),
                user_name: with_name.then_some("n"),
                password: with_password.then_some(b"p"),
                properties: Properties::NONE,
            });
            let fields = [
                (with_will, 0x34, format!("{none} 00 01 \"w\" 00 01 \"m\"")),
                (with_name, 0x80, String::from("00 01 \"n\"")),
                (with_password, 0x40, String::from("00 01 \"p\"")),
            ];
            let there = || fields.iter().filter(|(is_there, ..)| *is_there);
            let flags: u8 = there().map(|(_, flag, _)| flag).sum();
            let tail: Vec<_> = there().map(|(.., hex)| &hex[..]).collect();
            let head = |flags: u8| {
                format!("00 04 \"MQTT\" {:02x} {flags:02x} 01 02 {none} 00 01 \"c\"", version.level())
            };
            let frame = packet(0x10, &format!("{} {}", head(flags), tail.concat()));
            assert_eq!(encoded(&connect, version).unwrap(), frame, "{connect}");
            assert_eq!(Packet::decode(&frame, version), Ok(connect));
            if let Some((_, missing)) = tail.split_last() {
                let short = packet(0x10, &format!("{} {}", head(flags), missing.concat()));
                let fault = fault_of(&short, version).fault;
                assert!(
                    matches!(fault, Fault::Truncated | Fault::PropertyLengthMissing),
                    "{connect}: {fault}"
                );
                let long = packet(0x10, &format!("{} {}", head(0), tail.concat()));
                assert_eq!(fault_of(&long, version).fault, Fault::TrailingBytes, "{connect}");
            }
        }
    }
}

/// Every string of every packet, each with bytes that are no text, with U+0000 and with U+FEFF.
/// [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2] (both versions),
/// [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-1.5.3-3] [MQTT-3.1.3-10] (3.1.1), [MQTT-1.5.4-1] [MQTT-1.5.4-2] (5.0)
/// [MQTT-1.5.4-3] [MQTT-1.5.7-1] [MQTT-3.1.3-12] [MQTT-3.3.2-13] [MQTT-3.3.2-19] (5.0)
#[test]
fn s54_every_string_must_be_text() {
    let connect =
        |level: &str, flags: &str, rest: &str| format!("00 04 \"MQTT\" {level} {flags} 00 00 {rest}");
    let fields = [
        (V3, 0x10, connect("04", "02", "S")),
        (V5, 0x10, connect("05", "02", "00 S")),
        (V3, 0x10, connect("04", "06", "00 00 S 00 00")),
        (V5, 0x10, connect("05", "06", "00 00 00 00 S 00 00")),
        (V3, 0x10, connect("04", "82", "00 00 S")),
        (V5, 0x10, connect("05", "82", "00 00 00 S")),
        (V3, 0x30, String::from("S")),
        (V5, 0x30, String::from("S 00")),
        (V3, 0x82, String::from("00 01 S 00")),
        (V5, 0x82, String::from("00 01 00 S 00")),
        (V3, 0x82, String::from("00 01 00 01 \"a\" 00 S 00")),
        (V3, 0xA2, String::from("00 01 S")),
        (V3, 0xA2, String::from("00 01 00 01 \"a\" S")),
        (V5, 0xA2, String::from("00 01 00 S")),
        // Properties, the length of which is that of their string and the number given.
        (V5, 0x30, String::from("00 01 \"t\" L1 03 S")),
        (V5, 0x30, String::from("00 01 \"t\" L1 08 S")),
        (V5, 0x30, String::from("00 01 \"t\" L3 26 S 00 00")),
        (V5, 0x30, String::from("00 01 \"t\" L3 26 00 00 S")),
        (V5, 0x20, String::from("00 00 L1 12 S")),
        (V5, 0x20, String::from("00 00 L1 1A S")),
        (V5, 0x20, String::from("00 00 L1 1C S")),
        (V5, 0x20, String::from("00 00 L1 1F S")),
        (V5, 0xF0, String::from("18 L1 15 S")),
    ];
    for (version, first, template) in &fields {
        for (content, fault) in [
            ("\"a\" FF", Some(Fault::NotUtf8)),
            ("C0 80", Some(Fault::NotUtf8)),
            ("ED A0 80", Some(Fault::NotUtf8)),
            ("\"a\" 00", Some(Fault::ContainsNul)),
            ("EF BB BF \"a\"", None),
        ] {
            let size = bytes(content).len();
            let mut body = template.replace('S', &format!("00 {size:02x} {content}"));
            for extra in [1, 3] {
                body = body.replace(&format!("L{extra}"), &format!("{:02x}", size + 2 + extra));
            }
            let frame = packet(*first, &body);
            let found = Packet::decode(&frame, *version);
            assert_eq!(found.err().map(|error| error.fault), fault, "{body}");
        }
    }
}

/// The tables of 5.0, written down once more: each of the 256 codes in each packet.
/// [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] (5.0),
/// [MQTT-3.14.2-1] [MQTT-3.15.2-1] (5.0)
#[test]
fn s54_each_packet_takes_the_codes_of_its_table_and_no_other() {
    const RECEIVED: &str = "00 10 80 83 87 90 91 97 99";
    for (first, before, behind, table) in [
        (0x20, "00", "00", "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"),
        (0x40, "00 01", "", RECEIVED),
        (0x50, "00 01", "", RECEIVED),
        (0x62, "00 01", "", "00 92"),
        (0x70, "00 01", "", "00 92"),
        (0x90, "00 01 00", "", "00 01 02 80 83 87 8F 91 97 9E A1 A2"),
        (0xB0, "00 01 00", "", "00 11 80 83 87 8F 91"),
        // 8C is in the table of section 2.4 only.
        (
            0xE0,
            "",
            "",
            "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
        ),
        (0xF0, "", "", "00 18 19"),
    ] {
        let table = bytes(table);
        for code in (0..=u8::MAX).step_by(STEP) {
            let frame = packet(first, &format!("{before} {code:02x} {behind}"));
            assert_eq!(Packet::decode(&frame, V5).is_ok(), table.contains(&code), "{first:02x}: {code:02x}");
        }
    }
}
