//! Packets in words.

use core::fmt;

use super::Packet;

/// One line in words, for diaries and logs: `PUBLISH id=1 qos=1 topic="a/b" payload=3 bytes`.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
