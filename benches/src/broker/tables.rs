//! What the runs found out, in tables.

use super::{Figure, WORKLOADS, Workload, load::Report};
use crate::report::{Grid, NONE, readable};

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
            connections: Grid::new("idle connections"),
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
        let of = |figure: fn(&Report) -> f64| median(reports.iter().map(figure).collect());
        let cell = |text: String| if reports.is_empty() { NONE.to_owned() } else { text };
        if workload.figure == Figure::Connections {
            let memory = readable(of(|report| report.memory_per_connection_bytes));
            self.connections.set("bytes a connection", broker, cell(memory));
            let rate = readable(of(|report| report.connects_per_second));
            self.connections.set("connections a second", broker, cell(rate));
            return;
        }
        let rate = readable(of(|report| report.delivered_per_second));
        let processor = format!("{:.2} ({rate})", of(|report| report.cpu_us_per_delivery));
        self.processor.set(workload.name, broker, cell(processor));
        if workload.figure == Figure::Latency {
            let (p50, p99) = (of(|report| report.p50_us), of(|report| report.p99_us));
            self.latency.set(workload.name, broker, cell(format!("{}; {}", readable(p50), readable(p99))));
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

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

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
