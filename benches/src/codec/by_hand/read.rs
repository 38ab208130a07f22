//! Reading.

use mqtt_engine::packet::ProtocolVersion;

/// Whatever was read, borrowed. Texts are checked, but are bytes: to make a `str` of them would be a second check.
#[derive(Debug)]
pub(crate) enum Packet<'a> {
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte.
    Ack {
        first: u8,
        packet_id: u16,
    },
    Connect(Connect<'a>),
}

#[derive(Debug)]
#[expect(dead_code, reason = "read, since a program needs them, but the same in all samples")]
pub(crate) struct Publish<'a> {
    pub(super) duplicate: bool,
    pub(crate) qos: u8,
    pub(super) retain: bool,
    pub(crate) topic: &'a [u8],
    pub(crate) packet_id: Option<u16>,
    pub(super) properties: Properties<'a>,
    pub(crate) payload: &'a [u8],
}

#[derive(Debug)]
pub(crate) struct Connect<'a> {
    pub(super) clean_start: bool,
    pub(super) keep_alive: u16,
    pub(super) client_id: &'a [u8],
    pub(super) will: Option<Will<'a>>,
    pub(super) user_name: Option<&'a [u8]>,
    pub(super) password: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Will<'a> {
    pub(super) topic: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) qos: u8,
    pub(super) retain: bool,
}

/// Properties that were checked; an iterator of identifiers and values as they stand on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Properties<'a>(&'a [u8]);

impl<'a> Iterator for Properties<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, rest) = self.0.split_first()?;
        let (value, rest) = property(*id, rest)?;
        self.0 = rest;
        Some((*id, value))
    }
}

/// Reads one whole packet.
pub(crate) fn packet(frame: &[u8], version: ProtocolVersion) -> Option<Packet<'_>> {
    let (first, rest) = frame.split_first()?;
    let (remaining, body) = variable(rest)?;
    if body.len() != remaining {
        return None;
    }
    match first {
        0x30..0x40 => Some(Packet::Publish(publish(first & 0x0F, body, version)?)),
        0x40 | 0x50 | 0x62 | 0x70 => ack(*first, body, version),
        0x10 => Some(Packet::Connect(connect(body)?)),
        _ => None,
    }
}

/// The size of the packet that starts like this, if its header is whole.
pub(crate) fn size(start: &[u8]) -> Option<usize> {
    let (remaining, rest) = variable(start.get(1..)?)?;
    Some(start.len() - rest.len() + remaining)
}

/// Where the body of a whole packet begins.
pub(crate) fn head(frame: &[u8]) -> usize {
    variable(&frame[1..]).map_or(frame.len(), |(_, body)| frame.len() - body.len())
}

fn publish(flags: u8, body: &[u8], version: ProtocolVersion) -> Option<Publish<'_>> {
    let (topic, mut rest) = binary(body)?;
    if !is_topic(topic) {
        return None;
    }
    let qos = flags >> 1 & 3;
    let mut packet_id = None;
    if qos > 0 {
        let (id, tail) = rest.split_first_chunk()?;
        packet_id = Some(u16::from_be_bytes(*id)).filter(|id| *id > 0);
        packet_id?;
        rest = tail;
    }
    let mut properties = Properties::default();
    if version == ProtocolVersion::V5 {
        let (length, tail) = variable(rest)?;
        let (section, tail) = tail.split_at_checked(length)?;
        properties = checked(section)?;
        rest = tail;
    }
    // An empty topic needs a topic alias.
    if qos == 3 || topic.is_empty() && !properties.into_iter().any(|(id, _)| id == 0x23) {
        return None;
    }
    Some(Publish {
        duplicate: flags & 8 != 0,
        qos,
        retain: flags & 1 != 0,
        topic,
        packet_id,
        properties,
        payload: rest,
    })
}

/// An acknowledgement that tells a success; those of 5.0 with properties are left out.
fn ack(first: u8, body: &[u8], version: ProtocolVersion) -> Option<Packet<'_>> {
    let (id, rest) = body.split_first_chunk()?;
    let packet_id = u16::from_be_bytes(*id);
    let is_success = rest.is_empty() || version == ProtocolVersion::V5 && rest == [0];
    (packet_id > 0 && is_success).then_some(Packet::Ack { first, packet_id })
}

/// A CONNECT of 3.1.1.
fn connect(body: &[u8]) -> Option<Connect<'_>> {
    let rest = body.strip_prefix(&[0, 4, b'M', b'Q', b'T', b'T', 4])?;
    let (&[flags, high, low], rest) = rest.split_first_chunk()?;
    let will_qos = flags >> 3 & 3;
    let has_will = flags & 0x04 != 0;
    let password_alone = flags & 0xC0 == 0x40;
    if flags & 1 != 0 || will_qos == 3 || password_alone || !has_will && flags & 0x38 != 0 {
        return None;
    }
    let (client_id, mut rest) = text(rest)?;
    let mut will = None;
    if has_will {
        let (topic, tail) = text(rest)?;
        let (payload, tail) = binary(tail)?;
        if topic.is_empty() || !is_topic(topic) {
            return None;
        }
        will = Some(Will { topic, payload, qos: will_qos, retain: flags & 0x20 != 0 });
        rest = tail;
    }
    let (mut user_name, mut password) = (None, None);
    if flags & 0x80 != 0 {
        let (name, tail) = text(rest)?;
        (user_name, rest) = (Some(name), tail);
    }
    if flags & 0x40 != 0 {
        let (word, tail) = binary(rest)?;
        (password, rest) = (Some(word), tail);
    }
    let keep_alive = u16::from_be_bytes([high, low]);
    let clean_start = flags & 2 != 0;
    rest.is_empty().then_some(Connect { clean_start, keep_alive, client_id, will, user_name, password })
}

/// Checks the properties of a PUBLISH.
fn checked(section: &[u8]) -> Option<Properties<'_>> {
    let (mut rest, mut seen) = (section, 0_u64);
    while let Some((id, tail)) = rest.split_first() {
        let (value, tail) = property(*id, tail)?;
        let is_right = match id {
            0x01 => value[0] < 2,
            0x03 => is_text(&value[2..]),
            0x08 => !value[2..].is_empty() && is_topic(&value[2..]),
            0x0B => value[0] > 0,
            0x23 => value != [0, 0],
            0x26 => is_pair(value),
            _ => true,
        };
        // Pairs and identifiers of subscriptions may occur more than once.
        let bit = if matches!(id, 0x26 | 0x0B) { 0 } else { 1 << id };
        if !is_right || seen & bit != 0 {
            return None;
        }
        seen |= bit;
        rest = tail;
    }
    Some(Properties(section))
}

/// The bytes of a value, and what follows.
fn property(id: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let text_at = |start: usize| {
        let length = bytes.get(start..)?.first_chunk()?;
        Some(start + 2 + usize::from(u16::from_be_bytes(*length)))
    };
    let length = match id {
        0x01 => 1,
        0x02 => 4,
        0x23 => 2,
        0x03 | 0x08 | 0x09 => text_at(0)?,
        0x26 => text_at(text_at(0)?)?,
        0x0B => bytes.len() - variable(bytes)?.1.len(),
        _ => return None,
    };
    bytes.split_at_checked(length)
}

fn is_pair(value: &[u8]) -> bool {
    let Some((name, value)) = binary(value) else { return false };
    is_text(name) && is_text(value.get(2..).unwrap_or_default())
}

/// A variable byte integer, in its shortest form, and what follows.
pub(crate) fn variable(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if *byte < 0x80 {
            let is_shortest = *byte != 0 || index == 0;
            return is_shortest.then(|| (value, &bytes[index + 1..]));
        }
    }
    None
}

pub(crate) fn binary(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    binary(bytes).filter(|(text, _)| is_text(text))
}

/// UTF-8 without U+0000.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    is_plain(bytes, |_| 0) || std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

/// The same without wildcards.
pub(super) fn is_topic(bytes: &[u8]) -> bool {
    is_plain(bytes, |word| zeros(word ^ PLUS) | zeros(word ^ HASH))
        || std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(|byte| matches!(byte, 0 | b'+' | b'#'))
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;
const PLUS: u64 = LOW * b'+' as u64;
const HASH: u64 = LOW * b'#' as u64;

/// Whether all bytes are ASCII, and none is zero or among those that `others` finds; eight at a time.
fn is_plain(bytes: &[u8], others: impl Fn(u64) -> u64) -> bool {
    let found = |word: u64| word & HIGH | zeros(word) | others(word);
    let (words, tail) = bytes.as_chunks();
    let mut any = words.iter().fold(0, |any, word| any | found(u64::from_ne_bytes(*word)));
    if let Some(last) = bytes.last_chunk() {
        // Some of them for the second time.
        any |= found(u64::from_ne_bytes(*last));
    } else {
        let mut padded = [b' '; 8];
        padded[..tail.len()].copy_from_slice(tail);
        any |= found(u64::from_ne_bytes(padded));
    }
    any & HIGH == 0
}

/// The upper bit of each byte that is zero; above such a byte, others may be marked as well.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_refused() {
        let publish = |topic: &[u8]| {
            let size = u8::try_from(topic.len()).expect("a short one");
            let frame = [&[0x30, size + 2, 0, size], topic].concat();
            packet(&frame, ProtocolVersion::V3_1_1).is_some()
        };
        for good in ["a", "sensors/room1/temp", "grün/12345", "/", "äöüäöüäöüäöü"] {
            assert!(publish(good.as_bytes()), "{good}");
        }
        for bad in ["", "+", "a/#", "sensors/room1/te\0p", "12345678+2345678", "grün/#"] {
            assert!(!publish(bad.as_bytes()), "{bad}");
        }
        assert!(!publish(b"sensors/\xFFroom1/temp") && !publish(b"\xC0\x80"));
        // QoS 3, packet identifier 0, a length that is not the shortest, a byte too many.
        for bad in [
            &[0x36, 3, 0, 1, b'a'][..],
            &[0x32, 5, 0, 1, b'a', 0, 0],
            &[0x40, 0x82, 0, 0, 1],
            &[0x40, 2, 0, 1, 0],
        ] {
            assert!(packet(bad, ProtocolVersion::V3_1_1).is_none(), "{bad:?}");
        }
        // A property twice, and one that a PUBLISH has not.
        for section in [&[1, 0, 1, 0][..], &[0x11, 0, 0, 0, 0]] {
            assert!(checked(section).is_none(), "{section:?}");
        }
    }
}
