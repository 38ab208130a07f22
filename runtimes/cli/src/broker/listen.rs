//! The sockets.

use core::net::SocketAddr;
use std::{io, path::Path};

use mqtt_engine_tokio::{Listener, transport::websocket};
use tokio::net::TcpListener;
use tracing::debug;

use super::{
    config::{Address, Config, ListenerConfig, Listening},
    log,
    tls::Certificates,
};
use crate::failure::Failure;

/// What a WebSocket message may hold beside the largest packet.
const MORE: usize = 64 << 10;

/// Binds every address before serving any. The tag of a listener is its place in the configuration.
pub(super) async fn listen(config: &Config, certificates: &Certificates) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    let mut names = Vec::new();
    let largest = usize::try_from(config.limits.connection.maximum_packet_size).unwrap_or(usize::MAX);
    for (tag, listening) in config.listeners.iter().enumerate() {
        let (socket, name) = match bind(listening).await {
            Ok(bound) => bound,
            Err(failure) if listening.is_optional => {
                debug!("not serving it: {}", failure.in_one_line());
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let mut listener = Listener::with_tag(socket, tag);
        if let Some(acceptor) = certificates.of(tag) {
            listener = listener.with_tls(acceptor.clone());
        }
        if let Some(path) = &listening.config.websocket {
            let mut terms = websocket::Config::default();
            terms.max_message = largest.saturating_add(MORE);
            terms.path = Some(path.clone());
            listener = listener.with_websocket(terms);
        }
        listeners.push(listener);
        names.push(name);
    }
    for name in names {
        log::listening(&name, config.log_format);
    }
    Ok(listeners)
}

/// A socket, and its address in the words of a client.
async fn bind(listening: &Listening) -> Result<(Listener, String), Failure> {
    let Listening { place, config, .. } = listening;
    match &config.address {
        Address::Unix(path) => {
            let name = format!(
                "unix:{}{}",
                path.display(),
                if config.websocket.is_some() { " (WebSocket)" } else { "" }
            );
            Ok((bind_unix(path, config.mode, place).await?, name))
        }
        Address::Tcp(address) => {
            let socket = bind_tcp(*address, place).await?;
            // The port may have been chosen just now.
            let name = name(config, socket.local_addr().unwrap_or(*address));
            Ok((socket.into(), name))
        }
    }
}

fn name(config: &ListenerConfig, address: SocketAddr) -> String {
    let path = config.websocket.as_deref().unwrap_or_default();
    let scheme = match (config.tls.is_some(), config.websocket.is_some()) {
        (false, false) => "",
        (true, false) => "mqtts://",
        (false, true) => "ws://",
        (true, true) => "wss://",
    };
    format!("{scheme}{address}{path}")
}

async fn bind_tcp(address: SocketAddr, place: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("{place}: {error}"));
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

#[cfg(unix)]
async fn bind_unix(path: &Path, mode: u32, place: &str) -> Result<Listener, Failure> {
    use mqtt_engine_tokio::transport::unix::Bound;

    Bound::bind(path, mode).await.map(Listener::from).map_err(|error| {
        let failure = Failure::new(format!("{place}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => failure.advice(
                "another program listens there, perhaps another broker: stop it, or give another path",
            ),
            io::ErrorKind::AlreadyExists => failure.advice("give another path, or move the file away"),
            io::ErrorKind::PermissionDenied => failure.advice("may this user write to the folder?"),
            io::ErrorKind::NotFound => failure.advice("make the folder first"),
            _ => failure,
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "as where there are Unix sockets")]
async fn bind_unix(_: &Path, _: u32, place: &str) -> Result<Listener, Failure> {
    Err(Failure::new(format!("{place}: this system has no Unix sockets")))
}
