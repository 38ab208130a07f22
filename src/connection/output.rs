//! Packets to the client that the protocol demands, and what is left out of those that are too large.

use alloc::vec::Vec;

use super::{Connection, DisconnectCause, Dismissal, Phase};
use crate::{
    Text, UserProperties,
    packet::{
        ConnAck, Disconnect, Packet, PacketType, Properties, Property, ProtocolVersion, ReasonCode,
        ReasonCodes, SubAck,
    },
};

/// What explains a packet to people: the first to be left out.
struct Words<'a> {
    /// From most to least important.
    list: Vec<Property<'a>>,
    user_properties: &'a UserProperties,
}

static NO_PAIRS: UserProperties = UserProperties::new();

impl<'a> Words<'a> {
    fn of(dismissal: &'a Dismissal) -> Self {
        let server = dismissal.server_reference.as_ref().map(|text| Property::ServerReference(text.as_str()));
        let words = dismissal.reason_string.as_ref().map(|text| Property::ReasonString(text.as_str()));
        Self { list: server.into_iter().chain(words).collect(), user_properties: &dismissal.user_properties }
    }

    fn reason_string(text: Option<&'a Text>) -> Self {
        let words = text.map(|text| Property::ReasonString(text.as_str()));
        Self { list: words.into_iter().collect(), user_properties: &NO_PAIRS }
    }

    /// The properties with all words, then with less and less of them.
    fn variants(&self) -> impl Iterator<Item = Properties<'_>> {
        let all = Properties::new(&self.list).with_user_properties(self.user_properties);
        let shorter = (0..=self.list.len()).rev().filter_map(|count| self.list.get(..count));
        core::iter::once(all).chain(shorter.map(Properties::new))
    }
}

impl Connection {
    /// Writes a packet that the protocol demands.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        if !self.write_if_it_fits(packet) {
            // [MQTT-3.1.2-24] (5.0): it must not be sent, and without it the client would wait for ever.
            self.end(DisconnectCause::AnswerTooLarge);
        }
    }

    /// Writes SUBACK, with words for people if the client wants to hear them [MQTT-3.1.2-29] (5.0) and takes a packet of that
    /// size [MQTT-3.9.2-1] [MQTT-3.9.2-2] (5.0).
    pub(super) fn send_suback(&mut self, ack: &SubAck<'_>, words: Option<&Text>) {
        let hears = self.terms.as_ref().is_some_and(|terms| terms.problem_information);
        let words = Words::reason_string(words.filter(|_| hears));
        let reasons: Vec<ReasonCode> = ack.reasons.iter().collect();
        for properties in words.variants() {
            let reasons = ReasonCodes::new(&reasons);
            if self.write_if_it_fits(&Packet::SubAck(SubAck { properties, reasons, ..*ack })) {
                return;
            }
        }
        self.end(DisconnectCause::AnswerTooLarge);
    }

    /// Writes a CONNACK that refuses; the words are left out if they make it too large [MQTT-3.2.2-19] [MQTT-3.2.2-20] (5.0).
    pub(super) fn send_refusal(&mut self, version: ProtocolVersion, dismissal: &Dismissal) {
        let reason = match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => return_code(dismissal.reason),
            // [MQTT-3.2.2-8] (5.0)
            ProtocolVersion::V5 => Some(sendable(dismissal.reason, PacketType::ConnAck)),
        };
        let Some(reason) = reason else { return };
        let words = Words::of(dismissal);
        for properties in words.variants().filter(|one| version >= ProtocolVersion::V5 || one.is_empty()) {
            let packet = Packet::ConnAck(ConnAck { session_present: false, reason, properties });
            if self.write_in(version, &packet) {
                return;
            }
        }
    }

    /// Writes DISCONNECT if the client can hear it [MQTT-3.14.0-1] (5.0); the words, and then all of it, are left out if it is
    /// too large [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24] (5.0).
    pub(super) fn send_disconnect(&mut self, dismissal: &Dismissal) {
        if self.phase != Phase::Open || self.version() != Some(ProtocolVersion::V5) {
            return;
        }
        // Only a client says 0x04.
        let is_the_clients = dismissal.reason == ReasonCode::DisconnectWithWill;
        let reason = if is_the_clients { ReasonCode::Success } else { dismissal.reason };
        let reason = sendable(reason, PacketType::Disconnect);
        let words = Words::of(dismissal);
        for properties in words.variants() {
            if self.write_if_it_fits(&Packet::Disconnect(Disconnect { reason, properties })) {
                return;
            }
        }
    }

    fn write_if_it_fits(&mut self, packet: &Packet<'_>) -> bool {
        self.version().is_some_and(|version| self.write_in(version, packet))
    }

    /// Before CONNECT was understood nothing is known of a largest packet.
    fn write_in(&mut self, version: ProtocolVersion, packet: &Packet<'_>) -> bool {
        let limit = self.terms.as_ref().map_or(usize::MAX, |terms| terms.packet_size);
        let outbox = &mut self.outbox;
        let written = packet.encode_in(version, |size| (size <= limit).then(|| outbox.room(size)));
        matches!(written, Ok(true))
    }
}

/// The reason itself if this packet can carry it, else one that it can.
const fn sendable(reason: ReasonCode, packet: PacketType) -> ReasonCode {
    if reason.is_allowed_in(packet) { reason } else { ReasonCode::UnspecifiedError }
}

/// The return code of 3.1.1 that is nearest to a reason; `None` if none fits.
fn return_code(reason: ReasonCode) -> Option<ReasonCode> {
    use ReasonCode as R;
    const GROUPS: [(R, &[R]); 5] = [
        (R::UnsupportedProtocolVersion, &[R::UnsupportedProtocolVersion]),
        (R::ClientIdentifierNotValid, &[R::ClientIdentifierNotValid]),
        (R::BadUserNameOrPassword, &[R::BadUserNameOrPassword]),
        (R::NotAuthorized, &[R::NotAuthorized, R::Banned, R::BadAuthenticationMethod]),
        (
            R::ServerUnavailable,
            &[
                R::ServerUnavailable,
                R::ServerBusy,
                R::QuotaExceeded,
                R::UseAnotherServer,
                R::ServerMoved,
                R::ConnectionRateExceeded,
            ],
        ),
    ];
    GROUPS.iter().find(|(_, reasons)| reasons.contains(&reason)).map(|(code, _)| *code)
}
