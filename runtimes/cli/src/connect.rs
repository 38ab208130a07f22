//! What `pub` and `sub` share: from options to a connection, and why there is none.

use core::time::Duration;
use std::{io, process, time::SystemTime};

use bytes::Bytes;
use mqtt_engine::{
    ClientConfig, ClientEvent, DisconnectReason, Message, QoS, ServerWords, Text, Will,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_tokio::Client;

use crate::{failure::Failure, options::ConnectOptions};

/// How long the good-bye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(5);

/// The settings that the options ask for.
pub(crate) fn configuration(options: &ConnectOptions) -> Result<ClientConfig, Failure> {
    let id = options.id.as_deref().unwrap_or_default();
    let mut config = ClientConfig::new(text("client identifier (-i)", id)?);
    config.version = options.version;
    config.keep_alive = options.keep_alive;
    config.seed = seed();
    config.user_name = options.user_name.as_deref().map(|name| text("user name (-u)", name)).transpose()?;
    config.password = options.password.clone().map(Bytes::from);
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

/// A client of the server that the options name.
pub(crate) fn client(options: &ConnectOptions, config: ClientConfig) -> Client {
    Client::new(address(options), config)
}

/// Why there is no connection, and what to do about it.
pub(crate) fn no_connection(
    options: &ConnectOptions,
    reason: &DisconnectReason,
    error: Option<&io::Error>,
) -> Failure {
    let address = address(options);
    match reason {
        DisconnectReason::TransportClosed => match error {
            Some(error) => Failure::new(format!("no connection to {address}: {error}")).advice(advice(options, error)),
            None => Failure::new(format!("{address} closed the connection without a word")).advice(
                "is it an MQTT server that speaks this version (-V), and does it take this client (its log may tell)?",
            ),
        },
        DisconnectReason::ConnectTimeout => Failure::new(format!("{address} does not answer CONNECT"))
            .advice("is it an MQTT server? TLS and WebSocket ports can't be used."),
        DisconnectReason::Refused(words) => refused(options, words),
        DisconnectReason::ServerDisconnected(words) => {
            Failure::new(format!("the server ended the connection: {}", spoken(words)))
        }
        DisconnectReason::Malformed(error) => Failure::new(format!("what {address} sent is not MQTT: {error}"))
            .advice("is it an MQTT server that speaks this version (-V)?"),
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

pub(crate) fn address(options: &ConnectOptions) -> String {
    if options.host.contains(':') && !options.host.starts_with('[') {
        return format!("[{}]:{}", options.host, options.port);
    }
    format!("{}:{}", options.host, options.port)
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
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "is a broker listening on {address}? start one with `mqtt broker`, or name another with -h and -p."
            )
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
