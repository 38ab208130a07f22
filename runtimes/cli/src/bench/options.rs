//! The command line of `mqtt bench`.

use core::time::Duration;

use clap::{Arg, Args};
use mqtt_engine::QoS;

use crate::{
    options::{LoginOptions, qos, seconds},
    target::TargetOptions,
};

pub(crate) const BENCH_HELP: &str = "\
All connections are of this one process and thread, so it knows which message has arrived where.
What is lost, doubled or out of order is counted, and the exit code is 0 only if all was as its
quality of service promises. It speaks plain TCP, and to Unix sockets; neither TLS nor WebSocket.

Examples: mqtt bench --broker-pid $(pidof mosquitto)
          mqtt bench -q 1 --publishers 10 --subscribers 10 --pairs --rate 20000 --seconds 30
          mqtt bench --publishers 0 --subscribers 0 --idle 10000 --broker-pid PID";

/// The options of other commands that are of no use here.
pub(crate) fn hide_what_is_not_spoken(option: Arg) -> Arg {
    const NOT_SPOKEN: [&str; 7] =
        ["websocket", "tls", "ca_file", "ca_path", "certificate", "key", "insecure"];
    let is_hidden = NOT_SPOKEN.contains(&option.get_id().as_str());
    option.hide(is_hidden)
}

#[derive(Args, Debug)]
pub(crate) struct BenchOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    #[command(flatten)]
    pub(crate) login: LoginOptions,
    /// What all topics begin with. Publisher 3 publishes to PREFIX/3, or with --topics begins there.
    #[arg(short, long, value_name = "PREFIX", default_value = "bench")]
    pub(crate) topic: String,
    /// Quality of service of messages and subscriptions: 0 at most once, 1 at least once, 2 exactly once.
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = qos)]
    pub(crate) qos: QoS,
    /// Connections that publish.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) publishers: usize,
    /// Topics of each publisher, in turn. MQTT promises no order between the messages of different ones.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) topics: u32,
    /// Connections that subscribe. Each gets what every publisher sends.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) subscribers: usize,
    /// Each subscriber gets only what the publisher of the same number sends.
    #[arg(long, conflicts_with = "share")]
    pub(crate) pairs: bool,
    /// All subscribers share one subscription, so each message goes to one of them.
    #[arg(long, value_name = "GROUP")]
    pub(crate) share: Option<String>,
    /// Further connections, which subscribe to a topic of their own and get nothing.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) idle: usize,
    /// Further subscriptions, spread over the subscribers, into whose wildcard a search for a topic must go, but that match
    /// nothing: +/none-0/# and so on; with -t a/b, +/b/none-0/#.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) filters: usize,
    /// Size of a payload. It begins with 16 bytes that tell messages apart.
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(16..=100_000_000))]
    pub(crate) payload: u32,
    /// Messages in all, instead of --seconds.
    #[arg(long, value_name = "COUNT", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: Option<u64>,
    /// How long is published. A tenth of it (of --messages, too) goes before as a warm-up that does not count.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Messages a second in all; without, as many as the window lets through. Latencies then count from the moment at which
    /// a message was due, whether or not it could be sent then.
    #[arg(long, value_name = "COUNT", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Messages of one publisher that may be under way: not yet acknowledged (QoS 1 and 2), or not yet with all their
    /// subscribers. Default 1000 for QoS 0, else 100. A 5.0 server's Receive Maximum lowers it.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub(crate) window: Option<u16>,
    /// The process of the broker, whose processor time and memory are to be told (Linux).
    #[arg(long, value_name = "PID")]
    pub(crate) broker_pid: Option<u32>,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows no progress.
    #[arg(long)]
    pub(crate) quiet: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1e9 => Ok(rate),
        _ => Err(String::from("a number of messages a second above 0 is needed")),
    }
}
