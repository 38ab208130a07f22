//! Everything that happened, a line each.

use core::fmt::{self, Write as _};

use mqtt_engine::Timestamp;

use crate::{Ladder, Seen, Way};

/// What becomes of a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no other fates")]
pub enum Passage {
    /// It arrives.
    Whole,
    /// So many of its bytes arrive, and then the connection ends.
    First(usize),
    /// Nothing of it arrives.
    Lost,
}

/// A record of a flow between named parties: packets, events, deadlines and notes, in the order in which they were written.
///
/// Its [`Display`](fmt::Display) is a line for each:
///
/// ```text
///    0.000  client → server   PUBLISH id=1 qos=1 topic="led" payload=2 bytes      32 09 00 03 6c 65 64 00 01 6f 6e
///    0.000  client event      Published #0 acknowledged
///    0.000  client deadline   60.000 (keep alive)
/// ```
#[derive(Clone, Debug, Default)]
pub struct Diary {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    at: Timestamp,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Packet { from: String, to: String, seen: Seen, passage: Passage },
    Told { who: String, kind: &'static str, words: String },
    Note(String),
}

const EVENT: &str = "event";
/// Longer packets are shown by their first bytes and their length.
const MOST_BYTES: usize = 64;
/// The bytes begin in the same column, unless the words are longer than this.
const MOST_WORDS: usize = 76;

impl Diary {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet on its way.
    pub fn packet(&mut self, at: Timestamp, from: &str, to: &str, seen: Seen, passage: Passage) {
        self.write(at, What::Packet { from: from.into(), to: to.into(), seen, passage });
    }

    /// What a machine told its program.
    pub fn event(&mut self, at: Timestamp, who: &str, words: impl Into<String>) {
        self.tell(at, who, EVENT, words);
    }

    /// What a machine waits for from now on, and why; `None`: for nothing.
    pub fn deadline(&mut self, at: Timestamp, who: &str, deadline: Option<(Timestamp, &str)>) {
        let words = match deadline {
            Some((when, why)) => format!("{} ({why})", Seconds(when)),
            None => "none".into(),
        };
        self.tell(at, who, "deadline", words);
    }

    /// Something else about a party: `kind` says what, in a word.
    pub fn tell(&mut self, at: Timestamp, who: &str, kind: &'static str, words: impl Into<String>) {
        self.write(at, What::Told { who: who.into(), kind, words: words.into() });
    }

    /// Anything else that a reader should know.
    pub fn note(&mut self, at: Timestamp, words: impl Into<String>) {
        self.write(at, What::Note(words.into()));
    }

    fn write(&mut self, at: Timestamp, what: What) {
        self.entries.push(Entry { at, what });
    }

    /// The packets, with who sent them to whom: what stays the same whatever drives the machines.
    pub fn packets(&self) -> impl Iterator<Item = ([&str; 2], &Seen)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Packet { from, to, seen, .. } => Some(([from.as_str(), to.as_str()], seen)),
            What::Told { .. } | What::Note(_) => None,
        })
    }

    /// The events that this party was told.
    pub fn events<'a>(&'a self, party: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(move |entry| match &entry.what {
            What::Told { who, kind: EVENT, words } if who == party => Some(words.as_str()),
            What::Told { .. } | What::Packet { .. } | What::Note(_) => None,
        })
    }

    /// What passed between two of the parties, drawn.
    #[must_use]
    pub fn ladder(&self, left: &str, right: &str) -> Ladder {
        let mut ladder = Ladder::new(left, right);
        for entry in &self.entries {
            match &entry.what {
                What::Packet { from, to, seen, passage } => {
                    let way = match (from.as_str(), to.as_str()) {
                        ends if ends == (left, right) => Way::Right,
                        ends if ends == (right, left) => Way::Left,
                        _ => continue,
                    };
                    ladder.packet(way, &seen.words, *passage == Passage::Whole);
                }
                What::Note(words) => ladder.note(words.as_str()),
                What::Told { .. } => {}
            }
        }
        ladder
    }
}

impl fmt::Display for Diary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.entries.iter().map(Entry::columns).collect();
        let widest = |column: fn(&[String; 3]) -> &String| {
            lines.iter().map(|line| column(line).chars().count()).max().unwrap_or(0)
        };
        let (who, what) = (widest(|line| &line[0]), widest(|line| &line[1]).min(MOST_WORDS));
        for (entry, [parties, words, bytes]) in self.entries.iter().zip(&lines) {
            let mut line =
                format!("{:>9}  {parties:<who$}  {words:<what$}  {bytes}", Seconds(entry.at).to_string());
            line.truncate(line.trim_end().len());
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl Entry {
    /// Who, what in words, and the bytes.
    fn columns(&self) -> [String; 3] {
        match &self.what {
            What::Packet { from, to, seen, passage } => {
                let arrow = if *passage == Passage::Whole { '→' } else { '✂' };
                let mut words = seen.words.clone();
                let fate = match passage {
                    Passage::Whole => Ok(()),
                    Passage::First(count) => {
                        write!(words, " (cut after {count} of {} bytes)", seen.bytes.len())
                    }
                    Passage::Lost => write!(words, " (lost)"),
                };
                debug_assert!(fate.is_ok(), "a String takes everything");
                [format!("{from} {arrow} {to}"), words, hex(&seen.bytes)]
            }
            What::Told { who, kind, words } => [format!("{who} {kind}"), words.clone(), String::new()],
            What::Note(words) => [String::from("·"), words.clone(), String::new()],
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(MOST_BYTES)];
    let mut digits: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    if shown.len() < bytes.len() {
        digits.push(format!("… {} bytes", bytes.len()));
    }
    digits.join(" ")
}

/// A moment in seconds and milliseconds, and microseconds where there are any.
pub(crate) struct Seconds(pub(crate) Timestamp);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Timestamp::MAX {
            return f.write_str("the end of time");
        }
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1_000_000, micros / 1000 % 1000)?;
        match micros % 1000 {
            0 => Ok(()),
            rest => write!(f, "{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_stand_in_columns() {
        let mut diary = Diary::new();
        let ping = Seen { words: "PINGREQ".into(), bytes: vec![0xC0, 0] };
        let at = Timestamp::from_millis(61_500);
        diary.packet(at, "client", "server", ping.clone(), Passage::Whole);
        diary.packet(at, "client", "server", ping, Passage::First(1));
        diary.event(at, "client", "Disconnected");
        diary.deadline(at, "client", Some((Timestamp::from_micros(70_000_001), "keep alive")));
        diary.note(at, "the connection is cut");
        let expected = "   61.500  client → server  PINGREQ                           c0 00
   61.500  client ✂ server  PINGREQ (cut after 1 of 2 bytes)  c0 00
   61.500  client event     Disconnected
   61.500  client deadline  70.000001 (keep alive)
   61.500  ·                the connection is cut
";
        assert_eq!(diary.to_string(), expected);
        assert_eq!(diary.packets().count(), 2);
        assert_eq!(diary.events("client").collect::<Vec<_>>(), ["Disconnected"]);
    }

    #[test]
    fn long_packets_are_shown_by_their_first_bytes() {
        assert!(hex(&[7; 64]).ends_with("07 07"));
        assert!(hex(&[7; 65]).ends_with("07 … 65 bytes"));
    }
}
