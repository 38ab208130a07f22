//! CONNECT (section 3.1).

use super::{Properties, ProtocolVersion};
use crate::QoS;

/// CONNECT: a client asks for a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Connect<'a> {
    /// The version that the connection will speak.
    pub version: ProtocolVersion,
    /// Whether a session that the server may hold is dropped; *clean session* in 3.1.1.
    pub clean_start: bool,
    /// The longest silence of the client in seconds; 0 for no limit.
    pub keep_alive: u16,
    /// Who the client is. Empty: the server assigns an identifier; 3.1.1 then asks for a clean session, which is left to
    /// the server to check, since it has an answer of its own for this fault [MQTT-3.1.3-8].
    pub client_id: &'a str,
    /// What is published when the connection ends without a word.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password. In 3.1.1 only with a user name [MQTT-3.1.2-22].
    pub password: Option<&'a [u8]>,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

/// The will of a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Will<'a> {
    /// Where it is published to.
    pub topic: &'a str,
    /// Up to 65,535 bytes.
    pub payload: &'a [u8],
    /// How surely it is delivered.
    pub qos: QoS,
    /// Whether the server keeps it for future subscribers.
    pub retain: bool,
    /// 5.0 only.
    pub properties: Properties<'a>,
}
