//! The invariants of the code map, checked against the sources.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The parts of the engine from the bottom up; each may use those of the rows above its own, and the vocabulary.
const LAYERS: [&[&str]; 5] =
    [&["packet"], &["framing"], &["session"], &["client", "connection"], &["broker"]];

/// Files without tests are at most so long.
const LONGEST_FILE: usize = 600;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The engine's files with their text up to their tests.
fn engine() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| !path.to_string_lossy().contains("tests"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            (path.strip_prefix(&root).unwrap().to_owned(), text[..end].to_owned())
        })
        .collect();
    assert!(files.len() > 30, "found only {}", files.len());
    files
}

/// Code without comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn layer(part: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&part))
}

/// Names that the crate root re-exports from a layer, so that `crate::Client` counts as a use of `client`.
fn root_names() -> Vec<(String, String)> {
    let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut names = Vec::new();
    for statement in root.split("pub use ").skip(1) {
        let (module, list) = statement.split(';').next().unwrap().split_once("::").unwrap();
        for name in list.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| !name.is_empty()) {
            names.push((name.trim_matches(['{', '}']).trim().to_owned(), module.to_owned()));
        }
    }
    names
}

#[test]
fn modules_depend_in_one_direction() {
    let names = root_names();
    assert!(names.iter().any(|(name, module)| name == "Client" && module == "client"));
    let mut wrong = Vec::new();
    for (path, text) in engine() {
        let part = path.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let own = layer(&part);
        if part == "lib" {
            continue;
        }
        let text = code(&text);
        for used in uses_of_crate(&text) {
            let module = names
                .iter()
                .find(|(name, _)| *name == used)
                .map_or_else(|| used.clone(), |(_, module)| module.clone());
            let Some(theirs) = layer(&module) else { continue };
            let do_never_meet = part == "broker" && module == "client";
            let is_allowed = module == part || own.is_some_and(|own| theirs < own) && !do_never_meet;
            // Messages keep a part of their properties as on the wire.
            let is_wire_form = own.is_none() && module == "packet";
            if !is_allowed && !is_wire_form {
                wrong.push(format!("{} uses {used} of {module}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first names of all paths that start at `crate`, those of a `use crate::{…}` included.
fn uses_of_crate(text: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for rest in text.split("crate::").skip(1) {
        if !rest.starts_with('{') {
            uses.push(first_name(rest));
            continue;
        }
        let mut depth = 0;
        let mut is_start = true;
        for (place, character) in rest.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_start = true,
                _ if depth == 1 && is_start && !character.is_whitespace() => {
                    uses.push(first_name(&rest[place..]));
                    is_start = false;
                }
                _ => {}
            }
            if depth == 1 && character == '{' {
                is_start = true;
            }
            if depth == 0 {
                break;
            }
        }
    }
    uses
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn the_engine_has_no_clock_randomness_io_thread_or_unordered_map() {
    const ABSENT: [&str; 12] = [
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "std::thread",
        "std::net",
        "std::fs",
        "println!",
        "static mut",
        "thread_local",
        "unsafe ",
        "rand::",
    ];
    let mut found = Vec::new();
    for (path, text) in engine() {
        for word in ABSENT {
            if code(&text).contains(word) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// A panic on a peer's bytes is a bug; so is one on any other path that is not proven impossible beside it.
#[test]
fn the_engine_unwraps_nothing() {
    let mut found = Vec::new();
    for (path, text) in engine() {
        for (number, line) in code(&text).lines().enumerate() {
            if [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("]
                .iter()
                .any(|word| line.contains(word))
            {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<_> = engine()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
