//! What callgrind counts while this program repeats cases: instructions, and calls of the allocator.
//!
//! One run of this program under callgrind takes all cases of a group in turn. A case is repeated twice, and the second time counts:
//! buffers have grown then. An allocator that counts would slow down those who allocate.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
};

use super::{Case, Repeat};

/// For one unit of the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// Whether valgrind can be run.
pub(super) fn is_there() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What the repetitions of the cases cost: all those of one group, in their order.
///
/// # Errors
///
/// Valgrind has failed, or did not say what it should.
pub(super) fn count(cases: &[Case]) -> io::Result<Vec<Counts>> {
    let Some(Case { group, .. }) = cases.first() else { return Ok(Vec::new()) };
    let folder = Folder::new()?;
    // Only what happens inside of the function is collected, and each call of it gives a file.
    let [collect, dump] =
        &["toggle-collect", "dump-after"].map(|option| format!("--{option}={COUNTED_PART}"));
    run(&folder, &[collect, dump, "--compress-strings=no"], &["count", group])?;
    let counts = cases.iter().enumerate().map(|(index, case)| {
        let part = 2 * index + 2;
        let dump = fs::read_to_string(folder.0.join(format!("out.{part}")))?;
        let units = case.counted as f64 * f64::from(case.units);
        let counts = counts_of(&dump, units);
        counts.ok_or_else(|| io::Error::other(format!("callgrind said nothing about {}", case.name())))
    });
    counts.collect()
}

/// What is done under callgrind: each case of a group, one after the other.
pub(crate) fn repeat_all<'a>(cases: impl Iterator<Item = &'a Case>) {
    for case in cases {
        let mut repeat = case.start();
        // Calls are counted even where nothing is collected: the first file has those of the set-up as well.
        counted_part(&mut repeat, case.counted);
        counted_part(&mut repeat, case.counted);
    }
}

/// Callgrind knows it by this name.
const COUNTED_PART: &str = concat!(module_path!(), "::counted_part");

#[inline(never)]
fn counted_part(repeat: &mut Repeat, times: usize) {
    repeat(times);
}

/// The costliest functions of a case, as `callgrind_annotate` prints them.
///
/// # Errors
///
/// Valgrind can't be run.
pub(crate) fn profile(case: &Case) -> io::Result<String> {
    let folder = Folder::new()?;
    let times = (20 * case.counted).to_string();
    run(&folder, &[], &["repeat", &case.name(), &times])?;
    let file = folder.0.join("out");
    let annotated = Command::new("callgrind_annotate").arg("--threshold=95").arg(&file).output()?;
    Ok(String::from_utf8_lossy(&annotated.stdout).into_owned())
}

/// Runs this program under callgrind.
fn run(folder: &Folder, options: &[&str], arguments: &[&str]) -> io::Result<()> {
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(folder.0.join("out"));
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(out).args(options).arg(env::current_exe()?).args(arguments);
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&stderr).into_owned()))
    }
}

/// Reads a dump: the sum of its instructions, and the calls of the allocator.
fn counts_of(dump: &str, units: f64) -> Option<Counts> {
    const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"];
    let total: f64 = dump.lines().find_map(|line| line.strip_prefix("totals: "))?.parse().ok()?;
    let (mut called, mut allocations) = ("", 0.0);
    for line in dump.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ALLOCATORS.contains(&called)
        {
            allocations += calls.split(' ').next()?.parse::<f64>().ok()?;
        }
    }
    Some(Counts { instructions: total / units, allocations: allocations / units })
}

/// A folder for what callgrind writes, as long as it is needed.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("mqtt-engine-benches-{}", process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays there harms nobody.
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, counts_of};

    #[test]
    fn calls_of_the_allocator_are_found_in_a_dump() {
        let dump = "fn=work\n7 20\ncfn=malloc\ncalls=30 0\n7 900\ncfn=free\ncalls=30 0\n7 300\n\
            fn=other\n9 1\ncfn=realloc\ncalls=10 0\n9 80\n\ntotals: 1500\n";
        let counts = Counts { instructions: 150.0, allocations: 4.0 };
        assert_eq!(counts_of(dump, 10.0), Some(counts));
        assert_eq!(counts_of("fn=work\n", 10.0), None);
    }
}
