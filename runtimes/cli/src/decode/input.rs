//! Where the bytes to decode come from.

use std::io::{self, Read};

use super::explain::{Direction, Piece};
use crate::{failure::Failure, options::DecodeOptions};

/// The most that is read; more than any one packet.
const MOST: u64 = 512 << 20;

pub(super) fn read(options: &DecodeOptions) -> Result<Vec<Piece>, Failure> {
    if options.raw {
        return Ok(vec![Piece { direction: None, bytes: standard_input()? }]);
    }
    if options.hex.is_empty() || options.hex.iter().any(|word| word == "-") {
        if options.hex.len() > 1 {
            return Err(Failure::new(
                "`-` (standard input) can't be combined with packets on the command line",
            ));
        }
        let content = standard_input()?;
        let text = core::str::from_utf8(&content).map_err(|_| {
            Failure::new("standard input is not text")
                .advice("if it is the packets' bytes themselves, add --raw")
        })?;
        return lines(text);
    }
    let bytes = hexadecimal(&options.hex.join(" "), "")?;
    Ok(vec![Piece { direction: None, bytes }])
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    io::stdin()
        .lock()
        .take(MOST + 1)
        .read_to_end(&mut content)
        .map_err(|error| Failure::new(format!("standard input can't be read: {error}")))?;
    if content.len() as u64 > MOST {
        return Err(Failure::new("standard input is longer than 512 MiB").advice("decode it in parts"));
    }
    Ok(content)
}

fn lines(text: &str) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (direction, digits) = if let Some(rest) = line.strip_prefix("c>s") {
            (Some(Direction::ToServer), rest)
        } else if let Some(rest) = line.strip_prefix("s>c") {
            (Some(Direction::ToClient), rest)
        } else {
            (None, line)
        };
        let bytes = hexadecimal(digits, &format!("line {}, ", number + 1))?;
        if !bytes.is_empty() {
            pieces.push(Piece { direction, bytes });
        }
    }
    Ok(pieces)
}

/// Two digits a byte; spaces and the usual separators between bytes, `0x` before them.
fn hexadecimal(text: &str, place: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | ';' | '-')) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        if let Some(wrong) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(Failure::new(format!("{place}{word:?}: {wrong:?} is not a hexadecimal digit"))
                .advice("give bytes as two digits each (20 02 00 00 or 20020000); the bytes themselves need --raw"));
        }
        if digits.len() % 2 != 0 {
            return Err(Failure::new(format!("{place}{word:?}: an odd number of digits"))
                .advice("each byte has two digits: 0a, not a"));
        }
        bytes.extend(digits.as_bytes().chunks_exact(2).filter_map(|pair| {
            core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        }));
    }
    Ok(bytes)
}
