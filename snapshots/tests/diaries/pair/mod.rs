//! Clients and a broker; the script plays the network.

pub(crate) mod cuts;
mod half_open;
mod sessions;

pub(crate) const FILES: &[&[&str]] = &[half_open::FILES, sessions::FILES];
