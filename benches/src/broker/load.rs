//! One run of `mqtt bench`.

use std::{error::Error, net::SocketAddr, process::Command};

use serde_json::Value;

use super::{contender::Build, running::OTHER_CORE};

/// What is read of a run's report; not a number where that was not measured.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) cpu_us_per_delivery: f64,
    pub(super) delivered_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) memory_per_connection_bytes: f64,
    pub(super) memory_loaded_bytes: f64,
    pub(super) connects_per_second: f64,
    pub(super) delivered: f64,
    /// Of QoS 0, where that is no failure.
    pub(super) lost: f64,
    pub(super) stalls: f64,
    /// Which part of the time each had its core: 1 is all.
    pub(super) broker_busy: f64,
    pub(super) load_busy: f64,
}

/// Puts load on the broker that listens at the address and is the process.
///
/// # Errors
///
/// The run failed, or did not deliver what it should, or nothing moved for a while: it says why.
pub(super) fn run<'a>(
    build: &Build,
    (address, process_id): (SocketAddr, u32),
    options: impl Iterator<Item = &'a str>,
) -> Result<Report, Box<dyn Error>> {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", OTHER_CORE])
        .arg(&build.mqtt)
        .args(["bench", "--quiet", "--json", "-V", "311"]);
    command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--broker-pid", &process_id.to_string()]).args(options);
    let output = command.output()?;
    if !output.status.success() {
        // Each run has its own port, which is no part of the reason.
        let words = words(&String::from_utf8_lossy(&output.stderr)).replace(&address.to_string(), "it");
        return Err(words.into());
    }
    checked(read(&serde_json::from_slice(&output.stdout)?)).map_err(Into::into)
}

/// What a command says when it fails, without the advice that follows.
fn words(said: &str) -> &str {
    let first = said.trim().lines().next().unwrap_or("it failed without a word");
    first.strip_prefix("error: ").unwrap_or(first)
}

/// A run in which nothing moved for seconds tells nothing about speed.
fn checked(report: Report) -> Result<Report, &'static str> {
    if report.stalls == 0.0 { Ok(report) } else { Err("nothing moved for five seconds") }
}

fn read(report: &Value) -> Report {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let seconds = number("/seconds");
    Report {
        cpu_us_per_delivery: number("/broker/cpu/cpu_us_per_delivery"),
        delivered_per_second: number("/delivered_per_second"),
        p50_us: number("/latency_us/p50"),
        p99_us: number("/latency_us/p99"),
        memory_per_connection_bytes: number("/broker/memory_per_connection_bytes"),
        memory_loaded_bytes: number("/broker/memory_loaded_bytes"),
        connects_per_second: number("/connects_per_second"),
        delivered: number("/delivered"),
        lost: number("/lost"),
        stalls: number("/stalls"),
        broker_busy: number("/broker/cpu/cpu_seconds") / seconds,
        load_busy: number("/generator/cpu/cpu_seconds") / seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::{checked, read, words};

    #[test]
    fn what_was_not_measured_is_no_number() {
        let report = serde_json::json!({
            "delivered_per_second": 5.5, "latency_us": { "p50": 7 }, "broker": { "cpu": { "cpu_us_per_delivery": null } }
        });
        let report = read(&report);
        assert_eq!((report.delivered_per_second, report.p50_us), (5.5, 7.0));
        assert!(report.cpu_us_per_delivery.is_nan() && report.p99_us.is_nan());
    }

    #[test]
    fn a_stall_is_an_error() {
        let report = serde_json::json!({
            "seconds": 2.0, "lost": 3, "stalls": 0,
            "generator": { "cpu": { "cpu_seconds": 1.0 } }, "broker": { "cpu": { "cpu_seconds": 1.5 } }
        });
        let measured = checked(read(&report)).expect("it has no stall");
        assert_eq!((measured.broker_busy, measured.load_busy, measured.lost), (0.75, 0.5, 3.0));
        let mut stalled = report;
        stalled["stalls"] = 1.into();
        assert!(checked(read(&stalled)).is_err());
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(words("error: it is over\n  start anew\n"), "it is over");
    }
}
