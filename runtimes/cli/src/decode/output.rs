//! Explanations as text and as JSON.

use core::fmt::Write;

use mqtt_engine::packet::ProtocolVersion;
use serde_json::json;

use super::explain::{Explanation, Trouble};

/// How many bytes stand in one line; of more, the first and the last are shown.
const BYTES: usize = 8;

pub(super) fn text(explanation: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_text(explanation, &mut out);
    out
}

fn write_text(explanation: &Explanation, out: &mut String) -> core::fmt::Result {
    if let Some(direction) = explanation.direction {
        write!(out, "{direction} ")?;
    }
    match explanation.packet_type {
        Some(packet_type) => write!(out, "{packet_type}")?,
        None => write!(out, "no packet")?,
    }
    let size = explanation.bytes.len();
    let plural = if size == 1 { "" } else { "s" };
    write!(out, ", {size} byte{plural} at {}, {}", explanation.offset, name_of(explanation.version))?;
    writeln!(out, "{}", if explanation.version_is_guessed { " (guessed; -V tells)" } else { "" })?;
    let mut shown = None;
    for field in &explanation.fields {
        let bytes = if shown.as_ref() == Some(&field.range) {
            String::new()
        } else {
            hexadecimal(explanation.bytes.get(field.range.clone()).unwrap_or_default())
        };
        let place = place(field.range.start, field.range.end);
        writeln!(out, "  {place:<9} {bytes:<26} {} = {}", field.name, field.words)?;
        shown = Some(field.range.clone());
    }
    match (&explanation.words, &explanation.fault) {
        (Some(words), None) => writeln!(out, "  {words}")?,
        (_, Some(trouble)) => {
            let rest = explanation.bytes.get(trouble.offset..).unwrap_or_default();
            writeln!(
                out,
                "  BAD at byte {} ({}): {}: {}",
                trouble.offset,
                hexadecimal(rest),
                trouble.field,
                trouble.words
            )?;
            writeln!(out, "  {}", consequence(trouble))?;
        }
        (None, None) => {}
    }
    writeln!(out)
}

/// What the receiver has to make of it.
fn consequence(trouble: &Trouble) -> String {
    let mut line = format!("reason code: {}", trouble.reason);
    for (version, statement) in &trouble.statements {
        let _ = write!(line, "; violates [{statement}] of {}", name_of(*version));
    }
    line
}

/// One object and a line's end.
pub(super) fn json(explanation: &Explanation) -> String {
    let fields: Vec<_> = explanation
        .fields
        .iter()
        .map(|field| json!({"from": field.range.start, "to": field.range.end, "name": field.name, "value": field.value}))
        .collect();
    let bad = explanation.fault.as_ref().map(|trouble| {
        let statements: serde_json::Map<_, _> = trouble
            .statements
            .iter()
            .map(|(version, statement)| (String::from(number_of(*version)), json!(statement)))
            .collect();
        json!({
            "offset": trouble.offset,
            "field": trouble.field,
            "fault": trouble.words,
            "reason_code": trouble.reason.as_u8(),
            "reason": trouble.reason.words(),
            "statements": statements,
        })
    });
    let object = json!({
        "offset": explanation.offset,
        "size": explanation.bytes.len(),
        "direction": explanation.direction.map(|direction| direction.to_string()),
        "version": number_of(explanation.version),
        "type": explanation.packet_type.map(|packet_type| packet_type.to_string()),
        "words": explanation.words,
        "fields": fields,
        "bad": bad,
        "hex": explanation.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    });
    format!("{object}\n")
}

fn place(start: usize, end: usize) -> String {
    if end > start + 1 { format!("{start}..{}", end - 1) } else { start.to_string() }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let words = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
    match (bytes.first_chunk::<{ BYTES - 2 }>(), bytes.last()) {
        (Some(first), Some(last)) if bytes.len() > BYTES => format!("{} .. {last:02X}", words(first)),
        _ => words(bytes),
    }
}

const fn name_of(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::V3_1 => "MQTT 3.1",
        ProtocolVersion::V3_1_1 => "MQTT 3.1.1",
        _ => "MQTT 5.0",
    }
}

const fn number_of(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::V3_1 => "3.1",
        ProtocolVersion::V3_1_1 => "3.1.1",
        _ => "5.0",
    }
}
