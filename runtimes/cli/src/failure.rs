//! What went wrong, in words that say what to do next.

use core::fmt;
use std::io::{self, Write};

/// Writes a line to standard error. Whether anybody reads it must not matter (`eprintln!` panics if nobody does).
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    advice: Option<String>,
    code: u8,
}

impl Failure {
    /// Any failure that has no exit code of its own.
    pub(crate) const OTHER: u8 = 1;

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), advice: None, code: Self::OTHER }
    }

    /// Where it was asked for: in front of the message.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// What to do about it: a whole sentence.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// For a log.
    pub(crate) fn in_one_line(&self) -> String {
        match &self.advice {
            Some(advice) => format!("{}; {advice}", self.message),
            None => self.message.clone(),
        }
    }

    pub(crate) const fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// The exit code of the process.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}
