//! What valgrind counts while this program repeats a case: instructions (callgrind) and allocations (memcheck).
//!
//! The difference between twice as many repetitions and as many belongs to the repetitions alone, without start and set-up.
//! An allocator that counts would slow down those who allocate.

use std::{
    env, fs, io,
    process::{Child, Command, Output, Stdio},
};

use super::Case;

/// For one unit of the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    /// In all allocations together.
    pub(crate) bytes: f64,
}

/// Whether valgrind can be run.
pub(super) fn is_there() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What the repetitions of a case cost.
///
/// # Errors
///
/// A run failed, or did not say what it should.
pub(super) fn count(case: &Case) -> io::Result<Counts> {
    let callgrind = once_and_twice("--tool=callgrind --callgrind-out-file=/dev/null", case)?;
    let memcheck = once_and_twice("--tool=memcheck --undef-value-errors=no", case)?;
    let units = case.counted as f64 * f64::from(case.units);
    let by_unit = |said: &[String; 2], before, after| {
        let [once, twice] = said.each_ref().map(|words| number(words, before, after));
        let missing = || io::Error::other(format!("valgrind did not say {before:?}: {}", said[0]));
        Ok::<_, io::Error>((twice.ok_or_else(missing)? - once.ok_or_else(missing)?) / units)
    };
    Ok(Counts {
        instructions: by_unit(&callgrind, "Collected :", "\n")?,
        allocations: by_unit(&memcheck, "total heap usage:", " allocs")?,
        bytes: by_unit(&memcheck, "frees,", " bytes allocated")?,
    })
}

/// What a tool says about as many repetitions as are counted, and about twice as many.
fn once_and_twice(tool: &str, case: &Case) -> io::Result<[String; 2]> {
    let once = start(tool, case, case.counted)?;
    let twice = start(tool, case, 2 * case.counted)?;
    Ok([said(once.wait_with_output()?)?, said(twice.wait_with_output()?)?])
}

/// The costliest functions of a case, as `callgrind_annotate` prints them.
///
/// # Errors
///
/// Valgrind can't be run.
pub(crate) fn profile(case: &Case) -> io::Result<String> {
    let file = env::temp_dir().join(format!("callgrind.out.{}", std::process::id()));
    let tool = format!("--tool=callgrind --callgrind-out-file={}", file.display());
    said(start(&tool, case, 20 * case.counted)?.wait_with_output()?)?;
    let annotated = Command::new("callgrind_annotate").args(["--threshold=95"]).arg(&file).output();
    fs::remove_file(&file)?;
    Ok(String::from_utf8_lossy(&annotated?.stdout).into_owned())
}

fn start(tool: &str, case: &Case, times: usize) -> io::Result<Child> {
    let mut command = Command::new("valgrind");
    command.args(tool.split(' ')).arg(env::current_exe()?);
    command.args(["repeat", &case.name(), &times.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// What a run of valgrind has said at its end.
fn said(output: Output) -> io::Result<String> {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(words) } else { Err(io::Error::other(words)) }
}

/// The number that stands between two words.
fn number(words: &str, before: &str, after: &str) -> Option<f64> {
    let rest = words.split_once(before)?.1;
    let (number, _) = rest.split_once(after)?;
    number.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_found_among_the_words() {
        let words = "==1== Collected : 265241\n==1==   total heap usage: 1,234 allocs, 1,230 frees, 65,536 bytes allocated\n";
        assert_eq!(number(words, "Collected :", "\n"), Some(265_241.0));
        assert_eq!(number(words, "total heap usage:", " allocs"), Some(1234.0));
        assert_eq!(number(words, "frees,", " bytes allocated"), Some(65_536.0));
        assert_eq!(number(words, "Collected :", " allocs"), None);
    }
}
