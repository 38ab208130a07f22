//! Plants bugs of the kind that MQTT implementations have into a copy of the engine, one at a time, and tells how soon the
//! simulator finds each, and which packet diaries show it.
//!
//! A bug that nobody finds is a failure: of the workload, or of the oracle.

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
    /// Only this bug.
    #[arg(long)]
    bug: Option<String>,
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
    let chosen: Vec<&Bug> =
        BUGS.iter().filter(|bug| options.bug.as_deref().is_none_or(|name| name == bug.name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = BUGS.iter().map(|bug| bug.name).collect();
        return Err(io::Error::other(format!("no such bug; there are: {}", names.join(", "))));
    }
    let tree = Tree::new()?;
    let mut all_found = true;
    println!("| bug | what it does | runs to find it (median of {}) | diaries that change |", options.searches);
    println!("|---|---|---|---|");
    for bug in chosen {
        tree.plant(bug)?;
        let searched = search(&tree, options);
        let diaries = if options.diaries { changed_diaries(&tree) } else { Ok(None) };
        tree.weed(bug)?;
        let (mut searched, diaries) = (searched?, diaries?);
        searched.sort_unstable();
        let median = searched.get(searched.len() / 2).copied().unwrap_or(NOT_FOUND);
        all_found &= median != NOT_FOUND;
        let runs = if median == NOT_FOUND { "not found".to_owned() } else { median.to_string() };
        let diaries = diaries.map_or_else(|| "–".to_owned(), |names| names.join(", "));
        println!("| {} | {} | {runs} | {diaries} |", bug.name, bug.summary);
    }
    Ok(all_found)
}

/// A search that took more runs than it was allowed.
const NOT_FOUND: u64 = u64::MAX;

/// How many runs each search took.
fn search(tree: &Tree, options: &Options) -> io::Result<Vec<u64>> {
    expect_success(&tree.cargo(&["build", "--release", "--quiet", "-p", "mqtt-engine-sim", "--bin", "mqtt-engine-sim"])?)?;
    (0..options.searches).map(|search| first_failure(tree, search * 1_000_000, options.runs)).collect()
}

fn first_failure(tree: &Tree, from: u64, runs: u64) -> io::Result<u64> {
    let seeds = format!("{from}..{}", from + runs);
    let output = Command::new(tree.simulator()).args(["--seeds", &seeds, "--threads", "1", "--first"]).output()?;
    if output.status.success() {
        return Ok(NOT_FOUND);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let seed = text.lines().find_map(|line| line.strip_prefix("first failing seed: ")?.trim().parse::<u64>().ok());
    let seed = seed.ok_or_else(|| io::Error::other(format!("the simulator failed without a seed:\n{text}")))?;
    Ok(seed - from + 1)
}

/// The names of the diaries that are not what they were.
fn changed_diaries(tree: &Tree) -> io::Result<Option<Vec<String>>> {
    let output = tree.cargo(&["test", "--quiet", "-p", "mqtt-engine-diary", "--test", "diaries", "--", "--format=terse"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failures = text.rsplit("failures:\n").next().unwrap_or_default();
    let names = failures.lines().take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned());
    Ok(Some(if output.status.success() { Vec::new() } else { names.collect() }))
}

fn expect_success(output: &Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("the planted engine does not build:\n{}", String::from_utf8_lossy(&output.stderr))))
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
