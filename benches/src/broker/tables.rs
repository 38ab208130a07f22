//! What the runs found out, in tables.

use super::{Figure, WORKLOADS, Workload, load::Report, runs};
use crate::{
    measure::Spread,
    report::{Grid, NONE, readable},
};

/// Who has a core for this part of the time is limited by it: the rest goes to the other processes of the machine.
const BUSY: f64 = 0.9;
const MIB: f64 = 1_048_576.0;

/// What came of the runs of a workload, or why it was not possible.
pub(super) type Outcome = Result<Vec<Report>, String>;

/// The tables of the group.
pub(super) struct Tables {
    processor: Grid,
    latency: Grid,
    connections: Grid,
    /// Broker, reason and workloads.
    reasons: Vec<(String, String, Vec<&'static str>)>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            processor: Grid::new("broker's processor time, µs a delivery (deliveries a second)"),
            latency: Grid::new("latency, µs: median; 99 %"),
            connections: Grid::new("memory and connections"),
            reasons: Vec::new(),
        }
    }
}

impl Tables {
    /// All of them, and a paragraph about what has no figures.
    pub(super) fn text(&self) -> String {
        let [processor, latency, connections] =
            [&self.processor, &self.latency, &self.connections].map(Grid::markdown);
        format!("{processor}\n{latency}\n{connections}\n{}", self.reasons())
    }

    pub(super) fn add(&mut self, workload: &Workload, broker: &str, outcome: Outcome) {
        let reports = match outcome {
            Ok(reports) => reports,
            Err(reason) => {
                self.excuse(workload.name, broker, reason);
                Vec::new()
            }
        };
        let Workload { name, figure, .. } = workload;
        let cell = |text: fn(&[Report]) -> String| {
            if reports.is_empty() { NONE.to_owned() } else { text(&reports) + &lost(&reports) }
        };
        if *figure == Figure::Connections {
            let row = format!("bytes a connection, {name}");
            let text = cell(|reports| shown(reports, |report| report.memory_per_connection_bytes));
            self.connections.set(&row, broker, text);
            let text = cell(|reports| shown(reports, |report| report.connects_per_second));
            self.connections.set("such connections a second", broker, text);
            return;
        }
        self.processor.set(name, broker, cell(processor));
        if *figure == Figure::Memory {
            let text = cell(|reports| shown(reports, |report| report.memory_loaded_bytes / MIB));
            self.connections.set(&format!("MiB after the load, {name}"), broker, text);
        }
        if *figure == Figure::Latency {
            self.latency.set(name, broker, cell(latency));
        }
    }

    fn excuse(&mut self, workload: &'static str, broker: &str, reason: String) {
        let same = |(other, why, _): &&mut (String, String, _)| other == broker && *why == reason;
        match self.reasons.iter_mut().find(same) {
            Some((_, _, workloads)) => workloads.push(workload),
            None => self.reasons.push((broker.to_owned(), reason, vec![workload])),
        }
    }

    fn reasons(&self) -> String {
        let mut text = String::new();
        for (broker, reason, workloads) in &self.reasons {
            let which = if workloads.len() == WORKLOADS.len() {
                "every workload".to_owned()
            } else {
                workloads.join("; ")
            };
            text += &format!("{NONE} {broker}, {which}: {reason}.\\\n");
        }
        if text.is_empty() { text } else { format!("{}\n\n", text.trim_end_matches("\\\n")) }
    }
}

fn figures(reports: &[Report], figure: fn(&Report) -> f64) -> Vec<f64> {
    reports.iter().map(figure).collect()
}

fn shown(reports: &[Report], figure: fn(&Report) -> f64) -> String {
    runs::shown(figures(reports, figure), readable)
}

fn latency(reports: &[Report]) -> String {
    format!("{}; {}", shown(reports, |report| report.p50_us), shown(reports, |report| report.p99_us))
}

/// What a delivery cost, and how many there were. A rate is the broker's only if the broker had no time left.
fn processor(reports: &[Report]) -> String {
    let cost = runs::shown(figures(reports, |report| report.cpu_us_per_delivery), runs::microseconds);
    let median = |figure| Spread::of(figures(reports, figure)).median;
    let rate = readable(median(|report| report.delivered_per_second));
    let busy = median(|report| report.broker_busy);
    if busy >= BUSY {
        format!("{cost} ({rate})")
    } else if median(|report| report.load_busy) >= BUSY {
        format!("{cost} (≥ {rate})")
    } else {
        format!("{cost} ({rate}; {:.0} % busy)", 100.0 * busy)
    }
}

/// A word about what did not arrive, in the worst of the runs.
fn lost(reports: &[Report]) -> String {
    let share = |report: &Report| report.lost / (report.lost + report.delivered);
    let percent = 100.0 * reports.iter().map(share).fold(0.0, f64::max);
    match percent {
        0.0 => String::new(),
        0.1.. => format!(", {percent:.1} % lost"),
        _ => ", < 0.1 % lost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One whose broker and whose load had these parts of the time, and which lost so many of 1000.
    fn report(broker_busy: f64, load_busy: f64, lost: f64) -> Report {
        Report {
            cpu_us_per_delivery: 2.0,
            delivered_per_second: 5000.0,
            p50_us: 20.0,
            p99_us: 30.0,
            memory_per_connection_bytes: 400.0,
            memory_loaded_bytes: 3.0 * MIB,
            connects_per_second: 60.0,
            delivered: 1000.0 - lost,
            lost,
            stalls: 0.0,
            broker_busy,
            load_busy,
        }
    }

    #[test]
    fn a_rate_says_whose_it_is() {
        let cell = |broker, load| processor(&[report(broker, load, 0.0)]);
        assert_eq!(cell(0.97, 0.99), "2.00 (5,000)");
        assert_eq!(cell(0.5, 0.99), "2.00 (≥ 5,000)");
        assert_eq!(cell(0.034, 0.02), "2.00 (5,000; 3 % busy)");
    }

    #[test]
    fn what_was_lost_is_told_in_every_cell() {
        let mut tables = Tables::default();
        for workload in &WORKLOADS {
            tables.add(workload, "a", Ok(vec![report(1.0, 1.0, 0.0), report(1.0, 1.0, 50.0)]));
        }
        let text = tables.text();
        let cells = text.lines().filter(|line| line.contains('±')).count();
        let marked = text.lines().filter(|line| line.ends_with(", 5.0 % lost |")).count();
        // Latencies of two workloads, memory of one; and two rows for the one that has no processor time.
        assert_eq!((cells, marked), (WORKLOADS.len() + 4, WORKLOADS.len() + 4), "{text}");
        assert!(text.contains("| 3.0 ± 0.0, 5.0 % lost |"), "{text}");
        assert_eq!(lost(&[report(1.0, 1.0, 0.5)]), ", < 0.1 % lost");
    }

    #[test]
    fn reasons_are_told_once_for_each_broker() {
        let mut tables = Tables::default();
        tables.add(&WORKLOADS[0], "a", Err("no".to_owned()));
        tables.add(&WORKLOADS[2], "a", Err("no".to_owned()));
        WORKLOADS.iter().for_each(|workload| tables.add(workload, "b", Err("never".to_owned())));
        let told = tables.reasons();
        let expected = "– a, 1 → 1, QoS 0; 1 → 1, QoS 2, window 20: no.\\\n– b, every workload: never.\n\n";
        assert_eq!(told, expected);
        assert!(tables.latency.markdown().contains("| – |"), "{}", tables.latency.markdown());
    }
}
