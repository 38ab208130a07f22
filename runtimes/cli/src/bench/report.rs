//! What came of it, for people and for programs.

use core::time::Duration;

use hdrhistogram::Histogram;
use mqtt_engine::QoS;
use serde_json::{Value, json};

use super::{
    load::{Faults, Phase},
    plan::Plan,
    units::{bytes, counted, duration, grouped, per_second, percentiles, rate, seconds},
    words::version,
};

#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    /// Messages of one publisher that could be under way.
    pub(super) window: u64,
    /// How long connecting took, in nanoseconds.
    pub(super) connecting: u64,
    /// What was measured.
    pub(super) phase: Phase,
    /// Of the whole run.
    pub(super) faults: Faults,
    /// Processor time of this process while it was measured.
    pub(super) generator: Option<Duration>,
    pub(super) broker: Option<Broker>,
}

/// What the broker's process took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broker {
    pub(super) id: u32,
    /// Processor time while it was measured.
    pub(super) processor: Duration,
    /// Memory in bytes, before the first connection.
    pub(super) memory_before: u64,
    /// When all were there, and quiet.
    pub(super) memory_connected: u64,
    /// After the load.
    pub(super) memory_loaded: u64,
}

impl Broker {
    fn memory_per_connection(&self, connections: usize) -> u64 {
        self.memory_connected.saturating_sub(self.memory_before) / connections.max(1) as u64
    }
}

impl Report<'_> {
    /// What was not as it should have been.
    pub(super) fn failures(&self) -> Vec<String> {
        let Faults { lost, duplicated, out_of_order, is_stuck, .. } = self.faults;
        let qos = self.plan.qos;
        let mut failures = Vec::new();
        if is_stuck {
            failures.push(String::from("nothing moved for five seconds"));
        }
        if lost > 0 && qos > QoS::AtMostOnce {
            failures.push(format!("{lost} deliveries of QoS {} were lost", qos as u8));
        }
        if duplicated > 0 && qos != QoS::AtLeastOnce {
            failures.push(format!("{duplicated} deliveries of QoS {} came more than once", qos as u8));
        }
        // Different topics have no common order.
        if out_of_order > 0 && self.plan.topics == 1 {
            failures.push(format!("{out_of_order} deliveries were out of order"));
        }
        if self.phase.delivered == 0 && self.phase.published > 0 && self.plan.deliveries() > 0 {
            failures.push(String::from("no message arrived"));
        }
        if let Some(broker) =
            self.broker.filter(|broker| broker.processor.is_zero() && self.phase.published > 0)
        {
            failures.push(format!("process {} has done nothing, so it is not the broker", broker.id));
        }
        failures
    }

    /// A table.
    pub(super) fn text(&self) -> String {
        let (plan, phase) = (self.plan, &self.phase);
        let mut lines = vec![(
            "connections",
            format!(
                "{} in {}, {}/s",
                grouped(plan.connections() as u64),
                duration(self.connecting),
                per_second(plan.connections() as u64, self.connecting)
            ),
        )];
        if plan.publishers > 0 {
            let flow = |count| format!("{}, {}/s", grouped(count), per_second(count, phase.span));
            lines.push(("published", format!("{} in {}", flow(phase.published), duration(phase.span))));
            lines.push(("delivered", flow(phase.delivered)));
            lines.push(("trouble", self.trouble()));
            let name = if plan.rate.is_some() { "latency" } else { "in the window" };
            lines.push((name, percentiles(&phase.latency)));
            if plan.rate.is_some() {
                lines.push(("sent late by", percentiles(&phase.lateness)));
            }
            let cost = |time: Duration| format!("{} for {}", self.each(time), seconds(time));
            if let Some(broker) = &self.broker {
                lines.push(("broker's CPU", cost(broker.processor)));
            }
            if let Some(time) = self.generator {
                lines.push(("CPU here", cost(time)));
            }
        }
        if let Some(broker) = &self.broker {
            lines.push((
                "broker's memory",
                format!(
                    "{} before, {} connected ({} a connection), {} after the load",
                    bytes(broker.memory_before),
                    bytes(broker.memory_connected),
                    bytes(broker.memory_per_connection(plan.connections())),
                    bytes(broker.memory_loaded)
                ),
            ));
        }
        let lines: String = lines.iter().map(|(name, value)| format!("{name:<16} {value}\n")).collect();
        format!("{}\n{lines}", self.heading())
    }

    fn heading(&self) -> String {
        let plan = self.plan;
        let mut heading = format!(
            "{}, MQTT {}: {}, {}",
            plan.target.address(),
            version(plan.version),
            counted(plan.publishers, "publisher"),
            counted(plan.subscribers, "subscriber")
        );
        if plan.pairs {
            heading += " in pairs";
        }
        if let Some(group) = &plan.share {
            heading += &format!(" sharing as {group:?}");
        }
        if plan.topics > 1 {
            heading += &format!(", {} of each publisher", counted(plan.topics, "topic"));
        }
        if plan.idle > 0 {
            heading += &format!(", {} idle", plan.idle);
        }
        if plan.filters > 0 {
            heading += &format!(", {}", counted(plan.filters, "further filter"));
        }
        if plan.publishers > 0 {
            heading += &format!("; QoS {}, {} bytes, window {}", plan.qos as u8, plan.payload, self.window);
        }
        match plan.rate {
            Some(rate) => heading + &format!(", {rate} messages/s"),
            None => heading,
        }
    }

    fn trouble(&self) -> String {
        let Faults { lost, duplicated, out_of_order, stalls, .. } = self.faults;
        let trouble = format!("{lost} lost, {duplicated} doubled, {out_of_order} out of order");
        if stalls == 0 { trouble } else { format!("{trouble}; {} of 5 s", counted(stalls, "stall")) }
    }

    /// What a delivery costs, or a message that is delivered to nobody.
    fn each(&self, time: Duration) -> String {
        let (count, what) = match self.phase.delivered {
            0 => (self.phase.published, "message"),
            delivered => (delivered, "delivery"),
        };
        let each = per(time, count).map_or_else(|| String::from("-"), |each| format!("{each:.2}"));
        format!("{each} µs a {what}")
    }

    /// The same for programs. The names stay as they are.
    pub(super) fn json(&self) -> Value {
        let (plan, phase, faults) = (self.plan, &self.phase, self.faults);
        let failures = self.failures();
        let cost = |time: Duration| {
            json!({
                "cpu_seconds": time.as_secs_f64(),
                "cpu_us_per_message": per(time, phase.published),
                "cpu_us_per_delivery": per(time, phase.delivered),
            })
        };
        let broker = self.broker.map(|broker| {
            json!({
                "pid": broker.id,
                "cpu": cost(broker.processor),
                "memory_before_bytes": broker.memory_before,
                "memory_connected_bytes": broker.memory_connected,
                "memory_per_connection_bytes": broker.memory_per_connection(plan.connections()),
                "memory_loaded_bytes": broker.memory_loaded,
            })
        });
        json!({
            "target": plan.target.address(),
            "protocol": version(plan.version),
            "qos": plan.qos as u8,
            "payload_bytes": plan.payload,
            "publishers": plan.publishers,
            "topics": plan.topics,
            "subscribers": plan.subscribers,
            "pairs": plan.pairs,
            "share": plan.share,
            "idle": plan.idle,
            "filters": plan.filters,
            "window": self.window,
            "rate": plan.rate,
            "connections": plan.connections(),
            "connect_seconds": in_seconds(self.connecting),
            "connects_per_second": rate(plan.connections() as u64, self.connecting),
            "seconds": in_seconds(phase.span),
            "published": phase.published,
            "published_per_second": rate(phase.published, phase.span),
            "delivered": phase.delivered,
            "delivered_per_second": rate(phase.delivered, phase.span),
            "lost": faults.lost,
            "duplicated": faults.duplicated,
            "out_of_order": faults.out_of_order,
            "stalls": faults.stalls,
            "latency_from": if plan.rate.is_some() { "due" } else { "written" },
            "latency_us": in_json(&phase.latency),
            "sent_late_us": plan.rate.and_then(|_| in_json(&phase.lateness)),
            "generator": self.generator.map(|time| json!({ "cpu": cost(time) })),
            "broker": broker,
            "ok": failures.is_empty(),
            "failures": failures,
        })
    }
}

fn in_json(times: &Histogram<u64>) -> Option<Value> {
    let us = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
    let at = |quantile| us(times.value_at_quantile(quantile));
    (!times.is_empty()).then(|| {
        json!({
            "min": us(times.min()),
            "p50": at(0.5),
            "p90": at(0.9),
            "p99": at(0.99),
            "p999": at(0.999),
            "max": us(times.max()),
        })
    })
}

/// Microseconds for each.
fn per(time: Duration, count: u64) -> Option<f64> {
    (count > 0).then(|| time.as_secs_f64() * 1e6 / count as f64)
}

fn in_seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::tests::plan;

    fn report(plan: &Plan, faults: Faults) -> Report<'_> {
        let mut phase = Phase::new();
        (phase.span, phase.published, phase.delivered) = (2_000_000_000, 1_000_000, 2_000_000);
        for time in 1..=1000 {
            phase.latency.record(time * 1000).unwrap();
        }
        let broker = Broker {
            id: 7,
            processor: Duration::from_secs(3),
            memory_before: 1 << 20,
            memory_connected: 2 << 20,
            memory_loaded: 30 << 20,
        };
        let generator = Some(Duration::from_millis(500));
        Report { plan, window: 1000, connecting: 1_500_000, phase, faults, generator, broker: Some(broker) }
    }

    #[test]
    fn the_table_is_aligned_and_has_units() {
        let plan = plan(&["-h", "::1", "--subscribers", "2", "--idle", "1021"]);
        let text = report(&plan, Faults::default()).text();
        let expected = "\
[::1]:1883, MQTT 5.0: 1 publisher, 2 subscribers, 1021 idle; QoS 0, 64 bytes, window 1000
connections      1,024 in 1.5 ms, 682,667/s
published        1,000,000, 500,000/s in 2.00 s
delivered        2,000,000, 1,000,000/s
trouble          0 lost, 0 doubled, 0 out of order
in the window    min 1 µs, p50 500 µs, p90 900 µs, p99 990 µs, p99.9 999 µs, max 1.0 ms
broker's CPU     1.50 µs a delivery for 3.00 s
CPU here         0.25 µs a delivery for 0.50 s
broker's memory  1024.0 KiB before, 2048.0 KiB connected (1024 B a connection), 30.0 MiB after the load
";
        assert_eq!(text, expected);
    }

    #[test]
    fn people_are_told_of_stalls() {
        let plan = plan(&["--topics", "3"]);
        let text = report(&plan, Faults { lost: 7, stalls: 2, ..Faults::default() }).text();
        assert!(text.contains("1 subscriber, 3 topics of each publisher; QoS 0"), "{text}");
        let line = "trouble          7 lost, 0 doubled, 0 out of order; 2 stalls of 5 s\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn json_has_the_same_in_numbers() {
        let plan = plan(&["--subscribers", "2"]);
        let json = report(&plan, Faults { lost: 3, ..Faults::default() }).json();
        assert_eq!(
            (&json["lost"], &json["ok"], &json["broker"]["cpu"]["cpu_us_per_message"]),
            (&3.into(), &true.into(), &3.0.into())
        );
        assert_eq!((&json["published_per_second"], &json["rate"]), (&500_000.0.into(), &Value::Null));
    }

    #[test]
    fn a_process_that_did_nothing_is_not_the_broker() {
        let plan = plan(&[]);
        let mut report = report(&plan, Faults::default());
        report.broker.as_mut().unwrap().processor = Duration::ZERO;
        assert_eq!(report.failures(), ["process 7 has done nothing, so it is not the broker"]);
    }

    #[test]
    fn each_qos_has_its_promises() {
        let every = Faults { lost: 1, duplicated: 2, out_of_order: 3, stalls: 1, is_stuck: false };
        for (qos, words) in [
            ("0", &["2 deliveries of QoS 0 came more than once", "3 deliveries were out of order"][..]),
            ("1", &["1 deliveries of QoS 1 were lost", "3 deliveries were out of order"]),
            (
                "2",
                &[
                    "1 deliveries of QoS 2 were lost",
                    "2 deliveries of QoS 2 came more than once",
                    "3 deliveries were out of order",
                ],
            ),
        ] {
            let plan = plan(&["-q", qos]);
            assert!(report(&plan, Faults::default()).failures().is_empty());
            assert_eq!(report(&plan, every).failures(), words);
            // Between topics nobody promises an order.
            let several = super::super::plan::tests::plan(&["-q", qos, "--topics", "2"]);
            let but_order = &words[..words.len() - 1];
            assert_eq!(report(&several, every).failures(), but_order);
        }
    }
}
