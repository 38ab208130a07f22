//! What lives with one network connection, replaced whole when the next one begins.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use bytes::{Buf, Bytes};

use super::Violation;
use crate::{
    Message, MessageProperties, Outbox, QoS, RareProperties, Text, Timestamp, TopicName,
    framing::Frame,
    packet::{
        CheckedAck, CheckedPublish, Packet, PacketId, PacketType, Properties, Property, PropertyList,
        ProtocolVersion, Publish, ReasonCode, VariableByteInteger,
    },
    sorted::SortedMap,
};

/// No more input is taken while so many bytes of acknowledgements wait for a peer that sends but does not read.
const ANSWER_BYTES: u64 = 64 << 10;

/// The longest acknowledgement, one with a reason: a server that takes no packet of this size can't be talked to. A client that does not
/// never gets its CONNACK, which is as long.
pub(crate) const SMALLEST_PACKET_SIZE: usize = 5;

/// What two peers agreed on with CONNECT and CONNACK.
#[derive(Clone, Debug)]
pub(crate) struct LinkSettings {
    pub(crate) version: ProtocolVersion,
    /// How many unfinished QoS 1 and 2 messages we may send.
    pub(crate) send_maximum: u16,
    /// The largest packet that the peer takes.
    pub(crate) peer_packet_size: usize,
    /// How many topic aliases we use.
    pub(crate) outbound_aliases: u16,
    pub(crate) peer_maximum_qos: QoS,
    pub(crate) peer_retains: bool,
    /// How many unfinished QoS 1 and 2 messages the peer may send; enforced in 5.0.
    pub(crate) receive_maximum: u16,
    /// How many topic aliases the peer may use.
    pub(crate) inbound_aliases: u16,
    /// No publish is moved to an outbox that holds this many bytes.
    pub(crate) outbox_bytes: usize,
    /// When an unanswered packet is sent again on this connection.
    pub(crate) retransmit_after: Option<Duration>,
}

/// Which unfinished exchanges of former connections are still to be sent again, by their order.
///
/// PUBRELs have a cursor of their own: they don't wait for the quota that PUBLISHes wait for [MQTT-3.3.4-8] (5.0).
/// [MQTT-3.3.4-10] [MQTT-4.9.0-3] (5.0)
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    pub(super) next_release: u64,
    pub(super) next_publish: u64,
    /// Behind the last release. Of PUBLISHes, all that were sent are to be sent again: no new one goes out before.
    pub(super) end: u64,
}

/// The state of one connection's message flow: quotas, aliases, and how far the replay has come.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) settings: LinkSettings,
    /// Tells transmissions of this connection from those of former ones; given by [`Session::begin`](super::Session::begin).
    pub(super) epoch: u64,
    /// How many more QoS 1 and 2 messages may be sent [MQTT-4.9.0-1] (5.0).
    pub(super) send_quota: u16,
    /// How far the replay of unfinished exchanges has come.
    pub(super) replay: Option<Replay>,
    /// When to look for unanswered packets.
    pub(super) retransmit_at: Option<Timestamp>,
    /// How many QoS 1 and 2 messages of the peer are unfinished.
    pub(super) received: u16,
    /// The size of the acknowledgements that wait in the outbox, at most, and where the last one ends in its stream.
    answer_bytes: u64,
    answered_until: u64,
    /// From the first one on.
    aliases: Option<Box<Aliases>>,
}

/// The topic aliases of both sides (5.0 section 3.3.2.3.4).
#[derive(Debug, Default)]
struct Aliases {
    inbound: Vec<Option<Bytes>>,
    outbound: SortedMap<Bytes, u16>,
}

impl Link {
    pub(crate) fn new(settings: LinkSettings) -> Self {
        Self {
            epoch: 0,
            send_quota: settings.send_maximum,
            replay: None,
            retransmit_at: None,
            received: 0,
            answer_bytes: 0,
            answered_until: 0,
            aliases: None,
            settings,
        }
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.settings.version
    }

    /// When [`Session::retransmit`](super::Session::retransmit) is due.
    pub(crate) fn retransmit_at(&self) -> Option<Timestamp> {
        self.retransmit_at
    }

    /// A packet was sent that the peer is to answer.
    pub(super) fn await_answer(&mut self, now: Timestamp) {
        if self.retransmit_at.is_none() {
            self.retransmit_at = self.settings.retransmit_after.map(|after| now + after);
        }
    }

    /// Counts a message of the peer against our Receive Maximum.
    /// [MQTT-3.3.4-7] [MQTT-3.3.4-9] (5.0)
    pub(super) fn count_received(&mut self) -> Result<(), Violation> {
        // Older versions have no Receive Maximum, and as many identifiers.
        let is_v5 = self.version() == ProtocolVersion::V5;
        if self.received >= if is_v5 { self.settings.receive_maximum } else { u16::MAX } {
            return Err(Violation::ReceiveMaximumExceeded);
        }
        self.received += 1;
        Ok(())
    }

    /// Whether a message is moved to an outbox now.
    pub(super) fn has_room(&self, outbox: &Outbox) -> bool {
        outbox.remaining() < self.settings.outbox_bytes
    }

    /// Whether more answers wait in the outbox than a peer that reads leaves there: the input is to pause then.
    pub(crate) const fn is_answering_nobody(&self) -> bool {
        self.answer_bytes >= ANSWER_BYTES
    }

    /// Notes that the outbox may have been written: what was taken out of it waits no more.
    pub(crate) fn note_taken(&mut self, outbox: &Outbox) {
        if outbox.taken() >= self.answered_until {
            self.answer_bytes = 0;
        }
    }

    /// Writes an acknowledgement of this kind.
    /// [MQTT-2.3.1-6] (3.1.1), [MQTT-2.2.1-5] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] (5.0)
    /// [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] (5.0)
    pub(super) fn answer(
        &mut self,
        packet: PacketType,
        packet_id: PacketId,
        reason: ReasonCode,
        outbox: &mut Outbox,
    ) {
        // 3.1.1 has no reasons on acknowledgements.
        let reason = if self.version() < ProtocolVersion::V5 { ReasonCode::Success } else { reason };
        let before = outbox.position();
        // Never too large: see `SMALLEST_PACKET_SIZE`.
        CheckedAck { packet, packet_id, reason }.encode_in(|size| outbox.room(size));
        self.answered_until = outbox.position();
        self.answer_bytes = self.answer_bytes.saturating_add(self.answered_until - before);
    }

    /// Writes a packet that was built from checked parts, unless it is larger than the peer takes; whether it did.
    /// [MQTT-3.2.2-15] (5.0)
    pub(crate) fn write(&self, packet: &Packet<'_>, outbox: &mut Outbox) -> bool {
        let limit = self.settings.peer_packet_size;
        let written = packet.encode_in(self.version(), |size| (size <= limit).then(|| outbox.room(size)));
        matches!(written, Ok(true))
    }

    /// Why the peer would not take a message, if so.
    /// [MQTT-3.1.2-24] [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15] (5.0)
    pub(crate) fn refusal(&self, message: &Message) -> Option<ReasonCode> {
        if message.qos > self.settings.peer_maximum_qos {
            return Some(ReasonCode::QoSNotSupported);
        }
        if message.retain && !self.settings.peer_retains {
            return Some(ReasonCode::RetainNotSupported);
        }
        if self.version() >= ProtocolVersion::V5 && message.properties.is_overlong() {
            return Some(ReasonCode::PacketTooLarge);
        }
        if self.takes_any_form_of(message) {
            return None;
        }
        // The longest form: with a packet identifier where there is one, and with the topic's full name.
        let id = (message.qos > QoS::AtMostOnce).then_some(PacketId::MAX);
        let expiry = message.properties.message_expiry;
        let size =
            self.with_publish(message, id, false, expiry, None, |publish| publish.size(self.version()));
        let fits = size.is_ok_and(|size| size <= self.settings.peer_packet_size);
        if fits { None } else { Some(ReasonCode::PacketTooLarge) }
    }

    /// Whether a message is so small that its packet fits in any form: it has less than what the message costs.
    fn takes_any_form_of(&self, message: &Message) -> bool {
        message.cost() <= self.settings.peer_packet_size.min(VariableByteInteger::MAX as usize)
    }

    /// Writes a PUBLISH, with a topic alias if one is to be had.
    pub(super) fn publish(
        &mut self,
        message: &Message,
        id: Option<PacketId>,
        duplicate: bool,
        expiry: Option<Duration>,
        outbox: &mut Outbox,
    ) {
        let alias = if duplicate { None } else { self.outbound_alias(&message.topic) };
        let fits = self.takes_any_form_of(message);
        let (limit, version) = (self.settings.peer_packet_size, self.version());
        let written = self.with_publish(message, id, duplicate, expiry, alias, |publish| {
            publish
                .encode_header_in(version, |whole, head| (fits || whole <= limit).then(|| outbox.room(head)))
        });
        if let Some(alias) = alias
            && !written
        {
            // The alias made it too long, beside the full name or in place of a very short one: the plain form fits.
            if matches!(alias, Alias::New(_)) {
                // The server has not seen it, and its number is the last one given away.
                self.aliases().outbound.remove(message.topic.as_bytes());
            }
            let written = self.with_publish(message, id, duplicate, expiry, None, |publish| {
                publish.encode_header_in(version, |_, head| Some(outbox.room(head)))
            });
            debug_assert!(written);
        }
        outbox.push(&message.payload);
    }

    /// Builds the packet for a message and hands it to `then`. No allocation.
    fn with_publish<R>(
        &self,
        message: &Message,
        packet_id: Option<PacketId>,
        duplicate: bool,
        expiry: Option<Duration>,
        alias: Option<Alias>,
        then: impl FnOnce(&CheckedPublish<'_>) -> R,
    ) -> R {
        let mut publish = CheckedPublish {
            duplicate,
            qos: message.qos,
            retain: message.retain,
            topic: message.topic.as_bytes(),
            packet_id,
            properties: Properties::NONE,
            payload: message.payload.len(),
        };
        if self.version() < ProtocolVersion::V5 || message.properties.set().is_none() && alias.is_none() {
            return then(&publish);
        }
        if matches!(alias, Some(Alias::Known(_))) {
            publish.topic = &[];
        }
        let alias = alias.map(|alias| Property::TopicAlias(alias.number()));
        if message.properties.set().is_none() {
            publish.properties = Properties::new(alias.as_slice());
            return then(&publish);
        }
        let mut list = message_properties(&message.properties, expiry);
        list.push_some(alias);
        publish.properties = Properties::new(list.as_slice())
            .with_user_properties(&message.properties.user_properties)
            .with_subscription_identifiers(&message.properties.subscription_identifiers);
        then(&publish)
    }

    /// The alias for a topic: known to the peer, new, or none when all are given away.
    /// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-8] [MQTT-3.3.2-9] (5.0)
    /// [MQTT-3.3.2-11] (5.0)
    fn outbound_alias(&mut self, topic: &TopicName) -> Option<Alias> {
        let most = self.settings.outbound_aliases;
        if most == 0 {
            return None;
        }
        let known = &mut self.aliases().outbound;
        if let Some(alias) = known.get(topic.as_bytes()) {
            return Some(Alias::Known(*alias));
        }
        let next = u16::try_from(known.len()).ok()?.checked_add(1)?;
        if next > most {
            return None;
        }
        // A copy: the topic may be a slice of a large buffer that must not live as long as the connection.
        known.insert(Bytes::copy_from_slice(topic.as_bytes()), next);
        Some(Alias::New(next))
    }

    fn aliases(&mut self) -> &mut Aliases {
        self.aliases.get_or_insert_default()
    }

    /// The topic of a received PUBLISH, and keeps the alias that comes with it.
    /// [MQTT-3.3.2-7] [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-10] [MQTT-3.3.2-11] [MQTT-3.3.2-12] (5.0)
    fn resolve_topic(&mut self, publish: &Publish<'_>, frame: &Frame<'_>) -> Result<TopicName, Violation> {
        let Some(alias) = publish.properties.topic_alias() else {
            return Ok(TopicName::from_checked(frame.share(publish.topic.as_bytes())));
        };
        if alias == 0 || alias > self.settings.inbound_aliases {
            return Err(Violation::TopicAliasOutOfRange);
        }
        let index = usize::from(alias) - 1;
        if publish.topic.is_empty() {
            let known =
                self.aliases.as_ref().and_then(|aliases| aliases.inbound.get(index).cloned().flatten());
            return known.map(TopicName::from_checked).ok_or(Violation::TopicAliasUnknown);
        }
        let known = &mut self.aliases().inbound;
        if known.len() <= index {
            known.resize(index + 1, None);
        }
        let topic = Bytes::copy_from_slice(publish.topic.as_bytes());
        if let Some(slot) = known.get_mut(index) {
            *slot = Some(topic.clone());
        }
        Ok(TopicName::from_checked(topic))
    }

    /// The message of a received PUBLISH; its buffers are shared with the frame where that is possible.
    pub(crate) fn message(&mut self, publish: &Publish<'_>, frame: &Frame<'_>) -> Result<Message, Violation> {
        let topic = self.resolve_topic(publish, frame)?;
        Ok(Message {
            topic,
            payload: frame.share(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: owned_properties(&publish.properties, frame),
        })
    }
}

#[derive(Clone, Copy)]
enum Alias {
    New(u16),
    Known(u16),
}

impl Alias {
    const fn number(self) -> u16 {
        match self {
            Self::New(number) | Self::Known(number) => number,
        }
    }
}

/// The properties of a message but those kept as on the wire, for a packet; one place is left for a topic alias.
pub(crate) fn message_properties(
    properties: &MessageProperties,
    expiry: Option<Duration>,
) -> PropertyList<'_, 6> {
    let mut list = PropertyList::new();
    list.push_some(properties.payload_format.map(Property::PayloadFormatIndicator));
    list.push_some(expiry.map(|span| Property::MessageExpiryInterval(whole_seconds(span))));
    list.push_some(properties.content_type.as_ref().map(|text| Property::ContentType(text.as_str())));
    list.push_some(properties.response_topic.as_ref().map(|topic| Property::ResponseTopic(topic.as_str())));
    list.push_some(properties.correlation_data.as_ref().map(|data| Property::CorrelationData(data)));
    list
}

/// The properties of a received PUBLISH or will that travel with the message.
pub(crate) fn owned_properties(properties: &Properties<'_>, frame: &Frame<'_>) -> RareProperties {
    if properties.is_empty() {
        return RareProperties::NONE;
    }
    let seconds = properties.message_expiry_interval();
    MessageProperties {
        payload_format: properties.payload_format_indicator(),
        message_expiry: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        content_type: properties.content_type().map(|text| Text::from_checked(frame.share(text.as_bytes()))),
        response_topic: properties
            .response_topic()
            .map(|topic| TopicName::from_checked(frame.share(topic.as_bytes()))),
        correlation_data: properties.correlation_data().map(|data| frame.share(data)),
        subscription_identifiers: properties.to_subscription_identifiers(|part| frame.share(part)),
        user_properties: properties.to_user_properties(|part| frame.share(part)),
    }
    .into()
}

/// A span as the protocol counts: whole seconds, at most `u32::MAX`.
pub(crate) fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}
