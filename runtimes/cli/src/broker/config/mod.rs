//! What the broker is told by its configuration file and its command line.

mod given;
mod limits;
mod listener;
mod permissions;
mod source;
mod template;

use core::time::Duration;
use std::path::PathBuf;

use mqtt_engine::BrokerConfig;
use serde::Deserialize;
use toml::Spanned;
use tracing::Level;

use self::{limits::RawLimits, listener::RawListener, permissions::RawPermissions, source::Source};
use super::access::{Access, Passwords};
use crate::{
    failure::Failure,
    options::{BrokerOptions, LogFormat},
};

pub(crate) use listener::{Address, ListenerConfig, Listening, TlsConfig};
pub(crate) use template::template;

/// Everything that is configured, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// One at least.
    pub(crate) listeners: Vec<Listening>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) access: Access,
    pub(crate) limits: BrokerConfig,
    /// How often `$SYS` is published; never if this is `None`.
    pub(crate) statistics_interval: Option<Duration>,
    pub(crate) log_level: Level,
    pub(crate) log_format: LogFormat,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    listener: Vec<Spanned<RawListener>>,
    authentication: RawAuthentication,
    permissions: Option<RawPermissions>,
    statistics: RawStatistics,
    log: RawLog,
    limits: RawLimits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAuthentication {
    password_file: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawStatistics {
    interval: Option<Spanned<f64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    level: Option<Spanned<String>>,
    format: Option<Spanned<String>>,
}

/// How often `$SYS` is published unless something else is said.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(10);

impl Config {
    /// Reads the file, if one is given, puts the command line's options over it and checks the whole.
    pub(crate) fn load(options: &BrokerOptions) -> Result<Self, Failure> {
        let source = options.config.as_deref().map(Source::read).transpose()?;
        let source = source.unwrap_or_default();
        let raw: Raw = source.parse()?;

        let mut limits = BrokerConfig::new();
        raw.limits.apply(&source, &mut limits)?;
        limits::override_with(&options.limits, &mut limits)?;

        let password_file =
            raw.authentication.password_file.as_ref().map(|path| source.resolve(path.get_ref()));
        let passwords = password_file.as_deref().map(Passwords::load).transpose()?;
        let permissions =
            raw.permissions.map(|permissions| permissions.read(&source, passwords.as_ref())).transpose()?;

        let listeners = listener::read(raw.listener, &source, options, passwords.is_some())?;
        let access = Access {
            passwords,
            permissions,
            allow_anonymous: listeners.iter().map(|listening| listening.config.allow_anonymous).collect(),
        };
        // Every connection is looked at: a listener may demand a user name.
        limits.ask_authentication = true;
        limits.ask_publish = access.permissions.is_some();
        limits.ask_subscribe = access.permissions.is_some();
        Ok(Self {
            listeners,
            password_file,
            access,
            limits,
            statistics_interval: interval(raw.statistics.interval, &source)?,
            log_level: level(raw.log.level, &source, options)?,
            log_format: format(raw.log.format, &source, options)?,
        })
    }
}

fn interval(written: Option<Spanned<f64>>, source: &Source) -> Result<Option<Duration>, Failure> {
    let Some(written) = written else { return Ok(Some(STATISTICS_INTERVAL)) };
    match Duration::try_from_secs_f64(*written.get_ref()) {
        Ok(Duration::ZERO) => Ok(None),
        Ok(span) if span >= Duration::from_millis(100) => Ok(Some(span)),
        Ok(_) => Err(source.fault(&written.span(), "interval: 0.1 seconds at least, or 0 for never")),
        Err(_) => {
            Err(source.fault(&written.span(), "interval: a number of seconds is needed, or 0 for never"))
        }
    }
}

fn level(
    written: Option<Spanned<String>>,
    source: &Source,
    options: &BrokerOptions,
) -> Result<Level, Failure> {
    let configured = match written {
        None => Level::INFO,
        Some(written) => match &**written.get_ref() {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            "info" => Level::INFO,
            "debug" => Level::DEBUG,
            "trace" => Level::TRACE,
            _ => {
                let levels = "level: error, warn, info, debug or trace is needed";
                return Err(source.fault(&written.span(), levels));
            }
        },
    };
    Ok(match (options.quiet, options.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => configured,
        (false, 1) => Level::DEBUG,
        (false, _) => Level::TRACE,
    })
}

fn format(
    written: Option<Spanned<String>>,
    source: &Source,
    options: &BrokerOptions,
) -> Result<LogFormat, Failure> {
    let configured = match written {
        None => LogFormat::Text,
        Some(written) => match &**written.get_ref() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err(source.fault(&written.span(), "format: text or json is needed")),
        },
    };
    Ok(options.log_format.unwrap_or(configured))
}
