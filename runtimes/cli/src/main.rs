//! The command `mqtt`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mqtt_engine_cli::run(std::env::args_os())
}
