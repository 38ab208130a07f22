//! Clients and a broker on stage; the script plays their programs, and the network between them.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Buf;
use mqtt_engine::{
    Broker, BrokerConfig, BrokerEvent, Client, ClientConfig, ConnectionId, Disconnect, Message, Subscribe,
    Timestamp, Transport, packet::ProtocolVersion,
};

use super::scribe::{MOST_TIMERS, Scribe, Timed};
use crate::{Diary, Packets, Passage, Seen, words};

const BROKER: &str = "broker";

/// Clients and a broker, with a network that passes packet by packet and cuts where it is told to, in virtual time.
#[derive(Debug)]
pub struct Pair {
    broker: Broker,
    seats: BTreeMap<&'static str, Seat>,
    names: BTreeMap<ConnectionId, &'static str>,
    /// Connections whose network has died without telling anybody.
    silent: Vec<Silent>,
    fuse: Option<Fuse>,
    scribe: Scribe,
}

/// What is left of a connection when the network swallows everything: two ends, each of which must find out by itself.
#[derive(Debug)]
struct Silent {
    name: &'static str,
    /// Whether the client still believes in it.
    client: bool,
    /// The broker's end, as long as the broker believes in it.
    broker: Option<ConnectionId>,
    up: Packets,
    down: Packets,
}

#[derive(Debug)]
struct Seat {
    client: Client,
    version: ProtocolVersion,
    connection: Option<ConnectionId>,
    up: Packets,
    down: Packets,
    /// The program wants to be connected.
    is_online: bool,
}

/// Where the network cuts.
#[derive(Clone, Copy, Debug)]
struct Fuse {
    name: &'static str,
    /// How many packets pass before.
    packets: usize,
    /// Whether the first half of the next one arrives too.
    half: bool,
}

impl Pair {
    /// A broker without clients; the time is 0.
    #[must_use]
    pub fn new(config: BrokerConfig) -> Self {
        let broker = Broker::new(config, Timestamp::ZERO);
        let (seats, names) = (BTreeMap::new(), BTreeMap::new());
        Self { broker, seats, names, silent: Vec::new(), fuse: None, scribe: Scribe::default() }
    }

    /// A client takes its seat; it connects when the flow [runs](Self::run).
    pub fn client(&mut self, name: &'static str, config: ClientConfig) {
        let version = config.version;
        let client = Client::new(config, self.scribe.now);
        let (up, down) = (Packets::new(version), Packets::new(version));
        self.seats.insert(name, Seat { client, version, connection: None, up, down, is_online: true });
    }

    /// A client publishes.
    pub fn publish(&mut self, name: &str, message: Message) {
        let call = format!("publish {}", words::message(&message));
        let now = self.scribe.now;
        let result = self.seat(name).client.publish(message, now);
        let words = match result {
            Ok(token) => format!("{call} → #{}", token.as_u64()),
            Err(error) => format!("{call} → {error}"),
        };
        self.scribe.call(name, words);
    }

    /// A client subscribes.
    pub fn subscribe(&mut self, name: &str, request: Subscribe) {
        let filters: Vec<_> = request
            .filters
            .iter()
            .map(|one| format!("{:?} qos={}", one.filter.as_str(), one.qos as u8))
            .collect();
        let call = format!("subscribe {}", filters.join(", "));
        let now = self.scribe.now;
        let words = match self.seat(name).client.subscribe(request, now) {
            Ok(token) => format!("{call} → #{}", token.as_u64()),
            Err(error) => format!("{call} → {error}"),
        };
        self.scribe.call(name, words);
    }

    /// A client says good-bye, and stays away.
    pub fn disconnect(&mut self, name: &str, request: Disconnect) {
        self.scribe.call(name, format!("disconnect: {}", request.reason.words()));
        let now = self.scribe.now;
        self.seat(name).client.disconnect(request, now);
        self.run();
    }

    /// The network of a client is cut now, and stays away until [`comes_back`](Self::comes_back).
    pub fn goes_away(&mut self, name: &'static str) {
        self.seat(name).is_online = false;
        self.cut(name);
    }

    /// The network of a client swallows everything from now on, and nobody is told. The client's next connection is a good one.
    pub fn goes_silent(&mut self, name: &'static str) {
        let seat = self.seat(name);
        let (up, down) = (Packets::new(seat.version), Packets::new(seat.version));
        let Some(id) = seat.connection.take() else {
            self.scribe.fail(format_args!("{name} is not connected"))
        };
        self.scribe.note(format!("the network of {name} swallows everything from now on"));
        self.silent.push(Silent { name, client: true, broker: Some(id), up, down });
    }

    /// The network of a client is there again.
    pub fn comes_back(&mut self, name: &str) {
        self.seat(name).is_online = true;
    }

    /// The connection of a client will be cut when so many more of its packets, of both directions, have passed.
    pub fn cut_after(&mut self, name: &'static str, packets: usize) {
        self.fuse = Some(Fuse { name, packets, half: false });
    }

    /// The same, in the middle of the packet that follows.
    pub fn cut_inside(&mut self, name: &'static str, packets: usize) {
        self.fuse = Some(Fuse { name, packets, half: true });
    }

    /// How many messages that a client has published have no fate yet.
    #[must_use]
    pub fn pending_publishes(&self, name: &str) -> usize {
        self.seats.get(name).map_or(0, |seat| seat.client.pending_publishes())
    }

    /// What has happened so far.
    #[must_use]
    pub const fn diary(&self) -> &Diary {
        &self.scribe.diary
    }

    /// Whether a cut that was announced has not come.
    #[must_use]
    pub const fn is_uncut(&self) -> bool {
        self.fuse.is_some()
    }

    /// Everything runs until nothing moves any more; clients that want to connect do, and time passes for them if it must.
    pub fn run(&mut self) {
        self.settle();
    }

    /// So much time passes; timers fire when they are due, and everything runs in between.
    pub fn advance(&mut self, span: Duration) {
        self.let_pass(span);
    }

    /// A remark in the diary.
    pub fn note(&mut self, words: &str) {
        self.scribe.note(words);
    }

    /// The flow ends; everything must be at rest.
    #[must_use]
    pub fn finish(mut self) -> Diary {
        self.run();
        if let Some(fuse) = self.fuse {
            self.scribe.fail(format_args!("{fuse:?} was never reached"));
        }
        self.scribe.diary
    }

    fn seat(&mut self, name: &str) -> &mut Seat {
        match self.seats.get_mut(name) {
            Some(seat) => seat,
            None => self.scribe.fail(format_args!("nobody is called {name}")),
        }
    }

    /// Takes all events and all output.
    fn look(&mut self) {
        while self.take_events() | self.take_output() {}
        for (name, seat) in &self.seats {
            let deadline = seat.client.deadline().zip(seat.client.why_deadline().map(String::from));
            self.scribe.deadline(name, deadline);
            self.scribe.transport(name, seat.client.transport());
        }
        let deadline = self.broker.deadline().zip(self.broker.why_deadline().map(|why| why.to_string()));
        self.scribe.deadline(BROKER, deadline);
    }

    fn take_events(&mut self) -> bool {
        let mut has_told = false;
        for (name, seat) in &mut self.seats {
            while let Some(event) = seat.client.poll_event() {
                self.scribe.event(name, words::client_event(&event));
                has_told = true;
            }
        }
        while let Some(event) = self.broker.poll_event() {
            let name = match &event {
                BrokerEvent::Connected { connection, .. } | BrokerEvent::Disconnected { connection, .. } => {
                    self.names.get(connection).copied()
                }
                _ => None,
            };
            self.scribe.event(BROKER, words::broker_event(&event, name.unwrap_or("nobody")));
            has_told = true;
        }
        has_told
    }

    fn take_output(&mut self) -> bool {
        let mut has_moved = false;
        for seat in self.seats.values_mut() {
            let Some(id) = seat.connection else { continue };
            has_moved |= drain(seat.client.outbox(), &mut seat.up);
            has_moved |= self.broker.outbox(id).is_some_and(|outbox| drain(outbox, &mut seat.down));
        }
        has_moved | self.swallow()
    }

    /// What is said into a silent connection is lost.
    fn swallow(&mut self) -> bool {
        let mut has_moved = false;
        for Silent { name, client, broker, up, down } in &mut self.silent {
            if let Some(seat) = self.seats.get_mut(name).filter(|_| *client) {
                has_moved |= drain(seat.client.outbox(), up);
            }
            if let Some(outbox) = broker.and_then(|id| self.broker.outbox(id)) {
                has_moved |= drain(outbox, down);
            }
            up.for_each(|seen| self.scribe.packet(name, BROKER, seen, Passage::Lost));
            down.for_each(|seen| self.scribe.packet(BROKER, name, seen, Passage::Lost));
        }
        has_moved
    }

    /// One packet of one client passes, in one direction.
    fn pass_packet(&mut self) -> bool {
        let next = self.seats.iter_mut().find_map(|(name, seat)| {
            let id = seat.connection?;
            let takes_up = self.broker.wants_input(id);
            if let Some(seen) = seat.up.next_if(takes_up) {
                return Some((*name, id, true, seen));
            }
            let takes_down = seat.client.wants_input();
            seat.down.next_if(takes_down).map(|seen| (*name, id, false, seen))
        });
        let Some((name, id, is_up, seen)) = next else { return false };
        let burns = self.fuse.as_mut().filter(|fuse| fuse.name == name).map(|fuse| {
            fuse.packets = fuse.packets.wrapping_sub(1);
            fuse.packets
        });
        match (burns, self.fuse) {
            // The one that is cut in the middle.
            (Some(usize::MAX), Some(Fuse { half: true, .. })) => {
                self.hand_over(name, id, is_up, seen, true);
                self.cut(name);
            }
            (Some(0), Some(Fuse { half: false, .. })) => {
                self.hand_over(name, id, is_up, seen, false);
                self.cut(name);
            }
            _ => self.hand_over(name, id, is_up, seen, false),
        }
        true
    }

    fn hand_over(&mut self, name: &'static str, id: ConnectionId, is_up: bool, seen: Seen, is_half: bool) {
        let count = if is_half { seen.bytes.len() / 2 } else { seen.bytes.len() };
        let passage = if is_half { Passage::First(count) } else { Passage::Whole };
        let bytes = seen.bytes.clone();
        let mut bytes = &bytes[..count];
        let (from, to) = if is_up { (name, BROKER) } else { (BROKER, name) };
        self.scribe.packet(from, to, seen, passage);
        if is_up {
            self.broker.receive(id, &mut bytes, self.scribe.now);
        } else {
            let now = self.scribe.now;
            self.seat(name).client.receive(&mut bytes, now);
        }
        self.look();
    }

    fn cut(&mut self, name: &'static str) {
        self.fuse = self.fuse.take_if(|fuse| fuse.name != name);
        self.take_output();
        let Some(seat) = self.seats.get_mut(name) else { return };
        let Some(id) = seat.connection.take() else { return };
        let (up, down) = (Packets::new(seat.version), Packets::new(seat.version));
        let lost = [
            (name, BROKER, core::mem::replace(&mut seat.up, up)),
            (BROKER, name, core::mem::replace(&mut seat.down, down)),
        ];
        for (from, to, packets) in lost {
            for seen in packets {
                self.scribe.packet(from, to, seen, Passage::Lost);
            }
        }
        self.scribe.note(format!("the connection of {name} is cut"));
        let now = self.scribe.now;
        self.broker.transport_closed(id, now);
        self.seat(name).client.transport_closed(now);
        self.look();
    }

    /// A machine that wants to end its connection has said its last word: the other one reads it, then the connection ends.
    fn close_connections(&mut self) -> bool {
        let over = self.seats.iter().find(|(_, seat)| {
            seat.connection.is_some_and(|id| {
                self.broker.transport(id) != Transport::Keep || seat.client.transport() != Transport::Keep
            })
        });
        let Some((name, _)) = over else { return false };
        let name = *name;
        let Some(id) = self.seat(name).connection.take() else { return false };
        self.scribe.note(format!("the connection of {name} ends"));
        let now = self.scribe.now;
        self.broker.transport_closed(id, now);
        self.seat(name).client.transport_closed(now);
        true
    }

    /// Each end of a silent connection goes by itself.
    fn close_silent_ends(&mut self) -> bool {
        let (now, mut has_closed) = (self.scribe.now, false);
        for end in &mut self.silent {
            let Some(seat) = self.seats.get_mut(end.name) else { continue };
            if end.client && seat.client.transport() != Transport::Keep {
                end.client = false;
                self.scribe.note(format!("{} gives its silent connection up", end.name));
                seat.client.transport_closed(now);
                has_closed = true;
            }
            let broker = &mut self.broker;
            if let Some(id) = end.broker.take_if(|id| broker.transport(*id) != Transport::Keep) {
                self.scribe.note(format!("the broker gives the silent connection of {} up", end.name));
                broker.transport_closed(id, now);
                has_closed = true;
            }
        }
        self.silent.retain(|end| end.client || end.broker.is_some());
        has_closed
    }

    /// A client that wants a connection gets one; time passes until the earliest moment that it allows.
    fn open_connection(&mut self) -> bool {
        let wish = self.seats.iter().filter(|(_, seat)| seat.is_online).find_map(|(name, seat)| {
            match seat.client.transport() {
                Transport::Open { not_before } => Some((*name, not_before)),
                _ => None,
            }
        });
        let Some((name, not_before)) = wish else { return false };
        self.pass(not_before.max(self.scribe.now));
        let Ok(id) = self.broker.accept(self.scribe.now) else { self.scribe.fail("the broker is full") };
        self.names.insert(id, name);
        let now = self.scribe.now;
        let seat = self.seat(name);
        (seat.up, seat.down) = (Packets::new(seat.version), Packets::new(seat.version));
        seat.connection = Some(id);
        seat.client.transport_opened(now);
        true
    }
}

impl Timed for Pair {
    fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    fn due(&self) -> Option<Timestamp> {
        self.seats.values().filter_map(|seat| seat.client.deadline()).chain(self.broker.deadline()).min()
    }

    fn pass(&mut self, now: Timestamp) {
        self.scribe.now = now;
        self.broker.handle_timeout(now);
        for seat in self.seats.values_mut() {
            seat.client.handle_timeout(now);
        }
    }

    /// Everything runs until nothing moves any more; clients that want to connect do, and time passes for them if it must.
    fn settle(&mut self) {
        for _ in 0..100 * MOST_TIMERS {
            self.look();
            let has_moved = self.pass_packet()
                || self.close_connections()
                || self.close_silent_ends()
                || self.open_connection();
            if !has_moved {
                return self.look();
            }
        }
        self.scribe.fail("it never comes to rest");
    }
}

fn drain(outbox: &mut mqtt_engine::Outbox, packets: &mut Packets) -> bool {
    let has_bytes = outbox.has_remaining();
    let bytes = outbox.copy_to_bytes(outbox.remaining());
    packets.push(&bytes);
    has_bytes
}
