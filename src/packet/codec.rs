//! How the values of properties are read, stepped over, checked and written (5.0 section 1.5).

use super::{
    DecodeError, EncodeError, Fault,
    cursor::Cursor,
    sink::{Sink, check_binary, check_text},
};
use crate::{PayloadFormat, QoS};

/// A kind of value. Values are tuples, since a property may have two.
pub(super) trait Codec<'a> {
    type Value;

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError>;

    /// Steps over a value that was checked before.
    fn skip(cursor: &mut Cursor<'a>) -> Option<()>;

    /// Checks what the type leaves open: lengths, and the characters of strings.
    fn check(_name: &'static str, _value: Self::Value) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(sink: &mut impl Sink, value: Self::Value);
}

/// Two bytes.
pub(super) struct Two;
/// Four bytes.
pub(super) struct Four;
/// A variable byte integer.
pub(super) struct Variable;
/// A string.
pub(super) struct Text;
/// Binary data.
pub(super) struct Binary;
/// Two strings.
pub(super) struct Pair;
/// A byte, 0 or 1, for false and true.
pub(super) struct Flag;
/// A byte for a payload format.
pub(super) struct Format;
/// A byte for a quality of service.
pub(super) struct Level;

impl<'a> Codec<'a> for Two {
    type Value = (u16,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.u16(name)?,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.u16("").ok().map(drop)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.u16(value);
    }
}

impl<'a> Codec<'a> for Four {
    type Value = (u32,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.u32(name)?,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.u32("").ok().map(drop)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.u32(value);
    }
}

impl<'a> Codec<'a> for Variable {
    type Value = (u32,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.variable(name)?,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.variable("").ok().map(drop)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.variable(value);
    }
}

/// [MQTT-3.3.2-13] [MQTT-3.3.2-19] (5.0)
impl<'a> Codec<'a> for Text {
    type Value = (&'a str,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.text(name)?,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        Binary::skip(cursor)
    }

    fn check(name: &'static str, (value,): Self::Value) -> Result<(), EncodeError> {
        check_text(name, value)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.binary(value.as_bytes());
    }
}

impl<'a> Codec<'a> for Binary {
    type Value = (&'a [u8],);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.binary(name)?,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.binary("").ok().map(drop)
    }

    fn check(name: &'static str, (value,): Self::Value) -> Result<(), EncodeError> {
        check_binary(name, value)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.binary(value);
    }
}

/// Both strings obey the rules of strings [MQTT-1.5.7-1] (5.0).
impl<'a> Codec<'a> for Pair {
    type Value = (&'a str, &'a str);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        Ok((cursor.text(name)?, cursor.text(name)?))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        Binary::skip(cursor)?;
        Binary::skip(cursor)
    }

    fn check(field: &'static str, (name, value): Self::Value) -> Result<(), EncodeError> {
        check_text(field, name)?;
        check_text(field, value)
    }

    fn write(sink: &mut impl Sink, (name, value): Self::Value) {
        sink.binary(name.as_bytes());
        sink.binary(value.as_bytes());
    }
}

impl<'a> Codec<'a> for Flag {
    type Value = (bool,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        let value = one_of(&[false, true], cursor, name)?;
        Ok((value,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.u8("").ok().map(drop)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.u8(value.into());
    }
}

impl<'a> Codec<'a> for Format {
    type Value = (PayloadFormat,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        let value = one_of(&[PayloadFormat::Unspecified, PayloadFormat::Utf8], cursor, name)?;
        Ok((value,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        Flag::skip(cursor)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.u8(value as u8);
    }
}

impl<'a> Codec<'a> for Level {
    type Value = (QoS,);

    fn read(cursor: &mut Cursor<'a>, name: &'static str) -> Result<Self::Value, DecodeError> {
        let value = one_of(&[QoS::AtMostOnce, QoS::AtLeastOnce], cursor, name)?;
        Ok((value,))
    }

    fn skip(cursor: &mut Cursor<'a>) -> Option<()> {
        Flag::skip(cursor)
    }

    fn write(sink: &mut impl Sink, (value,): Self::Value) {
        sink.u8(value as u8);
    }
}

/// A byte that is the index of one of a few values.
fn one_of<T: Copy>(values: &[T], cursor: &mut Cursor<'_>, field: &'static str) -> Result<T, DecodeError> {
    let offset = cursor.at();
    let byte = cursor.u8(field)?;
    let value = values.get(usize::from(byte)).copied();
    value.ok_or(DecodeError { offset, field, fault: Fault::PropertyValue(field) })
}
