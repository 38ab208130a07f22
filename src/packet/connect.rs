//! CONNECT (section 3.1).

use super::{
    DecodeError, EncodeError, Fault, FieldValue, Observer, PacketType, Properties, ProtocolVersion,
    cursor::Reader,
    property::Place,
    sink::{Sink, check_binary, check_text, check_topic, invalid},
};
use crate::QoS;

const FLAGS: &str = "connect flags";
const CLIENT_ID: &str = "client identifier";
const WILL_TOPIC: &str = "will topic";
const WILL_PAYLOAD: &str = "will payload";
const USER_NAME: &str = "user name";
const PASSWORD: &str = "password";
const PLACE: Place = Place::Packet(PacketType::Connect);

const RESERVED: u8 = 0x01;
const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_SHIFT: u32 = 3;
const WILL_QOS: u8 = 0b11 << WILL_QOS_SHIFT;
const WILL_RETAIN: u8 = 0x20;
const WITH_PASSWORD: u8 = 0x40;
const WITH_USER_NAME: u8 = 0x80;

/// CONNECT: a client asks for a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Connect<'a> {
    /// The version that the connection will speak.
    pub version: ProtocolVersion,
    /// Whether a session that the server may hold is dropped; *clean session* in 3.1.1.
    pub clean_start: bool,
    /// The longest silence of the client in seconds; 0 for no limit.
    pub keep_alive: u16,
    /// Who the client is. Empty: the server assigns an identifier; 3.1.1 then asks for a clean session, which is left to
    /// the server to check, since it has an answer of its own for this fault [MQTT-3.1.3-8] (3.1.1).
    pub client_id: &'a str,
    /// What is published when the connection ends without a word.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password. In 3.1.1 only with a user name [MQTT-3.1.2-22] (3.1.1).
    pub password: Option<&'a [u8]>,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

/// The will of a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Will<'a> {
    /// Where it is published to.
    pub topic: &'a str,
    /// Up to 65,535 bytes.
    pub payload: &'a [u8],
    /// How surely it is delivered.
    pub qos: QoS,
    /// Whether the server keeps it for future subscribers.
    pub retain: bool,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        let version = protocol(reader)?;
        reader.version = version;
        let flags_at = reader.at();
        let flags = reader.u8(FLAGS)?;
        let will_qos = check_flags(flags, version).map_err(|fault| DecodeError {
            offset: flags_at,
            field: FLAGS,
            fault,
        })?;
        let mut tell = |name, value| reader.tell(flags_at..flags_at + 1, name, value);
        tell("user name flag", FieldValue::Flag(flags & WITH_USER_NAME != 0));
        tell("password flag", FieldValue::Flag(flags & WITH_PASSWORD != 0));
        tell("will retain", FieldValue::Flag(flags & WILL_RETAIN != 0));
        tell("will QoS", FieldValue::QoS(will_qos));
        tell("will flag", FieldValue::Flag(flags & WILL != 0));
        tell("clean start", FieldValue::Flag(flags & CLEAN_START != 0));
        let keep_alive = reader.u16("keep alive")?;
        let properties = reader.properties(PLACE)?;
        // The payload's fields come in this order [MQTT-3.1.3-1] (both versions).
        // [MQTT-3.1.3-3] [MQTT-3.1.3-4] (both versions)
        let client_id = reader.text(CLIENT_ID)?;
        // [MQTT-3.1.2-9] (both versions), [MQTT-3.1.2-11] (3.1.1)
        let will = if flags & WILL == 0 {
            None
        } else {
            Some(Will::decode(reader, will_qos, flags & WILL_RETAIN != 0)?)
        };
        // [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-11] (3.1.1), [MQTT-3.1.2-16] [MQTT-3.1.2-17]
        // [MQTT-3.1.3-12] (5.0)
        let user_name = if flags & WITH_USER_NAME == 0 { None } else { Some(reader.text(USER_NAME)?) };
        // [MQTT-3.1.2-20] [MQTT-3.1.2-21] (3.1.1), [MQTT-3.1.2-18] [MQTT-3.1.2-19] (5.0)
        let password = if flags & WITH_PASSWORD == 0 { None } else { Some(reader.binary(PASSWORD)?) };
        Ok(Self {
            version,
            clean_start: flags & CLEAN_START != 0,
            keep_alive,
            client_id,
            will,
            user_name,
            password,
            properties,
        })
    }

    pub(super) fn check(&self) -> Result<(), EncodeError> {
        check_text(CLIENT_ID, self.client_id)?;
        self.properties.check(PLACE, self.version)?;
        if let Some(will) = &self.will {
            check_topic(WILL_TOPIC, will.topic)?;
            check_binary(WILL_PAYLOAD, will.payload)?;
            will.properties.check(Place::Will, self.version)?;
        }
        if let Some(user_name) = self.user_name {
            check_text(USER_NAME, user_name)?;
        }
        if let Some(password) = self.password {
            check_binary(PASSWORD, password)?;
        }
        check_flags(self.flags(), self.version).map(drop).map_err(|fault| invalid(FLAGS, fault))
    }

    /// [MQTT-3.1.2-1] [MQTT-3.1.3-1] [MQTT-3.1.3-3] (both versions)
    pub(super) fn write(&self, sink: &mut impl Sink) {
        sink.binary(self.version.protocol_name().as_bytes());
        sink.u8(self.version.level());
        sink.u8(self.flags());
        sink.u16(self.keep_alive);
        self.properties.write(self.version, sink);
        sink.binary(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            will.properties.write(self.version, sink);
            sink.binary(will.topic.as_bytes());
            sink.binary(will.payload);
        }
        if let Some(user_name) = self.user_name {
            sink.binary(user_name.as_bytes());
        }
        if let Some(password) = self.password {
            sink.binary(password);
        }
    }

    /// [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-18] [MQTT-3.1.2-19] (both versions),
    /// [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.2-20] [MQTT-3.1.2-21] (3.1.1), [MQTT-3.1.2-12] [MQTT-3.1.2-16]
    /// [MQTT-3.1.2-17] (5.0)
    fn flags(&self) -> u8 {
        let will = self.will.map_or(0, |will| {
            WILL | (will.qos as u8) << WILL_QOS_SHIFT | if will.retain { WILL_RETAIN } else { 0 }
        });
        will | if self.clean_start { CLEAN_START } else { 0 }
            | if self.user_name.is_some() { WITH_USER_NAME } else { 0 }
            | if self.password.is_some() { WITH_PASSWORD } else { 0 }
    }
}

impl<'a> Will<'a> {
    fn decode<O: Observer>(
        reader: &mut Reader<'a, '_, O>,
        qos: QoS,
        retain: bool,
    ) -> Result<Self, DecodeError> {
        let properties = reader.properties(Place::Will)?;
        // [MQTT-3.1.3-10] (3.1.1), [MQTT-3.1.3-11] (5.0)
        let topic = reader.topic(WILL_TOPIC)?;
        let payload = reader.binary(WILL_PAYLOAD)?;
        Ok(Self { topic, payload, qos, retain, properties })
    }
}

/// Protocol name and level.
fn protocol<O: Observer>(reader: &mut Reader<'_, '_, O>) -> Result<ProtocolVersion, DecodeError> {
    const NAME: &str = "protocol name";
    const LEVEL: &str = "protocol version";
    let offset = reader.at();
    // [MQTT-3.1.2-1] (both versions)
    let found = reader.binary_untold(NAME)?;
    let names = [ProtocolVersion::V5, ProtocolVersion::V3_1].map(ProtocolVersion::protocol_name);
    let Some(name) = names.into_iter().find(|name| name.as_bytes() == found) else {
        return Err(DecodeError { offset, field: NAME, fault: Fault::ProtocolName });
    };
    reader.tell(offset..reader.at(), NAME, FieldValue::Text(name));
    let offset = reader.at();
    let level = reader.u8(LEVEL)?;
    // [MQTT-3.1.2-2] (both versions)
    let known = ProtocolVersion::from_level(level).filter(|version| version.protocol_name() == name);
    let version =
        known.ok_or(DecodeError { offset, field: LEVEL, fault: Fault::UnsupportedProtocolLevel(level) })?;
    reader.tell(offset..reader.at(), LEVEL, FieldValue::Version(version));
    Ok(version)
}

/// Checks the connect flags; the QoS of the will.
fn check_flags(flags: u8, version: ProtocolVersion) -> Result<QoS, Fault> {
    // [MQTT-3.1.2-3] (both versions)
    if flags & RESERVED != 0 {
        return Err(Fault::ConnectFlagsReserved);
    }
    if flags & WILL == 0 {
        // [MQTT-3.1.2-13] (3.1.1), [MQTT-3.1.2-11] (5.0)
        if flags & WILL_QOS != 0 {
            return Err(Fault::WillQoSWithoutWill);
        }
        // [MQTT-3.1.2-15] (3.1.1), [MQTT-3.1.2-13] (5.0)
        if flags & WILL_RETAIN != 0 {
            return Err(Fault::WillRetainWithoutWill);
        }
    }
    // [MQTT-3.1.2-22] (3.1.1); 5.0 allows it.
    if version < ProtocolVersion::V5 && flags & (WITH_PASSWORD | WITH_USER_NAME) == WITH_PASSWORD {
        return Err(Fault::PasswordWithoutUserName);
    }
    // [MQTT-3.1.2-14] (3.1.1), [MQTT-3.1.2-12] (5.0)
    QoS::from_u8((flags & WILL_QOS) >> WILL_QOS_SHIFT).ok_or(Fault::WillQoS)
}
