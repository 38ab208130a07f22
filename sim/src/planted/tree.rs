//! A copy of the workspace that bugs are planted in.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::bugs::Bug;

/// What a build needs of the workspace.
const PARTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "src",
    "sim",
    "snapshots",
    "runtimes",
    "fuzz",
    "tests",
    "examples",
    "benches",
];

pub(crate) struct Tree {
    original: PathBuf,
    copy: PathBuf,
    build: PathBuf,
}

impl Tree {
    /// Copies the workspace to below its `target`, over what stands there.
    pub(crate) fn new() -> io::Result<Self> {
        let original = workspace();
        let copy = original.join("target/planted/tree");
        let build = original.join("target/planted/build");
        fs::create_dir_all(&copy)?;
        for part in PARTS {
            copy_all(&original.join(part), &copy.join(part))?;
        }
        Ok(Self { original, copy, build })
    }

    /// Plants a bug.
    pub(crate) fn plant(&self, bug: &Bug) -> io::Result<()> {
        for edit in bug.edits {
            let path = self.copy.join(edit.file);
            let text = fs::read_to_string(&path)?;
            if text.matches(edit.from).count() != 1 {
                let words = format!("{} does not fit {}: {}", bug.name, edit.file, edit.from);
                return Err(io::Error::other(words));
            }
            fs::write(path, text.replacen(edit.from, edit.to, 1))?;
        }
        Ok(())
    }

    /// Takes it out again.
    pub(crate) fn weed(&self, bug: &Bug) -> io::Result<()> {
        for edit in bug.edits {
            fs::copy(self.original.join(edit.file), self.copy.join(edit.file))?;
        }
        Ok(())
    }

    /// Runs cargo in the copy, with a target folder of its own.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> io::Result<Output> {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.copy).args(arguments);
        command
            .env("CARGO_TARGET_DIR", &self.build)
            .env("INSTA_UPDATE", "no")
            .env("RUSTFLAGS", "-Awarnings")
            .output()
    }

    /// The simulator that was built last.
    pub(crate) fn simulator(&self) -> PathBuf {
        self.build.join("release/mqtt-engine-sim")
    }
}

pub(crate) fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().map_or_else(|| package.to_owned(), Path::to_owned)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            // What is built within a package is not its source.
            if entry.file_name() != "target" {
                copy_all(&entry.path(), &to.join(entry.file_name()))?;
            }
        }
        return Ok(());
    }
    // An untouched file keeps its time, so that cargo does not build it anew.
    if from.exists() && fs::read(from).ok() != fs::read(to).ok() {
        fs::copy(from, to)?;
    }
    Ok(())
}
