//! The server's side.

use core::fmt;
use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::CertificateDer},
    server::TlsStream,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// Does the server's part of handshakes, with a configuration that can be exchanged while it is in use. Cheap to clone: all
/// clones have the same configuration.
#[derive(Clone)]
pub struct Acceptor {
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Acceptor {
    /// See [`server_config`](super::server_config).
    #[must_use]
    pub fn new(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self { current: Arc::new(RwLock::new(config.into())) }
    }

    /// The next handshake is done with this configuration (a renewed certificate, say). Connections that have done theirs go on.
    pub fn replace(&self, config: impl Into<Arc<ServerConfig>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config.into();
    }

    /// Does the handshake; it takes as long as the peer takes.
    ///
    /// # Errors
    ///
    /// The stream fails, the peer does not speak TLS, or it is not one that the configuration allows. It was sent an alert that
    /// says why; the stream is given back, to be closed without destroying that.
    pub async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>, (io::Error, S)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).into_fallible().await
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// Whom a certificate names: the common name of its subject; if it has none, the subject as a whole. Nothing if it has no subject
/// either, or one with control characters. It says something about the peer only if the certificate was verified.
#[must_use]
pub fn certificate_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let name = match subject.iter_common_name().next() {
        Some(common) => common.as_str().ok()?.to_owned(),
        None => subject.to_string(),
    };
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
}
