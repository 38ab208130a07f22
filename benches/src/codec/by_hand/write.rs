//! Writing: what can't be sent is refused, the size is known before.

use mqtt_engine::{QoS, packet::ProtocolVersion};

use super::read::{is_text, is_topic};
use crate::codec::sample::{Extras, Greeting, Message};

/// The first bytes of acknowledgements.
pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREC: u8 = 0x50;
pub(crate) const PUBREL: u8 = 0x62;
pub(crate) const PUBCOMP: u8 = 0x70;

/// A PUBLISH without properties.
pub(crate) fn plain_publish(
    topic: &str,
    payload: &[u8],
    qos: QoS,
    packet_id: Option<u16>,
    version: ProtocolVersion,
    out: &mut Vec<u8>,
) -> Option<()> {
    head((topic, payload), qos, packet_id, if version == ProtocolVersion::V5 { 1 } else { 0 }, out)?;
    if version == ProtocolVersion::V5 {
        out.push(0);
    }
    out.extend_from_slice(payload);
    Some(())
}

pub(super) fn publish(message: &Message, version: ProtocolVersion, out: &mut Vec<u8>) -> Option<()> {
    let Message { topic, payload, packet_id, properties } = message;
    let qos = if packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let Some(extras) = properties else {
        return plain_publish(topic, payload, qos, *packet_id, version, out);
    };
    let section = size_of(extras)?;
    head((topic, payload), qos, *packet_id, variable_size(section) + section, out)?;
    variable(section, out);
    write(extras, out)?;
    out.extend_from_slice(payload);
    Some(())
}

pub(crate) fn ack(first: u8, packet_id: u16, out: &mut Vec<u8>) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

pub(super) fn connect(greeting: &Greeting, out: &mut Vec<u8>) -> Option<()> {
    let Greeting { client_id, keep_alive, will_topic, will_payload, user_name, password } = greeting;
    let are_texts = is_text(client_id.as_bytes()) && is_text(user_name.as_bytes());
    if !are_texts || will_topic.is_empty() || !is_topic(will_topic.as_bytes()) {
        return None;
    }
    let parts = [client_id.as_bytes(), will_topic.as_bytes(), will_payload, user_name.as_bytes(), password];
    let remaining = 10 + parts.iter().map(|part| 2 + part.len()).sum::<usize>();
    header(0x10, remaining, out)?;
    out.extend_from_slice(&[0, 4, b'M', b'Q', b'T', b'T', 4, 0b1110_1110]);
    out.extend_from_slice(&keep_alive.to_be_bytes());
    parts.iter().try_for_each(|part| binary(part, out))
}

/// All that stands before the properties.
fn head(
    (topic, payload): (&str, &[u8]),
    qos: QoS,
    packet_id: Option<u16>,
    properties: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    if topic.is_empty() || !is_topic(topic.as_bytes()) {
        return None;
    }
    let id_size = if packet_id.is_some() { 2 } else { 0 };
    let remaining = 2 + topic.len() + id_size + properties + payload.len();
    header(0x30 | (qos as u8) << 1, remaining, out)?;
    binary(topic.as_bytes(), out)?;
    if let Some(id) = packet_id {
        out.extend_from_slice(&id.to_be_bytes());
    }
    Some(())
}

/// The size of the properties, if they can be sent.
fn size_of(extras: &Extras) -> Option<usize> {
    let Extras { content_type, response_topic, user: (name, value), .. } = extras;
    let are_texts = [content_type, name, value].iter().all(|text| is_text(text.as_bytes()));
    let is_right = are_texts && !response_topic.is_empty() && is_topic(response_topic.as_bytes());
    let texts = content_type.len() + response_topic.len() + name.len() + value.len();
    is_right.then_some(2 + 5 + 3 + 3 + 5 + texts)
}

fn write(extras: &Extras, out: &mut Vec<u8>) -> Option<()> {
    let Extras { is_text, expiry, content_type, response_topic, user: (name, value) } = extras;
    out.extend_from_slice(&[0x01, u8::from(*is_text), 0x02]);
    out.extend_from_slice(&expiry.to_be_bytes());
    out.push(0x03);
    binary(content_type.as_bytes(), out)?;
    out.push(0x08);
    binary(response_topic.as_bytes(), out)?;
    out.push(0x26);
    binary(name.as_bytes(), out)?;
    binary(value.as_bytes(), out)
}

/// The fixed header, and room for all of the packet.
pub(crate) fn header(first: u8, remaining: usize, out: &mut Vec<u8>) -> Option<()> {
    if remaining > 268_435_455 {
        return None;
    }
    out.reserve(5 + remaining);
    out.push(first);
    variable(remaining, out);
    Some(())
}

fn variable(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn variable_size(value: usize) -> usize {
    let limits = [0x80, 0x4000, 0x20_0000];
    1 + limits.iter().filter(|limit| value >= **limit).count()
}

fn binary(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend_from_slice(bytes);
    Some(())
}
