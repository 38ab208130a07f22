//! The engine measured side by side with its peers.
//!
//! A *group* is a topic of its own and prints one section. Those that repeat work in one thread (`codec`, `engine`, `scaling`)
//! are lists of [`Case`]s, which [`measure`] runs; `broker` and `clients` start programs that talk to each other.

mod broker;
mod clients;
mod codec;
mod engine;
mod limit;
mod measure;
mod report;
mod scaling;

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
};

use clap::{Parser, Subcommand, ValueEnum};

use measure::Case;
use report::Section;

/// Runs the benchmarks and prints their tables.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    /// What to measure; everything if nothing is named.
    groups: Vec<Group>,
    /// How often each case is measured, in turn with those that it is compared with; without: 15 times, and 3 times in `broker` and
    /// `clients`, whose runs take seconds.
    #[arg(long)]
    rounds: Option<NonZeroUsize>,
    /// Also writes the tables into the README, and the charts.
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    one: Option<One>,
}

/// What is done instead of measuring all.
#[derive(Debug, Subcommand)]
enum One {
    /// Repeats the work of a case and prints nothing.
    #[command(hide = true)]
    Repeat { case: String, times: usize },
    /// Repeats all cases of a group in turn: what callgrind runs.
    #[command(hide = true)]
    Count { group: String },
    /// Prints what callgrind says about the functions of a case. Without a case: the names of all.
    Profile { case: Option<String> },
    /// The broker that was written by hand; it ends with its standard input.
    #[command(hide = true)]
    Limit { address: SocketAddr },
    /// A client that publishes for so long, as those in C do; prints what they print.
    #[command(hide = true)]
    Client { name: String, host: IpAddr, port: u16, version: String, seconds: f64 },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Group {
    /// Reading and writing packets.
    Codec,
    /// A client and a server, message by message.
    Engine,
    /// A broker with few and with many of something.
    Scaling,
    /// Brokers on loopback: the command `mqtt` of this checkout, which is built for it, and those that are installed.
    Broker,
    /// Clients that publish with QoS 1: ours on each runtime, and those that are installed.
    Clients,
}

impl Group {
    fn run(self, rounds: Option<NonZeroUsize>) -> Result<Section, Box<dyn Error>> {
        let usual = if matches!(self, Self::Broker | Self::Clients) { 3 } else { 15 };
        let rounds = rounds.or_else(|| NonZeroUsize::new(usual)).unwrap_or(NonZeroUsize::MIN);
        match self {
            Self::Codec => codec::section(rounds),
            Self::Engine => engine::section(rounds),
            Self::Scaling => scaling::section(rounds),
            Self::Broker => broker::section(rounds),
            Self::Clients => clients::section(rounds),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    match options.one {
        Some(One::Repeat { case, times }) => measure::repeat(&find(&case)?, times),
        Some(One::Count { group }) => {
            measure::repeat_all(cases().iter().filter(|case| case.group == group));
        }
        Some(One::Profile { case: Some(case) }) => print!("{}", measure::profile(&find(&case)?)?),
        Some(One::Profile { case: None }) => cases().iter().for_each(|case| println!("{}", case.name())),
        Some(One::Limit { address }) => limit::run(address)?,
        Some(One::Client { name, host, port, version, seconds }) => {
            println!("{}", clients::publish(&name, (host, port).into(), &version, seconds)?);
        }
        None => {
            let groups = if options.groups.is_empty() { Group::value_variants() } else { &options.groups };
            for group in groups {
                let section = group.run(options.rounds)?;
                println!("{}", section.text);
                if options.write {
                    section.write()?;
                }
            }
        }
    }
    Ok(())
}

/// The cases of all groups.
fn cases() -> Vec<Case> {
    [codec::cases(), engine::cases(), scaling::cases()].into_iter().flatten().collect()
}

fn find(name: &str) -> Result<Case, String> {
    let found = cases().into_iter().find(|case| case.name() == name);
    found.ok_or_else(|| format!("no case is named {name:?}; `profile` lists them"))
}
