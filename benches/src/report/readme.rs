//! The places in the README that belong to the groups.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Replaces what stands between the markers of a group.
pub(super) fn replace(group: &str, text: &str) -> io::Result<()> {
    let path = root().join("README.md");
    let old = fs::read_to_string(&path)?;
    let new = replaced(&old, group, text)
        .ok_or_else(|| io::Error::other(format!("the README has no place for {group}")))?;
    fs::write(path, new)
}

fn replaced(readme: &str, group: &str, text: &str) -> Option<String> {
    let (start, end) = (format!("<!-- benches:{group} -->"), format!("<!-- /benches:{group} -->"));
    let (before, rest) = readme.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}\n{}\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let readme = "a\n<!-- benches:x -->\nold\n<!-- /benches:x -->\nz\n";
        let new = "a\n<!-- benches:x -->\nnew\n<!-- /benches:x -->\nz\n";
        assert_eq!(replaced(readme, "x", "\nnew\n").as_deref(), Some(new));
        assert_eq!(replaced(new, "x", "new").as_deref(), Some(new));
        let empty = "a\n<!-- benches:x -->\n<!-- /benches:x -->\nz\n";
        assert_eq!(replaced(empty, "x", "new").as_deref(), Some(new));
        assert_eq!(replaced(readme, "y", "new"), None);
    }
}
