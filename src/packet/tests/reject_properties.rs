//! Properties that must be refused (5.0 section 2.2.2).

use alloc::{format, string::String, vec::Vec};

use super::{STEP, V5, bytes, fault_of, packet};
use crate::packet::{Fault, Packet, ReasonCode, VariableByteInteger};

/// Every property with a good value: identifier, name, value, and the places of 5.0 table 2-4.
const PROPERTIES: [(u8, &str, &str, &str); 27] = [
    (0x01, "payload format indicator", "01", "publish will"),
    (0x02, "message expiry interval", "00 00 00 01", "publish will"),
    (0x03, "content type", "00 01 \"t\"", "publish will"),
    (0x08, "response topic", "00 01 \"t\"", "publish will"),
    (0x09, "correlation data", "00 01 00", "publish will"),
    (0x0B, "subscription identifier", "80 01", "publish subscribe"),
    (0x11, "session expiry interval", "00 00 00 00", "connect connack disconnect"),
    (0x12, "assigned client identifier", "00 01 \"c\"", "connack"),
    (0x13, "server keep alive", "00 00", "connack"),
    (0x15, "authentication method", "00 01 \"m\"", "connect connack auth"),
    (0x16, "authentication data", "00 01 00", "connect connack auth"),
    (0x17, "request problem information", "00", "connect"),
    (0x18, "will delay interval", "00 00 00 00", "will"),
    (0x19, "request response information", "01", "connect"),
    (0x1A, "response information", "00 01 \"r\"", "connack"),
    (0x1C, "server reference", "00 01 \"r\"", "connack disconnect"),
    (
        0x1F,
        "reason string",
        "00 01 \"r\"",
        "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth",
    ),
    (0x21, "receive maximum", "00 01", "connect connack"),
    (0x22, "topic alias maximum", "00 00", "connect connack"),
    (0x23, "topic alias", "00 01", "publish"),
    (0x24, "maximum QoS", "01", "connack"),
    (0x25, "retain available", "00", "connack"),
    (
        0x26,
        "user property",
        "00 01 \"k\" 00 00",
        "connect connack publish will puback pubrec pubrel pubcomp subscribe suback unsubscribe unsuback disconnect auth",
    ),
    (0x27, "maximum packet size", "00 00 00 01", "connect connack"),
    (0x28, "wildcard subscription available", "01", "connack"),
    (0x29, "subscription identifier available", "01", "connack"),
    (0x2A, "shared subscription available", "01", "connack"),
];

/// Where properties can be: place, name in errors, first byte, what stands before and behind the properties.
const PLACES: [(&str, &str, u8, &str, &str); 14] = [
    ("connect", "CONNECT", 0x10, "00 04 \"MQTT\" 05 02 00 00", "00 00"),
    ("will", "will", 0x10, "00 04 \"MQTT\" 05 06 00 00 00 00 00", "00 01 \"w\" 00 00"),
    ("connack", "CONNACK", 0x20, "00 00", ""),
    ("publish", "PUBLISH", 0x30, "00 01 \"t\"", ""),
    ("puback", "PUBACK", 0x40, "00 01 00", ""),
    ("pubrec", "PUBREC", 0x50, "00 01 00", ""),
    ("pubrel", "PUBREL", 0x62, "00 01 00", ""),
    ("pubcomp", "PUBCOMP", 0x70, "00 01 00", ""),
    ("subscribe", "SUBSCRIBE", 0x82, "00 01", "00 01 \"t\" 00"),
    ("suback", "SUBACK", 0x90, "00 01", "00"),
    ("unsubscribe", "UNSUBSCRIBE", 0xA2, "00 01", "00 01 \"t\""),
    ("unsuback", "UNSUBACK", 0xB0, "00 01", "00"),
    ("disconnect", "DISCONNECT", 0xE0, "00", ""),
    ("auth", "AUTH", 0xF0, "00", ""),
];

/// A packet with these properties, and where they begin in it.
fn with_properties(place: &str, properties: &str) -> (Vec<u8>, usize) {
    let (_, _, first, before, behind) = PLACES.into_iter().find(|found| found.0 == place).unwrap();
    let properties_size = bytes(properties).len();
    let mut length = Vec::new();
    VariableByteInteger::put(properties_size.try_into().unwrap(), &mut length);
    let length: String = length.iter().map(|byte| format!(" {byte:02x}")).collect();
    let frame = packet(first, &format!("{before}{length} {properties} {behind}"));
    let start = frame.len() - bytes(behind).len() - properties_size;
    (frame, start)
}

fn refuse(place: &str, properties: &str, offset: usize, fault: Fault, reason: u8) {
    let (frame, start) = with_properties(place, properties);
    let error = fault_of(&frame, V5);
    assert_eq!((error.fault, error.offset - start), (fault, offset), "{properties} in {place}: {error}");
    assert_eq!(Some(error.reason()), ReasonCode::from_u8(reason));
}

/// A property that does not belong to its packet makes it malformed (5.0 section 2.2.2.2).
#[test]
fn s54_every_property_is_taken_in_its_packets_only() {
    for (id, name, value, places) in PROPERTIES.into_iter().step_by(STEP) {
        for (place, within, ..) in PLACES {
            let mut properties = format!("{id:02x} {value}");
            if !places.split(' ').any(|allowed| allowed == place) {
                refuse(place, &properties, 0, Fault::PropertyNotAllowed { property: name, within }, 0x81);
                continue;
            }
            if id == 0x16 {
                properties = format!("15 00 01 \"m\" {properties}");
            }
            let (frame, _) = with_properties(place, &properties);
            let packet =
                Packet::decode(&frame, V5).unwrap_or_else(|error| panic!("{name} in {place}: {error}"));
            let mut out = Vec::new();
            packet.encode(V5, &mut out).unwrap();
            assert_eq!(out, frame, "{name} in {place}");
        }
    }
}

/// Only user properties may come again, and subscription identifiers in PUBLISH.
#[test]
fn s54_a_property_that_is_there_twice_is_refused() {
    for (id, name, value, places) in PROPERTIES {
        for place in places.split(' ') {
            let property = format!("{id:02x} {value}");
            let twice = format!("{property} {property}");
            if id == 0x26 || id == 0x0B && place == "publish" {
                assert!(Packet::decode(&with_properties(place, &twice).0, V5).is_ok());
            } else {
                refuse(place, &twice, bytes(&property).len(), Fault::PropertyTwice(name), 0x82);
            }
        }
    }
}

/// [MQTT-3.3.2-8] [MQTT-3.3.2-14] (5.0)
#[test]
fn s54_forbidden_values_are_refused() {
    for (id, name, ..) in PROPERTIES {
        let (place, values): (_, &[&str]) = match id {
            0x01 => ("publish", &["02", "FF"]),
            0x17 | 0x19 => ("connect", &["02", "FF"]),
            0x24 | 0x25 | 0x28 | 0x29 | 0x2A => ("connack", &["02", "FF"]),
            0x21 => ("connect", &["00 00"]),
            0x27 => ("connack", &["00 00 00 00"]),
            _ => continue,
        };
        for value in values {
            refuse(place, &format!("{id:02x} {value}"), 1, Fault::PropertyValue(name), 0x82);
        }
    }
    refuse("publish", "23 00 00", 1, Fault::TopicAliasZero, 0x94);
    refuse("subscribe", "0B 00", 1, Fault::SubscriptionIdentifierZero, 0x82);
    refuse("publish", "0B 01 0B 00", 3, Fault::SubscriptionIdentifierZero, 0x82);
    refuse("publish", "08 00 02 \"a+\"", 1, Fault::ResponseTopicWildcard, 0x82);
    refuse("will", "08 00 01 \"#\"", 1, Fault::ResponseTopicWildcard, 0x82);
    refuse("publish", "08 00 00", 1, Fault::ResponseTopicEmpty, 0x82);
    for place in ["connect", "connack", "auth"] {
        refuse(place, "16 00 01 00", 0, Fault::AuthenticationDataWithoutMethod, 0x82);
    }
    assert_eq!(Fault::TopicAliasZero.statement(V5), Some("MQTT-3.3.2-8"));
    assert_eq!(Fault::ResponseTopicWildcard.statement(V5), Some("MQTT-3.3.2-14"));
}

/// [MQTT-1.5.5-1] [MQTT-1.5.7-1] (5.0)
#[test]
fn s54_values_that_can_not_be_parsed_are_refused() {
    for (id, _, value, places) in PROPERTIES {
        let place = places.split(' ').next().unwrap();
        let whole = bytes(value);
        for cut in 0..whole.len() {
            let value: String = whole[..cut].iter().map(|byte| format!(" {byte:02x}")).collect();
            let (frame, start) = with_properties(place, &format!("{id:02x}{value}"));
            let error = fault_of(&frame, V5);
            assert_eq!((error.fault, error.reason()), (Fault::Truncated, ReasonCode::MalformedPacket));
            assert!(error.offset > start, "{error}");
        }
    }
    refuse("publish", "0B 80 00", 2, Fault::IntegerNotMinimal, 0x81);
    refuse("publish", "0B FF FF FF FF 01", 4, Fault::IntegerTooLong, 0x81);
    refuse("publish", "00 00", 0, Fault::PropertyUnknown(0), 0x81);
    refuse("publish", "2B 00", 0, Fault::PropertyUnknown(0x2B), 0x81);
    refuse("publish", "FF 7F 00", 0, Fault::PropertyUnknown(0x3FFF), 0x81);
    // The identifier is a variable byte integer too.
    refuse("publish", "81 00 00", 1, Fault::IntegerNotMinimal, 0x81);
    refuse("connack", "1F 00 01 FF", 3, Fault::NotUtf8, 0x81);
    refuse("connack", "26 00 01 00 00 00", 3, Fault::ContainsNul, 0x81);
}

/// Properties are told by their length, which can be wrong in every way.
/// [MQTT-2.2.2-1] (5.0)
#[test]
fn s54_wrong_property_lengths_are_refused() {
    for (length, fault, offset) in [
        ("01", Fault::Truncated, 5),
        ("7F", Fault::Truncated, 5),
        ("FF FF FF 7F", Fault::Truncated, 5),
        ("80 00", Fault::IntegerNotMinimal, 6),
        ("FF FF FF FF 01", Fault::IntegerTooLong, 8),
        ("80", Fault::Truncated, 5),
        ("", Fault::PropertyLengthMissing, 5),
    ] {
        let error = fault_of(&packet(0x30, &format!("00 01 \"t\" {length}")), V5);
        assert_eq!((error.fault, error.offset), (fault, offset), "{length}");
        assert_eq!(error.reason(), ReasonCode::MalformedPacket);
    }
    assert_eq!(Fault::PropertyLengthMissing.statement(V5), Some("MQTT-2.2.2-1"));
}

/// Many user properties are read in one go, however many: the reader never goes back.
#[test]
fn a_packet_full_of_user_properties_is_read() {
    const COUNT: usize = 50_000 / STEP / STEP;
    let mut frame = bytes("30");
    let properties = bytes("26 00 00 00 00").repeat(COUNT);
    let mut body = bytes("00 01 \"t\"");
    VariableByteInteger::put(properties.len().try_into().unwrap(), &mut body);
    body.extend_from_slice(&properties);
    VariableByteInteger::put(body.len().try_into().unwrap(), &mut frame);
    frame.extend_from_slice(&body);
    let Ok(Packet::Publish(publish)) = Packet::decode(&frame, V5) else { panic!("a PUBLISH") };
    assert_eq!(publish.properties.user_properties().count(), COUNT);
    assert_eq!(publish.properties.topic_alias(), None);
}
