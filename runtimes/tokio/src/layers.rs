//! What lies between a socket and MQTT.

use core::time::Duration;
use std::{io, sync::Arc};

use mqtt_engine::Transport;
use mqtt_engine_driver::{Peer, Running, ServerConfig, Slot, serve as speak};
#[cfg(feature = "tls")]
use mqtt_engine_driver::{Runtime, close};
use tokio::time::timeout;

#[cfg(feature = "tls")]
use crate::transport::tls::{Acceptor, certificate_name};
#[cfg(feature = "websocket")]
use crate::transport::websocket;
use crate::{
    Tokio,
    listener::{Accepted, Raw},
    transport::BoxedStream,
};

/// The layers of a listener's connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Acceptor>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: Option<websocket::Config>,
}

impl Layers {
    /// MQTT is spoken directly.
    fn is_empty(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return false;
        }
        #[cfg(feature = "websocket")]
        if self.websocket.is_some() {
            return false;
        }
        true
    }

    /// Does the handshakes; gives also whom the client's certificate names.
    #[cfg_attr(
        not(any(feature = "tls", feature = "websocket")),
        expect(clippy::unused_async, reason = "without layers there is nothing to wait for")
    )]
    async fn open(&self, stream: BoxedStream) -> io::Result<(BoxedStream, Option<String>)> {
        let name = None;
        #[cfg(feature = "tls")]
        let (stream, name) = match &self.tls {
            None => (stream, name),
            Some(acceptor) => encrypted(acceptor, stream).await?,
        };
        #[cfg(feature = "websocket")]
        let stream = match &self.websocket {
            None => stream,
            Some(config) => Box::new(websocket::WebSocketStream::accept(stream, config).await?),
        };
        Ok((stream, name))
    }
}

#[cfg(feature = "tls")]
async fn encrypted(acceptor: &Acceptor, stream: BoxedStream) -> io::Result<(BoxedStream, Option<String>)> {
    match acceptor.accept(stream).await {
        Ok(stream) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let name = certificates.and_then(<[_]>::first).and_then(certificate_name);
            Ok((Box::new(stream), name))
        }
        Err((error, mut stream)) => {
            // The alert says why; a reset could destroy it.
            let clock = Tokio::default();
            close(&clock, &mut stream, clock.now() + Duration::from_secs(1)).await;
            Err(error)
        }
    }
}

/// Serves a connection: first the handshakes of its layers, which must not take longer than configured, then MQTT.
///
/// The broker knows the connection from the start: handshakes count as connections, and the time until CONNECT includes them.
pub(crate) fn serve(slot: Slot, accepted: Accepted, peer: Peer, config: ServerConfig) -> Running {
    let Accepted { raw, layers } = accepted;
    let ServerConfig { handshake, patience, .. } = config;
    let stream: BoxedStream = match raw {
        Raw::Tcp(stream) if layers.is_empty() => return Box::pin(speak::<Tokio, _>(slot, stream, patience)),
        #[cfg(unix)]
        Raw::Unix(stream) if layers.is_empty() => return Box::pin(speak::<Tokio, _>(slot, stream, patience)),
        Raw::Tcp(stream) => Box::new(stream),
        #[cfg(unix)]
        Raw::Unix(stream) => Box::new(stream),
    };
    // What the handshakes need goes with their end.
    let opening = Box::pin(shake_hands(layers, slot, stream, peer, handshake));
    Box::pin(async move {
        if let Some((slot, stream)) = opening.await {
            speak::<Tokio, _>(slot, stream, patience).await;
        }
    })
}

/// Opens the layers; `None` if that failed.
async fn shake_hands(
    layers: Arc<Layers>,
    slot: Slot,
    stream: BoxedStream,
    peer: Peer,
    patience: Duration,
) -> Option<(Slot, BoxedStream)> {
    let opened = tokio::select! {
        biased;
        opened = timeout(patience, layers.open(stream)) => opened.unwrap_or_else(|_| Err(late())),
        () = closed(&slot) => Err(late()),
    };
    match opened {
        Ok((stream, name)) => {
            if let Some(name) = name {
                slot.shared.know(slot.id, peer.with_certificate_name(name));
            }
            Some((slot, stream))
        }
        Err(error) => {
            slot.shared.hooks().handshake_failed(&peer, &error);
            None
        }
    }
}

/// Ends when the broker no longer wants the connection: it took too long, or the server stops.
async fn closed(slot: &Slot) {
    let wake = Arc::clone(&slot.wake);
    while slot.shared.with(|broker, _| broker.transport(slot.id)) == Transport::Keep {
        wake.notified().await;
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")
}
