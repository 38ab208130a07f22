//! A client of an adapter, beside one at the desk.

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use mqtt_engine::{
    Acknowledgement, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, QoS, Subscribe,
    Unsubscribe,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_diary::{
    Diary, Seen,
    script::{ClientDesk, ClientStage, Said},
    words,
};

use crate::wire::{AFTERWARDS, Patience, TURN, Wire, during};

const CLIENT: &str = "client";

/// An adapter's client.
pub trait Driver {
    const NAME: &'static str;

    fn new(server: SocketAddr, config: ClientConfig) -> Self;
    fn publish(&mut self, message: Message);
    fn subscribe(&mut self, request: Subscribe);
    fn unsubscribe(&mut self, request: Unsubscribe);
    fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode);
    fn disconnect(&mut self, request: Disconnect);
    /// Lets the client run until something happens, for so long at most.
    fn turn(&mut self, patience: Duration) -> Option<ClientEvent>;
}

/// Plays a flow at the desk and, step by step, on the adapter.
pub fn play<D: Driver>(config: &ClientConfig, flow: impl Fn(&mut dyn ClientStage)) -> Diary {
    let mut beside = Beside::<D>::new(config);
    flow(&mut beside);
    beside.finish()
}

struct Beside<D> {
    desk: ClientDesk,
    driver: D,
    listener: TcpListener,
    wire: Option<Wire>,
    /// All packets of the adapter's client, over all its connections, and all its events.
    packets: Vec<Seen>,
    events: Vec<String>,
    acknowledgement: Acknowledgement,
    unacknowledged: VecDeque<DeliveryToken>,
}

impl<D: Driver> Beside<D> {
    fn new(config: &ClientConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            desk: ClientDesk::new(config.clone()),
            driver: D::new(listener.local_addr().unwrap(), config.clone()),
            listener,
            wire: None,
            packets: Vec::new(),
            events: Vec::new(),
            acknowledgement: config.acknowledgement,
            unacknowledged: VecDeque::new(),
        }
    }

    fn turn(&mut self) {
        if let Some(event) = self.driver.turn(TURN) {
            self.events.push(words::client_event(&event));
            if let ClientEvent::Received { token, message, .. } = event
                && message.qos > QoS::AtMostOnce
                && self.acknowledgement == Acknowledgement::Manual
            {
                self.unacknowledged.push_back(token);
            }
        }
        self.packets.extend(self.wire.iter_mut().flat_map(Wire::read));
    }

    /// What the desk's client has said and told until now, the adapter's must say and tell too, and say nothing else.
    fn follow(&mut self) {
        let diary = self.desk.diary();
        let taken = diary.packets().filter(|([from, _], _)| *from == CLIENT).map(|(_, seen)| seen.clone());
        let packets: Vec<Seen> = taken.chain(self.desk.unseen()).collect();
        let events: Vec<String> = diary.events(CLIENT).map(String::from).collect();
        let patience = Patience::new();
        while (self.packets.len() < packets.len() || self.events.len() < events.len()) && !patience.is_over()
        {
            self.turn();
        }
        let told = &self.events[..self.events.len().min(events.len())];
        assert_eq!(self.packets, packets, "{}: packets\n{}", D::NAME, self.desk.diary());
        assert_eq!(told, events, "{}: events\n{}", D::NAME, self.desk.diary());
    }

    fn accept(&mut self) -> Wire {
        let patience = Patience::new();
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => return Wire::new(socket, self.desk.version()),
                Err(_) if !patience.is_over() => self.turn(),
                Err(error) => panic!("{} does not connect: {error}", D::NAME),
            }
        }
    }

    fn write(&mut self, said: &Said, count: usize) {
        let bytes = said.wire(self.desk.version());
        let Some(wire) = &mut self.wire else { panic!("there is no connection") };
        wire.write(&bytes[..count.min(bytes.len())]);
    }

    /// Nothing more comes, and no event is left over.
    fn finish(mut self) -> Diary {
        during(AFTERWARDS, || self.turn());
        self.follow();
        let events: Vec<_> = self.desk.diary().events(CLIENT).collect();
        assert_eq!(self.events, events, "{}: events\n{}", D::NAME, self.desk.diary());
        self.desk.finish()
    }
}

impl<D: Driver> ClientStage for Beside<D> {
    fn version(&self) -> ProtocolVersion {
        self.desk.version()
    }

    fn publish(&mut self, message: Message) {
        self.desk.publish(message.clone());
        self.driver.publish(message);
        self.follow();
    }

    fn subscribe(&mut self, request: Subscribe) {
        self.desk.subscribe(request.clone());
        self.driver.subscribe(request);
        self.follow();
    }

    fn unsubscribe(&mut self, request: Unsubscribe) {
        self.desk.unsubscribe(request.clone());
        self.driver.unsubscribe(request);
        self.follow();
    }

    fn acknowledge(&mut self, reason: ReasonCode) {
        self.desk.acknowledge(reason);
        let delivery = self.unacknowledged.pop_front().unwrap();
        self.driver.acknowledge(delivery, reason);
        self.follow();
    }

    fn disconnect(&mut self, request: Disconnect) {
        self.desk.disconnect(request.clone());
        self.driver.disconnect(request);
        self.follow();
    }

    fn opens(&mut self) {
        self.desk.opens();
        self.wire = Some(self.accept());
        self.follow();
    }

    fn recv(&mut self, expected: Said) {
        self.desk.recv(expected);
        self.follow();
    }

    fn lose(&mut self, expected: Said) {
        self.desk.lose(expected);
        self.follow();
    }

    fn recv_part(&mut self, expected: Said, count: usize) {
        self.desk.recv_part(expected, count);
        self.follow();
    }

    fn send(&mut self, said: Said) {
        self.write(&said, usize::MAX);
        self.desk.send(said);
        self.follow();
    }

    fn send_part(&mut self, said: Said, count: usize) {
        self.write(&said, count);
        self.desk.send_part(said, count);
        self.follow();
    }

    fn cut(&mut self) {
        self.desk.cut();
        self.wire = None;
        self.follow();
    }

    fn ends(&mut self) {
        let patience = Patience::new();
        while !self.wire.as_ref().is_none_or(Wire::has_ended) {
            assert!(!patience.is_over(), "{} keeps the connection\n{}", D::NAME, self.desk.diary());
            self.turn();
        }
        self.desk.ends();
        self.wire = None;
        self.follow();
    }

    fn silence(&mut self, span: Duration) {
        self.desk.silence(span);
        during(span, || self.turn());
        self.follow();
    }
}
