//! Simulation of MQTT conversations, and what judges them.
//!
//! [`checker`] is told what one party of a conversation wrote and read, and names every statement of the specifications that
//! the party violated.

pub mod checker;
