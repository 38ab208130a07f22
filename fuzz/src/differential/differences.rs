//! Where other codecs and ours disagree, and why ours is right.

use mqtt_engine::packet::{DecodeError, Packet, ProtocolVersion};

use super::foreign::Codec;

pub(super) fn refuses_more(_codec: Codec, _packet: &Packet<'_>, _version: ProtocolVersion) -> bool {
    false
}

pub(super) fn accepts_more(_codec: Codec, _error: &DecodeError, _version: ProtocolVersion) -> bool {
    false
}
