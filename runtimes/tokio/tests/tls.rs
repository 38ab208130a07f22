//! TLS, by itself and below WebSocket, on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod support;

use core::time::Duration;
use std::{
    io,
    sync::{Arc, Mutex},
};

use mqtt_engine::{BrokerConfig, BrokerEvent, ClientEvent, Disconnect, QoS, Reconnect};
use mqtt_engine_tokio::{
    Client, Connector, Hooks, Listener, Peer, Server, ServerConfig, Stopped, Tcp,
    transport::{
        Duplex,
        tls::{
            Acceptor, Authorities, ClientCertificates, ConfigError, Identity, NameCheck, Tls, client_config,
            rustls::{AlertDescription, CertificateError, Error},
            server_config,
        },
        websocket::{self, WebSocket},
    },
};
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use support::{PATIENCE, config, message, subscribed, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn authorities(&self) -> Authorities {
        Authorities::from_pem(self.pem.as_bytes()).unwrap()
    }

    /// A certificate and its key, in PEM.
    fn sign(
        &self,
        common_name: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().copied().map(String::from).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        change(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn identity(&self, common_name: &str, names: &[&str]) -> Identity {
        let (certificate, key) = self.sign(common_name, names, |_| {});
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    }

    /// For servers of this machine.
    fn acceptor(&self, clients: ClientCertificates) -> Acceptor {
        Acceptor::new(server_config(self.identity("server", &["localhost", "127.0.0.1"]), clients).unwrap())
    }

    fn connector(&self, address: &str, identity: Option<Identity>) -> Tls<Tcp> {
        let config = client_config(self.authorities(), identity, NameCheck::Full).unwrap();
        Tls::new(Tcp::new(address), "localhost", config)
    }
}

/// Remembers whom it met.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn take(&self) -> Vec<String> {
        core::mem::take(&mut self.0.lock().unwrap())
    }

    /// Waits for so many.
    async fn wait(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, enough).await.expect("it is heard of");
        self.take()
    }
}

impl Hooks for Witness {
    fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
        if let (Some(peer), BrokerEvent::Connected { .. }) = (peer, event) {
            let Peer { listener, certificate_name, address, .. } = peer;
            assert!(address.is_some_and(|address| address.ip().is_loopback()));
            self.0.lock().unwrap().push(format!("{listener} {certificate_name:?}"));
        }
    }

    fn handshake_failed(&self, peer: &Peer, error: &io::Error) {
        self.0.lock().unwrap().push(format!("{} failed: {error}", peer.listener));
    }
}

/// A running broker.
struct World {
    addresses: Vec<String>,
    witness: Witness,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Stopped>,
}

impl World {
    async fn new(
        settings: ServerConfig,
        listeners: Vec<fn(Listener, &Acceptor) -> Listener>,
        acceptor: &Acceptor,
    ) -> Self {
        let mut addresses = Vec::new();
        let mut all = Vec::new();
        for (tag, layers) in listeners.into_iter().enumerate() {
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(socket.local_addr().unwrap().to_string());
            all.push(layers(Listener::with_tag(socket, tag), acceptor));
        }
        let witness = Witness::default();
        let server = Server::new(BrokerConfig::new(), witness.clone(), settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            server
                .serve(all, async {
                    let _ = stopped.await;
                })
                .await
        });
        Self { addresses, witness, stop, serving }
    }

    async fn stop(self) -> Stopped {
        drop(self.stop);
        timeout(PATIENCE, self.serving).await.expect("it stops").unwrap()
    }
}

fn tls(listener: Listener, acceptor: &Acceptor) -> Listener {
    listener.with_tls(acceptor.clone())
}

fn wss(listener: Listener, acceptor: &Acceptor) -> Listener {
    listener.with_websocket(websocket::Config::default()).with_tls(acceptor.clone())
}

fn ws(listener: Listener, _: &Acceptor) -> Listener {
    listener.with_websocket(websocket::Config::default())
}

/// A message there and back.
async fn round_trip(connector: impl Connector<Stream: Duplex + 'static> + Send + 'static) {
    let mut client = Client::connect_with(connector, config("client"));
    subscribed(&mut client, "a", QoS::ExactlyOnce).await;
    // More than a record of TLS and a frame of ours hold.
    client.publish(message("a", vec![7; 100_000], QoS::ExactlyOnce)).unwrap();
    until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
    assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
}

/// Why a client does not come in.
async fn trouble(connector: impl Connector<Stream: Duplex + 'static> + Send + 'static) -> Error {
    let mut config = config("client");
    config.reconnect = Reconnect::Never;
    let mut client = Client::connect_with(connector, config);
    until(&mut client, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
    let error = client.take_error().expect("a reason");
    error
        .get_ref()
        .and_then(|error| error.downcast_ref::<Error>())
        .unwrap_or_else(|| panic!("{error:?}"))
        .clone()
}

#[tokio::test]
async fn every_transport_carries_messages_and_tells_whose_certificate_it_is() {
    let ca = Authority::new("ours");
    let acceptor = ca.acceptor(ClientCertificates::Asked(ca.authorities()));
    let world = World::new(ServerConfig::default(), vec![tls, wss, ws], &acceptor).await;
    let [encrypted, both, plain] = &world.addresses[..] else { panic!() };
    round_trip(ca.connector(encrypted, None)).await;
    assert_eq!(world.witness.wait(1).await, ["0 None"]);
    round_trip(ca.connector(encrypted, Some(ca.identity("sensor 7", &[])))).await;
    assert_eq!(world.witness.wait(1).await, ["0 Some(\"sensor 7\")"]);
    round_trip(WebSocket::new(
        ca.connector(both, Some(ca.identity("sensor 8", &[]))),
        "wss://localhost/mqtt",
    ))
    .await;
    assert_eq!(world.witness.wait(1).await, ["1 Some(\"sensor 8\")"]);
    round_trip(WebSocket::new(Tcp::new(plain), "ws://localhost/mqtt")).await;
    assert_eq!(world.witness.wait(1).await, ["2 None"]);
    assert_eq!(world.stop().await.dropped, 0);
}

#[tokio::test]
async fn certificates_of_clients_are_checked() {
    let (ca, other) = (Authority::new("ours"), Authority::new("other"));
    let acceptor = ca.acceptor(ClientCertificates::Required(ca.authorities()));
    let world = World::new(ServerConfig::default(), vec![tls], &acceptor).await;
    let address = &world.addresses[0];

    assert_eq!(
        trouble(ca.connector(address, None)).await,
        Error::AlertReceived(AlertDescription::CertificateRequired)
    );
    let stranger = trouble(ca.connector(address, Some(other.identity("sensor", &[])))).await;
    assert!(
        matches!(
            stranger,
            Error::AlertReceived(AlertDescription::UnknownCA | AlertDescription::DecryptError)
        ),
        "{stranger:?}"
    );
    let old = ca.sign("sensor", &[], |params| params.not_after = rcgen::date_time_ymd(2000, 1, 1));
    let old = Identity::from_pem(old.0.as_bytes(), old.1.as_bytes()).unwrap();
    assert_eq!(
        trouble(ca.connector(address, Some(old))).await,
        Error::AlertReceived(AlertDescription::CertificateExpired)
    );
    let heard = world.witness.wait(3).await;
    assert!(heard.iter().all(|line| line.starts_with("0 failed: ")), "{heard:?}");
    round_trip(ca.connector(address, Some(ca.identity("sensor", &[])))).await;
    world.stop().await;
}

#[tokio::test]
async fn certificates_of_servers_are_checked() {
    let (ca, other) = (Authority::new("ours"), Authority::new("other"));
    let acceptor = ca.acceptor(ClientCertificates::NotAsked);
    let world = World::new(ServerConfig::default(), vec![tls], &acceptor).await;
    let address = &world.addresses[0];
    let client = |authorities: &Authority, name: &str, check| {
        let config = client_config(authorities.authorities(), None, check).unwrap();
        Tls::new(Tcp::new(address), name, config)
    };
    let invalid = |error| match error {
        Error::InvalidCertificate(error) => error,
        other => panic!("{other:?}"),
    };
    // The same name, but another key.
    let impostor = Authority::new("ours");
    for wrong in [&other, &impostor] {
        let error = invalid(trouble(client(wrong, "localhost", NameCheck::Full)).await);
        assert!(
            matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature),
            "{error:?}"
        );
        let error = invalid(trouble(client(wrong, "elsewhere.test", NameCheck::Off)).await);
        assert!(
            matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature),
            "{error:?}"
        );
    }
    let error = invalid(trouble(client(&ca, "elsewhere.test", NameCheck::Full)).await);
    assert!(matches!(error, CertificateError::NotValidForNameContext { .. }), "{error:?}");
    round_trip(client(&ca, "elsewhere.test", NameCheck::Off)).await;
    round_trip(client(&ca, "127.0.0.1", NameCheck::Full)).await;

    let old = ca.sign("server", &["localhost"], |params| params.not_after = rcgen::date_time_ymd(2000, 1, 1));
    let old = Identity::from_pem(old.0.as_bytes(), old.1.as_bytes()).unwrap();
    acceptor.replace(server_config(old, ClientCertificates::NotAsked).unwrap());
    for check in [NameCheck::Full, NameCheck::Off] {
        let error = invalid(trouble(client(&ca, "localhost", check)).await);
        assert!(matches!(error, CertificateError::ExpiredContext { .. }), "{error:?}");
    }
    world.stop().await;
}

/// A renewed certificate is shown to those who come, and disturbs nobody who is there.
#[tokio::test]
async fn a_configuration_is_exchanged_while_clients_are_connected() {
    let (ca, next) = (Authority::new("ours"), Authority::new("next"));
    let acceptor = ca.acceptor(ClientCertificates::NotAsked);
    let world = World::new(ServerConfig::default(), vec![tls], &acceptor).await;
    let address = &world.addresses[0];
    let mut there = Client::connect_with(ca.connector(address, None), config("there"));
    subscribed(&mut there, "b", QoS::AtLeastOnce).await;
    let renewed = next.identity("server", &["localhost"]);
    acceptor.replace(server_config(renewed, ClientCertificates::NotAsked).unwrap());
    round_trip(next.connector(address, None)).await;
    assert!(matches!(trouble(ca.connector(address, None)).await, Error::InvalidCertificate(_)));
    there.publish(message("b", "c", QoS::AtLeastOnce)).unwrap();
    until(&mut there, |event| matches!(event, ClientEvent::Received { .. })).await;
    world.stop().await;
}

/// Who is silent in a handshake is dropped in time, and holds up nobody meanwhile.
#[tokio::test]
async fn silence_in_the_handshake_ends_the_connection_and_blocks_nobody() {
    const TIME: Duration = Duration::from_millis(600);
    let ca = Authority::new("ours");
    let acceptor = ca.acceptor(ClientCertificates::NotAsked);
    let mut settings = ServerConfig::default();
    settings.handshake = TIME;
    let world = World::new(settings, vec![tls, wss, ws], &acceptor).await;
    let began = Instant::now();
    let mut silent = Vec::new();
    for address in &world.addresses {
        for said in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost:"] {
            if said.starts_with(b"GET") && *address != world.addresses[2]
                || said.starts_with(b"\x16") && *address == world.addresses[2]
            {
                continue;
            }
            for _ in 0..20 {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(said).await.unwrap();
                silent.push(stream);
            }
        }
    }
    round_trip(ca.connector(&world.addresses[0], None)).await;
    round_trip(WebSocket::new(Tcp::new(&world.addresses[2]), "ws://localhost/mqtt")).await;
    let count = silent.len();
    for mut stream in silent {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is dropped");
    }
    assert!(began.elapsed() >= TIME, "they had their time");
    let heard = world.witness.wait(count + 2).await;
    assert_eq!(
        heard.iter().filter(|line| line.ends_with("failed: the handshake took too long")).count(),
        count
    );
    assert_eq!(world.stop().await.dropped, 0);
}

/// Nobody waits for handshakes when the server stops.
#[tokio::test]
async fn a_stop_ends_handshakes() {
    let ca = Authority::new("ours");
    let acceptor = ca.acceptor(ClientCertificates::NotAsked);
    let mut settings = ServerConfig::default();
    settings.grace = PATIENCE;
    let world = World::new(settings, vec![tls], &acceptor).await;
    let mut stream = TcpStream::connect(&world.addresses[0]).await.unwrap();
    stream.write_all(b"\x16").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    assert_eq!(world.stop().await.dropped, 0);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Other protocols on a TLS port are refused with an alert, and told to the hooks.
#[tokio::test]
async fn a_plain_client_on_a_tls_port_is_refused() {
    let ca = Authority::new("ours");
    let acceptor = ca.acceptor(ClientCertificates::NotAsked);
    let world = World::new(ServerConfig::default(), vec![tls], &acceptor).await;
    let mut stream = TcpStream::connect(&world.addresses[0]).await.unwrap();
    stream.write_all(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00").await.unwrap();
    let mut alert = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut alert)).await.unwrap().unwrap();
    assert_eq!(alert.first(), Some(&0x15), "an alert of TLS: {alert:02x?}");
    let heard = world.witness.wait(1).await;
    assert!(heard[0].contains("corrupt message") || heard[0].contains("invalid"), "{heard:?}");
    world.stop().await;
}

#[test]
fn wrong_files_are_told_apart() {
    let (ca, other) = (Authority::new("ours"), Authority::new("other"));
    let (certificate, key) = ca.sign("server", &["localhost"], |_| {});
    let (_, other_key) = other.sign("server", &["localhost"], |_| {});
    let identity = |certificate: &str, key: &str| Identity::from_pem(certificate.as_bytes(), key.as_bytes());
    assert_eq!(identity(&key, &key).unwrap_err(), ConfigError::NoCertificate);
    assert_eq!(identity(&certificate, &certificate).unwrap_err(), ConfigError::NoKey);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGH\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(identity(&certificate, encrypted).unwrap_err(), ConfigError::EncryptedKey);
    let cut = &certificate[..certificate.len() / 2];
    assert!(matches!(identity(cut, &key), Err(ConfigError::Pem(_))));
    assert!(identity(&format!("{key}{certificate}"), &format!("{certificate}{key}")).is_ok(), "in one file");
    let mixed = server_config(identity(&certificate, &other_key).unwrap(), ClientCertificates::NotAsked);
    assert!(matches!(mixed, Err(ConfigError::Rustls(Error::InconsistentKeys(_)))));
    assert_eq!(Authorities::from_pem(b"").unwrap_err(), ConfigError::NoCertificate);
}
