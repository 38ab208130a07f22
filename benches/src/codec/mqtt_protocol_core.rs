//! `mqtt-protocol-core`: its packet builder finds packets in a stream and copies them, payloads are shared, texts copied.

use mqtt_engine::packet::ProtocolVersion;
use mqtt_protocol_core::mqtt::{
    common::Cursor,
    connection::{PacketBuildResult, PacketBuilder, PacketData, RawPacket},
    packet::{PayloadFormat, Property, Qos, v3_1_1, v5_0},
};

use super::{
    contender::Contender,
    sample::{Content, Extras, Greeting, Message, Sample},
};

pub(crate) struct MqttProtocolCore;

/// A packet, to be read or written.
pub(crate) enum Packet {
    Publish4(v3_1_1::Publish),
    Publish5(v5_0::Publish),
    PubAck(v3_1_1::Puback),
    Connect(Box<v3_1_1::Connect>),
}

/// The builder, and what tells how its packets are read.
pub(crate) struct Reader {
    frame: Vec<u8>,
    builder: PacketBuilder,
    version: ProtocolVersion,
}

impl Reader {
    fn next(&mut self, bytes: &mut Cursor<&[u8]>) -> Option<Packet> {
        match self.builder.feed(bytes) {
            PacketBuildResult::Complete(raw) => Some(parse(raw, self.version)),
            PacketBuildResult::Incomplete => None,
            PacketBuildResult::Error(error) => panic!("a stream of packets: {error}"),
        }
    }
}

impl Contender for MqttProtocolCore {
    const NAME: &'static str = "mqtt-protocol-core";
    type Input = Reader;
    type Packet<'a> = Packet;
    type Outgoing = (Packet, Vec<u8>);
    type Stream = Reader;

    fn input(sample: &Sample, frame: &[u8]) -> Option<Reader> {
        Some(Reader { frame: frame.to_vec(), builder: PacketBuilder::new(), version: sample.version })
    }

    fn decode(input: &mut Reader) -> Packet {
        let frame = std::mem::take(&mut input.frame);
        let packet = input.next(&mut Cursor::new(&frame));
        input.frame = frame;
        packet.expect("a packet")
    }

    fn content(packet: &Packet) -> Content {
        match packet {
            Packet::Publish4(publish) => Content::Publish(Message {
                topic: publish.topic_name().to_owned(),
                payload: publish.payload().as_slice().to_vec(),
                packet_id: publish.packet_id(),
                properties: None,
            }),
            Packet::Publish5(publish) => Content::Publish(Message {
                topic: publish.topic_name().to_owned(),
                payload: publish.payload().as_slice().to_vec(),
                packet_id: publish.packet_id(),
                properties: extras(publish.props()),
            }),
            Packet::PubAck(ack) => Content::PubAck { packet_id: ack.packet_id() },
            Packet::Connect(connect) => {
                assert!(connect.clean_session() && connect.will_retain());
                assert_eq!(connect.will_qos(), Qos::AtLeastOnce);
                Content::Connect(Greeting {
                    client_id: connect.client_id().to_owned(),
                    keep_alive: connect.keep_alive(),
                    will_topic: connect.will_topic().expect("there is one").to_owned(),
                    will_payload: connect.will_payload().expect("there is one").to_vec(),
                    user_name: connect.user_name().expect("there is one").to_owned(),
                    password: connect.password().expect("there is one").to_vec(),
                })
            }
        }
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        // The engine's own bytes are read: what is to be written is then the same for both.
        let packet = Self::decode(&mut Self::input(sample, &sample.frame())?);
        Some((packet, Vec::new()))
    }

    fn encode((packet, buffer): &mut Self::Outgoing) -> &[u8] {
        *buffer = match packet {
            Packet::Publish4(publish) => publish.to_continuous_buffer(),
            Packet::Publish5(publish) => publish.to_continuous_buffer(),
            Packet::PubAck(ack) => ack.to_continuous_buffer(),
            Packet::Connect(connect) => connect.to_continuous_buffer(),
        };
        buffer
    }

    fn stream(sample: &Sample) -> Option<Reader> {
        Self::input(sample, &[])
    }

    fn read(stream: &mut Reader, piece: &[u8], mut each: impl FnMut(&Packet)) {
        let mut bytes = Cursor::new(piece);
        while let Some(packet) = stream.next(&mut bytes) {
            each(&packet);
        }
    }
}

fn parse(raw: RawPacket, version: ProtocolVersion) -> Packet {
    let (packet_type, flags) = (raw.packet_type(), raw.flags());
    let packet = match (packet_type, raw.data) {
        (3, PacketData::Publish(body)) if version == ProtocolVersion::V5 => {
            v5_0::Publish::parse(flags, body).map(|(publish, _)| Packet::Publish5(publish))
        }
        (3, PacketData::Publish(body)) => {
            v3_1_1::Publish::parse(flags, body).map(|(publish, _)| Packet::Publish4(publish))
        }
        (4, PacketData::Normal(body)) => v3_1_1::Puback::parse(&body).map(|(ack, _)| Packet::PubAck(ack)),
        (1, PacketData::Normal(body)) => {
            v3_1_1::Connect::parse(&body).map(|(connect, _)| Packet::Connect(Box::new(connect)))
        }
        _ => unreachable!("not a sample: type {packet_type}"),
    };
    packet.expect("a packet")
}

fn extras(properties: &[Property]) -> Option<Extras> {
    let [
        Property::PayloadFormatIndicator(format),
        Property::MessageExpiryInterval(expiry),
        Property::ContentType(content_type),
        Property::ResponseTopic(response_topic),
        Property::UserProperty(user),
    ] = properties
    else {
        return None;
    };
    Some(Extras {
        is_text: format.val() == PayloadFormat::String as u8,
        expiry: expiry.val(),
        content_type: content_type.val().to_owned(),
        response_topic: response_topic.val().to_owned(),
        user: (user.key().to_owned(), user.val().to_owned()),
    })
}
