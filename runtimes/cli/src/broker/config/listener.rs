//! Where the broker serves, and on which terms.

use core::{fmt, net::SocketAddr};
use std::{
    fs::File,
    net::ToSocketAddrs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use super::{given, source::Source};
use crate::{failure::Failure, options::BrokerOptions};

const DEFAULT: &str = "127.0.0.1:1883";
/// Served beside [`DEFAULT`] where there is IPv6.
const DEFAULT_V6: &str = "[::1]:1883";
/// The path of a WebSocket that is asked for without one.
pub(super) const WEBSOCKET_PATH: &str = "/mqtt";
/// The longest path of a Unix socket, on all systems.
const LONGEST_SOCKET_PATH: usize = 103;

/// A listener and where it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    /// For errors: `FILE:LINE` or the option.
    pub(crate) place: String,
    /// Whether the broker also runs without it.
    pub(crate) is_optional: bool,
    pub(crate) config: ListenerConfig,
}

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
    /// Who may use a Unix socket: the mode of its file.
    pub(crate) mode: u32,
}

/// Only the broker's own user.
const MODE: u32 = 0o600;

impl ListenerConfig {
    pub(super) const fn new(address: Address) -> Self {
        Self { address, tls: None, websocket: None, allow_anonymous: false, mode: MODE }
    }
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

/// A section `[[listener]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListener {
    address: Spanned<String>,
    allow_anonymous: Option<Spanned<bool>>,
    websocket: Option<Spanned<RawWebSocket>>,
    tls: Option<Spanned<RawTls>>,
    mode: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "websocket: true, false or a path such as \"/mqtt\" is needed")]
enum RawWebSocket {
    Switch(bool),
    Path(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTls {
    certificate: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    client_ca: Option<Spanned<String>>,
    require_client_certificate: Option<Spanned<bool>>,
}

/// The listeners of the command line, else those of the file, else the usual ones.
pub(super) fn read(
    raw: Vec<Spanned<RawListener>>,
    source: &Source,
    options: &BrokerOptions,
    has_passwords: bool,
) -> Result<Vec<Listening>, Failure> {
    let mut listeners: Vec<Listening> = Vec::new();
    let is_given = !options.listen.is_empty() || !raw.is_empty();
    let usual = [(DEFAULT, false), (DEFAULT_V6, true)].into_iter().filter(|_| !is_given);
    let named = options.listen.iter().map(|text| (&**text, false));
    for (text, is_optional) in usual.chain(named) {
        let place = format!("--listen {text}");
        let mut config = given::listener(text, options)
            .map_err(|(reason, advice)| Failure::new(format!("{place}: {reason}")).advice(advice))?;
        let open = options.allow_anonymous.then_some(true);
        config.allow_anonymous = anonymous(&config, open, has_passwords).map_err(|reason| {
            Failure::new(format!("{place}: {reason}")).advice(
                "add --allow-anonymous if that is meant, or listen on a loopback address such as 127.0.0.1:1883",
            )
        })?;
        listeners.push(Listening { place, is_optional, config });
    }
    // What is replaced by the command line must be right all the same.
    for section in raw {
        let listening = section.into_inner().read(source, options, has_passwords)?;
        if options.listen.is_empty() {
            listeners.push(listening);
        }
    }
    for (index, listening) in listeners.iter().enumerate() {
        let is_same = |other: &&Listening| {
            other.config.address == listening.config.address && !takes_any_port(&other.config.address)
        };
        if let Some(first) = listeners.iter().take(index).find(is_same) {
            let Listening { place, config, .. } = listening;
            return Err(Failure::new(format!(
                "{place}: {} is served already, by {}",
                config.address, first.place
            )));
        }
    }
    Ok(listeners)
}

fn takes_any_port(address: &Address) -> bool {
    matches!(address, Address::Tcp(address) if address.port() == 0)
}

impl RawListener {
    fn read(
        self,
        source: &Source,
        options: &BrokerOptions,
        has_passwords: bool,
    ) -> Result<Listening, Failure> {
        let fault = |span, reason: String| Err(source.fault(&span, reason));
        let text = self.address.get_ref();
        let address = match text.strip_prefix("unix:") {
            Some("") => Err(String::from("behind unix: comes the path of the socket")),
            Some(path) => socket_path(source.resolve(path)).map(Address::Unix),
            None => tcp_address(text),
        };
        let address = match address {
            Ok(address) => address,
            Err(reason) => return fault(self.address.span(), format!("address {text:?}: {reason}")),
        };
        let websocket = match self.websocket {
            None => None,
            Some(written) => {
                let span = written.span();
                match written.into_inner() {
                    RawWebSocket::Switch(is_on) => is_on.then(|| String::from(WEBSOCKET_PATH)),
                    RawWebSocket::Path(path) if is_request_path(&path) => Some(path),
                    RawWebSocket::Path(path) => {
                        return fault(
                            span,
                            format!("websocket {path:?}: a path such as \"/mqtt\" is needed"),
                        );
                    }
                }
            }
        };
        let tls = match self.tls {
            None => None,
            Some(written) => {
                let span = written.span();
                if matches!(address, Address::Unix(_)) {
                    return fault(
                        span,
                        String::from("tls: a Unix socket does not leave the machine and has no TLS"),
                    );
                }
                Some(written.into_inner().read(source, &span)?)
            }
        };
        let mut config = ListenerConfig { tls, websocket, ..ListenerConfig::new(address) };
        if let Some(written) = self.mode {
            match mode(written.get_ref(), &config.address) {
                Ok(mode) => config.mode = mode,
                Err(reason) => {
                    return fault(written.span(), format!("mode {:?}: {reason}", written.get_ref()));
                }
            }
        }
        let span = self.allow_anonymous.as_ref().map_or_else(|| self.address.span(), Spanned::span);
        let open = self.allow_anonymous.map(Spanned::into_inner);
        let open = if options.allow_anonymous { Some(true) } else { open };
        match anonymous(&config, open, has_passwords) {
            Ok(open) => config.allow_anonymous = open,
            Err(reason) => {
                return Err(source.fault(&span, format_args!("address {text:?}: {reason}")).advice(
                    "name a password_file in [authentication], or set allow_anonymous = true here if that is meant",
                ));
            }
        }
        Ok(Listening { place: source.place(&self.address.span()), is_optional: false, config })
    }
}

impl RawTls {
    fn read(self, source: &Source, section: &core::ops::Range<usize>) -> Result<TlsConfig, Failure> {
        let needed = |file: Option<Spanned<String>>, reason: &str| match file {
            Some(file) => readable(file, source),
            None => Err(source.fault(section, reason)),
        };
        let certificate =
            needed(self.certificate, "tls without certificate: the file of the server's is needed")?;
        let key = needed(self.key, "tls without key: the file of the certificate's private key is needed")?;
        let client_ca = self.client_ca.map(|file| readable(file, source)).transpose()?;
        let required = self.require_client_certificate;
        if let Some(required) =
            required.as_ref().filter(|required| *required.get_ref() && client_ca.is_none())
        {
            let reason = "require_client_certificate without client_ca: who may sign the certificates?";
            return Err(source.fault(&required.span(), reason));
        }
        let require_client_certificate = required.is_some_and(Spanned::into_inner);
        Ok(TlsConfig { certificate, key, client_ca, require_client_certificate })
    }
}

/// Whether clients come in without a user name, or why that can't be so.
fn anonymous(config: &ListenerConfig, open: Option<bool>, has_passwords: bool) -> Result<bool, String> {
    let knows_clients = config.tls.as_ref().is_some_and(|tls| tls.require_client_certificate);
    match (open, has_passwords) {
        (Some(true), _) => Ok(true),
        (Some(false) | None, true) => Ok(false),
        (Some(false), false) => Err(String::from(
            "nobody could connect: anonymous clients may not, and there is no password file",
        )),
        (None, false) if knows_clients || config.address.is_local() => Ok(true),
        (None, false) => Err(String::from(
            "other machines can reach this address, and anybody may connect without a user name",
        )),
    }
}

/// The mode of a Unix socket's file.
fn mode(text: &str, address: &Address) -> Result<u32, String> {
    if matches!(address, Address::Tcp(_)) {
        return Err(String::from("only Unix sockets have one"));
    }
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| String::from("permissions in octal, such as \"0660\", are needed"))
}

pub(super) fn tcp_address(text: &str) -> Result<Address, String> {
    let mut addresses = text.to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().map(Address::Tcp).ok_or_else(|| String::from("the name has no address"))
}

pub(super) fn socket_path(path: PathBuf) -> Result<PathBuf, String> {
    if cfg!(not(unix)) {
        return Err(String::from("this system has no Unix sockets"));
    }
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        return Err(format!("the path of a Unix socket can have {LONGEST_SOCKET_PATH} bytes"));
    }
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            Err(format!("there is no folder {}", folder.display()))
        }
        _ => Ok(path),
    }
}

pub(super) fn is_request_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

/// A file that is there.
fn readable(file: Spanned<String>, source: &Source) -> Result<PathBuf, Failure> {
    let path = source.resolve(file.get_ref());
    match File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => {
            Err(source.fault(&file.span(), format_args!("{}: can't be read: {error}", path.display())))
        }
    }
}
