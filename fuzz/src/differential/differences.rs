//! Where other codecs and ours disagree, and why ours stays as it is.

use mqtt_engine::packet::{Fault, Packet, PacketType, ReasonCode};

use super::foreign::Codec::{self, ProtocolCore, Rumqttc};

/// Whose it is, when it shows, and why it is no fault of ours.
struct Difference<W>(&'static [Codec], W, &'static str);

type OfFault = fn(PacketType, &Fault) -> bool;
type OfPacket = fn(&Packet<'_>) -> bool;

/// Whether it is listed that the codec accepts a packet with this fault.
pub(super) fn accepts_more(codec: Codec, kind: PacketType, fault: &Fault) -> bool {
    ACCEPTED.iter().any(|difference| difference.is_of(codec) && (difference.1)(kind, fault))
}

/// Whether it is listed that the codec refuses this packet.
pub(super) fn refuses_more(codec: Codec, packet: &Packet<'_>) -> bool {
    REFUSED.iter().any(|difference| difference.is_of(codec) && (difference.1)(packet))
}

/// Whether it is listed that the codec reads something else in this packet.
pub(super) fn reads_otherwise(codec: Codec, packet: &Packet<'_>) -> bool {
    READ_OTHERWISE.iter().any(|difference| difference.is_of(codec) && (difference.1)(packet))
}

impl<W> Difference<W> {
    fn is_of(&self, codec: Codec) -> bool {
        debug_assert!(!self.2.is_empty(), "a difference without a reason");
        self.0.contains(&codec)
    }
}

const ACCEPTED: &[Difference<OfFault>] = &[
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::TopicEmpty | Fault::TopicWildcard | Fault::TopicFilter(_)),
        "their programs check names and filters; [MQTT-4.7.1-1..3] [MQTT-4.7.3-1] [MQTT-3.3.2-2] (both versions)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::ResponseTopicEmpty | Fault::ResponseTopicWildcard),
        "a response topic is a topic name [MQTT-3.3.2-14] [MQTT-4.7.3-1] (5.0)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::IntegerNotMinimal),
        "integers take as few bytes as possible [MQTT-1.5.5-1] (5.0)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::AuthenticationDataWithoutMethod | Fault::NoLocalOnShared),
        "data needs a method (5.0 section 3.1.2.11.10); shared subscriptions have no No Local [MQTT-3.8.3-4] (5.0)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::SessionPresentOnRefusal),
        "a refusal has no session [MQTT-3.2.2-4] (3.1.1) [MQTT-3.2.2-6] (5.0)",
    ),
    Difference(
        &[ProtocolCore],
        |_, fault| matches!(fault, Fault::ContainsNul),
        "strings have no U+0000 [MQTT-1.5.3-2] (3.1.1) [MQTT-1.5.4-2] (5.0)",
    ),
    Difference(
        &[ProtocolCore],
        |_, fault| matches!(fault, Fault::PacketIdZero),
        "packet identifiers are not 0 [MQTT-2.3.1-1] (3.1.1) [MQTT-2.2.1-3] (5.0)",
    ),
    Difference(
        &[ProtocolCore],
        |_, fault| {
            use Fault::{ConnectFlagsReserved, WillQoS, WillQoSWithoutWill, WillRetainWithoutWill};
            matches!(fault, ConnectFlagsReserved | WillQoS | WillQoSWithoutWill | WillRetainWithoutWill)
        },
        "flags without a will are 0, reserved ones always [MQTT-3.1.2-3] (both versions) [MQTT-3.1.2-13] (3.1.1)",
    ),
    Difference(
        &[ProtocolCore],
        |_, fault| matches!(fault, Fault::AcknowledgeFlagsReserved | Fault::SubscriptionOptionsReserved),
        "reserved bits are 0 [MQTT-3.2.2-1] (5.0) [MQTT-3.8.3-4] (3.1.1)",
    ),
    Difference(
        &[ProtocolCore],
        |kind, fault| kind == PacketType::Publish && matches!(fault, Fault::PropertyLengthMissing),
        "no properties are written as a length of 0 [MQTT-2.2.2-1] (5.0)",
    ),
    Difference(
        &[ProtocolCore],
        |kind, fault| kind == PacketType::Subscribe && matches!(fault, Fault::PropertyTwice(_)),
        "a SUBSCRIBE has one subscription identifier (5.0 section 3.8.2.1.2)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |_, fault| matches!(fault, Fault::TrailingBytes),
        "a packet ends where its last field does",
    ),
    Difference(
        &[Rumqttc],
        |_, fault| matches!(fault, Fault::Truncated),
        "a property does not reach beyond the property length (5.0 section 2.2.2)",
    ),
    Difference(
        &[Rumqttc],
        |_, fault| matches!(fault, Fault::PropertyTwice(_) | Fault::PropertyValue(_)),
        "most properties stand once, and some values are forbidden (5.0 section 2.2.2.2)",
    ),
    Difference(
        &[Rumqttc],
        |kind, fault| kind == PacketType::Unsubscribe && matches!(fault, Fault::UnsubscribeEmpty),
        "UNSUBSCRIBE has one filter at least [MQTT-3.10.3-2] (both versions)",
    ),
    Difference(
        &[Rumqttc],
        |_, fault| matches!(fault, Fault::SubscriptionIdentifierZero | Fault::TopicAliasZero),
        "neither is ever 0 (5.0 sections 3.3.2.3.4 and 3.3.2.3.8)",
    ),
    Difference(
        &[Rumqttc],
        |kind, fault| {
            use Fault::{ContainsNul, IntegerTooLong, NotUtf8, PropertyNotAllowed, PropertyUnknown};
            let is_of_properties = matches!(
                fault,
                PropertyNotAllowed { .. } | PropertyUnknown(_) | IntegerTooLong | ContainsNul | NotUtf8
            );
            kind == PacketType::Publish && is_of_properties
        },
        "it counts a subscription identifier one byte too long, and takes the last properties for payload",
    ),
];

const REFUSED: &[Difference<OfPacket>] = &[
    Difference(
        &[ProtocolCore],
        |packet| matches!(packet, Packet::Connect(packet) if packet.password.is_some() && packet.user_name.is_none()),
        "5.0 has passwords without user names (5.0 section 3.1.2.9)",
    ),
    Difference(
        &[ProtocolCore, Rumqttc],
        |packet| matches!(packet, Packet::Disconnect(packet) if packet.reason == ReasonCode::BadAuthenticationMethod),
        "5.0 section 2.4 names DISCONNECT for 0x8C, the table of section 3.14.2.1 does not",
    ),
    Difference(
        &[ProtocolCore],
        |packet| matches!(packet, Packet::Auth(packet) if packet.properties.authentication_method().is_none()),
        "that AUTH names its method is checked where the method is known, with CONNECT's",
    ),
    Difference(
        &[Rumqttc],
        |packet| matches!(packet, Packet::Auth(packet) if packet.properties.is_empty()),
        "AUTH may be as short as its header (5.0 section 3.15.2.1); one with a reason alone is let pass",
    ),
    Difference(
        &[Rumqttc],
        |packet| matches!(packet, Packet::Disconnect(packet) if packet.properties.is_empty()),
        "DISCONNECT may end behind its reason (5.0 section 3.14.2.2.1)",
    ),
    Difference(
        &[Rumqttc],
        |packet| matches!(packet, Packet::Connect(packet) if packet.client_id.is_empty() && !packet.clean_start),
        "it refuses to write what it has read; a server has an answer for it [MQTT-3.1.3-8] (3.1.1)",
    ),
];

const READ_OTHERWISE: &[Difference<OfPacket>] = &[Difference(
    &[Rumqttc],
    |packet| matches!(packet, Packet::Publish(packet) if packet.properties.subscription_identifier().is_some()),
    "it counts a subscription identifier one byte too long, and takes the last properties for payload",
)];
