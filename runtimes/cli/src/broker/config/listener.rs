//! Where the broker serves, and on which terms.

use core::{fmt, net::SocketAddr};
use std::path::PathBuf;

/// One place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerConfig {
    pub(crate) address: Address,
    /// Connections are encrypted.
    pub(crate) tls: Option<TlsConfig>,
    /// The path of the HTTP request that starts a WebSocket; without, MQTT is spoken directly.
    pub(crate) websocket: Option<String>,
    /// Whether a client may connect without a user name.
    pub(crate) allow_anonymous: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    /// The server's certificate, followed by those between it and the root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// Who may sign the certificates of clients.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is refused; only with `client_ca`.
    pub(crate) require_client_certificate: bool,
}

impl Address {
    /// Whether only this machine reaches it.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// As in the configuration.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
