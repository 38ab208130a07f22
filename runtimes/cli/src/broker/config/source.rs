//! The text of a configuration, and where in it something is.

use core::ops::Range;
use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// A file of settings, or none: its errors name file, line and reason.
#[derive(Debug, Default)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: can't be read: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self { path: PathBuf::from("test.toml"), text: text.to_owned() }
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            // Longer explanations have several lines.
            self.fault(&at, error.message().trim().replace('\n', "; "))
        })
    }

    /// `FILE:LINE`.
    pub(crate) fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }

    pub(crate) fn fault(&self, span: &Range<usize>, reason: impl core::fmt::Display) -> Failure {
        Failure::new(format!("{}: {reason}", self.place(span)))
    }

    /// A file named in the settings: relative to the folder of the settings.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }
}
