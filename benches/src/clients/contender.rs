//! The clients: each in a process of its own, which is this program again or one in C.

use std::{
    env,
    error::Error,
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use mqtt_engine::packet::ProtocolVersion;

use super::{
    by_hand,
    meter::{Counts, Meter},
    native::LIBRARIES,
    ours, rumqttc,
};
use crate::broker::OTHER_CORE;

/// How much longer than it should a run may take, in seconds.
const PATIENCE: f64 = 30.0;

/// Publishes as fast as the window allows, until the meter says that it is enough and all is acknowledged.
type Publish = fn(SocketAddr, ProtocolVersion, &mut Meter) -> Result<(), Box<dyn Error>>;

/// A client in Rust.
struct InRust {
    name: &'static str,
    is_peer: bool,
    publish: Publish,
}

const IN_RUST: [InRust; 5] = [
    InRust { name: "by hand", is_peer: false, publish: by_hand::publish },
    InRust { name: "mqtt-engine on tokio", is_peer: false, publish: ours::on_tokio },
    InRust { name: "mqtt-engine on smol", is_peer: false, publish: ours::on_smol },
    InRust { name: "mqtt-engine, blocking", is_peer: false, publish: ours::blocking },
    InRust { name: "rumqttc", is_peer: true, publish: rumqttc::publish },
];

/// A client that can be started.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    /// Whether it may fail: those of this checkout may not.
    pub(super) is_peer: bool,
    /// A program in C, if it is one.
    program: Option<PathBuf>,
}

impl Contender {
    /// Those that need nothing, and those whose library is installed.
    pub(super) fn installed() -> io::Result<Vec<Self>> {
        let mut contenders: Vec<Self> = IN_RUST
            .iter()
            .map(|InRust { name, is_peer, .. }| Self { name, is_peer: *is_peer, program: None })
            .collect();
        for library in LIBRARIES {
            if library.is_installed() {
                let program = Some(library.compile()?);
                contenders.push(Self { name: library.name, is_peer: true, program });
            } else {
                let (name, package) = (library.name, library.package);
                eprintln!("{name} is skipped, since it is not installed: apt-get install {package} gcc");
            }
        }
        Ok(contenders)
    }

    /// Lets it publish in a process of its own, on the core that is a client's.
    pub(super) fn run(
        &self,
        address: SocketAddr,
        version: ProtocolVersion,
        span: Duration,
    ) -> Result<Counts, Box<dyn Error>> {
        let mut command = Command::new("timeout");
        command.arg((span.as_secs_f64() + PATIENCE).to_string()).args(["taskset", "--cpu-list", OTHER_CORE]);
        match &self.program {
            Some(program) => command.arg(program),
            None => command.arg(env::current_exe()?).args(["client", self.name]),
        };
        command.args([address.ip().to_string(), address.port().to_string()]);
        command.args([spoken(version), &span.as_secs_f64().to_string()]);
        let Output { status, stdout, stderr } = command.output()?;
        let said = String::from_utf8_lossy(&stdout);
        let counts = if status.success() { Counts::parse(&said) } else { None };
        counts.ok_or_else(|| {
            let words = String::from_utf8_lossy(&stderr).into_owned();
            format!("{status}, {said}{words}").into()
        })
    }
}

/// Lets a client in Rust publish in this process.
pub(super) fn publish(
    name: &str,
    address: SocketAddr,
    version: ProtocolVersion,
    span: Duration,
) -> Result<Counts, Box<dyn Error>> {
    let found = IN_RUST.iter().find(|client| client.name == name);
    let client = found.ok_or_else(|| format!("no client is named {name:?}"))?;
    let mut meter = Meter::start(span);
    (client.publish)(address, version, &mut meter)?;
    meter.counts().ok_or_else(|| "it ended too early".into())
}

/// A version in words.
pub(super) fn spoken(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::V5 { "5.0" } else { "3.1.1" }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As `run` does it, but a client in Rust publishes in this process, since a test is not the program.
    pub(in crate::clients) fn run(
        contender: &Contender,
        address: SocketAddr,
        version: ProtocolVersion,
    ) -> Counts {
        let span = Duration::from_millis(100);
        let counts = match contender.program {
            Some(_) => contender.run(address, version, span),
            None => publish(contender.name, address, version, span),
        };
        counts.expect(contender.name)
    }
}
