//! What `pub` and `sub` share: from options to a connection, and why there is none.

use core::time::Duration;
use std::{io, path::PathBuf, process, time::SystemTime};

use bytes::Bytes;
use mqtt_engine::{
    ClientConfig, ClientEvent, DisconnectReason, Message, QoS, ServerWords, Text, Will,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_tokio::{
    Tcp,
    transport::{
        BoxedConnector, BoxedStream, boxed,
        tls::Tls,
        websocket::{self, WebSocket},
    },
};

use crate::{failure::Failure, options::ConnectOptions, target::Target, trust};

/// How long the good-bye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(5);
/// What a WebSocket message may hold beside the largest packet.
const MORE: usize = 64 << 10;

/// The settings that the options ask for.
pub(crate) fn configuration(options: &ConnectOptions) -> Result<ClientConfig, Failure> {
    let id = options.id.as_deref().unwrap_or_default();
    let mut config = ClientConfig::new(text("client identifier (-i)", id)?);
    config.version = options.version;
    config.keep_alive = options.keep_alive;
    config.seed = seed();
    let (user_name, password) = options.target.user();
    let user_name = options.user_name.as_deref().or(user_name);
    config.user_name = user_name.map(|name| text("user name (-u)", name)).transpose()?;
    config.password =
        options.password.as_deref().or(password).map(|password| Bytes::from(password.to_owned()));
    if config.version == ProtocolVersion::V3_1_1 {
        if config.password.is_some() && config.user_name.is_none() {
            return Err(
                Failure::new("MQTT 3.1.1 has no password without a user name").advice("add -u, or use -V 5")
            );
        }
        if options.session_expiry.is_some() {
            return Err(Failure::new("-x exists in MQTT 5.0 only").advice("leave -V 311 or -x out"));
        }
    }
    config.session_expiry = options.session_expiry.unwrap_or(0);
    config.will = will(options)?;
    Ok(config)
}

fn will(options: &ConnectOptions) -> Result<Option<Will>, Failure> {
    let Some(topic) = &options.will_topic else { return Ok(None) };
    let payload = options.will_payload.clone().unwrap_or_default();
    let mut message = Message::new(topic.as_str(), payload)
        .map_err(|error| Failure::new(format!("--will-topic {topic:?}: {error}")))?
        .with_qos(options.will_qos.unwrap_or(QoS::AtMostOnce));
    message.retain = options.will_retain;
    Ok(Some(Will::new(message)))
}

/// A client over whatever the options name.
pub(crate) type Client = mqtt_engine_tokio::Client<BoxedStream>;

/// A client of the server that the options name.
pub(crate) fn client(options: &ConnectOptions, config: ClientConfig) -> Result<Client, Failure> {
    let connector = match target(options)? {
        Target::Unix(path) => unix(path)?,
        Target::Tcp { tls: false, websocket: None, .. } => boxed(Tcp::new(address(options))),
        Target::Tcp { host, port, tls, websocket } => {
            let below = Tcp::new(address(options));
            let mut limits = websocket::Config::default();
            limits.max_message =
                usize::try_from(config.maximum_packet_size).unwrap_or(usize::MAX).saturating_add(MORE);
            let web = websocket.map(|path| {
                let scheme = if tls { "wss" } else { "ws" };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("{scheme}://{host}:{port}{path}")
            });
            let trust = tls.then(|| trust::client_config(&options.target)).transpose()?;
            match (trust, web) {
                (Some(trust), Some(url)) => {
                    boxed(WebSocket::new(Tls::new(below, host, trust), url).with_config(limits))
                }
                (Some(trust), None) => boxed(Tls::new(below, host, trust)),
                (None, Some(url)) => boxed(WebSocket::new(below, url).with_config(limits)),
                (None, None) => boxed(below),
            }
        }
    };
    Ok(Client::connect_with(connector, config))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "as where there are no Unix sockets")]
fn unix(path: PathBuf) -> Result<BoxedConnector, Failure> {
    Ok(boxed(mqtt_engine_tokio::transport::unix::Unix::new(path)))
}

#[cfg(not(unix))]
fn unix(_: PathBuf) -> Result<BoxedConnector, Failure> {
    Err(Failure::new("this system has no Unix sockets"))
}

const TOO_SMALL: &str = "the server takes no packet of the size of an answer";

/// Why there is no connection, and what to do about it.
pub(crate) fn no_connection(
    options: &ConnectOptions,
    reason: &DisconnectReason,
    error: Option<&io::Error>,
) -> Failure {
    let address = address(options);
    match reason {
        DisconnectReason::TransportClosed => match error {
            Some(error) => match trust::trouble(error) {
                Some((what, advice)) => Failure::new(format!("no connection to {address}: {what}")).advice(advice),
                None => Failure::new(format!("no connection to {address}: {error}")).advice(advice(options, error)),
            },
            None => Failure::new(format!("{address} closed the connection without a word")).advice(
                "is it an MQTT server that speaks this version (-V), does it want TLS (--tls, --cafile) or WebSocket \
                 (--ws), and does it take this client (its log may tell)?",
            ),
        },
        DisconnectReason::ConnectTimeout => Failure::new(format!("{address} does not answer CONNECT"))
            .advice("is it an MQTT server, and does it want TLS (--tls, --cafile) or WebSocket (--ws)?"),
        DisconnectReason::Refused(words) => refused(options, words),
        DisconnectReason::ServerDisconnected(words) => {
            Failure::new(format!("the server ended the connection: {}", spoken(words)))
        }
        DisconnectReason::AnswerTooLarge => Failure::new(format!("no use of {address}: {TOO_SMALL}")),
        DisconnectReason::Malformed(error) => Failure::new(format!("what {address} sent is not MQTT: {error}"))
            .advice("is it an MQTT server that speaks this version (-V), and does it want TLS (--tls, --cafile) or WebSocket (--ws)?"),
        DisconnectReason::Misbehaved(violation) => {
            Failure::new(format!("{address} breaks the rules of MQTT: {violation}"))
        }
        other => Failure::new(format!("no connection to {address}: {other:?}")),
    }
}

/// A reason for a log line.
pub(crate) fn in_words(reason: &DisconnectReason, error: Option<&io::Error>) -> String {
    match reason {
        DisconnectReason::Requested => String::from("as asked"),
        DisconnectReason::TransportClosed => {
            error.map_or_else(|| String::from("closed without a word"), ToString::to_string)
        }
        DisconnectReason::ConnectTimeout => String::from("no answer to CONNECT"),
        DisconnectReason::PingTimeout => String::from("no answer to PINGREQ"),
        DisconnectReason::Refused(words) => format!("refused: {}", spoken(words)),
        DisconnectReason::ServerDisconnected(words) => format!("ended by the server: {}", spoken(words)),
        DisconnectReason::AnswerTooLarge => String::from(TOO_SMALL),
        DisconnectReason::Malformed(error) => format!("the server sent a malformed packet: {error}"),
        DisconnectReason::Misbehaved(violation) => format!("the server broke a rule: {violation}"),
        other => format!("{other:?}"),
    }
}

/// Waits for the first connection.
pub(crate) async fn connected(client: &mut Client, options: &ConnectOptions) -> Result<(), Failure> {
    loop {
        match client.next_event().await {
            Some(ClientEvent::Connected(_)) => return Ok(()),
            Some(ClientEvent::Disconnected { reason }) => {
                return Err(no_connection(options, &reason, client.take_error().as_ref()));
            }
            Some(_) => {}
            None => return Err(Failure::new("the client gave up")),
        }
    }
}

fn target(options: &ConnectOptions) -> Result<Target, Failure> {
    options
        .target
        .target()
        .map_err(|why| Failure::new(why).advice("use mqtts:// or wss://, or leave them out"))
}

/// For messages; options that contradict each other have none.
fn address(options: &ConnectOptions) -> String {
    target(options).map(|target| target.address()).unwrap_or_default()
}

fn refused(options: &ConnectOptions, words: &ServerWords) -> Failure {
    let failure = Failure::new(format!("the server refused the connection: {}", spoken(words)))
        .with_code(exit_code(options.version, words.reason));
    match words.reason {
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => {
            failure.advice("give a user name with -u and a password with -P that the server knows.")
        }
        ReasonCode::ClientIdentifierNotValid => failure.advice("give another client identifier with -i."),
        ReasonCode::UnsupportedProtocolVersion => failure.advice("try the other version: -V 311 or -V 5."),
        ReasonCode::ServerBusy | ReasonCode::ServerUnavailable | ReasonCode::QuotaExceeded => {
            failure.advice("try again later.")
        }
        _ => failure,
    }
}

/// The code on the wire of this version's CONNACK.
fn exit_code(version: ProtocolVersion, reason: ReasonCode) -> u8 {
    if version == ProtocolVersion::V5 {
        return reason.as_u8();
    }
    match reason {
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized => 5,
        _ => 3,
    }
}

fn spoken(words: &ServerWords) -> String {
    let mut all = words.reason.to_string();
    if let Some(reason) = &words.reason_string {
        all += &format!(", it says {:?}", reason.as_str());
    }
    if let Some(server) = &words.server_reference {
        all += &format!(", use {:?}", server.as_str());
    }
    all
}

fn advice(options: &ConnectOptions, error: &io::Error) -> String {
    let address = address(options);
    let Ok(Target::Tcp { tls, websocket, .. }) = target(options) else {
        return String::from("is a broker listening there, and may this user write to the socket?");
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "is a broker listening on {address}? start one with `mqtt broker`, or name another with -h and -p."
        ),
        io::ErrorKind::UnexpectedEof if tls => {
            String::from("does the server speak TLS on this port? (mqtts:// is usually on 8883)")
        }
        _ if websocket.is_some() && error.to_string().starts_with("WebSocket: ") => {
            String::from("is it a WebSocket port, and the right path? (-L ws://HOST:PORT/PATH)")
        }
        io::ErrorKind::TimedOut => String::from("is the host up, and does a firewall let this port through?"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            String::from("is it an MQTT server that speaks this version (-V)?")
        }
        _ => String::from("are the host (-h) and the port (-p) right?"),
    }
}

fn text(what: &str, value: &str) -> Result<Text, Failure> {
    Text::try_from(value).map_err(|error| Failure::new(format!("{what}: {error}")))
}

/// Differs from process to process, so that clients that lost the same server don't come back at the same moment.
fn seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs() ^ (u64::from(process::id()) << 32)
}
