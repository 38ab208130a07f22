//! Where and with what was measured.

use std::{fs, process::Command, thread};

const LOCK: &str = include_str!("../../Cargo.lock");

/// One sentence about the machine, the compiler and the versions of these packages.
pub(crate) fn facts(packages: &[&str]) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let model = model().unwrap_or_else(|| "an unknown processor".to_owned());
    let compiler = compiler().unwrap_or_else(|| "an unknown rustc".to_owned());
    let versions: Vec<String> =
        packages.iter().filter_map(|name| Some(format!("{name} {}", version(LOCK, name)?))).collect();
    let measured = format!("Measured on {cores} × {model} with {compiler}, release profile.");
    if versions.is_empty() { measured } else { format!("{measured} {}.", versions.join(", ")) }
}

fn model() -> Option<String> {
    let known = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = known.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Its first two words: name and version.
fn compiler() -> Option<String> {
    let said = Command::new("rustc").arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    Some(said.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// The version of a package in a lock file.
fn version(lock: &str, package: &str) -> Option<String> {
    let entry = lock.split_once(&format!("name = \"{package}\"\n"))?.1;
    let version = entry.lines().next()?.strip_prefix("version = ")?;
    Some(version.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LOCK, version};

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.2\"\n\n[[package]]\nname = \"a\"\nversion = \"0.3.4\"\n";
        assert_eq!(version(lock, "a").as_deref(), Some("0.3.4"));
        assert_eq!(version(lock, "c"), None);
        assert!(version(LOCK, "bytes").is_some_and(|version| version.starts_with("1.")));
    }
}
