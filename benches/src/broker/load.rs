//! One run of `mqtt bench`.

use std::{error::Error, net::SocketAddr, process::Command};

use serde_json::Value;

use super::contender::Build;

/// The broker runs on the other one.
const CORE: &str = "1";

/// What is read of a run's report; not a number where that was not measured.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) cpu_us_per_delivery: f64,
    pub(super) delivered_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) memory_per_connection_bytes: f64,
    pub(super) connects_per_second: f64,
    #[cfg(test)]
    pub(super) delivered: f64,
    #[cfg(test)]
    pub(super) lost: f64,
}

/// Puts load on the broker that listens at the address and is the process.
///
/// # Errors
///
/// The run failed, or did not deliver what it should: it says why.
pub(super) fn run<'a>(
    build: &Build,
    (address, process_id): (SocketAddr, u32),
    options: impl Iterator<Item = &'a str>,
) -> Result<Report, Box<dyn Error>> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", CORE]).arg(&build.mqtt).args(["bench", "--quiet", "--json", "-V", "311"]);
    command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--broker-pid", &process_id.to_string()]).args(options);
    let output = command.output()?;
    if !output.status.success() {
        // Each run has its own port, which is no part of the reason.
        let words = words(&String::from_utf8_lossy(&output.stderr)).replace(&address.to_string(), "it");
        return Err(words.into());
    }
    Ok(read(&serde_json::from_slice(&output.stdout)?))
}

/// What a command says when it fails, without the advice that follows.
fn words(said: &str) -> &str {
    let first = said.trim().lines().next().unwrap_or("it failed without a word");
    first.strip_prefix("error: ").unwrap_or(first)
}

fn read(report: &Value) -> Report {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    Report {
        cpu_us_per_delivery: number("/broker/cpu/cpu_us_per_delivery"),
        delivered_per_second: number("/delivered_per_second"),
        p50_us: number("/latency_us/p50"),
        p99_us: number("/latency_us/p99"),
        memory_per_connection_bytes: number("/broker/memory_per_connection_bytes"),
        connects_per_second: number("/connects_per_second"),
        #[cfg(test)]
        delivered: number("/delivered"),
        #[cfg(test)]
        lost: number("/lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, words};

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
    fn a_reason_is_one_line() {
        assert_eq!(words("error: it is over\n  start anew\n"), "it is over");
    }
}
