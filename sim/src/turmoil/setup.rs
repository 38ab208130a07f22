//! What a run is made of: the broker, the clients and the network, all drawn from a seed.

use std::time::Duration;

use mqtt_engine::{
    Acknowledgement, BrokerConfig, ClientConfig, Message, QoS, Reconnect, Text, Will, packet::ProtocolVersion,
};

use super::sabotage::Sabotage;
use crate::{names::FILTERS, random::Random};

/// What everybody subscribes to, to see at the end that everything works.
pub(super) const PROBES: &str = "probe/+";

/// The settings of a run. Plain data: a test may change it before it runs it.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "each is the setting of the engine with the same name, or explained beside it"
)]
pub struct Setup {
    /// Everything that is random during the run follows from it.
    pub seed: u64,
    /// How far time goes in one step of the network, which is also the finest latency.
    pub tick: Duration,
    pub latency: (Duration, Duration),
    pub broker: BrokerSetup,
    pub clients: Vec<ClientSetup>,
    /// How long the clients are busy and faults happen.
    pub busy: Duration,
    /// What the relay does that no correct client or broker survives, to show that it is found.
    pub sabotage: Option<Sabotage>,
}

/// What differs between brokers.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as above")]
pub struct BrokerSetup {
    pub receive_maximum: u16,
    pub inflight_maximum: u16,
    pub topic_alias_maximum: u16,
    pub outbound_topic_aliases: u16,
    pub outbox_bytes: usize,
    pub queue_count: usize,
    pub subscriber_patience: Duration,
    pub ask_publish: bool,
    /// The broker's own streams are chopped.
    pub is_chopped: bool,
}

/// What differs between clients.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as above")]
pub struct ClientSetup {
    pub version: ProtocolVersion,
    /// Whether its session outlives its connections.
    pub lasts: bool,
    pub keep_alive: u16,
    pub inflight_maximum: u16,
    pub receive_maximum: u16,
    pub queue_count: usize,
    pub outbox_bytes: usize,
    pub event_bytes: usize,
    pub is_manual: bool,
    /// With its delay in seconds.
    pub will: Option<u64>,
    /// Whether it reaches the broker through the relay.
    pub is_relayed: bool,
    pub is_chopped: bool,
    /// How long it pauses between two deeds, at most.
    pub pace: Duration,
    /// The highest QoS that it publishes with.
    pub highest: QoS,
    /// Whether a program that starts again drops the session of the one before. One that does not must not publish with
    /// QoS 2: it has lost the identifiers that the broker remembers.
    pub restarts_clean: bool,
    /// What it subscribes to from the first moment on.
    pub filters: Vec<(&'static str, QoS)>,
    /// Whether it is a member of the shared subscription.
    pub shares: bool,
}

impl Setup {
    /// Draws everything.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let tick = Duration::from_millis(random.pick(&[5, 10, 10, 20]));
        let fastest = random.pick(&[0, 0, 1, 5]);
        let latency = [fastest, fastest + random.pick(&[0, 10, 30, 80])].map(Duration::from_millis);
        let broker = BrokerSetup::draw(&mut random);
        let count = 2 + random.below(4);
        let clients: Vec<_> = (0..count).map(|_| ClientSetup::draw(&mut random)).collect();
        let busy = Duration::from_millis(random.pick(&[1500, 2500, 4000]));
        Self { seed, tick, latency: latency.into(), broker, clients, busy, sabotage: None }
    }
}

impl BrokerSetup {
    fn draw(random: &mut Random) -> Self {
        Self {
            receive_maximum: random.pick(&[1, 3, 64, 64]),
            inflight_maximum: random.pick(&[1, 3, 64, 64]),
            topic_alias_maximum: random.pick(&[0, 2, 16]),
            outbound_topic_aliases: random.pick(&[0, 2, 16]),
            outbox_bytes: random.pick(&[1, 500, 65_536]),
            queue_count: random.pick(&[100, 1000, 1000]),
            subscriber_patience: Duration::from_millis(random.pick(&[0, 200, 1000])),
            ask_publish: random.one_in(3),
            is_chopped: random.one_in(5),
        }
    }

    pub(super) fn config(&self) -> BrokerConfig {
        let mut config = BrokerConfig::new();
        config.ask_subscribe = true;
        config.ask_publish = self.ask_publish;
        config.subscriber_patience = self.subscriber_patience;
        let connection = &mut config.connection;
        connection.connect_timeout = Duration::from_secs(2);
        connection.receive_maximum = self.receive_maximum;
        connection.inflight_maximum = self.inflight_maximum;
        connection.topic_alias_maximum = self.topic_alias_maximum;
        connection.outbound_topic_aliases = self.outbound_topic_aliases;
        connection.outbox_bytes = self.outbox_bytes;
        connection.queue_count = self.queue_count;
        config
    }
}

impl ClientSetup {
    fn draw(random: &mut Random) -> Self {
        let mut filters = vec![(PROBES, QoS::AtLeastOnce)];
        for filter in lasting_filters() {
            if random.one_in(4) {
                filters.push((filter, random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])));
            }
        }
        let highest = random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
        Self {
            version: random.pick(&[ProtocolVersion::V3_1_1, ProtocolVersion::V5]),
            lasts: !random.one_in(4),
            keep_alive: random.pick(&[1, 1, 2]),
            inflight_maximum: random.pick(&[1, 5, 64]),
            receive_maximum: random.pick(&[1, 3, 64]),
            queue_count: random.pick(&[5, 50, 200]),
            outbox_bytes: random.pick(&[1, 65_536]),
            event_bytes: random.pick(&[1, 1 << 20]),
            is_manual: random.one_in(4),
            will: random.one_in(2).then(|| random.pick(&[0, 0, 1, 2])),
            is_relayed: random.one_in(3),
            is_chopped: random.one_in(4),
            pace: Duration::from_millis(random.pick(&[40, 100, 300])),
            highest,
            restarts_clean: highest == QoS::ExactlyOnce || random.one_in(2),
            filters,
            shares: random.one_in(2),
        }
    }

    /// The configuration of client `index`, when its program starts for the `life`th time.
    pub(super) fn config(&self, index: usize, life: u32) -> ClientConfig {
        let is_v5 = self.version == ProtocolVersion::V5;
        let mut config = ClientConfig::new(client_id(index));
        config.version = self.version;
        config.clean_start = !self.lasts || life > 1 && self.restarts_clean;
        config.session_expiry = if is_v5 && self.lasts { u32::MAX } else { 0 };
        config.keep_alive = self.keep_alive;
        config.inflight_maximum = self.inflight_maximum;
        config.receive_maximum = self.receive_maximum;
        config.queue_count = self.queue_count;
        config.outbox_bytes = self.outbox_bytes;
        config.event_bytes = self.event_bytes;
        config.connect_timeout = Duration::from_secs(1);
        config.ping_timeout = Duration::from_millis(800);
        if self.is_manual {
            config.acknowledgement = Acknowledgement::Manual;
        }
        let (initial, maximum) = (Duration::from_millis(20), Duration::from_millis(500));
        config.reconnect = Reconnect::Backoff { initial, maximum };
        config.seed = index as u64;
        config.will = self.will.map(|delay| {
            let message = Message::new(format!("will/{index}").as_str(), "0").expect("a topic");
            let delay = Duration::from_secs(if is_v5 { delay } else { 0 });
            Will::new(message.with_qos(QoS::AtLeastOnce)).with_delay(delay)
        });
        config
    }
}

pub(super) fn client_id(index: usize) -> Text {
    Text::try_from(host(index).as_str()).expect("a name")
}

/// The name of a client's host.
pub(super) fn host(index: usize) -> String {
    format!("c{index}")
}

/// The client of this name.
pub(super) fn index_of(client_id: &str) -> Option<usize> {
    client_id.strip_prefix('c')?.parse().ok()
}

/// Those that no one unsubscribes from, that all may subscribe to, and that are not shared.
fn lasting_filters() -> impl Iterator<Item = &'static str> {
    FILTERS.into_iter().filter(|filter| !filter.starts_with(['x', 'n']) && !filter.starts_with("$share"))
}
