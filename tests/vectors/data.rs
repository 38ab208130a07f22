//! Reads `mqtt_packet.tsv`; `extract.js` describes the format.

use std::fmt;

/// A field's path (`will.properties.contentType`) and its value as the file has it.
pub(crate) type Fact = (String, String);

/// What is claimed of the bytes or fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Fields and bytes stand for each other.
    Same,
    /// The bytes read as these fields.
    Read,
    /// The fields are written as these bytes.
    Write,
    /// The bytes are refused.
    Refuse,
    /// The fields can't be written.
    Unwritable,
    /// A stream of packets, fed in pieces.
    Stream,
}

/// One vector.
#[derive(Clone)]
pub(crate) struct Vector {
    pub(crate) kind: Kind,
    /// The protocol level that the parser was told, or that the CONNECT names.
    pub(crate) version: u8,
    /// The vector's name, or the text of the expected error.
    pub(crate) name: String,
    /// The bytes as the file has them: a few are large, so they are only written out where they are used.
    hex: String,
    pub(crate) facts: Vec<Fact>,
}

impl Vector {
    /// The bytes, all pieces in one.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.hex.split('|').flat_map(str::split_ascii_whitespace).fold(Vec::new(), hex)
    }

    /// The value of this field, if it is there just once.
    pub(crate) fn value(&self, path: &str) -> Option<&str> {
        let mut values = self.facts.iter().filter(|(at, _)| at == path).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} v{} {:?} {:.80}", self.kind, self.version, self.name, self.hex)
    }
}

/// Every vector of the file.
pub(crate) fn read() -> Vec<Vector> {
    let text = include_str!("mqtt_packet.tsv");
    text.lines().filter(|line| !line.starts_with('#')).map(vector).collect()
}

fn vector(line: &str) -> Vector {
    let mut columns = line.split('\t');
    let mut column = || columns.next().unwrap_or_else(|| panic!("a column is missing: {line}"));
    Vector {
        kind: match column() {
            "same" => Kind::Same,
            "read" => Kind::Read,
            "write" => Kind::Write,
            "refuse" => Kind::Refuse,
            "unwritable" => Kind::Unwritable,
            "stream" => Kind::Stream,
            other => panic!("unknown kind {other}"),
        },
        version: column().parse().unwrap(),
        name: column().to_owned(),
        hex: column().to_owned(),
        facts: column().split_ascii_whitespace().map(fact).collect(),
    }
}

/// Appends `00ff`, or five equal bytes for `00*5`.
fn hex(mut bytes: Vec<u8>, text: &str) -> Vec<u8> {
    let (digits, times) = text.split_once('*').map_or((text, 1), |(digits, n)| (digits, n.parse().unwrap()));
    bytes.extend(digits.as_bytes().chunks(2).map(|pair| byte(str::from_utf8(pair).unwrap())));
    repeat_last(&mut bytes, times);
    bytes
}

fn fact(text: &str) -> Fact {
    let (path, value) = text.split_once('=').unwrap();
    (path.to_owned(), value.to_owned())
}

/// The bytes of a value: text with `%00` for one byte, and `{5}` behind a byte that comes five times.
pub(crate) fn word(mut text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(first) = text.chars().next() {
        let (taken, times) = match first {
            '%' => {
                bytes.push(byte(&text[1..3]));
                (3, 1)
            }
            '{' => {
                let end = text.find('}').unwrap();
                (end + 1, text[1..end].parse().unwrap())
            }
            plain => {
                bytes.push(u8::try_from(plain).unwrap());
                (1, 1)
            }
        };
        repeat_last(&mut bytes, times);
        text = &text[taken..];
    }
    bytes
}

/// The last byte comes so many times in all.
fn repeat_last(bytes: &mut Vec<u8>, times: usize) {
    let last = *bytes.last().unwrap();
    bytes.resize(bytes.len() - 1 + times, last);
}

fn byte(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).unwrap()
}
