//! The packet checker, with conversations that keep each rule and conversations that break it.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]

mod answers;
mod ending;
mod engine;
mod handshake;
mod limits;
mod robust;
mod sending;
mod talk;
mod wire;

use std::{collections::BTreeSet, fs, path::Path};

use mqtt_engine::packet::ProtocolVersion;
use mqtt_engine_sim::checker::{Role, Rule};

use crate::talk::{ALL, Talk};

fn talks() -> Vec<Talk> {
    [handshake::talks(), ending::talks(), sending::talks(), answers::talks(), limits::talks(), wire::talks()]
        .concat()
}

#[test]
fn each_conversation_breaks_what_it_is_to_break() {
    let mut wrong = Vec::new();
    for talk in talks() {
        for piece in [usize::MAX, 1] {
            let (_, violations) = talk.play(piece);
            let found: Vec<_> = violations.iter().map(|violation| violation.rule).collect();
            if found != talk.expected {
                let words: Vec<_> = violations.iter().map(|violation| format!("\n    {violation}")).collect();
                let Talk { name, role, version, expected, .. } = &talk;
                wrong.push(format!(
                    "{name} ({role:?}, {version}) is to break {expected:?}:{}",
                    words.concat()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} conversations:\n{}", wrong.len(), wrong.join("\n"));
}

/// In each role and version for which it has a statement.
#[test]
fn every_rule_is_broken_by_a_conversation() {
    let mut broken = BTreeSet::new();
    for talk in talks() {
        broken.extend(talk.expected.iter().map(|rule| (*rule, talk.role == Role::Client, talk.version)));
    }
    let mut unbroken = Vec::new();
    for rule in Rule::ALL {
        for (role, version) in ALL {
            let is_judged = !rule.statements(role, version).is_empty();
            if is_judged != broken.contains(&(*rule, role == Role::Client, version)) {
                unbroken.push(format!("{rule:?} ({role:?}, {version})"));
            }
        }
    }
    assert!(unbroken.is_empty(), "{} rules: {}", unbroken.len(), unbroken.join(", "));
}

/// The numbers that the rules name are those of the specifications.
#[test]
fn the_statements_exist() {
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/statements");
    let mut judged = BTreeSet::new();
    for (role, version) in ALL {
        let is_v5 = version == ProtocolVersion::V5;
        let list = fs::read_to_string(lists.join(if is_v5 { "5.0.tsv" } else { "3.1.1.tsv" })).unwrap();
        let known: BTreeSet<_> = list.lines().filter_map(|line| line.split('\t').next()).collect();
        for rule in Rule::ALL {
            let words = rule.statements(role, version).split(' ');
            for number in words.filter(|word| word.starts_with("MQTT-")) {
                assert!(known.contains(number), "{rule:?}: {number} ({version})");
                judged.insert((number, is_v5));
            }
        }
    }
    let of_5 = judged.iter().filter(|(_, is_v5)| *is_v5).count();
    println!("{} statements of 3.1.1 and {of_5} of 5.0", judged.len() - of_5);
    assert!(judged.len() > 100, "{}", judged.len());
}
