//! The client's side.

use core::fmt;
use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

use crate::{Connecting, Connector};

/// A connector that does a TLS handshake on another's streams.
#[derive(Clone)]
pub struct Tls<C> {
    below: C,
    name: String,
    config: Arc<ClientConfig>,
}

impl<C> Tls<C> {
    /// The server must have a certificate for this name, a host name or an IP address. For the configuration see
    /// [`client_config`](super::client_config).
    #[must_use]
    pub fn new(below: C, name: impl Into<String>, config: impl Into<Arc<ClientConfig>>) -> Self {
        Self { below, name: name.into(), config: config.into() }
    }
}

impl<C> Connector for Tls<C>
where
    C: Connector,
    C::Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = TlsStream<C::Stream>;

    fn connect(&mut self) -> Connecting<Self::Stream> {
        let opening = self.below.connect();
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let name = self.name.clone();
        Box::pin(async move {
            let name = ServerName::try_from(name).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("not a name that a certificate can be for: {error}"),
                )
            })?;
            connector.connect(name, opening.await?).await
        })
    }
}

impl<C: fmt::Debug> fmt::Debug for Tls<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("below", &self.below).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether a server's certificate must be for the name that the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it must or it need not")]
pub enum NameCheck {
    /// It must.
    Full,
    /// It may be for any name: whoever has *any* certificate of the authorities can pretend to be the server. For tests.
    Off,
}

/// Checks all but the name.
#[derive(Debug)]
pub(super) struct AnyName(pub(super) Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name is checked last, after all the rest was found to be right.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
