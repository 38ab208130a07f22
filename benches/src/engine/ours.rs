//! The engine's `Client` and `Connection`, driven as an adapter drives them.

use std::{hint::black_box, time::Duration};

use bytes::Buf;
use mqtt_engine::{
    Acceptance, Client, ClientConfig, ClientEvent, Connection, ConnectionConfig, ConnectionEvent, Message,
    QoS, Text, Timestamp,
    packet::{ProtocolVersion, ReasonCode},
};

use super::{PAYLOAD, Pair, TOPIC, Tally};

pub(crate) struct Ours {
    client: Client,
    server: Connection,
    message: Message,
    now: Timestamp,
}

impl Pair for Ours {
    const NAME: &'static str = "mqtt-engine";

    fn connected(version: ProtocolVersion) -> Option<Self> {
        let mut config = ClientConfig::new(Text::try_from("client").expect("a text"));
        config.version = version;
        // As the others, who write each topic in full.
        config.outbound_topic_aliases = 0;
        let now = Timestamp::from_millis(0);
        let mut client = Client::new(config, now);
        client.transport_opened(now);
        let server = Connection::new(ConnectionConfig::new(), now);
        let message = Message::new(TOPIC, PAYLOAD.to_vec()).expect("a topic");
        let mut pair = Self { client, server, message, now };
        pair.travel(&mut Tally::default());
        pair.client.is_connected().then_some(pair)
    }

    fn exchange(&mut self, count: usize, qos: QoS) -> Tally {
        let mut tally = Tally::default();
        self.now = self.now + Duration::from_millis(1);
        for _ in 0..count {
            // Topic and payload are shared.
            self.client.publish(self.message.clone().with_qos(qos), self.now).expect("room for a message");
        }
        self.travel(&mut tally);
        tally
    }
}

impl Ours {
    /// Bytes go back and forth until there are none. After each of its turns a side is asked when it wants the next one.
    fn travel(&mut self, tally: &mut Tally) {
        while self.client_sends(tally) || self.server_sends(tally) {
            black_box((self.client.deadline(), self.server.deadline()));
        }
    }

    fn client_sends(&mut self, tally: &mut Tally) -> bool {
        let outbox = self.client.outbox();
        let has_bytes = outbox.has_remaining();
        while outbox.has_remaining() {
            let mut input = outbox.chunk();
            let size = input.len();
            // It stops behind each request.
            while input.has_remaining() {
                self.server.receive(&mut input, self.now);
                Self::answer(&mut self.server, tally, self.now);
            }
            outbox.advance(size);
        }
        has_bytes
    }

    fn answer(server: &mut Connection, tally: &mut Tally, now: Timestamp) {
        while let Some(event) = server.poll_event() {
            if let ConnectionEvent::Publish { token, message, .. } = event {
                tally.delivered(&message.payload);
                server.finish_publish(token, ReasonCode::Success, now);
            } else {
                assert!(matches!(event, ConnectionEvent::Connect(_)), "{event:?}");
                server.accept(Acceptance::default(), now);
            }
        }
    }

    fn server_sends(&mut self, tally: &mut Tally) -> bool {
        let outbox = self.server.outbox();
        let has_bytes = outbox.has_remaining();
        while outbox.has_remaining() {
            let mut input = outbox.chunk();
            let size = input.len();
            self.client.receive(&mut input, self.now);
            outbox.advance(size);
        }
        while let Some(event) = self.client.poll_event() {
            if let ClientEvent::Published { .. } = event {
                tally.finished += 1;
            } else {
                assert!(matches!(event, ClientEvent::Connected(_)), "{event:?}");
            }
        }
        has_bytes
    }
}
