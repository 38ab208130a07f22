//! The engine's own client and broker over a network that breaks, both judged: a checker that finds fault with them errs, or
//! has found a bug.

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    io::IoSlice,
};

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Acknowledgement, Broker, BrokerConfig, Client, ClientConfig, ClientEvent, ConnectionId, Disconnect,
    LostSession, Message, Outbox, QoS, Subscribe, Subscription, Text, Timestamp, TopicFilter, Transport,
    Unsubscribe,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_sim::checker::{Checker, Role};

use crate::{
    robust::Random,
    talk::{V3, V5, V31},
};

/// A connection as the broker has it, with what is under way to it.
struct Wire {
    id: ConnectionId,
    to_broker: VecDeque<u8>,
    /// How many bytes of its outbox were told.
    told: usize,
}

struct World {
    random: Random,
    now: Timestamp,
    client: Client,
    broker: Broker,
    broker_config: BrokerConfig,
    of_client: Checker,
    of_broker: Checker,
    /// By number of the connection.
    wires: BTreeMap<u64, Wire>,
    /// The client's connection, and what is under way to it.
    link: u64,
    is_open: bool,
    to_client: VecDeque<u8>,
    told: usize,
    unacknowledged: Vec<mqtt_engine::DeliveryToken>,
    packets: usize,
    is_settled: bool,
}

/// Tells what is new in an outbox.
fn tell(outbox: &Outbox, told: &mut usize, mut then: impl FnMut(&[u8])) {
    let mut slices = [IoSlice::new(&[]); 256];
    let count = outbox.chunks_vectored(&mut slices);
    let mut skip = *told;
    for slice in &slices[..count] {
        let fresh = slice.get(skip..).unwrap_or_default();
        skip -= skip.min(slice.len());
        if !fresh.is_empty() {
            then(fresh);
        }
    }
    *told = outbox.remaining();
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let now = Timestamp::from_secs(1000);
        let version: ProtocolVersion = [V31, V3, V5, V5][random.below(4)];
        let mut config = ClientConfig::new(Text::try_from("c").unwrap());
        config.version = version;
        config.clean_start = random.below(4) == 0;
        config.session_expiry = if version == V5 { [0, 20, u32::MAX][random.below(3)] } else { 0 };
        config.keep_alive = [0, 5, 60][random.below(3)];
        config.receive_maximum = [1, 3, 64][random.below(3)];
        config.inflight_maximum = [1, 2, 5, 64][random.below(4)];
        config.maximum_packet_size = [40, 1 << 20][random.below(2)];
        config.topic_alias_maximum = [0, 2][random.below(2)];
        config.outbound_topic_aliases = [0, 2, 9][random.below(3)];
        config.outbox_bytes = [1, 50, 65_536][random.below(3)];
        config.event_bytes = [1, 2000, 1 << 20][random.below(3)];
        config.queue_count = [3, 20, 100][random.below(3)];
        config.lost_session = [LostSession::Report, LostSession::Republish][random.below(2)];
        config.acknowledgement = [Acknowledgement::Automatic, Acknowledgement::Manual][random.below(2)];
        config.retransmit_after = [None, Some(Duration::from_secs(2))][random.below(2)];
        config.request_problem_information = random.below(2) == 0;
        config.seed = seed;
        let mut broker_config = BrokerConfig::default();
        broker_config.connection.receive_maximum = [1, 4, 100][random.below(3)];
        broker_config.connection.inflight_maximum = [1, 3, 100][random.below(3)];
        broker_config.connection.topic_alias_maximum = [0, 3][random.below(2)];
        broker_config.connection.outbound_topic_aliases = [0, 3][random.below(2)];
        broker_config.connection.maximum_packet_size = [60, 1 << 20][random.below(2)];
        broker_config.connection.maximum_keep_alive = [0, 10][random.below(2)];
        broker_config.connection.outbox_bytes = [1, 100, 65_536][random.below(3)];
        broker_config.connection.queue_count = [4, 100][random.below(2)];
        broker_config.connection.retain_available = random.below(3) > 0;
        broker_config.connection.maximum_qos =
            [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce][random.below(3)];
        let mut of_client = Checker::new(Role::Client);
        // The default profile of the client.
        of_client.settings_mut().tolerates_session_present = true;
        Self {
            client: Client::new(config, now),
            broker: Broker::new(broker_config.clone(), now),
            broker_config,
            of_client,
            of_broker: Checker::new(Role::Server),
            wires: BTreeMap::new(),
            link: 0,
            is_open: false,
            to_client: VecDeque::new(),
            told: 0,
            unacknowledged: Vec::new(),
            packets: 0,
            is_settled: false,
            random,
            now,
        }
    }

    fn observe(&mut self) {
        if self.is_open {
            let (now, link, checker) = (self.now, self.link, &mut self.of_client);
            tell(self.client.outbox(), &mut self.told, |bytes| checker.wrote(link, bytes, now));
        }
        for (link, wire) in &mut self.wires {
            if let Some(outbox) = self.broker.outbox(wire.id) {
                let (now, checker) = (self.now, &mut self.of_broker);
                tell(outbox, &mut wire.told, |bytes| checker.wrote(*link, bytes, now));
            }
            if self.broker.transport(wire.id) != Transport::Keep {
                self.of_broker.gave_up(*link, self.now);
            }
        }
        if self.client.transport() != Transport::Keep {
            self.of_client.gave_up(self.link, self.now);
        }
        self.of_client.time(self.now);
        self.of_broker.time(self.now);
    }

    fn step(&mut self) {
        match self.random.below(26) {
            0..=4 => self.publish(),
            5 | 6 => self.publish_by_broker(),
            7 => self.subscribe(),
            8..=10 => self.poll(),
            11 => self.acknowledge(),
            12..=16 => self.write(false),
            17..=20 => drop(self.deliver(false)),
            21 => self.pass(),
            22 => self.connect(),
            _ => self.trouble(),
        }
        self.observe();
    }

    fn trouble(&mut self) {
        match self.random.below(9) {
            0 | 1 => self.cut(),
            2 => {
                let mut request = Disconnect::default();
                request.session_expiry = [None, Some(5)][self.random.below(2)];
                self.client.disconnect(request, self.now);
            }
            3 => self.client.connect(self.now),
            4 => {
                if let Some(wire) = self.wires.values().next() {
                    self.broker.close(wire.id, ReasonCode::AdministrativeAction, self.now);
                }
            }
            5 => self.broker_notices(),
            7 => self.broker_closes(),
            6 if self.random.below(4) == 0 => self.restart(),
            _ => self.connect(),
        }
    }

    fn publish(&mut self) {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.random.below(3)];
        let message = self.message(qos);
        // Refusals of what the broker has announced not to take are the client's good right.
        let _ = self.client.publish(message, self.now);
    }

    fn publish_by_broker(&mut self) {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.random.below(3)];
        let message = self.message(qos);
        self.broker.publish(message, self.now);
    }

    fn message(&mut self, qos: QoS) -> Message {
        let topic = ["a", "b/c", "a/long/topic/name"][self.random.below(3)];
        let payload = vec![b'.'; [3, 3, 30][self.random.below(3)]];
        let mut message = Message::new(topic, Bytes::from(payload)).unwrap().with_qos(qos);
        message.retain = self.random.below(8) == 0;
        message.properties.message_expiry = [None, Some(Duration::from_secs(9))][self.random.below(2)];
        message
    }

    fn subscribe(&mut self) {
        let filter = TopicFilter::try_from(["a", "b/+", "#", "$share/g/a"][self.random.below(4)]).unwrap();
        if self.random.below(4) == 0 {
            let _ = self.client.unsubscribe(Unsubscribe::new([filter]), self.now);
            return;
        }
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.random.below(3)];
        let mut request = Subscribe::new(filter, qos);
        if self.client.config().version == V5 && self.random.below(2) == 0 {
            request.identifier = Some([1, 2, 3][self.random.below(3)]);
        }
        request.filters.push(Subscription::new(TopicFilter::try_from("x").unwrap(), QoS::AtMostOnce));
        let _ = self.client.subscribe(request, self.now);
    }

    fn poll(&mut self) {
        while self.random.below(3) > 0
            && let Some(event) = self.client.poll_event()
        {
            self.note(event);
        }
        while self.broker.poll_event().is_some() {}
    }

    fn note(&mut self, event: ClientEvent) {
        if let ClientEvent::Received { token, message, .. } = event
            && message.qos > QoS::AtMostOnce
        {
            self.unacknowledged.push(token);
        }
    }

    fn acknowledge(&mut self) {
        if !self.unacknowledged.is_empty() {
            let place = self.random.below(self.unacknowledged.len());
            let token = self.unacknowledged.swap_remove(place);
            let reason =
                [ReasonCode::Success, ReasonCode::Success, ReasonCode::QuotaExceeded][self.random.below(3)];
            self.client.acknowledge(token, reason, self.now);
        }
    }

    fn connect(&mut self) {
        if self.is_open {
            if self.client.transport() == Transport::FlushThenClose {
                self.write(true);
                self.cut();
            }
            return;
        }
        let Transport::Open { not_before } = self.client.transport() else { return };
        self.set_time(self.now.max(not_before));
        self.link += 1;
        let id = self.broker.accept(self.now).unwrap();
        self.wires.insert(self.link, Wire { id, to_broker: VecDeque::new(), told: 0 });
        self.of_broker.opened(self.link, self.now);
        self.of_client.opened(self.link, self.now);
        (self.is_open, self.told) = (true, 0);
        self.client.transport_opened(self.now);
    }

    /// The client loses its connection; the broker will notice later.
    fn cut(&mut self) {
        if !self.is_open {
            return;
        }
        self.observe();
        let half = self.random.below(2) == 0;
        self.write(half);
        self.observe();
        self.of_client.closed(self.link, self.now);
        self.is_open = false;
        self.to_client.clear();
        self.client.transport_closed(self.now);
        self.told = 0;
        if self.random.below(2) == 0 {
            self.broker_notices();
        }
    }

    /// The broker loses its oldest connection; what is under way to it may still arrive.
    fn broker_notices(&mut self) {
        let Some(link) = self.wires.keys().next().copied() else { return };
        if self.is_open && link == self.link {
            return;
        }
        while self.random.below(3) > 0 && self.receive(link) {}
        self.observe();
        if let Some(wire) = self.wires.remove(&link) {
            self.broker.transport_closed(wire.id, self.now);
            self.of_broker.closed(link, self.now);
        }
    }

    /// The broker closes what it has given up.
    fn broker_closes(&mut self) {
        let is_over = |broker: &Broker, wire: &Wire| broker.transport(wire.id) != Transport::Keep;
        let over: Vec<u64> = self
            .wires
            .iter()
            .filter(|(_, wire)| is_over(&self.broker, wire))
            .map(|(link, _)| *link)
            .collect();
        for link in over {
            self.observe();
            if self.is_open && link == self.link {
                self.deliver(true);
                self.cut();
            }
            if let Some(wire) = self.wires.remove(&link) {
                self.broker.transport_closed(wire.id, self.now);
                self.of_broker.closed(link, self.now);
            }
        }
    }

    /// The broker starts again with nothing.
    fn restart(&mut self) {
        self.observe();
        for link in core::mem::take(&mut self.wires).into_keys() {
            self.of_broker.closed(link, self.now);
        }
        self.of_broker.forgot(self.now);
        self.broker = Broker::new(self.broker_config.clone(), self.now);
        self.cut();
    }

    /// Bytes of the client go on their way.
    fn write(&mut self, all: bool) {
        if !self.is_open {
            return;
        }
        let outbox = self.client.outbox();
        let count = outbox.remaining();
        let (now, link, checker) = (self.now, self.link, &mut self.of_client);
        tell(outbox, &mut self.told, |bytes| checker.wrote(link, bytes, now));
        let count = if all { count } else { self.random.below(count + 1) };
        let bytes = outbox.copy_to_bytes(count);
        self.told -= count;
        if let Some(wire) = self.wires.get_mut(&self.link) {
            wire.to_broker.extend(bytes);
        }
        if all {
            while self.receive(link) {
                self.observe();
            }
        } else {
            self.receive(link);
        }
    }

    /// Some bytes reach the broker; whether there were any.
    fn receive(&mut self, link: u64) -> bool {
        self.broker.handle_timeout(self.now);
        self.observe();
        let Some(wire) = self.wires.get_mut(&link) else { return false };
        if wire.to_broker.is_empty() || !self.broker.wants_input(wire.id) {
            return false;
        }
        let count = 1 + self.random.below(wire.to_broker.len());
        let bytes: Vec<u8> = wire.to_broker.iter().copied().take(count).collect();
        let mut input = &bytes[..];
        let is_live = self.broker.transport(wire.id) == Transport::Keep;
        self.broker.receive(wire.id, &mut input, self.now);
        let taken = count - input.len();
        wire.to_broker.drain(..taken);
        if is_live {
            self.of_broker.read(link, &bytes[..taken], self.now);
        }
        self.packets += 1;
        while self.broker.poll_event().is_some() {}
        taken > 0
    }

    /// Bytes of the broker go on their way, and some reach the client.
    fn deliver(&mut self, all: bool) -> bool {
        self.client.handle_timeout(self.now);
        self.observe();
        if let Some(wire) = self.wires.get_mut(&self.link)
            && let Some(outbox) = self.broker.outbox(wire.id)
            && self.is_open
        {
            let (now, link, checker) = (self.now, self.link, &mut self.of_broker);
            tell(outbox, &mut wire.told, |bytes| checker.wrote(link, bytes, now));
            let count = outbox.remaining();
            let count = if all { count } else { self.random.below(count + 1) };
            self.to_client.extend(outbox.copy_to_bytes(count));
            wire.told -= count;
        }
        if self.to_client.is_empty() || !self.client.wants_input() {
            return false;
        }
        let count = 1 + self.random.below(self.to_client.len());
        let bytes: Vec<u8> = self.to_client.iter().copied().take(count).collect();
        let mut input = &bytes[..];
        self.client.receive(&mut input, self.now);
        let taken = count - input.len();
        self.to_client.drain(..taken);
        self.of_client.read(self.link, &bytes[..taken], self.now);
        self.packets += 1;
        taken > 0
    }

    fn pass(&mut self) {
        let span = Duration::from_millis(self.random.below(6000) as u64);
        self.set_time(self.now + span);
    }

    /// Time passes from deadline to deadline.
    fn set_time(&mut self, until: Timestamp) {
        for _ in 0..1000 {
            self.observe();
            let next = [self.client.deadline(), self.broker.deadline()].into_iter().flatten().min();
            self.now = self.now.max(next.unwrap_or(until).min(until));
            self.client.handle_timeout(self.now);
            self.broker.handle_timeout(self.now);
            if self.now >= until {
                break;
            }
        }
        self.observe();
    }

    /// No more trouble: everything comes to rest.
    fn rest(&mut self) {
        // For how long nobody has done what is owed. A message that the broker refuses ends one connection after the other, and
        // repetitions of 3.1.1 may keep a slow conversation busy.
        let mut still = 0;
        let mut before = (0, Vec::new(), Vec::new());
        for _ in 0..60 {
            if self.client.transport() == Transport::None {
                self.client.connect(self.now);
            }
            self.connect();
            self.broker_notices();
            self.broker_closes();
            self.write(true);
            while self.deliver(true) {
                self.observe();
            }
            while let Some(event) = self.client.poll_event() {
                self.note(event);
            }
            while !self.unacknowledged.is_empty() {
                self.acknowledge();
            }
            self.observe();
            // A broker may hold acknowledgements back for the sake of slow subscribers.
            self.set_time(self.now + Duration::from_secs(2));
            let now = (self.link, self.of_client.owed(), self.of_broker.owed());
            still = if now == before { still + 1 } else { 0 };
            before = now;
        }
        let is_at_rest =
            self.is_open && self.wires.values().all(|wire| self.broker.transport(wire.id) == Transport::Keep);
        if is_at_rest && still > 10 && self.client.is_connected() {
            self.of_client.settled(self.now);
            self.of_broker.settled(self.now);
            self.is_settled = true;
        }
    }
}

/// How many conversations are held; `CHECKER_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("CHECKER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn the_engine_is_without_fault() {
    let (mut packets, mut rested) = (0, 0);
    for seed in 0..seeds() {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        world.rest();
        packets += world.packets;
        rested += usize::from(world.is_settled);
        let words = |(checker, who): (&mut Checker, &str)| -> Vec<String> {
            checker.violations().iter().map(|violation| format!("\n    {who} {violation}")).collect()
        };
        let sides = [(&mut world.of_client, "client"), (&mut world.of_broker, "broker")];
        let violations: Vec<_> = sides.into_iter().flat_map(words).collect();
        assert!(violations.is_empty(), "seed {seed}:{}", violations.concat());
    }
    println!("{packets} pieces, {rested} conversations at rest");
    assert!(packets > 10_000 && rested > 150, "{packets} pieces, {rested} at rest");
}
