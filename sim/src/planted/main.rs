//! Plants bugs of the kind that MQTT implementations have into a copy of the engine, one at a time, and tells how soon the
//! simulator finds each, and which packet diaries show it.
//!
//! A bug that nobody finds is a failure: of the workload, or of the oracle.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a tool of this workspace for hosts with std"
)]

mod bugs;
mod tree;

use std::{
    io,
    process::{Command, ExitCode, Output},
};

use clap::Parser;

use crate::{
    bugs::{BUGS, Bug},
    tree::Tree,
};

/// Plants bugs into a copy of the engine and sees who finds them.
#[derive(Debug, Parser)]
#[command(name = "planted")]
struct Options {
    /// Only this bug; may be given several times.
    #[arg(long)]
    bug: Vec<String>,
    /// How many runs of each search are allowed to miss it.
    #[arg(long, default_value_t = 20_000)]
    runs: u64,
    /// How many searches, each with other seeds; the table has their median.
    #[arg(long, default_value_t = 5)]
    searches: u64,
    /// Also which packet diaries change.
    #[arg(long)]
    diaries: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("planted: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every bug was found.
fn run(options: &Options) -> io::Result<bool> {
    let chosen: Vec<&Bug> = BUGS
        .iter()
        .filter(|bug| options.bug.is_empty() || options.bug.iter().any(|name| name == bug.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = BUGS.iter().map(|bug| bug.name).collect();
        return Err(io::Error::other(format!("no such bug; there are: {}", names.join(", "))));
    }
    let tree = Tree::new()?;
    let mut all_found = true;
    let mut by_bug = Vec::new();
    println!(
        "| bug | what it does | runs to find it, median of {} | found as | diaries that change |",
        options.searches
    );
    println!("|---|---|---|---|---|");
    for bug in chosen {
        tree.plant(bug)?;
        let found = search(&tree, options);
        let diaries = if options.diaries { changed_diaries(&tree) } else { Ok(Vec::new()) };
        tree.weed(bug)?;
        let (found, diaries) = (found?, diaries?);
        let median = found.get(found.len() / 2).and_then(Option::as_ref);
        all_found &= median.is_some();
        let runs = median.map_or_else(|| "not found".to_owned(), |found| found.runs.to_string());
        let words = median.map_or("", |found| found.words.as_str());
        let changed = if options.diaries { diaries.len().to_string() } else { "not looked at".to_owned() };
        println!("| {} | {} | {runs} | {words} | {changed} |", bug.name, bug.summary);
        by_bug.push((bug.name, diaries));
    }
    for (name, diaries) in by_bug.iter().filter(|(_, diaries)| !diaries.is_empty()) {
        println!("\n{name} changes:\n  {}", diaries.join("\n  "));
    }
    Ok(all_found)
}

/// How a search ended.
struct Found {
    /// The seed was so many runs from where it began.
    runs: u64,
    /// What the oracle said.
    words: String,
}

/// Searches from several seeds on; the soonest first, and those that found nothing last.
fn search(tree: &Tree, options: &Options) -> io::Result<Vec<Option<Found>>> {
    let build = ["build", "--release", "--quiet", "-p", "mqtt-engine-sim", "--bin", "mqtt-engine-sim"];
    expect_success(&tree.cargo(&build)?)?;
    let searches = (0..options.searches).map(|search| first_failure(tree, search * 1_000_000, options.runs));
    let mut found = searches.collect::<io::Result<Vec<_>>>()?;
    found.sort_by_key(|found| found.as_ref().map_or(u64::MAX, |found| found.runs));
    Ok(found)
}

fn first_failure(tree: &Tree, from: u64, runs: u64) -> io::Result<Option<Found>> {
    let seeds = format!("{from}..{}", from + runs);
    let output =
        Command::new(tree.simulator()).args(["--seeds", &seeds, "--threads", "1", "--first"]).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().skip_while(|line| !line.starts_with(FIRST));
    let seed = lines.next().and_then(|line| line.strip_prefix(FIRST)?.trim().parse::<u64>().ok());
    let seed =
        seed.ok_or_else(|| io::Error::other(format!("the simulator failed without a seed:\n{text}")))?;
    Ok(Some(Found { runs: seed - from + 1, words: rule(lines.next().unwrap_or_default()) }))
}

/// The rule that was broken: what stands first, or, of a packet, the name at the end.
fn rule(violation: &str) -> String {
    let first = violation.split(": ").next().unwrap_or_default();
    let last = violation.strip_suffix(')').and_then(|text| text.rsplit_once('(')).map(|(_, name)| name);
    let words = if first == "packets" {
        last.map_or_else(|| first.to_owned(), |name| format!("packets: {name}"))
    } else {
        first.to_owned()
    };
    words.replace('|', "/")
}

const FIRST: &str = "first failing seed:";

/// The names of the diaries that are not what they were.
fn changed_diaries(tree: &Tree) -> io::Result<Vec<String>> {
    let test = ["test", "--quiet", "-p", "mqtt-engine-diary", "--test", "diaries", "--no-fail-fast"];
    let output = tree.cargo(&test)?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(Vec::new());
    }
    let Some((_, failures)) = text.rsplit_once("failures:\n") else {
        return Err(io::Error::other(format!(
            "the diaries can't be played:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )));
    };
    Ok(failures.lines().take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect())
}

fn expect_success(output: &Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the planted engine does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    )))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A bug that does not fit the source any more is planted nowhere, and found by nobody.
    #[test]
    fn every_bug_fits_the_source() {
        for bug in BUGS {
            for edit in bug.edits {
                let text = fs::read_to_string(tree::workspace().join(edit.file)).unwrap();
                assert_eq!(text.matches(edit.from).count(), 1, "{}: {}", bug.name, edit.from);
                assert_ne!(edit.from, edit.to, "{}", bug.name);
            }
        }
    }
}
