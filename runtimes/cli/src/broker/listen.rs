//! The sockets.

use core::net::SocketAddr;
use std::io;

use mqtt_engine_tokio::Listener;
use tokio::net::TcpListener;
use tracing::debug;

use super::{
    config::{Address, Config, Listening},
    log,
};
use crate::failure::Failure;

/// Binds every address before serving any. The tag of a listener is its place in the configuration.
pub(super) async fn listen(config: &Config) -> Result<Vec<Listener>, Failure> {
    let mut sockets = Vec::new();
    for (tag, listening) in config.listeners.iter().enumerate() {
        match bind(listening).await {
            Ok(socket) => sockets.push((tag, socket)),
            Err(failure) if listening.is_optional => debug!("not serving it: {failure}"),
            Err(failure) => return Err(failure),
        }
    }
    for (_, socket) in &sockets {
        if let Ok(address) = socket.local_addr() {
            log::listening(&address.to_string(), config.log_format);
        }
    }
    Ok(sockets.into_iter().map(|(tag, socket)| Listener::with_tag(socket, tag)).collect())
}

async fn bind(listening: &Listening) -> Result<TcpListener, Failure> {
    let Listening { place, config, .. } = listening;
    let missing = |what: &str| Err(Failure::new(format!("{place}: this version does not serve {what} yet")));
    match &config.address {
        Address::Unix(_) => missing("Unix sockets"),
        Address::Tcp(_) if config.tls.is_some() => missing("TLS"),
        Address::Tcp(_) if config.websocket.is_some() => missing("WebSocket"),
        Address::Tcp(address) => bind_tcp(*address, place).await,
    }
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
