//! What the commands that connect share: from options to a connection, and why there is none.

use core::{fmt, time::Duration};
use std::{io, path::PathBuf, process, time::SystemTime};

use bytes::Bytes;
use mqtt_engine::{
    ClientConfig, ClientEvent, DisconnectReason, Message, QoS, ServerWords, Text, Will,
    packet::{Properties, ProtocolVersion, ReasonCode},
};
use mqtt_engine_tokio::{
    Tcp,
    transport::{
        BoxedConnector, BoxedStream, boxed,
        tls::Tls,
        websocket::{self, WebSocket},
    },
};

use crate::{
    failure::Failure,
    options::{ConnectOptions, LoginOptions},
    target::{Target, TargetOptions},
    trust,
};

/// How long the good-bye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(5);
/// What a WebSocket message may hold beside the largest packet.
const MORE: usize = 64 << 10;

/// The settings that the options ask for.
pub(crate) fn configuration(options: &ConnectOptions) -> Result<ClientConfig, Failure> {
    let id = options.id.as_deref().unwrap_or_default();
    let mut config = ClientConfig::new(text("client identifier (-i)", id)?);
    config.version = options.login.version;
    config.keep_alive = options.keep_alive;
    config.seed = seed();
    (config.user_name, config.password) = user(&options.target, &options.login)?;
    if config.version == ProtocolVersion::V3_1_1 && options.session_expiry.is_some() {
        return Err(Failure::new("-x exists in MQTT 5.0 only").advice("leave -V 311 or -x out"));
    }
    config.session_expiry = options.session_expiry.unwrap_or(0);
    config.will = will(options)?;
    Ok(config)
}

/// User name and password, of the options or in the URL.
pub(crate) fn user(
    target: &TargetOptions,
    login: &LoginOptions,
) -> Result<(Option<Text>, Option<Bytes>), Failure> {
    let (user_name, password) = target.user();
    let user_name = login.user_name.as_deref().or(user_name);
    let password = login.password.as_deref().or(password);
    if login.version == ProtocolVersion::V3_1_1 && password.is_some() && user_name.is_none() {
        return Err(
            Failure::new("MQTT 3.1.1 has no password without a user name").advice("add -u, or use -V 5")
        );
    }
    let user_name = user_name.map(|name| text("user name (-u)", name)).transpose()?;
    Ok((user_name, password.map(|password| Bytes::from(password.to_owned()))))
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
    let target = target(&options.target)?;
    let address = target.address();
    let connector = match target {
        Target::Unix(path) => unix(path)?,
        Target::Tcp { tls: false, websocket: None, .. } => boxed(Tcp::new(address)),
        Target::Tcp { host, port, tls, websocket } => {
            let below = Tcp::new(address);
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
    target(&options.target).map_or_else(
        |failure| failure,
        |target| no_connection_to(&target, options.login.version, reason, error),
    )
}

/// The same for a server.
pub(crate) fn no_connection_to(
    target: &Target,
    version: ProtocolVersion,
    reason: &DisconnectReason,
    error: Option<&io::Error>,
) -> Failure {
    let address = target.address();
    match reason {
        DisconnectReason::TransportClosed => match error {
            Some(error) => match trust::trouble(error) {
                Some((what, advice)) => Failure::new(format!("no connection to {address}: {what}")).advice(advice),
                None => Failure::new(format!("no connection to {address}: {error}")).advice(advice(target, error)),
            },
            None => Failure::new(format!("{address} closed the connection without a word")).advice(
                "is it an MQTT server that speaks this version (-V), does it want TLS (--tls, --cafile) or WebSocket \
                 (--ws), and does it take this client (its log may tell)?",
            ),
        },
        DisconnectReason::ConnectTimeout => Failure::new(format!("{address} does not answer CONNECT"))
            .advice("is it an MQTT server, and does it want TLS (--tls, --cafile) or WebSocket (--ws)?"),
        DisconnectReason::Refused(words) => refused(version, &words.into()),
        DisconnectReason::ServerDisconnected(words) => ended(&words.into()),
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
        DisconnectReason::Refused(words) => format!("refused: {}", Words::from(words)),
        DisconnectReason::ServerDisconnected(words) => format!("ended by the server: {}", Words::from(words)),
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

/// The server that the options name.
pub(crate) fn target(options: &TargetOptions) -> Result<Target, Failure> {
    options.target().map_err(|why| Failure::new(why).advice("use mqtts:// or wss://, or leave them out"))
}

/// The server said no in its CONNACK.
pub(crate) fn refused(version: ProtocolVersion, words: &Words<'_>) -> Failure {
    let failure = Failure::new(format!("the server refused the connection: {words}"))
        .with_code(exit_code(version, words.reason));
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

/// The server ended the connection with a DISCONNECT.
pub(crate) fn ended(words: &Words<'_>) -> Failure {
    Failure::new(format!("the server ended the connection: {words}"))
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

/// What a server said when it refused or ended a connection.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    pub(crate) reason: ReasonCode,
    pub(crate) reason_string: Option<&'a str>,
    pub(crate) server_reference: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// Those of a packet.
    pub(crate) fn new(reason: ReasonCode, properties: &Properties<'a>) -> Self {
        Self {
            reason,
            reason_string: properties.reason_string(),
            server_reference: properties.server_reference(),
        }
    }
}

impl<'a> From<&'a ServerWords> for Words<'a> {
    fn from(words: &'a ServerWords) -> Self {
        Self {
            reason: words.reason,
            reason_string: words.reason_string.as_ref().map(Text::as_str),
            server_reference: words.server_reference.as_ref().map(Text::as_str),
        }
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if let Some(reason) = self.reason_string {
            write!(f, ", it says {reason:?}")?;
        }
        match self.server_reference {
            Some(server) => write!(f, ", use {server:?}"),
            None => Ok(()),
        }
    }
}

fn advice(target: &Target, error: &io::Error) -> String {
    let address = target.address();
    let Target::Tcp { tls, websocket, .. } = target else {
        return String::from("is a broker listening there, and may this user write to the socket?");
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "is a broker listening on {address}? start one with `mqtt broker`, or name another with -h and -p."
        ),
        io::ErrorKind::UnexpectedEof if *tls => {
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
