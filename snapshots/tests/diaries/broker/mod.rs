//! A broker against clients that the script plays.

mod delivery;

pub(crate) const FILES: &[&[&str]] = &[delivery::FILES];
