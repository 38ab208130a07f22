//! A byte stream taken apart into packets, as a peer does it.

use bytes::{Buf, Bytes};
use mqtt_engine::{
    framing::{Framing, Span},
    packet::DecodeError,
};

/// The packets at the start of `input`, and why there are no more if the stream is broken.
pub(crate) fn packets_of(framing: &mut Framing, input: &mut impl Buf) -> (Vec<Bytes>, Option<DecodeError>) {
    let mut packets = Vec::new();
    loop {
        match framing.next(input) {
            Ok(Some(Span::InPlace(size))) => packets.push(input.copy_to_bytes(size)),
            Ok(Some(Span::Assembled(packet))) => packets.push(packet),
            Ok(Some(Span::Skipped { prefix, .. })) => packets.push(prefix),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}
