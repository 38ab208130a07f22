//! Every numbered normative statement of both specifications is accounted for: by a test and the code that it proves, or by
//! a written reason (`tests/statements/reasons.tsv`) for having no test.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test says what went wrong by panicking"
)]

use std::{fs, path::Path};

#[path = "statements/citations.rs"]
mod citations;
#[path = "statements/table.rs"]
#[allow(dead_code, reason = "the form for a terminal is the example's")]
mod table;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_statement_is_cited_and_proved_or_has_a_reason() {
    let table = table::read(root());
    print!("{}", table.totals());
    let counts =
        table::Version::ALL.map(|version| table.rows.iter().filter(|row| row.version == version).count());
    assert_eq!(counts, [141, 251]);
    let faults = table.faults();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Reasons are for what the engine can't show; they must not grow into a way around writing a test.
#[test]
fn nearly_all_testable_statements_have_a_test() {
    let table = table::read(root());
    let testable: Vec<_> = table.rows.iter().filter(|row| row.is_testable()).collect();
    let tested = testable.iter().filter(|row| !row.tests.is_empty()).count();
    assert!(tested * 100 >= testable.len() * 95, "{tested} of {}", testable.len());
}

#[test]
fn the_readable_version_is_current() {
    let current = table::read(root()).markdown(None);
    let written = fs::read_to_string(root().join("src/statements.md")).unwrap();
    assert!(
        current == written,
        "src/statements.md is not current; run\n    \
         cargo run -p mqtt-engine --example statements -- --markdown > src/statements.md"
    );
}

/// The codec names the statement that a packet violates: the first number is of 3.1.1, the second of 5.0.
#[test]
fn the_statements_that_faults_name_exist() {
    let table = table::read(root());
    let faults = fs::read_to_string(root().join("src/packet/fault.rs")).unwrap();
    let mut count = 0;
    for line in faults.lines() {
        let Some((_, pair)) = line.split_once("=> (\"") else { continue };
        let numbers: Vec<_> = pair.split('"').step_by(2).collect();
        for (version, id) in table::Version::ALL.into_iter().zip(numbers).filter(|(_, id)| !id.is_empty()) {
            assert!(table.rows.iter().any(|row| row.version == version && row.id == id), "{line}");
            count += 1;
        }
    }
    assert!(count > 50, "found only {count}");
}

#[test]
fn the_grammar_of_citations() {
    use table::Version::{V50, V311};
    let read = |text: &str| {
        let parsed = citations::parse(text);
        parsed
            .into_iter()
            .map(|one| one.map(|(ids, versions)| (ids.join(" "), versions.to_vec())))
            .collect::<Vec<_>>()
    };
    let ok = |ids: &str, versions: &[table::Version]| Ok((ids.to_owned(), versions.to_vec()));
    assert_eq!(read("why [MQTT-1.2.3-4] (5.0)."), [ok("MQTT-1.2.3-4", &[V50])]);
    assert_eq!(
        read("([MQTT-1.2.3-4], [MQTT-1.2.3-15] (3.1.1) and [MQTT-2.2.3-4] [MQTT-7.0.0-1] (both versions))"),
        [ok("MQTT-1.2.3-4 MQTT-1.2.3-15", &[V311]), ok("MQTT-2.2.3-4 MQTT-7.0.0-1", &[V311, V50])]
    );
    for wrong in [
        "[MQTT-1.2.3-4]",
        "[MQTT-1.2.3-4] in 5.0",
        "[MQTT-1.2.3-4](5.0",
        "[MQTT-1.2.3-4] (5)",
        "MQTT-1.2.3-4",
    ] {
        assert!(matches!(read(wrong)[..], [Err(_)]), "{wrong}");
    }
}

#[test]
fn citations_belong_to_code_or_to_a_test() {
    let text = "\
/// [MQTT-1.1.1-1]
/// (5.0): a helper.
fn helper() {}

/// [MQTT-1.1.1-2] (5.0)
#[test]
fn first() {
    // [MQTT-1.1.1-3] (5.0)
    let a = 1; // [MQTT-1.1.1-4] (5.0)
}

fn other() {} // [MQTT-1.1.1-5] (5.0)
";
    let read = |file: &str| {
        let mut read = citations::Citations::default();
        citations::read_file(file, text, &mut read);
        let tests: Vec<_> =
            read.found.into_iter().map(|citation| citation.test.unwrap_or_default()).collect();
        (tests, read.errors)
    };
    let tests = ["", "first", "first", "first", ""].map(str::to_owned).to_vec();
    assert_eq!(read("src/a.rs"), (tests.clone(), Vec::new()));
    let errors = ["tests/a.rs:1: [MQTT-1.1.1-1]", "tests/a.rs:12: [MQTT-1.1.1-5]"];
    let errors = errors.map(|error| format!("{error} stands at no test")).to_vec();
    assert_eq!(read("tests/a.rs"), (tests, errors));
}
