//! The clients that are libraries for C: a program for each, which is compiled when the library is installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A library and the program that uses it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    pub(super) name: &'static str,
    source: &'static str,
    header: &'static str,
    link: &'static str,
    /// The package that has it.
    pub(super) package: &'static str,
}

pub(super) const LIBRARIES: [Library; 2] = [
    Library {
        name: "paho C",
        source: "paho.c",
        header: "MQTTAsync.h",
        link: "-lpaho-mqtt3a",
        package: "libpaho-mqtt-dev",
    },
    Library {
        name: "libmosquitto",
        source: "mosquitto.c",
        header: "mosquitto.h",
        link: "-lmosquitto",
        package: "libmosquitto-dev",
    },
];

impl Library {
    /// Whether a compiler finds its header.
    pub(super) fn is_installed(&self) -> bool {
        let mut command = Command::new("cc");
        command.args(["-E", "-x", "c", "-include", self.header, "/dev/null"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Compiles its program.
    pub(super) fn compile(&self) -> io::Result<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("target/clients");
        fs::create_dir_all(&folder)?;
        let program = folder.join(self.source).with_extension("");
        let mut command = Command::new("cc");
        command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
        command.arg(root.join("src/clients/c").join(self.source)).args([self.link, "-lpthread"]);
        let Output { status, stderr, .. } = command.output()?;
        if status.success() {
            return Ok(program);
        }
        Err(io::Error::other(String::from_utf8_lossy(&stderr).into_owned()))
    }
}
