//! The table of all numbered statements: what each says, where it is implemented, which tests prove it.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use super::citations::{self, Citations};

/// A version of the specification; the same number means different things in the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V311,
    V50,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::V311, Self::V50];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V311 => "3.1.1",
            Self::V50 => "5.0",
        }
    }
}

/// One statement with all that is known of it.
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) id: String,
    pub(crate) section: String,
    pub(crate) summary: String,
    /// Which part it can be tested at, `transport` for those that say nothing of packets or state.
    pub(crate) testable: String,
    /// Modules.
    pub(crate) implemented: BTreeSet<String>,
    /// File and name.
    pub(crate) tests: BTreeSet<(String, String)>,
    /// Why there is no test.
    pub(crate) reason: Option<String>,
}

impl Row {
    /// Whether a test of packets or state can show it.
    pub(crate) fn is_testable(&self) -> bool {
        self.testable != "transport"
    }
}

/// All statements of both versions, in the order of the lists.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) errors: Vec<String>,
}

/// Reads the lists, the reasons and all sources below the repository's root.
pub(crate) fn read(root: &Path) -> Table {
    let lists = root.join("tests/statements");
    let mut rows = Vec::new();
    for version in Version::ALL {
        for fields in tsv(&lists.join(format!("{}.tsv", version.name())), 5) {
            let [id, section, _who, summary, testable] = <[String; 5]>::try_from(fields).unwrap();
            let (implemented, tests) = (BTreeSet::new(), BTreeSet::new());
            rows.push(Row { version, id, section, summary, testable, implemented, tests, reason: None });
        }
    }
    let mut table = Table { rows, errors: Vec::new() };
    for fields in tsv(&lists.join("reasons.tsv"), 3) {
        let [version, id, reason] = <[String; 3]>::try_from(fields).unwrap();
        match table.rows.iter_mut().find(|row| row.version.name() == version && row.id == id) {
            Some(row) if row.reason.is_none() && !reason.is_empty() => row.reason = Some(reason),
            _ => {
                table.errors.push(format!("reasons.tsv: {id} ({version}) is unknown, twice there, or empty"))
            }
        }
    }
    table.add(citations::read(root));
    table
}

fn tsv(path: &Path, columns: usize) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    rows.inspect(|row| assert_eq!(row.len(), columns, "{}: {row:?}", path.display())).collect()
}

impl Table {
    fn add(&mut self, citations: Citations) {
        self.errors.extend(citations.errors);
        for citation in citations.found {
            let row =
                self.rows.iter_mut().find(|row| row.version == citation.version && row.id == citation.id);
            let Some(row) = row else {
                self.errors.push(format!(
                    "{}:{}: version {} has no statement {}",
                    citation.file,
                    citation.line,
                    citation.version.name(),
                    citation.id
                ));
                continue;
            };
            match citation.test {
                Some(test) => _ = row.tests.insert((citation.file, test)),
                None => _ = row.implemented.insert(module(&citation.file)),
            }
        }
    }

    /// What is wrong with each statement.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.errors.clone();
        for row in &self.rows {
            let name = format!("{} ({})", row.id, row.version.name());
            match (&row.reason, row.tests.is_empty()) {
                (None, true) => {
                    faults.push(format!("{name} has neither a test nor a reason: {}", row.summary))
                }
                (Some(_), false) => faults.push(format!("{name} has a test, so its reason is stale")),
                (Some(_), true) => {}
                (None, false) if row.implemented.is_empty() => {
                    faults.push(format!("{name} is cited nowhere in the code: {}", row.summary));
                }
                (None, false) => {}
            }
        }
        faults
    }

    /// Counts, a line for each version.
    pub(crate) fn totals(&self) -> String {
        let mut text = String::new();
        for version in Version::ALL {
            let rows = || self.rows.iter().filter(move |row| row.version == version);
            writeln!(
                text,
                "MQTT {}: {} statements ({} testable), {} cited in code, {} proved by {} tests, {} without a test for a reason",
                version.name(),
                rows().count(),
                rows().filter(|row| row.is_testable()).count(),
                rows().filter(|row| !row.implemented.is_empty()).count(),
                rows().filter(|row| !row.tests.is_empty()).count(),
                rows().flat_map(|row| &row.tests).collect::<BTreeSet<_>>().len(),
                rows().filter(|row| row.reason.is_some()).count(),
            )
            .unwrap();
        }
        text
    }

    /// For a terminal.
    pub(crate) fn plain(&self, only: Option<Version>) -> String {
        let mut text = String::new();
        for row in self.rows.iter().filter(|row| only.is_none_or(|version| version == row.version)) {
            writeln!(text, "{} ({})  {}", row.id, row.version.name(), row.summary).unwrap();
            for module in &row.implemented {
                writeln!(text, "    code  {module}").unwrap();
            }
            for (file, name) in &row.tests {
                writeln!(text, "    test  {file}  {name}").unwrap();
            }
            if let Some(reason) = &row.reason {
                writeln!(text, "    no test: {reason}").unwrap();
            }
        }
        text
    }

    /// For the documentation: no line numbers, so that it changes only when a citation does.
    pub(crate) fn markdown(&self, only: Option<Version>) -> String {
        let mut text = String::from(
            "Every numbered normative statement of both specifications: what it says in our own words, the modules that\n\
             fulfil it and the tests that fail when it is broken.\n",
        );
        for version in Version::ALL.into_iter().filter(|version| only.is_none_or(|only| only == *version)) {
            write!(text, "\n# MQTT {}\n", version.name()).unwrap();
            let mut section = "";
            for row in self.rows.iter().filter(|row| row.version == version) {
                if section != chapter(&row.id) {
                    section = chapter(&row.id);
                    let rows = self.rows.iter().filter(|row| row.version == version);
                    let mut names: Vec<_> = rows
                        .filter(|row| chapter(&row.id) == section)
                        .map(|row| row.section.as_str())
                        .collect();
                    names.dedup();
                    write!(text, "\n## {section} {}\n\n", names.join(", ")).unwrap();
                    text.push_str("| statement | what it says | code | tests |\n|---|---|---|---|\n");
                }
                writeln!(
                    text,
                    "| {} | {} | {} | {} |",
                    row.id,
                    row.summary.replace('|', "\\|").replace('<', "\\<").replace('*', "\\*"),
                    row.implemented.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" "),
                    tests_cell(row),
                )
                .unwrap();
            }
        }
        text
    }
}

fn tests_cell(row: &Row) -> String {
    if let Some(reason) = &row.reason {
        return format!("none: {reason}");
    }
    let mut cell = String::new();
    let mut last = "";
    for (file, name) in &row.tests {
        if last != file {
            write!(cell, "{}{file}: ", if last.is_empty() { "" } else { "; " }).unwrap();
        } else {
            cell.push_str(", ");
        }
        last = file;
        write!(cell, "`{name}`").unwrap();
    }
    cell
}

/// `MQTT-3.1.2-24` is of `3.1.2`.
fn chapter(id: &str) -> &str {
    id.trim_start_matches("MQTT-").split('-').next().unwrap_or_default()
}

/// `src/packet/mod.rs` is `packet`, `runtimes/tokio/src/io.rs` is `tokio::io`.
fn module(file: &str) -> String {
    let path = file.trim_start_matches("runtimes/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.replace("/src/", "/").trim_start_matches("src/").replace('/', "::")
}
