//! Tests of the framing.

use alloc::{vec, vec::Vec};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::*;
use crate::packet::{
    Packet, PublishStart,
    tests::{STEP, V3, WIRE_EXAMPLES, bytes, packet, samples},
};

const LIMIT: usize = 1 << 20;

/// Takes all packets that are whole, as copies.
fn take_all(framing: &mut Framing, input: &mut impl Buf) -> Result<Vec<Bytes>, DecodeError> {
    let mut packets = vec![];
    while let Some(span) = framing.next(input)? {
        packets.push(match span {
            Span::InPlace(size) => input.copy_to_bytes(size),
            Span::Assembled(packet) => packet,
            Span::Skipped { prefix, size } => panic!("{size} bytes skipped: {prefix:?}"),
        });
    }
    assert!(!input.has_remaining(), "bytes left behind");
    Ok(packets)
}

/// The wire examples and a packet of every kind, and the stream of all of them.
fn stream() -> (Vec<Bytes>, Vec<u8>) {
    let mut packets: Vec<Bytes> =
        WIRE_EXAMPLES.iter().step_by(STEP).map(|(hex, _)| bytes(hex).into()).collect();
    for (version, sample) in samples().into_iter().step_by(STEP) {
        let mut out = BytesMut::new();
        sample.encode(version, &mut out).unwrap();
        packets.push(out.freeze());
    }
    // What Miri does for a buffer that grows by single bytes grows with the square of its size.
    let payload = "x".repeat(20_000 / STEP / STEP);
    packets.push(packet(0x30, &alloc::format!("00 01 \"t\" 00 \"{payload}\"")).into());
    packets.push(bytes("C0 00").into());
    let stream = packets.concat();
    (packets, stream)
}

fn check_pieces<'a, B: Buf>(
    pieces: impl Iterator<Item = &'a [u8]>,
    wrap: impl Fn(&'a [u8]) -> B,
    expected: &[Bytes],
) {
    let mut framing = Framing::new(LIMIT);
    let mut packets = vec![];
    for piece in pieces {
        packets.extend(take_all(&mut framing, &mut wrap(piece)).unwrap());
    }
    assert_eq!(packets, expected);
    assert!(!framing.is_mid_packet());
}

#[test]
fn s51_pieces_of_any_size_give_the_same_packets() {
    let (packets, stream) = stream();
    for size in [1, 2, 3, 4, 5, 7, 16, 64, 1_000, 4_096, 65_536, stream.len()] {
        check_pieces(stream.chunks(size), |piece| piece, &packets);
        check_pieces(stream.chunks(size), Bytes::copy_from_slice, &packets);
        check_pieces(stream.chunks(size), BytesMut::from, &packets);
        // Two chunks in one buffer.
        check_pieces(
            stream.chunks(size),
            |piece| piece[..piece.len() / 2].chain(&piece[piece.len() / 2..]),
            &packets,
        );
    }
}

#[test]
fn s51_each_packet_may_be_cut_at_every_place() {
    let (packets, _) = stream();
    for packet in packets.iter().filter(|packet| packet.len() < 1_000) {
        for cut in (0..=packet.len()).step_by(STEP) {
            let pieces = || [&packet[..cut], &packet[cut..]].into_iter();
            let expected = core::slice::from_ref(packet);
            check_pieces(pieces(), |piece| piece, expected);
            check_pieces(pieces(), Bytes::copy_from_slice, expected);
            check_pieces(pieces(), BytesMut::from, expected);
            check_pieces(core::iter::once(&packet[..]), |_| packet[..cut].chain(&packet[cut..]), expected);
        }
    }
}

#[test]
fn a_piece_of_a_packet_is_seen() {
    let mut framing = Framing::new(LIMIT);
    for byte in [0x32, 0x05, 0x00, 0x01] {
        assert_eq!(framing.next(&mut &[byte][..]), Ok(None));
        assert!(framing.is_mid_packet());
    }
    assert!(matches!(framing.next(&mut &b"t\0\x01"[..]), Ok(Some(Span::Assembled(_)))));
    assert!(!framing.is_mid_packet());
}

/// An announced length reserves nothing, whether the limit lets it pass or not.
#[test]
fn s50_a_five_byte_bomb_allocates_nothing() {
    let bomb = [0x10, 0xFF, 0xFF, 0xFF, 0x7F];
    let mut framing = Framing::new(LIMIT);
    let fault = Fault::PacketTooLarge { size: 268_435_460, limit: LIMIT };
    let error = DecodeError { offset: 1, field: "remaining length", fault };
    assert_eq!(framing.next(&mut &bomb[..]), Err(error));

    let mut framing = Framing::new(usize::MAX);
    assert_eq!(framing.next(&mut &bomb[..]), Ok(None));
    let State::Body { bytes, size: 268_435_460 } = &framing.state else { panic!("a body is awaited") };
    assert!(bytes.capacity() <= 16);
    for count in 1..=10_000 / STEP {
        assert_eq!(framing.next(&mut &[0][..]), Ok(None));
        let State::Body { bytes, .. } = &framing.state else { panic!("a body is awaited") };
        assert!(bytes.capacity() <= 2 * (5 + count), "{} bytes for {count}", bytes.capacity());
    }
}

/// The largest size counts the whole packet.
#[test]
fn s52_the_limit_counts_the_fixed_header() {
    // Under Miri the last two take too long.
    let bodies = [0, 1, 125, 126, 127, 128, 129, 16_383, 16_384].into_iter();
    for body in bodies.filter(|body| *body < 20_000 / STEP) {
        let publish = packet(0x30, &alloc::format!("\"{}\"", "x".repeat(body)));
        for pieces in [1, publish.len()] {
            let frame = |limit| {
                let mut framing = Framing::new(limit);
                let mut found = vec![];
                for piece in publish.chunks(pieces) {
                    found.extend(take_all(&mut framing, &mut &piece[..])?);
                }
                Ok(found)
            };
            assert_eq!(frame(publish.len()).map(|found| found.len()), Ok(1));
            assert_eq!(frame(publish.len() + 1).map(|found| found.len()), Ok(1));
            let fault = Fault::PacketTooLarge { size: publish.len(), limit: publish.len() - 1 };
            let error = DecodeError { offset: 1, field: "remaining length", fault };
            assert_eq!(frame(publish.len() - 1), Err(error));
            assert_eq!(error.reason(), crate::packet::ReasonCode::PacketTooLarge);
        }
    }
}

/// The limit of a connection changes once CONNECT is read: the next packet is measured by the new one.
#[test]
fn s52_a_new_limit_holds_from_the_next_header() {
    let mut framing = Framing::new(2);
    let mut input = &[0xC0, 0x00, 0x40, 0x02, 0x00, 0x01][..];
    assert_eq!(framing.next(&mut input), Ok(Some(Span::InPlace(2))));
    input.advance(2);
    framing.set_limit(4);
    assert_eq!(framing.next(&mut input), Ok(Some(Span::InPlace(4))));
}

#[test]
fn s54_a_wrong_first_byte_is_refused_before_the_rest_is_there() {
    for (first, fault) in [
        (0x00, Fault::PacketType(0)),
        (0x36, Fault::PublishQoS),
        (0x38, Fault::DuplicateQoS0),
        (0x60, Fault::HeaderFlags { packet: PacketType::PubRel, flags: 0 }),
        (0x80, Fault::HeaderFlags { packet: PacketType::Subscribe, flags: 0 }),
        (0xA3, Fault::HeaderFlags { packet: PacketType::Unsubscribe, flags: 3 }),
        (0xE1, Fault::HeaderFlags { packet: PacketType::Disconnect, flags: 1 }),
    ] {
        let error = Framing::new(LIMIT).next(&mut &[first][..]).unwrap_err();
        assert_eq!((error.offset, error.fault), (0, fault));
    }
}

/// [MQTT-1.5.5-1] (5.0)
#[test]
fn s54_a_wrong_length_is_refused_however_it_is_cut() {
    for (hex, fault, offset) in [
        ("10 FF FF FF FF", Fault::IntegerTooLong, 4),
        ("10 80 80 80 80 01", Fault::IntegerTooLong, 4),
        ("C0 80 00", Fault::IntegerNotMinimal, 2),
        ("30 85 80 00 00 01 74", Fault::IntegerNotMinimal, 3),
    ] {
        let stream = bytes(hex);
        let error = DecodeError { offset, field: "remaining length", fault };
        for pieces in [1, 2, 3, stream.len()] {
            let mut framing = Framing::new(LIMIT);
            let found = stream.chunks(pieces).find_map(|piece| framing.next(&mut &piece[..]).err());
            assert_eq!(found, Some(error), "{hex} in pieces of {pieces}");
        }
        assert_eq!(Packet::decode(&stream, V3), Err(error));
    }
}

/// What is above the limit is let pass, and the start of a PUBLISH is still told.
#[test]
fn s55_an_oversize_packet_can_be_let_pass() {
    let large = packet(0x32, &alloc::format!("00 03 \"a/b\" 00 07 \"{}\"", "x".repeat(1_000)));
    let stream = [&large, &bytes("C0 00")[..], &large, &bytes("40 02 00 07")].concat();
    for limit in [4, 12, 100, large.len() - 1] {
        for pieces in [1, 3, 10, 64, stream.len()] {
            let mut framing = Framing::new(limit);
            framing.set_oversize(Oversize::Skip);
            let mut found = vec![];
            for mut piece in stream.chunks(pieces) {
                while let Some(span) = framing.next(&mut piece).unwrap() {
                    if let Span::InPlace(size) = span {
                        found.push(Span::Assembled(piece.copy_to_bytes(size)));
                    } else {
                        found.push(span);
                    }
                }
            }
            let skipped =
                Span::Skipped { prefix: Bytes::copy_from_slice(&large[..limit]), size: large.len() };
            let ping = Span::Assembled(Bytes::from_static(&[0xC0, 0]));
            let ack = Span::Assembled(Bytes::from_static(&[0x40, 2, 0, 7]));
            assert_eq!(found, [skipped.clone(), ping, skipped, ack], "limit {limit}, pieces of {pieces}");
            assert!(!framing.is_mid_packet());
        }
        let start = PublishStart::decode(&large[..limit]);
        assert_eq!(start.is_ok(), limit >= 12);
        if let Ok(start) = start {
            assert_eq!((start.topic, start.packet_id.map(|id| id.get())), ("a/b", Some(7)));
        }
    }
}

#[test]
fn s55_a_packet_that_is_let_pass_is_not_kept_whole() {
    let mut framing = Framing::new(LIMIT);
    framing.set_oversize(Oversize::Skip);
    let mut left = 268_435_455_usize;
    assert_eq!(framing.next(&mut &[0x30, 0xFF, 0xFF, 0xFF, 0x7F][..]), Ok(None));
    let chunk = vec![0; LIMIT];
    while left > 0 {
        let count = left.min(chunk.len());
        left -= count;
        let span = framing.next(&mut &chunk[..count]).unwrap();
        if left == 0 {
            let Some(Span::Skipped { prefix, size: 268_435_460 }) = span else {
                panic!("a packet is let pass")
            };
            assert_eq!(prefix.len(), LONGEST_PREFIX);
        }
    }
    assert!(!framing.is_mid_packet());
}

/// A large PUBLISH that is whole in a shared buffer is not copied; a small one is, so that it keeps no large buffer alive.
#[test]
fn a_large_publish_is_shared_with_the_input_a_small_one_is_not() {
    for (size, is_shared) in [(SHARE_FROM, true), (SHARE_FROM - 1, false)] {
        let mut publish = vec![0x30, 0x00, 0x00, 0x00, 0x01, b't'];
        publish.resize(size, b'x');
        VariableByteInteger::put(u32::try_from(size - 3).unwrap(), &mut &mut publish[1..3]);
        let stream = [&bytes("C0 00")[..], &publish].concat();
        let mut input = BytesMut::from(&stream[..]);
        let place = input.as_ptr_range();
        assert_eq!(place.contains(&payload_of_publish(&mut input)), is_shared);
        let mut input = Bytes::from(stream);
        let place = input.as_ptr_range();
        assert_eq!(place.contains(&payload_of_publish(&mut input)), is_shared);
    }
}

/// Where the kept payload lies.
fn payload_of_publish(input: &mut impl Buf) -> *const u8 {
    let mut framing = Framing::new(2 * SHARE_FROM);
    assert_eq!(framing.next(input), Ok(Some(Span::InPlace(2))));
    input.advance(2);
    let Ok(Some(Span::Assembled(bytes))) = framing.next(input) else { panic!("a PUBLISH") };
    assert!(!input.has_remaining());
    let frame = Frame::owned(&bytes);
    let Ok(Packet::Publish(publish)) = Packet::decode(frame.bytes(), V3) else { panic!("a PUBLISH") };
    let payload = frame.share(publish.payload);
    assert!(payload.iter().step_by(STEP).all(|byte| *byte == b'x'));
    payload.as_ptr()
}

#[test]
fn parts_of_a_borrowed_frame_and_strangers_are_copied() {
    let owner = Bytes::from_static(b"packet");
    let borrowed = Frame::borrowed(&owner);
    assert_ne!(borrowed.share(&owner[1..3]).as_ptr(), owner[1..3].as_ptr());
    let owned = Frame::owned(&owner);
    assert_eq!(owned.share(&owner[1..3]).as_ptr(), owner[1..3].as_ptr());
    assert_eq!(owned.share(&owner[3..3]), Bytes::new());
    let stranger = vec![1, 2, 3];
    assert_eq!(owned.share(&stranger), stranger);
}

/// Notes what it is told, and stops reading when it is told to.
struct Recorder {
    framing: Framing,
    told: Vec<(Bytes, usize)>,
    errors: Vec<DecodeError>,
    stop_after: usize,
}

impl Recorder {
    fn new(stop_after: usize) -> Self {
        Self { framing: Framing::new(16), told: vec![], errors: vec![], stop_after }
    }
}

impl Receiver for Recorder {
    fn framing(&mut self) -> &mut Framing {
        &mut self.framing
    }

    fn is_reading(&self) -> bool {
        self.told.len() < self.stop_after && self.errors.is_empty()
    }

    fn packet(&mut self, frame: &Frame<'_>, _now: Timestamp) {
        self.told.push((frame.share(frame.bytes()), frame.bytes().len()));
    }

    fn skipped(&mut self, prefix: &Bytes, size: usize, _now: Timestamp) {
        self.told.push((prefix.clone(), size));
    }

    fn malformed(&mut self, error: DecodeError, _now: Timestamp) {
        self.errors.push(error);
    }
}

#[test]
fn feeding_takes_everything_until_the_receiver_stops_reading() {
    let mut stream = bytes("C0 00 40 02 00 01");
    stream.put_slice(&packet(0x30, "00 01 \"t\" \"payload that is large\""));
    stream.put_slice(&bytes("D0 00 E0 00"));
    let mut recorder = Recorder::new(4);
    recorder.framing.set_oversize(Oversize::Skip);
    let mut input = &stream[..];
    feed(&mut recorder, &mut input, Timestamp::ZERO);
    let sizes: Vec<usize> = recorder.told.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [2, 4, 26, 2]);
    assert_eq!(recorder.told[2].0.len(), 16);
    assert_eq!(input, [0xE0, 0x00]);
    recorder.stop_after = usize::MAX;
    feed(&mut recorder, &mut input, Timestamp::ZERO);
    assert_eq!((recorder.told.len(), input.len()), (5, 0));
}

#[test]
fn feeding_ends_at_the_first_malformed_packet() {
    let mut recorder = Recorder::new(usize::MAX);
    let mut input = &bytes("C0 00 60 02 00 01 C0 00")[..];
    feed(&mut recorder, &mut input, Timestamp::ZERO);
    assert_eq!((recorder.told.len(), recorder.errors.len()), (1, 1));
    assert_eq!(recorder.errors[0].offset, 0);
}
