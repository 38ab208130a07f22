//! A codec for these packets alone, written by hand: it checks what the specifications demand, borrows everything and does
//! nothing else. The practical limit.

pub(crate) mod read;
pub(crate) mod write;

use mqtt_engine::packet::ProtocolVersion;

use self::read::{Packet, Properties};
use super::{
    contender::Contender,
    sample::{Content, Extras, Greeting, Message, Sample},
};

pub(crate) struct ByHand;

impl Contender for ByHand {
    const NAME: &'static str = "by hand";
    type Input = (Vec<u8>, ProtocolVersion);
    type Packet<'a> = Packet<'a>;
    type Outgoing = (Sample, Vec<u8>);
    type Stream = Stream;

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        Some((frame.to_vec(), sample.version))
    }

    fn decode((frame, version): &mut Self::Input) -> Packet<'_> {
        read::packet(frame, *version).expect("a packet")
    }

    fn content(packet: &Packet<'_>) -> Content {
        match packet {
            Packet::Publish(publish) => Content::Publish(Message {
                topic: text(publish.topic),
                payload: publish.payload.to_vec(),
                packet_id: publish.packet_id,
                properties: extras(publish.properties),
            }),
            Packet::Ack { first, packet_id } => {
                assert_eq!(*first, write::PUBACK);
                Content::PubAck { packet_id: *packet_id }
            }
            Packet::Connect(connect) => {
                let will = connect.will.expect("there is one");
                assert!(connect.clean_start && will.qos == 1 && will.retain);
                Content::Connect(Greeting {
                    client_id: text(connect.client_id),
                    keep_alive: connect.keep_alive,
                    will_topic: text(will.topic),
                    will_payload: will.payload.to_vec(),
                    user_name: text(connect.user_name.expect("there is one")),
                    password: connect.password.expect("there is one").to_vec(),
                })
            }
        }
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        Some((sample.clone(), Vec::new()))
    }

    fn encode((sample, buffer): &mut Self::Outgoing) -> &[u8] {
        buffer.clear();
        match &sample.content {
            Content::Publish(message) => write::publish(message, sample.version, buffer),
            Content::PubAck { packet_id } => {
                write::ack(write::PUBACK, *packet_id, buffer);
                Some(())
            }
            Content::Connect(greeting) => write::connect(greeting, buffer),
        }
        .expect("a packet that can be sent");
        buffer
    }

    fn stream(sample: &Sample) -> Option<Stream> {
        Some(Stream::new(sample.version))
    }

    fn read(stream: &mut Stream, mut piece: &[u8], mut each: impl FnMut(&Packet<'_>)) {
        let Stream { unfinished, version } = stream;
        while !piece.is_empty() {
            let size = if unfinished.is_empty() { read::size(piece) } else { read::size(unfinished) };
            if unfinished.is_empty()
                && let Some((frame, rest)) = size.and_then(|size| piece.split_at_checked(size))
            {
                each(&read::packet(frame, *version).expect("a packet"));
                piece = rest;
                continue;
            }
            // Up to the end of the packet, if it is known where that is.
            let wanted = size.map_or(1, |size| size - unfinished.len()).min(piece.len());
            let (part, rest) = piece.split_at(wanted);
            unfinished.extend_from_slice(part);
            piece = rest;
            if read::size(unfinished) == Some(unfinished.len()) {
                each(&read::packet(unfinished, *version).expect("a packet"));
                unfinished.clear();
            }
        }
    }
}

/// A packet that is not whole yet.
pub(crate) struct Stream {
    unfinished: Vec<u8>,
    version: ProtocolVersion,
}

impl Stream {
    pub(crate) const fn new(version: ProtocolVersion) -> Self {
        Self { unfinished: Vec::new(), version }
    }
}

fn text(checked: &[u8]) -> String {
    String::from_utf8_lossy(checked).into_owned()
}

fn extras(properties: Properties<'_>) -> Option<Extras> {
    let mut extras = Extras {
        is_text: false,
        expiry: 0,
        content_type: String::new(),
        response_topic: String::new(),
        user: Default::default(),
    };
    let mut count = 0;
    for (id, value) in properties {
        count += 1;
        match id {
            0x01 => extras.is_text = value == [1],
            0x02 => extras.expiry = u32::from_be_bytes(value.try_into().ok()?),
            0x03 => extras.content_type = text(&value[2..]),
            0x08 => extras.response_topic = text(&value[2..]),
            0x26 => {
                let (name, value) = value[2..].split_at(usize::from(value[1]));
                extras.user = (text(name), text(&value[2..]));
            }
            _ => {}
        }
    }
    (count == 5).then_some(extras)
}
