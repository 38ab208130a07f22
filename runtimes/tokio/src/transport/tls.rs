//! TLS by [`rustls`].
//!
//! The configurations are rustls' own; [`server_config`] and [`client_config`] make the usual ones from PEM.

mod accept;
mod config;
mod connect;

pub use tokio_rustls::{client::TlsStream as ClientStream, rustls, server::TlsStream as ServerStream};

pub use accept::{Acceptor, certificate_name};
pub use config::{
    Authorities, ClientCertificates, ConfigError, Identity, client_config, server_config, system_authorities,
};
pub use connect::{NameCheck, Tls};
