//! A broker against clients, and a program around it, that the script plays.

mod aliases;
mod authentication;
mod delivery;
mod expiry;
mod flow_control;
mod keep_alive;
mod pacing;
mod packets;
mod qos2;
mod refusals;
mod resume;
mod retained;
mod shared;
mod subscriptions;
mod takeover;
mod wills;
mod wire_examples;

use mqtt_engine::{
    BrokerConfig, QoS,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::{
    Diary,
    script::{self, BrokerDesk, BrokerStage, Said, connect, disconnect, suback, subscribe},
};

use crate::{
    on_every_broker,
    vocabulary::{accepted, broker, durable, message},
};

pub(crate) const FILES: &[&[&str]] = &[
    aliases::FILES,
    authentication::FILES,
    delivery::FILES,
    expiry::FILES,
    flow_control::FILES,
    keep_alive::FILES,
    pacing::FILES,
    packets::FILES,
    qos2::FILES,
    refusals::FILES,
    resume::FILES,
    retained::FILES,
    shared::FILES,
    subscriptions::FILES,
    takeover::FILES,
    wills::FILES,
    wire_examples::FILES,
];

/// A flow of the usual broker that needs nothing but the steps of the stage.
fn play(version: ProtocolVersion, flow: fn(&mut dyn BrokerStage, ProtocolVersion)) -> Diary {
    on_every_broker(broker(), |broker| flow(broker, version))
}

/// The same of a flow in one version.
fn play_v5(flow: fn(&mut dyn BrokerStage)) -> Diary {
    on_every_broker(broker(), flow)
}

/// A flow at the desk, for those that need it, or seconds of time, which would pass for real elsewhere. It is the same when the broker gets its input byte by byte (S51).
pub(crate) fn play_with(config: BrokerConfig, flow: impl Fn(&mut BrokerDesk)) -> Diary {
    let [whole, chopped] = [usize::MAX, 1].map(|piece| {
        let mut desk = BrokerDesk::new(config.clone()).reading(piece);
        flow(&mut desk);
        desk.finish()
    });
    assert_eq!(whole.to_string(), chopped.to_string());
    whole
}

/// The usual broker with other settings.
fn with(change: impl Fn(&mut BrokerConfig)) -> BrokerConfig {
    let mut config = broker();
    change(&mut config);
    config
}

/// The program publishes a QoS 1 message to `t`, which goes out to this client: nothing of it is in the diary.
fn deliver_unseen(broker: &mut BrokerDesk, name: &str) {
    let connection = broker.connection(name);
    let (machine, now) = broker.machine();
    machine.publish(message("t", "x", QoS::AtLeastOnce), now);
    assert!(!machine.take_outbox(connection).is_empty(), "nothing is delivered to {name}");
}

/// Bytes by their digits.
fn hex(digits: &str) -> Said {
    let bytes: Vec<u8> = digits.split(' ').map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
    script::bytes(&bytes)
}

/// What SUBACK says of a subscription with this QoS.
const fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}

/// What clients do again and again.
trait Steps: BrokerStage {
    /// Says this, and gets this answer.
    fn ask(&mut self, name: &str, said: Said, answer: Said) {
        self.send(name, said);
        self.recv(name, answer);
    }

    /// Connects, and gets this answer.
    fn knocks(&mut self, name: &'static str, version: ProtocolVersion, connect: Said, answer: Said) {
        self.opens(name, version);
        self.ask(name, connect, answer);
    }

    /// Connects with a session that ends with the connection.
    fn joins(&mut self, name: &'static str, version: ProtocolVersion) {
        self.knocks(name, version, connect(name), accepted(false));
    }

    /// Connects with a new session that lasts.
    fn starts(&mut self, name: &'static str, version: ProtocolVersion) {
        self.knocks(name, version, durable(name), accepted(false));
    }

    /// Comes back to a session that lasts.
    fn resumes(&mut self, name: &'static str, version: ProtocolVersion) {
        self.knocks(name, version, durable(name), accepted(true));
    }

    /// Subscribes, with packet identifier 10.
    fn subscribes(&mut self, name: &str, filter: &'static str, qos: QoS) {
        self.ask(name, subscribe(10).filter(filter, qos), suback(10, &[granted(qos)]));
    }

    /// Says good-bye.
    fn leaves(&mut self, name: &str) {
        self.send(name, disconnect(ReasonCode::Success));
        self.ends(name);
    }
}

impl<T: BrokerStage + ?Sized> Steps for T {}
