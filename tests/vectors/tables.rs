//! Where the codec and `mqtt-packet` differ, and why.

use mqtt_engine::{
    QoS,
    packet::{Connect, EncodeError, Packet, Properties, Property, ProtocolVersion, Publish},
};

use crate::{Outcome, data::Kind};

/// Which vectors a row is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Named(&'static str),
}

/// An explained difference.
pub(crate) struct Difference {
    pub(crate) which: Which,
    pub(crate) kinds: &'static [Kind],
    pub(crate) outcome: Outcome,
    /// How many vectors it explains, exactly.
    pub(crate) times: usize,
    pub(crate) why: &'static str,
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        which: Which::Named("connect MQTT bridge 131"),
        kinds: &[Kind::Same],
        outcome: Outcome::Refused,
        times: 1,
        why: "the bridge bit in the level is a private extension of 3.1",
    },
    Difference {
        which: Which::Named("connect MQTT bridge 132"),
        kinds: &[Kind::Same],
        outcome: Outcome::Refused,
        times: 1,
        why: "the bridge bit in the level is a private extension of 3.1, here even with the name of 3.1",
    },
    Difference {
        which: Which::Named("Version 4 CONACK in Version 5 mode"),
        kinds: &[Kind::Read],
        outcome: Outcome::Refused,
        times: 1,
        why: "1 is a return code of 3.1.1; 5.0 has no such reason code and does not leave the property length out (3.2.2)",
    },
    Difference {
        which: Which::Named("Version 5 CONNACK test 1"),
        kinds: &[Kind::Read],
        outcome: Outcome::Refused,
        times: 1,
        why: "only the acknowledgements of PUBLISH, DISCONNECT and AUTH may be cut short, not CONNACK (5.0 section 3.2.2)",
    },
    Difference {
        which: Which::Named("Version 5 CONNACK test 2"),
        kinds: &[Kind::Read],
        outcome: Outcome::Refused,
        times: 1,
        why: "the same: the property length is missing",
    },
    Difference {
        which: Which::Named("connack MQTT 5 with properties"),
        kinds: &[Kind::Same],
        outcome: Outcome::Refused,
        times: 1,
        why: "Maximum QoS 2: a value other than 0 or 1 is a protocol error (5.0 section 3.2.2.3.4)",
    },
    Difference {
        which: Which::Named("connack MQTT 5 with properties and doubled user properties"),
        kinds: &[Kind::Same],
        outcome: Outcome::Refused,
        times: 1,
        why: "the same: Maximum QoS 2",
    },
    Difference {
        which: Which::Named("Version 5 DISCONNECT test 3 generate"),
        kinds: &[Kind::Write],
        outcome: Outcome::WrittenOtherwise,
        times: 1,
        why: "reason 0 without properties is written in its shortest form (5.0 section 3.14.2.1)",
    },
    Difference {
        which: Which::Named("disconnect MQTT 5 with no properties"),
        kinds: &[Kind::Same],
        outcome: Outcome::WrittenOtherwise,
        times: 1,
        why: "the same",
    },
    Difference {
        which: Which::Named("puback with reason and no MQTT 5 properties"),
        kinds: &[Kind::Same],
        outcome: Outcome::WrittenOtherwise,
        times: 1,
        why: "without properties their length is left out (5.0 section 3.4.2.2.1)",
    },
];

/// The faults that we may find where `mqtt-packet` says this, by the start of its text.
pub(crate) const REFUSALS: &[(&str, &[&str])] = &[
    ("Not supported auth packet for this version", &["PacketType"]),
    ("Not supported", &["PacketType"]),
    ("Invalid variable byte integer", &["IntegerTooLong"]),
    ("Cannot parse protocolId", &["Truncated"]),
    // The two zeros that stand for the missing field are read one field earlier, as a text with U+0000 in it.
    ("Cannot parse will topic", &["ContainsNul"]),
    ("Cannot parse will payload", &["ContainsNul"]),
    ("Cannot parse password", &["ContainsNul"]),
    ("Cannot parse username", &["Truncated"]),
    ("Packet too short", &["Truncated"]),
    ("Invalid header flag bits", &["HeaderFlags"]),
    ("Connect flag bit 0", &["ConnectFlagsReserved"]),
    ("Will Retain Flag", &["WillRetainWithoutWill"]),
    ("Will QoS", &["WillQoSWithoutWill"]),
    ("Malformed subscribe, no payload", &["Truncated"]),
    ("Malformed suback, no payload", &["Truncated"]),
    ("Malformed unsubscribe, no payload", &["Truncated"]),
    ("Malformed unsuback, no payload", &["Truncated"]),
    ("Malformed unsuback, payload length must be 2", &["Truncated"]),
    ("Invalid connack flags", &["AcknowledgeFlagsReserved"]),
    ("Packet must not have both QoS bits", &["PublishQoS"]),
    ("Invalid puback reason code", &["ReasonCode"]),
    ("Invalid pubrel reason code", &["ReasonCode"]),
    ("Invalid pubcomp reason code", &["ReasonCode"]),
    ("Invalid suback", &["ReasonCode"]),
    ("Invalid unsuback code", &["ReasonCode"]),
    ("Invalid disconnect reason code", &["ReasonCode"]),
    ("Invalid auth reason code", &["ReasonCode"]),
    ("Invalid subscribe QoS", &["SubscriptionQoS"]),
    ("Invalid subscribe topic flag bits", &["SubscriptionOptionsReserved"]),
    ("Invalid retain handling", &["RetainHandling"]),
    ("Invalid protocolId", &["ProtocolName"]),
    ("Invalid protocol version", &["UnsupportedProtocolLevel"]),
    ("Unknown property", &["PropertyUnknown"]),
    // The filter's length reaches over its options byte, a zero: a text with U+0000 in it, then nothing.
    ("Malformed Subscribe Payload", &["ContainsNul", "Truncated"]),
];

/// The faults of a CONNECT of a level 3 that calls itself `MQTT`, whatever else is wrong with it.
pub(crate) const OLD_PROTOCOL: &[&str] = &["ProtocolName", "UnsupportedProtocolLevel"];

/// Why something can't be written.
#[derive(Clone, Copy)]
pub(crate) enum Unwritable {
    /// No value of our types says it.
    ByType(&'static str),
    /// The encoder refuses it.
    Encode(fn() -> Result<(), EncodeError>),
    /// The codec writes it, and another layer forbids it.
    Elsewhere(&'static str),
}

use Unwritable::{ByType, Elsewhere, Encode};

pub(crate) const UNWRITABLE: &[(&str, Unwritable)] = &[
    ("Unknown command", ByType("a packet is a variant of an enum")),
    ("Invalid command", ByType("a packet is a variant of an enum")),
    ("Invalid return code", ByType("a reason is an enum, not text")),
    ("Invalid variable byte integer: 268435456", Encode(too_large)),
    (
        "Invalid subscriptionIdentifier: 268435456",
        Encode(|| publish(&[Property::SubscriptionIdentifier(268_435_456)])),
    ),
    ("Invalid unsubscriptions", ByType("filters are a list of texts")),
    ("Invalid protocolId", ByType("the protocol's name belongs to its version")),
    ("Invalid protocol version", ByType("a version is an enum of 3.1, 3.1.1 and 5.0")),
    (
        "clientId must be supplied before 3.1.1",
        Elsewhere("a server answers an empty one of 3.1 with return code 2"),
    ),
    (
        "clientId must be given if cleanSession set to 0",
        Elsewhere(
            "a server answers it with return code 2 [MQTT-3.1.3-8]; the client's handshake must not send it",
        ),
    ),
    ("Invalid keepalive", ByType("a keep alive is a u16")),
    ("Invalid will", ByType("a will is a struct")),
    ("Invalid will topic", ByType("a will has a topic")),
    ("Invalid will payload", ByType("a will's payload is bytes")),
    ("Invalid username", ByType("a user name is text")),
    ("Invalid password", ByType("a password is bytes")),
    ("Username is required to use password", Encode(password_alone)),
    ("Invalid messageExpiryInterval: -4321", ByType("an interval is a u32")),
    ("Invalid topicAlias: -100", ByType("an alias is a u16")),
    ("Invalid subscriptionIdentifier: -120", ByType("an identifier is a u32")),
    ("Invalid messageId", ByType("a packet identifier is a number from 1 to 65,535")),
];

/// The row of this error.
pub(crate) fn unwritable(label: &str) -> Option<Unwritable> {
    UNWRITABLE.iter().find(|(name, _)| *name == label).map(|(_, how)| *how)
}

fn write(packet: &Packet<'_>, version: ProtocolVersion) -> Result<(), EncodeError> {
    let mut out = Vec::new();
    let result = packet.encode(version, &mut out);
    assert!(result.is_ok() || out.is_empty(), "a refused packet leaves nothing behind");
    result
}

fn publish(properties: &[Property<'_>]) -> Result<(), EncodeError> {
    let publish = Publish {
        duplicate: false,
        qos: QoS::AtMostOnce,
        retain: true,
        topic: "test",
        packet_id: None,
        properties: Properties::new(properties),
        payload: b"test",
    };
    write(&Packet::Publish(publish), ProtocolVersion::V5)
}

fn too_large() -> Result<(), EncodeError> {
    let payload = vec![0; 268_435_456 - 6];
    let publish = Publish {
        duplicate: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "test",
        packet_id: None,
        properties: Properties::NONE,
        payload: &payload,
    };
    write(&Packet::Publish(publish), ProtocolVersion::V3_1_1)
}

fn connect() -> Connect<'static> {
    Connect {
        version: ProtocolVersion::V3_1_1,
        clean_start: true,
        keep_alive: 30,
        client_id: "test",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    }
}

fn password_alone() -> Result<(), EncodeError> {
    write(&Packet::Connect(Connect { password: Some(b"password"), ..connect() }), ProtocolVersion::V3_1_1)
}
