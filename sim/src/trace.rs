//! What happened in a run, in words. Nothing is written unless somebody asked for it.

use std::fmt;

use mqtt_engine::Timestamp;

/// The words of a run: every packet and every event, one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    lines: Option<String>,
}

impl Trace {
    /// One that is written.
    #[must_use]
    pub const fn on() -> Self {
        Self { lines: Some(String::new()) }
    }

    /// Whether anybody asked for it.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Something happened.
    pub fn note(&mut self, now: Timestamp, words: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            use fmt::Write as _;
            let _ = writeln!(lines, "{now} {}", words());
        }
    }

    /// Everything that was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.lines.as_deref().unwrap_or("")
    }
}
