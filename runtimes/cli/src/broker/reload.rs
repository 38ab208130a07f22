//! What SIGHUP does: passwords, permissions and certificates are read anew, all of them or none.

use core::time::Duration;
use std::sync::Arc;

use mqtt_engine::{BrokerConfig, Standing, packet::ReasonCode};
use mqtt_engine_tokio::Server;
use tokio::{task::spawn_blocking, time::sleep};
use tracing::{Level, error, info, warn};

use super::{
    access::{Access, Action, Guard, is_exposed},
    config::{Config, Listening},
    hooks::Clients,
};
use crate::{
    failure::Failure,
    options::{BrokerOptions, LogFormat},
    signals,
};

/// Decisions that are under way when the rules change are through after this while; then everything is looked at once more.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// Brings into force what was prepared. Can't fail.
pub(crate) type Commit = Box<dyn FnOnce() + Send>;

/// A part of the broker whose settings can be changed while it runs.
pub(crate) trait Reload: Send + Sync {
    /// Reads and checks everything that is new. Nothing changes before the returned step is taken, which happens when all
    /// parts are prepared.
    fn prepare(&self, config: &Config) -> Result<Commit, Failure>;
}

/// Reloads whenever the system asks for it; until it is dropped.
pub(super) async fn serve(
    mut hangups: signals::Hangups,
    options: Arc<BrokerOptions>,
    running: Arc<Running>,
    parts: Arc<[Box<dyn Reload>]>,
) {
    loop {
        hangups.next().await;
        let (options, running, parts) = (Arc::clone(&options), Arc::clone(&running), Arc::clone(&parts));
        let reloaded = spawn_blocking(move || reload(&options, &running, &parts)).await;
        match reloaded {
            Ok(Ok(())) => info!("reloaded passwords, permissions and certificates"),
            Ok(Err(failure)) => {
                error!("not reloaded, the former settings stay in force: {}", failure.in_one_line())
            }
            Err(panic) => error!("not reloaded, the former settings stay in force: {panic}"),
        }
    }
}

fn reload(options: &BrokerOptions, running: &Running, parts: &[Box<dyn Reload>]) -> Result<(), Failure> {
    let config = Config::load(options)?;
    let commits = parts.iter().map(|part| part.prepare(&config)).collect::<Result<Vec<_>, _>>()?;
    commits.into_iter().for_each(|commit| commit());
    running.warn_of_differences(&config);
    Ok(())
}

/// What was configured at the start and stays as it is.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) listeners: Vec<Listening>,
    limits: BrokerConfig,
    statistics_interval: Option<Duration>,
    log: (Level, LogFormat),
}

impl Running {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            listeners: config.listeners.clone(),
            limits: config.limits.clone(),
            statistics_interval: config.statistics_interval,
            log: (config.log_level, config.log_format),
        }
    }

    fn warn_of_differences(&self, config: &Config) {
        let terms = |listeners: &[Listening]| -> Vec<_> {
            let all = listeners.iter().map(|listening| &listening.config);
            all.map(|one| (one.address.clone(), one.tls.is_some(), one.websocket.clone())).collect()
        };
        let mut limits = config.limits.clone();
        // Of these only the answers changed.
        limits.ask_publish = self.limits.ask_publish;
        limits.ask_subscribe = self.limits.ask_subscribe;
        for (differs, what) in [
            (terms(&self.listeners) != terms(&config.listeners), "listeners"),
            (self.limits != limits, "limits"),
            (self.statistics_interval != config.statistics_interval, "statistics"),
            (self.log != (config.log_level, config.log_format), "log"),
        ] {
            if differs {
                warn!("{what} changed in the configuration; that needs a new start");
            }
        }
    }
}

/// Passwords, permissions, and which listeners take anonymous clients.
pub(super) struct AccessReload {
    pub(super) guard: Arc<Guard>,
    pub(super) server: Server,
    pub(super) clients: Arc<Clients>,
    pub(super) running: Arc<Running>,
    pub(super) runtime: tokio::runtime::Handle,
}

impl Reload for AccessReload {
    fn prepare(&self, config: &Config) -> Result<Commit, Failure> {
        if config.access.permissions.is_some() && !self.running.limits.ask_publish {
            return Err(Failure::new("a [permissions] section where there was none needs a new start"));
        }
        let former = self.guard.access();
        let allow_anonymous =
            self.running.listeners.iter().zip(&former.allow_anonymous).map(|(listening, former)| {
                let mut configured = config.listeners.iter().map(|one| &one.config);
                let now = configured.find(|one| one.address == listening.config.address);
                now.map_or(*former, |now| now.allow_anonymous)
            });
        let access = Access { allow_anonymous: allow_anonymous.collect(), ..config.access.clone() };
        warn_if_exposed(config);
        let (guard, server, clients) =
            (Arc::clone(&self.guard), self.server.clone(), Arc::clone(&self.clients));
        let runtime = self.runtime.clone();
        Ok(Box::new(move || {
            let access = Arc::new(access);
            guard.replace(Arc::clone(&access));
            enforce(&access, &server, &clients);
            runtime.spawn(async move {
                sleep(STRAGGLERS).await;
                enforce(&access, &server, &clients);
            });
        }))
    }
}

/// Applies new rules to what was allowed by former ones: subscriptions, also of sessions that are away, and wills go, and so
/// do clients that could not come in any more.
fn enforce(access: &Arc<Access>, server: &Server, clients: &Clients) {
    server.retain(|standing| match standing {
        Standing::Subscription { client_id, user_name, filter, .. } => {
            access.allows(client_id, user_name, Action::Subscribe(filter))
        }
        Standing::Will { client_id, user_name, topic, .. } => {
            access.allows(client_id, user_name, Action::Publish(topic))
        }
        _ => true,
    });
    for connection in clients.examine(access) {
        server.close(connection, ReasonCode::NotAuthorized);
    }
}

pub(super) fn warn_if_exposed(config: &Config) {
    if let Some(path) = config.password_file.as_deref().filter(|path| is_exposed(path)) {
        warn!(file = %path.display(), "other users of this machine can read the password file; chmod 600 helps");
    }
}
