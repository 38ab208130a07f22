//! What must be refused, with its place, reason code and statement: everything but properties.

use alloc::string::ToString;

use super::{BOTH, STEP, V3, V5, fault_of, packet};
use crate::{
    TopicError,
    packet::{DecodeError, Fault, PacketType, ProtocolVersion, ReasonCode},
};

const MALFORMED: u8 = 0x81;
const PROTOCOL: u8 = 0x82;

/// Packets that are refused: versions, first byte and body; offset, fault, reason code, and the statements of 3.1.1 and of
/// 5.0 (one that is not tried is left empty).
macro_rules! refused {
    ($($versions:ident $first:tt $body:expr => $offset:expr, $fault:expr, $reason:expr, $statements:expr;)+) => {
        $(refuse(&$versions, &packet($first, $body), $offset, $fault, $reason, $statements);)+
    };
}

fn refuse(
    versions: &[ProtocolVersion],
    frame: &[u8],
    offset: usize,
    fault: Fault,
    reason: u8,
    statements: (&str, &str),
) {
    for version in versions {
        let error = fault_of(frame, *version);
        let what = alloc::format!("{frame:02x?} in {version}: {error}");
        assert_eq!((error.fault, error.offset), (fault, offset), "{what}");
        assert_eq!(Some(error.reason()), ReasonCode::from_u8(reason), "{what}");
        let statement = if *version == V3 { statements.0 } else { statements.1 };
        assert_eq!(error.statement(*version).unwrap_or_default(), statement, "{what}");
    }
}

const ONLY_3: [ProtocolVersion; 1] = [V3];
const ONLY_5: [ProtocolVersion; 1] = [V5];

/// [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] (both versions), [MQTT-2.2.2-2] [MQTT-3.14.1-1] (3.1.1),
/// [MQTT-2.1.3-1] [MQTT-3.15.1-1] (5.0)
#[test]
fn s54_reserved_header_flags_are_refused() {
    use PacketType as T;
    for number in 1..=15 {
        let packet_type = T::from_u8(number).unwrap();
        for flags in (0..16).filter(|flags| packet_type != T::Publish && *flags != packet_type.flags()) {
            for version in BOTH {
                let error = fault_of(&packet(number << 4 | flags, "00 01"), version);
                assert_eq!(error.fault, Fault::HeaderFlags { packet: packet_type, flags });
                assert_eq!((error.offset, error.reason()), (0, ReasonCode::MalformedPacket));
                let statement = if version == V3 { "MQTT-2.2.2-2" } else { "MQTT-2.1.3-1" };
                assert_eq!(error.statement(version), Some(statement));
            }
        }
    }
}

/// [MQTT-1.5.5-1] (5.0)
#[test]
fn s54_wrong_types_and_lengths_are_refused() {
    refused! {
        BOTH 0x00 "" => 0, Fault::PacketType(0), MALFORMED, ("", "");
        ONLY_3 0xF0 "" => 0, Fault::PacketType(15), MALFORMED, ("", "");
    }
    for version in BOTH {
        let too_short = DecodeError { offset: 1, field: "remaining length", fault: Fault::Truncated };
        assert_eq!(fault_of(&[0xC0, 1], version), too_short);
        let too_long = DecodeError { offset: 2, field: "remaining length", fault: Fault::TrailingBytes };
        assert_eq!(fault_of(&[0xC0, 0, 0], version), too_long);
        assert_eq!(fault_of(&[], version).fault, Fault::Truncated);
        assert_eq!(fault_of(&[0xC0], version).fault, Fault::Truncated);
        assert_eq!(fault_of(&[0xC0, 0x80, 0], version).fault, Fault::IntegerNotMinimal);
        let five_bytes = fault_of(&[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], version);
        assert_eq!((five_bytes.fault, five_bytes.offset), (Fault::IntegerTooLong, 4));
        let statement = if version == V5 { Some("MQTT-1.5.5-1") } else { None };
        assert_eq!(five_bytes.statement(version), statement);
    }
}

#[test]
fn s54_bytes_behind_the_end_are_refused() {
    const EXTRA: Fault = Fault::TrailingBytes;
    refused! {
        ONLY_3 0x20 "00 00 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_5 0x20 "00 00 00 00" => 5, EXTRA, MALFORMED, ("", "");
        ONLY_3 0x40 "00 01 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_3 0x50 "00 01 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_3 0x62 "00 01 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_3 0x70 "00 01 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_5 0x40 "00 01 00 00 00" => 6, EXTRA, MALFORMED, ("", "");
        ONLY_5 0x62 "00 01 00 00 00" => 6, EXTRA, MALFORMED, ("", "");
        ONLY_3 0xB0 "00 01 00" => 4, EXTRA, MALFORMED, ("", "");
        BOTH 0xC0 "00" => 2, EXTRA, MALFORMED, ("", "");
        BOTH 0xD0 "00" => 2, EXTRA, MALFORMED, ("", "");
        ONLY_3 0xE0 "00" => 2, EXTRA, MALFORMED, ("", "");
        ONLY_5 0xE0 "00 00 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_5 0xF0 "00 00 00" => 4, EXTRA, MALFORMED, ("", "");
        ONLY_3 0x10 r#"00 04 "MQTT" 04 02 00 00 00 00 00"# => 14, EXTRA, MALFORMED, ("", "");
        ONLY_5 0x10 r#"00 04 "MQTT" 05 02 00 00 00 00 00 00"# => 15, EXTRA, MALFORMED, ("", "");
    }
}

/// [MQTT-2.3.1-1] (3.1.1), [MQTT-2.2.1-3] (5.0).
#[test]
fn s54_packet_identifier_zero_is_refused() {
    for first in [0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0] {
        refused! {
            BOTH first "00 00 00 00" => 2, Fault::PacketIdZero, PROTOCOL, ("MQTT-2.3.1-1", "MQTT-2.2.1-3");
        }
    }
    for first in [0x32, 0x34] {
        refused! {
            BOTH first r#"00 01 "t" 00 00 00"# => 5, Fault::PacketIdZero, PROTOCOL, ("MQTT-2.3.1-1", "MQTT-2.2.1-3");
        }
    }
}

/// [MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-13] (both versions),
/// [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.2-22] (3.1.1), [MQTT-3.1.2-12] [MQTT-3.1.2-19] (5.0)
#[test]
fn s54_bad_connects_are_refused() {
    const VERSION: u8 = 0x84;
    let bad_level = |level| Fault::UnsupportedProtocolLevel(level);
    refused! {
        BOTH 0x10 r#"00 04 "mqtt" 04 02 00 00 00 00"# => 2, Fault::ProtocolName, VERSION, ("MQTT-3.1.2-1", "MQTT-3.1.2-1");
        BOTH 0x10 r#"00 06 "MQIsdP" 03 02 00 00 00 00"# => 2, Fault::ProtocolName, VERSION, ("MQTT-3.1.2-1", "MQTT-3.1.2-1");
        BOTH 0x10 r#"00 06 "MQIsdp" 04 02 00 00 00 00"# => 10, bad_level(4), VERSION, ("MQTT-3.1.2-2", "MQTT-3.1.2-2");
        BOTH 0x10 "00 00 04 02 00 00 00 00" => 2, Fault::ProtocolName, VERSION, ("MQTT-3.1.2-1", "MQTT-3.1.2-1");
        BOTH 0x10 r#"00 04 "MQTT" 03 02 00 00 00 00"# => 8, bad_level(3), VERSION, ("MQTT-3.1.2-2", "MQTT-3.1.2-2");
        BOTH 0x10 r#"00 04 "MQTT" 06"# => 8, bad_level(6), VERSION, ("MQTT-3.1.2-2", "MQTT-3.1.2-2");
        BOTH 0x10 r#"00 04 "MQTT" 84"# => 8, bad_level(0x84), VERSION, ("MQTT-3.1.2-2", "MQTT-3.1.2-2");
    }
    for (flags, fault, reason, statements) in [
        ("03", Fault::ConnectFlagsReserved, MALFORMED, ("MQTT-3.1.2-3", "MQTT-3.1.2-3")),
        ("0A", Fault::WillQoSWithoutWill, PROTOCOL, ("MQTT-3.1.2-13", "MQTT-3.1.2-11")),
        ("12", Fault::WillQoSWithoutWill, PROTOCOL, ("MQTT-3.1.2-13", "MQTT-3.1.2-11")),
        ("1A", Fault::WillQoSWithoutWill, PROTOCOL, ("MQTT-3.1.2-13", "MQTT-3.1.2-11")),
        ("22", Fault::WillRetainWithoutWill, PROTOCOL, ("MQTT-3.1.2-15", "MQTT-3.1.2-13")),
        ("1E", Fault::WillQoS, MALFORMED, ("MQTT-3.1.2-14", "MQTT-3.1.2-12")),
    ] {
        for (level, version) in [("04", V3), ("05", V5)] {
            let body = alloc::format!("00 04 \"MQTT\" {level} {flags} 00 00 00 00 00");
            let error = fault_of(&packet(0x10, &body), version);
            assert_eq!((error.fault, error.offset), (fault, 9));
            assert_eq!(Some(error.reason()), ReasonCode::from_u8(reason));
            let statement = if version == V3 { statements.0 } else { statements.1 };
            assert_eq!(error.statement(version), Some(statement));
        }
    }
    // A password without a user name: refused in 3.1.1, fine in 5.0.
    let body = "00 04 \"MQTT\" 04 42 00 00 00 00 00 01 \"p\"";
    refused! {
        ONLY_3 0x10 body => 9, Fault::PasswordWithoutUserName, PROTOCOL, ("MQTT-3.1.2-22", "");
    }
    let body = "00 04 \"MQTT\" 05 42 00 00 00 00 00 00 01 \"p\"";
    assert!(crate::packet::Packet::decode(&packet(0x10, body), V5).is_ok());
}

/// The server has an answer of its own for this one.
#[test]
fn s54_an_empty_client_identifier_without_clean_session_is_left_to_the_server() {
    let frame = packet(0x10, "00 04 \"MQTT\" 04 00 00 00 00 00");
    let Ok(crate::packet::Packet::Connect(connect)) = crate::packet::Packet::decode(&frame, V3) else {
        panic!("a CONNECT")
    };
    assert!(connect.client_id.is_empty() && !connect.clean_start);
}

/// [MQTT-3.3.2-2] [MQTT-4.7.3-1] (both versions), [MQTT-3.1.2-9] [MQTT-4.7.1-1] (3.1.1), [MQTT-4.7.0-1] (5.0)
#[test]
fn s54_bad_wills_are_refused() {
    const WILD: (&str, &str) = ("MQTT-3.3.2-2", "MQTT-3.3.2-2");
    const EMPTY: (&str, &str) = ("MQTT-4.7.3-1", "MQTT-4.7.3-1");
    refused! {
        ONLY_3 0x10 r#"00 04 "MQTT" 04 06 00 00 00 00 00 03 "a/#" 00 00"# => 18, Fault::TopicWildcard, 0x90, WILD;
        ONLY_5 0x10 r#"00 04 "MQTT" 05 06 00 00 00 00 00 00 00 03 "a/+" 00 00"# => 20, Fault::TopicWildcard, 0x90, WILD;
        ONLY_3 0x10 r#"00 04 "MQTT" 04 06 00 00 00 00 00 00 00 00"# => 14, Fault::TopicEmpty, PROTOCOL, EMPTY;
        ONLY_5 0x10 r#"00 04 "MQTT" 05 06 00 00 00 00 00 00 00 00 00 00"# => 16, Fault::TopicEmpty, PROTOCOL, EMPTY;
        ONLY_3 0x10 r#"00 04 "MQTT" 04 06 00 00 00 00"# => 14, Fault::Truncated, MALFORMED, ("", "");
    }
}

/// [MQTT-1.5.3-1] [MQTT-1.5.3-2] (3.1.1), [MQTT-1.5.4-1] [MQTT-1.5.4-2] (5.0).
#[test]
fn s54_strings_that_are_no_text_are_refused() {
    const UTF8: (&str, &str) = ("MQTT-1.5.3-1", "MQTT-1.5.4-1");
    for (text, good) in [
        ("80", 0),
        ("\"a\" FF", 1),
        ("C0 80", 0),
        ("ED A0 80", 0),
        ("\"ab\" ED BF BF", 2),
        ("F4 90 80 80", 0),
        ("\"a\" E2 82", 1),
    ] {
        let length = super::bytes(text).len();
        let body = alloc::format!("00 {length:02x} {text} 00");
        for version in BOTH {
            let error = fault_of(&packet(0x30, &body), version);
            assert_eq!((error.fault, error.offset), (Fault::NotUtf8, 4 + good), "{text}");
            let statement = if version == V3 { UTF8.0 } else { UTF8.1 };
            assert_eq!(error.statement(version), Some(statement));
            assert_eq!(error.reason(), ReasonCode::MalformedPacket);
        }
    }
    const NUL: (&str, &str) = ("MQTT-1.5.3-2", "MQTT-1.5.4-2");
    refused! {
        BOTH 0x30 r#"00 03 "a" 00 "b" 00"# => 5, Fault::ContainsNul, MALFORMED, NUL;
        ONLY_3 0x10 r#"00 04 "MQTT" 04 02 00 00 00 01 00"# => 14, Fault::ContainsNul, MALFORMED, NUL;
        ONLY_3 0x10 r#"00 04 "MQTT" 04 82 00 00 00 00 00 01 FF"# => 16, Fault::NotUtf8, MALFORMED, UTF8;
        ONLY_3 0x82 "00 01 00 01 FF 00" => 6, Fault::NotUtf8, MALFORMED, UTF8;
        ONLY_5 0xA2 "00 01 00 00 01 FF" => 7, Fault::NotUtf8, MALFORMED, UTF8;
        ONLY_5 0x40 "00 01 00 04 1F 00 01 FF" => 9, Fault::NotUtf8, MALFORMED, UTF8;
        ONLY_5 0x40 r#"00 01 00 07 26 00 01 "a" 00 01 00"# => 12, Fault::ContainsNul, MALFORMED, NUL;
    }
}

/// [MQTT-3.2.2-6] (both versions), [MQTT-3.2.2-4] (3.1.1), [MQTT-2.2.2-1] [MQTT-3.2.2-1] [MQTT-3.2.2-8] (5.0)
#[test]
fn s54_bad_connacks_are_refused() {
    let code = |code| Fault::ReasonCode { packet: PacketType::ConnAck, code };
    const TABLE: (&str, &str) = ("MQTT-3.2.2-6", "MQTT-3.2.2-8");
    const PRESENT: (&str, &str) = ("MQTT-3.2.2-4", "MQTT-3.2.2-6");
    refused! {
        BOTH 0x20 "02 00 00" => 2, Fault::AcknowledgeFlagsReserved, MALFORMED, ("", "MQTT-3.2.2-1");
        BOTH 0x20 "81 00 00" => 2, Fault::AcknowledgeFlagsReserved, MALFORMED, ("", "MQTT-3.2.2-1");
        ONLY_3 0x20 "00 06" => 3, code(6), PROTOCOL, TABLE;
        ONLY_3 0x20 "00 85" => 3, code(0x85), PROTOCOL, TABLE;
        ONLY_5 0x20 "00 01 00" => 3, code(1), PROTOCOL, TABLE;
        ONLY_5 0x20 "00 8E 00" => 3, code(0x8E), PROTOCOL, TABLE;
        ONLY_5 0x20 "00 FF 00" => 3, code(0xFF), PROTOCOL, TABLE;
        ONLY_3 0x20 "01 05" => 2, Fault::SessionPresentOnRefusal, PROTOCOL, PRESENT;
        ONLY_5 0x20 "01 87 00" => 2, Fault::SessionPresentOnRefusal, PROTOCOL, PRESENT;
        ONLY_5 0x20 "00 00" => 4, Fault::PropertyLengthMissing, MALFORMED, ("", "MQTT-2.2.2-1");
        BOTH 0x20 "00" => 3, Fault::Truncated, MALFORMED, ("", "");
    }
}

/// [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.3.2-2] [MQTT-4.7.3-1] (both versions), [MQTT-4.7.1-1] (3.1.1),
/// [MQTT-2.2.2-1] [MQTT-4.7.0-1] (5.0)
#[test]
fn s54_bad_publishes_are_refused() {
    const QOS: (&str, &str) = ("MQTT-3.3.1-4", "MQTT-3.3.1-4");
    const DUP: (&str, &str) = ("MQTT-3.3.1-2", "MQTT-3.3.1-2");
    const WILD: (&str, &str) = ("MQTT-3.3.2-2", "MQTT-3.3.2-2");
    const EMPTY: (&str, &str) = ("MQTT-4.7.3-1", "MQTT-4.7.3-1");
    refused! {
        BOTH 0x36 r#"00 01 "t" 00 01 00"# => 0, Fault::PublishQoS, MALFORMED, QOS;
        BOTH 0x3E r#"00 01 "t" 00 01 00"# => 0, Fault::PublishQoS, MALFORMED, QOS;
        BOTH 0x38 r#"00 01 "t" 00"# => 0, Fault::DuplicateQoS0, MALFORMED, DUP;
        BOTH 0x39 r#"00 01 "t" 00"# => 0, Fault::DuplicateQoS0, MALFORMED, DUP;
        BOTH 0x30 r#"00 03 "a/#" 00"# => 6, Fault::TopicWildcard, 0x90, WILD;
        BOTH 0x30 r#"00 01 "+" 00"# => 4, Fault::TopicWildcard, 0x90, WILD;
        BOTH 0x30 "00 00 00" => 2, Fault::TopicEmpty, PROTOCOL, EMPTY;
        BOTH 0x32 "00 00 00 01 00" => 2, Fault::TopicEmpty, PROTOCOL, EMPTY;
        ONLY_5 0x30 r#"00 01 "t""# => 5, Fault::PropertyLengthMissing, MALFORMED, ("", "MQTT-2.2.2-1");
        ONLY_5 0x30 r#"00 01 "t" 01"# => 5, Fault::Truncated, MALFORMED, ("", "");
        BOTH 0x30 r#"00 05 "t""# => 2, Fault::Truncated, MALFORMED, ("", "");
        BOTH 0x32 r#"00 01 "t" 00"# => 5, Fault::Truncated, MALFORMED, ("", "");
        BOTH 0x30 r#"FF FF "t" 00"# => 2, Fault::Truncated, MALFORMED, ("", "");
    }
}

/// [MQTT-3.8.3-4] [MQTT-3.10.3-2] (both versions), [MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] [MQTT-3.8.3-5] (5.0)
#[test]
fn s54_bad_subscribes_are_refused() {
    const OPTIONS: (&str, &str) = ("MQTT-3.8.3-4", "MQTT-3.8.3-5");
    const RESERVED: Fault = Fault::SubscriptionOptionsReserved;
    refused! {
        ONLY_3 0x82 "00 01" => 4, Fault::SubscribeEmpty, PROTOCOL, ("MQTT-3.8.3-3", "");
        ONLY_5 0x82 "00 01 00" => 5, Fault::SubscribeEmpty, PROTOCOL, ("", "MQTT-3.8.3-2");
        ONLY_3 0x82 r#"00 01 00 01 "t" 03"# => 7, Fault::SubscriptionQoS, PROTOCOL, ("MQTT-3.8.3-4", "");
        ONLY_5 0x82 r#"00 01 00 00 01 "t" 03"# => 8, Fault::SubscriptionQoS, PROTOCOL, ("", "");
        ONLY_3 0x82 r#"00 01 00 01 "t" 04"# => 7, RESERVED, MALFORMED, OPTIONS;
        ONLY_3 0x82 r#"00 01 00 01 "t" 10"# => 7, RESERVED, MALFORMED, OPTIONS;
        ONLY_3 0x82 r#"00 01 00 01 "t" 81"# => 7, RESERVED, MALFORMED, OPTIONS;
        ONLY_5 0x82 r#"00 01 00 00 01 "t" 40"# => 8, RESERVED, MALFORMED, OPTIONS;
        ONLY_5 0x82 r#"00 01 00 00 01 "t" 81"# => 8, RESERVED, MALFORMED, OPTIONS;
        ONLY_5 0x82 r#"00 01 00 00 01 "t" 30"# => 8, Fault::RetainHandling, PROTOCOL, ("", "");
    }
    refused! {
        ONLY_5 0x82 r#"00 01 00 00 0A "$share/g/t" 04"# => 17, Fault::NoLocalOnShared, PROTOCOL, ("", "MQTT-3.8.3-4");
        ONLY_3 0x82 r#"00 01 00 01 "t""# => 7, Fault::Truncated, MALFORMED, ("", "");
        ONLY_5 0x82 r#"00 01 00 00 01 "t""# => 8, Fault::Truncated, MALFORMED, ("", "");
        ONLY_3 0x82 r#"00 01 00 01 "t" 00 00 01 "u" 07"# => 11, RESERVED, MALFORMED, OPTIONS;
        ONLY_3 0xA2 "00 01" => 4, Fault::UnsubscribeEmpty, PROTOCOL, ("MQTT-3.10.3-2", "");
        ONLY_5 0xA2 "00 01 00" => 5, Fault::UnsubscribeEmpty, PROTOCOL, ("", "MQTT-3.10.3-2");
    }
}

/// [MQTT-4.7.1-2] [MQTT-4.7.3-1] (both versions), [MQTT-4.7.1-3] (3.1.1), [MQTT-4.7.1-1] (5.0)
#[test]
fn s54_bad_filters_are_refused() {
    for (filter, error, statements) in [
        ("", TopicError::Empty, ("MQTT-4.7.3-1", "MQTT-4.7.3-1")),
        ("a#", TopicError::MultiLevelWildcard, ("MQTT-4.7.1-2", "MQTT-4.7.1-1")),
        ("#/a", TopicError::MultiLevelWildcard, ("MQTT-4.7.1-2", "MQTT-4.7.1-1")),
        ("a/b+", TopicError::SingleLevelWildcard, ("MQTT-4.7.1-3", "MQTT-4.7.1-2")),
    ] {
        let text = alloc::format!("00 {:02x} \"{filter}\"", filter.len());
        for (first, version, body) in [
            (0x82, V3, alloc::format!("00 01 {text} 00")),
            (0x82, V5, alloc::format!("00 01 00 {text} 00")),
            (0xA2, V3, alloc::format!("00 01 {text}")),
            (0xA2, V5, alloc::format!("00 01 00 {text}")),
        ] {
            let found = fault_of(&packet(first, &body), version);
            assert_eq!(found.fault, Fault::TopicFilter(error));
            assert_eq!(found.offset, if version == V3 { 4 } else { 5 });
            assert_eq!(found.reason(), ReasonCode::TopicFilterInvalid);
            let statement = if version == V3 { statements.0 } else { statements.1 };
            assert_eq!(found.statement(version), Some(statement));
        }
    }
    // Shared subscriptions are of 5.0 [MQTT-4.8.2-1] [MQTT-4.8.2-2] (5.0); 3.1.1 takes such a filter as any other.
    for filter in ["$share", "$share/", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/a+/t"] {
        let text = alloc::format!("00 {:02x} \"{filter}\"", filter.len());
        let found = fault_of(&packet(0x82, &alloc::format!("00 01 00 {text} 00")), V5);
        let is_share_name = found.fault == Fault::TopicFilter(TopicError::ShareName);
        assert!(is_share_name || filter == "$share/a+/t", "{filter}: {found}");
        assert_eq!(found.reason(), ReasonCode::TopicFilterInvalid);
        if !filter.ends_with("a+/t") {
            let plain = packet(0x82, &alloc::format!("00 01 {text} 00"));
            assert!(crate::packet::Packet::decode(&plain, V3).is_ok(), "{filter}");
        }
    }
}

/// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1] (5.0)
/// [MQTT-3.15.2-1] (5.0)
/// [MQTT-3.8.4-5] [MQTT-3.9.3-2] (3.1.1)
#[test]
fn s54_codes_outside_the_packets_table_are_refused() {
    use PacketType as T;
    for (first, packet_type, before, statement) in [
        (0x40, T::PubAck, "00 01", "MQTT-3.4.2-1"),
        (0x50, T::PubRec, "00 01", "MQTT-3.5.2-1"),
        (0x62, T::PubRel, "00 01", "MQTT-3.6.2-1"),
        (0x70, T::PubComp, "00 01", "MQTT-3.7.2-1"),
        (0x90, T::SubAck, "00 01 00", "MQTT-3.9.3-2"),
        (0xB0, T::UnsubAck, "00 01 00", "MQTT-3.11.3-2"),
        (0xE0, T::Disconnect, "", "MQTT-3.14.2-1"),
        (0xF0, T::Auth, "", "MQTT-3.15.2-1"),
    ] {
        for code in (0..=u8::MAX).step_by(STEP) {
            let frame = packet(first, &alloc::format!("{before} {code:02x}"));
            if ReasonCode::from_u8(code).is_some_and(|code| code.is_allowed_in(packet_type)) {
                assert!(crate::packet::Packet::decode(&frame, V5).is_ok());
                continue;
            }
            let error = fault_of(&frame, V5);
            assert_eq!(error.fault, Fault::ReasonCode { packet: packet_type, code });
            assert_eq!(error.offset, frame.len() - 1);
            assert_eq!((error.reason(), error.statement(V5)), (ReasonCode::ProtocolError, Some(statement)));
        }
    }
    let code = |code| Fault::ReasonCode { packet: T::SubAck, code };
    const TABLE: (&str, &str) = ("MQTT-3.9.3-2", "MQTT-3.9.3-2");
    refused! {
        ONLY_3 0x90 "00 01 00 03" => 5, code(3), PROTOCOL, TABLE;
        ONLY_3 0x90 "00 01 87" => 4, code(0x87), PROTOCOL, TABLE;
        ONLY_3 0x90 "00 01" => 4, Fault::ReasonCodesMissing(T::SubAck), PROTOCOL, ("MQTT-3.8.4-5", "");
        ONLY_5 0x90 "00 01 00" => 5, Fault::ReasonCodesMissing(T::SubAck), PROTOCOL, ("", "MQTT-3.9.3-2");
        ONLY_5 0xB0 "00 01 00" => 5, Fault::ReasonCodesMissing(T::UnsubAck), PROTOCOL, ("", "MQTT-3.11.3-2");
    }
}

/// How many codes each table of 5.0 has, counted in the specification.
/// [MQTT-3.2.2-8] (5.0)
#[test]
fn the_tables_of_reason_codes_have_the_right_size() {
    use PacketType as T;
    for (packet, count) in [
        (T::ConnAck, 22),
        (T::PubAck, 9),
        (T::PubRec, 9),
        (T::PubRel, 2),
        (T::PubComp, 2),
        (T::SubAck, 12),
        (T::UnsubAck, 7),
        // 29, and 0x8C.
        (T::Disconnect, 30),
        (T::Auth, 3),
        (T::Publish, 0),
    ] {
        let found = ReasonCode::ALL.iter().filter(|code| code.is_allowed_in(packet)).count();
        assert_eq!(found, count, "{packet}");
    }
}

#[test]
fn errors_are_told_in_words() {
    let error = fault_of(&packet(0x30, "00 03 \"a/#\" 00"), V3);
    assert_eq!(
        error.to_string(),
        "byte 6, topic name: a topic name must not contain the wildcards `+` and `#`"
    );
    let error = fault_of(&packet(0x10, "00 04 \"MQTT\" 03"), V3);
    assert_eq!(error.to_string(), "byte 8, protocol version: protocol version 3 is not supported");
}
