//! From the first byte to CONNACK (sections 3.1 and 3.2).

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use bytes::Bytes;

use super::{
    ConnectRequest, Connection, ConnectionEvent, DisconnectCause, Dismissal, DropReason,
    EnhancedAuthentication, Flow, KeepAlive, Phase, authentication::Exchange, bounded,
};
use crate::{
    Message, QoS, Text, Timestamp, TopicName, UserProperties, Will,
    framing::Frame,
    packet::{
        ConnAck, Connect, DecodeError, Fault, Packet, PacketType, Properties, Property, PropertyList,
        ProtocolVersion, ReasonCode,
    },
    session::{Link, LinkSettings, QueueLimits, Session, Violation, owned_properties},
};

/// What a client announced with CONNECT, and what it was granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) version: ProtocolVersion,
    receive_maximum: u16,
    /// The largest packet that the client takes.
    pub(super) packet_size: usize,
    topic_alias_maximum: u16,
    /// Asked for and granted, in seconds.
    keep_alive: (u16, u16),
    /// What the client asked for with CONNECT, in seconds.
    pub(super) requested_expiry: u32,
    /// What is granted.
    pub(super) session_expiry: u32,
    /// Whether the client wants words for people on any packet.
    pub(super) problem_information: bool,
    /// Whether the client asks for response information.
    response_information: bool,
}

/// How a connection is accepted.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Acceptance {
    /// The stored session to go on with; the client hears that it is present. `None`: a new one is made.
    pub session: Option<Session>,
    /// The name that was given to a client without one; 5.0 clients hear of it.
    pub assigned_client_id: Option<Text>,
    /// What a client that asks for it is to make response topics of; 5.0 only.
    pub response_information: Option<Text>,
    /// The last word of an enhanced authentication; 5.0 only.
    pub authentication_data: Option<Bytes>,
}

impl Connection {
    /// Accepts the connection that the client asked for: CONNACK goes out, then what the session holds.
    ///
    /// Returns the stored messages that were dropped, since they are larger than the client's Maximum Packet Size
    /// [MQTT-3.1.2-25] (5.0).
    /// [MQTT-3.2.0-1] (both versions), [MQTT-3.1.4-4] (3.1.1), [MQTT-3.1.4-5] [MQTT-3.2.0-2] (5.0)
    pub fn accept(&mut self, acceptance: Acceptance, now: Timestamp) -> Vec<(Message, DropReason)> {
        self.pass(now);
        let (Phase::Deciding { .. }, Some(terms)) = (self.phase, self.terms) else { return Vec::new() };
        self.framing.set_limit(bounded(self.config.maximum_packet_size));
        self.keep_alive = KeepAlive::new(terms.keep_alive.1, self.now);
        self.send_acceptance(&terms, &acceptance);
        if let Phase::Deciding { .. } = self.phase {
            self.phase = Phase::Open;
        }
        let mut link = Link::new(self.link_settings(&terms));
        let limits = QueueLimits { count: self.config.queue_count, bytes: self.config.queue_bytes };
        let mut session = acceptance.session.unwrap_or_else(|| Session::new(limits));
        session.begin(&mut link);
        let refused = session.take_refused(&mut link);
        self.flow = Some(Flow { session, link });
        refused.into_iter().map(|message| (message, DropReason::TooLarge)).collect()
    }

    /// Refuses the connection that the client asked for, then ends it [MQTT-3.2.2-5] (3.1.1) [MQTT-3.2.2-7] (5.0). In 3.1.1
    /// the nearest return code is sent, and none where no code fits [MQTT-3.2.2-6] (3.1.1).
    pub fn refuse(&mut self, dismissal: impl Into<Dismissal>, now: Timestamp) {
        self.pass(now);
        let mut dismissal = dismissal.into();
        if !dismissal.reason.is_error() {
            dismissal.reason = ReasonCode::UnspecifiedError;
        }
        let (Phase::Deciding { .. }, Some(terms)) = (self.phase, self.terms) else { return };
        self.send_refusal(terms.version, &dismissal);
        // [MQTT-3.1.4-5] (3.1.1), [MQTT-3.1.4-6] [MQTT-4.13.2-1] (5.0)
        self.end(DisconnectCause::Refused(dismissal.reason));
    }

    /// Refuses the connection for a fault of the client.
    pub(super) fn refuse_because(&mut self, reason: ReasonCode, cause: DisconnectCause) {
        if let Some(terms) = self.terms {
            self.send_refusal(terms.version, &Dismissal::new(reason));
        }
        self.end(cause);
    }

    /// The first packet arrived.
    pub(super) fn connect(&mut self, connect: &Connect<'_>, until: Timestamp) {
        let terms = self.terms_of(connect);
        self.terms = Some(terms);
        self.phase = Phase::Deciding { until };
        if let Some(reason) = self.connect_fault(connect) {
            return self.refuse(reason, self.now);
        }
        let method = connect.properties.authentication_method().map(copy_text);
        self.exchange = method.clone().map(|method| Box::new(Exchange::new(method)));
        let request = ConnectRequest {
            version: connect.version,
            client_id: copy_text(connect.client_id),
            clean_start: connect.clean_start,
            session_expiry: terms.session_expiry,
            keep_alive: terms.keep_alive.1,
            user_name: connect.user_name.map(copy_text),
            password: connect.password.map(Bytes::copy_from_slice),
            will: connect.will.map(|will| copy_will(&will)),
            authentication: method.map(|method| EnhancedAuthentication {
                method,
                data: connect.properties.authentication_data().map(Bytes::copy_from_slice),
            }),
            wants_response_information: terms.response_information,
            user_properties: copy_user_properties(&connect.properties),
        };
        self.events.push_back(ConnectionEvent::Connect(Box::new(request)));
    }

    /// Why the connection can't be accepted as it was asked for, if so.
    fn connect_fault(&self, connect: &Connect<'_>) -> Option<ReasonCode> {
        let id_length = connect.client_id.chars().count();
        if connect.properties.authentication_method().is_some() && !self.config.enhanced_authentication {
            // [MQTT-4.12.0-1] (5.0)
            return Some(ReasonCode::BadAuthenticationMethod);
        }
        let id_is_wrong = match connect.version {
            // Its section 3.1: 1 to 23 characters.
            ProtocolVersion::V3_1 => !(1..=23).contains(&id_length),
            // [MQTT-3.1.3-8] (3.1.1)
            ProtocolVersion::V3_1_1 => id_length == 0 && !connect.clean_start,
            ProtocolVersion::V5 => false,
        };
        if id_is_wrong {
            return Some(ReasonCode::ClientIdentifierNotValid);
        }
        match &connect.will {
            // [MQTT-3.2.2-12] (5.0)
            Some(will) if will.qos > self.config.maximum_qos => Some(ReasonCode::QoSNotSupported),
            // [MQTT-3.2.2-13] (5.0)
            Some(will) if will.retain && !self.config.retain_available => {
                Some(ReasonCode::RetainNotSupported)
            }
            Some(_) | None => None,
        }
    }

    /// Something else than a valid CONNECT arrived first: no CONNACK in 3.1.1 [MQTT-3.1.4-1] (3.1.1) but for an unknown level
    /// [MQTT-3.1.2-2] (both versions); 5.0 allows one (section 4.13.2) [MQTT-3.1.4-1] (5.0).
    pub(super) fn connect_malformed(&mut self, frame: &Frame<'_>, error: DecodeError) {
        let v5 = ProtocolVersion::V5;
        // Another packet can't be read, since its version is not known: what it is can be told all the same.
        let kind = frame.bytes().first().and_then(|byte| PacketType::from_u8(byte >> 4));
        if let Some(kind) = kind.filter(|kind| *kind != PacketType::Connect) {
            return self.handshake_expected(kind);
        }
        if let Fault::UnsupportedProtocolLevel(level) = error.fault {
            let is_older = level < v5.level() || announced_level(frame.bytes()).is_none();
            let version = if is_older { ProtocolVersion::V3_1_1 } else { v5 };
            self.send_refusal(version, &ReasonCode::UnsupportedProtocolVersion.into());
        } else if announced_level(frame.bytes()) == Some(v5.level()) {
            self.send_refusal(v5, &error.reason().into());
        }
        self.end(DisconnectCause::Malformed(error));
    }

    pub(super) fn handshake_expected(&mut self, kind: PacketType) {
        self.end(DisconnectCause::Misbehaved(Violation::HandshakeExpected(kind)));
    }

    fn terms_of(&self, connect: &Connect<'_>) -> Terms {
        let properties = &connect.properties;
        let is_v5 = connect.version >= ProtocolVersion::V5;
        let requested_expiry = match (is_v5, connect.clean_start) {
            (true, _) => properties.session_expiry_interval().unwrap_or(0),
            (false, true) => 0,
            (false, false) => u32::MAX,
        };
        let longest = self.config.maximum_keep_alive;
        let exceeds = longest > 0 && (connect.keep_alive == 0 || connect.keep_alive > longest);
        Terms {
            version: connect.version,
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX),
            packet_size: properties.maximum_packet_size().map_or(usize::MAX, bounded),
            topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
            // [MQTT-3.2.2-22] (5.0)
            keep_alive: (connect.keep_alive, if is_v5 && exceeds { longest } else { connect.keep_alive }),
            requested_expiry,
            session_expiry: requested_expiry.min(self.config.session_expiry_maximum),
            problem_information: properties.request_problem_information().unwrap_or(true),
            response_information: properties.request_response_information().unwrap_or(false),
        }
    }

    fn send_acceptance(&mut self, terms: &Terms, acceptance: &Acceptance) {
        let session_present = acceptance.session.is_some();
        let method = self.exchange.as_ref().map(|exchange| exchange.method.clone());
        let mut list = PropertyList::<14>::new();
        if terms.version >= ProtocolVersion::V5 {
            self.announce(terms, &mut list);
            let assigned = acceptance.assigned_client_id.as_ref();
            // [MQTT-3.1.3-7] [MQTT-3.2.2-16] (5.0)
            list.push_some(assigned.map(|name| Property::AssignedClientIdentifier(name.as_str())));
            // [MQTT-3.1.2-28] (5.0)
            let information = acceptance.response_information.as_ref().filter(|_| terms.response_information);
            list.push_some(information.map(|text| Property::ResponseInformation(text.as_str())));
            // [MQTT-4.12.0-5] [MQTT-4.12.0-6] (5.0)
            if let Some(method) = &method {
                list.push(Property::AuthenticationMethod(method.as_str()));
                let data = acceptance.authentication_data.as_ref();
                list.push_some(data.map(|data| Property::AuthenticationData(data)));
            }
        }
        let properties = Properties::new(list.as_slice());
        self.send(&Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties }));
    }

    /// What CONNACK says of limits: only what differs from the defaults of the specification.
    fn announce(&self, terms: &Terms, list: &mut PropertyList<'_, 14>) {
        let config = &self.config;
        if terms.session_expiry != terms.requested_expiry {
            list.push(Property::SessionExpiryInterval(terms.session_expiry));
        }
        if config.receive_maximum < u16::MAX {
            list.push(Property::ReceiveMaximum(config.receive_maximum.max(1)));
        }
        list.push(Property::MaximumPacketSize(config.maximum_packet_size.max(2)));
        if config.topic_alias_maximum > 0 {
            list.push(Property::TopicAliasMaximum(config.topic_alias_maximum));
        }
        // [MQTT-3.2.2-9] (5.0)
        if config.maximum_qos < QoS::ExactlyOnce {
            list.push(Property::MaximumQoS(config.maximum_qos));
        }
        let missing = [
            (config.retain_available, Property::RetainAvailable(false)),
            (config.wildcard_subscriptions, Property::WildcardSubscriptionAvailable(false)),
            (config.subscription_identifiers, Property::SubscriptionIdentifierAvailable(false)),
            (config.shared_subscriptions, Property::SharedSubscriptionAvailable(false)),
        ];
        missing.into_iter().filter(|(is_there, _)| !is_there).for_each(|(_, property)| list.push(property));
        let (asked, granted) = terms.keep_alive;
        if asked != granted {
            list.push(Property::ServerKeepAlive(granted));
        }
    }

    fn link_settings(&self, terms: &Terms) -> LinkSettings {
        let is_v5 = terms.version >= ProtocolVersion::V5;
        LinkSettings {
            version: terms.version,
            send_maximum: self.config.inflight_maximum.max(1).min(terms.receive_maximum),
            peer_packet_size: terms.packet_size,
            outbound_aliases: self.config.outbound_topic_aliases.min(terms.topic_alias_maximum),
            peer_maximum_qos: QoS::ExactlyOnce,
            peer_retains: true,
            receive_maximum: self.config.receive_maximum.max(1),
            inbound_aliases: if is_v5 { self.config.topic_alias_maximum } else { 0 },
            outbox_bytes: self.config.outbox_bytes.max(1),
            retransmit_after: None,
        }
    }
}

/// The protocol level in a CONNECT that may be wrong anywhere else.
fn announced_level(frame: &[u8]) -> Option<u8> {
    let (_, rest) = frame.split_first()?;
    let length = rest.iter().position(|byte| byte & 0x80 == 0)?;
    let rest = rest.get(length + 1..)?;
    rest.strip_prefix(b"\x00\x04MQTT")?.first().copied()
}

/// Texts that outlive the packet are copied: a shared one would keep the read buffer alive.
fn copy_text(text: &str) -> Text {
    Text::from_checked(Bytes::copy_from_slice(text.as_bytes()))
}

fn copy_user_properties(properties: &Properties<'_>) -> UserProperties {
    properties.to_user_properties(Bytes::copy_from_slice)
}

/// [MQTT-3.1.3-10] (5.0)
fn copy_will(will: &crate::packet::Will<'_>) -> Will {
    let message = Message {
        topic: TopicName::from_checked(Bytes::copy_from_slice(will.topic.as_bytes())),
        payload: Bytes::copy_from_slice(will.payload),
        qos: will.qos,
        retain: will.retain,
        properties: owned_properties(&will.properties, &Frame::borrowed(&[])),
    };
    let delay = will.properties.will_delay_interval().unwrap_or(0);
    Will::new(message).with_delay(Duration::from_secs(delay.into()))
}
