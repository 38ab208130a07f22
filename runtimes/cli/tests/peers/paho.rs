//! paho-mqtt for Python on our `mqtt broker`. The flows are in `paho_flows.py`.

use std::process::Command;

use crate::{
    both_versions,
    process::Process,
    programs::{Broker, Version, have_paho, python},
};

both_versions! { every_qos, retained, will, session, takeover }

fn every_qos(version: Version) {
    run("every_qos", version);
}

fn retained(version: Version) {
    run("retained", version);
}

fn will(version: Version) {
    run("will", version);
}

fn session(version: Version) {
    run("session", version);
}

fn takeover(version: Version) {
    run("takeover", version);
}

#[test]
fn v5_properties() {
    run("properties", Version::V5);
}

#[test]
fn v5_subscription_options() {
    run("subscription_options", Version::V5);
}

/// Runs one flow against a broker of its own.
fn run(flow: &str, version: Version) {
    if !have_paho() {
        return;
    }
    let broker = Broker::ours();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/paho_flows.py");
    let mut paho = Command::new(python());
    paho.args([script, &broker.port.to_string(), version.ours(), flow]).env("PYTHONDONTWRITEBYTECODE", "1");
    Process::start(&mut paho).finish().expect_success();
    broker.process.terminate();
    let ended = broker.process.finish().expect_success();
    assert!(ended.err.iter().all(|line| !line.contains("panicked")), "{ended:?}");
}
