//! What packets may hold, given what the receiver has announced: sizes, topic aliases, QoS and the like.

use std::collections::BTreeMap;

use mqtt_engine::packet::{Ack, Auth, ConnAck, Disconnect, Packet, Properties, Publish, SubAck, UnsubAck};

use super::{Role, Rule, View, limits::words_statements, link::Phase, scene::Scene};

impl Scene<'_> {
    /// The size of a packet, and the words for people that it has.
    pub(super) fn check_size(&mut self, packet: &Packet<'_>, size: usize) {
        // What the peer takes is known from CONNECT or CONNACK on.
        if self.link.phase == Phase::New || !self.link.is_v5() {
            return;
        }
        let kind = packet.packet_type();
        let has_words = words_of(packet).is_some_and(|properties| {
            properties.reason_string().is_some() || properties.user_properties().next().is_some()
        });
        let limit = self.link.peer.packet_size;
        if u32::try_from(size).is_ok_and(|size| size > limit) {
            let words = format_args!("{size} bytes, the peer takes {limit}");
            match words_statements(kind).filter(|_| has_words) {
                Some(statements) => {
                    self.report.broken_of(Rule::WordsSize, statements, Some(packet), words);
                }
                None => self.report.broken(Rule::PacketSize, Some(packet), words),
            }
        }
        let may_have_words =
            matches!(packet, Packet::Publish(_) | Packet::ConnAck(_) | Packet::Disconnect(_));
        let is_server = self.role == Role::Server;
        if is_server && has_words && !may_have_words && !self.link.terms.problem_information {
            let words = format_args!("the client wants no problem information");
            self.report.broken(Rule::ProblemInformation, Some(packet), words);
        }
    }

    pub(super) fn wrote_publish(&mut self, publish: &Publish<'_>, packet: &Packet<'_>, size: usize) {
        match self.role {
            Role::Client => self.check_available(publish, packet),
            Role::Server => self.check_identifiers(publish, packet),
        }
        self.check_alias(publish, packet);
        if let Some(id) = publish.packet_id {
            let alias = publish.properties.topic_alias();
            let known = alias.and_then(|alias| self.link.aliases.get(&alias)).cloned();
            let topic = known.as_deref().unwrap_or(publish.topic);
            self.wrote_message(id, publish, topic, packet, size);
        }
    }

    fn check_available(&mut self, publish: &Publish<'_>, packet: &Packet<'_>) {
        let peer = self.link.peer;
        if publish.qos > peer.qos {
            let words = format_args!("QoS {}, the maximum is {}", publish.qos as u8, peer.qos as u8);
            self.report.broken(Rule::MaximumQoS, Some(packet), words);
        }
        if publish.retain && !peer.retain {
            let words = format_args!("RETAIN is not available");
            self.report.broken(Rule::RetainAvailable, Some(packet), words);
        }
        if let Some(identifier) = publish.properties.subscription_identifiers().next() {
            let words = format_args!("identifier {identifier} from a client");
            self.report.broken(Rule::SubscriptionIdentifierSent, Some(packet), words);
        }
    }

    fn check_identifiers(&mut self, publish: &Publish<'_>, packet: &Packet<'_>) {
        // The session may be older than what was told of it.
        if self.settings.view == View::Wire {
            return;
        }
        for identifier in publish.properties.subscription_identifiers() {
            if !self.session.identifiers.contains_key(&identifier) {
                let words = format_args!("the client has no subscription {identifier}");
                self.report.broken(Rule::SubscriptionIdentifierUnknown, Some(packet), words);
            }
        }
    }

    fn check_alias(&mut self, publish: &Publish<'_>, packet: &Packet<'_>) {
        let Some(alias) = publish.properties.topic_alias() else { return };
        let maximum = self.link.peer.aliases;
        if alias > maximum {
            let words = format_args!("alias {alias}, the maximum is {maximum}");
            self.report.broken(Rule::TopicAliasMaximum, Some(packet), words);
        }
        if !publish.topic.is_empty() {
            set_alias(&mut self.link.aliases, alias, publish.topic);
        } else if !self.link.aliases.contains_key(&alias) {
            let words = format_args!("alias {alias} was not set on this connection");
            self.report.broken(Rule::TopicAliasUnset, Some(packet), words);
        }
    }

    /// Whether the party can take a message of its peer; it must close if not.
    pub(super) fn check_peer_content(&mut self, publish: &Publish<'_>) -> bool {
        let own = self.link.own;
        let from_client = self.role == Role::Server;
        let fault = if from_client && publish.properties.subscription_identifiers().next().is_some() {
            "a subscription identifier in a PUBLISH of the client"
        } else if publish.qos > own.qos {
            "a QoS above the announced maximum"
        } else if from_client && publish.retain && !own.retain {
            "RETAIN although it is not available"
        } else {
            let Some(alias) = publish.properties.topic_alias() else { return true };
            if alias > own.aliases {
                "a topic alias above the announced maximum"
            } else if !publish.topic.is_empty() {
                set_alias(&mut self.link.peer_aliases, alias, publish.topic);
                return true;
            } else if self.link.peer_aliases.contains_key(&alias) {
                return true;
            } else {
                "a topic alias that was not set on this connection"
            }
        };
        self.fault(fault);
        false
    }
}

fn set_alias(aliases: &mut BTreeMap<u16, String>, alias: u16, topic: &str) {
    let known = aliases.entry(alias).or_default();
    known.clear();
    known.push_str(topic);
}

/// The properties of packets that may have words for people.
fn words_of<'a>(packet: &Packet<'a>) -> Option<Properties<'a>> {
    match *packet {
        Packet::ConnAck(ConnAck { properties, .. })
        | Packet::PubAck(Ack { properties, .. })
        | Packet::PubRec(Ack { properties, .. })
        | Packet::PubRel(Ack { properties, .. })
        | Packet::PubComp(Ack { properties, .. })
        | Packet::SubAck(SubAck { properties, .. })
        | Packet::UnsubAck(UnsubAck { properties, .. })
        | Packet::Disconnect(Disconnect { properties, .. })
        | Packet::Auth(Auth { properties, .. }) => Some(properties),
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::PingReq
        | Packet::PingResp => None,
    }
}
