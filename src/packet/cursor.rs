//! Reading bytes: a cursor, and the decoder's reader that tells an observer of what it reads.

use core::{ops::Range, str};

use super::{
    DecodeError, Fault, FieldValue, Observer, Packet, PacketId, PacketType, Properties, Property,
    ProtocolVersion, ReasonCode, VariableByteInteger,
    header::check_first,
    property::{Place, Seen},
    publish::flags_of,
};
use crate::text::contains_any;

/// A place in a slice. Its offsets are those of the slice, also in a part that was split off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some(part) = self.rest().get(..length) else {
            return Err(DecodeError { offset: self.at, field, fault: Fault::Truncated });
        };
        self.at += length;
        Ok(part)
    }

    /// The next `length` bytes as a cursor of their own.
    pub(super) fn split(&mut self, length: usize, field: &'static str) -> Result<Self, DecodeError> {
        let start = self.at;
        self.take(length, field)?;
        Ok(Self { bytes: self.bytes.get(..self.at).unwrap_or_default(), at: start })
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        let Some(byte) = self.bytes.get(self.at) else {
            return Err(DecodeError { offset: self.at, field, fault: Fault::Truncated });
        };
        self.at += 1;
        Ok(*byte)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some(bytes) = self.rest().first_chunk() else {
            return Err(DecodeError { offset: self.at, field, fault: Fault::Truncated });
        };
        self.at += N;
        Ok(*bytes)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn variable(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        match VariableByteInteger::read(self.rest()) {
            Ok(Some((value, length))) => {
                self.at += length;
                Ok(value)
            }
            Ok(None) => Err(DecodeError { offset: self.at, field, fault: Fault::Truncated }),
            Err((fault, index)) => Err(DecodeError { offset: self.at + index, field, fault }),
        }
    }

    pub(super) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        let length = self.u16(field)?;
        self.take(length.into(), field).map_err(|error| DecodeError { offset: start, ..error })
    }

    /// A string: UTF-8 without U+0000 ([MQTT-1.5.3-1] [MQTT-1.5.3-2] (3.1.1), [MQTT-1.5.4-1] [MQTT-1.5.4-2] (5.0)).
    /// EF BB BF stays in it [MQTT-1.5.3-3] (3.1.1), [MQTT-1.5.4-3] (5.0).
    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        self.text_without([0], field)
    }

    /// A string without these characters, of which U+0000 is one, and the others are wildcards.
    #[inline(always)]
    fn text_without<const N: usize>(
        &mut self,
        forbidden: [u8; N],
        field: &'static str,
    ) -> Result<&'a str, DecodeError> {
        let bytes = self.binary(field)?;
        match str::from_utf8(bytes) {
            Ok(text) if !contains_any(bytes, forbidden) => Ok(text),
            text => {
                let not_utf8 = text.err().map(|error| error.valid_up_to());
                Err(self.text_fault(bytes, not_utf8, &forbidden, field))
            }
        }
    }

    /// What is wrong with the string that was just read: it is no UTF-8 from some index on, or has a character that it may not have.
    #[cold]
    fn text_fault(
        &self,
        bytes: &[u8],
        not_utf8: Option<usize>,
        forbidden: &[u8],
        field: &'static str,
    ) -> DecodeError {
        let nul = || Some((bytes.iter().position(|byte| *byte == 0)?, Fault::ContainsNul));
        let wildcard = || {
            let index = bytes.iter().position(|byte| forbidden.contains(byte));
            (index.unwrap_or_default(), Fault::TopicWildcard)
        };
        let (index, fault) =
            not_utf8.map(|index| (index, Fault::NotUtf8)).or_else(nul).unwrap_or_else(wildcard);
        DecodeError { offset: self.at - bytes.len() + index, field, fault }
    }
}

/// What the decoder of each packet reads from.
#[derive(Debug)]
pub(super) struct Reader<'a, 'o, O> {
    cursor: Cursor<'a>,
    pub(super) version: ProtocolVersion,
    observer: &'o mut O,
}

impl<'a, 'o, O: Observer> Reader<'a, 'o, O> {
    pub(super) const fn new(frame: &'a [u8], version: ProtocolVersion, observer: &'o mut O) -> Self {
        Self { cursor: Cursor::new(frame), version, observer }
    }

    pub(super) const fn at(&self) -> usize {
        self.cursor.at()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.cursor.is_empty()
    }

    /// Tells the observer of a field that was read.
    #[inline]
    pub(super) fn tell(&mut self, range: Range<usize>, name: &'static str, value: FieldValue<'_>) {
        self.observer.field(range, name, value);
    }

    /// The packet's type and flags.
    pub(super) fn first_byte(&mut self) -> Result<(PacketType, u8), DecodeError> {
        let first = self.cursor.u8("packet type")?;
        let (packet_type, flags) = check_first(first).inspect_err(|_| {
            // The type is worth telling although its flags are wrong.
            if let Some(packet_type) = PacketType::from_u8(first >> 4) {
                self.observer.field(0..1, "packet type", FieldValue::PacketType(packet_type));
            }
        })?;
        self.tell(0..1, "packet type", FieldValue::PacketType(packet_type));
        if packet_type == PacketType::Publish {
            let (duplicate, qos, retain) = flags_of(flags)?;
            self.tell(0..1, "duplicate", FieldValue::Flag(duplicate));
            self.tell(0..1, "QoS", FieldValue::QoS(qos));
            self.tell(0..1, "retain", FieldValue::Flag(retain));
        }
        Ok((packet_type, flags))
    }

    /// The remaining length, which must be that of the frame.
    pub(super) fn remaining_length(&mut self) -> Result<(), DecodeError> {
        const FIELD: &str = "remaining length";
        let remaining = self.variable(FIELD)?;
        let (announced, there) = (usize::try_from(remaining).unwrap_or(usize::MAX), self.cursor.rest().len());
        if announced > there {
            return Err(DecodeError { offset: 1, field: FIELD, fault: Fault::Truncated });
        }
        if announced < there {
            return Err(DecodeError {
                offset: self.at() + announced,
                field: FIELD,
                fault: Fault::TrailingBytes,
            });
        }
        Ok(())
    }

    /// A byte of which nobody is told.
    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.cursor.u8(field)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        let start = self.at();
        let value = self.cursor.u16(field)?;
        self.tell(start..self.at(), field, FieldValue::Number(value.into()));
        Ok(value)
    }

    pub(super) fn variable(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let start = self.at();
        let value = self.cursor.variable(field)?;
        self.tell(start..self.at(), field, FieldValue::Number(value));
        Ok(value)
    }

    pub(super) fn binary_untold(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        self.cursor.binary(field)
    }

    pub(super) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let start = self.at();
        let value = self.cursor.binary(field)?;
        self.tell(start..self.at(), field, FieldValue::Bytes(value));
        Ok(value)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let start = self.at();
        let value = self.cursor.text(field)?;
        self.tell(start..self.at(), field, FieldValue::Text(value));
        Ok(value)
    }

    /// A topic name, or the empty string; wildcards are refused [MQTT-3.3.2-2] (both versions).
    #[inline(always)]
    pub(super) fn topic_or_empty(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let start = self.at();
        let read = self.cursor.text_without([0, b'+', b'#'], field);
        match &read {
            Ok(topic) => self.tell(start..self.at(), field, FieldValue::Text(topic)),
            Err(error) if error.fault == Fault::TopicWildcard => self.tell_text_since(start, field),
            Err(_) => {}
        }
        read
    }

    /// Tells the observer of a string that was read and is not what it should be.
    #[cold]
    fn tell_text_since(&mut self, start: usize, field: &'static str) {
        let string = self.cursor.since(start).get(2..).unwrap_or_default();
        self.tell(start..self.at(), field, FieldValue::Text(str::from_utf8(string).unwrap_or_default()));
    }

    /// A topic name [MQTT-4.7.3-1] (both versions).
    pub(super) fn topic(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let start = self.at();
        let topic = self.topic_or_empty(field)?;
        if topic.is_empty() {
            return Err(DecodeError { offset: start, field, fault: Fault::TopicEmpty });
        }
        Ok(topic)
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        const FIELD: &str = "packet identifier";
        let offset = self.at();
        PacketId::new(self.u16(FIELD)?).ok_or(DecodeError {
            offset,
            field: FIELD,
            fault: Fault::PacketIdZero,
        })
    }

    /// The reason code of a 5.0 packet, which must be in the packet's table.
    pub(super) fn reason(&mut self, packet: PacketType) -> Result<ReasonCode, DecodeError> {
        const FIELD: &str = "reason code";
        let offset = self.at();
        let code = self.u8(FIELD)?;
        let Some(reason) = ReasonCode::from_u8(code).filter(|reason| reason.is_allowed_in(packet)) else {
            return Err(DecodeError { offset, field: FIELD, fault: Fault::ReasonCode { packet, code } });
        };
        self.tell(offset..self.at(), FIELD, FieldValue::Reason(reason));
        Ok(reason)
    }

    /// The properties of a 5.0 packet; none in 3.1.1, which has no such part.
    #[inline(always)]
    pub(super) fn properties(&mut self, place: Place) -> Result<Properties<'a>, DecodeError> {
        if self.version < ProtocolVersion::V5 { Ok(Properties::NONE) } else { self.properties_v5(place) }
    }

    fn properties_v5(&mut self, place: Place) -> Result<Properties<'a>, DecodeError> {
        const LENGTH: &str = "property length";
        let start = self.at();
        if self.is_empty() {
            // No properties are written as the length 0 [MQTT-2.2.2-1] (5.0).
            return Err(DecodeError { offset: start, field: LENGTH, fault: Fault::PropertyLengthMissing });
        }
        let length = usize::try_from(self.variable(LENGTH)?).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(Properties::NONE);
        }
        let section =
            self.cursor.split(length, LENGTH).map_err(|error| DecodeError { offset: start, ..error })?;

        let mut cursor = section;
        let mut seen = Seen::new(place);
        while !cursor.is_empty() {
            let start = cursor.at();
            let property = seen.read(&mut cursor)?;
            self.tell(start..cursor.at(), property.name(), FieldValue::Property(property));
        }
        seen.finish().map_err(|fault| DecodeError {
            offset: section.at(),
            field: Property::AUTHENTICATION_DATA,
            fault,
        })?;
        Ok(Properties::decoded(section.rest(), seen.ids()))
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let start = self.at();
        let rest = self.cursor.take(self.cursor.rest().len(), field)?;
        self.tell(start..self.at(), field, FieldValue::Bytes(rest));
        Ok(rest)
    }

    /// What is left, without reading it.
    pub(super) fn remaining(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    /// Reason code and properties, where no properties and then success may be left out; 3.1.1 has neither.
    pub(super) fn short_form(
        &mut self,
        packet: PacketType,
    ) -> Result<(ReasonCode, Properties<'a>), DecodeError> {
        if self.version < ProtocolVersion::V5 || self.is_empty() {
            return Ok((ReasonCode::Success, Properties::NONE));
        }
        let reason = self.reason(packet)?;
        let properties =
            if self.is_empty() { Properties::NONE } else { self.properties(Place::Packet(packet))? };
        Ok((reason, properties))
    }

    /// The packet that is all of what is left.
    #[inline(always)]
    pub(super) fn all<T>(
        &mut self,
        packet: fn(T) -> Packet<'a>,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Packet<'a>, DecodeError> {
        let decoded = decode(self)?;
        self.finish()?;
        Ok(packet(decoded))
    }

    /// The packet must end here.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(DecodeError { offset: self.at(), field: "end of packet", fault: Fault::TrailingBytes })
    }
}
