//! `mqtt broker`.

mod config;

use core::net::SocketAddr;
use std::io;

use mqtt_engine::{BrokerConfig, BrokerEvent};
use mqtt_engine_tokio::{Hooks, Listener, Peer, Server, ServerConfig};
use tokio::net::{TcpListener, lookup_host};
use tracing::{Level, debug, info, warn};

use crate::{
    failure::{Failure, tell},
    options::{BrokerOptions, Limits},
    signals,
};

const DEFAULT: &str = "127.0.0.1:1883";
/// Served beside [`DEFAULT`] where there is IPv6.
const DEFAULT_V6: &str = "[::1]:1883";

pub(crate) async fn run(options: Box<BrokerOptions>) -> Result<u8, Failure> {
    let level = match (options.quiet, options.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => Level::INFO,
        (false, 1) => Level::DEBUG,
        (false, _) => Level::TRACE,
    };
    tracing_subscriber::fmt()
        // A log that nobody reads must not end the broker.
        .log_internal_errors(false)
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false)
        .init();

    // Before anything is announced: a signal that follows the ready line must find its handler.
    let stop = signals::stop()?;
    let listeners = listen(&options).await?;
    let server = Server::new(config(&options.limits), Log, ServerConfig::default());
    let listeners = listeners.into_iter().enumerate();
    let listeners = listeners.map(|(tag, socket)| Listener::with_tag(socket, tag)).collect();
    let stopped = server.serve(listeners, stop).await;
    if stopped.dropped > 0 {
        warn!(
            connections = stopped.dropped,
            "stopped; some connections did not end in time and were dropped"
        );
    } else {
        info!("stopped");
    }
    Ok(0)
}

/// Binds every address before serving any.
async fn listen(options: &BrokerOptions) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    if options.listen.is_empty() {
        listeners.push(bind(address(DEFAULT).await?, DEFAULT).await?);
        match bind(address(DEFAULT_V6).await?, DEFAULT_V6).await {
            Ok(listener) => listeners.push(listener),
            Err(failure) => debug!("not serving IPv6: {failure}"),
        }
    }
    for text in &options.listen {
        let address = address(text).await?;
        if !address.ip().is_loopback() && !options.allow_anonymous {
            return Err(Failure::new(format!(
                "--listen {text}: other machines can reach this address, and anybody may connect without a user name"
            ))
            .advice("add --allow-anonymous if that is meant, or listen on a loopback address such as 127.0.0.1:1883"));
        }
        listeners.push(bind(address, text).await?);
    }
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tell(format_args!("listening on {address}"));
        }
    }
    Ok(listeners)
}

async fn address(text: &str) -> Result<SocketAddr, Failure> {
    let wrong = |why: &str| {
        Failure::new(format!("--listen {text}: {why}"))
            .advice("give an address and a port, such as 127.0.0.1:1883, [::1]:1883 or localhost:0")
    };
    let mut addresses = lookup_host(text).await.map_err(|error| wrong(&error.to_string()))?;
    addresses.next().ok_or_else(|| wrong("the name has no address"))
}

async fn bind(address: SocketAddr, text: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("--listen {text}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => failure.advice(
                "another program listens there, perhaps another broker: stop it, or give another port with --listen \
                 127.0.0.1:1884 (port 0 takes a free one)",
            ),
            io::ErrorKind::PermissionDenied => failure.advice("ports below 1024 need rights: give a higher one"),
            io::ErrorKind::AddrNotAvailable => failure.advice("this machine has no such address"),
            _ => failure,
        }
    })
}

fn config(limits: &Limits) -> BrokerConfig {
    fn set<T: Copy>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    let mut config = BrokerConfig::new();
    set(&mut config.maximum_packet_size, limits.max_packet_size);
    set(&mut config.connections, limits.max_connections);
    set(&mut config.sessions, limits.max_sessions);
    set(&mut config.subscriptions_per_session, limits.max_subscriptions);
    set(&mut config.session_expiry_maximum, limits.max_session_expiry);
    set(&mut config.maximum_keep_alive, limits.max_keep_alive);
    set(&mut config.receive_maximum, limits.receive_maximum);
    set(&mut config.inflight_maximum, limits.max_inflight);
    set(&mut config.queue_count, limits.queue_count);
    set(&mut config.queue_bytes, limits.queue_bytes);
    set(&mut config.retained_count, limits.retained_count);
    set(&mut config.retained_bytes, limits.retained_bytes);
    set(&mut config.topic_alias_maximum, limits.topic_alias_maximum);
    set(&mut config.connect_timeout, limits.connect_timeout);
    config
}

/// Writes what happens to the log. What comes from clients is quoted and escaped, so that no client writes lines of its own.
struct Log;

impl Hooks for Log {
    fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
        match event {
            BrokerEvent::Connected {
                connection,
                client_id,
                version,
                session_present,
                user_name,
                clean_start,
                keep_alive,
                ..
            } => info!(
                %connection, ?client_id, %version, session_present, user_name = ?user_name.as_ref(), clean_start, keep_alive, "connected"
            ),
            BrokerEvent::Disconnected { connection, client_id, reason, .. } => match client_id {
                Some(client_id) => info!(%connection, ?client_id, %reason, "disconnected"),
                None => info!(%connection, %reason, "disconnected before it said who it is"),
            },
            BrokerEvent::Dropped { client_id, topic, why, .. } => {
                debug!(?client_id, ?topic, %why, "dropped a message")
            }
            other => debug!(?other, "event"),
        }
    }

    fn accept_failed(&self, error: &io::Error) {
        warn!(%error, "could not accept a connection");
    }
}
