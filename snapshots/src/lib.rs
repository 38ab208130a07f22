//! What passes between MQTT clients and servers, for people to read.
//!
//! - [`Ladder`]: packets between two parties as a drawing in text, or as a picture ([`Ladder::svg`]). A program can print its own
//!   traffic with it.
//! - [`Diary`]: everything that happens, a line each: packets in words and in bytes, events, deadlines and their reasons.
//! - [`script`]: a small language for flows. The machines of `mqtt-engine` play one part of it, in virtual time; the script
//!   plays the others, and the diary tells what happened.
//!
//! ```
//! use mqtt_engine_diary::{Ladder, Way};
//!
//! let mut ladder = Ladder::new("lamp", "broker");
//! ladder.bytes(Way::Right, &[0xC0, 0x00]);
//! ladder.bytes(Way::Left, &[0xD0, 0x00]);
//! assert!(ladder.to_string().contains("PINGRESP"));
//! ```
#![allow(
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "it needs std, and shows what it has no words for as it is"
)]

mod diary;
pub mod frames;
mod ladder;
mod packets;
pub mod script;
mod svg;
pub mod words;

pub use diary::{Diary, Passage};
pub use ladder::{Ladder, Way};
pub use packets::{Packets, Seen};
