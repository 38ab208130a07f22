//! The packets that are read and written, in plain words that every contender's packets are compared with.

use bytes::BytesMut;
use mqtt_engine::{
    PayloadFormat, QoS,
    packet::{
        Ack, Connect, Packet, PacketId, Properties, Property, ProtocolVersion, Publish, ReasonCode, Will,
    },
};

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) version: ProtocolVersion,
    pub(crate) content: Content,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Publish(Message),
    PubAck { packet_id: u16 },
    Connect(Greeting),
}

/// A PUBLISH, neither repeated nor retained.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// With QoS 1; otherwise it is QoS 0.
    pub(crate) packet_id: Option<u16>,
    pub(crate) properties: Option<Extras>,
}

/// Five properties of a PUBLISH.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Extras {
    pub(crate) is_text: bool,
    pub(crate) expiry: u32,
    pub(crate) content_type: String,
    pub(crate) response_topic: String,
    pub(crate) user: (String, String),
}

/// A CONNECT with clean start, and a will of QoS 1 that is retained.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Greeting {
    pub(crate) client_id: String,
    pub(crate) keep_alive: u16,
    pub(crate) will_topic: String,
    pub(crate) will_payload: Vec<u8>,
    pub(crate) user_name: String,
    pub(crate) password: Vec<u8>,
}

const TOPIC: &str = "sensors/room1/temp";

/// The row whose packets also come in pieces.
pub(crate) fn plain_publish() -> Sample {
    let content = message(64, None, None);
    Sample { name: "PUBLISH QoS 0, 64 B, 3.1.1", version: ProtocolVersion::V3_1_1, content }
}

/// Every row.
pub(crate) fn samples() -> Vec<Sample> {
    let old = |name, content| Sample { name, version: ProtocolVersion::V3_1_1, content };
    let new = |name, content| Sample { name, version: ProtocolVersion::V5, content };
    let extras = Extras {
        is_text: true,
        expiry: 60,
        content_type: "application/json".to_owned(),
        response_topic: "replies/room1".to_owned(),
        user: ("unit".to_owned(), "celsius".to_owned()),
    };
    let greeting = Greeting {
        client_id: "thermometer-1".to_owned(),
        keep_alive: 60,
        will_topic: "sensors/room1/state".to_owned(),
        will_payload: b"offline".to_vec(),
        user_name: "room1".to_owned(),
        password: b"secret".to_vec(),
    };
    vec![
        plain_publish(),
        new("PUBLISH QoS 0, 64 B, 5.0", message(64, None, None)),
        new("PUBLISH QoS 0, 64 B, 5.0, five properties", message(64, None, Some(extras))),
        old("PUBLISH QoS 1, 16 B, 3.1.1", message(16, Some(10), None)),
        old("PUBLISH QoS 0, 16 KiB, 3.1.1", message(16 << 10, None, None)),
        old("PUBACK, 3.1.1", Content::PubAck { packet_id: 10 }),
        old("CONNECT with a will, 3.1.1", Content::Connect(greeting)),
    ]
}

fn message(size: usize, packet_id: Option<u16>, properties: Option<Extras>) -> Content {
    Content::Publish(Message { topic: TOPIC.to_owned(), payload: vec![b'x'; size], packet_id, properties })
}

impl Sample {
    /// The packet on the wire, written by the engine.
    pub(crate) fn frame(&self) -> BytesMut {
        let mut frame = BytesMut::new();
        match &self.content {
            Content::Publish(message) => {
                let list = message.properties.as_ref().map(Extras::list);
                let publish = message.view(list.as_ref().map_or(&[], |list| list));
                Packet::Publish(publish).encode(self.version, &mut frame)
            }
            Content::PubAck { packet_id } => Packet::PubAck(ack(*packet_id)).encode(self.version, &mut frame),
            Content::Connect(greeting) => {
                Packet::Connect(greeting.view(self.version)).encode(self.version, &mut frame)
            }
        }
        .expect("a sample that can be sent");
        frame
    }
}

/// A PUBACK that tells a success.
pub(crate) fn ack(packet_id: u16) -> Ack<'static> {
    Ack::new(PacketId::new(packet_id).expect("not zero"), ReasonCode::Success)
}

impl Message {
    /// The engine's packet, with these properties.
    pub(crate) fn view<'a>(&'a self, properties: &'a [Property<'a>]) -> Publish<'a> {
        let packet_id = self.packet_id.and_then(PacketId::new);
        Publish {
            duplicate: false,
            qos: if packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            retain: false,
            topic: &self.topic,
            packet_id,
            properties: Properties::new(properties),
            payload: &self.payload,
        }
    }
}

impl Extras {
    /// The properties for the engine.
    pub(crate) fn list(&self) -> [Property<'_>; 5] {
        let format = if self.is_text { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified };
        [
            Property::PayloadFormatIndicator(format),
            Property::MessageExpiryInterval(self.expiry),
            Property::ContentType(&self.content_type),
            Property::ResponseTopic(&self.response_topic),
            Property::UserProperty(&self.user.0, &self.user.1),
        ]
    }
}

impl Greeting {
    /// The engine's packet.
    pub(crate) fn view(&self, version: ProtocolVersion) -> Connect<'_> {
        Connect {
            version,
            clean_start: true,
            keep_alive: self.keep_alive,
            client_id: &self.client_id,
            will: Some(Will {
                topic: &self.will_topic,
                payload: &self.will_payload,
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: Properties::NONE,
            }),
            user_name: Some(&self.user_name),
            password: Some(&self.password),
            properties: Properties::NONE,
        }
    }
}

/// What a packet of the engine says, if it is like one of the samples.
pub(crate) fn content_of(packet: &Packet<'_>) -> Option<Content> {
    if let Packet::Publish(publish) = packet {
        return Some(Content::Publish(Message {
            topic: publish.topic.to_owned(),
            payload: publish.payload.to_vec(),
            packet_id: publish.packet_id.map(PacketId::get),
            properties: extras_of(&publish.properties),
        }));
    }
    if let Packet::PubAck(ack) = packet {
        return Some(Content::PubAck { packet_id: ack.packet_id.get() });
    }
    let Packet::Connect(connect) = packet else { return None };
    let will = connect.will.filter(|will| will.retain && will.qos == QoS::AtLeastOnce)?;
    Some(Content::Connect(Greeting {
        client_id: connect.client_id.to_owned(),
        keep_alive: connect.keep_alive,
        will_topic: will.topic.to_owned(),
        will_payload: will.payload.to_vec(),
        user_name: connect.user_name?.to_owned(),
        password: connect.password?.to_vec(),
    }))
}

fn extras_of(properties: &Properties<'_>) -> Option<Extras> {
    let (name, value) = properties.user_properties().next()?;
    Some(Extras {
        is_text: properties.payload_format_indicator()? == PayloadFormat::Utf8,
        expiry: properties.message_expiry_interval()?,
        content_type: properties.content_type()?.to_owned(),
        response_topic: properties.response_topic()?.to_owned(),
        user: (name.to_owned(), value.to_owned()),
    })
}
