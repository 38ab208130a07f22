//! DISCONNECT, and what may follow what ends a connection (sections 3.14, 4.8 of 3.1.1 and 4.13 of 5.0).

use core::fmt;

use mqtt_engine::packet::{Disconnect, Packet, PacketType, ReasonCode};

use super::{
    Role, Rule, View,
    link::{End, Phase},
    scene::Scene,
    session::Kept,
};

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Said => "DISCONNECT",
            Self::Refused => "a CONNACK that refuses",
            Self::Fault(words) => words,
            Self::ForeignSession => "session present although the client has no state",
            Self::TakenOver => "a newer connection of the session was accepted",
        })
    }
}

impl Scene<'_> {
    /// Whether the party may write a packet, and it is to be judged further: not if the party had to stop.
    pub(super) fn check_may_write(&mut self, packet: &Packet<'_>) -> bool {
        let Some(end) = self.link.end else { return true };
        let rule = match end {
            End::Said => Rule::AfterDisconnect,
            End::Refused => Rule::AfterRefusal,
            End::Fault(_) => Rule::ClosesAfterFault,
            End::ForeignSession => Rule::ForeignSession,
            End::TakenOver => Rule::TakeoverEnds,
        };
        let is_own_word = matches!(end, End::Said | End::Refused);
        // What was caused by the peer may have crossed with what the party wrote before it knew; at least with what it answered
        // to other packets that were read at the same time.
        let is_just_now = self.link.is_over_since.is_some_and(|since| self.now <= since);
        let may_have_crossed = !is_own_word && (self.settings.view == View::Wire || is_just_now);
        if may_have_crossed || !is_own_word && self.is_farewell(packet) {
            return true;
        }
        let is_named = !rule.statements(self.role, self.report.version).is_empty();
        // 3.1.1 has no DISCONNECT of a server, which is reported as such, and no word on foreign sessions.
        if is_named {
            self.report.broken(rule, Some(packet), format_args!("after {end}"));
        }
        false
    }

    /// The last word on a connection that the party closes for a fault.
    fn is_farewell(&self, packet: &Packet<'_>) -> bool {
        match (packet, self.role, self.link.phase) {
            (Packet::Disconnect(_), _, Phase::Open) => self.link.is_v5(),
            (Packet::Disconnect(_), Role::Client, Phase::Connecting) => true,
            (Packet::ConnAck(connack), Role::Server, Phase::New | Phase::Connecting) => {
                connack.reason.is_error()
            }
            _ => false,
        }
    }

    /// The party says good-bye.
    pub(super) fn wrote_disconnect(&mut self, disconnect: &Disconnect<'_>, packet: &Packet<'_>) {
        if self.link.is_v5() {
            self.check_disconnect(disconnect, packet);
        }
        if let Some(expiry) = disconnect.properties.session_expiry_interval() {
            self.link.terms.session_expiry = expiry;
        }
        self.link.stop(End::Said, self.now);
    }

    fn check_disconnect(&mut self, disconnect: &Disconnect<'_>, packet: &Packet<'_>) {
        let reason = disconnect.reason;
        if !is_sent_by(self.role, reason) {
            let words = format_args!("{reason} is for the other side");
            self.report.broken(Rule::DisconnectReason, Some(packet), words);
        }
        let requested = self.link.terms.requested_expiry;
        match (self.role, disconnect.properties.session_expiry_interval()) {
            (Role::Server, Some(expiry)) => {
                let words = format_args!("a server names a session expiry of {expiry} s");
                self.report.broken(Rule::DisconnectExpiry, Some(packet), words);
            }
            (Role::Client, Some(expiry)) if expiry > 0 && requested == 0 => {
                let words = format_args!("a session expiry of {expiry} s after one of 0 in CONNECT");
                self.report.broken(Rule::DisconnectExpiry, Some(packet), words);
            }
            _ => {}
        }
        if reason == ReasonCode::KeepAliveTimeout && self.role == Role::Server {
            let (silence, patience) = (self.peer_silence(), self.patience());
            if silence < patience || patience.is_zero() {
                let words = format_args!("after a silence of {silence:?}; {patience:?} are allowed");
                self.report.broken(Rule::KeepAlivePatience, Some(packet), words);
            }
        }
        // A keep alive that was over when the newer connection came is told first; that it was over is judged above.
        let is_told = matches!(reason, ReasonCode::SessionTakenOver | ReasonCode::KeepAliveTimeout);
        if matches!(self.link.end, Some(End::TakenOver)) && !is_told {
            let words = format_args!("{reason} instead of {}", ReasonCode::SessionTakenOver);
            self.report.broken(Rule::TakeoverTold, Some(packet), words);
        }
    }

    /// The peer says good-bye.
    pub(super) fn read_disconnect(&mut self, disconnect: &Disconnect<'_>) {
        if let Some(expiry) = disconnect.properties.session_expiry_interval() {
            if self.role == Role::Client {
                return self.fault("a session expiry in a DISCONNECT of the server");
            }
            if expiry > 0 && self.link.terms.requested_expiry == 0 {
                return self.fault("a DISCONNECT that raises the session expiry from 0");
            }
            self.link.terms.session_expiry = expiry;
            if self.session.current == Some(self.link.id) {
                self.session.kept = Kept::Live { expiry };
            }
        }
        self.link.is_over_since.get_or_insert(self.now);
    }

    /// The peer did what makes the party close the connection.
    pub(super) fn fault(&mut self, words: &'static str) {
        self.link.stop(End::Fault(words), self.now);
    }

    /// A newer connection has the session.
    pub(super) fn taken_over(&mut self) {
        if self.link.is_over_since.is_none() {
            self.link.stop(End::TakenOver, self.now);
        }
    }

    /// The party has given the connection up.
    pub(super) fn gave_up(&mut self) {
        self.link.is_over_since.get_or_insert(self.now);
        self.doubt_if_over();
    }

    /// The transport is gone.
    pub(super) fn closed(&mut self) {
        self.gave_up();
        let is_untold = matches!(self.link.end, Some(End::TakenOver)) && self.link.is_v5();
        if is_untold && self.settings.view == View::Whole {
            let words = format_args!("closed without a DISCONNECT with {}", ReasonCode::SessionTakenOver);
            self.report.broken(Rule::TakeoverTold, None, words);
        }
        if self.session.current == Some(self.link.id) {
            self.session.current = None;
            self.session.leave(self.link, self.now);
        }
        let may_have_accepted = self.role == Role::Server && self.link.phase == Phase::Connecting;
        if may_have_accepted && self.settings.view == View::Wire {
            // With a CONNACK of which not all bytes were seen.
            self.session.kept = Kept::Unknown;
        }
    }
}

/// Whether this side's DISCONNECT may carry a reason that DISCONNECT may carry at all (the table of 5.0 section 3.14.2.1).
fn is_sent_by(role: Role, reason: ReasonCode) -> bool {
    let code = reason.as_u8();
    match role {
        Role::Client => {
            matches!(code, 0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99)
                || !reason.is_allowed_in(PacketType::Disconnect)
        }
        Role::Server => code != 0x04,
    }
}
