//! Packets from the server.

use bytes::Bytes;

use super::{
    Client, ClientEvent, DeliveryToken, Deviation, DisconnectReason, Phase, handshake::server_words, text,
};
use crate::{
    QoS, Timestamp,
    framing::{Frame, Framing, Receiver},
    packet::{
        DecodeError, Disconnect, Fault, Packet, PacketType, Properties, ProtocolVersion, Publish,
        PublishStart, ReasonCode,
    },
    session::{Arrival, Known, Violation},
};

impl Receiver for Client {
    fn framing(&mut self) -> &mut Framing {
        &mut self.wire.framing
    }

    fn is_reading(&self) -> bool {
        self.wants_input()
    }

    fn packet(&mut self, frame: &Frame<'_>, _now: Timestamp) {
        self.decode(frame);
        // What follows from a packet stands before the answer to the next one, however the stream was cut.
        self.settle();
    }

    fn skipped(&mut self, prefix: &Bytes, size: usize, _now: Timestamp) {
        self.discard(prefix, size);
        self.settle();
    }

    fn malformed(&mut self, error: DecodeError, _now: Timestamp) {
        self.refuse_malformed(error);
    }
}

impl Client {
    fn refuse_malformed(&mut self, error: DecodeError) {
        self.fail(DisconnectReason::Malformed(error), Some(error.reason()));
    }

    // On a microcontroller, what it needs of the stack must not stand below what `settle` needs.
    #[inline(never)]
    fn decode(&mut self, frame: &Frame<'_>) {
        match &Packet::decode(frame.bytes(), self.config.version) {
            Ok(packet) => self.dispatch(packet, frame),
            Err(error) => self.refuse_malformed(*error),
        }
    }

    fn dispatch(&mut self, packet: &Packet<'_>, frame: &Frame<'_>) {
        let kind = packet.packet_type();
        let is_handshake = matches!(kind, PacketType::ConnAck | PacketType::Auth);
        // [MQTT-3.2.0-1] (both versions)
        if self.phase == Phase::Connecting && !is_handshake {
            return self.misbehaved(Violation::HandshakeExpected(kind));
        }
        match packet {
            Packet::ConnAck(connack) => self.connection_answered(connack, frame),
            Packet::Auth(auth) => self.authentication_answered(auth),
            Packet::Publish(publish) => self.message_received(publish, frame),
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                let known = self.session.acknowledged(
                    kind,
                    ack,
                    &mut self.wire.link,
                    &mut self.outbox,
                    self.now,
                    &mut self.fates,
                );
                self.note_acknowledgement(known);
            }
            Packet::PubRel(ack) => {
                let known = self.session.released(ack, &mut self.wire.link, &mut self.outbox);
                // After a restart with an empty session a PUBREL for nothing is the server's good right.
                if let Err(violation) = known {
                    self.misbehaved(violation);
                }
            }
            Packet::SubAck(suback) => self.request_answered(suback.packet_id, kind, &suback.reasons),
            Packet::UnsubAck(unsuback) => self.request_answered(unsuback.packet_id, kind, &unsuback.reasons),
            Packet::PingResp => self.pinged(),
            Packet::Disconnect(disconnect) => self.disconnected(disconnect),
            Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::PingReq => {
                self.misbehaved(Violation::UnexpectedPacket(kind));
            }
        }
    }

    fn note_acknowledgement(&mut self, known: Result<Known, Violation>) {
        match known {
            Ok(Known::Yes) => {}
            Ok(Known::No) => {
                self.deviates(Deviation::UnknownPacketIdentifier, Violation::UnknownPacketIdentifier)
            }
            Err(violation) => self.misbehaved(violation),
        }
    }

    fn message_received(&mut self, publish: &Publish<'_>, frame: &Frame<'_>) {
        let message = match self.wire.link.message(publish, frame) {
            Ok(message) => message,
            Err(violation) => return self.misbehaved(violation),
        };
        match self.session.received(publish, &mut self.wire.link, &mut self.outbox) {
            Ok(Arrival::New(token)) => {
                let duplicate = publish.duplicate;
                self.emit(ClientEvent::Received { token: DeliveryToken(token), message, duplicate });
            }
            Ok(Arrival::Duplicate) => {}
            Err(violation) => self.misbehaved(violation),
        }
    }

    /// The server ends the connection; 3.1.1 has no such packet.
    fn disconnected(&mut self, disconnect: &Disconnect<'_>) {
        if self.config.version < ProtocolVersion::V5 {
            return self.misbehaved(Violation::UnexpectedPacket(PacketType::Disconnect));
        }
        if disconnect.properties.session_expiry_interval().is_some() {
            // [MQTT-3.14.2-2] (5.0)
            return self.misbehaved(Violation::SessionExpiryNotAllowed);
        }
        let words = server_words(disconnect.reason, &disconnect.properties);
        self.fail(DisconnectReason::ServerDisconnected(words), None);
    }

    /// A packet above our limit was passed over. A PUBLISH is answered, so that the server does not send it for ever.
    /// [MQTT-4.5.0-2] (both versions)
    fn discard(&mut self, prefix: &Bytes, size: usize) {
        let start = PublishStart::decode(prefix);
        let limit = self.config.maximum_packet_size as usize;
        let too_large = DecodeError {
            offset: 1,
            field: "remaining length",
            fault: Fault::PacketTooLarge { size, limit },
        };
        let Some(start) = start.ok().filter(|_| self.phase == Phase::Connected) else {
            // Any other packet is one that the conversation can't go on without.
            return self.refuse_malformed(too_large);
        };
        if start.qos > QoS::AtMostOnce {
            let publish = Publish {
                duplicate: start.duplicate,
                qos: start.qos,
                retain: start.retain,
                topic: start.topic,
                packet_id: start.packet_id,
                properties: Properties::NONE,
                payload: &[],
            };
            match self.session.received(&publish, &mut self.wire.link, &mut self.outbox) {
                Ok(Arrival::New(token)) => {
                    self.acknowledge_now(token, ReasonCode::ImplementationSpecificError)
                }
                Ok(Arrival::Duplicate) => {}
                Err(violation) => return self.misbehaved(violation),
            }
        }
        let topic = (!start.topic.is_empty()).then(|| text(start.topic));
        self.emit(ClientEvent::Discarded { topic, size });
    }
}
