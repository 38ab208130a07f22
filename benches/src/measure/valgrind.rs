//! What callgrind counts while this program repeats cases: instructions, and calls of the allocator.
//!
//! One run of this program under callgrind takes all cases of a group in turn. A case is repeated twice, and the second time counts:
//! buffers have grown then. An allocator that counts would slow down those who allocate.

use std::{
    collections::BTreeMap,
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

/// Repeats a case, of which callgrind counts nothing but that.
pub(crate) fn repeat(case: &Case, times: usize) {
    let mut repeat = case.start();
    counted_part(&mut repeat, times);
}

/// The costliest functions of a case: instructions for one unit, without those of the functions that they call.
///
/// # Errors
///
/// Valgrind can't be run, or `callgrind_annotate`.
pub(crate) fn profile(case: &Case) -> io::Result<String> {
    const SHOWN: usize = 40;
    let folder = Folder::new()?;
    let collect = format!("--toggle-collect={COUNTED_PART}");
    run(&folder, &[&collect], &["repeat", &case.name(), &case.counted.to_string()])?;
    let annotated = Command::new("callgrind_annotate")
        .args(["--auto=no", "--threshold=100"])
        .arg(folder.0.join("out"))
        .output()?;
    let units = case.counted as f64 * f64::from(case.units);
    let functions = by_function(&String::from_utf8_lossy(&annotated.stdout));
    let line = |(name, sum): &(String, f64)| format!("{:>10.1}  {name}\n", sum / units);
    Ok(functions.iter().take(SHOWN).map(line).collect())
}

/// Sums up what `callgrind_annotate` says of each file of a function (`120 ( 3.00%)  file:function [object]`), costliest first.
fn by_function(annotated: &str) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for line in annotated.lines() {
        let Some((count, rest)) = line.trim_start().split_once(" (") else { continue };
        let Some((_, place)) = rest.split_once("%)  ") else { continue };
        let Some((_, function)) = place.split_once(':') else { continue };
        let function = function.split_once(" [").map_or(function, |(function, _)| function);
        *sums.entry(function).or_default() += count.replace(',', "").parse().unwrap_or(0.0);
    }
    let mut sums: Vec<_> = sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
    sums.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    sums
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
    use super::{Counts, by_function, counts_of};

    #[test]
    fn calls_of_the_allocator_are_found_in_a_dump() {
        let dump = "fn=work\n7 20\ncfn=malloc\ncalls=30 0\n7 900\ncfn=free\ncalls=30 0\n7 300\n\
            fn=other\n9 1\ncfn=realloc\ncalls=10 0\n9 80\n\ntotals: 1500\n";
        let counts = Counts { instructions: 150.0, allocations: 4.0 };
        assert_eq!(counts_of(dump, 10.0), Some(counts));
        assert_eq!(counts_of("fn=work\n", 10.0), None);
    }

    #[test]
    fn a_function_is_one_whatever_was_inlined_in_it() {
        let annotated = "1,000 (10.0%)  PROGRAM TOTALS\n  20 ( 2.00%)  /a/slice.rs:one::two [/bin]\n\
            1,030 ( 3.00%)  /a/two.rs:one::two\n 500 ( 5.00%)  ./string/x.S:memcpy [/libc.so.6]\n";
        let expected = [("one::two".to_owned(), 1050.0), ("memcpy".to_owned(), 500.0)];
        assert_eq!(by_function(annotated), expected);
    }
}
