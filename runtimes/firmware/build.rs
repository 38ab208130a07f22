//! Names the board after the target, and tells the linker its memory.

use std::{env, error::Error, fs, path::Path};

const STM32F405: &str =
    "MEMORY { FLASH : ORIGIN = 0x08000000, LENGTH = 1024K\n RAM : ORIGIN = 0x20000000, LENGTH = 128K }\n";
const STM32F100: &str =
    "MEMORY { FLASH : ORIGIN = 0x08000000, LENGTH = 128K\n RAM : ORIGIN = 0x20000000, LENGTH = 8K }\n";

fn main() -> Result<(), Box<dyn Error>> {
    let target = env::var("TARGET")?;
    let (board, memory) = match target.as_str() {
        "thumbv7em-none-eabihf" => ("stm32f405", STM32F405),
        "thumbv7m-none-eabi" => ("stm32f100", STM32F100),
        other => {
            return Err(format!("no board for {other}: thumbv7em-none-eabihf or thumbv7m-none-eabi").into());
        }
    };
    println!("cargo:rustc-cfg=board=\"{board}\"");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("memory.x"), memory)?;
    // Asked for by cortex-m-rt: names of interrupt handlers that are free to be missing. Ours is not.
    fs::write(Path::new(&out).join("device.x"), "")?;
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    // Code in flash needs no pages.
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
