//! Brokers on loopback, under the load of `mqtt bench`: broker and load on a core each.

mod load;
mod program;

use std::{error::Error, num::NonZeroUsize};

use self::{
    load::Report,
    program::{Broker, Build},
};
use crate::report::{self, Grid, Section, readable};

/// More rounds would take hours.
const MOST_ROUNDS: usize = 5;

/// What is put on a broker: the options of `mqtt bench`, and what is read of its report.
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
    /// Memory and the rate of connecting.
    Connections,
}

const WORKLOADS: [Workload; 10] = [
    Workload { name: "1 → 1, QoS 0", options: &["--seconds", "2"], figure: Figure::PerDelivery },
    Workload {
        name: "1 → 1, QoS 1, window 100",
        options: &["--seconds", "2", "-q", "1", "-V", "311", "--window", "100"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 1, QoS 2, window 20",
        options: &["--seconds", "2", "-q", "2", "-V", "311", "--window", "20"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 100, QoS 0",
        options: &["--seconds", "2", "--subscribers", "100"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 100, QoS 1, window 100",
        options: &["--seconds", "2", "--subscribers", "100", "-q", "1", "-V", "311"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "100 → 1, QoS 0",
        options: &["--seconds", "2", "--publishers", "100", "--window", "20"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "1 → 1, QoS 0, beside 10,000 wildcard subscriptions",
        options: &["--seconds", "2", "--filters", "10000"],
        figure: Figure::PerDelivery,
    },
    Workload {
        name: "10,000 a second, QoS 0",
        options: &["--seconds", "3", "--rate", "10000"],
        figure: Figure::Latency,
    },
    Workload {
        name: "10,000 a second, QoS 1",
        options: &["--seconds", "3", "--rate", "10000", "-q", "1", "-V", "311"],
        figure: Figure::Latency,
    },
    Workload {
        name: "10,000 idle connections",
        options: &["--messages", "1000", "--idle", "10000"],
        figure: Figure::Connections,
    },
];

/// Puts each workload on each broker, in turn, and each time on a fresh one.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let build = Build::of_the_command()?;
    let brokers = Broker::installed(&build);
    let rounds = rounds.get().min(MOST_ROUNDS);
    let mut tables = Tables::default();
    for workload in &WORKLOADS {
        let mut reports = vec![Vec::new(); brokers.len()];
        for _ in 0..rounds {
            for (broker, reports) in brokers.iter().zip(&mut reports) {
                let running = broker.start()?;
                reports.push(load::run(&build, &running, workload.options)?);
            }
        }
        for (broker, reports) in brokers.iter().zip(&reports) {
            tables.add(workload, broker.name(), reports);
        }
    }
    let versions: Vec<String> = brokers.iter().map(Broker::version).collect();
    let runs = if rounds == 1 { "One run".to_owned() } else { format!("Medians of {rounds} runs") };
    let text = format!(
        "{}\n{}\n{}\n{runs} of 2 to 3 seconds. {} Brokers: {}.\n",
        tables.processor.markdown(),
        tables.latency.markdown(),
        tables.connections.markdown(),
        report::facts(&[]),
        versions.join(", ")
    );
    Ok(Section { group: "broker", text, charts: Vec::new() })
}

struct Tables {
    processor: Grid,
    latency: Grid,
    connections: Grid,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            processor: Grid::new("broker's processor time, µs a delivery (deliveries a second)"),
            latency: Grid::new("latency, µs: median; 99 %"),
            connections: Grid::new("idle connections"),
        }
    }
}

impl Tables {
    fn add(&mut self, workload: &Workload, broker: &str, reports: &[Report]) {
        let of = |figure: fn(&Report) -> f64| median(reports.iter().map(figure).collect());
        let rate = readable(of(|report| report.delivered_per_second));
        let processor = format!("{:.2} ({rate})", of(|report| report.cpu_us_per_delivery));
        match workload.figure {
            Figure::PerDelivery => self.processor.set(workload.name, broker, processor),
            Figure::Latency => {
                self.processor.set(workload.name, broker, processor);
                let latency = format!(
                    "{}; {}",
                    readable(of(|report| report.p50_us)),
                    readable(of(|report| report.p99_us))
                );
                self.latency.set(workload.name, broker, latency);
            }
            Figure::Connections => {
                let memory = readable(of(|report| report.memory_per_connection_bytes));
                self.connections.set("bytes a connection", broker, memory);
                let rate = readable(of(|report| report.connects_per_second));
                self.connections.set("connections a second", broker, rate);
            }
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
