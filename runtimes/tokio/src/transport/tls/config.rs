//! Configurations from PEM.

use core::{error::Error, fmt};
use std::{path::Path, sync::Arc};

use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{VerifierBuilderError, WebPkiClientVerifier},
};

use super::connect::{AnyName, NameCheck};

/// A certificate, those between it and its root, and its private key: what a peer shows, and how it proves that it is its own.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM: the certificates, the peer's own first; and the key (PKCS #8, PKCS #1 or SEC 1), not encrypted. Both may be in one
    /// file.
    ///
    /// # Errors
    ///
    /// It is not PEM, or not that.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, ConfigError> {
        let chain = certificates_of(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            if !matches!(error, pem::Error::NoItemsFound) {
                return ConfigError::Pem(error.to_string());
            }
            if contains(key, b"ENCRYPTED PRIVATE KEY") {
                ConfigError::EncryptedKey
            } else {
                ConfigError::NoKey
            }
        })?;
        Ok(Self { chain, key })
    }
}

/// The certificate authorities whose word is taken.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// From the certificates in PEM.
    ///
    /// # Errors
    ///
    /// It is not PEM, there is none, or one of them can't be an authority.
    pub fn from_pem(certificates: &[u8]) -> Result<Self, ConfigError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates_of(certificates)? {
            store.add(certificate).map_err(ConfigError::Rustls)?;
        }
        Ok(Self(Arc::new(store)))
    }

    /// From all files with certificates in PEM that a folder holds.
    ///
    /// # Errors
    ///
    /// It can't be read, or holds none.
    pub fn from_folder(folder: &Path) -> Result<Self, ConfigError> {
        usable(load_certs_from_paths(None, Some(folder)))
    }
}

/// Those that the machine trusts. They are read each time, from where its administrator keeps them or, if it is set, from
/// the file that the environment variable `SSL_CERT_FILE` names (a folder: `SSL_CERT_DIR`).
///
/// # Errors
///
/// There are none.
pub fn system_authorities() -> Result<Authorities, ConfigError> {
    usable(load_native_certs())
}

/// What a server asks of its clients.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum ClientCertificates {
    /// Nothing.
    NotAsked,
    /// A certificate, if the client has one; one that these authorities did not sign is refused.
    Asked(Authorities),
    /// A certificate that these authorities signed.
    Required(Authorities),
}

/// A server's configuration: TLS 1.2 and 1.3.
///
/// # Errors
///
/// The key is not the certificate's, or is of an unknown kind.
pub fn server_config(identity: Identity, clients: ClientCertificates) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Rustls)?;
    let verifier =
        |authorities: Authorities| WebPkiClientVerifier::builder_with_provider(authorities.0, provider());
    let wrong = |error: VerifierBuilderError| ConfigError::Rustls(rustls::Error::General(error.to_string()));
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Asked(authorities) => builder
            .with_client_cert_verifier(verifier(authorities).allow_unauthenticated().build().map_err(wrong)?),
        ClientCertificates::Required(authorities) => {
            builder.with_client_cert_verifier(verifier(authorities).build().map_err(wrong)?)
        }
    };
    builder.with_single_cert(identity.chain, identity.key).map_err(ConfigError::Rustls)
}

/// A client's configuration: TLS 1.2 and 1.3, servers whose certificates these authorities signed, and what the client shows if
/// it is asked.
///
/// # Errors
///
/// The key is not the certificate's, or is of an unknown kind.
pub fn client_config(
    authorities: Authorities,
    identity: Option<Identity>,
    names: NameCheck,
) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Rustls)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(authorities.0, provider())
        .build()
        .map_err(|error| ConfigError::Rustls(rustls::Error::General(error.to_string())))?;
    let builder = match names {
        NameCheck::Full => builder.dangerous().with_custom_certificate_verifier(verifier),
        NameCheck::Off => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName(verifier))),
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(ConfigError::Rustls)
        }
    }
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no certificate in it.
    NoCertificate,
    /// There is no private key in it.
    NoKey,
    /// The private key is encrypted.
    EncryptedKey,
    /// It is not PEM.
    Pem(String),
    /// No certificate authority was found; with what went wrong, if something did.
    NoAuthorities(String),
    /// rustls does not take it.
    Rustls(rustls::Error),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("no certificate in PEM form (`BEGIN CERTIFICATE`)"),
            Self::NoKey => f.write_str("no private key in PEM form (`BEGIN PRIVATE KEY`)"),
            Self::EncryptedKey => f.write_str("the private key is encrypted"),
            Self::Pem(why) => write!(f, "not PEM: {why}"),
            Self::NoAuthorities(why) if why.is_empty() => f.write_str("no certificate authority"),
            Self::NoAuthorities(why) => write!(f, "no certificate authority: {why}"),
            Self::Rustls(error) => error.fmt(f),
        }
    }
}

impl Error for ConfigError {}

/// Named here, so that nothing depends on what else is linked into the program.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates_of(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(ConfigError::NoCertificate),
        Ok(all) => Ok(all),
        Err(error) => Err(ConfigError::Pem(error.to_string())),
    }
}

/// What can be used of them: a machine's store may hold something odd.
fn usable(found: CertificateResult) -> Result<Authorities, ConfigError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(ConfigError::NoAuthorities(why.join("; ")));
    }
    Ok(Authorities(Arc::new(store)))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
