//! What each codec has to do, and the loops around it.

use std::hint::black_box;

use mqtt_engine::packet::Packet;

use super::sample::{Content, Sample, content_of};
use crate::measure::Case;

/// A codec, called as its users call it.
pub(crate) trait Contender: 'static {
    /// The column.
    const NAME: &'static str;
    /// What packets are read from, again and again.
    type Input;
    /// What has been read.
    type Packet<'a>;
    /// What is to be written, again and again, and the buffer for it.
    type Outgoing;
    /// The buffer for packets that come in pieces.
    type Stream;

    /// Prepares reading; `None` if it can't read this packet.
    fn input(sample: &Sample, frame: &[u8]) -> Option<Self::Input>;

    /// Reads a packet.
    fn decode(input: &mut Self::Input) -> Self::Packet<'_>;

    /// What it has read.
    fn content(packet: &Self::Packet<'_>) -> Content;

    /// Prepares writing; `None` if it can't write this packet.
    fn outgoing(sample: &Sample) -> Option<Self::Outgoing>;

    /// Writes the packet.
    fn encode(outgoing: &mut Self::Outgoing) -> &[u8];

    /// Prepares a stream of such packets; `None` if it can't find packets in a stream.
    fn stream(sample: &Sample) -> Option<Self::Stream>;

    /// Takes a piece of the stream, and hands over the packets that are whole by now.
    fn read(stream: &mut Self::Stream, piece: &[u8], each: impl FnMut(&Self::Packet<'_>));
}

/// The pieces of a stream: what a TCP segment carries on an Ethernet.
const PIECE: usize = 1460;
/// How many packets a stream has.
const PACKETS: u32 = 256;

pub(crate) fn decoding<C: Contender>(sample: &Sample) -> Option<Case> {
    let (sample, frame) = (sample.clone(), sample.frame());
    C::input(&sample, &frame)?;
    Some(Case::new("codec", format!("decode {}", sample.name), C::NAME, move || {
        let mut input = checked_input::<C>(&sample, &frame).expect("it was there before");
        move |times| {
            for _ in 0..times {
                black_box(C::decode(black_box(&mut input)));
            }
        }
    }))
}

pub(crate) fn encoding<C: Contender>(sample: &Sample) -> Option<Case> {
    let sample = sample.clone();
    C::outgoing(&sample)?;
    Some(Case::new("codec", format!("encode {}", sample.name), C::NAME, move || {
        let mut outgoing = checked_outgoing::<C>(&sample).expect("it was there before");
        move |times| {
            for _ in 0..times {
                black_box(C::encode(black_box(&mut outgoing)));
            }
        }
    }))
}

/// The input, from which the codec reads what it should.
fn checked_input<C: Contender>(sample: &Sample, frame: &[u8]) -> Option<C::Input> {
    let mut input = C::input(sample, frame)?;
    // More than once, since it is prepared for many.
    for _ in 0..1000 {
        assert_eq!(C::content(&C::decode(&mut input)), sample.content, "{} reads {}", C::NAME, sample.name);
    }
    Some(input)
}

/// What is to be written, and is written as it should be.
fn checked_outgoing<C: Contender>(sample: &Sample) -> Option<C::Outgoing> {
    let mut outgoing = C::outgoing(sample)?;
    for _ in 0..2 {
        let written = Packet::decode(C::encode(&mut outgoing), sample.version);
        let content = written.ok().as_ref().and_then(content_of);
        assert_eq!(content.as_ref(), Some(&sample.content), "{} writes {}", C::NAME, sample.name);
    }
    Some(outgoing)
}

pub(crate) fn in_pieces<C: Contender>(sample: &Sample) -> Option<Case> {
    let sample = sample.clone();
    C::stream(&sample)?;
    let work = format!("decode {}, in pieces of {PIECE} B", sample.name);
    let case = Case::new("codec", work, C::NAME, move || {
        let bytes = sample.frame().repeat(PACKETS as usize);
        let mut stream = C::stream(&sample).expect("it was there before");
        move |times| {
            for _ in 0..times {
                for piece in black_box(&*bytes).chunks(PIECE) {
                    C::read(&mut stream, piece, |packet| {
                        black_box(packet);
                    });
                }
            }
        }
    });
    Some(case.with_units(PACKETS).counted_over(20))
}

/// Whether the codec reads and writes what it is measured with.
#[cfg(test)]
pub(crate) fn check<C: Contender>() {
    use super::sample::{plain_publish, samples};

    for sample in samples() {
        checked_input::<C>(&sample, &sample.frame());
        checked_outgoing::<C>(&sample);
    }
    let sample = plain_publish();
    let Some(mut stream) = C::stream(&sample) else { return };
    let bytes = sample.frame().repeat(PACKETS as usize);
    for size in [1, 7, PIECE, bytes.len()] {
        let mut count = 0;
        for piece in bytes.chunks(size) {
            C::read(&mut stream, piece, |packet| {
                assert_eq!(C::content(packet), sample.content, "{}", C::NAME);
                count += 1;
            });
        }
        assert_eq!(count, PACKETS, "{} in pieces of {size}", C::NAME);
    }
}
