//! Packets in words.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{V3, V5, samples};
use crate::packet::{FieldValue, Property};

fn words(version: crate::packet::ProtocolVersion) -> Vec<String> {
    samples().iter().filter(|(of, _)| *of == version).map(|(_, packet)| packet.to_string()).collect()
}

#[test]
fn packets_of_3_1_1_in_words() {
    assert_eq!(
        words(V3),
        [
            r#"CONNECT v3.1.1 id="" clean_start keep_alive=0"#,
            r#"CONNECT v3.1.1 id="client" keep_alive=65535 will=(qos=2 retain topic="gone" payload=0 bytes) user_name="user" password=2 bytes"#,
            "CONNACK success session_present=true",
            "CONNACK not authorized session_present=false",
            r#"PUBLISH qos=0 topic="t" payload=0 bytes"#,
            r#"PUBLISH id=256 qos=2 dup retain topic="t" payload=9 bytes"#,
            "PUBACK id=65535 success",
            "PUBREC id=65535 success",
            "PUBREL id=65535 success",
            "PUBCOMP id=65535 success",
            r##"SUBSCRIBE id=1 "a/+/c" qos=0, "#" qos=2, "$SYS/#" qos=1"##,
            "SUBACK id=1 granted QoS 0, granted QoS 1, granted QoS 2, unspecified error",
            r##"UNSUBSCRIBE id=2 "a/+/c", "#""##,
            "UNSUBACK id=2",
            "PINGREQ",
            "PINGRESP",
            "DISCONNECT normal",
        ]
    );
}

/// What only 5.0 has. Secrets are not told.
#[test]
fn packets_of_5_0_in_words() {
    let words = words(V5);
    let with = |start: &str| words.iter().rfind(|line| line.starts_with(start)).map_or("", String::as_str);
    assert_eq!(
        with("CONNECT"),
        "CONNECT v5 id=\"c\" keep_alive=1 will=(qos=1 topic=\"gone\" payload=3 bytes [will_delay_interval=7 \
         payload_format_indicator=text message_expiry_interval=1 content_type=\"text/plain\" \
         response_topic=\"answer\" correlation_data=00 01 user_property=\"\\u{feff}\":\"ü\"]) password=6 bytes \
         [session_expiry_interval=4294967295 receive_maximum=1 maximum_packet_size=268435460 \
         topic_alias_maximum=65535 request_response_information=true request_problem_information=false \
         user_property=\"a\":\"1\" user_property=\"a\":\"\" authentication_method=\"SCRAM\" \
         authentication_data=2 bytes]"
    );
    assert_eq!(
        with("PUBLISH"),
        "PUBLISH id=1 qos=1 topic=\"\" payload=2 bytes [payload_format_indicator=bytes \
         message_expiry_interval=4294967295 topic_alias=1 response_topic=\"answer/here\" correlation_data=\"42\" \
         user_property=\"k\":\"v\" subscription_identifier=1 subscription_identifier=268435455 \
         content_type=\"application/json\"]"
    );
    assert_eq!(
        with("SUBSCRIBE"),
        "SUBSCRIBE id=1 \"a/#\" qos=1 no_local retain_handling=1, \"$share/group/+\" qos=2 retain_as_published \
         retain_handling=2 [subscription_identifier=128 user_property=\"k\":\"v\"]"
    );
    assert_eq!(
        with("SUBACK"),
        "SUBACK id=1 granted QoS 2, shared subscriptions not supported [reason_string=\"words\" \
         user_property=\"k\":\"v\"]"
    );
    assert_eq!(
        with("PUBCOMP"),
        "PUBCOMP id=1 packet identifier not found [reason_string=\"words\" user_property=\"k\":\"v\"]"
    );
    assert!(words.contains(&"DISCONNECT session taken over".to_string()));
    assert!(with("AUTH").starts_with("AUTH continue authentication [authentication_method=\"SCRAM\" "));
}

#[test]
fn field_values_leave_nothing_out() {
    let secret = Property::AuthenticationData(&[1, 0xFF]);
    assert_eq!(secret.to_string(), "authentication_data=2 bytes");
    assert_eq!(FieldValue::Property(secret).to_string(), "01 ff");
    assert_eq!(FieldValue::Bytes(b"dndfssj").to_string(), "\"dndfssj\"");
    assert_eq!(FieldValue::Bytes("ü".as_bytes()).to_string(), "c3 bc");
}
