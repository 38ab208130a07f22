//! S53: acknowledgements, DISCONNECT and AUTH leave out what says nothing.

use super::{V3, V5, bytes, encoded, fault_of, id};
use crate::packet::{
    Ack, Auth, Disconnect, Fault, Packet, Properties, Property, ReasonCode, ReasonCode as R,
};

/// First byte, and the packet of an acknowledgement.
type Kind = (u8, fn(Ack<'static>) -> Packet<'static>);

const ACKS: [Kind; 4] =
    [(0x40, Packet::PubAck), (0x50, Packet::PubRec), (0x62, Packet::PubRel), (0x70, Packet::PubComp)];

#[test]
fn s53_acks_of_every_length_are_taken() {
    for (first, packet) in ACKS {
        let failure = if first >= 0x60 { R::PacketIdentifierNotFound } else { R::QuotaExceeded };
        let code = failure.as_u8();
        let check = |frame: &[u8], ack: Ack<'static>, is_shortest: bool| {
            let decoded = Packet::decode(frame, V5).unwrap();
            assert_eq!(decoded, packet(ack));
            assert_eq!(encoded(&decoded, V5).unwrap() == frame, is_shortest, "{frame:02x?}");
        };
        check(&[first, 2, 0, 7], Ack::new(id(7), R::Success), true);
        check(&[first, 3, 0, 7, 0], Ack::new(id(7), R::Success), false);
        check(&[first, 4, 0, 7, 0, 0], Ack::new(id(7), R::Success), false);
        check(&[first, 3, 0, 7, code], Ack::new(id(7), failure), true);
        check(&[first, 4, 0, 7, code, 0], Ack::new(id(7), failure), false);
        let properties = const { Properties::new(&[Property::ReasonString("r")]) };
        let ack = Ack { properties, ..Ack::new(id(7), failure) };
        check(&[first, 8, 0, 7, code, 4, 0x1F, 0, 1, b'r'], ack, true);
        let ack = Ack { properties, ..Ack::new(id(7), R::Success) };
        check(&[first, 8, 0, 7, 0, 4, 0x1F, 0, 1, b'r'], ack, true);
        for short in [&[first, 0][..], &[first, 1, 0]] {
            assert_eq!(fault_of(short, V5).fault, Fault::Truncated);
            assert_eq!(fault_of(short, V3).fault, Fault::Truncated);
        }
    }
}

/// [MQTT-2.2.2-1] (5.0)
#[test]
fn s53_disconnect_and_auth_of_every_length_are_taken() {
    let none = Properties::NONE;
    for (hex, packet, shortest) in [
        ("E0 00", Packet::Disconnect(Disconnect { reason: R::Success, properties: none }), "E0 00"),
        ("E0 01 00", Packet::Disconnect(Disconnect { reason: R::Success, properties: none }), "E0 00"),
        ("E0 02 00 00", Packet::Disconnect(Disconnect { reason: R::Success, properties: none }), "E0 00"),
        (
            "E0 01 04",
            Packet::Disconnect(Disconnect { reason: R::DisconnectWithWill, properties: none }),
            "E0 01 04",
        ),
        (
            "E0 02 8E 00",
            Packet::Disconnect(Disconnect { reason: R::SessionTakenOver, properties: none }),
            "E0 01 8E",
        ),
        ("F0 00", Packet::Auth(Auth { reason: R::Success, properties: none }), "F0 00"),
        ("F0 01 00", Packet::Auth(Auth { reason: R::Success, properties: none }), "F0 00"),
        // Only an AUTH of length 0 may leave something out; one with a code alone is let pass, but not sent.
        (
            "F0 01 18",
            Packet::Auth(Auth { reason: R::ContinueAuthentication, properties: none }),
            "F0 02 18 00",
        ),
        (
            "F0 02 18 00",
            Packet::Auth(Auth { reason: R::ContinueAuthentication, properties: none }),
            "F0 02 18 00",
        ),
    ] {
        let frame = bytes(hex);
        assert_eq!(Packet::decode(&frame, V5), Ok(packet), "{hex}");
        assert_eq!(encoded(&packet, V5).unwrap(), bytes(shortest), "{hex}");
    }
}

/// 3.1.1 carries no reason: what it can't tell is left out where nothing depends on it, else it can't be sent.
#[test]
fn acks_of_3_1_1_tell_no_lie() {
    let ack = |reason: ReasonCode| Ack::new(id(7), reason);
    for (first, packet) in ACKS {
        assert_eq!(encoded(&packet(ack(R::Success)), V3).unwrap(), [first, 2, 0, 7]);
    }
    let not_there = Err(crate::packet::EncodeError::NotInThisVersion { field: "reason code" });
    assert_eq!(encoded(&Packet::PubAck(ack(R::NoMatchingSubscribers)), V3).unwrap(), [0x40, 2, 0, 7]);
    assert_eq!(encoded(&Packet::PubAck(ack(R::NotAuthorized)), V3), not_there);
    assert_eq!(encoded(&Packet::PubRec(ack(R::QuotaExceeded)), V3), not_there);
    assert_eq!(encoded(&Packet::PubComp(ack(R::PacketIdentifierNotFound)), V3).unwrap(), [0x70, 2, 0, 7]);
    let with_will =
        Packet::Disconnect(Disconnect { reason: R::DisconnectWithWill, properties: Properties::NONE });
    assert_eq!(encoded(&with_will, V3), not_there);
}
