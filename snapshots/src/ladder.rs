//! Packets between two parties, drawn as a ladder.

use core::fmt;

use mqtt_engine::packet::ProtocolVersion;

use crate::{Packets, packets::words, svg};

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a ladder has two sides")]
pub enum Way {
    /// From the left party to the right one.
    Right,
    /// From the right party to the left one.
    Left,
}

/// Two parties, and what passes between them: one rung a packet, in the order of time.
///
/// ```text
///   app                                        broker
///    ├─ PUBLISH id=1 qos=1 topic="led" ─────────▶│
///    │✂──────────────────── PUBACK id=1 success ─┤  lost
/// ```
#[derive(Clone, Debug)]
pub struct Ladder {
    left: String,
    right: String,
    rungs: Vec<Rung>,
    to_right: Packets,
    to_left: Packets,
}

#[derive(Clone, Debug)]
pub(crate) enum Rung {
    Packet { way: Way, words: String, arrives: bool },
    Note(String),
}

/// Longer words are cut, so that the ladder stays in a terminal.
const LONGEST: usize = 88;
/// What an arrow takes beside its words.
const ARROW: usize = 8;

impl Ladder {
    /// An empty ladder between two parties.
    #[must_use]
    pub fn new(left: impl Into<String>, right: impl Into<String>) -> Self {
        let (to_right, to_left) = (Packets::new(ProtocolVersion::V5), Packets::new(ProtocolVersion::V5));
        Self { left: left.into(), right: right.into(), rungs: Vec::new(), to_right, to_left }
    }

    /// Bytes that pass, in pieces of any size: each packet becomes a rung when it is whole. They are read in the version of the
    /// last CONNECT, before the first one as 5.0.
    pub fn bytes(&mut self, way: Way, bytes: &[u8]) {
        let packets = match way {
            Way::Right => &mut self.to_right,
            Way::Left => &mut self.to_left,
        };
        packets.push(bytes);
        let rungs =
            packets.by_ref().map(|seen| Rung::Packet { way, words: shortened(&seen.words), arrives: true });
        self.rungs.extend(rungs);
        let version = packets.version();
        self.to_right.set_version(version);
        self.to_left.set_version(version);
    }

    /// A packet, or the first part of one, that does not arrive.
    pub fn lost(&mut self, way: Way, bytes: &[u8]) {
        self.packet(way, &words(bytes, self.to_right.version()), false);
    }

    /// The connection is cut: what follows begins with a new packet.
    pub fn cut(&mut self) {
        self.note("the connection is cut");
        let version = self.to_right.version();
        (self.to_right, self.to_left) = (Packets::new(version), Packets::new(version));
    }

    /// A packet, in words, that arrives or is lost.
    pub fn packet(&mut self, way: Way, words: &str, arrives: bool) {
        self.rungs.push(Rung::Packet { way, words: shortened(words), arrives });
    }

    /// Something that happens to the connection between two packets.
    pub fn note(&mut self, words: impl Into<String>) {
        self.rungs.push(Rung::Note(words.into()));
    }

    /// The ladder as a picture: a whole SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(&self.left, &self.right, &self.rungs)
    }

    fn width(&self) -> usize {
        let longest = self.rungs.iter().map(|rung| match rung {
            Rung::Packet { words, .. } | Rung::Note(words) => words.chars().count(),
        });
        longest.max().unwrap_or(0) + ARROW
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width();
        let gap = (width + 5).saturating_sub(self.left.chars().count() + 2 + self.right.chars().count() / 2);
        writeln!(f, "  {}{:gap$}{}", self.left, "", self.right)?;
        for rung in &self.rungs {
            match rung {
                Rung::Note(words) => writeln!(f, "   ┊  {words:<fill$}┊", fill = width - 2)?,
                Rung::Packet { way, words, arrives } => {
                    let line = "─".repeat(width - words.chars().count() - 4);
                    match (way, arrives) {
                        (Way::Right, true) => writeln!(f, "   ├─ {words} {line}▶│")?,
                        (Way::Right, false) => writeln!(f, "   ├─ {words} {line}✂│  lost")?,
                        (Way::Left, true) => writeln!(f, "   │◀{line} {words} ─┤")?,
                        (Way::Left, false) => writeln!(f, "   │✂{line} {words} ─┤  lost")?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Cuts words that are too long: the properties first, which stand in brackets.
fn shortened(words: &str) -> String {
    if words.chars().count() <= LONGEST {
        return String::from(words);
    }
    let head = words.split_once(" [").map_or(words, |(head, _)| head);
    let head: String = head.chars().take(LONGEST - 4).collect();
    format!("{head} […]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_equally_wide() {
        let mut ladder = Ladder::new("app", "broker");
        ladder.packet(Way::Right, "PUBLISH id=1", true);
        ladder.packet(Way::Left, "PUBACK id=1 success", false);
        ladder.note("the connection is cut");
        let drawn = ladder.to_string();
        let ends: Vec<_> = drawn
            .lines()
            .skip(1)
            .map(|line| line.chars().collect::<Vec<_>>().iter().rposition(|c| matches!(c, '│' | '┤' | '┊')))
            .collect();
        assert_eq!(ends, [ends[0]; 3], "{drawn}");
        assert!(ends[0].is_some());
    }

    #[test]
    fn bytes_become_packets_in_the_version_of_their_connect() {
        let mut ladder = Ladder::new("a", "b");
        let connect = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b'a'];
        connect.chunks(4).for_each(|piece| ladder.bytes(Way::Right, piece));
        ladder.bytes(Way::Left, &[0x20, 2, 1]);
        assert_eq!(ladder.to_string().lines().count(), 2, "{ladder}");
        ladder.bytes(Way::Left, &[0, 0x90]);
        assert!(ladder.to_string().contains(" CONNACK success session_present=true ─┤"), "{ladder}");
    }

    #[test]
    fn long_words_are_cut() {
        let mut ladder = Ladder::new("a", "b");
        ladder.packet(Way::Right, &"x".repeat(500), true);
        assert!(ladder.to_string().lines().all(|line| line.chars().count() < LONGEST + 20));
    }
}
