//! Whole packets out of the pieces of a byte stream, in words, however wrong they are.

use mqtt_engine::packet::{Packet, PacketType, ProtocolVersion};

use crate::frames::{self, Size};

/// A packet as it passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// In words, or what is wrong with it.
    pub words: String,
    /// All of it, fixed header included.
    pub bytes: Vec<u8>,
}

/// Finds the packets in one direction of a connection, and tells them in words.
///
/// It follows the version that a CONNECT names. The other direction has none of its own:
/// [`set_version`](Self::set_version) tells it. Bytes that begin no packet are one entry, up to the end of the piece.
#[derive(Clone, Debug)]
pub struct Packets {
    version: ProtocolVersion,
    buffer: Vec<u8>,
}

impl Packets {
    /// The packets of a new connection, in this version until a CONNECT says otherwise.
    #[must_use]
    pub const fn new(version: ProtocolVersion) -> Self {
        Self { version, buffer: Vec::new() }
    }

    /// The version that packets are read in.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Reads what follows in this version.
    pub const fn set_version(&mut self, version: ProtocolVersion) {
        self.version = version;
    }

    /// The next piece of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of a packet that is not whole yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether the next packet is there as a whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.size().is_some()
    }

    /// The next packet, if it is wanted and whole.
    pub(crate) fn next_if(&mut self, is_wanted: bool) -> Option<Seen> {
        if is_wanted { self.next() } else { None }
    }

    fn size(&self) -> Option<usize> {
        match frames::size(&self.buffer) {
            Size::Known(size) => Some(size).filter(|size| *size <= self.buffer.len()),
            Size::Unreadable(_) => Some(self.buffer.len()),
            Size::Incomplete => None,
        }
    }
}

impl Iterator for Packets {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        let bytes: Vec<u8> = self.buffer.drain(..self.size()?).collect();
        if type_of(&bytes) == Some(PacketType::Connect)
            && let Some(version) = version_of(&bytes)
        {
            self.version = version;
        }
        Some(Seen { words: words(&bytes, self.version), bytes })
    }
}

/// A packet in words, or what is wrong with it.
pub(crate) fn words(bytes: &[u8], version: ProtocolVersion) -> String {
    match Packet::decode(bytes, version) {
        Ok(packet) => packet.to_string(),
        Err(error) => match type_of(bytes) {
            Some(kind) => format!("bad {kind}: {error}"),
            None => format!("bad packet: {error}"),
        },
    }
}

/// The type that the first byte names.
pub(crate) fn type_of(bytes: &[u8]) -> Option<PacketType> {
    PacketType::from_u8(bytes.first()? >> 4)
}

/// The version of a CONNECT that can be read.
fn version_of(bytes: &[u8]) -> Option<ProtocolVersion> {
    match Packet::decode(bytes, ProtocolVersion::V5) {
        Ok(Packet::Connect(connect)) => Some(connect.version),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_of_any_pieces_and_a_connect_sets_the_version() {
        let connect = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b'a'];
        let mut packets = Packets::new(ProtocolVersion::V5);
        let mut seen = Vec::new();
        for byte in connect.iter().chain(&[0x40, 2, 0, 1, 0xC0]) {
            packets.push(&[*byte]);
            seen.extend(packets.by_ref().map(|one| one.words));
        }
        assert_eq!(seen, ["CONNECT v3.1.1 id=\"a\" clean_start keep_alive=0", "PUBACK id=1 success"]);
        assert_eq!(packets.version(), ProtocolVersion::V3_1_1);
        assert_eq!(packets.rest(), [0xC0]);
        assert!(!packets.is_whole());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut packets = Packets::new(ProtocolVersion::V3_1_1);
        packets.push(&[0x60, 2, 0, 1, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2]);
        let seen: Vec<Seen> = packets.by_ref().collect();
        assert_eq!(seen.len(), 2);
        assert!(seen[0].words.starts_with("bad PUBREL: "), "{}", seen[0].words);
        assert_eq!(seen[1].bytes.len(), 7, "what begins no packet, up to the end of the piece");
        assert!(packets.rest().is_empty());
    }
}
