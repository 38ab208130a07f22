//! The bodies of all targets on the inputs that are kept.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use mqtt_engine_fuzz::{TARGETS, Target};

/// What a fuzzer has found to be different from everything else.
const CORPUS: &str = "corpus";
/// What once failed.
const REGRESSIONS: &str = "regressions";

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Runs the inputs of each target; how many there were.
fn replay(kind: &str, targets: &[Target]) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind);
    let mut count = 0;
    for folder in sorted(&folder) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let target = targets.iter().find(|(target, _)| *target == name);
        let (_, body) = target.unwrap_or_else(|| panic!("{} is no target", folder.display()));
        let files = sorted(&folder);
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            eprintln!("{}", file.display());
            body(&fs::read(file).unwrap());
            count += 1;
        }
    }
    count
}

#[test]
fn the_corpus_of_each_target_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS);
    assert_eq!(sorted(&folder).len(), TARGETS.len(), "every target has a corpus");
    println!("{} inputs", replay(CORPUS, &TARGETS));
}

#[test]
fn what_once_failed_passes() {
    println!("{} inputs", replay(REGRESSIONS, &TARGETS));
}
