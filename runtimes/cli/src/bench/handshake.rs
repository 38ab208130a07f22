//! How connections begin and end: CONNECT, SUBSCRIBE, DISCONNECT, in the engine's own packets.

use core::time::Duration;
use std::io;

use mqtt_engine::{
    DisconnectReason, QoS, Text,
    packet::{
        Connect, Disconnect, Filters, Packet, PacketId, Properties, ReasonCode, Subscribe, Subscription,
    },
};

use super::{
    network::{Handler, Network},
    parse::Incoming,
    plan::Plan,
    socket::Socket,
    words::{decode, name, no_connection, other, unexpected},
};
use crate::{
    connect::{self, Words},
    failure::Failure,
};

/// How many connections are being opened at a time.
const AT_ONCE: usize = 100;
/// How many filters go in one SUBSCRIBE.
const FILTERS: usize = 100;
/// How long nothing may happen.
const PATIENCE: u64 = 10_000_000_000;
/// How long the server may take to end the connections that are given up.
const GOODBYE: u64 = 2_000_000_000;
const TICK: Duration = Duration::from_millis(100);

/// What a 5.0 server demands in its CONNACKs, the strictest of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) receive_maximum: u16,
    maximum_packet_size: u32,
    maximum_qos: QoS,
    /// In seconds, 0 for none.
    pub(super) keep_alive: u16,
}

impl Terms {
    /// Whether what the plan sends is allowed.
    pub(super) fn check(&self, plan: &Plan, publish: usize) -> Result<(), Failure> {
        if plan.qos > self.maximum_qos {
            return Err(Failure::new(format!("the server takes QoS {} at most", self.maximum_qos as u8))
                .advice("give a lower one with -q."));
        }
        if publish > self.maximum_packet_size as usize {
            return Err(Failure::new(format!(
                "the server takes packets of {} bytes at most, a message has {publish}",
                self.maximum_packet_size
            ))
            .advice("give a smaller --payload."));
        }
        Ok(())
    }
}

/// Which answers are awaited, and how many came.
struct Greeting<'a> {
    plan: &'a Plan,
    terms: Terms,
    /// CONNACKs or SUBACKs.
    answers: usize,
    latest: u64,
}

/// Opens all connections.
pub(super) fn connect(
    network: &mut Network,
    plan: &Plan,
    mut progress: impl FnMut(u64, usize),
) -> Result<Terms, Failure> {
    let terms = Terms {
        receive_maximum: u16::MAX,
        maximum_packet_size: u32::MAX,
        maximum_qos: QoS::ExactlyOnce,
        keep_alive: 0,
    };
    let unable = |error: io::Error| no_connection(plan, Some(&error));
    let (first, address) = Socket::first(&plan.target).map_err(unable)?;
    network.add(first, hello(plan, 0)?).map_err(unable)?;
    let mut greeting = Greeting { plan, terms, answers: 0, latest: network.now() };
    while greeting.answers < plan.connections() {
        while network.len() < plan.connections() && network.len() < greeting.answers + AT_ONCE {
            let hello = hello(plan, network.len())?;
            Socket::open(&address).and_then(|socket| network.add(socket, hello)).map_err(unable)?;
        }
        network.turn(TICK, &mut greeting)?;
        if network.now() > greeting.latest + PATIENCE {
            let reason = DisconnectReason::ConnectTimeout;
            return Err(connect::no_connection_to(&plan.target, plan.version, &reason, None));
        }
        progress(network.now(), greeting.answers);
    }
    Ok(greeting.terms)
}

fn hello(plan: &Plan, connection: usize) -> Result<Vec<u8>, Failure> {
    plan.encode(&Packet::Connect(Connect {
        version: plan.version,
        clean_start: true,
        // Some brokers take no client without one; this one is longer than any run.
        keep_alive: u16::MAX,
        client_id: &plan.client_id(connection),
        will: None,
        user_name: plan.user_name.as_ref().map(Text::as_str),
        password: plan.password.as_deref(),
        properties: Properties::NONE,
    }))
}

/// Makes all subscriptions.
pub(super) fn subscribe(network: &mut Network, plan: &Plan, terms: Terms) -> Result<(), Failure> {
    let mut awaited = 0;
    for connection in 0..network.len() {
        let filters = plan.filters_of(plan.role(connection));
        for (some, packet_id) in filters.chunks(FILTERS).zip(1..=u16::MAX) {
            let filters: Vec<_> = some.iter().map(|filter| Subscription::new(filter, plan.qos)).collect();
            let packet = Packet::Subscribe(Subscribe {
                packet_id: PacketId::new(packet_id).unwrap_or(PacketId::MAX),
                properties: Properties::NONE,
                filters: Filters::new(&filters),
            });
            network.enqueue(connection).extend_from_slice(&plan.encode(&packet)?);
            awaited += 1;
        }
    }
    let mut greeting = Greeting { plan, terms, answers: 0, latest: network.now() };
    while greeting.answers < awaited {
        network.turn(TICK, &mut greeting)?;
        if network.now() > greeting.latest + PATIENCE {
            return Err(Failure::new("the server does not answer SUBSCRIBE"));
        }
    }
    Ok(())
}

/// Lets time pass in which nothing should come.
pub(super) fn rest(network: &mut Network, plan: &Plan, terms: Terms, span: Duration) -> Result<(), Failure> {
    let mut greeting = Greeting { plan, terms, answers: 0, latest: 0 };
    let end = network.now() + super::schedule::nanoseconds(span);
    while network.now() < end {
        network.turn(TICK, &mut greeting)?;
    }
    Ok(())
}

impl Handler for Greeting<'_> {
    fn packet(
        &mut self,
        connection: usize,
        packet: Incoming<'_>,
        _: &mut Vec<u8>,
        now: u64,
    ) -> Result<(), Failure> {
        let Incoming::Other(frame) = packet else { return Err(unexpected(self.plan, connection, &packet)) };
        let failed = |failure: Failure| failure.at(&name(self.plan, connection));
        match decode(self.plan, frame)? {
            Packet::ConnAck(ack) if ack.reason == ReasonCode::Success => self.agree(&ack.properties),
            Packet::ConnAck(ack) => {
                let words = Words::new(ack.reason, &ack.properties);
                return Err(connect::refused(self.plan.version, &words));
            }
            Packet::SubAck(ack) => {
                if let Some(reason) = ack.reasons.iter().find(|reason| reason.is_error()) {
                    let words = Words::new(reason, &ack.properties);
                    return Err(failed(Failure::new(format!("the server refused a subscription: {words}"))));
                }
                let asked = self.plan.qos as u8;
                if let Some(granted) = ack.reasons.iter().find(|granted| granted.as_u8() < asked) {
                    let granted = granted.as_u8();
                    return Err(failed(Failure::new(format!(
                        "the server grants QoS {granted} at most, not {asked}"
                    ))));
                }
            }
            _ => return Err(other(self.plan, connection, frame)),
        }
        self.answers += 1;
        self.latest = now;
        Ok(())
    }

    fn closed(&mut self, _: usize, error: Option<io::Error>) -> Result<(), Failure> {
        Err(no_connection(self.plan, error.as_ref()))
    }
}

impl Greeting<'_> {
    fn agree(&mut self, properties: &Properties<'_>) {
        let terms = &mut self.terms;
        let receive_maximum = properties.receive_maximum().unwrap_or(u16::MAX);
        terms.receive_maximum = terms.receive_maximum.min(receive_maximum);
        let packet_size = properties.maximum_packet_size().unwrap_or(u32::MAX);
        terms.maximum_packet_size = terms.maximum_packet_size.min(packet_size);
        terms.maximum_qos = terms.maximum_qos.min(properties.maximum_qos().unwrap_or(QoS::ExactlyOnce));
        let demanded = properties.server_keep_alive().filter(|seconds| *seconds > 0);
        terms.keep_alive = match (terms.keep_alive, demanded) {
            (0, demanded) => demanded.unwrap_or(0),
            (now, demanded) => demanded.unwrap_or(now).min(now),
        };
    }
}

/// Ends all connections as MQTT wants it, and waits for the server to close them.
pub(super) fn disconnect(network: &mut Network, plan: &Plan) -> Result<(), Failure> {
    let packet = Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties: Properties::NONE });
    let packet = plan.encode(&packet)?;
    for connection in 0..network.len() {
        network.enqueue(connection).extend_from_slice(&packet);
    }
    let mut parting = Parting { closed: 0 };
    let end = network.now() + GOODBYE;
    while parting.closed < network.len() && network.now() < end {
        network.turn(TICK, &mut parting)?;
    }
    Ok(())
}

struct Parting {
    closed: usize,
}

impl Handler for Parting {
    fn packet(&mut self, _: usize, _: Incoming<'_>, _: &mut Vec<u8>, _: u64) -> Result<(), Failure> {
        Ok(())
    }

    fn closed(&mut self, _: usize, _: Option<io::Error>) -> Result<(), Failure> {
        self.closed += 1;
        Ok(())
    }
}
