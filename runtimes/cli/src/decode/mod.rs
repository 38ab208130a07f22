//! `mqtt decode`.

mod explain;
mod input;
mod output;

use std::io::{self, Write};

use crate::{failure::Failure, options::DecodeOptions};
use explain::Conversation;

pub(crate) use explain::Direction;

/// The exit code when a packet was bad.
const BAD: u8 = 1;

pub(crate) fn run(options: &DecodeOptions) -> Result<u8, Failure> {
    let pieces = input::read(options)?;
    let mut conversation = Conversation::new(options.version);
    let mut explanations = Vec::new();
    for piece in pieces {
        conversation.receive(piece, &mut explanations);
    }
    conversation.finish(&mut explanations);
    if explanations.is_empty() {
        return Err(Failure::new("there are no bytes to decode")
            .advice("give them in hexadecimal: mqtt decode 20 02 00 00"));
    }
    let mut out = String::new();
    for explanation in &explanations {
        out += &if options.json { output::json(explanation) } else { output::text(explanation) };
    }
    match io::stdout().lock().write_all(out.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::new(format!("standard output can't be written: {error}")));
        }
        Ok(()) | Err(_) => {}
    }
    Ok(if explanations.iter().any(|explanation| explanation.fault.is_some()) { BAD } else { 0 })
}
