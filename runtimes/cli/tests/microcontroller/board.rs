//! An emulated board: QEMU, whose first serial line is a connection to us.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    foreign::{have, missing_unless, unique},
    process::{PATIENCE, Process},
    programs::Version,
};

const EMULATOR: &str = "qemu-system-arm";

/// Which board.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Stm32F405,
    Stm32F100,
}

impl Kind {
    /// As the compiler calls its processor.
    const fn target(self) -> &'static str {
        match self {
            Self::Stm32F405 => "thumbv7em-none-eabihf",
            Self::Stm32F100 => "thumbv7m-none-eabi",
        }
    }

    /// As QEMU calls it.
    const fn machine(self) -> &'static str {
        match self {
            Self::Stm32F405 => "netduinoplus2",
            Self::Stm32F100 => "stm32vldiscovery",
        }
    }

    /// How QEMU's log tells that the lamp's pin is driven: it has no model of the port, and notes what is written to BSRR.
    fn pin_log(self, on: bool) -> String {
        let (offset, pin) = match self {
            Self::Stm32F405 => (0x18, 1),
            Self::Stm32F100 => (0x10, 9),
        };
        let bit = 1_u32 << if on { pin } else { pin + 16 };
        format!("GPIOC: unimplemented device write (size 4, offset 0x{offset:03x}, value 0x{bit:08x})")
    }
}

/// Builds the firmware; `None` if something is missing for it, which has been said then.
pub(crate) fn build(kind: Kind, version: Version) -> Option<PathBuf> {
    let libraries =
        Command::new("rustc").args(["--print", "target-libdir", "--target", kind.target()]).output();
    let has_target =
        libraries.is_ok_and(|said| Path::new(String::from_utf8_lossy(&said.stdout).trim()).is_dir());
    if !have(EMULATOR) || !missing_unless(has_target, &format!("rustup target {}", kind.target())) {
        return None;
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/Cargo.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("firmware-{}", version.ours()));
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--locked", "--release", "--manifest-path", manifest, "--target", kind.target()])
        .arg("--target-dir")
        .arg(&folder);
    if version == Version::V5 {
        cargo.args(["--features", "v5"]);
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(folder.join(kind.target()).join("release/firmware"))
}

/// A running board. Switched off when it is dropped.
pub(crate) struct Board {
    kind: Kind,
    log: PathBuf,
    _emulator: Process,
}

impl Board {
    /// Switches a board on whose serial line ends at this port.
    pub(crate) fn start(kind: Kind, firmware: &Path, port: u16) -> Self {
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique("board.log"));
        let mut qemu = Command::new(EMULATOR);
        qemu.args(["-M", kind.machine(), "-nographic", "-monitor", "none", "-d", "unimp", "-D"])
            .arg(&log)
            .args(["-serial", &format!("tcp:127.0.0.1:{port}"), "-kernel"])
            .arg(firmware);
        Self { kind, log, _emulator: Process::start(&mut qemu) }
    }

    /// Waits until what was last written to the lamp's pin is this.
    pub(crate) fn wait_for_pin(&self, on: bool) {
        let wanted = self.kind.pin_log(on);
        let other = self.kind.pin_log(!on);
        let began = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let last = log.lines().rfind(|line| [&*wanted, &*other].contains(line));
            if last == Some(&*wanted) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the pin is not {on}: {last:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
    }
}
