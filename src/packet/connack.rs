//! CONNACK (section 3.2).

use super::{
    DecodeError, EncodeError, Fault, FieldValue, Observer, PacketType, Properties, ProtocolVersion,
    ReasonCode,
    cursor::Reader,
    property::Place,
    sink::{Sink, invalid},
};

const SESSION_PRESENT: &str = "session present";
const RETURN_CODE: &str = "return code";
const PLACE: Place = Place::Packet(PacketType::ConnAck);
/// The reason codes that the return codes 0 to 5 of 3.1.1 stand for (3.1.1 section 3.2.2.3).
const RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
];

/// CONNACK: the server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct ConnAck<'a> {
    /// Whether the server goes on with a stored session.
    pub session_present: bool,
    /// Whether the connection is accepted. The return codes 0 to 5 of 3.1.1 stand for success, 0x84, 0x85, 0x88, 0x86
    /// and 0x87; other reasons can't be sent there [MQTT-3.2.2-6] (3.1.1).
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(super) fn decode<O: Observer>(reader: &mut Reader<'a, '_, O>) -> Result<Self, DecodeError> {
        const FLAGS: &str = "acknowledge flags";
        let offset = reader.at();
        let flags = reader.u8(FLAGS)?;
        // [MQTT-3.2.2-1] (5.0)
        if flags & !1 != 0 {
            return Err(DecodeError { offset, field: FLAGS, fault: Fault::AcknowledgeFlagsReserved });
        }
        let session_present = flags == 1;
        reader.tell(offset..reader.at(), SESSION_PRESENT, FieldValue::Flag(session_present));
        let reason = match reader.version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => return_code(reader)?,
            ProtocolVersion::V5 => reader.reason(PacketType::ConnAck)?,
        };
        let properties = reader.properties(PLACE)?;
        let ack = Self { session_present, reason, properties };
        ack.check_session().map_err(|fault| DecodeError { offset, field: SESSION_PRESENT, fault })?;
        Ok(ack)
    }

    pub(super) fn check(&self, version: ProtocolVersion) -> Result<(), EncodeError> {
        match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 if !RETURN_CODES.contains(&self.reason) => {
                return Err(EncodeError::NotInThisVersion { field: RETURN_CODE });
            }
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => {}
            ProtocolVersion::V5 => self.reason.check(PacketType::ConnAck)?,
        }
        self.check_session().map_err(|fault| invalid(SESSION_PRESENT, fault))?;
        self.properties.check(PLACE, version)
    }

    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        sink.u8(self.session_present.into());
        match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => {
                for (code, _) in (0..).zip(RETURN_CODES).filter(|(_, reason)| *reason == self.reason) {
                    sink.u8(code);
                }
            }
            ProtocolVersion::V5 => sink.u8(self.reason.as_u8()),
        }
        self.properties.write(version, sink);
    }

    /// [MQTT-3.2.2-4] (3.1.1), [MQTT-3.2.2-6] (5.0)
    fn check_session(&self) -> Result<(), Fault> {
        if self.session_present && self.reason != ReasonCode::Success {
            return Err(Fault::SessionPresentOnRefusal);
        }
        Ok(())
    }
}

fn return_code<O: Observer>(reader: &mut Reader<'_, '_, O>) -> Result<ReasonCode, DecodeError> {
    let offset = reader.at();
    let code = reader.u8(RETURN_CODE)?;
    let reason = *RETURN_CODES.get(usize::from(code)).ok_or(DecodeError {
        offset,
        field: RETURN_CODE,
        fault: Fault::ReasonCode { packet: PacketType::ConnAck, code },
    })?;
    // The number on the wire: the reason code that stands for it has another.
    reader.tell(offset..reader.at(), RETURN_CODE, FieldValue::Number(code.into()));
    Ok(reason)
}
