//! The command line.

use core::time::Duration;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use mqtt_engine::{QoS, packet::ProtocolVersion};

use crate::{
    bench::{BENCH_HELP, BenchOptions, hide_what_is_not_spoken},
    properties::NamedProperties,
    target::TargetOptions,
};

/// MQTT 3.1.1 and 5.0 on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "mqtt",
    version,
    disable_help_flag = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tells how to use it (`-h` is the host).
    #[arg(long, action = ArgAction::Help, global = true)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves clients.
    #[command(after_help = BROKER_HELP)]
    Broker(Box<BrokerOptions>),
    /// Sets, changes or deletes the password of a user of the broker.
    #[command(after_help = PASSWD_HELP)]
    Passwd(PasswdOptions),
    /// Publishes messages.
    #[command(after_help = EXIT_CODES)]
    Pub(Box<PubOptions>),
    /// Subscribes and prints the messages that arrive.
    #[command(after_help = EXIT_CODES)]
    Sub(Box<SubOptions>),
    /// Puts load on a broker and tells what it costs.
    #[command(after_help = BENCH_HELP, mut_args = hide_what_is_not_spoken)]
    Bench(Box<BenchOptions>),
    /// Explains packets byte range by byte range.
    #[command(after_help = DECODE_HELP)]
    Decode(DecodeOptions),
    /// Shows on real connections what MQTT does when packets get lost.
    Demo(DemoOptions),
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 wrong usage, no connection, or anything else; 27 `sub` ran for as long as -W allows;
if the server refuses the connection, the code of its CONNACK (3.1.1: 1 to 5; 5.0: 128 and more).";

const BROKER_HELP: &str = "\
Prints `listening on ADDRESS` to standard error for each address once it serves there. Ctrl-C and SIGTERM stop it:
it closes every connection (5.0 clients are told 0x8B, server shutting down) and exits with code 0. SIGHUP has passwords,
permissions and certificates read anew; if something is wrong with them, the former ones stay in force and the log says why.

To begin with a configuration file: mqtt broker --print-config > broker.toml";

const PASSWD_HELP: &str = "\
Asks for the password, or takes the first line of standard input if that is no terminal. A file that is not there yet is made;
only its owner may read it. A broker that runs takes the change over when it is sent SIGHUP.";

const DECODE_HELP: &str = "\
Examples: mqtt decode 20 02 00 00
          mqtt decode -V 3.1.1 '820e000a00096170705f746f70696300'
          mqtt demo --dump flows.txt; mqtt decode - < flows.txt
Text from standard input is hexadecimal; a line may start with `c>s` or `s>c` for the direction, `#` starts a comment.
The exit code is 1 if a packet was bad.";

#[derive(Args, Debug)]
pub(crate) struct ConnectOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Client identifier; without one the server assigns it.
    #[arg(short, long = "id", value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) login: LoginOptions,
    /// Keep alive in seconds, 0 for none.
    #[arg(short, long = "keepalive", value_name = "SECONDS", default_value_t = 60)]
    pub(crate) keep_alive: u16,
    /// How long the server keeps the session after the connection, in seconds; 5.0 only.
    #[arg(short = 'x', long = "session-expiry-interval", value_name = "SECONDS")]
    pub(crate) session_expiry: Option<u32>,
    /// Topic of the will, the message that the server publishes if this client vanishes.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) will_topic: Option<String>,
    /// Payload of the will.
    #[arg(long, value_name = "PAYLOAD", requires = "will_topic")]
    pub(crate) will_payload: Option<String>,
    /// Quality of service of the will.
    #[arg(long, value_name = "QOS", requires = "will_topic", value_parser = qos)]
    pub(crate) will_qos: Option<QoS>,
    /// Has the server retain the will.
    #[arg(long, requires = "will_topic")]
    pub(crate) will_retain: bool,
    /// `--property NAME VALUE`, a 5.0 property with the name of the specification: content-type text/plain,
    /// message-expiry-interval 60, user-property NAME VALUE, and so on. May be repeated.
    #[command(flatten)]
    pub(crate) properties: NamedProperties,
}

/// Who connects, and in which version.
#[derive(Args, Debug)]
pub(crate) struct LoginOptions {
    /// User name.
    #[arg(short, long = "username", value_name = "NAME")]
    pub(crate) user_name: Option<String>,
    /// Password.
    #[arg(short = 'P', long = "pw", visible_alias = "password", value_name = "PASSWORD")]
    pub(crate) password: Option<String>,
    /// Protocol version: 5 (5.0, mqttv5) or 311 (3.1.1, mqttv311).
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", default_value = "5", value_parser = version)]
    pub(crate) version: ProtocolVersion,
}

#[derive(Args, Debug)]
pub(crate) struct PubOptions {
    #[command(flatten)]
    pub(crate) connect: ConnectOptions,
    /// Topic to publish to.
    #[arg(short, long, value_name = "TOPIC")]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) payload: PayloadOptions,
    /// Quality of service: 0 at most once, 1 at least once, 2 exactly once.
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = qos)]
    pub(crate) qos: QoS,
    /// Has the server retain the message for later subscribers.
    #[arg(short, long)]
    pub(crate) retain: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct PayloadOptions {
    /// The message itself.
    #[arg(short, long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// The content of a file as one message.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Each line of standard input as a message, without the line's end.
    #[arg(short = 'l', long = "stdin-line")]
    pub(crate) lines: bool,
    /// All of standard input as one message.
    #[arg(short = 's', long = "stdin-file")]
    pub(crate) stdin: bool,
    /// A message of no bytes; retained, it deletes the retained one.
    #[arg(short, long = "null-message")]
    pub(crate) null: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SubOptions {
    #[command(flatten)]
    pub(crate) connect: ConnectOptions,
    /// Topic filter to subscribe to; may be repeated.
    #[arg(short, long = "topic", value_name = "FILTER", required = true)]
    pub(crate) topics: Vec<String>,
    /// Highest quality of service to be sent with.
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = qos)]
    pub(crate) qos: QoS,
    /// Goes on with the session that the server keeps, and has it kept after the end (in 5.0 for ever, unless -x says
    /// otherwise). Needs -i.
    #[arg(short = 'c', long = "disable-clean-session", requires = "id")]
    pub(crate) keep_session: bool,
    /// Ends after so many messages.
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Ends after so many seconds, with exit code 27.
    #[arg(short = 'W', long = "timeout", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Prints the topic before each message.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// How messages are printed: the payload and a line's end, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Adds the time of arrival to JSON output, in seconds since 1970.
    #[arg(long)]
    pub(crate) timestamp: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct BrokerOptions {
    /// Configuration file (TOML). Options given here come before what it says.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Prints a configuration file with all settings, what they mean and their defaults, and ends.
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Address to serve on, `IP:PORT` or `NAME:PORT`; port 0 takes a free one; may be repeated. In front of it `mqtts://` asks
    /// for TLS, `ws://` for WebSocket (path /mqtt unless one follows the port), `wss://` for both; `unix:PATH` is a Unix
    /// socket, for the user of the broker. Default 127.0.0.1:1883, and [::1]:1883 where there is IPv6.
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,
    #[command(flatten)]
    pub(crate) tls: ServerTls,
    /// Serves clients without a user name on addresses that other machines can reach.
    #[arg(long)]
    pub(crate) allow_anonymous: bool,
    /// Logs more: -v each packet that was dropped, -vv everything.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Logs nothing but errors.
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// How the log is written: as text, or one JSON object a line.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// TLS of the listeners of the command line; the configuration file has its own for each listener.
#[derive(Args, Debug)]
pub(crate) struct ServerTls {
    /// Certificate of the server in PEM, followed by those between it and its root.
    #[arg(long = "tls-cert", value_name = "FILE", requires = "key", requires = "listen")]
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the certificate in PEM.
    #[arg(long = "tls-key", value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Clients must have a certificate that one of the authorities in this file signed.
    #[arg(long = "tls-client-ca", value_name = "FILE", requires = "certificate")]
    pub(crate) client_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Limits of the broker; what is not given is left as the engine has it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Largest packet that is accepted.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_packet_size: Option<u32>,
    /// Connections at one time.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_connections: Option<usize>,
    /// Sessions, connected or kept.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_sessions: Option<usize>,
    /// Subscriptions of one session.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_subscriptions: Option<usize>,
    /// Longest session expiry, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_session_expiry: Option<u32>,
    /// Longest keep alive, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_keep_alive: Option<u16>,
    /// Messages of QoS 1 and 2 that a client may send before the first is acknowledged.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) receive_maximum: Option<u16>,
    /// Messages of QoS 1 and 2 that are sent to a client before it acknowledges the first.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_inflight: Option<u16>,
    /// Messages that wait for one session.
    #[arg(long, value_name = "COUNT")]
    pub(crate) queue_count: Option<usize>,
    /// Bytes of messages that wait for one session.
    #[arg(long, value_name = "BYTES")]
    pub(crate) queue_bytes: Option<usize>,
    /// Retained messages.
    #[arg(long, value_name = "COUNT")]
    pub(crate) retained_count: Option<usize>,
    /// Bytes of retained messages.
    #[arg(long, value_name = "BYTES")]
    pub(crate) retained_bytes: Option<usize>,
    /// Topic aliases that a client may use.
    #[arg(long, value_name = "COUNT")]
    pub(crate) topic_alias_maximum: Option<u16>,
    /// How long a connection may take to send CONNECT, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct PasswdOptions {
    /// The password file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The user.
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// Deletes the user.
    #[arg(short = 'D', long)]
    pub(crate) delete: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DecodeOptions {
    /// Packets in hexadecimal, with or without spaces; `-` or nothing reads standard input.
    #[arg(value_name = "HEX")]
    pub(crate) hex: Vec<String>,
    /// Protocol version until a CONNECT tells it: 5 or 311. Without it, the version in which the packet is right.
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", value_parser = version)]
    pub(crate) version: Option<ProtocolVersion>,
    /// Standard input is the bytes themselves.
    #[arg(long, conflicts_with = "hex")]
    pub(crate) raw: bool,
    /// Prints one JSON object for each packet.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// Protocol version: 5 or 311.
    #[arg(short = 'V', long = "protocol-version", value_name = "VERSION", default_value = "5", value_parser = version)]
    pub(crate) version: ProtocolVersion,
    /// Writes each packet to a file, as a line `c>s HEX` or `s>c HEX`.
    #[arg(long, value_name = "FILE")]
    pub(crate) dump: Option<PathBuf>,
}

fn version(text: &str) -> Result<ProtocolVersion, String> {
    match text {
        "5" | "5.0" | "mqttv5" => Ok(ProtocolVersion::V5),
        "311" | "3.1.1" | "4" | "mqttv311" => Ok(ProtocolVersion::V3_1_1),
        _ => Err(String::from("the versions are 5 (5.0, mqttv5) and 311 (3.1.1, mqttv311)")),
    }
}

pub(crate) fn qos(text: &str) -> Result<QoS, String> {
    let level = text.parse().ok().and_then(QoS::from_u8);
    level.ok_or_else(|| String::from("it is 0 (at most once), 1 (at least once) or 2 (exactly once)"))
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| String::from("not a number of seconds"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) if !span.is_zero() => Ok(span),
        Ok(_) | Err(_) => Err(String::from("a number of seconds above 0 is needed")),
    }
}
