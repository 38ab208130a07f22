//! Reads citations of normative statements out of Rust sources.
//!
//! A citation is `[MQTT-x.y.z-n]`, or several of them separated by commas or spaces, followed by the version in
//! parentheses: `(3.1.1)`, `(5.0)` or `(both versions)`. It stands in a comment; a number in backquotes is no citation. In code it says "implemented here"; above or
//! inside a test it says "proved by this test".

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::table::Version;

/// One statement, cited at one place.
pub(crate) struct Citation {
    pub(crate) id: String,
    pub(crate) version: Version,
    /// Path below the repository's root.
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The test that the citation belongs to; `None` in code.
    pub(crate) test: Option<String>,
}

/// What the sources say, and what is wrong with how they say it.
#[derive(Default)]
pub(crate) struct Citations {
    pub(crate) found: Vec<Citation>,
    pub(crate) errors: Vec<String>,
}

/// All Rust sources below `root` that may cite: the engine, the runtimes, their tests and those of the simulator.
pub(crate) fn read(root: &Path) -> Citations {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    collect(&root.join("tests"), &mut files);
    collect(&root.join("runtimes"), &mut files);
    // What the simulator is made of judges the engine; only its tests prove something of it.
    collect(&root.join("sim/tests"), &mut files);
    files.sort();
    let mut citations = Citations::default();
    for path in files {
        let file = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if !file.starts_with("tests/statements") {
            read_file(&file, &fs::read_to_string(&path).unwrap(), &mut citations);
        }
    }
    citations
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Comments on lines of their own that follow each other are read as one text.
#[derive(Default)]
struct Block {
    text: String,
    first_line: usize,
}

/// Reads one file line by line and knows which test the line belongs to.
pub(crate) fn read_file(file: &str, text: &str, citations: &mut Citations) {
    let mut is_test = file.split('/').any(|part| part.starts_with("tests") || part.ends_with("tests.rs"));
    let mut block = Block::default();
    // Blocks above attributes and a function, until it is known whether that is a test.
    let mut above: Vec<Block> = Vec::new();
    let mut has_test_attribute = false;
    let mut test: Option<(String, String)> = None;
    for (number, line) in text.lines().enumerate().map(|(place, line)| (place + 1, line)) {
        let trimmed = line.trim_start();
        if let Some(comment) = trimmed.strip_prefix("//") {
            if block.text.is_empty() {
                block.first_line = number;
            }
            block.text.push_str(comment.trim_start_matches(['/', '!']).trim());
            block.text.push(' ');
            continue;
        }
        if !block.text.is_empty() {
            above.push(std::mem::take(&mut block));
        }
        if let Some((_, comment)) = line.split_once(" // ") {
            above.push(Block { text: comment.to_owned(), first_line: number });
        }
        if test.is_none() && trimmed.starts_with("#[") {
            is_test |= trimmed.starts_with("#[cfg(test)]");
            has_test_attribute |= trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test");
            continue;
        }
        if test.is_none()
            && has_test_attribute
            && let Some((_, rest)) = trimmed.split_once("fn ")
        {
            let name = rest.split(['(', '<']).next().unwrap_or_default().to_owned();
            let indent = line[..line.len() - trimmed.len()].to_owned();
            test = Some((name, format!("{indent}}}")));
            has_test_attribute = false;
        }
        let name = test.as_ref().map(|(name, _)| name.as_str());
        for block in above.drain(..) {
            read_block(file, &block, is_test, name, citations);
        }
        if test.as_ref().is_some_and(|(_, end)| line == end) {
            test = None;
        }
    }
    above.push(block);
    for block in above {
        read_block(file, &block, is_test, None, citations);
    }
}

fn read_block(file: &str, block: &Block, is_test: bool, test: Option<&str>, citations: &mut Citations) {
    let line = block.first_line;
    for parsed in parse(&block.text) {
        match parsed {
            Ok((ids, versions)) => {
                if is_test && test.is_none() {
                    citations.errors.push(format!("{file}:{line}: [{}] stands at no test", ids.join("] [")));
                }
                for id in ids {
                    for &version in versions {
                        let test = test.map(str::to_owned);
                        let file = file.to_owned();
                        citations.found.push(Citation { id: id.clone(), version, file, line, test });
                    }
                }
            }
            Err(what) => citations.errors.push(format!("{file}:{line}: {what}")),
        }
    }
}

type Parsed = Result<(Vec<String>, &'static [Version]), String>;

/// The citations of a comment's text.
pub(crate) fn parse(text: &str) -> Vec<Parsed> {
    const VERSIONS: [(&str, &[Version]); 3] = [
        ("(3.1.1)", &[Version::V311]),
        ("(5.0)", &[Version::V50]),
        ("(both versions)", &[Version::V311, Version::V50]),
    ];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(place) = rest.find("MQTT-") {
        let is_bracketed = rest[..place].ends_with('[');
        let is_code = rest[..place].ends_with('`');
        rest = &rest[place..];
        let Some(mut id) = id_at(rest) else {
            rest = &rest["MQTT-".len()..];
            continue;
        };
        let mut ids = Vec::new();
        if is_code {
            // A value of the interface, not a citation.
            rest = &rest[id.len()..];
            continue;
        }
        if !is_bracketed {
            found.push(Err(format!("{id} without brackets")));
            rest = &rest[id.len()..];
            continue;
        }
        loop {
            ids.push(id.to_owned());
            rest = &rest[id.len()..];
            let Some(after) = rest.strip_prefix(']') else { break };
            rest = after.trim_start_matches([' ', ',']);
            let Some(next) = rest.strip_prefix('[').and_then(id_at) else { break };
            id = next;
            rest = &rest[1..];
        }
        found.push(match VERSIONS.iter().find(|(written, _)| rest.starts_with(written)) {
            Some(&(_, versions)) => Ok((ids, versions)),
            None => Err(format!("[{}] without version", ids.join("] ["))),
        });
    }
    found
}

/// The number at the start of `text`, if one is there.
fn id_at(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("MQTT-")?;
    let end = digits.find(|character: char| !(character.is_ascii_digit() || ".-".contains(character)));
    let number = digits[..end.unwrap_or(digits.len())].trim_end_matches(['.', '-']);
    number.starts_with(|first: char| first.is_ascii_digit()).then(|| &text[..5 + number.len()])
}
