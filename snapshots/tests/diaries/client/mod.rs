//! A client against a server that the script plays.

mod aliases;
mod authentication;
mod cuts;
mod flow_control;
mod handshake;
mod identifiers;
mod keep_alive;
mod limits;
mod qos0;
mod qos1;
mod qos2;
mod reconnect;
mod requests;
mod resume;
mod retransmission;
mod session_lost;
mod unseen;
mod wire_examples;

use mqtt_engine::ClientConfig;
use mqtt_engine_diary::{
    Diary,
    script::{ClientDesk, ClientStage},
};

use crate::on_every_client;

pub(crate) const FILES: &[&[&str]] = &[
    aliases::FILES,
    authentication::FILES,
    cuts::FILES,
    flow_control::FILES,
    handshake::FILES,
    identifiers::FILES,
    keep_alive::FILES,
    limits::FILES,
    qos0::FILES,
    qos1::FILES,
    qos2::FILES,
    reconnect::FILES,
    requests::FILES,
    resume::FILES,
    retransmission::FILES,
    session_lost::FILES,
    wire_examples::FILES,
];

/// A flow that needs nothing but the steps of the stage.
fn play(config: ClientConfig, flow: fn(&mut dyn ClientStage)) -> Diary {
    on_every_client(config, flow)
}

/// A flow at the desk, for those that need it, or seconds of time, which would pass for real elsewhere.
pub(crate) fn by_hand(config: ClientConfig, flow: impl FnOnce(&mut ClientDesk)) -> Diary {
    let mut desk = ClientDesk::new(config);
    flow(&mut desk);
    desk.finish()
}
