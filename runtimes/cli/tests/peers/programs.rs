//! Our command, and the foreign programs that it meets.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::process::{Ended, Process};

/// The version of the protocol, as each program wants it named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V311,
    V5,
}

impl Version {
    /// For `mqtt -V`.
    pub(crate) const fn ours(self) -> &'static str {
        match self {
            Self::V311 => "311",
            Self::V5 => "5",
        }
    }

    /// For `mosquitto_pub -V`.
    pub(crate) const fn mosquitto(self) -> &'static str {
        match self {
            Self::V311 => "mqttv311",
            Self::V5 => "mqttv5",
        }
    }

    /// As the log of mosquitto has it: its own number for 3.1.1.
    pub(crate) const fn logged(self) -> &'static str {
        match self {
            Self::V311 => "p2",
            Self::V5 => "p5",
        }
    }
}

/// Whether the program is there. If it must be (`MQTT_REQUIRE_PEERS` is set) and is not, the test fails; else it says that it is skipped.
pub(crate) fn have(program: &str) -> bool {
    let there = find(program).is_some();
    missing_unless(there, program)
}

/// The same for a Python with the module `paho.mqtt`.
pub(crate) fn have_paho() -> bool {
    let import = Command::new(python()).args(["-c", "import paho.mqtt.client"]).output();
    missing_unless(import.is_ok_and(|output| output.status.success()), "paho-mqtt for Python")
}

/// The same for node and its package `mqtt` (MQTT.js).
pub(crate) fn have_mqtt_js() -> bool {
    missing_unless(
        find("node").is_some() && npm().join("node_modules/mqtt").is_dir(),
        "node with the package mqtt",
    )
}

/// Where packages of npm are: `npm install --prefix target/npm mqtt` puts it there.
pub(crate) fn npm() -> PathBuf {
    env::var_os("MQTT_TEST_NPM")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/npm"), PathBuf::from)
}

fn missing_unless(there: bool, program: &str) -> bool {
    assert!(there || env::var_os("MQTT_REQUIRE_PEERS").is_none(), "{program} is not installed, but required");
    if !there {
        println!("skipped: {program} is not installed");
    }
    there
}

/// The Python to run scripts with.
pub(crate) fn python() -> String {
    env::var("MQTT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
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

/// A broker that listens on a loopback port.
pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl Broker {
    /// Debian's mosquitto on a free port, open to everybody, with everything in its log.
    pub(crate) fn mosquitto() -> Self {
        Self::mosquitto_with("allow_anonymous true\n")
    }

    /// The same with these settings.
    pub(crate) fn mosquitto_with(settings: &str) -> Self {
        let mut result = Err("no port is free".to_owned());
        // Between finding a free port and listening on it, another process may take it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            result = Self::mosquitto_on(port, settings);
            if result.is_ok() {
                break;
            }
        }
        result.unwrap()
    }

    /// The same on this port.
    pub(crate) fn mosquitto_on(port: u16, settings: &str) -> Result<Self, String> {
        // Started by root it would become another user, who may not read the files of this folder.
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\npersistence false\nlog_dest stderr\nlog_type all\n{settings}"
        );
        let config = file("mosquitto.conf", config.as_bytes());
        let mut command = Command::new(find("mosquitto").unwrap());
        let mut process = Process::start(command.arg("-c").arg(&config));
        let started = process.try_wait_for(" running");
        fs::remove_file(config).unwrap();
        started.map(|_| Self { process, port })
    }

    /// Ours, `mqtt broker`.
    pub(crate) fn ours() -> Self {
        let mut process = Process::start(Command::new(MQTT).args(["broker", "--listen", "127.0.0.1:0"]));
        let ready = process.wait_for("127.0.0.1:");
        let (_, after) = ready.split_once("127.0.0.1:").unwrap();
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        Self { process, port: digits.parse().unwrap() }
    }

    /// `mqtt COMMAND` with this broker's address and a version.
    pub(crate) fn mqtt(&self, command: &str, version: Version, arguments: &[&str]) -> Command {
        let mut mqtt = Command::new(MQTT);
        mqtt.args([command, "-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", version.ours()])
            .args(arguments);
        mqtt
    }

    /// `mosquitto_pub` or `mosquitto_sub` with this broker's address and a version.
    pub(crate) fn foreign(&self, program: &str, version: Version, arguments: &[&str]) -> Command {
        let mut foreign = Command::new(program);
        foreign
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", version.mosquitto()])
            .args(arguments);
        foreign
    }

    /// Runs `mqtt pub` to its end, which must be a success.
    pub(crate) fn publish(&self, version: Version, arguments: &[&str]) -> Ended {
        Process::start(&mut self.mqtt("pub", version, arguments)).finish().expect_success()
    }

    /// Runs `mosquitto_pub` to its end, which must be a success.
    pub(crate) fn foreign_publish(&self, version: Version, arguments: &[&str]) -> Ended {
        Process::start(&mut self.foreign("mosquitto_pub", version, arguments)).finish().expect_success()
    }

    /// Leaves a retained message that tells each subscriber who also subscribes to [`READY`] that its subscriptions hold: a server sends
    /// it behind the SUBACK.
    pub(crate) fn leave_ready_mark(&self) {
        self.foreign_publish(Version::V311, &["-t", READY, "-m", READY, "-r", "-q", "1"]);
    }
}

/// Makes each function that takes a version a test for both.
#[macro_export]
macro_rules! both_versions {
    ($($flow:ident),+ $(,)?) => {
        mod v311 {
            $(#[test] fn $flow() { super::$flow($crate::programs::Version::V311) })+
        }
        mod v5 {
            $(#[test] fn $flow() { super::$flow($crate::programs::Version::V5) })+
        }
    };
}

/// Topic and payload of the mark that a subscriber gets when its subscriptions hold.
pub(crate) const READY: &str = "ready-mark";

/// Our command.
pub(crate) const MQTT: &str = env!("CARGO_BIN_EXE_mqtt");
