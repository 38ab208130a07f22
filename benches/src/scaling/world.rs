//! A broker and clients that are nothing but bytes.

use bytes::{Buf, BytesMut};
use mqtt_engine::{
    Broker, BrokerConfig, ConnectionId, QoS, Timestamp, Transport,
    packet::{
        Connect, Filters, Packet, PacketId, Properties, Property, ProtocolVersion, Publish, RetainHandling,
        Subscribe, Subscription,
    },
};

const NOW: Timestamp = Timestamp::from_millis(0);
const VERSION: ProtocolVersion = ProtocolVersion::V5;
const PAYLOAD: [u8; 64] = [b'x'; 64];

pub(super) struct World {
    broker: Broker,
}

impl World {
    /// A broker whose limits are far away.
    pub(super) fn new() -> Self {
        let mut config = BrokerConfig::new();
        config.connection_count = 1 << 20;
        config.session_count = 1 << 20;
        config.subscriptions_per_session = 1 << 20;
        config.retained_count = 1 << 20;
        config.retained_bytes = 1 << 30;
        config.connection.queue_count = 1 << 20;
        config.connection.queue_bytes = 1 << 30;
        config.connection.inflight_maximum = u16::MAX;
        Self { broker: Broker::new(config, NOW) }
    }

    /// A client's connection. The client's session lasts for ever.
    pub(super) fn connect(&mut self, client: &Client) -> ConnectionId {
        let connection = self.broker.accept(NOW).expect("room for a connection");
        self.receive(connection, &client.connect);
        assert_eq!(self.broker.transport(connection), Transport::Keep);
        connection
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.broker.transport_closed(connection, NOW);
    }

    /// Bytes from a client; all of them are taken.
    pub(super) fn receive(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        self.broker.receive(connection, &mut bytes, NOW);
        assert!(bytes.is_empty());
    }

    /// Takes all bytes for all clients, and what the broker tells its program.
    pub(super) fn flush(&mut self, mut taken: impl FnMut(&[u8])) {
        while let Some(connection) = self.broker.poll_ready() {
            // It refills from the session's queue.
            while let Some(outbox) = self.broker.outbox(connection).filter(|outbox| outbox.has_remaining()) {
                let chunk = outbox.chunk();
                taken(chunk);
                let size = chunk.len();
                outbox.advance(size);
            }
        }
        while self.broker.poll_event().is_some() {}
    }

    /// The same, where nobody cares what the bytes are.
    pub(super) fn settle(&mut self) {
        self.flush(|_| {});
    }
}

/// A client that says who it is.
pub(super) struct Client {
    connect: BytesMut,
}

impl Client {
    pub(super) fn new(name: &str) -> Self {
        let expiry = [Property::SessionExpiryInterval(u32::MAX)];
        let packet = Packet::Connect(Connect {
            version: VERSION,
            clean_start: false,
            keep_alive: 60,
            client_id: name,
            will: None,
            user_name: None,
            password: None,
            properties: Properties::new(&expiry),
        });
        Self { connect: encoded(&packet) }
    }
}

/// A PUBLISH with 64 bytes.
pub(super) fn publish(topic: &str, qos: QoS, retain: bool) -> BytesMut {
    encoded(&Packet::Publish(Publish {
        duplicate: false,
        qos,
        retain,
        topic,
        packet_id: (qos > QoS::AtMostOnce).then_some(PacketId::MAX),
        properties: Properties::NONE,
        payload: &PAYLOAD,
    }))
}

/// SUBSCRIBE packets for these filters, a thousand in each.
pub(super) fn subscribe(filters: &[String], qos: QoS) -> BytesMut {
    let mut bytes = BytesMut::new();
    for filters in filters.chunks(1000) {
        let list: Vec<Subscription<'_>> = filters
            .iter()
            .map(|filter| Subscription {
                filter,
                qos,
                no_local: false,
                retain_as_published: false,
                retain_handling: RetainHandling::SendAtSubscribe,
            })
            .collect();
        let (packet_id, properties) = (PacketId::MAX, Properties::NONE);
        let filters = Filters::new(&list);
        bytes.unsplit(encoded(&Packet::Subscribe(Subscribe { packet_id, properties, filters })));
    }
    bytes
}

fn encoded(packet: &Packet<'_>) -> BytesMut {
    let mut bytes = BytesMut::new();
    packet.encode(VERSION, &mut bytes).expect("a packet that can be sent");
    bytes
}
