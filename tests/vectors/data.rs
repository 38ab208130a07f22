//! Reads `mqtt_packet.tsv`; `extract.js` describes the format.

use std::fmt;

/// The bytes of one field's value, by the field's path (`will.properties.contentType`).
pub type Fact = (String, Vec<u8>);

/// What is claimed of the bytes or fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
pub struct Vector {
    pub kind: Kind,
    /// The protocol level that the parser was told, or that the CONNECT names.
    pub version: u8,
    /// The vector's name, or the text of the expected error.
    pub name: String,
    /// More than one only in a stream.
    pub pieces: Vec<Vec<u8>>,
    pub facts: Vec<Fact>,
}

impl Vector {
    /// All pieces in one.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// The values of this field, as text.
    pub fn texts<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.facts
            .iter()
            .filter(move |(at, _)| at == path)
            .map(|(_, value)| str::from_utf8(value).unwrap())
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<String> = self
            .pieces
            .concat()
            .iter()
            .take(40)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        write!(
            f,
            "{:?} v{} {:?} {}",
            self.kind,
            self.version,
            self.name,
            bytes.concat()
        )
    }
}

/// Every vector of the file.
pub fn read() -> Vec<Vector> {
    let text = include_str!("mqtt_packet.tsv");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(vector)
        .collect()
}

fn vector(line: &str) -> Vector {
    let mut columns = line.split('\t');
    let mut column = || {
        columns
            .next()
            .unwrap_or_else(|| panic!("a column is missing: {line}"))
    };
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
        pieces: column().split('|').map(hex).collect(),
        facts: column().split_ascii_whitespace().map(fact).collect(),
    }
}

/// `00ff`, where `00*5` stands for five equal bytes and ends at a space.
fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in text.split_ascii_whitespace() {
        let (digits, times) = part
            .split_once('*')
            .map_or((part, 1), |(digits, n)| (digits, n.parse().unwrap()));
        bytes.extend(
            digits
                .as_bytes()
                .chunks(2)
                .map(|pair| byte(str::from_utf8(pair).unwrap())),
        );
        let last = bytes.pop().unwrap();
        bytes.resize(bytes.len() + times, last);
    }
    bytes
}

fn fact(text: &str) -> Fact {
    let (path, value) = text.split_once('=').unwrap();
    (path.to_owned(), word(value))
}

/// Text with `%00` for one byte, and `{5}` after a byte that comes five times.
fn word(mut text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(first) = text.chars().next() {
        match first {
            '%' => {
                bytes.push(byte(&text[1..3]));
                text = &text[3..];
            }
            '{' => {
                let (times, rest) = text[1..].split_once('}').unwrap();
                let last = bytes.pop().unwrap();
                bytes.resize(bytes.len() + times.parse::<usize>().unwrap(), last);
                text = rest;
            }
            plain => {
                bytes.push(u8::try_from(plain).unwrap());
                text = &text[1..];
            }
        }
    }
    bytes
}

fn byte(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).unwrap()
}
