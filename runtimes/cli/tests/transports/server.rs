//! Our `mqtt broker` on every kind of listener.

use std::process::Command;

use crate::{
    certificates::{Authority, Pair},
    process::{Ended, Process},
    programs::MQTT,
};

/// A running broker, and where it is reached.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) authority: Authority,
    pub(crate) mqtt: u16,
    pub(crate) mqtts: u16,
    pub(crate) ws: u16,
    pub(crate) wss: u16,
    pub(crate) unix: String,
    /// What a client shows that has a certificate.
    pub(crate) client: Pair,
}

impl Server {
    /// Clients need no certificate.
    pub(crate) fn start() -> Self {
        Self::with(|_| Vec::new())
    }

    /// Over TLS, clients must have a certificate.
    pub(crate) fn with_client_certificates() -> Self {
        Self::with(|authority| vec!["--tls-client-ca".to_owned(), authority.file()])
    }

    fn with(more: impl FnOnce(&Authority) -> Vec<String>) -> Self {
        let authority = Authority::new();
        let Pair { certificate, key } = authority.server();
        // Paths of Unix sockets are short.
        let unix = format!("/tmp/{}.sock", crate::programs::unique("mqtt"));
        let mut broker = Command::new(MQTT);
        broker.args(["broker", "--listen", "127.0.0.1:0", "--listen", "mqtts://127.0.0.1:0"]);
        broker.args(["--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0"]);
        broker.args(["--listen", &format!("unix:{unix}"), "--tls-cert", &certificate, "--tls-key", &key]);
        let mut process = Process::start(broker.args(more(&authority)));
        let mut port = |before: &str, after: &str| {
            let line = process.wait_for("listening on ");
            let address = line.strip_prefix("listening on ").unwrap();
            let port = address.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}"))
        };
        let mqtt = port("127.0.0.1:", "");
        let mqtts = port("mqtts://127.0.0.1:", "");
        let ws = port("ws://127.0.0.1:", "/mqtt");
        let wss = port("wss://127.0.0.1:", "/mqtt");
        process.wait_for(&format!("listening on unix:{unix}"));
        let client = authority.client("sensor 7");
        Self { process, authority, mqtt, mqtts, ws, wss, unix, client }
    }

    /// Stops it; nothing in its log may be a panic.
    pub(crate) fn stop(self) -> Ended {
        self.process.terminate();
        let ended = self.process.finish().expect_success();
        assert!(ended.err.iter().all(|line| !line.contains("panicked")), "{ended:?}");
        assert!(!std::path::Path::new(&self.unix).exists(), "the file of the Unix socket is gone");
        ended
    }
}
