//! What went wrong, in words.

use std::io;

use mqtt_engine::{
    DisconnectReason,
    packet::{Packet, ProtocolVersion},
};

use super::{
    parse::Incoming,
    plan::{Plan, Role},
};
use crate::{
    connect::{self, Words},
    failure::Failure,
};

/// A connection in words.
pub(super) fn name(plan: &Plan, connection: usize) -> String {
    match plan.role(connection) {
        Role::Subscriber(number) => format!("subscriber {number}"),
        Role::Publisher(number) => format!("publisher {number}"),
        Role::Idle(number) => format!("idle connection {number}"),
        Role::Holder => String::from("the connection of the filters"),
    }
}

/// What a packet means that is not of the load: the server's good-bye, or nonsense.
pub(super) fn other(plan: &Plan, connection: usize, frame: &[u8]) -> Failure {
    match decode(plan, frame) {
        Ok(Packet::Disconnect(disconnect)) => {
            connect::ended(&Words::new(disconnect.reason, &disconnect.properties)).at(&name(plan, connection))
        }
        Ok(packet) => {
            Failure::new(format!("the server sent {}, which has no place here", packet.packet_type()))
                .at(&name(plan, connection))
        }
        Err(failure) => failure,
    }
}

/// The same for one whose content does not matter.
pub(super) fn unexpected(plan: &Plan, connection: usize, packet: &Incoming<'_>) -> Failure {
    let what = match packet {
        Incoming::Publish { .. } => "a message that this run has not published",
        Incoming::Answer { .. } => "an answer to what was not sent",
        Incoming::PingResp => "PINGRESP without being asked",
        Incoming::Other(frame) => return other(plan, connection, frame),
    };
    Failure::new(format!("the server sent {what}"))
        .at(&name(plan, connection))
        .advice("is somebody else at work under these topics? --topic gives others.")
}

/// A packet that is not of the load.
pub(super) fn decode<'a>(plan: &Plan, frame: &'a [u8]) -> Result<Packet<'a>, Failure> {
    Packet::decode(frame, plan.version)
        .map_err(|error| Failure::new(format!("what the server sent is not MQTT: {error}")))
}

/// A connection could not be made, or ended before the load.
pub(super) fn no_connection(plan: &Plan, error: Option<&io::Error>) -> Failure {
    if let Some(error) = error.filter(|error| error.kind() == io::ErrorKind::AddrNotAvailable) {
        return Failure::new(format!("no connection to {}: {error}", plan.target.address())).advice(
            "between two addresses there are only so many ports; on Linux, sysctl net.ipv4.ip_local_port_range tells them.",
        );
    }
    connect::no_connection_to(&plan.target, plan.version, &DisconnectReason::TransportClosed, error)
}

/// The version in words.
pub(super) const fn version(version: ProtocolVersion) -> &'static str {
    if matches!(version, ProtocolVersion::V5) { "5.0" } else { "3.1.1" }
}
