//! The command `mqtt`: a broker, a publisher, a subscriber, a load generator, a decoder of packets
//! and a demonstration.
//!
//! `mqtt --help` tells how to use it; the modules tell how it works.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not worth words of its own is told as it is")]
#![expect(clippy::std_instead_of_alloc, reason = "std is needed anyway")]

mod bench;
mod broker;
mod connect;
mod decode;
mod demo;
mod failure;
mod options;
mod passwd;
mod pem;
mod properties;
mod publish;
mod signals;
mod subscribe;
mod target;
mod trust;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use failure::{Failure, tell};
use options::{Command, Options};

/// Runs the command with these arguments, the first of which is its own name, and tells the process's exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match execute(options.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            tell(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn execute(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Broker(options) => in_runtime(broker::run(options)),
        Command::Passwd(options) => passwd::run(&options),
        Command::Pub(options) => in_runtime(publish::run(options)),
        Command::Sub(options) => in_runtime(subscribe::run(options)),
        Command::Bench(options) => bench::run(&options),
        Command::Decode(options) => decode::run(&options),
        Command::Demo(options) => in_runtime(demo::run(options)),
    }
}

fn in_runtime(command: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime can't be started: {error}")))?;
    let result = runtime.block_on(command);
    // A thread may still wait for standard input, which can't be called off.
    runtime.shutdown_background();
    result
}
