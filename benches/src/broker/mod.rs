//! Brokers on loopback, under the load of `mqtt bench`: broker and load on a core each.

mod contender;
mod load;
mod running;
pub(crate) mod runs;
mod tables;

use std::{error::Error, num::NonZeroUsize};

pub(crate) use self::{contender::Broker, running::OTHER_CORE};
use self::{
    contender::Build,
    load::Report,
    tables::{Outcome, Tables},
};
use crate::report::{self, Section};

/// What is put on a broker: the options of `mqtt bench`, and what is read of its report. All in 3.1.1, which every broker speaks.
struct Workload {
    name: &'static str,
    options: &'static [&'static str],
    figure: Figure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    /// The broker's processor time for each delivery.
    PerDelivery,
    /// The same, and how long messages were on their way.
    Latency,
    /// The same, and its memory after that.
    Memory,
    /// Memory of each connection, and the rate of connecting.
    Connections,
}

const WORKLOADS: [Workload; 11] = [
    Workload { name: "1 → 1, QoS 0", options: &["--seconds", "2"], figure: Figure::PerDelivery },
    Workload {
        name: "1 → 1, QoS 1, window 100",
        options: &["--seconds", "2", "-q", "1", "--window", "100"],
        figure: Figure::Memory,
    },
    Workload {
        name: "1 → 1, QoS 2, window 20",
        options: &["--seconds", "2", "-q", "2", "--window", "20"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 100, QoS 0",
        options: &["--seconds", "2", "--subscribers", "100"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 100, QoS 1, window 100",
        options: &["--seconds", "2", "--subscribers", "100", "-q", "1"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "100 → 1, QoS 0, window 20",
        options: &["--seconds", "2", "--publishers", "100", "--window", "20"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 1, QoS 0, 100 topics in turn",
        options: &["--seconds", "2", "--topics", "100"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 1, QoS 0, 100 topics in turn, beside 10,000 wildcard subscriptions",
        options: &["--seconds", "2", "--topics", "100", "--filters", "10000"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "10,000 a second, QoS 0",
        options: &["--seconds", "3", "--rate", "10000"],
        figure: Figure::Latency,
    },
    Workload {
        name: "10,000 a second, QoS 1",
        options: &["--seconds", "3", "--rate", "10000", "-q", "1"],
        figure: Figure::Latency,
    },
    Workload {
        name: "10,000 idle connections, each with a subscription",
        options: &["--messages", "1000", "--idle", "10000"],
        figure: Figure::Connections,
    },
];

/// Puts each workload on each broker, in turn, and each time on a fresh one.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let build = Build::of_the_command()?;
    let brokers = Broker::installed(&build);
    let mut tables = Tables::default();
    for workload in &WORKLOADS {
        eprintln!("broker: {}", workload.name);
        let mut outcomes: Vec<Outcome> = brokers.iter().map(|_| Ok(Vec::new())).collect();
        for _ in 0..rounds.get() {
            for (broker, outcome) in brokers.iter().zip(&mut outcomes) {
                let Ok(reports) = outcome else { continue };
                match run(&build, broker, workload) {
                    Ok(report) => reports.push(report),
                    Err(reason) if broker.is_peer() => *outcome = Err(reason.to_string()),
                    Err(reason) => {
                        return Err(format!("{}, {}: {reason}", broker.name(), workload.name).into());
                    }
                }
            }
        }
        for (broker, outcome) in brokers.iter().zip(outcomes) {
            tables.add(workload, broker.name(), outcome);
        }
    }
    let versions: Vec<String> = brokers.iter().filter_map(Broker::version).collect();
    let text = format!(
        "{}{}, in 3.1.1. {} Brokers: {}.\n",
        tables.text(),
        runs::told(rounds, "2 to 3 seconds"),
        report::facts(&[]),
        versions.join(", ")
    );
    Ok(Section { group: "broker", text, charts: Vec::new() })
}

fn run(build: &Build, broker: &Broker, workload: &Workload) -> Result<Report, Box<dyn Error>> {
    let running = broker.start()?;
    let process = (running.address, running.process_id());
    load::run(build, process, workload.options.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::tests::Serving;

    /// The same with few messages, connections and filters.
    fn small(workload: &Workload) -> impl Iterator<Item = &'static str> {
        let pairs = workload.options.chunks(2).map(|pair| match pair[0] {
            "--seconds" | "--messages" => ["--messages", "500"],
            "--idle" | "--filters" => [pair[0], "300"],
            option => [option, pair[1]],
        });
        pairs.flatten()
    }

    #[test]
    fn what_was_written_by_hand_does_every_workload_and_loses_nothing() {
        let build = Build::of_the_command().expect("it builds");
        for workload in &WORKLOADS {
            let serving = Serving::start();
            let process = (serving.address, std::process::id());
            let report = load::run(&build, process, small(workload)).expect(workload.name);
            assert_eq!((report.lost, serving.end() > 0), (0.0, true), "{}", workload.name);
            assert!(report.delivered >= 500.0, "{}: {report:?}", workload.name);
        }
    }

    #[test]
    fn each_broker_that_is_installed_delivers() {
        let build = Build::of_the_command().expect("it builds");
        let brokers = Broker::installed(&build);
        // The others are not in every distribution.
        let is_there = brokers.iter().any(|broker| matches!(broker, Broker::Mosquitto(_)));
        assert!(
            is_there || std::env::var_os("MQTT_REQUIRE_PEERS").is_none(),
            "mosquitto is not installed, but required"
        );
        // That of this program has a test of its own.
        let tested = |broker: &&Broker| !matches!(broker, Broker::ByHand);
        for broker in brokers.iter().filter(tested) {
            let name = broker.name();
            let running = broker.start().expect(name);
            let process = (running.address, running.process_id());
            let report = load::run(&build, process, small(&WORKLOADS[1])).expect(name);
            assert_eq!(report.delivered, 500.0, "{name}");
        }
    }
}
