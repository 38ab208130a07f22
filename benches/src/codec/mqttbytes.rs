//! `mqttbytes`: packets are taken out of a `BytesMut`; texts are copied, payloads shared.

use bytes::{Bytes, BytesMut};
use mqtt_engine::packet::ProtocolVersion;
use mqttbytes::{Error, QoS, v4, v5};

use super::{
    contender::Contender,
    read_buffer::ReadBuffer,
    sample::{Content, Extras, Greeting, Message, Sample},
};

/// The part for 3.1.1.
pub(crate) struct Mqttbytes4;

/// The part for 5.0.
pub(crate) struct Mqttbytes5;

impl Contender for Mqttbytes4 {
    const NAME: &'static str = "mqttbytes";
    type Input = ReadBuffer;
    type Packet<'a> = v4::Packet;
    type Outgoing = (v4::Packet, BytesMut);
    type Stream = BytesMut;

    fn input(sample: &Sample, frame: &[u8]) -> Option<ReadBuffer> {
        (sample.version < ProtocolVersion::V5).then(|| ReadBuffer::new(frame))
    }

    fn decode(input: &mut ReadBuffer) -> v4::Packet {
        v4::read(input.filled(), usize::MAX).expect("a packet")
    }

    fn content(packet: &v4::Packet) -> Content {
        if let v4::Packet::Publish(publish) = packet {
            return Content::Publish(Message {
                topic: publish.topic.clone(),
                payload: publish.payload.to_vec(),
                packet_id: (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid),
                properties: None,
            });
        }
        if let v4::Packet::PubAck(ack) = packet {
            return Content::PubAck { packet_id: ack.pkid };
        }
        let v4::Packet::Connect(connect) = packet else { panic!("not a sample: {packet:?}") };
        let (will, login) = (connect.last_will.as_ref(), connect.login.as_ref());
        let (will, login) = will.zip(login).expect("there are both");
        assert!(connect.clean_session && will.retain && will.qos == QoS::AtLeastOnce);
        Content::Connect(Greeting {
            client_id: connect.client_id.clone(),
            keep_alive: connect.keep_alive,
            will_topic: will.topic.clone(),
            will_payload: will.message.to_vec(),
            user_name: login.username.clone(),
            password: login.password.clone().into_bytes(),
        })
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        if sample.version == ProtocolVersion::V5 {
            return None;
        }
        let packet = match &sample.content {
            Content::Publish(message) => {
                let payload = Bytes::from(message.payload.clone());
                let mut publish = v4::Publish::from_bytes(message.topic.clone(), qos(message), payload);
                publish.pkid = message.packet_id.unwrap_or_default();
                v4::Packet::Publish(publish)
            }
            Content::PubAck { packet_id } => v4::Packet::PubAck(v4::PubAck::new(*packet_id)),
            Content::Connect(greeting) => v4::Packet::Connect(connect(greeting)),
        };
        Some((packet, BytesMut::new()))
    }

    fn encode((packet, buffer): &mut Self::Outgoing) -> &[u8] {
        buffer.clear();
        if let v4::Packet::Publish(publish) = packet {
            publish.write(buffer)
        } else if let v4::Packet::PubAck(ack) = packet {
            ack.write(buffer)
        } else if let v4::Packet::Connect(connect) = packet {
            connect.write(buffer)
        } else {
            unreachable!("not a sample: {packet:?}")
        }
        .expect("a packet that can be sent");
        buffer
    }

    fn stream(sample: &Sample) -> Option<BytesMut> {
        (sample.version < ProtocolVersion::V5).then(BytesMut::new)
    }

    fn read(stream: &mut BytesMut, piece: &[u8], mut each: impl FnMut(&v4::Packet)) {
        stream.extend_from_slice(piece);
        loop {
            match v4::read(stream, usize::MAX) {
                Ok(packet) => each(&packet),
                Err(Error::InsufficientBytes(_)) => return,
                Err(error) => panic!("a stream of packets: {error}"),
            }
        }
    }
}

impl Contender for Mqttbytes5 {
    const NAME: &'static str = Mqttbytes4::NAME;
    type Input = ReadBuffer;
    type Packet<'a> = v5::Packet;
    type Outgoing = (v5::Publish, BytesMut);
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<ReadBuffer> {
        (sample.version == ProtocolVersion::V5).then(|| ReadBuffer::new(frame))
    }

    fn decode(input: &mut ReadBuffer) -> v5::Packet {
        v5::read(input.filled(), usize::MAX).expect("a packet")
    }

    fn content(packet: &v5::Packet) -> Content {
        let v5::Packet::Publish(publish) = packet else { panic!("not a sample: {packet:?}") };
        Content::Publish(Message {
            topic: publish.topic.clone(),
            payload: publish.payload.to_vec(),
            packet_id: (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid),
            properties: publish.properties.as_ref().and_then(extras),
        })
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        let Content::Publish(message) = &sample.content else { return None };
        let payload = Bytes::from(message.payload.clone());
        let mut publish = v5::Publish::from_bytes(message.topic.clone(), qos(message), payload);
        publish.properties = message.properties.as_ref().map(properties);
        (sample.version == ProtocolVersion::V5).then(|| (publish, BytesMut::new()))
    }

    fn encode((publish, buffer): &mut Self::Outgoing) -> &[u8] {
        buffer.clear();
        publish.write(buffer).expect("a packet that can be sent");
        buffer
    }

    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&v5::Packet)) {}
}

fn qos(message: &Message) -> QoS {
    if message.packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce }
}

fn connect(greeting: &Greeting) -> v4::Connect {
    let mut connect = v4::Connect::new(greeting.client_id.clone());
    connect.keep_alive = greeting.keep_alive;
    connect.last_will = Some(v4::LastWill::new(
        greeting.will_topic.clone(),
        greeting.will_payload.clone(),
        QoS::AtLeastOnce,
        true,
    ));
    connect.set_login(greeting.user_name.clone(), String::from_utf8_lossy(&greeting.password).into_owned());
    connect
}

fn properties(extras: &Extras) -> v5::PublishProperties {
    v5::PublishProperties {
        payload_format_indicator: Some(extras.is_text.into()),
        message_expiry_interval: Some(extras.expiry),
        topic_alias: None,
        response_topic: Some(extras.response_topic.clone()),
        correlation_data: None,
        user_properties: vec![extras.user.clone()],
        subscription_identifiers: Vec::new(),
        content_type: Some(extras.content_type.clone()),
    }
}

fn extras(properties: &v5::PublishProperties) -> Option<Extras> {
    Some(Extras {
        is_text: properties.payload_format_indicator? == 1,
        expiry: properties.message_expiry_interval?,
        content_type: properties.content_type.clone()?,
        response_topic: properties.response_topic.clone()?,
        user: properties.user_properties.first()?.clone(),
    })
}
