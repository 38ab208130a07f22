//! The engine's codec: packets as views of the buffer, and parts of them that are kept.

use bytes::{Bytes, BytesMut};
use mqtt_engine::{
    framing::{Frame, Framing, Span},
    packet::{Packet, PacketId, ProtocolVersion},
};

use super::{
    contender::Contender,
    read_buffer::ReadBuffer,
    sample::{Content, Message, Sample, ack, content_of},
};

/// Views: for who looks at a packet while it stands in the read buffer.
pub(crate) struct Ours;

impl Contender for Ours {
    const NAME: &'static str = "mqtt-engine";
    type Input = (Vec<u8>, ProtocolVersion);
    type Packet<'a> = Packet<'a>;
    type Outgoing = (Sample, BytesMut);
    type Stream = (Framing, ProtocolVersion);

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        Some((frame.to_vec(), sample.version))
    }

    fn decode((frame, version): &mut Self::Input) -> Packet<'_> {
        Packet::decode(frame, *version).expect("a packet")
    }

    fn content(packet: &Packet<'_>) -> Content {
        content_of(packet).expect("one of the samples")
    }

    fn outgoing(sample: &Sample) -> Option<Self::Outgoing> {
        Some((sample.clone(), BytesMut::new()))
    }

    fn encode((sample, buffer): &mut Self::Outgoing) -> &[u8] {
        buffer.clear();
        match &sample.content {
            Content::Publish(Message { properties: Some(extras), .. }) => {
                write(sample, &extras.list(), buffer);
            }
            Content::Publish(_) | Content::PubAck { .. } | Content::Connect(_) => write(sample, &[], buffer),
        }
        buffer
    }

    fn stream(sample: &Sample) -> Option<Self::Stream> {
        Some((Framing::new(usize::MAX), sample.version))
    }

    fn read((framing, version): &mut Self::Stream, mut piece: &[u8], mut each: impl FnMut(&Packet<'_>)) {
        while let Some(span) = framing.next(&mut piece).expect("a stream of packets") {
            match span {
                Span::InPlace(size) => {
                    let (frame, rest) = piece.split_at(size);
                    each(&Packet::decode(frame, *version).expect("a packet"));
                    piece = rest;
                }
                Span::Assembled(frame) => each(&Packet::decode(&frame, *version).expect("a packet")),
                Span::Skipped { .. } => unreachable!("there is no limit"),
            }
        }
    }
}

/// Parts that are kept: a PUBLISH is taken out of the stream; topic and payload share its buffer.
pub(crate) struct OursKept;

/// What a program keeps of a message.
pub(crate) struct Kept {
    topic: Bytes,
    payload: Bytes,
    packet_id: Option<PacketId>,
}

impl Contender for OursKept {
    const NAME: &'static str = "mqtt-engine, kept";
    type Input = (ReadBuffer, Framing, ProtocolVersion);
    type Packet<'a> = Kept;
    type Outgoing = ();
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input> {
        let Content::Publish(Message { properties: None, .. }) = sample.content else { return None };
        Some((ReadBuffer::new(frame), Framing::new(usize::MAX), sample.version))
    }

    fn decode((buffer, framing, version): &mut Self::Input) -> Kept {
        let span = framing.next(buffer.filled()).expect("a stream of packets");
        let Some(Span::Assembled(bytes)) = span else { unreachable!("a whole PUBLISH is taken out") };
        let frame = Frame::owned(&bytes);
        let Ok(Packet::Publish(publish)) = Packet::decode(frame.bytes(), *version) else {
            unreachable!("it is a PUBLISH")
        };
        Kept {
            topic: frame.share(publish.topic.as_bytes()),
            payload: frame.share(publish.payload),
            packet_id: publish.packet_id,
        }
    }

    fn content(kept: &Kept) -> Content {
        Content::Publish(Message {
            topic: String::from_utf8_lossy(&kept.topic).into_owned(),
            payload: kept.payload.to_vec(),
            packet_id: kept.packet_id.map(PacketId::get),
            properties: None,
        })
    }

    fn outgoing(_: &Sample) -> Option<()> {
        None
    }

    fn encode((): &mut ()) -> &[u8] {
        &[]
    }

    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&Kept)) {}
}

fn write(sample: &Sample, properties: &[mqtt_engine::packet::Property<'_>], buffer: &mut BytesMut) {
    let packet = match &sample.content {
        Content::Publish(message) => Packet::Publish(message.view(properties)),
        Content::PubAck { packet_id } => Packet::PubAck(ack(*packet_id)),
        Content::Connect(greeting) => Packet::Connect(greeting.view(sample.version)),
    };
    packet.encode(sample.version, buffer).expect("a packet that can be sent");
}
