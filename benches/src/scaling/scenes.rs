//! What grows.

use bytes::BytesMut;
use mqtt_engine::{ConnectionId, QoS};

use super::world::{Client, World, publish, subscribe};

/// A broker with so many of something, and what is done to it again and again.
pub(super) trait Scene: 'static {
    /// The column.
    const NAME: &'static str;
    /// How many there are.
    const SIZES: &'static [u32];

    fn set_up(size: u32) -> Self;

    /// Does it once; `taken` gets all bytes for clients.
    fn act(&mut self, taken: impl FnMut(&[u8]));

    /// How many messages are delivered by it.
    fn deliveries(_size: u32) -> u32 {
        1
    }
}

const TOPIC: &str = "sensors/room1/temp";

/// Somebody who publishes again and again, to some topics in turn.
struct Publisher {
    world: World,
    connection: ConnectionId,
    packets: Vec<BytesMut>,
    turn: usize,
}

impl Publisher {
    fn new(mut world: World, topics: &[&str], qos: QoS) -> Self {
        let connection = world.connect(&Client::new("publisher"));
        world.settle();
        let packets = topics.iter().map(|topic| publish(topic, qos, false)).collect();
        Self { world, connection, packets, turn: 0 }
    }

    fn publish(&mut self, taken: impl FnMut(&[u8])) {
        self.turn = (self.turn + 1) % self.packets.len();
        self.world.receive(self.connection, &self.packets[self.turn]);
        self.world.flush(taken);
    }
}

fn subscriber(world: &mut World, name: &str, filters: &[String], qos: QoS) {
    let connection = world.connect(&Client::new(name));
    world.receive(connection, &subscribe(filters, qos));
    world.settle();
}

/// A message that one of many subscriptions matches, and that has another topic than the one before: the broker searches.
pub(super) struct Subscriptions(Publisher);

impl Scene for Subscriptions {
    const NAME: &'static str = "a message among N subscriptions";
    const SIZES: &'static [u32] = &[1, 10, 100, 1000, 10_000, 100_000];

    fn set_up(size: u32) -> Self {
        let mut world = World::new();
        subscriber(&mut world, "one", &["sensors/room1/+".to_owned()], QoS::AtMostOnce);
        // Names beside it, and wildcards at each level.
        let others: Vec<String> = (2..=size)
            .map(|room| match room % 4 {
                0 => format!("sensors/room{room}/#"),
                1 => format!("+/room{room}/temp"),
                2 => format!("sensors/room{room}/+"),
                _ => format!("sensors/room{room}/temp"),
            })
            .collect();
        subscriber(&mut world, "others", &others, QoS::AtMostOnce);
        Self(Publisher::new(world, &[TOPIC, "sensors/room1/light"], QoS::AtMostOnce))
    }

    fn act(&mut self, taken: impl FnMut(&[u8])) {
        self.0.publish(taken);
    }
}

/// A message from one client to another, while others are idle.
pub(super) struct Connections(Publisher);

impl Scene for Connections {
    const NAME: &'static str = "a message among N idle connections";
    const SIZES: &'static [u32] = &[1, 10, 100, 1000, 10_000];

    fn set_up(size: u32) -> Self {
        let mut world = World::new();
        for index in 0..size {
            world.connect(&Client::new(&format!("idle {index}")));
        }
        subscriber(&mut world, "one", &[TOPIC.to_owned()], QoS::AtMostOnce);
        Self(Publisher::new(world, &[TOPIC], QoS::AtMostOnce))
    }

    fn act(&mut self, taken: impl FnMut(&[u8])) {
        self.0.publish(taken);
    }
}

/// A message for many.
pub(super) struct FanOut(Publisher);

impl Scene for FanOut {
    const NAME: &'static str = "each of N deliveries";
    const SIZES: &'static [u32] = &[1, 10, 100, 1000, 10_000];

    fn set_up(size: u32) -> Self {
        let mut world = World::new();
        for index in 0..size {
            subscriber(&mut world, &format!("subscriber {index}"), &[TOPIC.to_owned()], QoS::AtMostOnce);
        }
        Self(Publisher::new(world, &[TOPIC], QoS::AtMostOnce))
    }

    fn act(&mut self, taken: impl FnMut(&[u8])) {
        self.0.publish(taken);
    }

    fn deliveries(size: u32) -> u32 {
        size
    }
}

/// A client that connects again and gets what it had not acknowledged.
pub(super) struct Replay {
    world: World,
    client: Client,
    connection: ConnectionId,
}

impl Scene for Replay {
    const NAME: &'static str = "each of N in flight, at a reconnect";
    const SIZES: &'static [u32] = &[1, 10, 100, 1000, 10_000, 65_535];

    fn set_up(size: u32) -> Self {
        let mut world = World::new();
        let client = Client::new("one");
        let connection = world.connect(&client);
        world.receive(connection, &subscribe(&[TOPIC.to_owned()], QoS::AtLeastOnce));
        let mut publisher = Publisher::new(world, &[TOPIC], QoS::AtLeastOnce);
        for _ in 0..size {
            publisher.publish(|_| {});
        }
        Self { world: publisher.world, client, connection }
    }

    fn act(&mut self, taken: impl FnMut(&[u8])) {
        self.world.close(self.connection);
        self.connection = self.world.connect(&self.client);
        self.world.flush(taken);
    }

    fn deliveries(size: u32) -> u32 {
        size
    }
}

/// A subscription that one of many retained messages matches.
pub(super) struct Retained {
    world: World,
    connection: ConnectionId,
    packet: BytesMut,
}

impl Scene for Retained {
    const NAME: &'static str = "a subscription among N retained messages";
    const SIZES: &'static [u32] = &[1, 10, 100, 1000, 10_000, 100_000];

    fn set_up(size: u32) -> Self {
        let mut world = World::new();
        let connection = world.connect(&Client::new("one"));
        for room in 1..=size {
            let topic = format!("sensors/room{room}/temp");
            world.receive(connection, &publish(&topic, QoS::AtMostOnce, true));
        }
        world.settle();
        Self { world, connection, packet: subscribe(&[TOPIC.to_owned()], QoS::AtMostOnce) }
    }

    fn act(&mut self, taken: impl FnMut(&[u8])) {
        self.world.receive(self.connection, &self.packet);
        self.world.flush(taken);
    }
}
