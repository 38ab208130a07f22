//! The brokers: programs that are started for one run and ended after it.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a broker may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(10);
/// Descriptors for 10,000 connections.
const DESCRIPTORS: &str = "--nofile=16384:16384";
/// The load runs on the other core.
const CORE: &str = "0";

/// The command `mqtt` of this checkout, as it is released.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) mqtt: PathBuf,
}

impl Build {
    /// Builds it if it is not up to date.
    pub(super) fn of_the_command() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--release", "--package", "mqtt-engine-cli"]).current_dir(&root);
        if !build.status()?.success() {
            return Err(io::Error::other("the command `mqtt` does not build"));
        }
        Ok(Self { mqtt: root.join("target/release/mqtt") })
    }
}

/// A broker that can be started.
#[derive(Debug)]
pub(super) enum Broker {
    /// `mqtt broker` of this checkout.
    Ours(PathBuf),
    /// Debian's, found on the path.
    Mosquitto,
}

impl Broker {
    /// Ours, and those that are installed.
    pub(super) fn installed(build: &Build) -> Vec<Self> {
        let mut brokers = vec![Self::Ours(build.mqtt.clone())];
        if Command::new("mosquitto").arg("-h").output().is_ok() {
            brokers.push(Self::Mosquitto);
        } else {
            eprintln!("mosquitto is left out: it is not installed");
        }
        brokers
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "mqtt-engine",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// Its name and version.
    pub(super) fn version(&self) -> String {
        match self {
            Self::Ours(_) => format!("{} of this checkout", self.name()),
            Self::Mosquitto => {
                let said = Command::new("mosquitto").arg("-h").output().map(|output| output.stdout);
                let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
                said.lines().next().unwrap_or("mosquitto").to_owned()
            }
        }
    }

    /// Starts it on a free port, on the core that is a broker's.
    pub(super) fn start(&self) -> io::Result<Running> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", CORE, "prlimit", DESCRIPTORS]);
        let configuration = match self {
            Self::Ours(mqtt) => {
                command.arg(mqtt).args([
                    "broker",
                    "--quiet",
                    "--max-subscriptions",
                    "20000",
                    "--max-connections",
                    "20000",
                    "--max-sessions",
                    "20000",
                    "--listen",
                ]);
                command.arg(address.to_string());
                None
            }
            Self::Mosquitto => {
                let path = env::temp_dir().join(format!("mosquitto-{}.conf", address.port()));
                let port = address.port();
                fs::write(&path, format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))?;
                command.args(["mosquitto", "-c"]).arg(&path);
                Some(path)
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let running = Running { child, address, configuration };
        running.wait_until_it_accepts()?;
        Ok(running)
    }
}

/// A broker that runs until this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    configuration: Option<PathBuf>,
}

impl Running {
    /// `taskset` and `prlimit` become the program that they start, so this is the broker's.
    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_it_accepts(&self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = TcpStream::connect(self.address) {
            if Instant::now() > end {
                return Err(io::Error::new(
                    error.kind(),
                    format!("{} accepts no connection: {error}", self.address),
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody can do anything about the file.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = &self.configuration {
            let _ = fs::remove_file(path);
        }
    }
}
