//! Packet flows as diaries: each flow is played and compared with its file in `diaries/`, named for what it shows. After a change
//! that is meant, `INSTA_UPDATE=always cargo test -p mqtt-engine-diary` writes the files anew; the difference is what reviewers read.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]

mod broker;
mod client;
mod connection;
mod pair;
mod vocabulary;

use std::{collections::BTreeSet, fs, path::Path};

use mqtt_engine::{BrokerConfig, ClientConfig};
use mqtt_engine_diary::{
    Diary,
    script::{BrokerStage, ClientStage},
};

/// Defines flows: each is a test that compares its diary with `diaries/FOLDER/NAME.snap`. `tests/drivers` reads the same lists, and
/// plays those flows on real adapters that need nothing but a stage.
macro_rules! diaries {
    ($folder:literal; $($(#[$attribute:meta])* $name:ident => $play:expr;)+) => {
        /// The files of these flows.
        pub(crate) const FILES: &[&str] = &[$(concat!($folder, "/", stringify!($name), ".snap")),+];

        $($(#[$attribute])*
        #[test]
        fn $name() {
            $crate::check($folder, stringify!($name), &$play);
        })+
    };
}
pub(crate) use diaries;

/// A flow that needs nothing but the steps of the stage.
fn on_every_client(config: ClientConfig, flow: impl Fn(&mut dyn ClientStage)) -> Diary {
    client::by_hand(config, |desk| flow(desk))
}

/// The same for brokers.
fn on_every_broker(config: BrokerConfig, flow: impl Fn(&mut dyn BrokerStage)) -> Diary {
    broker::play_with(config, |desk| flow(desk))
}

/// Compares a diary with its file.
fn check(folder: &str, name: &str, diary: &Diary) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new("../../diaries").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, diary.to_string()));
}

/// A file without its flow shows what nobody checks any more. (A flow without its file fails by itself.)
#[test]
fn every_file_belongs_to_a_flow() {
    let flows: BTreeSet<String> = [client::FILES, broker::FILES, connection::FILES, pair::FILES]
        .concat()
        .iter()
        .flat_map(|files| files.iter().map(|file| (*file).to_owned()))
        .chain(pair::cuts::files())
        .collect();
    let mut files = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("diaries");
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let names = [folder.file_name(), file.unwrap().file_name()];
            files.insert(names.map(|name| name.into_string().unwrap()).join("/"));
        }
    }
    let left_over: Vec<_> = files.difference(&flows).collect();
    assert!(left_over.is_empty(), "files in snapshots/diaries that no flow writes: {left_over:#?}");
}
