//! Packets between two parties, drawn as a ladder: one rung a packet, in the order of time.
//!
//! ```text
//!   app                                        broker
//!    ├─ PUBLISH id=1 qos=1 topic="led" ──────────▶│
//!    │ ✂─────────────────────────── PUBACK id=1 ──┤  lost
//! ```

use core::fmt;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the left party to the right one.
    Right,
    /// From the right party to the left one.
    Left,
}

/// Two parties, and what passes between them.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    left: String,
    right: String,
    rungs: Vec<Rung>,
}

#[derive(Clone, Debug)]
enum Rung {
    Packet { way: Way, words: String, arrives: bool },
    Note(String),
}

/// Longer words are cut, so that the ladder stays in a terminal.
const LONGEST: usize = 88;
/// What an arrow takes beside its words.
const ARROW: usize = 8;

impl Ladder {
    pub(crate) fn new(left: impl Into<String>, right: impl Into<String>) -> Self {
        Self { left: left.into(), right: right.into(), rungs: Vec::new() }
    }

    /// A packet, in words, that arrives or is lost.
    pub(crate) fn packet(&mut self, way: Way, words: &str, arrives: bool) {
        self.rungs.push(Rung::Packet { way, words: shortened(words), arrives });
    }

    /// Something that happens to the connection between two packets.
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        self.rungs.push(Rung::Note(words.into()));
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
    fn long_words_are_cut() {
        let mut ladder = Ladder::new("a", "b");
        ladder.packet(Way::Right, &"x".repeat(500), true);
        assert!(ladder.to_string().lines().all(|line| line.chars().count() < LONGEST + 20));
    }
}
