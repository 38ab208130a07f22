//! Certificates that are renewed while the broker runs.

use std::{fs, process::Command};

use crate::{
    certificates::{Authority, Pair},
    process::{Ended, Process},
    programs::MQTT,
};

#[test]
fn sighup_takes_over_renewed_certificates_and_disturbs_nobody() {
    let (former, next) = (Authority::new(), Authority::new());
    let shown = former.server();
    let mut broker = Command::new(MQTT);
    broker.args([
        "broker",
        "--listen",
        "mqtts://127.0.0.1:0",
        "--tls-cert",
        &shown.certificate,
        "--tls-key",
        &shown.key,
    ]);
    let mut broker = Process::start(&mut broker);
    let url = broker.wait_for("listening on ").strip_prefix("listening on ").unwrap().to_owned();
    let mqtt = |command: &str, authority: &Authority, arguments: &[&str]| {
        let mut mqtt = Command::new(MQTT);
        mqtt.args([command, "-L", &url, "--cafile", &authority.file(), "-t", "a", "-q", "1"]).args(arguments);
        mqtt
    };
    let publish = |authority: &Authority, message: &str| -> Ended {
        Process::start(&mut mqtt("pub", authority, &["-m", message])).finish()
    };
    Process::start(&mut mqtt("pub", &former, &["-m", "ready", "-r"])).finish().expect_success();
    let mut sub = Process::start(&mut mqtt("sub", &former, &[]));
    assert_eq!(sub.next_line(), "ready");

    let Pair { certificate, key } = next.server();
    fs::copy(&certificate, &shown.certificate).unwrap();
    // The key is not there yet: nothing changes.
    broker.hang_up();
    let line = broker.wait_for("not reloaded");
    assert!(line.contains("is not the key of the certificate"), "{line}");
    publish(&former, "still").expect_success();
    assert_eq!(sub.next_line(), "still");

    fs::copy(&key, &shown.key).unwrap();
    broker.hang_up();
    broker.wait_for("reloaded passwords, permissions and certificates");
    publish(&next, "renewed").expect_success();
    assert_eq!(sub.next_line(), "renewed", "who was there still is");
    assert!(!publish(&former, "never").status.success());
    broker.terminate();
    broker.finish().expect_success();
}
