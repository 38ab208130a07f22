//! What happened in a run, in words. Nothing is written unless somebody asked for it.

use std::fmt;

use mqtt_engine::Timestamp;
use mqtt_engine_diary::{Ladder, Way};

/// The words of a run: every packet and every event, one a line.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    written: Option<Written>,
}

#[derive(Clone, Debug)]
struct Written {
    lines: String,
    ladder: Ladder,
}

impl Trace {
    /// One that is written.
    #[must_use]
    pub fn on() -> Self {
        Self { written: Some(Written { lines: String::new(), ladder: Ladder::new("clients", "broker") }) }
    }

    /// Whether anybody asked for it.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.written.is_some()
    }

    /// Something happened.
    pub fn note(&mut self, now: Timestamp, words: impl FnOnce() -> String) {
        if let Some(written) = &mut self.written {
            use fmt::Write as _;
            let _ = writeln!(written.lines, "{now} {}", words());
        }
    }

    /// A packet has arrived, or was lost.
    pub fn packet(&mut self, to_broker: bool, words: &str, arrives: bool) {
        if let Some(written) = &mut self.written {
            written.ladder.packet(if to_broker { Way::Right } else { Way::Left }, words, arrives);
        }
    }

    /// Something between two packets that the ladder shows.
    pub fn rung(&mut self, words: impl FnOnce() -> String) {
        if let Some(written) = &mut self.written {
            written.ladder.note(words());
        }
    }

    /// The packets, drawn.
    #[must_use]
    pub const fn ladder(&self) -> Option<&Ladder> {
        match &self.written {
            Some(written) => Some(&written.ladder),
            None => None,
        }
    }

    /// Everything that was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.written.as_ref().map_or("", |written| &written.lines)
    }
}
