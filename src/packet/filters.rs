//! The lists of topic filters in SUBSCRIBE and UNSUBSCRIBE.

use super::{
    DecodeError, EncodeError, Fault, FieldValue, Observer, ProtocolVersion,
    cursor::{Cursor, Reader},
    sink::{Sink, check_text, check_topic_filter, invalid},
};
use crate::QoS;

const FILTER: &str = "topic filter";
const OPTIONS: &str = "subscription options";
const QOS: u8 = 0b11;
const NO_LOCAL: u8 = 0b100;
const RETAIN_AS_PUBLISHED: u8 = 0b1000;
const RETAIN_HANDLING_SHIFT: u32 = 4;
const RESERVED: u8 = 0b1100_0000;

/// One filter of a SUBSCRIBE with its options (3.8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Subscription<'a> {
    /// The topic filter.
    pub filter: &'a str,
    /// The highest quality of service that the client wants.
    pub qos: QoS,
    /// 5.0: not the client's own messages.
    pub no_local: bool,
    /// 5.0: the RETAIN flag is passed on as the publisher set it.
    pub retain_as_published: bool,
    /// 5.0: whether retained messages are sent now.
    pub retain_handling: RetainHandling,
}

/// Whether retained messages are sent when a subscription is made (5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification has three and forbids the fourth")]
#[repr(u8)]
pub enum RetainHandling {
    /// Always; as in 3.1.1.
    #[default]
    SendAtSubscribe = 0,
    /// If there was no such subscription before.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

impl RetainHandling {
    /// The value of a number; `None` from 3 on.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::SendAtSubscribe),
            1 => Some(Self::SendIfNew),
            2 => Some(Self::DoNotSend),
            _ => None,
        }
    }
}

impl<'a> Subscription<'a> {
    /// A filter with this quality of service and the other options of 3.1.1.
    #[must_use]
    pub const fn new(filter: &'a str, qos: QoS) -> Self {
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    fn from_options(filter: &'a str, options: u8, version: ProtocolVersion) -> Result<Self, Fault> {
        let reserved = if version < ProtocolVersion::V5 { !QOS } else { RESERVED };
        // [MQTT-3.8.3-4] (3.1.1), [MQTT-3.8.3-5] (5.0)
        if options & reserved != 0 {
            return Err(Fault::SubscriptionOptionsReserved);
        }
        Ok(Self {
            filter,
            qos: QoS::from_u8(options & QOS).ok_or(Fault::SubscriptionQoS)?,
            no_local: options & NO_LOCAL != 0,
            retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
            retain_handling: RetainHandling::from_u8(options >> RETAIN_HANDLING_SHIFT)
                .ok_or(Fault::RetainHandling)?,
        })
    }

    fn options(&self) -> u8 {
        self.qos as u8
            | if self.no_local { NO_LOCAL } else { 0 }
            | if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 }
            | (self.retain_handling as u8) << RETAIN_HANDLING_SHIFT
    }
}

/// The filters of a SUBSCRIBE.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [Subscription<'a>]),
    Wire { bytes: &'a [u8], count: usize },
}

impl<'a> Filters<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [Subscription<'a>]) -> Self {
        Self { source: Source::List(list) }
    }

    /// The filters, in order.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'a>> + Clone + use<'a> {
        let (list, wire): (&[_], &[u8]) = match self.source {
            Source::List(list) => (list, &[]),
            Source::Wire { bytes, .. } => (&[], bytes),
        };
        list.iter().copied().chain(Decoded(Cursor::new(wire)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            Source::List(list) => list.len(),
            Source::Wire { count, .. } => count,
        }
    }

    /// Whether there are none, which no valid packet has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Filters<'a> {
    /// All that is left of the packet, one filter at least ([MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] (5.0)).
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Err(DecodeError { offset: reader.at(), field: FILTER, fault: Fault::SubscribeEmpty });
        }
        let (bytes, version) = (reader.remaining(), reader.version);
        let mut count = 0;
        while !reader.is_empty() {
            let (filter, is_shared) = filter(reader)?;
            let offset = reader.at();
            let options = reader.u8(OPTIONS)?;
            let subscription = Subscription::from_options(filter, options, version)
                .map_err(|fault| DecodeError { offset, field: OPTIONS, fault })?;
            let mut tell = |name, value| reader.tell(offset..offset + 1, name, value);
            if version == ProtocolVersion::V5 {
                tell("retain handling", FieldValue::RetainHandling(subscription.retain_handling));
                tell("retain as published", FieldValue::Flag(subscription.retain_as_published));
                tell("no local", FieldValue::Flag(subscription.no_local));
            }
            tell("QoS", FieldValue::QoS(subscription.qos));
            // [MQTT-3.8.3-4] (5.0)
            if is_shared && subscription.no_local {
                return Err(DecodeError { offset, field: OPTIONS, fault: Fault::NoLocalOnShared });
            }
            count += 1;
        }
        Ok(Self { source: Source::Wire { bytes, count } })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Err(invalid(FILTER, Fault::SubscribeEmpty));
        }
        self.iter().try_for_each(|subscription| {
            let is_shared = check_filter(subscription.filter, version)?;
            if version < ProtocolVersion::V5 && subscription.options() & !QOS != 0 {
                return Err(EncodeError::NotInThisVersion { field: OPTIONS });
            }
            if is_shared && subscription.no_local {
                return Err(invalid(OPTIONS, Fault::NoLocalOnShared));
            }
            Ok(())
        })
    }

    pub(super) fn write(&self, sink: &mut impl Sink) {
        for subscription in self.iter() {
            sink.binary(subscription.filter.as_bytes());
            sink.u8(subscription.options());
        }
    }
}

/// Filters with options that were checked before.
#[derive(Clone, Debug)]
struct Decoded<'a>(Cursor<'a>);

impl<'a> Iterator for Decoded<'a> {
    type Item = Subscription<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let filter = self.0.text(FILTER).ok()?;
        let options = self.0.u8(OPTIONS).ok()?;
        Subscription::from_options(filter, options, ProtocolVersion::V5).ok()
    }
}

impl PartialEq for Filters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The filters of an UNSUBSCRIBE.
#[derive(Clone, Copy, Debug)]
pub struct TopicFilters<'a> {
    source: TextSource<'a>,
}

#[derive(Clone, Copy, Debug)]
enum TextSource<'a> {
    List(&'a [&'a str]),
    Wire { bytes: &'a [u8], count: usize },
}

impl<'a> TopicFilters<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [&'a str]) -> Self {
        Self { source: TextSource::List(list) }
    }

    /// The filters, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let (list, wire): (&[_], &[u8]) = match self.source {
            TextSource::List(list) => (list, &[]),
            TextSource::Wire { bytes, .. } => (&[], bytes),
        };
        list.iter().copied().chain(DecodedTexts(Cursor::new(wire)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            TextSource::List(list) => list.len(),
            TextSource::Wire { count, .. } => count,
        }
    }

    /// Whether there are none, which no valid packet has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> TopicFilters<'a> {
    /// All that is left of the packet, one filter at least [MQTT-3.10.3-2] (both versions).
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Err(DecodeError { offset: reader.at(), field: FILTER, fault: Fault::UnsubscribeEmpty });
        }
        let bytes = reader.remaining();
        let mut count = 0;
        while !reader.is_empty() {
            filter(reader)?;
            count += 1;
        }
        Ok(Self { source: TextSource::Wire { bytes, count } })
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Err(invalid(FILTER, Fault::UnsubscribeEmpty));
        }
        self.iter().try_for_each(|filter| check_filter(filter, version).map(drop))
    }

    pub(super) fn write(&self, sink: &mut impl Sink) {
        for filter in self.iter() {
            sink.binary(filter.as_bytes());
        }
    }
}

/// Filters that were checked before.
#[derive(Clone, Debug)]
struct DecodedTexts<'a>(Cursor<'a>);

impl<'a> Iterator for DecodedTexts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.text(FILTER).ok()
    }
}

impl PartialEq for TopicFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Reads a filter, and whether it is a shared one, which 3.1.1 does not know.
/// [MQTT-3.8.3-1] [MQTT-3.10.3-1] (both versions)
fn filter<'a, O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<(&'a str, bool), DecodeError> {
    let offset = reader.at();
    let filter = reader.text(FILTER)?;
    let is_shared = check_topic_filter(filter, reader.version == ProtocolVersion::V5)
        .map_err(|fault| DecodeError { offset, field: FILTER, fault })?;
    Ok((filter, is_shared))
}

fn check_filter(filter: &str, version: ProtocolVersion) -> Result<bool, EncodeError> {
    check_text(FILTER, filter)?;
    check_topic_filter(filter, version == ProtocolVersion::V5).map_err(|fault| invalid(FILTER, fault))
}
