//! How a run is set up: what stays while its schedule shrinks.

use std::time::Duration;

use mqtt_engine::{
    Acknowledgement, BrokerConfig, ClientConfig, LostSession, Message, Oversize, Profile, QoS, Reconnect,
    Text, Will, packet::ProtocolVersion,
};

use crate::random::Random;

/// The settings of broker and clients, and what the schedule is drawn from. Plain data, so that it can be printed as code.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is the setting of the engine with the same name, or explained beside it"
)]
pub struct Setup {
    pub broker: BrokerSetup,
    pub clients: Vec<ClientSetup>,
    /// How often each kind of step comes, by its place in [`KINDS`](super::schedule::KINDS).
    pub weights: Vec<u8>,
    pub steps: usize,
    /// How many bytes may be on their way to a client.
    pub window: usize,
}

/// What differs between brokers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "as above")]
pub struct BrokerSetup {
    pub maximum_packet_size: u32,
    pub maximum_keep_alive: u16,
    pub receive_maximum: u16,
    pub inflight_maximum: u16,
    pub topic_alias_maximum: u16,
    pub outbound_topic_aliases: u16,
    pub outbox_bytes: usize,
    pub queue_count: usize,
    pub patience_millis: u64,
    pub queue_qos0: bool,
    pub session_expiry_maximum: u32,
    /// Beside those that the clients need.
    pub spare_connections: usize,
    pub subscriptions_per_session: usize,
    pub retained_count: usize,
    pub retained_bytes: usize,
    pub ask_authentication: bool,
    pub ask_publish: bool,
    pub ask_subscribe: bool,
}

/// What differs between clients.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "as above")]
pub struct ClientSetup {
    pub is_v5: bool,
    pub is_strict: bool,
    pub clean_start: bool,
    pub session_expiry: u32,
    pub keep_alive: u16,
    pub inflight_maximum: u16,
    pub receive_maximum: u16,
    pub maximum_packet_size: u32,
    pub topic_aliases: u16,
    pub queue_count: usize,
    pub outbox_bytes: usize,
    pub event_bytes: usize,
    pub is_manual: bool,
    pub republishes: bool,
    pub resubscribes: bool,
    pub will: Option<WillSetup>,
    pub seed: u64,
}

/// A client's last will.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "as above")]
pub struct WillSetup {
    pub qos: u8,
    pub retain: bool,
    pub delay_seconds: u64,
}

impl Setup {
    /// Nothing that is rare: what a regression test starts from.
    #[must_use]
    pub fn plain(clients: usize) -> Self {
        Self {
            broker: BrokerSetup::PLAIN,
            clients: vec![ClientSetup::PLAIN; clients],
            weights: Vec::new(),
            steps: 0,
            window: 2000,
        }
    }

    /// Draws a setup; half of the faults are absent from a run, so that the others come together more often.
    #[must_use]
    pub fn draw(random: &mut Random) -> Self {
        let clients = random.pick(&[1, 2, 3, 3, 4, 4, 5]);
        let mut weights: Vec<u8> = super::schedule::KINDS.iter().map(|(_, weight, _)| *weight).collect();
        for (weight, (_, _, is_fault)) in weights.iter_mut().zip(super::schedule::KINDS) {
            if *is_fault {
                *weight *= random.pick(&[0, 0, 1, 1, 3]);
            }
        }
        Self {
            broker: BrokerSetup::draw(random),
            clients: (0..clients).map(|index| ClientSetup::draw(index, random)).collect(),
            weights,
            steps: random.pick(&[60, 150, 150, 250]),
            window: random.pick(&[40, 100, 2000]),
        }
    }
}

impl BrokerSetup {
    /// Limits that no run comes near.
    pub const PLAIN: Self = Self {
        maximum_packet_size: 1 << 20,
        maximum_keep_alive: 0,
        receive_maximum: 64,
        inflight_maximum: 64,
        topic_alias_maximum: 16,
        outbound_topic_aliases: 16,
        outbox_bytes: 65_536,
        queue_count: 1000,
        patience_millis: 500,
        queue_qos0: false,
        session_expiry_maximum: u32::MAX,
        spare_connections: 100,
        subscriptions_per_session: 1000,
        retained_count: 1000,
        retained_bytes: 1 << 20,
        ask_authentication: false,
        ask_publish: false,
        ask_subscribe: false,
    };

    fn draw(random: &mut Random) -> Self {
        Self {
            maximum_packet_size: random.pick(&[400, 1 << 20]),
            maximum_keep_alive: random.pick(&[0, 0, 10]),
            receive_maximum: random.pick(&[1, 5, 64]),
            inflight_maximum: random.pick(&[1, 3, 64]),
            topic_alias_maximum: random.pick(&[0, 2, 16]),
            outbound_topic_aliases: random.pick(&[0, 2, 16]),
            outbox_bytes: random.pick(&[1, 100, 65_536]),
            // The smallest has room for what one piece of input may bring before the watcher reads: of 90 bytes 18 packets of five,
            // and one that had begun before.
            queue_count: random.pick(&[20, 24, 1000]),
            patience_millis: random.pick(&[0, 500, 5000]),
            queue_qos0: random.one_in(3),
            session_expiry_maximum: random.pick(&[3, 604_800, 604_800, u32::MAX]),
            spare_connections: random.pick(&[0, 2, 100]),
            subscriptions_per_session: random.pick(&[4, 1000, 1000]),
            retained_count: random.pick(&[3, 1000, 1000]),
            retained_bytes: random.pick(&[1500, 1 << 20, 1 << 20]),
            ask_authentication: random.one_in(4),
            ask_publish: random.one_in(2),
            ask_subscribe: random.one_in(4),
        }
    }

    pub(super) fn config(&self, clients: usize) -> BrokerConfig {
        let mut config = BrokerConfig::new();
        let connection = &mut config.connection;
        connection.maximum_packet_size = self.maximum_packet_size;
        connection.maximum_keep_alive = self.maximum_keep_alive;
        connection.receive_maximum = self.receive_maximum;
        connection.inflight_maximum = self.inflight_maximum;
        connection.topic_alias_maximum = self.topic_alias_maximum;
        connection.outbound_topic_aliases = self.outbound_topic_aliases;
        connection.outbox_bytes = self.outbox_bytes;
        connection.queue_count = self.queue_count;
        connection.session_expiry_maximum = self.session_expiry_maximum;
        config.subscriber_patience = Duration::from_millis(self.patience_millis);
        config.queue_qos0 = self.queue_qos0;
        // The watcher and the auditor have one, too.
        config.connection_count = clients + 2 + self.spare_connections;
        config.subscriptions_per_session = self.subscriptions_per_session;
        config.retained_count = self.retained_count;
        config.retained_bytes = self.retained_bytes;
        config.ask_authentication = self.ask_authentication;
        config.ask_publish = self.ask_publish;
        config.ask_subscribe = self.ask_subscribe;
        config
    }
}

impl ClientSetup {
    /// 5.0, with a session that lasts.
    pub const PLAIN: Self = Self {
        is_v5: true,
        is_strict: true,
        clean_start: false,
        session_expiry: u32::MAX,
        keep_alive: 0,
        inflight_maximum: 64,
        receive_maximum: 64,
        maximum_packet_size: 1 << 20,
        topic_aliases: 0,
        queue_count: 50,
        outbox_bytes: 65_536,
        event_bytes: 1 << 20,
        is_manual: false,
        republishes: false,
        resubscribes: true,
        will: None,
        seed: 0,
    };

    fn draw(index: usize, random: &mut Random) -> Self {
        let is_v5 = random.one_in(2);
        let lasts = index == 0 || !random.one_in(4);
        Self {
            is_v5,
            is_strict: random.one_in(2),
            clean_start: !lasts,
            session_expiry: match (is_v5, lasts) {
                (true, true) => random.pick(&[2, 30, u32::MAX, u32::MAX]),
                _ => 0,
            },
            keep_alive: random.pick(&[0, 2, 20]),
            inflight_maximum: random.pick(&[1, 5, 64]),
            receive_maximum: random.pick(&[1, 3, 64]),
            maximum_packet_size: random.pick(&[120, 1 << 20, 1 << 20, 1 << 20]),
            topic_aliases: random.pick(&[0, 1, 16]),
            queue_count: random.pick(&[5, 50]),
            outbox_bytes: random.pick(&[1, 65_536]),
            event_bytes: random.pick(&[1, 1 << 20]),
            is_manual: random.one_in(2),
            republishes: random.one_in(3),
            resubscribes: !random.one_in(4),
            will: random.one_in(2).then(|| WillSetup {
                qos: random.below(3) as u8,
                retain: random.one_in(4),
                delay_seconds: if is_v5 { random.pick(&[0, 1, 5]) } else { 0 },
            }),
            seed: random.next_u64(),
        }
    }

    pub(super) fn config(&self, index: usize) -> ClientConfig {
        let mut config = ClientConfig::new(text(&format!("p{index}")));
        config.version = if self.is_v5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
        config.profile = if self.is_strict { Profile::Strict } else { Profile::Interop };
        config.clean_start = self.clean_start;
        config.session_expiry = self.session_expiry;
        config.keep_alive = self.keep_alive;
        config.inflight_maximum = self.inflight_maximum;
        config.receive_maximum = self.receive_maximum;
        config.maximum_packet_size = self.maximum_packet_size;
        config.oversize = Oversize::Discard;
        config.topic_alias_maximum = self.topic_aliases;
        config.outbound_topic_aliases = self.topic_aliases;
        config.queue_count = self.queue_count;
        config.outbox_bytes = self.outbox_bytes;
        config.event_bytes = self.event_bytes;
        config.acknowledgement =
            if self.is_manual { Acknowledgement::Manual } else { Acknowledgement::Automatic };
        config.lost_session = if self.republishes { LostSession::Republish } else { LostSession::Report };
        config.resubscribe = self.resubscribes;
        config.reconnect =
            Reconnect::Backoff { initial: Duration::from_millis(50), maximum: Duration::from_secs(2) };
        config.seed = self.seed;
        config.will = self.will.map(|will| {
            let mut message = Message::new(format!("will/{index}").as_str(), "0:").expect("a topic");
            message.qos = qos(will.qos);
            message.retain = will.retain;
            Will::new(message).with_delay(Duration::from_secs(will.delay_seconds))
        });
        config
    }
}

pub(super) fn text(text: &str) -> Text {
    Text::try_from(text).expect("a text without surprises")
}

/// The quality of service for its number; whatever is above counts as the highest.
pub(super) fn qos(level: u8) -> QoS {
    QoS::from_u8(level).unwrap_or(QoS::ExactlyOnce)
}
