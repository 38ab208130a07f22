//! `mqtt broker`.

mod access;
mod config;
mod hooks;
mod listen;
mod log;
mod reload;
mod statistics;
mod tls;

use std::{
    io::{self, Write},
    sync::Arc,
};

use mqtt_engine_tokio::{Server, ServerConfig};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::{
    access::Guard,
    config::Config,
    hooks::{Clients, Operator},
    reload::{AccessReload, Reload, Running},
    tls::Certificates,
};
use crate::{failure::Failure, options::BrokerOptions, signals};

pub(crate) use access::{PasswordFile, hash, name_fault};

pub(crate) async fn run(options: Box<BrokerOptions>) -> Result<u8, Failure> {
    if options.print_config {
        // Whoever does not read it does not want it.
        let _ = io::stdout().lock().write_all(config::template().as_bytes());
        return Ok(0);
    }
    // Before anything is announced: a signal that follows the ready line must find its handler.
    let stop = signals::stop()?;
    let hangups = signals::hangups()?;
    let config = Config::load(&options)?;
    log::init(config.log_level, config.log_format);
    reload::warn_if_exposed(&config);

    let guard = Guard::new(config.access.clone());
    let clients = Arc::new(Clients::default());
    let operator = Operator { guard: Arc::clone(&guard), clients: Arc::clone(&clients) };
    let server = Server::new(config.limits.clone(), operator, ServerConfig::default());
    let running = Arc::new(Running::new(&config));
    let access = AccessReload {
        guard,
        server: server.clone(),
        clients: Arc::clone(&clients),
        running: Arc::clone(&running),
        runtime: tokio::runtime::Handle::current(),
    };
    let certificates = Certificates::read(&config.listeners)?;
    let listeners = listen::listen(&config, &certificates).await?;
    let parts: Arc<[Box<dyn Reload>]> = Arc::new([Box::new(access), Box::new(certificates)]);
    // Ends with this function.
    let mut helpers = JoinSet::new();
    helpers.spawn(reload::serve(hangups, Arc::from(options), running, parts));
    if let Some(every) = config.statistics_interval {
        helpers.spawn(statistics::publish(server.clone(), clients, every));
    }
    let stopped = server.serve(listeners, stop).await;
    if stopped.dropped > 0 {
        warn!(
            connections = stopped.dropped,
            "stopped; some connections did not end in time and were dropped"
        );
    } else {
        info!("stopped");
    }
    Ok(0)
}
