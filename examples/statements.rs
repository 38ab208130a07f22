//! Prints the table of all numbered normative statements: what each says, where it is implemented, which tests prove it.
//!
//! ```sh
//! cargo run -p mqtt-engine --example statements                       # for a terminal
//! cargo run -p mqtt-engine --example statements -- --version 3.1.1    # or 5.0: of one version only
//! cargo run -p mqtt-engine --example statements -- --markdown > src/statements.md
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a tool of this repository; it stops where a file is missing"
)]

use std::{env, io::Write as _, path::Path, process::ExitCode};

#[path = "../tests/statements/citations.rs"]
mod citations;
#[path = "../tests/statements/table.rs"]
mod table;

fn main() -> ExitCode {
    let mut only = None;
    let mut is_markdown = false;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--markdown" => is_markdown = true,
            "--version" => {
                let name = arguments.next().unwrap_or_default();
                only = table::Version::ALL.into_iter().find(|version| version.name() == name);
                if only.is_none() {
                    eprintln!("--version is 3.1.1 or 5.0, not {name:?}");
                    return ExitCode::from(2);
                }
            }
            _ => {
                eprintln!("unknown option {argument:?}; there are --version 3.1.1|5.0 and --markdown");
                return ExitCode::from(2);
            }
        }
    }
    let table = table::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    let text = if is_markdown { table.markdown(only) } else { table.plain(only) };
    // A reader that stops early, as `head` does, is no fault.
    _ = std::io::stdout().write_all(text.as_bytes());
    let faults = table.faults();
    eprint!("{}", table.totals());
    if !faults.is_empty() {
        eprintln!("{} faults; cargo test --test statements lists them", faults.len());
    }
    ExitCode::SUCCESS
}
