//! Flows.

pub(crate) const FILES: &[&[&str]] = &[];
