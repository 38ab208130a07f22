//! The packets of the diaries in `snapshots/diaries`.

use std::{fs, io, path::Path};

use mqtt_engine::framing::{Framing, Span};

/// The packets of one flow, by direction.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) from_client: Vec<Vec<u8>>,
    pub(crate) from_server: Vec<Vec<u8>>,
}

/// The conversations of all diaries below a folder; none if it does not exist.
pub(crate) fn conversations(folder: &Path) -> io::Result<Vec<Conversation>> {
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.extend(conversations(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "snap") {
            found.push(conversation(&fs::read_to_string(&path)?));
        }
    }
    Ok(found)
}

fn conversation(diary: &str) -> Conversation {
    let mut conversation = Conversation::default();
    for line in diary.lines() {
        let Some((_, receiver)) = line.split_once(" → ") else { continue };
        let Some(packet) = packet(line) else { continue };
        let is_for_server = receiver.starts_with("server") || receiver.starts_with("broker");
        let list = if is_for_server { &mut conversation.from_client } else { &mut conversation.from_server };
        list.push(packet);
    }
    conversation
}

/// The bytes at the end of a line, if they are a whole packet: of a long one a diary shows the first bytes only.
fn packet(line: &str) -> Option<Vec<u8>> {
    let (_, column) = line.trim_end().rsplit_once("  ")?;
    let bytes: Vec<u8> = column
        .split(' ')
        .map(|word| u8::from_str_radix(word, 16).ok().filter(|_| word.len() == 2))
        .collect::<Option<_>>()?;
    // A PUBLISH is taken out of the input, other packets are left in it.
    let is_whole = match Framing::new(usize::MAX).next(&mut &*bytes) {
        Ok(Some(Span::InPlace(size))) => size == bytes.len(),
        Ok(Some(Span::Assembled(packet))) => packet.len() == bytes.len(),
        // What can't be a packet is worth trying.
        Err(_) => true,
        Ok(Some(Span::Skipped { .. }) | None) => false,
    };
    is_whole.then_some(bytes)
}
