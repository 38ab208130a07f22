//! Application messages, as programs publish and receive them.

use alloc::boxed::Box;
use core::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Timestamp,
    text::{Text, TextError, check_text},
    topic::TopicName,
};

/// The quality of service of a message (section 4.3 of both specifications).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has three, and 3 is forbidden")]
#[repr(u8)]
pub enum QoS {
    /// Delivered once or not at all.
    #[default]
    AtMostOnce = 0,
    /// Delivered once or more often.
    AtLeastOnce = 1,
    /// Delivered once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level for its number; `None` from 3 on.
    #[must_use]
    pub const fn from_u8(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// What the publisher says about the payload (5.0 section 3.3.2.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification has two values and forbids others")]
#[repr(u8)]
pub enum PayloadFormat {
    /// Bytes of no stated form.
    #[default]
    Unspecified = 0,
    /// UTF-8 text.
    Utf8 = 1,
}

/// A message with its topic: what a program publishes and what it receives.
///
/// Cheap to clone: topic and payload are shared buffers, and so are those of the properties, if there are any. A received one of 4 KiB
/// and more shares the buffer that the adapter read into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Where it is published to.
    pub topic: TopicName,
    /// The application's bytes. Up to 268 MB by the protocol, less by the limits of both peers.
    pub payload: Bytes,
    /// How surely it is delivered; the default is at most once.
    pub qos: QoS,
    /// Published: whether the server keeps it for future subscribers. Received: whether it is such a kept message.
    pub retain: bool,
    /// Properties of MQTT 5.0. Not sent to, and never received from, a 3.1.1 peer.
    pub properties: RareProperties,
}

impl Message {
    /// A message with QoS 0, not retained, without properties.
    ///
    /// ```
    /// # use mqtt_engine::{Message, QoS};
    /// let message = Message::new("led", "on")?.with_qos(QoS::AtLeastOnce);
    /// # Ok::<(), mqtt_engine::TopicError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Says why the topic is not a topic name.
    pub fn new<T>(topic: T, payload: impl Into<Bytes>) -> Result<Self, T::Error>
    where
        T: TryInto<TopicName>,
    {
        Ok(Self {
            topic: topic.try_into()?,
            payload: payload.into(),
            qos: QoS::default(),
            retain: false,
            properties: RareProperties::NONE,
        })
    }

    /// The same with this quality of service.
    #[must_use]
    pub fn with_qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// The same with the RETAIN flag.
    #[must_use]
    pub fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    /// A copy that shares nothing with anybody, to be kept for long.
    pub(crate) fn detached(&self) -> Self {
        let copy = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        let name = |topic: &TopicName| TopicName::from_checked(copy(topic.as_bytes()));
        let properties = self.properties.set().map(|properties| MessageProperties {
            payload_format: properties.payload_format,
            message_expiry: properties.message_expiry,
            content_type: properties
                .content_type
                .as_ref()
                .map(|text| Text::from_checked(copy(text.as_bytes()))),
            response_topic: properties.response_topic.as_ref().map(name),
            correlation_data: properties.correlation_data.as_deref().map(copy),
            subscription_identifiers: SubscriptionIdentifiers(copy(&properties.subscription_identifiers.0)),
            user_properties: UserProperties(copy(&properties.user_properties.0)),
        });
        Self {
            topic: name(&self.topic),
            payload: copy(&self.payload),
            qos: self.qos,
            retain: self.retain,
            properties: properties.map_or(RareProperties::NONE, RareProperties::from),
        }
    }

    /// When it is of no use any more, if it is new now: seconds are counted whole.
    pub(crate) fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        self.properties.message_expiry.map(|span| now + Duration::from_secs(span.as_secs()))
    }

    /// Whether no time is left to send it in.
    pub(crate) fn has_expired(&self) -> bool {
        self.properties.message_expiry.is_some_and(|span| span.as_secs() == 0)
    }

    /// What it costs in a queue whose bytes are bounded: its buffers and a fixed share for the bookkeeping.
    #[must_use]
    pub fn cost(&self) -> usize {
        const BOOKKEEPING: usize = 256;
        BOOKKEEPING
            + self.topic.as_bytes().len()
            + self.payload.len()
            + self.properties.set().map_or(0, MessageProperties::cost)
    }
}

/// The properties of a message, which take room only when one is set: most messages have none.
///
/// Used like the [`MessageProperties`] that they stand for; borrowing those mutably makes the room.
#[derive(Clone, Default)]
pub struct RareProperties(Option<Box<MessageProperties>>);

impl RareProperties {
    /// No properties.
    pub const NONE: Self = Self(None);

    /// The properties, if there is room for some.
    pub(crate) fn set(&self) -> Option<&MessageProperties> {
        self.0.as_deref()
    }

    /// Whether a part is too long for a packet: the one that is not checked when it is made.
    pub(crate) fn is_overlong(&self) -> bool {
        let data = self.set().and_then(|properties| properties.correlation_data.as_ref());
        data.is_some_and(|data| data.len() > usize::from(u16::MAX))
    }

    /// Replaces the identifiers of the matched subscriptions.
    pub(crate) fn set_subscription_identifiers(&mut self, identifiers: SubscriptionIdentifiers) {
        if self.0.is_some() || !identifiers.is_empty() {
            self.subscription_identifiers = identifiers;
        }
    }
}

impl Deref for RareProperties {
    type Target = MessageProperties;

    fn deref(&self) -> &MessageProperties {
        static NONE: MessageProperties = MessageProperties::NONE;
        self.set().unwrap_or(&NONE)
    }
}

impl DerefMut for RareProperties {
    fn deref_mut(&mut self) -> &mut MessageProperties {
        self.0.get_or_insert_default()
    }
}

impl From<MessageProperties> for RareProperties {
    fn from(properties: MessageProperties) -> Self {
        if properties == MessageProperties::NONE { Self::NONE } else { Self(Some(Box::new(properties))) }
    }
}

impl PartialEq for RareProperties {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RareProperties {}

impl fmt::Debug for RareProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The properties that travel with a message (5.0 section 3.3.2.3), except those that belong to one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    /// Whether the payload is text.
    pub payload_format: Option<PayloadFormat>,
    /// How long the message is of use, in whole seconds (fractions are cut off); `None` for ever. Received: what is left of it.
    pub message_expiry: Option<Duration>,
    /// What the payload is, a MIME type say.
    pub content_type: Option<Text>,
    /// Where an answer is expected.
    pub response_topic: Option<TopicName>,
    /// What the asker knows the answer by.
    pub correlation_data: Option<Bytes>,
    /// Received only: identifiers of the subscriptions that this message matched. Ignored when publishing.
    pub subscription_identifiers: SubscriptionIdentifiers,
    /// Pairs of the application, in order.
    pub user_properties: UserProperties,
}

impl MessageProperties {
    const NONE: Self = Self {
        payload_format: None,
        message_expiry: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        subscription_identifiers: SubscriptionIdentifiers::new(),
        user_properties: UserProperties::new(),
    };

    fn cost(&self) -> usize {
        self.content_type.as_ref().map_or(0, Text::len)
            + self.response_topic.as_ref().map_or(0, |topic| topic.as_bytes().len())
            + self.correlation_data.as_ref().map_or(0, Bytes::len)
            + self.user_properties.as_wire().len()
            + self.subscription_identifiers.as_wire().len()
    }
}

/// Pairs of strings that MQTT 5.0 carries for the application: in order, and a name may occur more than once.
///
/// Kept as they stand on the wire, so that passing them on copies nothing.
/// [MQTT-3.1.3-10] [MQTT-3.3.2-17] [MQTT-3.3.2-18] (5.0)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserProperties(Bytes);

impl UserProperties {
    pub(crate) const ID: u8 = 0x26;

    /// No pairs.
    #[must_use]
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Appends a pair. Copies what is there: to build a long list, collect it from an iterator of pairs.
    ///
    /// # Errors
    ///
    /// Says why a half is not an MQTT string; the list is then unchanged.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), TextError> {
        self.extend([(name, value)])
    }

    /// Appends pairs.
    ///
    /// # Errors
    ///
    /// Says why a half is not an MQTT string; the list is then unchanged.
    pub fn extend<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), TextError> {
        let mut wire = BytesMut::from(&*self.0);
        for (name, value) in pairs {
            wire.put_u8(Self::ID);
            for half in [name, value] {
                check_text(half.as_bytes())?;
                // The check has just bounded the length by `u16::MAX`.
                wire.put_u16(u16::try_from(half.len()).map_err(|_| TextError::TooLong)?);
                wire.put_slice(half.as_bytes());
            }
        }
        self.0 = wire.freeze();
        Ok(())
    }

    /// The pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        core::iter::from_fn(move || {
            rest = rest.split_first()?.1;
            let name = take_text(&mut rest)?;
            let value = take_text(&mut rest)?;
            Some((name, value))
        })
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs as properties on the wire: `26`, name, value, again and again.
    pub(crate) fn as_wire(&self) -> &Bytes {
        &self.0
    }

    /// Wraps properties that were checked before.
    pub(crate) const fn from_wire(wire: Bytes) -> Self {
        Self(wire)
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk::<2>()?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *rest = tail;
    core::str::from_utf8(text).ok()
}

/// The identifiers of the subscriptions that a message matched (5.0 section 3.3.2.3.8), each 1 to 268,435,455.
///
/// Kept as they stand on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionIdentifiers(Bytes);

impl SubscriptionIdentifiers {
    pub(crate) const ID: u8 = 0x0B;

    /// No identifiers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Those of an iterator, in its order; values outside 1 to 268,435,455 are left out.
    #[expect(
        clippy::should_implement_trait,
        reason = "`FromIterator` would suggest that nothing is left out"
    )]
    pub fn from_iter(identifiers: impl IntoIterator<Item = u32>) -> Self {
        let mut valid = identifiers
            .into_iter()
            .filter(|id| (1..=crate::packet::VariableByteInteger::MAX).contains(id))
            .peekable();
        if valid.peek().is_none() {
            return Self::new();
        }
        let mut wire = BytesMut::new();
        for identifier in valid {
            wire.put_u8(Self::ID);
            crate::packet::VariableByteInteger::put(identifier, &mut wire);
        }
        Self(wire.freeze())
    }

    /// The identifiers.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let mut rest = &*self.0;
        core::iter::from_fn(move || {
            rest = rest.split_first()?.1;
            let (value, length) = crate::packet::VariableByteInteger::get(rest)?;
            rest = rest.get(length..)?;
            Some(value)
        })
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The identifiers as properties on the wire.
    pub(crate) fn as_wire(&self) -> &Bytes {
        &self.0
    }

    /// Wraps properties that were checked before.
    pub(crate) const fn from_wire(wire: Bytes) -> Self {
        Self(wire)
    }
}

/// The message that the server publishes when this client's connection ends without a word (section 3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Will {
    /// What is published. Its subscription identifiers are not sent.
    pub message: Message,
    /// How long the server waits before it publishes it, in whole seconds; 5.0 only.
    pub delay: Duration,
}

impl Will {
    /// A will that is published at once.
    #[must_use]
    pub const fn new(message: Message) -> Self {
        Self { message, delay: Duration::ZERO }
    }

    /// The same after a delay (5.0 only). A session that ends sooner publishes it then; a resume cancels it.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_detached_copy_is_the_same_and_shares_nothing() {
        let packet = Bytes::from_static(b"topicpayload").to_vec();
        let packet = Bytes::from(packet);
        let topic = TopicName::new(packet.slice(..5)).unwrap();
        let mut message = Message::new(topic, packet.slice(5..)).unwrap();
        assert_eq!(message.detached(), message);
        message.properties.correlation_data = Some(packet.slice(2..4));
        message.properties.user_properties.push("a", "1").unwrap();
        let copy = message.detached();
        assert_eq!(copy, message);
        drop(message);
        assert!(packet.is_unique() && copy.payload.is_unique());
    }

    /// Most messages have no properties, and setting one to what it is makes none.
    #[test]
    fn rare_properties_are_equal_by_what_they_say() {
        let plain = RareProperties::NONE;
        let mut touched = RareProperties::NONE;
        touched.message_expiry = None;
        assert!(plain.set().is_none() && touched.set().is_some());
        assert_eq!(plain, touched);
        assert_eq!(RareProperties::from((*touched).clone()).set(), None);
        touched.message_expiry = Some(Duration::from_secs(1));
        assert_ne!(plain, touched);
    }

    #[test]
    fn user_properties_keep_order_and_repeats() {
        let mut properties = UserProperties::new();
        properties.push("a", "1").unwrap();
        properties.extend([("b", ""), ("a", "2")]).unwrap();
        assert_eq!(properties.iter().collect::<Vec<_>>(), [("a", "1"), ("b", ""), ("a", "2")]);
    }

    #[test]
    fn a_refused_user_property_changes_nothing() {
        let mut properties = UserProperties::new();
        properties.push("a", "1").unwrap();
        assert_eq!(properties.extend([("b", "2"), ("c", "\0")]), Err(TextError::ContainsNul));
        assert_eq!(properties.iter().collect::<Vec<_>>(), [("a", "1")]);
    }

    #[test]
    fn subscription_identifiers_are_read_back() {
        let ids = SubscriptionIdentifiers::from_iter([0, 1, 128, 268_435_455, u32::MAX]);
        assert_eq!(ids.iter().collect::<Vec<_>>(), [1, 128, 268_435_455]);
    }
}
