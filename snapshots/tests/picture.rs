//! The picture in the README is the one that the engine draws now.
#![allow(missing_docs, dead_code, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

#[path = "../examples/picture.rs"]
mod picture;

#[test]
fn the_picture_in_the_readme_is_current() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let drawn = std::fs::read_to_string(root.join("qos2-resume.svg")).unwrap();
    assert_eq!(
        drawn,
        picture::qos2_resume().unwrap().svg(),
        "cargo run -p mqtt-engine-diary --example picture"
    );
    let readme = std::fs::read_to_string(root.join("../README.md")).unwrap();
    assert!(readme.contains("](snapshots/qos2-resume.svg)"));
}
