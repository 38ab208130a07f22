//! Foreign programs: whether they are there, and mosquitto as a broker.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::process::Process;

/// Whether the program is there. If it must be (`MQTT_REQUIRE_PEERS` is set) and is not, the test fails; else it says that it is skipped.
pub(crate) fn have(program: &str) -> bool {
    let there = find(program).is_some();
    missing_unless(there, program)
}

/// What [`have`] does with what it found.
pub(crate) fn missing_unless(there: bool, program: &str) -> bool {
    assert!(there || env::var_os("MQTT_REQUIRE_PEERS").is_none(), "{program} is not installed, but required");
    if !there {
        println!("skipped: {program} is not installed");
    }
    there
}

/// Debian keeps servers in a folder that is not in everybody's PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A name that no other test of this run has; for files and client identifiers.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A file of this run with this content.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(unique(name));
    fs::write(&path, content).unwrap();
    path
}

/// Debian's mosquitto on a free port with these settings and everything in its log; and the port.
pub(crate) fn mosquitto(settings: &str) -> (Process, u16) {
    let mut result = Err("no port is free".to_owned());
    // Between finding a free port and listening on it, another process may take it.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        result = mosquitto_on(port, settings).map(|process| (process, port));
        if result.is_ok() {
            break;
        }
    }
    result.unwrap()
}

/// The same on this port.
pub(crate) fn mosquitto_on(port: u16, settings: &str) -> Result<Process, String> {
    // Started by root it would become another user, who may not read the files of this folder.
    let config = format!(
        "user root\nlistener {port} 127.0.0.1\npersistence false\nlog_dest stderr\nlog_type all\n{settings}"
    );
    let config = file("mosquitto.conf", config.as_bytes());
    let mut command = Command::new(find("mosquitto").unwrap());
    let mut process = Process::start(command.arg("-c").arg(&config));
    let started = process.try_wait_for(" running");
    fs::remove_file(config).unwrap();
    started.map(|_| process)
}
