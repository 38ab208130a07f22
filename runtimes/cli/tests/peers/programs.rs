//! Our command, and the foreign programs that it meets.

use std::{env, process::Command};

pub(crate) use crate::foreign::{file, find, have, missing_unless, unique};
use crate::{
    foreign::{mosquitto, mosquitto_on},
    process::{Ended, Process},
};

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

/// The same for a Python with the module `paho.mqtt`.
pub(crate) fn have_paho() -> bool {
    let import = Command::new(python()).args(["-c", "import paho.mqtt.client"]).output();
    missing_unless(import.is_ok_and(|output| output.status.success()), "paho-mqtt for Python")
}

/// The Python to run scripts with.
pub(crate) fn python() -> String {
    env::var("MQTT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
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
        let (process, port) = mosquitto(settings);
        Self { process, port }
    }

    /// The same on this port.
    pub(crate) fn mosquitto_on(port: u16, settings: &str) -> Result<Self, String> {
        mosquitto_on(port, settings).map(|process| Self { process, port })
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
