//! The other codecs, each as one function.

use bytes::BytesMut;
use mqtt_engine::packet::ProtocolVersion;
use mqtt_protocol_core::mqtt::{
    Arc,
    packet::{v3_1_1, v5_0},
    result_code::MqttError,
};

/// A codec that nobody of this project has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// `mqtt-protocol-core`.
    ProtocolCore,
    /// `rumqttc-v4-next` and `rumqttc-v5-next`.
    Rumqttc,
}

impl Codec {
    pub(super) const ALL: [Self; 2] = [Self::ProtocolCore, Self::Rumqttc];
}

/// The packet, written again by the codec that has read it; or why it is refused.
pub(super) fn decode_and_encode(
    codec: Codec,
    frame: &[u8],
    version: ProtocolVersion,
) -> Result<Vec<u8>, String> {
    match codec {
        Codec::ProtocolCore => protocol_core(frame, version).map_err(|error| format!("{error:?}")),
        Codec::Rumqttc => rumqttc(frame, version),
    }
}

/// Its parsers take bodies. That the flags are right was seen before, and that all of the body was read is seen here.
fn protocol_core(frame: &[u8], version: ProtocolVersion) -> Result<Vec<u8>, MqttError> {
    let first = frame[0];
    let length = frame[1..].iter().position(|byte| byte & 0x80 == 0).map_or(frame.len(), |last| last + 2);
    let body = &frame[length..];
    macro_rules! written {
        ($parsed:expr) => {{
            let (packet, size) = $parsed?;
            if size == body.len() {
                Ok(packet.to_continuous_buffer())
            } else {
                Err(MqttError::MalformedPacket)
            }
        }};
    }
    if version == ProtocolVersion::V5 {
        match first >> 4 {
            1 => written!(v5_0::Connect::parse(body)),
            2 => written!(v5_0::Connack::parse(body)),
            3 => written!(v5_0::Publish::parse(first & 0x0F, Arc::from(body))),
            4 => written!(v5_0::Puback::parse(body)),
            5 => written!(v5_0::Pubrec::parse(body)),
            6 => written!(v5_0::Pubrel::parse(body)),
            7 => written!(v5_0::Pubcomp::parse(body)),
            8 => written!(v5_0::Subscribe::parse(body)),
            9 => written!(v5_0::Suback::parse(body)),
            10 => written!(v5_0::Unsubscribe::parse(body)),
            11 => written!(v5_0::Unsuback::parse(body)),
            12 => written!(v5_0::Pingreq::parse(body)),
            13 => written!(v5_0::Pingresp::parse(body)),
            14 => written!(v5_0::Disconnect::parse(body)),
            _ => written!(v5_0::Auth::parse(body)),
        }
    } else {
        match first >> 4 {
            1 => written!(v3_1_1::Connect::parse(body)),
            2 => written!(v3_1_1::Connack::parse(body)),
            3 => written!(v3_1_1::Publish::parse(first & 0x0F, Arc::from(body))),
            4 => written!(v3_1_1::Puback::parse(body)),
            5 => written!(v3_1_1::Pubrec::parse(body)),
            6 => written!(v3_1_1::Pubrel::parse(body)),
            7 => written!(v3_1_1::Pubcomp::parse(body)),
            8 => written!(v3_1_1::Subscribe::parse(body)),
            9 => written!(v3_1_1::Suback::parse(body)),
            10 => written!(v3_1_1::Unsubscribe::parse(body)),
            11 => written!(v3_1_1::Unsuback::parse(body)),
            12 => written!(v3_1_1::Pingreq::parse(body)),
            13 => written!(v3_1_1::Pingresp::parse(body)),
            14 => written!(v3_1_1::Disconnect::parse(body)),
            _ => Err(MqttError::MalformedPacket),
        }
    }
}

fn rumqttc(frame: &[u8], version: ProtocolVersion) -> Result<Vec<u8>, String> {
    let mut input = BytesMut::from(frame);
    let mut output = BytesMut::new();
    if version == ProtocolVersion::V5 {
        let packet = rumqttc_v5::Packet::read(&mut input, None).map_err(|error| format!("{error:?}"))?;
        packet.write(&mut output, None).map_err(|error| format!("{error:?} when written"))?;
    } else {
        let packet =
            rumqttc_v4::Packet::read(&mut input, usize::MAX).map_err(|error| format!("{error:?}"))?;
        packet.write(&mut output, usize::MAX).map_err(|error| format!("{error:?} when written"))?;
    }
    Ok(output.to_vec())
}
