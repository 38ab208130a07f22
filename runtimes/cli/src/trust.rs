//! Whom `pub` and `sub` trust, and what goes wrong with that.

use std::io;

use mqtt_engine_tokio::transport::tls::{
    Authorities, NameCheck, client_config as configuration,
    rustls::{AlertDescription, CertificateError, ClientConfig, Error},
    system_authorities,
};

use crate::{
    failure::{Failure, tell},
    pem::{self, File},
    target::TargetOptions,
};

/// The settings that the options ask for.
pub(crate) fn client_config(options: &TargetOptions) -> Result<ClientConfig, Failure> {
    let authorities = match (&options.ca_file, &options.ca_path) {
        (Some(path), _) => {
            let file = File::read(path).map_err(|failure| failure.advice("is the path (--cafile) right?"))?;
            Authorities::from_pem(&file.content).map_err(|error| file.wrong(&error))?
        }
        (None, Some(path)) => Authorities::from_folder(path).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()))
                .advice("the folder (--capath) must hold certificates in PEM form")
        })?,
        (None, None) => system_authorities().map_err(|error| {
            Failure::new(format!("this machine trusts nobody: {error}"))
                .advice("install its certificate authorities (ca-certificates), or name a file with --cafile")
        })?,
    };
    let (identity, files) = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => (Some(pem::identity(certificate, key)?), Some((certificate, key))),
        _ => (None, None),
    };
    let names = if options.insecure {
        tell(
            "warning: --insecure: the server's name is not checked, anybody with a certificate of the same authorities can \
              pretend to be it",
        );
        NameCheck::Off
    } else {
        NameCheck::Full
    };
    configuration(authorities, identity, names).map_err(|error| match files {
        Some((certificate, key)) => pem::mismatch(certificate, key, &error),
        None => Failure::new(error.to_string()),
    })
}

/// What is wrong if it is about TLS, and what to do about it.
pub(crate) fn trouble(error: &io::Error) -> Option<(String, String)> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let (what, advice) = match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => (
            String::from("the server does not speak TLS on this port"),
            "use its TLS port (mqtts:// is usually on 8883), or connect without TLS.",
        ),
        Error::AlertReceived(AlertDescription::CertificateRequired) => (
            String::from("the server wants a certificate of the client"),
            "name one with --cert, and its key with --key.",
        ),
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError,
        ) => (
            format!("the server does not take the client's certificate: {error}"),
            "is the certificate (--cert) signed by an authority that the server knows, and still valid?",
        ),
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            (format!("no common version or way of TLS: {error}"), "the server must speak TLS 1.2 or 1.3.")
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => (
            String::from("the server broke the TLS handshake off"),
            "it may want a certificate of the client (--cert and --key); its log may tell.",
        ),
        other => (other.to_string(), "the server's log may tell more."),
    };
    Some((what, String::from(advice)))
}

fn certificate(error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            String::from("the server's certificate is not signed by an authority that is trusted here"),
            "name the file with the certificate of the authority that signed it: --cafile FILE.",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("the server's certificate is for another name: {error}"),
            "connect by a name that it is for (-h), or have one made for this name.",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!("the server's certificate has expired: {error}"),
            "it must be renewed; or is the clock here wrong?",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (format!("the server's certificate is not valid yet: {error}"), "is the clock here wrong?")
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            String::from("the server's certificate is one of an authority"),
            "have the authority sign one for the server: \"CA:TRUE\" must not be in it.",
        ),
        other => (format!("the server's certificate is not accepted: {other}"), "have another one made."),
    }
}
