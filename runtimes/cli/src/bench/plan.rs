//! Who connects, who publishes where, and who subscribes to what.

use core::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mqtt_engine::{
    QoS, Text, TopicFilter, TopicName,
    packet::{Packet, PacketId, Properties, ProtocolVersion, Publish},
};

use super::{options::BenchOptions, schedule::Amount, tag};
use crate::{connect, failure::Failure, target::Target};

/// What the options ask for. Connections are numbered: subscribers first, then publishers, idle ones, and perhaps one for the
/// further filters.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) version: ProtocolVersion,
    pub(super) user_name: Option<Text>,
    pub(super) password: Option<Bytes>,
    pub(super) qos: QoS,
    pub(super) payload: usize,
    pub(super) publishers: u32,
    /// Of each publisher.
    pub(super) topics: u32,
    pub(super) subscribers: u32,
    pub(super) idle: u32,
    pub(super) filters: u32,
    pub(super) pairs: bool,
    pub(super) share: Option<String>,
    pub(super) window: u16,
    pub(super) amount: Amount,
    pub(super) rate: Option<f64>,
    /// Tells the clients and messages of this run from those of others.
    pub(super) run: u32,
    topic: String,
}

/// What a connection is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Subscriber(u32),
    Publisher(u32),
    Idle(u32),
    /// Holds the further filters if there are no subscribers.
    Holder,
}

impl Plan {
    pub(super) fn new(options: &BenchOptions) -> Result<Self, Failure> {
        let target = connect::target(&options.target)?;
        if matches!(target, Target::Tcp { tls: true, .. } | Target::Tcp { websocket: Some(_), .. }) {
            return Err(Failure::new("bench speaks neither TLS nor WebSocket")
                .advice("let the broker listen on plain TCP or a Unix socket as well, and name that"));
        }
        let (user_name, password) = connect::user(&options.target, &options.login)?;
        let plan = Self {
            target,
            version: options.login.version,
            user_name,
            password,
            qos: options.qos,
            payload: options.payload as usize,
            publishers: number("--publishers", options.publishers)?,
            topics: options.topics,
            subscribers: number("--subscribers", options.subscribers)?,
            idle: number("--idle", options.idle)?,
            filters: number("--filters", options.filters)?,
            pairs: options.pairs,
            share: options.share.clone(),
            window: options.window.unwrap_or(if options.qos == QoS::AtMostOnce { 1000 } else { 100 }),
            amount: options.messages.map_or(Amount::Time(options.seconds), Amount::Messages),
            rate: options.rate,
            run: run(),
            topic: options.topic.clone(),
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.pairs && self.publishers != self.subscribers {
            return Err(Failure::new(format!(
                "--pairs needs as many subscribers as publishers, not {} and {}",
                self.subscribers, self.publishers
            )));
        }
        if self.connections() == 0 {
            return Err(Failure::new("there is nothing to do without any connection"));
        }
        TopicName::try_from(self.topic(0).as_str())
            .map_err(|error| Failure::new(format!("--topic {:?}: {error}", self.topic)))?;
        if let Some(filter) =
            (0..1).flat_map(|subscriber| self.filters_of(Role::Subscriber(subscriber))).next()
        {
            TopicFilter::try_from(filter.as_str())
                .map_err(|error| Failure::new(format!("--share: {filter:?}: {error}")))?;
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn connections(&self) -> usize {
        let holder = u32::from(self.subscribers == 0 && self.filters > 0);
        [self.subscribers, self.publishers, self.idle, holder].iter().map(|&count| count as usize).sum()
    }

    pub(super) fn role(&self, connection: usize) -> Role {
        let number = u32::try_from(connection).unwrap_or(u32::MAX);
        let Some(publisher) = number.checked_sub(self.subscribers) else { return Role::Subscriber(number) };
        let Some(idle) = publisher.checked_sub(self.publishers) else { return Role::Publisher(publisher) };
        if idle < self.idle { Role::Idle(idle) } else { Role::Holder }
    }

    /// The connection of a publisher.
    pub(super) const fn publisher(&self, publisher: u32) -> usize {
        self.subscribers as usize + publisher as usize
    }

    /// Whose messages a subscriber gets.
    pub(super) const fn publishers_of(&self, subscriber: u32) -> Range<u32> {
        if self.pairs { subscriber..subscriber + 1 } else { 0..self.publishers }
    }

    /// How many subscribers get a message.
    pub(super) fn deliveries(&self) -> u32 {
        if self.pairs || self.share.is_some() { self.subscribers.min(1) } else { self.subscribers }
    }

    /// Nobody says that a message has arrived.
    pub(super) fn is_unheard(&self) -> bool {
        self.subscribers == 0 && self.qos == QoS::AtMostOnce
    }

    pub(super) fn client_id(&self, connection: usize) -> String {
        // Within the 23 letters and digits that every server takes.
        format!("bench{:08x}x{connection}", self.run)
    }

    /// The topics of a publisher, by their numbers: its own, and one for each further round of all publishers.
    pub(super) fn topics_of(&self, publisher: u32) -> impl Iterator<Item = u32> {
        (0..self.topics).map(move |round| publisher + round * self.publishers)
    }

    fn topic(&self, number: u32) -> String {
        format!("{}/{number}", self.topic)
    }

    /// What a connection subscribes to.
    pub(super) fn filters_of(&self, role: Role) -> Vec<String> {
        match role {
            Role::Subscriber(number) => {
                let own: Vec<_> = match (self.pairs, self.publishers * self.topics) {
                    (true, _) => self.topics_of(number).map(|topic| self.topic(topic)).collect(),
                    (false, 1) => vec![self.topic(0)],
                    (false, _) => vec![format!("{}/+", self.topic)],
                };
                let own = own.into_iter().map(|filter| match &self.share {
                    Some(group) => format!("$share/{group}/{filter}"),
                    None => filter,
                });
                let further = (number..self.filters).step_by(self.subscribers.max(1) as usize);
                own.chain(further.map(|number| self.filter(number))).collect()
            }
            Role::Publisher(_) => Vec::new(),
            Role::Idle(number) => vec![format!("{}/idle/{number}", self.topic)],
            Role::Holder => (0..self.filters).map(|number| self.filter(number)).collect(),
        }
    }

    /// One that matches nothing, which is seen only behind its wildcard: a literal in its place would end the search there.
    fn filter(&self, number: u32) -> String {
        match self.topic.split_once('/') {
            Some((_, below)) => format!("+/{below}/none-{number}/#"),
            None => format!("+/none-{number}/#"),
        }
    }

    /// A message to a topic, ready to be sent but for its packet identifier and its tag.
    pub(super) fn publish(&self, topic: u32) -> Result<Vec<u8>, Failure> {
        let mut payload = vec![b'.'; self.payload];
        payload[..tag::SIZE].fill(0);
        let packet = Packet::Publish(Publish {
            duplicate: false,
            qos: self.qos,
            retain: false,
            topic: &self.topic(topic),
            packet_id: (self.qos > QoS::AtMostOnce).then_some(PacketId::MAX),
            properties: Properties::NONE,
            payload: &payload,
        });
        self.encode(&packet)
    }

    pub(super) fn encode(&self, packet: &Packet<'_>) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        packet
            .encode(self.version, &mut bytes)
            .map_err(|error| Failure::new(format!("{}: {error}", packet.packet_type())))?;
        Ok(bytes)
    }
}

fn number(option: &str, count: usize) -> Result<u32, Failure> {
    u32::try_from(count)
        .ok()
        .filter(|count| *count <= 1_000_000)
        .ok_or_else(|| Failure::new(format!("{option} {count}: at most 1000000 are possible")))
}

/// Differs from run to run.
fn run() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.subsec_nanos() ^ std::process::id().rotate_left(16)
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;
    use mqtt_engine::packet::PacketType;

    use super::*;
    use crate::options::{Command, Options};

    /// That of a command line.
    pub(in crate::bench) fn plan(arguments: &[&str]) -> Plan {
        let Command::Bench(options) = Options::parse_from([&["mqtt", "bench"], arguments].concat()).command
        else {
            panic!("another command");
        };
        Plan::new(&options).unwrap()
    }

    #[test]
    fn each_connection_has_a_role() {
        let plan = plan(&["--publishers", "2", "--subscribers", "3", "--idle", "2", "--filters", "4"]);
        use Role::{Idle, Publisher, Subscriber};
        let roles: Vec<_> = (0..plan.connections()).map(|connection| plan.role(connection)).collect();
        assert_eq!(
            roles,
            [Subscriber(0), Subscriber(1), Subscriber(2), Publisher(0), Publisher(1), Idle(0), Idle(1)]
        );
        assert_eq!((plan.publisher(1), plan.deliveries()), (4, 3));
        assert_eq!(plan.filters_of(Subscriber(0)), ["bench/+", "+/none-0/#", "+/none-3/#"]);
        assert_eq!(plan.filters_of(Subscriber(2)), ["bench/+", "+/none-2/#"]);
        assert_eq!(plan.filters_of(Idle(1)), ["bench/idle/1"]);
        assert!(plan.filters_of(Publisher(0)).is_empty());
        assert!(plan.client_id(1_000_000).len() <= 23);
    }

    #[test]
    fn without_subscribers_the_filters_have_a_connection() {
        let plan = plan(&["--subscribers", "0", "--filters", "2", "-t", "a/b"]);
        assert_eq!((plan.connections(), plan.role(0), plan.role(1)), (2, Role::Publisher(0), Role::Holder));
        assert_eq!(plan.filters_of(Role::Holder), ["+/b/none-0/#", "+/b/none-1/#"]);
        assert!(plan.is_unheard());
    }

    #[test]
    fn pairs_and_groups_have_their_filters() {
        let pairs = plan(&["--pairs", "--publishers", "3", "--subscribers", "3"]);
        assert_eq!(
            (pairs.filters_of(Role::Subscriber(2)), pairs.publishers_of(2)),
            (vec!["bench/2".into()], 2..3)
        );
        let turns = plan(&["--pairs", "--publishers", "2", "--subscribers", "2", "--topics", "3"]);
        assert_eq!(turns.topics_of(1).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(turns.filters_of(Role::Subscriber(1)), ["bench/1", "bench/3", "bench/5"]);
        assert_eq!(plan(&["--topics", "3"]).filters_of(Role::Subscriber(0)), ["bench/+"]);
        let shared = plan(&["--share", "g", "--subscribers", "3"]);
        assert_eq!(
            (shared.filters_of(Role::Subscriber(2)), shared.deliveries()),
            (vec!["$share/g/bench/0".into()], 1)
        );
    }

    #[test]
    fn a_message_has_the_size_that_was_asked_for() {
        for version in ["5", "311"] {
            for (qos, payload) in [("0", 16), ("1", 100), ("2", 70_000)] {
                let plan = plan(&["-V", version, "-q", qos, "--payload", &payload.to_string()]);
                let bytes = plan.publish(0).unwrap();
                let packet = Packet::decode(&bytes, plan.version).unwrap();
                assert_eq!(packet.packet_type(), PacketType::Publish);
                let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
                assert_eq!(
                    (publish.topic, publish.payload.len(), publish.qos),
                    ("bench/0", payload, plan.qos)
                );
            }
        }
    }
}
