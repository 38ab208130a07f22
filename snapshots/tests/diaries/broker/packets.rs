//! Packets that the broker must take, and packets that it must not.

use mqtt_engine::{
    QoS::ExactlyOnce,
    packet::{ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, disconnect, pingreq, pingresp, publish, pubrec, refusal,
};

use super::{Steps as _, hex, play, play_v5, play_with};
use crate::{
    diaries,
    vocabulary::{V3, V5, broker},
};

diaries! { "broker";
    s50_five_bytes_announce_a_huge_connect => play_v5(bomb);
    s53_acknowledgements_in_every_length_v5 => play_v5(lengths);
    s54_faults_end_the_connection_v3 => play_with(broker(), |desk| faults(desk, V3));
    s54_faults_end_the_connection_v5 => play_with(broker(), |desk| faults(desk, V5));
    s54_bad_first_packets_v3 => play(V3, bad_first_packet);
    s54_bad_first_packets_v5 => play(V5, bad_first_packet);
}

/// Five bytes announce 256 MiB: the broker does not wait for them.
fn bomb(broker: &mut dyn BrokerStage) {
    broker.opens("c", V5);
    broker.send_part("c", hex("10 FF FF FF 7F"), 5);
    broker.ends("c");
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP with 2, 3 and 4 bytes, DISCONNECT with 0 and 1 (5.0 sections 3.4.2.1 and 3.14.2.1).
fn lengths(broker: &mut dyn BrokerStage) {
    broker.joins("c", V5);
    broker.subscribes("c", "t", ExactlyOnce);
    let rest = ["", " 00", " 00 00"];
    let frame = |first: &str, id: u16, length: usize| {
        hex(&format!("{first} {:02X} 00 {id:02X}{}", 2 + length, rest[length]))
    };
    for (id, length) in [(1, 0), (2, 1), (3, 2)] {
        broker.ask("c", publish("t", "x").qos1(id), hex(&format!("40 02 00 {id:02X}")));
        broker.recv("c", publish("t", "x").qos1(id));
        broker.send("c", frame("40", id, length));
    }
    for (id, length) in [(4, 0), (5, 1), (6, 2)] {
        broker.ask("c", publish("t", "x").qos2(id), pubrec(id));
        broker.recv("c", publish("t", "x").qos2(id));
        broker.ask("c", frame("62", id, length), hex(&format!("70 02 00 {id:02X}")));
        broker.ask("c", frame("50", id, length), hex(&format!("62 02 00 {id:02X}")));
        broker.send("c", frame("70", id, length));
    }
    broker.ask("c", pingreq(), pingresp());
    broker.send("c", hex("E0 00"));
    broker.ends("c");
    broker.joins("d", V5);
    broker.send("d", hex("E0 01 00"));
    broker.ends("d");
}

/// What is wrong, the bytes, and what a 5.0 client is told.
type Fault = (&'static str, &'static str, R);

/// In both versions.
const FAULTS: &[Fault] = &[
    ("packet identifier 0", "32 06 00 01 74 00 00 00", R::ProtocolError),
    ("QoS 3", "36 06 00 01 74 00 01 00", R::MalformedPacket),
    ("DUP with QoS 0", "38 04 00 01 74 00", R::MalformedPacket),
    ("reserved flags of SUBSCRIBE", "80 02 00 01", R::MalformedPacket),
    ("reserved flags of UNSUBSCRIBE", "A0 02 00 01", R::MalformedPacket),
    ("reserved flags of PUBREL", "60 02 00 01", R::MalformedPacket),
    ("a length in more bytes than needed", "C0 80 00", R::MalformedPacket),
    ("a length of five bytes", "30 80 80 80 80 01", R::MalformedPacket),
    ("a topic that is not UTF-8", "30 04 00 01 FF 00", R::MalformedPacket),
    ("a topic with U+0000", "30 04 00 01 00 00", R::MalformedPacket),
    ("a topic with a surrogate", "30 06 00 03 ED A0 80 00", R::MalformedPacket),
    ("a topic with a wildcard", "30 04 00 01 2B 00", R::TopicNameInvalid),
    ("an empty topic", "30 03 00 00 00", R::ProtocolError),
    ("PINGREQ with a payload", "C0 01 00", R::MalformedPacket),
    ("packet type 0", "00 00", R::MalformedPacket),
    ("a packet that only servers send", "D0 00", R::ProtocolError),
];

/// What has another form, or exists, only in one version.
const FAULTS_V3: &[Fault] = &[
    ("packet type 15", "F0 00", R::MalformedPacket),
    ("a reserved bit of the requested QoS", "82 06 00 01 00 01 74 04", R::MalformedPacket),
    ("a requested QoS of 3", "82 06 00 01 00 01 74 03", R::ProtocolError),
    ("SUBSCRIBE without a filter", "82 02 00 01", R::ProtocolError),
    ("UNSUBSCRIBE without a filter", "A2 02 00 01", R::ProtocolError),
    ("a filter that is not well formed", "82 07 00 01 00 02 61 23 00", R::TopicFilterInvalid),
    ("PUBACK with a third byte", "40 03 00 01 00", R::MalformedPacket),
    ("a second CONNECT", "10 0D 00 04 4D 51 54 54 04 02 00 00 00 01 63", R::ProtocolError),
];
const FAULTS_V5: &[Fault] = &[
    ("a reserved bit of the subscription options", "82 07 00 01 00 00 01 74 40", R::MalformedPacket),
    ("a requested QoS of 3", "82 07 00 01 00 00 01 74 03", R::ProtocolError),
    ("retain handling 3", "82 07 00 01 00 00 01 74 30", R::ProtocolError),
    ("SUBSCRIBE without a filter", "82 03 00 01 00", R::ProtocolError),
    ("UNSUBSCRIBE without a filter", "A2 03 00 01 00", R::ProtocolError),
    ("a filter that is not well formed", "82 08 00 01 00 00 02 61 23 00", R::TopicFilterInvalid),
    (
        "no local for a shared subscription",
        "82 10 00 01 00 00 0A 24 73 68 61 72 65 2F 67 2F 74 04",
        R::ProtocolError,
    ),
    (
        "a share name with a wildcard",
        "82 10 00 01 00 00 0A 24 73 68 61 72 65 2F 2B 2F 74 00",
        R::TopicFilterInvalid,
    ),
    ("subscription identifier 0", "82 09 00 01 02 0B 00 00 01 74 00", R::ProtocolError),
    ("a subscription identifier from a publisher", "30 06 00 01 74 02 0B 01", R::ProtocolError),
    ("topic alias 0", "30 07 00 01 74 03 23 00 00", R::TopicAliasInvalid),
    ("topic alias above the maximum", "30 07 00 01 74 03 23 00 11", R::TopicAliasInvalid),
    ("a topic alias that stands for nothing", "30 06 00 00 03 23 00 01", R::ProtocolError),
    ("a property twice", "30 08 00 01 74 04 01 00 01 00", R::ProtocolError),
    ("a property of other packets", "30 09 00 01 74 05 11 00 00 00 01", R::MalformedPacket),
    ("a property that does not exist", "30 06 00 01 74 02 7F 00", R::MalformedPacket),
    ("a response topic with a wildcard", "30 08 00 01 74 04 08 00 01 23", R::ProtocolError),
    ("PUBACK with bytes behind its end", "40 05 00 01 00 00 00", R::MalformedPacket),
    ("PUBACK with a code that it does not have", "40 03 00 01 04", R::ProtocolError),
    ("AUTH without a method", "F0 00", R::ProtocolError),
    ("a second CONNECT", "10 0E 00 04 4D 51 54 54 05 02 00 00 00 00 01 63", R::ProtocolError),
];

/// Each ends the connection; 5.0 clients are told the reason. [MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] (5.0)
fn faults(broker: &mut BrokerDesk, version: ProtocolVersion) {
    let of_version = if version == V5 { FAULTS_V5 } else { FAULTS_V3 };
    for (what, bytes, reason) in FAULTS.iter().chain(of_version) {
        broker.note(what);
        broker.joins("c", version);
        broker.send("c", hex(bytes));
        if version == V5 {
            broker.recv("c", disconnect(*reason));
        }
        broker.ends("c");
    }
}

/// Something else than a CONNECT gets no answer at all, a bad CONNECT one in 5.0. [MQTT-3.1.0-1] (both versions),
/// [MQTT-3.1.4-1] (3.1.1)
fn bad_first_packet(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    for first in [pingreq(), publish("t", "x")] {
        broker.opens("c", version);
        broker.send("c", first);
        broker.ends("c");
    }
    // The reserved bit of the connect flags; a will of QoS 3; bytes behind the end.
    let level = if version == V5 { "05" } else { "04" };
    for (flags, rest, reason) in [
        ("03", "00 00 00 00 00", R::MalformedPacket),
        ("1E", "00 00 00 00 00", R::MalformedPacket),
        ("02", "00 00 00 00 00 00", R::MalformedPacket),
    ] {
        let length = 8 + rest.len().div_ceil(3);
        broker.opens("c", version);
        broker.send("c", hex(&format!("10 {length:02X} 00 04 4D 51 54 54 {level} {flags} {rest}")));
        if version == V5 {
            broker.recv("c", refusal(reason));
        }
        broker.ends("c");
    }
    if version == V3 {
        // A password without a user name.
        broker.opens("c", version);
        broker.send("c", hex("10 10 00 04 4D 51 54 54 04 42 00 00 00 01 63 00 01 70"));
        broker.ends("c");
    }
}
