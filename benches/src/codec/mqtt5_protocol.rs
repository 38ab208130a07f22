//! `mqtt5-protocol`: packets that own everything but the payload; it leaves finding packets in a stream to its users.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_engine::packet::ProtocolVersion;
use mqtt5_protocol::{
    ConnectOptions, FixedHeader, Packet, Properties, PropertyId, PropertyValue, QoS, WillMessage,
    packet::{MqttPacket, connect::ConnectPacket, publish::PublishPacket},
    time::Duration,
};

use super::{
    contender::Contender,
    sample::{Content, Extras, Greeting, Message, Sample},
};

pub(crate) struct Mqtt5Protocol;

impl Contender for Mqtt5Protocol {
    const NAME: &'static str = "mqtt5-protocol";
    type Input = (Bytes, u8);
    type Packet<'a> = Packet;
    type Outgoing = (Packet, BytesMut);
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        Some((Bytes::copy_from_slice(frame), sample.version.level()))
    }

    fn decode((frame, version): &mut Self::Input) -> Packet {
        let mut body = frame.clone();
        let header = FixedHeader::decode(&mut body).expect("a header");
        assert!(header.remaining_length as usize == body.remaining(), "a whole packet");
        Packet::decode_from_body_with_version(header.packet_type, &header, &mut body, *version)
            .expect("a packet")
    }

    fn content(packet: &Packet) -> Content {
        if let Packet::Publish(publish) = packet {
            return Content::Publish(Message {
                topic: publish.topic_name.clone(),
                payload: publish.payload.to_vec(),
                packet_id: publish.packet_id,
                properties: extras(&publish.properties),
            });
        }
        if let Packet::PubAck(ack) = packet {
            return Content::PubAck { packet_id: ack.packet_id };
        }
        let Packet::Connect(connect) = packet else { panic!("not a sample: {packet:?}") };
        let will = connect.will.as_ref().expect("there is one");
        assert!(connect.clean_start && will.retain && will.qos == QoS::AtLeastOnce);
        Content::Connect(Greeting {
            client_id: connect.client_id.clone(),
            keep_alive: connect.keep_alive,
            will_topic: will.topic.clone(),
            will_payload: will.payload.clone(),
            user_name: connect.username.clone().expect("there is one"),
            password: connect.password.clone().expect("there is one"),
        })
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        let packet = match &sample.content {
            Content::Publish(message) => Packet::Publish(publish(message, sample.version)),
            // Always with a reason code, which 3.1.1 has not.
            Content::PubAck { .. } => return None,
            Content::Connect(greeting) => Packet::Connect(Box::new(connect(greeting))),
        };
        Some((packet, BytesMut::new()))
    }

    fn encode((packet, buffer): &mut Self::Outgoing) -> &[u8] {
        buffer.clear();
        if let Packet::Publish(publish) = packet {
            // Without the copy of the body that `MqttPacket::encode` makes.
            let size = u32::try_from(publish.body_encoded_size()).expect("a small packet");
            let header = FixedHeader::new(publish.packet_type(), publish.flags(), size);
            header.encode(buffer).and_then(|()| publish.encode_body_direct(buffer))
        } else if let Packet::Connect(connect) = packet {
            connect.encode(buffer)
        } else {
            unreachable!("not a sample: {packet:?}")
        }
        .expect("a packet that can be sent");
        buffer
    }

    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&Packet)) {}
}

fn publish(message: &Message, version: ProtocolVersion) -> PublishPacket {
    let qos = if message.packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let mut publish = PublishPacket::new(message.topic.clone(), message.payload.clone(), qos);
    publish.protocol_version = version.level();
    publish.packet_id = message.packet_id;
    let Some(extras) = &message.properties else { return publish };
    publish
        .with_payload_format_indicator(extras.is_text)
        .with_message_expiry_interval(extras.expiry)
        .with_content_type(extras.content_type.clone())
        .with_response_topic(extras.response_topic.clone())
        .with_user_property(extras.user.0.clone(), extras.user.1.clone())
}

fn connect(greeting: &Greeting) -> ConnectPacket {
    let mut options = ConnectOptions::new(greeting.client_id.clone());
    options.keep_alive = Duration::from_secs(greeting.keep_alive.into());
    options.username = Some(greeting.user_name.clone());
    options.password = Some(greeting.password.clone());
    let will = WillMessage::new(greeting.will_topic.clone(), greeting.will_payload.clone());
    ConnectPacket::new_v311(options.with_will(will.with_qos(QoS::AtLeastOnce).with_retain(true)))
}

fn extras(properties: &Properties) -> Option<Extras> {
    let text = |id| {
        let PropertyValue::Utf8String(text) = properties.get(id)? else { return None };
        Some(text.clone())
    };
    let PropertyValue::Byte(format) = properties.get(PropertyId::PayloadFormatIndicator)? else {
        return None;
    };
    let PropertyValue::FourByteInteger(expiry) = properties.get(PropertyId::MessageExpiryInterval)? else {
        return None;
    };
    let PropertyValue::Utf8StringPair(name, value) = properties.get(PropertyId::UserProperty)? else {
        return None;
    };
    Some(Extras {
        is_text: *format == 1,
        expiry: *expiry,
        content_type: text(PropertyId::ContentType)?,
        response_topic: text(PropertyId::ResponseTopic)?,
        user: (name.clone(), value.clone()),
    })
}
