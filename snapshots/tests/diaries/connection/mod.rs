//! The server's side of one connection: the script plays the client, and the program that decides.

mod aliases;
mod authentication;
mod delivery;
mod handshake;
mod keep_alive;
mod receipt;
mod requests;
mod resume;

use mqtt_engine::{ConnectionConfig, packet::ProtocolVersion};
use mqtt_engine_diary::{
    Diary,
    script::{ConnectionDesk, connect},
};

use crate::vocabulary::{accepted, durable};

pub(crate) const FILES: &[&[&str]] = &[
    aliases::FILES,
    authentication::FILES,
    delivery::FILES,
    handshake::FILES,
    keep_alive::FILES,
    receipt::FILES,
    requests::FILES,
    resume::FILES,
];

/// The diary of a flow with the usual settings.
fn play(version: ProtocolVersion, flow: fn(&mut ConnectionDesk, ProtocolVersion)) -> Diary {
    play_with(|_| {}, version, flow)
}

/// The same with other settings.
fn play_with(
    change: impl Fn(&mut ConnectionConfig),
    version: ProtocolVersion,
    flow: fn(&mut ConnectionDesk, ProtocolVersion),
) -> Diary {
    let mut config = ConnectionConfig::new();
    change(&mut config);
    let mut desk = ConnectionDesk::new(config, version);
    flow(&mut desk, version);
    desk.finish()
}

/// What nearly every flow does.
trait Steps {
    /// A client comes whose session ends with the connection.
    fn joins(&mut self);
    /// A client comes whose session lasts, with a new one.
    fn starts(&mut self);
    /// It comes back, and the program hands its session over.
    fn resumes(&mut self);
}

impl Steps for ConnectionDesk {
    fn joins(&mut self) {
        self.send(connect("c"));
        self.accept(false);
        self.recv(accepted(false));
    }

    fn starts(&mut self) {
        self.send(durable("c"));
        self.accept(false);
        self.recv(accepted(false));
    }

    fn resumes(&mut self) {
        self.send(durable("c"));
        self.accept(true);
        self.recv(accepted(true));
    }
}
