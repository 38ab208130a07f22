//! No codec: the packet's bytes are copied.

use super::{
    contender::Contender,
    sample::{Content, Sample, content_of},
};
use mqtt_engine::packet::{Packet, ProtocolVersion};

pub(crate) struct Memcpy;

/// From and to.
pub(crate) struct Copy {
    from: Vec<u8>,
    to: Vec<u8>,
    version: ProtocolVersion,
}

impl Copy {
    fn new(sample: &Sample, frame: &[u8]) -> Self {
        Self { from: frame.to_vec(), to: vec![0; frame.len()], version: sample.version }
    }

    fn copy(&mut self) -> &[u8] {
        self.to.copy_from_slice(&self.from);
        &self.to
    }
}

impl Contender for Memcpy {
    const NAME: &'static str = "memcpy";
    type Input = Copy;
    type Packet<'a> = (&'a [u8], ProtocolVersion);
    type Outgoing = Copy;
    type Stream = ();

    fn input(sample: &Sample, frame: &[u8]) -> Option<Copy> {
        Some(Copy::new(sample, frame))
    }

    fn decode(input: &mut Copy) -> Self::Packet<'_> {
        let version = input.version;
        (input.copy(), version)
    }

    fn content((frame, version): &Self::Packet<'_>) -> Content {
        Packet::decode(frame, *version).ok().as_ref().and_then(content_of).expect("a sample")
    }

    fn outgoing(sample: &Sample) -> Option<Copy> {
        Some(Copy::new(sample, &sample.frame()))
    }

    fn encode(outgoing: &mut Copy) -> &[u8] {
        outgoing.copy()
    }

    fn stream(_: &Sample) -> Option<()> {
        None
    }

    fn read((): &mut (), _: &[u8], _: impl FnMut(&Self::Packet<'_>)) {}
}
