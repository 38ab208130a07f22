//! SUBSCRIBE, UNSUBSCRIBE and their answers (sections 3.8 to 3.11).

use mqtt_engine::{
    QoS,
    packet::{Packet, PacketId, PacketType, ReasonCode, SubAck, Subscribe, UnsubAck, Unsubscribe},
};

use super::{Rule, scene::Scene};

/// A request that a server has read and not answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: PacketId,
    /// SUBACK or UNSUBACK.
    pub(super) answer: PacketType,
    /// The QoS asked for with each filter.
    filters: Vec<QoS>,
}

impl Scene<'_> {
    pub(super) fn wrote_subscribe(&mut self, subscribe: &Subscribe<'_>, packet: &Packet<'_>) {
        let peer = self.link.peer;
        let identifier = subscribe.properties.subscription_identifiers().next();
        if let (Some(identifier), false) = (identifier, peer.identifiers) {
            let words = format_args!("identifier {identifier}");
            self.report.broken(Rule::SubscriptionIdentifierAvailable, Some(packet), words);
        }
        for subscription in subscribe.filters.iter().filter(|_| self.link.is_v5()) {
            let filter = subscription.filter;
            if !peer.wildcards && has_wildcard(filter) {
                self.report.broken(Rule::WildcardAvailable, Some(packet), format_args!("{filter:?}"));
            }
            if !peer.shared && is_shared(filter) {
                let words = format_args!("{filter:?}");
                self.report.broken(Rule::SharedSubscriptionAvailable, Some(packet), words);
            }
        }
        self.wrote_request(subscribe.packet_id, packet);
    }

    /// SUBSCRIBE or UNSUBSCRIBE: its identifier is one that nothing else has.
    pub(super) fn wrote_request(&mut self, id: PacketId, packet: &Packet<'_>) {
        if self.is_message(id) || self.link.requests.contains(&id) {
            let words = format_args!("{id} is in use");
            self.report.broken(Rule::PacketIdInUse, Some(packet), words);
        }
        self.link.requests.push(id);
    }

    pub(super) fn read_request_answer(&mut self, id: PacketId) {
        if let Some(place) = self.link.requests.iter().position(|request| *request == id) {
            self.link.requests.swap_remove(place);
        }
    }

    pub(super) fn read_subscribe(&mut self, subscribe: &Subscribe<'_>) {
        let own = self.link.own;
        let identifier = subscribe.properties.subscription_identifiers().next();
        let is_unavailable = identifier.is_some() && !own.identifiers
            || self.link.is_v5()
                && subscribe.filters.iter().any(|one| {
                    !own.wildcards && has_wildcard(one.filter) || !own.shared && is_shared(one.filter)
                });
        if is_unavailable {
            return self.fault("a subscription of a kind that is not available");
        }
        if let Some(identifier) = identifier {
            self.session.identifiers.insert(identifier, self.link.id);
        }
        self.link.answers.requests.push(Request {
            id: subscribe.packet_id,
            answer: PacketType::SubAck,
            filters: subscribe.filters.iter().map(|one| one.qos).collect(),
        });
    }

    pub(super) fn read_unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) {
        self.link.answers.requests.push(Request {
            id: unsubscribe.packet_id,
            answer: PacketType::UnsubAck,
            filters: vec![QoS::AtMostOnce; unsubscribe.filters.len()],
        });
    }

    pub(super) fn wrote_suback(&mut self, ack: &SubAck<'_>, packet: &Packet<'_>) {
        let Some(request) = self.answered_request(ack.packet_id, packet) else { return };
        let (codes, filters) = (ack.reasons.len(), request.filters.len());
        if codes != filters {
            let words = format_args!("{codes} codes for {filters} filters");
            self.report.broken(Rule::SubAckCount, Some(packet), words);
        }
        for (code, asked) in ack.reasons.iter().zip(request.filters) {
            if granted(code).is_some_and(|granted| granted > asked) {
                let words = format_args!("{code}, asked for was QoS {}", asked as u8);
                self.report.broken(Rule::GrantedQoS, Some(packet), words);
            }
        }
    }

    pub(super) fn wrote_unsuback(&mut self, ack: &UnsubAck<'_>, packet: &Packet<'_>) {
        let Some(request) = self.answered_request(ack.packet_id, packet) else { return };
        let (codes, filters) = (ack.reasons.len(), request.filters.len());
        if codes != filters && self.link.is_v5() {
            let words = format_args!("{codes} codes for {filters} filters");
            self.report.broken(Rule::UnsubAckCount, Some(packet), words);
        }
    }

    fn answered_request(&mut self, id: PacketId, packet: &Packet<'_>) -> Option<Request> {
        let kind = packet.packet_type();
        let requests = &mut self.link.answers.requests;
        let place = requests.iter().position(|request| request.id == id && request.answer == kind);
        if place.is_none() {
            let words = format_args!("no request under {id} waits for it on this connection");
            self.report.broken(Rule::RequestAnswerUnasked, Some(packet), words);
        }
        place.map(|place| requests.remove(place))
    }
}

fn granted(code: ReasonCode) -> Option<QoS> {
    QoS::from_u8(code.as_u8())
}

fn has_wildcard(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

fn is_shared(filter: &str) -> bool {
    filter.starts_with("$share/")
}
