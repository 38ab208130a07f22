//! The log: what happens, on standard error. Passwords and payloads are never in it, and what comes from clients is quoted
//! and escaped, so that no client writes lines of its own.

use std::io;

use mqtt_engine::{BrokerEvent, Text};
use mqtt_engine_tokio::{Peer, transport::tls::rustls};
use tracing::{Level, debug, info};

use crate::{failure::tell, options::LogFormat};

pub(super) fn init(level: Level, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        // A log that nobody reads must not end the broker.
        .log_internal_errors(false)
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(false).with_span_list(false).init()
        }
    }
}

/// Tells where the broker serves: scripts wait for it.
pub(super) fn listening(address: &str, format: LogFormat) {
    match format {
        LogFormat::Text => tell(format_args!("listening on {address}")),
        LogFormat::Json => info!(address, "listening"),
    }
}

pub(super) fn event(peer: Option<&Peer>, event: &BrokerEvent) {
    let address = peer.and_then(|peer| peer.address).map(|address| address.to_string());
    let (address, listener) = (address.as_deref(), peer.map(|peer| peer.listener));
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
        } => {
            let certificate = peer.and_then(|peer| peer.certificate_name.as_deref());
            info!(
                %connection, client_id = client_id.as_str(), %version, session_present,
                user_name = user_name.as_ref().map(Text::as_str), clean_start, keep_alive, peer = address, listener,
                certificate, "connected"
            );
        }
        BrokerEvent::Disconnected { connection, client_id, reason, .. } => match client_id {
            Some(client_id) => info!(%connection, client_id = client_id.as_str(), %reason, "disconnected"),
            None => {
                info!(%connection, %reason, peer = address, listener, "disconnected before it was accepted")
            }
        },
        BrokerEvent::Dropped { client_id, topic, why, .. } => {
            debug!(client_id = client_id.as_str(), topic = topic.as_str(), %why, "dropped a message");
        }
        // Questions are not shown: they hold passwords.
        BrokerEvent::Question { .. } => {}
        other => debug!(?other, "event"),
    }
}

/// Why a client did not get as far as MQTT.
pub(super) fn handshake_failed(peer: &Peer, error: &io::Error) {
    let reason = error.get_ref().and_then(|error| error.downcast_ref()).and_then(in_words);
    let reason = reason.map_or_else(|| error.to_string(), String::from);
    let address = peer.address.map(|address| address.to_string());
    info!(reason, peer = address, listener = peer.listener, "the handshake of TLS or WebSocket failed");
}

/// What most often goes wrong with TLS.
fn in_words(error: &rustls::Error) -> Option<&'static str> {
    use rustls::{AlertDescription, CertificateError, Error};

    Some(match error {
        Error::InvalidMessage(_) => "the client does not speak TLS",
        Error::NoCertificatesPresented => "the client has no certificate, and must have one",
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the client's certificate is not signed by an authority in client_ca"
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the client's certificate has expired"
        }
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown,
        ) => {
            "the client does not trust the server's certificate: does it know the authority, and is the name right?"
        }
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "the server's certificate has expired, the client says"
        }
        _ => return None,
    })
}
