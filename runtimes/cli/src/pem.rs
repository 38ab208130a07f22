//! Files with certificates and keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mqtt_engine_tokio::transport::tls::{
    ConfigError, Identity,
    rustls::{Error, InconsistentKeys},
};

use crate::failure::Failure;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl File {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let content = fs::read(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), content })
    }

    /// It was read, but is not what it should be.
    pub(crate) fn wrong(&self, error: &ConfigError) -> Failure {
        let failure = Failure::new(format!("{}: {error}", self.path.display()));
        match error {
            ConfigError::EncryptedKey => {
                failure.advice("decrypt it, into a file that only you can read: openssl pkey -in KEY -out DECRYPTED")
            }
            ConfigError::NoCertificate | ConfigError::NoKey | ConfigError::Pem(_) => failure.advice(
                "a file in PEM form is needed; openssl makes it of others, such as: openssl x509 -inform DER -in FILE",
            ),
            _ => failure,
        }
    }
}

/// A certificate and its key.
pub(crate) fn identity(certificate: &Path, key: &Path) -> Result<Identity, Failure> {
    let (certificate, key) = (File::read(certificate)?, File::read(key)?);
    Identity::from_pem(&certificate.content, &key.content).map_err(|error| match error {
        ConfigError::NoKey | ConfigError::EncryptedKey => key.wrong(&error),
        _ => certificate.wrong(&error),
    })
}

/// Both were read, but can't be used together.
pub(crate) fn mismatch(certificate: &Path, key: &Path, error: &ConfigError) -> Failure {
    match error {
        ConfigError::Rustls(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Failure::new(format!(
            "{} is not the key of the certificate in {}",
            key.display(),
            certificate.display()
        ))
        .advice("the server's own certificate comes first in its file; is it the right pair?"),
        _ => Failure::new(format!("{} and {}: {error}", certificate.display(), key.display())),
    }
}
