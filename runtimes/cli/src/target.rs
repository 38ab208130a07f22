//! Where `pub` and `sub` connect, and over what.

use core::str::FromStr;
use std::path::PathBuf;

use clap::Args;

/// The path of a WebSocket that is named without one.
const WEBSOCKET_PATH: &str = "/mqtt";

/// The options for it.
#[derive(Args, Debug)]
pub(crate) struct TargetOptions {
    /// Host of the server.
    #[arg(short = 'h', long, value_name = "HOST", default_value = "localhost")]
    host: String,
    /// Port of the server; without: 1883, with TLS 8883, for WebSocket 80, with TLS 443.
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,
    /// All in one, instead of -h and -p: mqtt://HOST, mqtts://HOST (TLS), ws://HOST/PATH (WebSocket), wss://HOST/PATH (both),
    /// unix:PATH (Unix socket). A port may follow the host, and NAME:PASSWORD@ precede it.
    #[arg(short = 'L', long, value_name = "URL", conflicts_with_all = ["host", "port", "tls", "websocket"])]
    url: Option<Url>,
    /// WebSocket, path /mqtt (-L can name another).
    #[arg(long = "ws")]
    websocket: bool,
    /// TLS, with the certificate authorities that this machine trusts.
    #[arg(long)]
    tls: bool,
    /// TLS, with the certificate authorities in this PEM file instead.
    #[arg(long = "cafile", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// TLS, with the certificate authorities in the PEM files of this folder instead.
    #[arg(long = "capath", value_name = "FOLDER", conflicts_with = "ca_file")]
    pub(crate) ca_path: Option<PathBuf>,
    /// TLS, and the client's certificate in PEM, followed by those between it and its root.
    #[arg(long = "cert", value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the client's certificate in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// TLS, but the server's certificate may be for any name. Whoever has a certificate of the same authorities can then read
    /// and change everything: for tests only.
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Unix(PathBuf),
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        port: u16,
        tls: bool,
        /// The path, if it is to be a WebSocket.
        websocket: Option<String>,
    },
}

impl TargetOptions {
    /// What they mean together; or what they contradict.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let files =
            self.ca_file.is_some() || self.ca_path.is_some() || self.certificate.is_some() || self.insecure;
        if let Some(url) = &self.url {
            let is_encrypted = matches!(url.target, Target::Tcp { tls: true, .. });
            return match files && !is_encrypted {
                true => Err(String::from(
                    "the URL (-L) is of a connection without TLS, the other options are for TLS",
                )),
                false => Ok(url.target.clone()),
            };
        }
        let tls = self.tls || files;
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host);
        Ok(Target::Tcp {
            host: host.to_owned(),
            port: self.port.unwrap_or_else(|| usual_port(tls, self.websocket)),
            tls,
            websocket: self.websocket.then(|| WEBSOCKET_PATH.to_owned()),
        })
    }

    /// The name and the password in the URL.
    pub(crate) fn user(&self) -> (Option<&str>, Option<&str>) {
        let url = self.url.as_ref();
        (url.and_then(|url| url.user_name.as_deref()), url.and_then(|url| url.password.as_deref()))
    }
}

impl Target {
    /// `host:port`, or the path.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Unix(path) => path.display().to_string(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

const fn usual_port(tls: bool, websocket: bool) -> u16 {
    match (tls, websocket) {
        (false, false) => 1883,
        (true, false) => 8883,
        (false, true) => 80,
        (true, true) => 443,
    }
}

/// A target as one text, with who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    target: Target,
    user_name: Option<String>,
    password: Option<String>,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(String::from("behind unix: comes the path of the socket"));
            }
            return Ok(Self { target: Target::Unix(PathBuf::from(path)), user_name: None, password: None });
        }
        let (scheme, rest) = text.split_once("://").ok_or("a URL such as mqtt://localhost:1883 is needed")?;
        let (tls, is_websocket) = match scheme {
            "mqtt" => (false, false),
            "mqtts" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => {
                return Err(format!("nothing is known of {scheme}; mqtt, mqtts, ws, wss and unix are known"));
            }
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let websocket = match path {
            "" => is_websocket.then(|| WEBSOCKET_PATH.to_owned()),
            "/" if !is_websocket => None,
            _ if !is_websocket => {
                return Err(format!("{path:?}: only WebSockets have a path; topics go to -t"));
            }
            _ if path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') => Some(path.to_owned()),
            _ => return Err(format!("{path:?} is not a path")),
        };
        let (user, server) =
            authority.rsplit_once('@').map_or((None, authority), |(user, server)| (Some(user), server));
        let (host, port) = split_port(server)?;
        let port = port.unwrap_or_else(|| usual_port(tls, is_websocket));
        let (user_name, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => (None, None),
            Some((name, password)) => {
                (Some(decoded(name)?), Some(decoded(password)?).filter(|password| !password.is_empty()))
            }
        };
        Ok(Self { target: Target::Tcp { host: host.to_owned(), port, tls, websocket }, user_name, password })
    }
}

fn split_port(server: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
            (
                host,
                rest.strip_prefix(':')
                    .or_else(|| rest.is_empty().then_some(""))
                    .ok_or("behind ] comes a port")?,
            )
        }
        None => server.split_once(':').unwrap_or((server, "")),
    };
    if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte)) {
        return Err(format!("{host:?} is not a host"));
    }
    match port {
        "" => Ok((host, None)),
        _ => port.parse().map(|port| (host, Some(port))).map_err(|_| format!("{port:?} is not a port")),
    }
}

/// `%2F` and the like.
fn decoded(text: &str) -> Result<String, String> {
    let wrong = || {
        String::from(
            "a % in the user name or password that is not followed by two hexadecimal digits of UTF-8",
        )
    };
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, tls: bool, websocket: Option<&str>) -> Target {
        Target::Tcp { host: host.to_owned(), port, tls, websocket: websocket.map(String::from) }
    }

    #[test]
    fn urls_name_host_port_and_what_is_spoken() {
        for (text, target) in [
            ("mqtt://localhost", tcp("localhost", 1883, false, None)),
            ("mqtts://broker.example/", tcp("broker.example", 8883, true, None)),
            ("mqtts://[::1]:99", tcp("::1", 99, true, None)),
            ("ws://h", tcp("h", 80, false, Some("/mqtt"))),
            ("ws://h/", tcp("h", 80, false, Some("/"))),
            ("wss://h:8443/a/b?c=d", tcp("h", 8443, true, Some("/a/b?c=d"))),
            ("unix:///run/mqtt.sock", Target::Unix(PathBuf::from("/run/mqtt.sock"))),
            ("unix:mqtt.sock", Target::Unix(PathBuf::from("mqtt.sock"))),
        ] {
            assert_eq!(text.parse::<Url>().map(|url| url.target), Ok(target), "{text}");
        }
        let url: Url = "mqtt://anna:p%40ss%3A@h".parse().unwrap();
        assert_eq!((url.user_name.as_deref(), url.password.as_deref()), (Some("anna"), Some("p@ss:")));
        let url: Url = "mqtt://anna@h".parse().unwrap();
        assert_eq!((url.user_name.as_deref(), url.password), (Some("anna"), None));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "localhost",
            "http://h",
            "mqtt://",
            "mqtt://h/topic",
            "mqtt://h:port",
            "mqtt://h:70000",
            "mqtt://[::1",
            "mqtt://[::1]9",
            "unix:",
            "ws://h/a b",
            "ws://h/#",
            "mqtt://a%4@h",
            "mqtt://a%zz@h",
            "mqtt://a%ff@h",
            "ws://a b/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
