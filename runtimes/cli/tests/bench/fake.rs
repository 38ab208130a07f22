//! A server for one publisher and one subscriber that does what a test says, right or wrong.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use mqtt_engine::{
    QoS,
    framing::{Framing, Span},
    packet::{
        Ack, ConnAck, Disconnect, Packet, PacketId, Properties, Property, ProtocolVersion, Publish,
        ReasonCode, ReasonCodes, SubAck,
    },
};

/// What it does.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) version: ProtocolVersion,
    /// Of its CONNACK.
    pub(crate) reason: ReasonCode,
    pub(crate) properties: Vec<Property<'static>>,
    /// Of its SUBACKs.
    pub(crate) granted: ReasonCode,
    /// Which of the messages so far, counted from 0, go to the subscriber when this one has come.
    pub(crate) forward: fn(usize) -> Vec<usize>,
    /// Of its PUBACKs.
    pub(crate) accepted: ReasonCode,
    /// How many messages it lets come before it acknowledges them all.
    pub(crate) hold: usize,
    /// Ends the connection with DISCONNECT after so many messages.
    pub(crate) goodbye: Option<usize>,
    /// What it answers to CONNECT instead of a CONNACK.
    pub(crate) nonsense: Option<&'static [u8]>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            version: ProtocolVersion::V5,
            reason: ReasonCode::Success,
            properties: Vec::new(),
            granted: ReasonCode::GrantedQoS2,
            forward: |message| vec![message],
            accepted: ReasonCode::Success,
            hold: 1,
            goodbye: None,
            nonsense: None,
        }
    }
}

/// The server; its threads end with the test program.
pub(crate) struct Fake {
    pub(crate) port: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    subscriber: Option<TcpStream>,
    /// Topic, QoS and payload of every message so far.
    messages: Vec<(String, QoS, Vec<u8>)>,
    deliveries: u16,
    held: Vec<PacketId>,
    most_held: usize,
    pings: usize,
}

impl Fake {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (behaviour, state) = (behaviour.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(&behaviour, &state, stream.unwrap()));
            }
        });
        Self { port, state }
    }

    /// How many messages were at most unacknowledged.
    pub(crate) fn most_held(&self) -> usize {
        self.state.lock().unwrap().most_held
    }

    /// How many PINGREQs came.
    pub(crate) fn pings(&self) -> usize {
        self.state.lock().unwrap().pings
    }
}

fn serve(behaviour: &Behaviour, state: &Mutex<State>, mut stream: TcpStream) {
    let mut framing = Framing::new(1 << 20);
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let mut input = &buffer[..count];
        while let Some(span) = framing.next(&mut input).unwrap() {
            let go_on = match span {
                Span::InPlace(size) => {
                    let (frame, rest) = input.split_at(size);
                    input = rest;
                    answer(behaviour, state, &mut stream, frame)
                }
                Span::Assembled(frame) => answer(behaviour, state, &mut stream, &frame),
                Span::Skipped { .. } => unreachable!("nothing is skipped"),
            };
            if !go_on {
                return;
            }
        }
    }
}

/// Tells whether the connection goes on.
fn answer(behaviour: &Behaviour, state: &Mutex<State>, stream: &mut TcpStream, frame: &[u8]) -> bool {
    let version = behaviour.version;
    // The other end may be gone already.
    let mut send = |packet: Packet<'_>| drop(stream.write_all(&bytes(&packet, version)));
    match Packet::decode(frame, version).unwrap() {
        Packet::Connect(_) => match behaviour.nonsense {
            Some(nonsense) => drop(stream.write_all(nonsense)),
            None => send(Packet::ConnAck(ConnAck {
                session_present: false,
                reason: behaviour.reason,
                properties: Properties::new(&behaviour.properties),
            })),
        },
        Packet::Subscribe(subscribe) => {
            let reasons = vec![behaviour.granted; subscribe.filters.len()];
            send(Packet::SubAck(SubAck {
                packet_id: subscribe.packet_id,
                properties: Properties::NONE,
                reasons: ReasonCodes::new(&reasons),
            }));
            if subscribe.filters.iter().all(|subscription| !subscription.filter.contains("/idle/")) {
                state.lock().unwrap().subscriber = Some(stream.try_clone().unwrap());
            }
        }
        Packet::Publish(publish) => {
            let mut state = state.lock().unwrap();
            state.messages.push((publish.topic.to_owned(), publish.qos, publish.payload.to_vec()));
            let message = state.messages.len() - 1;
            for index in (behaviour.forward)(message) {
                state.deliver(index, version);
            }
            state.held.extend(publish.packet_id);
            state.most_held = state.most_held.max(state.held.len());
            if state.held.len() >= behaviour.hold {
                for packet_id in core::mem::take(&mut state.held) {
                    send(Packet::PubAck(Ack::new(packet_id, behaviour.accepted)));
                }
            }
            if behaviour.goodbye == Some(state.messages.len()) {
                let reason = ReasonCode::ServerShuttingDown;
                send(Packet::Disconnect(Disconnect { reason, properties: Properties::NONE }));
                return false;
            }
        }
        Packet::PingReq => {
            state.lock().unwrap().pings += 1;
            send(Packet::PingResp);
        }
        Packet::Disconnect(_) => return false,
        Packet::PubAck(_) => {}
        packet => unreachable!("{packet:?}"),
    }
    true
}

impl State {
    fn deliver(&mut self, index: usize, version: ProtocolVersion) {
        self.deliveries += 1;
        let (topic, qos, payload) = &self.messages[index];
        let packet = Packet::Publish(Publish {
            duplicate: false,
            qos: *qos,
            retain: false,
            topic,
            packet_id: if *qos > QoS::AtMostOnce { PacketId::new(self.deliveries) } else { None },
            properties: Properties::NONE,
            payload,
        });
        let _ = self.subscriber.as_mut().unwrap().write_all(&bytes(&packet, version));
    }
}

fn bytes(packet: &Packet<'_>, version: ProtocolVersion) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).unwrap();
    bytes
}
