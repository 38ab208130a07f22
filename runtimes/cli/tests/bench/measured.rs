//! What the report says.

use serde_json::Value;

use crate::{
    bench,
    support::{Broker, run},
};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_fields_of_json_are_those_that_the_readme_names() {
    let broker = Broker::start(&[]);
    let bench = bench(
        &broker.port,
        &["--messages", "1000", "--idle", "10", "--broker-pid", &broker.id().to_string()],
    );
    bench.expect_all(1000, 1000);
    let report = &bench.report;
    assert_eq!(
        keys(report).join(" "),
        "target protocol qos payload_bytes publishers topics subscribers pairs share idle filters window rate connections \
         connect_seconds connects_per_second seconds published published_per_second delivered delivered_per_second \
         lost duplicated out_of_order stalls latency_from latency_us sent_late_us generator broker ok failures"
    );
    let cost = ["cpu_seconds", "cpu_us_per_message", "cpu_us_per_delivery"];
    assert_eq!(keys(&report["latency_us"]), ["min", "p50", "p90", "p99", "p999", "max"]);
    for who in ["generator", "broker"] {
        assert_eq!(keys(&report[who]["cpu"]), cost);
        let [seconds, message, delivery] = cost.map(|name| number(&report[who]["cpu"][name]));
        assert!(seconds > 0.0 && message == delivery && (message * 1000.0 / 1e6 - seconds).abs() < 1e-9);
    }
    assert_eq!(
        keys(&report["broker"]).join(" "),
        "pid cpu memory_before_bytes memory_connected_bytes memory_per_connection_bytes memory_loaded_bytes"
    );
    for name in ["memory_before_bytes", "memory_connected_bytes", "memory_loaded_bytes"] {
        assert!(number(&report["broker"][name]) > 1e6, "{name} in {report}");
    }
    assert_eq!((&report["broker"]["pid"], &report["latency_from"]), (&broker.id().into(), &"written".into()));
    let rate = number(&report["published_per_second"]) * number(&report["seconds"]);
    assert!((rate - 1000.0).abs() < 1e-6, "{report}");
}

#[test]
fn with_a_rate_latencies_count_from_when_a_message_was_due() {
    let broker = Broker::start(&[]);
    // The last of 250 messages is due 498 ms after the first.
    let bench = bench(&broker.port, &["--rate", "500", "--seconds", "0.5", "--publishers", "2"]);
    bench.expect_all(250, 250);
    let report = &bench.report;
    assert_eq!((&report["latency_from"], number(&report["rate"])), (&"due".into(), 500.0));
    assert!(number(&report["seconds"]) > 0.498, "{report}");
    for times in ["latency_us", "sent_late_us"] {
        let times: Vec<f64> = ["min", "p50", "p90", "p99", "p999", "max"]
            .iter()
            .map(|name| number(&report[times][name]))
            .collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    assert!(number(&report["latency_us"]["max"]) > 0.0);
}

#[test]
fn a_run_may_be_counted_in_seconds() {
    let broker = Broker::start(&[]);
    let bench = bench(&broker.port, &["--seconds", "0.3", "--window", "10"]);
    let published = bench.count("published");
    bench.expect_all(published, published);
    assert!(published > 0 && number(&bench.report["seconds"]) >= 0.3, "{bench:?}");
}

#[test]
fn people_get_a_table() {
    let broker = Broker::start(&[]);
    let pid = broker.id().to_string();
    let run =
        run(&["bench", "-p", &broker.port, "--messages", "1200", "--rate", "4000", "--broker-pid", &pid]);
    assert_eq!((run.code, &*run.err), (0, ""));
    let lines: Vec<&str> = run.out.lines().collect();
    let heading = format!(
        "localhost:{}, MQTT 5.0: 1 publisher, 1 subscriber; QoS 0, 64 bytes, window 1000, 4000 messages/s",
        broker.port
    );
    let begins = [
        &heading,
        "connections      2 in ",
        "published        1,200, ",
        "delivered        1,200, ",
        "trouble          0 lost, 0 doubled, 0 out of order",
        "latency          min ",
        "sent late by     min ",
        "broker's CPU     ",
        "CPU here         ",
        "broker's memory  ",
    ];
    assert_eq!(lines.len(), begins.len(), "{}", run.out);
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line:?} does not begin with {begin:?}");
    }
}

#[test]
fn another_process_than_the_broker_is_noticed() {
    let (broker, other) = (Broker::start(&[]), Broker::start(&[]));
    let bench = bench(&broker.port, &["--messages", "100", "--broker-pid", &other.id().to_string()]);
    assert_eq!((bench.code, bench.count("delivered")), (1, 100), "{bench:?}");
    assert!(bench.err.contains("has done nothing, so it is not the broker"), "{}", bench.err);
}
