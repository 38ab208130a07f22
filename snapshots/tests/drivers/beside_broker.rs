//! A broker of an adapter, beside one at the desk.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use mqtt_engine::{BrokerConfig, BrokerEvent, packet::ProtocolVersion};
use mqtt_engine_diary::{
    Diary, Seen,
    script::{BrokerDesk, BrokerStage, Said},
    words,
};

use crate::wire::{AFTERWARDS, Patience, TURN, Wire, during};

const BROKER: &str = "broker";

/// An adapter's broker.
pub trait Driver {
    const NAME: &'static str;

    fn new(config: BrokerConfig) -> Self;
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// How many connections it has.
    fn connections(&self) -> usize;
    /// How many bytes it has read, of all connections.
    fn received(&self) -> u64;
    /// Lets the broker run until something happens, for so long at most; the address is that of the client that it is about.
    fn turn(&mut self, patience: Duration) -> Option<(Option<SocketAddr>, BrokerEvent)>;
}

/// Plays a flow at the desk and, step by step, on the adapter.
pub fn play<D: Driver>(config: &BrokerConfig, flow: impl Fn(&mut dyn BrokerStage)) -> Diary {
    let mut beside = Beside::<D>::new(config);
    flow(&mut beside);
    beside.finish()
}

struct Beside<D> {
    desk: BrokerDesk,
    /// The connections that are open, by the names of the clients.
    wires: BTreeMap<&'static str, Wire>,
    /// Dropped behind the connections: a server waits for them to end.
    driver: D,
    versions: BTreeMap<&'static str, ProtocolVersion>,
    names: BTreeMap<SocketAddr, &'static str>,
    /// All packets of the adapter's broker to each client, over all its connections, and all its events.
    packets: BTreeMap<&'static str, Vec<Seen>>,
    events: Vec<String>,
    /// How many bytes it should have read.
    sent: u64,
}

impl<D: Driver> Beside<D> {
    fn new(config: &BrokerConfig) -> Self {
        Self {
            desk: BrokerDesk::new(config.clone()),
            driver: D::new(config.clone()),
            wires: BTreeMap::new(),
            versions: BTreeMap::new(),
            names: BTreeMap::new(),
            packets: BTreeMap::new(),
            events: Vec::new(),
            sent: 0,
        }
    }

    fn turn(&mut self) {
        if let Some((address, event)) = self.driver.turn(TURN) {
            let name = address.and_then(|address| self.names.get(&address)).copied().unwrap_or("nobody");
            self.events.push(words::broker_event(&event, name));
        }
        for (name, wire) in &mut self.wires {
            self.packets.entry(name).or_default().extend(wire.read());
        }
    }

    /// What the desk's broker has said to this client.
    fn expected(&self, name: &str) -> Vec<Seen> {
        let packets = self.desk.diary().packets().filter(|(ends, _)| *ends == [BROKER, name]);
        packets.map(|(_, seen)| seen.clone()).chain(self.desk.unseen(name)).collect()
    }

    /// What the desk's broker has read, said and told until now, the adapter's must read, say and tell too, and say nothing else.
    fn follow(&mut self) {
        let packets: BTreeMap<_, _> = self.packets.keys().map(|name| (*name, self.expected(name))).collect();
        let events: Vec<String> = self.desk.diary().events(BROKER).map(String::from).collect();
        let connections = self.desk.statistics().connections;
        let patience = Patience::new();
        while !patience.is_over()
            && (self.packets.iter().any(|(name, seen)| seen.len() < packets[name].len())
                || self.events.len() < events.len()
                || self.driver.connections() != connections
                || self.driver.received() < self.sent)
        {
            self.turn();
        }
        let diary = self.desk.diary();
        assert_eq!(self.packets, packets, "{}: packets\n{diary}", D::NAME);
        assert_eq!(self.events, events, "{}: events\n{diary}", D::NAME);
        assert_eq!(self.driver.connections(), connections, "{}: connections\n{diary}", D::NAME);
        assert!(self.driver.received() >= self.sent, "{} does not read\n{diary}", D::NAME);
    }

    fn write(&mut self, name: &str, said: &Said, count: usize) {
        let bytes = said.wire(self.versions[name]);
        let bytes = &bytes[..count.min(bytes.len())];
        if self.desk.is_listening(name) {
            self.sent += bytes.len() as u64;
        }
        let Some(wire) = self.wires.get_mut(name) else { panic!("{name} is not connected") };
        wire.write(bytes);
    }

    /// Nothing more comes.
    fn finish(mut self) -> Diary {
        during(AFTERWARDS, || self.turn());
        self.follow();
        self.desk.finish()
    }
}

impl<D: Driver> BrokerStage for Beside<D> {
    fn opens(&mut self, name: &'static str, version: ProtocolVersion) {
        self.desk.opens(name, version);
        let socket = TcpStream::connect(self.driver.address()).unwrap();
        self.names.insert(socket.local_addr().unwrap(), name);
        self.versions.insert(name, version);
        self.packets.entry(name).or_default();
        self.wires.insert(name, Wire::new(socket, version));
        self.follow();
    }

    fn send(&mut self, name: &str, said: Said) {
        self.write(name, &said, usize::MAX);
        self.desk.send(name, said);
        self.follow();
    }

    fn send_part(&mut self, name: &str, said: Said, count: usize) {
        self.write(name, &said, count);
        self.desk.send_part(name, said, count);
        self.follow();
    }

    fn recv(&mut self, name: &str, expected: Said) {
        self.desk.recv(name, expected);
        self.follow();
    }

    fn lose(&mut self, name: &str, expected: Said) {
        self.desk.lose(name, expected);
        self.follow();
    }

    fn cut(&mut self, name: &str) {
        self.desk.cut(name);
        self.wires.remove(name);
        self.follow();
    }

    fn ends(&mut self, name: &str) {
        let patience = Patience::new();
        while !self.wires.get(name).is_none_or(Wire::has_ended) {
            assert!(!patience.is_over(), "{} keeps {name}\n{}", D::NAME, self.desk.diary());
            self.turn();
        }
        self.desk.ends(name);
        self.wires.remove(name);
        self.follow();
    }

    fn silence(&mut self, span: Duration) {
        self.desk.silence(span);
        during(span, || self.turn());
        self.follow();
    }
}
