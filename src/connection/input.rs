//! Packets from the client.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Connection, ConnectionEvent, DisconnectCause, FilterRequest, Flow, Phase, Request};
use crate::{
    Text, Timestamp, TopicFilter,
    framing::{Frame, Framing, Receiver},
    packet::{
        Ack, DecodeError, Disconnect, Packet, PacketType, ProtocolVersion, Publish, Subscribe, Subscription,
        Unsubscribe,
    },
    session::{Arrival, Violation},
};

impl Receiver for Connection {
    fn framing(&mut self) -> &mut Framing {
        &mut self.framing
    }

    fn is_reading(&self) -> bool {
        self.wants_input()
    }

    fn packet(&mut self, frame: &Frame<'_>, _now: Timestamp) {
        self.decode(frame);
        // What an acknowledgement lets go stands before the answer to the next packet, however the stream was cut.
        self.fill(self.now);
    }

    /// Never: packets above the limit are refused.
    fn skipped(&mut self, _prefix: &Bytes, _size: usize, _now: Timestamp) {}

    fn malformed(&mut self, error: DecodeError, _now: Timestamp) {
        self.end(DisconnectCause::Malformed(error));
    }
}

impl Connection {
    fn decode(&mut self, frame: &Frame<'_>) {
        let version = self.version().unwrap_or_default();
        match (self.phase, &Packet::decode(frame.bytes(), version)) {
            (Phase::AwaitingConnect { until }, Ok(Packet::Connect(connect))) => self.connect(connect, until),
            // [MQTT-3.1.0-1] (both versions)
            (Phase::AwaitingConnect { .. }, Ok(packet)) => self.handshake_expected(packet.packet_type()),
            (Phase::AwaitingConnect { .. }, Err(error)) => self.connect_malformed(frame, *error),
            (Phase::Authenticating { until }, Ok(packet)) => self.during_authentication(packet, until),
            (Phase::Authenticating { .. }, Err(error)) => {
                self.refuse_because(error.reason(), DisconnectCause::Malformed(*error));
            }
            (_, Ok(packet)) => {
                self.keep_alive.received(self.now);
                if let Err(violation) = self.handle(packet, frame) {
                    self.end(DisconnectCause::Misbehaved(violation));
                }
            }
            (_, Err(error)) => self.end(DisconnectCause::Malformed(*error)),
        }
    }

    fn handle(&mut self, packet: &Packet<'_>, frame: &Frame<'_>) -> Result<(), Violation> {
        match packet {
            Packet::Publish(publish) => self.publish(publish, frame),
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                self.acknowledged(packet.packet_type(), ack)
            }
            Packet::PubRel(ack) => self.released(ack),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => {
                self.unsubscribe(unsubscribe);
                Ok(())
            }
            Packet::PingReq => {
                // [MQTT-3.12.4-1] (5.0), [MQTT-3.12.4-1] (3.1.1)
                self.send(&Packet::PingResp);
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.disconnect(disconnect),
            Packet::Auth(auth) => self.reauthenticate(auth),
            // [MQTT-3.1.0-2] (both versions), and packets that only a server sends.
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => Err(Violation::UnexpectedPacket(packet.packet_type())),
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, frame: &Frame<'_>) -> Result<(), Violation> {
        if publish.properties.subscription_identifier().is_some() {
            // [MQTT-3.3.4-6] (5.0)
            return Err(Violation::SubscriptionIdentifierFromClient);
        }
        if publish.qos > self.config.maximum_qos {
            // [MQTT-3.2.2-11] (5.0)
            return Err(Violation::QoSNotSupported);
        }
        if publish.retain && !self.config.retain_available {
            // [MQTT-3.2.2-14] (5.0)
            return Err(Violation::RetainNotSupported);
        }
        let Some(Flow { session, link }) = &mut self.flow else { return Ok(()) };
        // First, since a repetition may set a topic alias as well.
        let message = link.message(publish, frame)?;
        if let Arrival::New(delivery) = session.received(publish, link, &mut self.outbox)? {
            let token = self.request(Request::Publish { delivery });
            let duplicate = publish.duplicate;
            self.events.push_back(ConnectionEvent::Publish { token, message, duplicate });
        }
        Ok(())
    }

    fn acknowledged(&mut self, kind: PacketType, ack: &Ack<'_>) -> Result<(), Violation> {
        let Some(Flow { session, link }) = &mut self.flow else { return Ok(()) };
        // Nothing waits under an unknown identifier, and nothing is harmed by it.
        session.acknowledged(kind, ack, link, &mut self.outbox, self.now, &mut self.fates)?;
        self.fates.clear();
        Ok(())
    }

    fn released(&mut self, ack: &Ack<'_>) -> Result<(), Violation> {
        let Some(Flow { session, link }) = &mut self.flow else { return Ok(()) };
        session.released(ack, link, &mut self.outbox)?;
        Ok(())
    }

    fn subscribe(&mut self, subscribe: &Subscribe<'_>) -> Result<(), Violation> {
        let identifier = subscribe.properties.subscription_identifiers().next();
        if identifier.is_some() && !self.config.subscription_identifiers {
            return Err(Violation::SubscriptionIdentifiersNotSupported);
        }
        let filters: Vec<_> = subscribe.filters.iter().map(|filter| copy_subscription(&filter)).collect();
        // Older clients could not know: their owner refuses the filter.
        if self.version() >= Some(ProtocolVersion::V5) {
            let mut all = filters.iter().map(|request| &request.filter);
            if !self.config.shared_subscriptions && all.clone().any(|filter| filter.share_name().is_some()) {
                return Err(Violation::SharedSubscriptionsNotSupported);
            }
            if !self.config.wildcard_subscriptions && all.any(TopicFilter::has_wildcard) {
                return Err(Violation::WildcardSubscriptionsNotSupported);
            }
        }
        let packet_id = subscribe.packet_id;
        let token = self.request(Request::Subscribe { packet_id, filters: subscribe.filters.len() });
        self.events.push_back(ConnectionEvent::Subscribe {
            token,
            filters,
            identifier,
            user_properties: subscribe.properties.to_user_properties(Bytes::copy_from_slice),
        });
        Ok(())
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) {
        let packet_id = unsubscribe.packet_id;
        let token = self.request(Request::Unsubscribe { packet_id, filters: unsubscribe.filters.len() });
        let filters = unsubscribe.filters.iter().map(copy_filter).collect();
        self.events.push_back(ConnectionEvent::Unsubscribe { token, filters });
    }

    /// [MQTT-3.14.4-3] (both versions)
    pub(super) fn disconnect(&mut self, disconnect: &Disconnect<'_>) -> Result<(), Violation> {
        if let (Some(terms), Some(expiry)) =
            (&mut self.terms, disconnect.properties.session_expiry_interval())
        {
            // 5.0 section 3.14.2.2.2
            if terms.requested_expiry == 0 && expiry > 0 {
                return Err(Violation::SessionExpiryNotAllowed);
            }
            terms.session_expiry = expiry.min(self.config.session_expiry_maximum);
        }
        let reason_string = disconnect.properties.reason_string();
        self.end(DisconnectCause::Client {
            reason: disconnect.reason,
            reason_string: reason_string
                .map(|words| Text::from_checked(Bytes::copy_from_slice(words.as_bytes()))),
        });
        Ok(())
    }
}

/// Filters outlive the packet: they are copied, so that they keep no read buffer alive.
fn copy_filter(filter: &str) -> TopicFilter {
    TopicFilter::from_checked(Bytes::copy_from_slice(filter.as_bytes()))
}

fn copy_subscription(subscription: &Subscription<'_>) -> FilterRequest {
    FilterRequest {
        filter: copy_filter(subscription.filter),
        qos: subscription.qos,
        no_local: subscription.no_local,
        retain_as_published: subscription.retain_as_published,
        retain_handling: subscription.retain_handling,
    }
}
