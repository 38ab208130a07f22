//! Users by their certificates.

use std::{fs, process::Command};

use crate::{
    certificates::{Authority, Pair},
    process::{Ended, Process},
    programs::MQTT,
};

#[test]
fn a_certificate_names_the_user_and_nobody_else_passes_for_it() {
    let authority = Authority::new();
    let server = authority.server();
    let config = authority.folder().join("broker.toml");
    let text = format!(
        "[[listener]]
address = '127.0.0.1:0'
tls = {{ certificate = '{}', key = '{}', client_ca = '{}' }}
allow_anonymous = false
[permissions.user.sensor-1]
both = ['own/%u']
[permissions.all_users]
publish = ['log']
",
        server.certificate,
        server.key,
        authority.file()
    );
    fs::write(&config, text).unwrap();
    let mut broker = Command::new(MQTT);
    broker.args(["broker", "--config", config.to_str().unwrap()]);
    let mut broker = Process::start(&mut broker);
    let url = broker.wait_for("listening on ").strip_prefix("listening on ").unwrap().to_owned();
    let run = |who: Option<&Pair>, arguments: &[&str]| -> Ended {
        let mut mqtt = Command::new(MQTT);
        mqtt.args(["pub", "-L", &url, "--cafile", &authority.file(), "-m", "x", "-q", "1"]).args(arguments);
        if let Some(Pair { certificate, key }) = who {
            mqtt.args(["--cert", certificate, "--key", key]);
        }
        Process::start(&mut mqtt).finish()
    };
    let (one, two) = (authority.client("sensor-1"), authority.client("sensor-2"));
    run(Some(&one), &["-t", "own/sensor-1"]).expect_success();
    run(Some(&one), &["-t", "log"]).expect_success();
    run(Some(&two), &["-t", "log"]).expect_success();
    // A user name that nobody verifies does not count beside the certificate.
    run(Some(&one), &["-t", "own/sensor-1", "-u", "sensor-2"]).expect_success();
    for (who, arguments) in [
        (&one, &["-t", "own/sensor-2"][..]),
        (&two, &["-t", "own/sensor-1"]),
        (&two, &["-t", "own/sensor-2"]),
        (&two, &["-t", "own/sensor-1", "-u", "sensor-1"]),
    ] {
        assert!(!run(Some(who), arguments).status.success(), "{arguments:?}");
    }
    assert_eq!(run(None, &["-t", "log"]).status.code(), Some(0x87));
    let claim = run(None, &["-t", "own/sensor-1", "-u", "sensor-1", "-P", "guess"]);
    assert_eq!(claim.status.code(), Some(0x86), "the name would pass for that of a certificate");
    broker.terminate();
    broker.finish().expect_success();
}
