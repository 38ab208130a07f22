//! The brokers: where their programs are, and how they are started.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::running::{self, Running};
use crate::report::root;

/// The command `mqtt` of this checkout, as it is released.
#[derive(Debug)]
pub(crate) struct Build {
    pub(super) mqtt: PathBuf,
}

impl Build {
    /// Builds it if it is not up to date. One that `MQTT_COMMAND` in the environment names is taken as it is.
    pub(crate) fn of_the_command() -> io::Result<Self> {
        if let Some(mqtt) = env::var_os("MQTT_COMMAND") {
            return Ok(Self { mqtt: mqtt.into() });
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        // The folder is named, since the environment may name another one.
        build.args(["build", "--release", "--package", "mqtt-engine-cli", "--target-dir", "target"]);
        build.current_dir(root());
        if !build.status()?.success() {
            return Err(io::Error::other("the command `mqtt` does not build"));
        }
        Ok(Self { mqtt: root().join("target/release/mqtt") })
    }
}

/// A broker that can be started.
#[derive(Debug)]
pub(crate) enum Broker {
    /// `mqtt broker` of this checkout.
    Ours(PathBuf),
    /// Debian's, found on the path or where Debian puts it.
    Mosquitto(&'static str),
    /// The program of the crate.
    Rumqttd(PathBuf),
    /// A library for Node.js.
    Aedes(PathBuf),
    /// That of this program.
    ByHand,
}

impl Broker {
    /// Ours, those that are installed, and the one written by hand.
    pub(super) fn installed(build: &Build) -> Vec<Self> {
        let runs = |program: &str| Command::new(program).arg("-h").output().is_ok();
        let rumqttd = root().join("target/peers/bin/rumqttd");
        let aedes = root().join("target/npm/node_modules/aedes/aedes.js");
        let rumqttd_is_there = rumqttd.exists();
        let aedes_is_there = aedes.exists() && runs("node");
        // Debian keeps servers in a folder that is not in everybody's PATH.
        let mosquitto = ["mosquitto", "/usr/sbin/mosquitto"].into_iter().find(|program| runs(program));
        let peers = [
            (
                Self::Mosquitto(mosquitto.unwrap_or_default()),
                mosquitto.is_some(),
                "apt-get install mosquitto",
            ),
            (
                Self::Rumqttd(rumqttd),
                rumqttd_is_there,
                "cargo install rumqttd --version 0.20.0 --no-default-features --root target/peers",
            ),
            (
                Self::Aedes(aedes),
                aedes_is_there,
                "npm install --prefix target/npm aedes@1 (and Node.js to run it)",
            ),
        ];
        let mut brokers = vec![Self::Ours(build.mqtt.clone())];
        for (peer, is_there, install) in peers {
            if is_there {
                brokers.push(peer);
            } else {
                eprintln!("{} is skipped, since it is not installed: {install}", peer.name());
            }
        }
        brokers.push(Self::ByHand);
        brokers
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "mqtt-engine",
            Self::Mosquitto(_) => "mosquitto",
            Self::Rumqttd(_) => "rumqttd",
            Self::Aedes(_) => "aedes",
            Self::ByHand => "by hand",
        }
    }

    /// Whether it may fail: those of this checkout may not.
    pub(super) const fn is_peer(&self) -> bool {
        !matches!(self, Self::Ours(_) | Self::ByHand)
    }

    /// Its name and version; what was written by hand has none.
    pub(super) fn version(&self) -> Option<String> {
        let name = self.name();
        match self {
            Self::Ours(_) if env::var_os("MQTT_COMMAND").is_some() => Some(format!("{name} of MQTT_COMMAND")),
            Self::Ours(_) => Some(format!("{name} of this checkout")),
            Self::Mosquitto(program) => Some(first_line(program, "-h").unwrap_or_else(|| name.to_owned())),
            Self::Rumqttd(program) => {
                Some(first_line(program, "--version").unwrap_or_else(|| name.to_owned()))
            }
            Self::Aedes(module) => {
                let manifest = fs::read_to_string(module.with_file_name("package.json")).ok()?;
                let manifest: serde_json::Value = serde_json::from_str(&manifest).ok()?;
                Some(format!("{name} {}", manifest["version"].as_str()?))
            }
            Self::ByHand => None,
        }
    }

    /// Starts it on a free port, on the core that is a broker's.
    pub(crate) fn start(&self) -> io::Result<Running> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let mut command = running::command();
        let mut configuration = None;
        match self {
            Self::Ours(mqtt) => {
                command.arg(mqtt).args(["broker", "--quiet", "--listen", &address.to_string()]);
                for limit in ["--max-subscriptions", "--max-connections", "--max-sessions"] {
                    command.args([limit, "20000"]);
                }
            }
            Self::Mosquitto(program) => {
                let text = mosquitto_configuration(&port);
                let path = written(&format!("mosquitto-{port}.conf"), &text)?;
                command.args([program, "-c"]).arg(&path);
                configuration = Some(path);
            }
            Self::Rumqttd(program) => {
                let path = written(&format!("rumqttd-{port}.toml"), &rumqttd_configuration(address))?;
                command.arg(program).args(["--quiet", "--config"]).arg(&path);
                configuration = Some(path);
            }
            Self::Aedes(module) => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/broker/aedes.mjs");
                command.arg("node").arg(script).arg(module).arg(&port);
            }
            Self::ByHand => {
                command.arg(env::current_exe()?).args(["limit", &address.to_string()]);
                command.stdout(Stdio::piped());
            }
        }
        Running::start(command, address, configuration)
    }
}

/// Its defaults, but as quiet as the others are.
fn mosquitto_configuration(port: &str) -> String {
    format!("listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n")
}

/// The defaults of rumqttd's own configuration, but for the number of connections and the pause between two of them.
fn rumqttd_configuration(address: SocketAddr) -> String {
    format!(
        r#"id = 0
[router]
id = 0
max_connections = 20000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4-1"
listen = "{address}"
next_connection_delay_ms = 0
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = true
"#
    )
}

fn written(name: &str, text: &str) -> io::Result<PathBuf> {
    let path = env::temp_dir().join(name);
    fs::write(&path, text)?;
    Ok(path)
}

fn first_line(program: impl AsRef<std::ffi::OsStr>, option: &str) -> Option<String> {
    let said = Command::new(program).arg(option).output().ok()?.stdout;
    Some(String::from_utf8_lossy(&said).lines().next()?.to_owned())
}
