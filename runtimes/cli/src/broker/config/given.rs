//! Listeners of the command line.

use std::path::PathBuf;

use super::listener::{
    Address, ListenerConfig, TlsConfig, WEBSOCKET_PATH, is_request_path, socket_path, tcp_address,
};
use crate::options::BrokerOptions;

const ADDRESSES: &str = "give an address and a port, such as 127.0.0.1:1883, [::1]:1883 or localhost:0, perhaps with what is \
                         spoken there: mqtts://127.0.0.1:8883, ws://127.0.0.1:8080/mqtt, wss://127.0.0.1:8443/mqtt, \
                         unix:///run/mqtt.sock";
const FILES: &str =
    "name the files of the server's certificate with --tls-cert and of its private key with --tls-key";

/// What `--listen` asks for; or why not, and what to do.
pub(super) fn listener(
    text: &str,
    options: &BrokerOptions,
) -> Result<ListenerConfig, (String, &'static str)> {
    let wrong = |reason: String| (reason, ADDRESSES);
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(wrong(String::from("behind unix: comes the path of the socket")));
        }
        let path = socket_path(PathBuf::from(path)).map_err(wrong)?;
        return Ok(ListenerConfig::new(Address::Unix(path)));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("mqtt", text));
    let (is_encrypted, is_websocket) = match scheme {
        "mqtt" => (false, false),
        "mqtts" => (true, false),
        "ws" => (false, true),
        "wss" => (true, true),
        _ => return Err(wrong(format!("nothing is known of {scheme}"))),
    };
    let (address, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let mut config = ListenerConfig::new(tcp_address(address).map_err(wrong)?);
    config.websocket = match path {
        "" => is_websocket.then(|| String::from(WEBSOCKET_PATH)),
        "/" if !is_websocket => None,
        _ if !is_websocket => return Err(wrong(format!("{path:?}: only WebSockets have a path"))),
        _ if !is_request_path(path) => return Err(wrong(format!("{path:?} is not a path"))),
        _ => Some(path.to_owned()),
    };
    if is_encrypted {
        config.tls = Some(files(options)?);
    }
    Ok(config)
}

fn files(options: &BrokerOptions) -> Result<TlsConfig, (String, &'static str)> {
    match (&options.tls.certificate, &options.tls.key) {
        (Some(certificate), Some(key)) => Ok(TlsConfig {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: options.tls.client_ca.clone(),
            require_client_certificate: options.tls.client_ca.is_some(),
        }),
        _ => Err((String::from("TLS needs a certificate and its key"), FILES)),
    }
}
