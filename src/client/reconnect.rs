//! The end of a connection, and what follows it.

use core::{mem, time::Duration};

use super::{
    Afterwards, Client, ClientEvent, Deviation, Disconnect, DisconnectReason, Phase, Profile, handshake::Wire,
};
use crate::{
    Timestamp,
    packet::{self, Packet, Properties, Property, PropertyList, ProtocolVersion, ReasonCode},
    session::Violation,
};

/// After so many connections in a row that ended with a packet above our limit, the client gives up.
const OVERSIZE_ENDS: u8 = 3;

/// What a server refuses for reasons that don't pass by themselves.
const LASTING: [ReasonCode; 10] = [
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
    ReasonCode::Banned,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::SessionTakenOver,
    ReasonCode::AdministrativeAction,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
];

impl Client {
    /// Wants a connection, now: after [`disconnect`](Self::disconnect), after a connection with [`Reconnect::Never`](super::Reconnect::Never), or
    /// instead of waiting for the back-off. Of no effect while there is one.
    pub fn connect(&mut self, now: Timestamp) {
        self.pass(now);
        match self.phase {
            Phase::Idle | Phase::Waiting { .. } => self.phase = Phase::Waiting { not_before: self.now },
            Phase::Closing { .. } => self.phase = Phase::Closing { then: Afterwards::AtOnce },
            Phase::Connecting | Phase::Connected => {}
        }
        self.settle();
    }

    /// Ends the connection with DISCONNECT, behind what already stands in the outbox, and wants none any more.
    ///
    /// Messages that are queued or unacknowledged stay in the session; a program that wants them delivered first waits
    /// until [`pending_publishes`](Self::pending_publishes) is 0.
    /// [MQTT-3.14.4-1] [MQTT-3.14.4-2] (both versions)
    pub fn disconnect(&mut self, request: Disconnect, now: Timestamp) {
        self.pass(now);
        match self.phase {
            Phase::Idle => {}
            Phase::Closing { .. } => self.phase = Phase::Closing { then: Afterwards::Rest },
            Phase::Waiting { .. } => {
                self.phase = Phase::Idle;
                self.emit(ClientEvent::Disconnected { reason: DisconnectReason::Requested });
            }
            Phase::Connecting => self.end(DisconnectReason::Requested, Afterwards::Rest),
            Phase::Connected => {
                self.say_goodbye(&request);
                self.end(DisconnectReason::Requested, Afterwards::Rest);
            }
        }
        self.settle();
    }

    fn say_goodbye(&mut self, request: &Disconnect) {
        let mut list = PropertyList::<2>::new();
        if self.config.version < ProtocolVersion::V5 {
            if request.reason == ReasonCode::DisconnectWithWill {
                // Only a transport that ends without DISCONNECT has the will published.
                return;
            }
            self.write_if_it_fits(&disconnect_packet(ReasonCode::Success, Properties::NONE));
            return;
        }
        // An expiry can't be raised from the 0 of CONNECT (5.0 section 3.14.2.2.2), whatever CONNACK made of it.
        let expiry = request.session_expiry.filter(|_| self.config.session_expiry > 0);
        let reason = sendable(request.reason);
        list.push_some(expiry.map(Property::SessionExpiryInterval));
        list.push_some(request.reason_string.as_ref().map(|text| Property::ReasonString(text.as_str())));
        let properties = Properties::new(list.as_slice()).with_user_properties(&request.user_properties);
        let expiry = expiry.map(Property::SessionExpiryInterval);
        // What is too long for the server is left out, the words for people first [MQTT-3.14.2-3] [MQTT-3.14.2-4] (5.0).
        for properties in [properties, Properties::new(expiry.as_slice()), Properties::NONE] {
            if self.write_if_it_fits(&disconnect_packet(reason, properties)) {
                return;
            }
        }
    }

    /// Writes a packet unless it is larger than the server takes; whether it did.
    pub(super) fn write_if_it_fits(&mut self, packet: &Packet<'_>) -> bool {
        self.wire.link.write(packet, &mut self.outbox)
    }

    /// The transport is gone, or could not be opened.
    #[inline(never)]
    pub fn transport_closed(&mut self, now: Timestamp) {
        self.pass(now);
        match self.phase {
            Phase::Idle => {}
            Phase::Closing { then } => self.follow(then),
            Phase::Waiting { .. } => {
                self.emit(ClientEvent::Disconnected { reason: DisconnectReason::TransportClosed });
                self.follow(Afterwards::Retry);
            }
            Phase::Connecting | Phase::Connected => {
                self.end(DisconnectReason::TransportClosed, Afterwards::Retry);
                self.follow(Afterwards::Retry);
            }
        }
        self.settle();
    }

    /// Ends the connection for a fault; in 5.0 the server is told why, if it has accepted us.
    /// [MQTT-4.8.0-1] (3.1.1), [MQTT-4.13.1-1] [MQTT-4.13.2-1] (5.0)
    pub(super) fn fail(&mut self, reason: DisconnectReason, told: Option<ReasonCode>) {
        let is_known = self.is_connected() && self.config.version == ProtocolVersion::V5;
        if let Some(code) = told.filter(|_| is_known) {
            self.write_if_it_fits(&disconnect_packet(sendable(code), Properties::NONE));
        }
        let then = self.judge(&reason);
        self.end(reason, then);
    }

    /// What follows a fault: most pass; some won't by themselves, and hurry makes them worse.
    fn judge(&self, reason: &DisconnectReason) -> Afterwards {
        if is_oversize(reason) && self.oversize_ends + 1 >= OVERSIZE_ENDS {
            return Afterwards::Rest;
        }
        let is_lasting =
            if let DisconnectReason::Refused(words) | DisconnectReason::ServerDisconnected(words) = reason {
                LASTING.contains(&words.reason)
            } else {
                *reason == DisconnectReason::AnswerTooLarge
            };
        if is_lasting { Afterwards::RetryLate } else { Afterwards::Retry }
    }

    /// The connection is over: what belongs to it is let go, the last bytes stay in the outbox.
    pub(super) fn end(&mut self, reason: DisconnectReason, then: Afterwards) {
        if self.is_connected() {
            self.backoff.lasted(self.now - self.wire.opened);
        }
        self.oversize_ends = if is_oversize(&reason) { (self.oversize_ends + 1) % OVERSIZE_ENDS } else { 0 };
        self.phase = Phase::Closing { then };
        self.session.suspend();
        self.requests.suspend(&mut self.session);
        self.emit(ClientEvent::Disconnected { reason });
    }

    fn follow(&mut self, then: Afterwards) {
        let delay = match then {
            Afterwards::Rest => None,
            Afterwards::AtOnce => Some(Duration::ZERO),
            Afterwards::Retry => self.backoff.next_delay(),
            Afterwards::RetryLate => self.backoff.longest_delay(),
        };
        self.phase = delay.map_or(Phase::Idle, |delay| Phase::Waiting { not_before: self.now + delay });
        self.outbox.clear();
        drop(mem::replace(&mut self.wire, Wire::new(&self.config, self.now)));
    }

    /// The server did what it must not.
    pub(super) fn misbehaved(&mut self, violation: Violation) {
        self.fail(DisconnectReason::Misbehaved(violation), Some(violation.reason()));
    }

    /// The server did what it must not, but what does no harm: reported, or in the strict profile the end.
    pub(super) fn deviates(&mut self, deviation: Deviation, violation: Violation) {
        match self.config.profile {
            Profile::Interop => self.emit(ClientEvent::Tolerated { deviation }),
            Profile::Strict => self.misbehaved(violation),
        }
    }
}

/// Whether a connection ended with a packet above our limit.
fn is_oversize(reason: &DisconnectReason) -> bool {
    matches!(reason, DisconnectReason::Malformed(error) if error.reason() == ReasonCode::PacketTooLarge)
}

const fn disconnect_packet(reason: ReasonCode, properties: Properties<'_>) -> Packet<'_> {
    Packet::Disconnect(packet::Disconnect { reason, properties })
}

/// The reason itself if a client's DISCONNECT can carry it: the table of 5.0 section 3.14.2.1 has some for servers only
/// [MQTT-3.14.2-1] (5.0), and what is wrong with a packet may have a code of another packet's table.
const fn sendable(reason: ReasonCode) -> ReasonCode {
    match reason.as_u8() {
        0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99 => reason,
        _ => ReasonCode::UnspecifiedError,
    }
}
