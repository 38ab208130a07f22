//! Any bytes as one packet, and as a stream of packets.

use core::ops::Range;

use allocation_counter::measure;
use bytes::Buf;
use mqtt_engine::{
    framing::{Framing, Oversize},
    packet::{DecodeError, FieldValue, Observer, Packet, ProtocolVersion, PublishStart},
};

use crate::{VERSIONS, stream::packets_of};

/// Decoding never panics, a view of a packet allocates nothing, a stream costs no more memory than its limit allows, and the
/// work grows with the bytes that are there.
pub fn decode(bytes: &[u8]) {
    for version in VERSIONS {
        as_packet(bytes, version);
    }
    for oversize in [Oversize::Refuse, Oversize::Skip] {
        for limit in [16, 1024, 1 << 20] {
            as_stream(bytes, limit, oversize);
        }
    }
}

fn as_packet(bytes: &[u8], version: ProtocolVersion) {
    let mut fields = Fields { size: bytes.len(), ..Fields::default() };
    let mut result = None;
    let memory = measure(|| {
        result = Some(Packet::decode_observed(bytes, version, &mut fields));
        let _ = PublishStart::decode(bytes);
    });
    assert_eq!(memory.count_total, 0, "views allocate nothing");
    // The most for the least is a subscription of 5.0: five fields in four bytes; the header has four in its first one.
    assert!(fields.count <= 8 + 2 * bytes.len(), "{} fields in {} bytes", fields.count, bytes.len());
    match result {
        Some(Ok(packet)) => {
            assert_eq!(fields.end, bytes.len(), "fields were told up to the end");
            read(&packet);
        }
        Some(Err(error)) => explain(error, bytes.len()),
        None => unreachable!("`measure` has run it"),
    }
}

/// Looks at everything that is read only when somebody asks for it.
fn read(packet: &Packet<'_>) {
    assert!(!packet.to_string().is_empty());
    match packet {
        Packet::Subscribe(subscribe) => {
            assert_eq!(subscribe.filters.iter().count(), subscribe.filters.len());
        }
        Packet::Unsubscribe(unsubscribe) => {
            assert_eq!(unsubscribe.filters.iter().count(), unsubscribe.filters.len());
        }
        Packet::SubAck(ack) => assert_eq!(ack.reasons.iter().count(), ack.reasons.len()),
        Packet::UnsubAck(ack) => assert_eq!(ack.reasons.iter().count(), ack.reasons.len()),
        Packet::Publish(publish) => {
            let properties = &publish.properties;
            let first = properties.subscription_identifiers().next();
            assert_eq!(first, properties.subscription_identifier());
            assert!(properties.iter().count() >= properties.user_properties().count());
        }
        _ => {}
    }
}

fn explain(error: DecodeError, size: usize) {
    assert!(error.offset <= size, "{error} stands behind the packet");
    assert!(error.reason().is_error(), "{error} is told to the peer as a success");
    assert!(!error.to_string().is_empty());
    for version in VERSIONS {
        assert!(error.statement(version).is_none_or(|statement| statement.starts_with("MQTT-")));
    }
}

/// Takes the stream whole and byte by byte: both find the same packets.
fn as_stream(bytes: &[u8], limit: usize, oversize: Oversize) {
    let [whole, cut] = [bytes.len().max(1), 1].map(|piece| {
        let mut framing = Framing::new(limit);
        framing.set_oversize(oversize);
        let mut input = Pieces { rest: bytes, piece, steps: 0 };
        let mut found = (Vec::new(), None);
        let memory = measure(|| found = packets_of(&mut framing, &mut input));
        let found_bytes: usize = found.0.iter().map(|packet| packet.len() + BOOKKEEPING).sum();
        // A buffer doubles, and the old one is still there while it does.
        let most = 2 * found_bytes + 3 * limit.min(bytes.len()) + BOOKKEEPING;
        assert!(memory.bytes_max <= most as u64, "{} bytes of {most}", memory.bytes_max);
        assert!(input.steps <= 5 + bytes.len(), "{} steps over {} bytes", input.steps, bytes.len());
        assert!(found.0.iter().all(|packet| packet.len() <= limit));
        found
    });
    assert_eq!(whole, cut, "found depends on the cuts");
}

/// What a packet costs besides its bytes: handles, and the places of a list that grows.
const BOOKKEEPING: usize = 256;

/// What the decoder has told of a packet of `size` bytes.
#[derive(Debug, Default)]
struct Fields {
    size: usize,
    count: usize,
    start: usize,
    end: usize,
}

impl Observer for Fields {
    fn field(&mut self, range: Range<usize>, name: &'static str, _value: FieldValue<'_>) {
        assert!(range.start <= range.end && range.end <= self.size, "{name} at {range:?}");
        assert!(range.start >= self.start, "{name} at {range:?} stands before what was told last");
        self.count += 1;
        self.start = range.start;
        self.end = range.end;
    }
}

/// Bytes that come in pieces, and how many steps somebody took over them.
#[derive(Debug)]
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
    steps: usize,
}

impl Buf for Pieces<'_> {
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.rest[..self.piece.min(self.rest.len())]
    }

    fn advance(&mut self, count: usize) {
        self.steps += 1;
        self.rest = &self.rest[count..];
    }
}
