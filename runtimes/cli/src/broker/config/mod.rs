//! What the broker is told by its configuration file.
#![allow(dead_code, reason = "until it is read")]

mod listener;
