//! Replays the test vectors of the npm package `mqtt-packet`, an independent implementation, against the codec.
//!
//! Every difference stands in `DIFFERENCES` with its reason; the test fails for one that doesn't, and for a reason that explains nothing.

#![expect(clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "a test may panic, and has std")]

#[path = "vectors/data.rs"]
mod data;
#[path = "vectors/facts.rs"]
mod facts;
#[path = "vectors/tables.rs"]
mod tables;

use std::collections::BTreeMap;

use data::{Kind, Vector};
use mqtt_engine::packet::{DecodeError, Packet, ProtocolVersion};
use tables::{DIFFERENCES, OLD_PROTOCOL, REFUSALS, Unwritable, Which, unwritable};

/// How our codec stands to a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It says the same.
    Agrees,
    /// It refuses what the vector accepts.
    Refused,
    /// It accepts what the vector refuses.
    Accepted,
    /// It reads other fields.
    ReadOtherwise,
    /// It reads the same fields and writes them as other bytes.
    WrittenOtherwise,
}

/// [MQTT-7.0.0-2] (3.1.1)
#[test]
fn vectors_that_others_accept_read_and_write_the_same() {
    let vectors = data::read();
    let replayed = vectors.iter().filter(|v| matches!(v.kind, Kind::Same | Kind::Read | Kind::Write));
    let figures = judge(replayed, |vector| replay(&vector.bytes(), vector));
    println!("accepted by mqtt-packet: {figures:?}");
    assert!(figures[&Kind::Same.name()].0 >= 30, "too few vectors agree: {figures:?}");
}

/// CVE-2016-10523, CVE-2019-5432: packets that once crashed the parser they come from.
#[test]
fn s54_vectors_that_others_refuse_are_refused_for_the_same_reason() {
    let vectors = data::read();
    let refused: Vec<&Vector> = vectors.iter().filter(|v| v.kind == Kind::Refuse).collect();
    let figures = judge(refused.iter().copied(), |vector| {
        let bytes = vector.bytes();
        match decode(&bytes, vector.version) {
            Ok(packet) => (Outcome::Accepted, packet.to_string()),
            Err(error) => {
                let old =
                    rewrite_as_3_1_1(&bytes).is_some() && OLD_PROTOCOL.contains(&fault(&error).as_str());
                assert!(old || is_the_reason(vector, &error), "{vector}: we say {error:?}");
                (Outcome::Agrees, String::new())
            }
        }
    });
    println!("refused by mqtt-packet: {figures:?}");
    for (label, _) in REFUSALS {
        assert!(refused.iter().any(|vector| vector.name.starts_with(label)), "{label:?} is in no vector");
    }
}

/// Most CONNECT vectors of MQTT 3.1 are about the fields behind the version: written as 3.1.1 they must hold, too.
#[test]
fn vectors_of_mqtt_3_1_hold_when_rewritten_as_3_1_1() {
    let mut valid = 0;
    let mut refused = 0;
    for mut vector in data::read() {
        let Some(rewritten) = rewrite_as_3_1_1(&vector.bytes()) else {
            continue;
        };
        if vector.value("bridgeMode").is_some() {
            continue;
        }
        if vector.kind == Kind::Refuse {
            let error = decode(&rewritten, 4).expect_err("rewritten, it must still be refused");
            assert!(is_the_reason(&vector, &error), "{vector}: we say {error:?}");
            refused += 1;
        } else {
            vector.version = 4;
            for (_, value) in vector.facts.iter_mut().filter(|(path, _)| path == "protocolVersion") {
                *value = "4".to_owned();
            }
            let (outcome, detail) = replay(&rewritten, &vector);
            assert_eq!(outcome, Outcome::Agrees, "{vector}: {detail}");
            valid += 1;
        }
    }
    println!("3.1 rewritten as 3.1.1: {valid} valid, {refused} refused");
    assert!(valid >= 10 && refused >= 10, "only {valid} and {refused} were found");
}

#[test]
fn vectors_that_others_cannot_write_are_refused_or_cannot_be_said() {
    let mut by_type = 0;
    let mut by_encoder = 0;
    let mut elsewhere = 0;
    let mut labels = Vec::new();
    for vector in data::read().iter().filter(|v| v.kind == Kind::Unwritable) {
        match unwritable(&vector.name) {
            Some(Unwritable::ByType(why)) => {
                println!("{:?}: {why}", vector.name);
                by_type += 1;
            }
            Some(Unwritable::Encode(attempt)) => {
                let error = attempt().expect_err(&vector.name);
                println!("{:?}: {error}", vector.name);
                by_encoder += 1;
            }
            Some(Unwritable::Elsewhere(why)) => {
                println!("{:?}: {why}", vector.name);
                elsewhere += 1;
            }
            None => panic!("nothing says why {vector} is impossible"),
        }
        labels.push(vector.name.clone());
    }
    println!(
        "not writable: {by_type} by the types, {by_encoder} refused by the encoder, {elsewhere} elsewhere"
    );
    for label in tables::UNWRITABLE.iter().map(|(label, _)| label) {
        assert!(labels.iter().any(|name| name == label), "{label:?} is in no vector");
    }
}

/// Streams are cut into packets, each read in the version that CONNECT named, up to the first that is refused.
#[test]
fn s51_vectors_of_streams_give_the_same_packets() {
    let mut packets = 0;
    let streams = data::read().into_iter().filter(|v| v.kind == Kind::Stream).collect::<Vec<_>>();
    for vector in &streams {
        let bytes = vector.bytes();
        let mut rest = bytes.as_slice();
        let mut version = vector.version;
        for number in 0.. {
            let before = format!("said.{number}.");
            let said: Vec<_> = vector
                .facts
                .iter()
                .filter_map(|(at, value)| Some((at.strip_prefix(&before)?.to_owned(), value.clone())))
                .collect();
            if said.is_empty() {
                assert!(rest.is_empty(), "{vector}: mqtt-packet says nothing of packet {number}");
                break;
            }
            let (packet, after) = rest.split_at(frame_length(rest).expect("a whole packet"));
            rest = after;
            if said.iter().any(|(at, _)| at == "refused") {
                decode(packet, version).expect_err("mqtt-packet refuses it");
                break;
            }
            let facts =
                said.iter().map(|(at, value)| (at.replacen("packet.", "", 1), value.clone())).collect();
            let mut one = vector.clone();
            (one.kind, one.version, one.facts) = (Kind::Read, version, facts);
            if let Some(named) = one.value("protocolVersion") {
                version = named.parse().unwrap();
            }
            let (outcome, detail) = replay(packet, &one);
            assert_eq!(outcome, Outcome::Agrees, "{vector} packet {number}: {detail}");
            packets += 1;
        }
    }
    println!("{} streams, {packets} packets", streams.len());
    assert!(packets >= 8);
}

/// Compares each outcome with the table, and gives per kind how many agree and how many are explained.
fn judge<'a>(
    vectors: impl Iterator<Item = &'a Vector>,
    outcome_of: impl Fn(&Vector) -> (Outcome, String),
) -> BTreeMap<&'static str, (usize, usize)> {
    let mut figures: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    let mut times = vec![0; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    let mut kinds = Vec::new();
    for vector in vectors {
        kinds.push(vector.kind);
        let count = figures.entry(vector.kind.name()).or_default();
        let (outcome, detail) = outcome_of(vector);
        if outcome == Outcome::Agrees {
            count.0 += 1;
            continue;
        }
        count.1 += 1;
        match DIFFERENCES.iter().position(|row| row.outcome == outcome && row.which.is(vector)) {
            Some(row) => times[row] += 1,
            None => unexplained.push(format!("{vector}\n    {outcome:?}: {detail}")),
        }
    }
    assert!(unexplained.is_empty(), "unexplained differences:\n{}", unexplained.join("\n"));
    for (row, times) in
        DIFFERENCES.iter().zip(times).filter(|(row, _)| row.kinds.iter().any(|k| kinds.contains(k)))
    {
        assert_eq!(times, row.times, "{:?} no longer explains what it did: {}", row.which, row.why);
    }
    figures
}

/// Reads the bytes, compares every field, and writes them again.
fn replay(bytes: &[u8], vector: &Vector) -> (Outcome, String) {
    let packet = match decode(bytes, vector.version) {
        Ok(packet) => packet,
        Err(error) => return (Outcome::Refused, error.to_string()),
    };
    let version = version_of(&packet, vector.version);
    if let Some(difference) = difference(&packet, version, vector) {
        return (Outcome::ReadOtherwise, difference);
    }
    if vector.kind == Kind::Read {
        return (Outcome::Agrees, String::new());
    }
    let size = packet.size(version).expect("what was read can be written");
    let mut written = Vec::with_capacity(size);
    packet.encode(version, &mut written).expect("what was read can be written");
    assert_eq!(written.len(), size, "{vector}: size() is what encode() writes");
    if written == bytes {
        return (Outcome::Agrees, String::new());
    }
    assert_eq!(
        decode(&written, vector.version).unwrap(),
        packet,
        "{vector}: written otherwise, it must read the same"
    );
    (Outcome::WrittenOtherwise, format!("{written:02x?}"))
}

/// The first field that is not as the vector says.
fn difference(packet: &Packet<'_>, version: ProtocolVersion, vector: &Vector) -> Option<String> {
    let publish = matches!(packet, Packet::Publish(_));
    // The library tells the fixed header's bits of every packet, and the length it read; only those of PUBLISH are fields.
    let header = |path: &str| matches!(path, "dup" | "qos" | "retain") && !publish;
    let mut expected: Vec<_> =
        vector.facts.iter().filter(|(at, _)| !header(at) && at != "length" && at != "protocolId").collect();
    expected.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut ours = facts::facts(packet, version);
    if vector.kind == Kind::Write {
        ours.retain(|(at, _)| expected.iter().any(|(path, _)| path == at));
    }
    let paths =
        |i: usize| (ours.get(i).map(|(at, _)| at.as_str()), expected.get(i).map(|(at, _)| at.as_str()));
    (0..ours.len().max(expected.len())).find_map(|i| match paths(i) {
        (Some(our), Some(their)) if our == their => {
            let (value, expected) = (&ours[i].1, data::word(&expected[i].1));
            let show = |value: &[u8]| value[..value.len().min(80)].escape_ascii().to_string();
            (**value != expected)
                .then(|| format!("{our}: we read {}, mqtt-packet {}", show(value), show(&expected)))
        }
        (our, their) => Some(format!("we read {our:?}, mqtt-packet {their:?}")),
    })
}

/// Decodes the first packet of the bytes, or all of them if their length can't be read.
fn decode(bytes: &[u8], version: u8) -> Result<Packet<'_>, DecodeError> {
    let packet = frame_length(bytes).and_then(|length| bytes.get(..length)).unwrap_or(bytes);
    Packet::decode(packet, if version == 5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 })
}

/// Whether the error is what the vector's text means.
fn is_the_reason(vector: &Vector, error: &DecodeError) -> bool {
    let row = REFUSALS.iter().find(|(label, _)| vector.name.starts_with(label));
    row.is_some_and(|(_, faults)| faults.contains(&fault(error).as_str()))
}

/// The name of the fault, without what it carries.
fn fault(error: &DecodeError) -> String {
    format!("{:?}", error.fault).chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// A CONNECT of MQTT 3.1, or of level 3, as one of 3.1.1; nothing for other packets.
fn rewrite_as_3_1_1(bytes: &[u8]) -> Option<Vec<u8>> {
    const NEW: &[u8] = b"\x00\x04MQTT";
    const OLD: &[u8] = b"\x00\x06MQIsdp";
    let (header, body) = bytes.split_at_checked(2).filter(|(header, _)| header[1] < 0x80)?;
    let (length, rest) = match body.strip_prefix(OLD) {
        Some(rest) => (header[1].checked_sub(u8::try_from(OLD.len() - NEW.len()).unwrap())?, rest),
        None => (header[1], body.strip_prefix(NEW).filter(|rest| rest.first() == Some(&3))?),
    };
    let (level, rest) = rest.split_at(rest.len().min(1));
    let level = level.iter().map(|level| if *level == 3 { 4 } else { *level }).collect::<Vec<u8>>();
    Some([&[header[0], length], NEW, &level, rest].concat())
}

fn version_of(packet: &Packet<'_>, told: u8) -> ProtocolVersion {
    if let Packet::Connect(connect) = packet {
        return connect.version;
    }
    if told == 5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 }
}

/// The length of the first packet with its fixed header, read without the codec under test.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(place + 2 + length);
        }
    }
    None
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Read => "read",
            Self::Write => "write",
            Self::Refuse => "refuse",
            Self::Unwritable => "unwritable",
            Self::Stream => "stream",
        }
    }
}

impl Which {
    fn is(self, vector: &Vector) -> bool {
        match self {
            Self::Named(name) => vector.name == name,
        }
    }
}
