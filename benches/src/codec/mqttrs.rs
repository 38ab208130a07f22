//! `mqttrs`: 3.1.1 only, borrowed packets, no allocator needed.

use mqtt_engine::packet::ProtocolVersion;
use mqttrs::{
    Connect, LastWill, Packet, Pid, Protocol, Publish, QoS, QosPid, clone_packet, decode_slice, encode_slice,
};

use super::{
    contender::Contender,
    sample::{Content, Greeting, Message, Sample},
};

pub(crate) struct Mqttrs;

/// A stream, of which the crate copies one packet after the other.
pub(crate) struct Stream {
    bytes: Vec<u8>,
    packet: Vec<u8>,
}

impl Contender for Mqttrs {
    const NAME: &'static str = "mqttrs";
    type Input = Vec<u8>;
    type Packet<'a> = Packet<'a>;
    type Outgoing = (Sample, Vec<u8>);
    type Stream = Stream;

    fn input(sample: &Sample, frame: &[u8]) -> Option<Vec<u8>> {
        is_old(sample).then(|| frame.to_vec())
    }

    fn decode(frame: &mut Vec<u8>) -> Packet<'_> {
        decode_slice(frame).expect("a packet").expect("a whole one")
    }

    fn content(packet: &Packet<'_>) -> Content {
        if let Packet::Publish(publish) = packet {
            return Content::Publish(Message {
                topic: publish.topic_name.to_owned(),
                payload: publish.payload.to_vec(),
                packet_id: publish.qospid.pid().map(Pid::get),
                properties: None,
            });
        }
        if let Packet::Puback(pid) = packet {
            return Content::PubAck { packet_id: pid.get() };
        }
        let Packet::Connect(connect) = packet else { panic!("not a sample: {packet:?}") };
        let will = connect.last_will.as_ref().expect("there is one");
        assert!(connect.clean_session && will.retain && will.qos == QoS::AtLeastOnce);
        Content::Connect(Greeting {
            client_id: connect.client_id.to_owned(),
            keep_alive: connect.keep_alive,
            will_topic: will.topic.to_owned(),
            will_payload: will.message.to_vec(),
            user_name: connect.username.expect("there is one").to_owned(),
            password: connect.password.expect("there is one").to_vec(),
        })
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        is_old(sample).then(|| (sample.clone(), vec![0; sample.frame().len()]))
    }

    fn encode((sample, buffer): &mut Self::Outgoing) -> &[u8] {
        let packet = match &sample.content {
            Content::Publish(message) => Packet::Publish(publish(message)),
            Content::PubAck { packet_id } => Packet::Puback(pid(*packet_id)),
            Content::Connect(greeting) => Packet::Connect(connect(greeting)),
        };
        let size = encode_slice(&packet, buffer).expect("a packet that can be sent");
        &buffer[..size]
    }

    fn stream(sample: &Sample) -> Option<Stream> {
        is_old(sample).then(|| Stream { bytes: Vec::new(), packet: vec![0; 1 << 16] })
    }

    fn read(stream: &mut Stream, piece: &[u8], mut each: impl FnMut(&Packet<'_>)) {
        let Stream { bytes, packet } = stream;
        bytes.extend_from_slice(piece);
        let mut taken = 0;
        loop {
            let size = clone_packet(&bytes[taken..], packet).expect("a stream of packets");
            if size == 0 {
                break;
            }
            taken += size;
            each(&decode_slice(&packet[..size]).expect("a packet").expect("a whole one"));
        }
        bytes.drain(..taken);
    }
}

fn is_old(sample: &Sample) -> bool {
    sample.version < ProtocolVersion::V5
}

fn publish(message: &Message) -> Publish<'_> {
    let id = message.packet_id.map(pid);
    Publish {
        dup: false,
        qospid: id.map_or(QosPid::AtMostOnce, QosPid::AtLeastOnce),
        retain: false,
        topic_name: &message.topic,
        payload: &message.payload,
    }
}

fn connect(greeting: &Greeting) -> Connect<'_> {
    Connect {
        protocol: Protocol::MQTT311,
        keep_alive: greeting.keep_alive,
        client_id: &greeting.client_id,
        clean_session: true,
        last_will: Some(LastWill {
            topic: &greeting.will_topic,
            message: &greeting.will_payload,
            qos: QoS::AtLeastOnce,
            retain: true,
        }),
        username: Some(&greeting.user_name),
        password: Some(&greeting.password),
    }
}

fn pid(id: u16) -> Pid {
    Pid::try_from(id).expect("not zero")
}
