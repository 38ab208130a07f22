//! A stream of bytes, explained packet by packet.

use core::{fmt, ops::Range};

use mqtt_engine::packet::{
    DecodeError, Fault, FieldValue, Observer, Packet, PacketType, ProtocolVersion, ReasonCode,
};
use serde_json::{Value, json};

use mqtt_engine_diary::frames::{self, Size};

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToServer => "c>s",
            Self::ToClient => "s>c",
        })
    }
}

/// Bytes of one direction, or of none that is known.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) direction: Option<Direction>,
    pub(super) bytes: Vec<u8>,
}

/// One packet, or what was meant as one.
#[derive(Debug)]
pub(super) struct Explanation {
    pub(super) direction: Option<Direction>,
    /// Where it begins in the bytes of its direction.
    pub(super) offset: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) packet_type: Option<PacketType>,
    pub(super) version: ProtocolVersion,
    /// Whether nobody said so: the packet is right in this version, or in none.
    pub(super) version_is_guessed: bool,
    pub(super) fields: Vec<Field>,
    /// The packet in words, if it is right.
    pub(super) words: Option<String>,
    pub(super) fault: Option<Trouble>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) range: Range<usize>,
    pub(super) name: &'static str,
    pub(super) words: String,
    pub(super) value: Value,
}

/// What is wrong with a packet.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) offset: usize,
    pub(super) field: String,
    pub(super) words: String,
    pub(super) reason: ReasonCode,
    /// The numbers of the statements that are violated, by version.
    pub(super) statements: Vec<(ProtocolVersion, &'static str)>,
}

/// Both directions of one connection.
pub(super) struct Conversation {
    /// What CONNECT or the user said.
    told: Option<ProtocolVersion>,
    /// What is tried first otherwise: the version of the last packet.
    guess: ProtocolVersion,
    streams: [Stream; 3],
}

#[derive(Default)]
struct Stream {
    direction: Option<Direction>,
    buffer: Vec<u8>,
    offset: usize,
    /// A header could not be read: where the next packet begins is not known.
    lost: bool,
}

impl Conversation {
    pub(super) fn new(told: Option<ProtocolVersion>) -> Self {
        let stream = |direction| Stream { direction, ..Stream::default() };
        let streams = [stream(None), stream(Some(Direction::ToServer)), stream(Some(Direction::ToClient))];
        Self { told, guess: ProtocolVersion::V5, streams }
    }

    /// Explains the packets that are whole now.
    pub(super) fn receive(&mut self, piece: Piece, out: &mut Vec<Explanation>) {
        let Some(index) = self.streams.iter().position(|stream| stream.direction == piece.direction) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(index) else { return };
        stream.buffer.extend_from_slice(&piece.bytes);
        let mut frames = Vec::new();
        while let Some(frame) = stream.next() {
            frames.push(frame);
        }
        for (offset, frame) in frames {
            out.push(self.explain(piece.direction, offset, frame));
        }
    }

    /// Explains what is left over at the end.
    pub(super) fn finish(&mut self, out: &mut Vec<Explanation>) {
        for index in 0..self.streams.len() {
            let Some(stream) = self.streams.get_mut(index) else { return };
            if stream.buffer.is_empty() {
                continue;
            }
            let (direction, offset) = (stream.direction, stream.offset);
            let rest = core::mem::take(&mut stream.buffer);
            if stream.lost {
                out.push(unreadable_rest(direction, offset, rest, self.guess));
            } else {
                out.push(self.explain(direction, offset, rest));
            }
        }
    }

    fn explain(&mut self, direction: Option<Direction>, offset: usize, bytes: Vec<u8>) -> Explanation {
        let other = match self.guess {
            ProtocolVersion::V5 => ProtocolVersion::V3_1_1,
            _ => ProtocolVersion::V5,
        };
        let version = self.told.unwrap_or_else(|| {
            if Packet::decode(&bytes, self.guess).is_err() && Packet::decode(&bytes, other).is_ok() {
                other
            } else {
                self.guess
            }
        });
        self.guess = version;
        let mut notes = Notes::default();
        let decoded = Packet::decode_observed(&bytes, version, &mut notes);
        // Only a CONNECT has one, and tells it before most that can be wrong with it.
        if let Some(version) = notes.version {
            self.told = Some(version);
            self.guess = version;
        }
        let version = notes.version.unwrap_or(version);
        let version_is_guessed = self.told.is_none();
        let (words, fault) = match decoded {
            Ok(packet) => {
                let fault =
                    direction.and_then(|direction| wrong_way(packet.packet_type(), direction, version));
                (Some(packet.to_string()), fault)
            }
            Err(error) => (None, Some(Trouble::new(error, version, version_is_guessed))),
        };
        Explanation {
            direction,
            offset,
            packet_type: bytes.first().and_then(|first| PacketType::from_u8(first >> 4)),
            version,
            version_is_guessed,
            fields: notes.fields,
            words,
            fault,
            bytes,
        }
    }
}

impl Stream {
    /// Takes the next whole packet out, with its place.
    fn next(&mut self) -> Option<(usize, Vec<u8>)> {
        if self.lost {
            return None;
        }
        let size = match frames::size(&self.buffer) {
            Size::Known(size) if size <= self.buffer.len() => size,
            Size::Known(_) | Size::Incomplete => return None,
            Size::Unreadable(size) => {
                self.lost = true;
                size
            }
        };
        let rest = self.buffer.split_off(size);
        let frame = core::mem::replace(&mut self.buffer, rest);
        let offset = self.offset;
        self.offset += size;
        Some((offset, frame))
    }
}

impl Trouble {
    fn new(error: DecodeError, version: ProtocolVersion, version_is_guessed: bool) -> Self {
        let versions = [ProtocolVersion::V5, ProtocolVersion::V3_1_1];
        let statements = versions
            .into_iter()
            .filter(|candidate| version_is_guessed || *candidate == version)
            .filter_map(|candidate| Some((candidate, error.statement(candidate)?)))
            .collect();
        let words = match error.fault {
            Fault::Truncated => format!("{}: more bytes are announced than there are", error.fault),
            _ => error.fault.to_string(),
        };
        Self {
            offset: error.offset,
            field: String::from(error.field),
            words,
            reason: error.reason(),
            statements,
        }
    }
}

fn unreadable_rest(
    direction: Option<Direction>,
    offset: usize,
    bytes: Vec<u8>,
    version: ProtocolVersion,
) -> Explanation {
    let words = String::from("behind a length that can't be read nobody knows where packets begin");
    Explanation {
        direction,
        offset,
        bytes,
        packet_type: None,
        version,
        version_is_guessed: false,
        fields: Vec::new(),
        words: None,
        fault: Some(Trouble {
            offset: 0,
            field: String::from("rest"),
            words,
            reason: ReasonCode::MalformedPacket,
            statements: Vec::new(),
        }),
    }
}

/// A packet that is right, but comes from the wrong side.
fn wrong_way(packet_type: PacketType, direction: Direction, version: ProtocolVersion) -> Option<Trouble> {
    let (allowed, sender) = match direction {
        Direction::ToServer => (packet_type.is_sent_by_client(), "client"),
        Direction::ToClient => {
            let speaks = version == ProtocolVersion::V5 || packet_type != PacketType::Disconnect;
            (packet_type.is_sent_by_server() && speaks, "server")
        }
    };
    (!allowed).then(|| Trouble {
        offset: 0,
        field: String::from("packet type"),
        words: format!("a {sender} does not send {packet_type}"),
        reason: ReasonCode::ProtocolError,
        statements: Vec::new(),
    })
}

/// Collects the fields.
#[derive(Default)]
struct Notes {
    fields: Vec<Field>,
    /// What a CONNECT says it is.
    version: Option<ProtocolVersion>,
}

impl Observer for Notes {
    fn field(&mut self, range: Range<usize>, name: &'static str, value: FieldValue<'_>) {
        if let FieldValue::Version(version) = value {
            self.version = Some(version);
        }
        let in_json = match value {
            FieldValue::Number(number) => json!(number),
            FieldValue::Flag(flag) => json!(flag),
            FieldValue::Text(text) => json!(text),
            FieldValue::Reason(reason) => json!(reason.as_u8()),
            FieldValue::QoS(qos) => json!(qos as u8),
            other => json!(other.to_string()),
        };
        self.fields.push(Field { range, name, words: value.to_string(), value: in_json });
    }
}
