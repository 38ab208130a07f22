//! Certificates of listeners.

use mqtt_engine_tokio::transport::tls::{
    Acceptor, Authorities, ClientCertificates, rustls::ServerConfig, server_config,
};

use super::{
    config::{Address, Config, Listening, TlsConfig},
    reload::{Commit, Reload},
};
use crate::{
    failure::Failure,
    pem::{self, File},
};

/// For each listener where it is and, if it has TLS, what it shows.
#[derive(Debug)]
pub(super) struct Certificates(Vec<(Address, Option<Acceptor>)>);

impl Certificates {
    /// Reads those of every listener that has some.
    pub(super) fn read(listeners: &[Listening]) -> Result<Self, Failure> {
        let read = |Listening { place, config, .. }: &Listening| {
            let acceptor = config.tls.as_ref().map(|tls| read(place, tls).map(Acceptor::new)).transpose()?;
            Ok((config.address.clone(), acceptor))
        };
        listeners.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Of the listener with this place in the configuration.
    pub(super) fn of(&self, tag: usize) -> Option<&Acceptor> {
        self.0.get(tag)?.1.as_ref()
    }
}

/// New certificates are for connections to come; those that are there keep what they agreed on.
impl Reload for Certificates {
    fn prepare(&self, config: &Config) -> Result<Commit, Failure> {
        let mut changes = Vec::new();
        for (tag, (address, acceptor)) in self.0.iter().enumerate() {
            // Listeners that take any port have the same address, but they keep their places.
            let is_it = |other: &&Listening| other.config.address == *address;
            let now = config.listeners.get(tag).filter(is_it).or_else(|| config.listeners.iter().find(is_it));
            if let (Some(acceptor), Some(Listening { place, config, .. })) = (acceptor, now)
                && let Some(tls) = &config.tls
            {
                changes.push((acceptor.clone(), read(place, tls)?));
            }
        }
        Ok(Box::new(move || {
            for (acceptor, config) in changes {
                acceptor.replace(config);
            }
        }))
    }
}

fn read(place: &str, tls: &TlsConfig) -> Result<ServerConfig, Failure> {
    let fault = |failure: Failure| failure.at(place);
    let identity = pem::identity(&tls.certificate, &tls.key).map_err(fault)?;
    let clients = match &tls.client_ca {
        None => ClientCertificates::NotAsked,
        Some(path) => {
            let file = File::read(path).map_err(fault)?;
            let authorities =
                Authorities::from_pem(&file.content).map_err(|error| fault(file.wrong(&error)))?;
            if tls.require_client_certificate {
                ClientCertificates::Required(authorities)
            } else {
                ClientCertificates::Asked(authorities)
            }
        }
    };
    server_config(identity, clients).map_err(|error| fault(pem::mismatch(&tls.certificate, &tls.key, &error)))
}
