//! What the README shows is what the engine does now.
#![allow(missing_docs, dead_code, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{fs, path::Path};

#[path = "../examples/picture.rs"]
mod picture;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_picture_is_current() {
    let drawn = picture::qos2_resume().unwrap().svg();
    assert_eq!(read("qos2-resume.svg"), drawn, "cargo run -p mqtt-engine-diary --example picture");
    assert!(read("../README.md").contains("](snapshots/qos2-resume.svg)"));
}

#[test]
fn the_diary_and_its_flow_are_current() {
    let readme = read("../README.md");
    for (path, from, to) in [
        ("diaries/client/s04_a_resent_publish_has_dup_v3.snap", "    0.000  client call", "acknowledged\n"),
        ("tests/diaries/client/qos1.rs", "/// The first send has DUP 0", "\n}\n"),
    ] {
        let (_, shown) = readme.split_once(from).unwrap();
        let (shown, _) = shown.split_once(to).unwrap();
        assert!(read(path).contains(&format!("{from}{shown}")), "{path} has other words than the README");
    }
}
