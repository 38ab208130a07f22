//! The codec of `ntex-mqtt`: packets are taken out of a buffer of its own kind, which texts and payloads share.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_engine::packet::ProtocolVersion;
use ntex_bytes::{BytePage, BytePageSize, BytePages, Bytes, BytesMut};
use ntex_codec::{Decoder, Encoder};
use ntex_mqtt::{QoS, v3::codec as v3, v5::codec as v5};

use super::{
    contender::Contender,
    sample::{Content, Extras, Greeting, Message, Sample},
};

/// The part for 3.1.1.
pub(crate) struct NtexMqtt3;

/// The part for 5.0.
pub(crate) struct NtexMqtt5;

/// As `ReadBuffer`, with this crate's buffer, and the codec.
pub(crate) struct Reader<C> {
    codec: C,
    buffer: BytesMut,
    packets: Vec<u8>,
}

impl<C: Decoder> Reader<C> {
    fn new(codec: C, frame: &[u8]) -> Self {
        let packets = frame.repeat((8192 / frame.len()).max(1));
        Self { codec, buffer: BytesMut::with_capacity(packets.len()), packets }
    }

    fn next(&mut self) -> C::Item {
        if self.buffer.is_empty() {
            self.buffer.extend_from_slice(&self.packets);
        }
        self.codec.decode(&mut self.buffer).expect("a packet").expect("a whole one")
    }
}

/// What is written, and where to.
pub(crate) struct Writer<C: Encoder> {
    codec: C,
    packet: C::Item,
    pages: BytePages,
    /// The first page of the last packet.
    page: Option<BytePage>,
}

impl<C: Encoder<Item: Clone>> Writer<C> {
    fn new(codec: C, packet: C::Item) -> Self {
        Self { codec, packet, pages: BytePages::new(BytePageSize::Size8), page: None }
    }

    fn write(&mut self) -> &[u8] {
        self.codec.encodev(self.packet.clone(), &mut self.pages).expect("a packet that can be sent");
        self.page = self.pages.take();
        self.page.as_ref().map(AsRef::as_ref).unwrap_or_default()
    }
}

impl Contender for NtexMqtt3 {
    const NAME: &'static str = "ntex-mqtt";
    type Input = Reader<v3::Codec>;
    type Packet<'a> = v3::Decoded;
    type Outgoing = Writer<v3::Codec>;
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        (sample.version < ProtocolVersion::V5).then(|| Reader::new(v3::Codec::new(), frame))
    }

    fn decode(input: &mut Self::Input) -> v3::Decoded {
        input.next()
    }

    fn content(packet: &v3::Decoded) -> Content {
        match packet {
            v3::Decoded::Publish(publish, payload, _) => Content::Publish(Message {
                topic: publish.topic.to_string(),
                payload: payload.to_vec(),
                packet_id: publish.packet_id.map(NonZeroU16::get),
                properties: None,
            }),
            v3::Decoded::Packet(v3::Packet::PublishAck { packet_id }, _) => {
                Content::PubAck { packet_id: packet_id.get() }
            }
            v3::Decoded::Packet(v3::Packet::Connect(connect), _) => {
                let will = connect.last_will.as_ref().expect("there is one");
                assert!(connect.clean_session && will.retain && will.qos == QoS::AtLeastOnce);
                Content::Connect(Greeting {
                    client_id: connect.client_id.to_string(),
                    keep_alive: connect.keep_alive,
                    will_topic: will.topic.to_string(),
                    will_payload: will.message.to_vec(),
                    user_name: connect.username.as_ref().expect("there is one").to_string(),
                    password: connect.password.as_ref().expect("there is one").to_vec(),
                })
            }
            v3::Decoded::Packet(..) | v3::Decoded::PayloadChunk(..) => panic!("not a sample: {packet:?}"),
        }
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        if sample.version == ProtocolVersion::V5 {
            return None;
        }
        let packet = match &sample.content {
            Content::Publish(message) => {
                let payload = small(message)?;
                let publish = v3::Publish {
                    dup: false,
                    retain: false,
                    qos: if message.packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
                    topic: message.topic.as_str().into(),
                    packet_id: message.packet_id.and_then(NonZeroU16::new),
                    payload_size: u32::try_from(payload.len()).ok()?,
                };
                v3::Encoded::Publish(publish, Some(payload))
            }
            Content::PubAck { packet_id } => {
                v3::Encoded::Packet(v3::Packet::PublishAck { packet_id: NonZeroU16::new(*packet_id)? })
            }
            Content::Connect(greeting) => {
                v3::Encoded::Packet(v3::Packet::Connect(Box::new(connect(greeting))))
            }
        };
        Some(Writer::new(v3::Codec::new(), packet))
    }

    fn encode(outgoing: &mut Self::Outgoing) -> &[u8] {
        outgoing.write()
    }

    /// It hands over payloads that are not whole, as parts.
    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&v3::Decoded)) {}
}

impl Contender for NtexMqtt5 {
    const NAME: &'static str = NtexMqtt3::NAME;
    type Input = Reader<v5::Codec>;
    type Packet<'a> = v5::Decoded;
    type Outgoing = Writer<v5::Codec>;
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        (sample.version == ProtocolVersion::V5).then(|| Reader::new(v5::Codec::new(), frame))
    }

    fn decode(input: &mut Self::Input) -> v5::Decoded {
        input.next()
    }

    fn content(packet: &v5::Decoded) -> Content {
        let v5::Decoded::Publish(publish, payload, _) = packet else { panic!("not a sample: {packet:?}") };
        Content::Publish(Message {
            topic: publish.topic.to_string(),
            payload: payload.to_vec(),
            packet_id: publish.packet_id.map(NonZeroU16::get),
            properties: extras(&publish.properties),
        })
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        let Content::Publish(message) = &sample.content else { return None };
        let payload = small(message)?;
        let publish = v5::Publish {
            topic: message.topic.as_str().into(),
            payload_size: u32::try_from(payload.len()).ok()?,
            properties: message.properties.as_ref().map(properties).unwrap_or_default(),
            ..v5::Publish::default()
        };
        let packet = v5::Encoded::Publish(publish, Some(payload));
        (sample.version == ProtocolVersion::V5).then(|| Writer::new(v5::Codec::new(), packet))
    }

    fn encode(outgoing: &mut Self::Outgoing) -> &[u8] {
        outgoing.write()
    }

    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&v5::Decoded)) {}
}

/// The payload, unless it would be a page of its own, so that the packet would not stand in one piece.
fn small(message: &Message) -> Option<Bytes> {
    (message.payload.len() < 1024).then(|| Bytes::copy_from_slice(&message.payload))
}

fn connect(greeting: &Greeting) -> v3::Connect {
    v3::Connect {
        clean_session: true,
        keep_alive: greeting.keep_alive,
        last_will: Some(v3::LastWill {
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: greeting.will_topic.as_str().into(),
            message: Bytes::copy_from_slice(&greeting.will_payload),
        }),
        client_id: greeting.client_id.as_str().into(),
        username: Some(greeting.user_name.as_str().into()),
        password: Some(Bytes::copy_from_slice(&greeting.password)),
    }
}

fn properties(extras: &Extras) -> v5::PublishProperties {
    v5::PublishProperties {
        message_expiry_interval: NonZeroU32::new(extras.expiry),
        content_type: Some(extras.content_type.as_str().into()),
        user_properties: vec![(extras.user.0.as_str().into(), extras.user.1.as_str().into())],
        is_utf8_payload: extras.is_text,
        response_topic: Some(extras.response_topic.as_str().into()),
        ..v5::PublishProperties::default()
    }
}

fn extras(properties: &v5::PublishProperties) -> Option<Extras> {
    let (name, value) = properties.user_properties.first()?;
    Some(Extras {
        is_text: properties.is_utf8_payload,
        expiry: properties.message_expiry_interval?.get(),
        content_type: properties.content_type.as_ref()?.to_string(),
        response_topic: properties.response_topic.as_ref()?.to_string(),
        user: (name.to_string(), value.to_string()),
    })
}
