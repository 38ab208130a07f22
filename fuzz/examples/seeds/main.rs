//! Writes what fuzzing starts from into `corpus/`: packets of a real exchange, those of the packet-flow diaries, and choices at
//! random for the targets that are all choices.
//!
//! `cargo run -p mqtt-engine-fuzz --example seeds`; then a merge, as the README shows it, leaves what adds coverage.

mod diaries;
mod wire;

use std::{fs, io, path::Path};

use mqtt_engine::packet::{Packet, ProtocolVersion};
use mqtt_engine_sim::random::Random;

use self::diaries::{Conversation, conversations};

/// How many schedules of a target, and how many bytes each.
const SCHEDULES: (u64, usize) = (200, 400);

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus");
    let mut conversations = conversations(&root.join("../snapshots/diaries"))?;
    conversations.extend(wire::conversations());
    for conversation in &conversations {
        for packet in conversation.from_client.iter().chain(&conversation.from_server) {
            write(&corpus, "decode", packet)?;
            write(&corpus, "round_trip", packet)?;
            write(&corpus, "differential", &without_length(packet))?;
        }
        write(&corpus, "chunking", &chunking(conversation, &conversation.from_client))?;
        write(&corpus, "chunking", &chunking(conversation, &conversation.from_server))?;
        write(&corpus, "client_against_bytes", &client_steps(conversation))?;
        write(&corpus, "broker_against_bytes", &broker_steps(conversation))?;
    }
    for lines in wire::TOPICS {
        write(&corpus, "filters", lines.as_bytes())?;
    }
    for target in ["broker_operations", "conversation"] {
        for seed in 0..SCHEDULES.0 {
            write(&corpus, target, &Random::new(seed).bytes(SCHEDULES.1))?;
        }
    }
    Ok(())
}

/// Writes a file whose name is a hash of its content, so that the same seed is there once.
fn write(corpus: &Path, target: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    fs::write(folder.join(format!("{hash:016x}")), bytes)
}

/// As the target `differential` takes it: the first byte and what stands behind the remaining length.
fn without_length(packet: &[u8]) -> Vec<u8> {
    let length = packet.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 1;
    packet.iter().take(1).chain(packet.iter().skip(1 + length)).copied().collect()
}

/// As the target `chunking` takes it: version and no greeting, three lengths of pieces, the stream.
fn chunking(conversation: &Conversation, packets: &[Vec<u8>]) -> Vec<u8> {
    let settings = if conversation.is_v5() { 2 } else { 3 };
    [vec![settings, 3, 0, 4, 1], packets.concat()].concat()
}

/// As the target `client_against_bytes` takes it: version, settings, then steps: a transport opens, packets arrive, all is
/// taken out.
fn client_steps(conversation: &Conversation) -> Vec<u8> {
    const OPEN: u8 = 8;
    const RECEIVE: u8 = 5;
    const TAKE_ALL: [u8; 4] = [13, 255, 14, 255];
    let mut steps = vec![conversation.version_choice(), 0, 1, OPEN];
    for packet in &conversation.from_server {
        steps.extend(counted(RECEIVE, packet));
        steps.extend(TAKE_ALL);
    }
    steps
}

/// As the target `broker_against_bytes` takes it: settings, then steps: a connection without greeting, packets, output.
fn broker_steps(conversation: &Conversation) -> Vec<u8> {
    const ACCEPT_SILENT: [u8; 2] = [0, 3];
    const RECEIVE: u8 = 7;
    const TAKE_ALL: [u8; 2] = [13, 255];
    let mut steps = vec![0, 0, 0, 0, ACCEPT_SILENT[0], conversation.version_choice(), ACCEPT_SILENT[1]];
    for packet in &conversation.from_client {
        steps.extend(counted(RECEIVE, packet));
        steps.extend(TAKE_ALL);
    }
    steps
}

/// A step with bytes behind their number; of more than fit, the first ones.
fn counted(step: u8, packet: &[u8]) -> Vec<u8> {
    let length = u8::try_from(packet.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![step, length];
    bytes.extend(packet.iter().take(length.into()));
    bytes
}

impl Conversation {
    /// Which of the versions that the targets choose from.
    fn version_choice(&self) -> u8 {
        if self.is_v5() { 2 } else { 1 }
    }

    fn is_v5(&self) -> bool {
        self.from_client.iter().any(|bytes| {
            matches!(Packet::decode(bytes, ProtocolVersion::V5),
                Ok(Packet::Connect(connect)) if connect.version == ProtocolVersion::V5)
        })
    }
}
