//! Topic names and filters.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Broker, BrokerConfig, ConnectionId, Message, QoS, Timestamp, TopicFilter, TopicName,
    framing::Framing,
    packet::{
        Filters, Packet, PacketId, Properties, ProtocolVersion, Subscribe, Subscription, TopicFilters,
        Unsubscribe,
    },
};

use crate::{
    setting::{bytes_of, connect},
    stream::packets_of,
};

const NOW: Timestamp = Timestamp::from_secs(1);
/// It has no topic aliases.
const VERSION: ProtocolVersion = ProtocolVersion::V3_1_1;

/// Lines that are names or filters are found to be so, and matched, as the specification's sentences say word by word; the trees
/// of subscriptions and of retained messages find what the matcher finds, also after half of the filters were taken away.
pub fn filters(bytes: &[u8]) {
    let lines: BTreeSet<&str> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()).take(16).collect();
    let mut names = Vec::new();
    let mut filters = Vec::new();
    for line in lines {
        assert_eq!(TopicName::try_from(line).is_ok(), is_name(line), "{line:?} as a name");
        assert_eq!(TopicFilter::try_from(line).is_ok(), is_filter(line), "{line:?} as a filter");
        names.extend(TopicName::try_from(line));
        filters.extend(TopicFilter::try_from(line));
    }
    for filter in &filters {
        for name in &names {
            let expected = naive_matches(filter.pattern(), name.as_str());
            assert_eq!(filter.matches(name), expected, "{filter} against {name}");
        }
    }
    // The trees have a limit of their own for filters, and `$SYS` is not for clients.
    Trees::new().agree(&filters, &names);
}

fn is_name(text: &str) -> bool {
    is_string(text) && !text.contains(['+', '#'])
}

fn is_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let are_wildcards_alone = levels.iter().enumerate().all(|(index, level)| match *level {
        "+" => true,
        "#" => index + 1 == levels.len(),
        other => !other.contains(['+', '#']),
    });
    let is_share_whole = match &*levels {
        ["$share", name, rest @ ..] => {
            !name.is_empty() && !name.contains(['+', '#']) && !rest.is_empty() && rest != [""]
        }
        ["$share"] => false,
        _ => true,
    };
    is_string(text) && are_wildcards_alone && is_share_whole
}

fn is_string(text: &str) -> bool {
    (1..=65_535).contains(&text.len()) && !text.contains('\0')
}

/// Whether a filter without `$share` matches a name, by the sentences of section 4.7.
#[must_use]
pub fn naive_matches(filter: &str, name: &str) -> bool {
    fn levels_match(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            // It stands for its parent and for any number of child levels.
            (["#"], _) => true,
            (["+", filter @ ..], [_, name @ ..]) => levels_match(filter, name),
            ([expected, filter @ ..], [level, name @ ..]) => expected == level && levels_match(filter, name),
            ([], []) => true,
            _ => false,
        }
    }
    let is_hidden = name.starts_with('$') && filter.starts_with(['+', '#']);
    let [filter, name] = [filter, name].map(|text| text.split('/').collect::<Vec<_>>());
    !is_hidden && levels_match(&filter, &name)
}

/// A broker's two trees, seen by one client.
struct Trees {
    broker: Broker,
    client: ConnectionId,
    framing: Framing,
}

impl Trees {
    fn new() -> Self {
        let mut config = BrokerConfig::new();
        config.topic_levels = usize::MAX;
        config.connection.maximum_packet_size = u32::MAX;
        config.connection.receive_maximum = u16::MAX;
        let mut broker = Broker::new(config, NOW);
        let client = broker.accept(NOW).expect("there is room");
        broker.receive(client, &mut connect(VERSION, "fuzzed"), NOW);
        let mut trees = Self { broker, client, framing: Framing::new(usize::MAX) };
        trees.heard();
        trees
    }

    fn agree(&mut self, filters: &[TopicFilter], names: &[TopicName]) {
        for name in names {
            self.broker.publish(message(name).retained(), NOW);
        }
        for filter in filters {
            let retained = self.subscribe(filter);
            let expected =
                if filter.share_name().is_some() { BTreeSet::new() } else { matched(names, filter) };
            assert_eq!(retained, expected, "retained messages for {filter}");
        }
        self.agree_about_subscriptions(filters, names);
        let (gone, kept): (Vec<_>, Vec<_>) =
            filters.iter().enumerate().partition(|(index, _)| index % 2 == 0);
        for (_, filter) in gone {
            self.unsubscribe(filter);
        }
        let kept: Vec<_> = kept.into_iter().map(|(_, filter)| filter.clone()).collect();
        self.agree_about_subscriptions(&kept, names);
    }

    fn agree_about_subscriptions(&mut self, filters: &[TopicFilter], names: &[TopicName]) {
        for name in names {
            self.broker.publish(message(name), NOW);
            let is_wanted = filters.iter().any(|filter| filter.matches(name));
            let expected: BTreeSet<_> = is_wanted.then(|| name.clone()).into_iter().collect();
            assert_eq!(self.heard(), expected, "{name} for {filters:?}");
        }
    }

    /// The retained messages that come.
    fn subscribe(&mut self, filter: &TopicFilter) -> BTreeSet<TopicName> {
        let filters = [Subscription::new(filter.as_str(), QoS::AtMostOnce)];
        let packet = Subscribe {
            packet_id: PacketId::MAX,
            properties: Properties::NONE,
            filters: Filters::new(&filters),
        };
        self.broker.receive(self.client, &mut bytes_of(&Packet::Subscribe(packet), VERSION), NOW);
        self.heard()
    }

    fn unsubscribe(&mut self, filter: &TopicFilter) {
        let filters = [filter.as_str()];
        let packet = Unsubscribe {
            packet_id: PacketId::MAX,
            properties: Properties::NONE,
            filters: TopicFilters::new(&filters),
        };
        self.broker.receive(self.client, &mut bytes_of(&Packet::Unsubscribe(packet), VERSION), NOW);
        assert!(self.heard().is_empty());
    }

    /// The topics of the messages that came.
    fn heard(&mut self) -> BTreeSet<TopicName> {
        let mut topics = BTreeSet::new();
        while let Some(outbox) = self.broker.outbox(self.client).filter(|outbox| outbox.has_remaining()) {
            let mut output = outbox.copy_to_bytes(outbox.remaining());
            for packet in packets_of(&mut self.framing, &mut output).0 {
                if let Packet::Publish(publish) = Packet::decode(&packet, VERSION).expect("a packet") {
                    topics.insert(TopicName::try_from(publish.topic).expect("a name"));
                }
            }
        }
        topics
    }
}

fn matched(names: &[TopicName], filter: &TopicFilter) -> BTreeSet<TopicName> {
    names.iter().filter(|name| filter.matches(name)).cloned().collect()
}

/// A message without a payload would take the retained one away.
fn message(topic: &TopicName) -> Message {
    Message::new(topic.clone(), Bytes::from_static(b"payload")).expect("a name")
}
