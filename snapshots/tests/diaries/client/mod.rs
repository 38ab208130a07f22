//! A client against a server that the script plays.

mod qos1;

pub(crate) const FILES: &[&[&str]] = &[qos1::FILES];
