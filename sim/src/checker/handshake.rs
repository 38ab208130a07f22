//! CONNECT and CONNACK (sections 3.1 and 3.2).

use mqtt_engine::packet::{ConnAck, Connect, Packet, PacketType, ProtocolVersion, ReasonCode};

use super::{
    Role, Rule, View,
    limits::Limits,
    link::{End, Link, Phase, Terms},
    scene::Scene,
    session::Kept,
};

impl Scene<'_> {
    /// Whether a packet of the party has its place in the order of the handshake; it is not judged further if not.
    pub(super) fn check_phase(&mut self, packet: &Packet<'_>) -> bool {
        let kind = packet.packet_type();
        let phase = self.link.phase;
        let (rule, words) = match (self.role, phase, kind) {
            (Role::Client, Phase::New, PacketType::Connect) => return true,
            (Role::Client, Phase::New, _) => (Rule::ConnectFirst, "CONNECT comes first"),
            (Role::Client, _, PacketType::Connect) => (Rule::ConnectOnce, "CONNECT was sent already"),
            (Role::Client, Phase::Connecting, PacketType::Auth | PacketType::Disconnect) => return true,
            (Role::Client, Phase::Connecting, _) if self.link.authentication.method.is_some() => {
                (Rule::OnlyAuth, "the server has not answered CONNECT, which names an authentication method")
            }
            (Role::Client, ..) => return true,
            (Role::Server, Phase::New, PacketType::ConnAck) if self.link.malformed_connect.is_some() => {
                return self.check_refusal_of_malformed(packet);
            }
            (Role::Server, Phase::New, PacketType::ConnAck) => {
                (Rule::ConnAckUnasked, "no CONNECT was received")
            }
            (Role::Server, Phase::Connecting, PacketType::ConnAck | PacketType::Auth) => return true,
            (Role::Server, Phase::New | Phase::Connecting, PacketType::Disconnect) => {
                (Rule::DisconnectAfterConnAck, "the connection was not accepted")
            }
            (Role::Server, Phase::New | Phase::Connecting, _) => (Rule::ConnAckFirst, "CONNACK comes first"),
            (Role::Server, _, PacketType::ConnAck) => (Rule::ConnAckOnce, "CONNACK was sent already"),
            (Role::Server, ..) => return true,
        };
        self.report.broken(rule, Some(packet), format_args!("{words}"));
        false
    }

    /// CONNACK for a CONNECT that can't be decoded.
    fn check_refusal_of_malformed(&mut self, packet: &Packet<'_>) -> bool {
        let (Packet::ConnAck(connack), Some(level)) = (packet, self.link.malformed_connect) else {
            return true;
        };
        let code = connack.reason;
        if let Some(level) = level {
            if code != ReasonCode::UnsupportedProtocolVersion {
                let words = format_args!("{code} for protocol level {level}");
                self.report.broken(Rule::ProtocolVersionCode, Some(packet), words);
            }
        } else if self.report.version < ProtocolVersion::V5 {
            let words = format_args!("the CONNECT was malformed");
            self.report.broken(Rule::MalformedConnectAnswered, Some(packet), words);
        }
        true
    }

    pub(super) fn wrote_connect(&mut self, connect: &Connect<'_>, packet: &Packet<'_>) {
        self.connect(connect);
        let length = connect.client_id.chars().count();
        let is_allowed = if connect.version == ProtocolVersion::V3_1 {
            (1..=23).contains(&length)
        } else {
            length > 0 || connect.clean_start || self.link.is_v5()
        };
        if !is_allowed {
            let words = format_args!("an identifier of {length} characters in {}", connect.version);
            self.report.broken(Rule::ClientIdentifier, Some(packet), words);
        }
        self.link.own = Limits::of(&connect.properties);
        // A client has one connection; what it sends before CONNACK belongs to the session, too.
        self.session.current = Some(self.link.id);
    }

    pub(super) fn read_connect(&mut self, connect: &Connect<'_>) {
        self.connect(connect);
        self.link.peer = Limits::of(&connect.properties);
    }

    fn connect(&mut self, connect: &Connect<'_>) {
        self.link.version = Some(connect.version);
        self.report.version = connect.version;
        self.link.phase = Phase::Connecting;
        self.link.terms = Terms::of(connect);
        self.link.keep_alive = connect.keep_alive;
        self.link.authentication.begin(connect.properties.authentication_method());
    }

    pub(super) fn wrote_connack(&mut self, connack: &ConnAck<'_>, packet: &Packet<'_>) {
        self.check_connack(connack, packet);
        if connack.reason.is_error() {
            self.link.phase = Phase::Refused;
            return self.link.stop(End::Refused, self.now);
        }
        self.check_acceptance(connack, packet);
        self.check_session_present(connack.session_present, packet);
        self.link.own = Limits::of(&connack.properties);
        self.accepted(connack);
        self.session.taken_over = self.session.current.replace(self.link.id);
        self.session.kept = Kept::Live { expiry: self.link.terms.session_expiry };
        self.enter_session(connack.session_present);
    }

    fn check_connack(&mut self, connack: &ConnAck<'_>, packet: &Packet<'_>) {
        let Terms { is_nameless, clean_start, response_information, .. } = self.link.terms;
        let code = connack.reason;
        let is_3_1_1 = self.link.version == Some(ProtocolVersion::V3_1_1);
        if is_3_1_1 && is_nameless && !clean_start && code != ReasonCode::ClientIdentifierNotValid {
            let words =
                format_args!("{code} for an empty client identifier without a clean session, 0x02 is right");
            self.report.broken(Rule::EmptyClientIdentifierCode, Some(packet), words);
        }
        if connack.properties.response_information().is_some() && !response_information {
            let words = format_args!("the client has not asked for response information");
            self.report.broken(Rule::ResponseInformation, Some(packet), words);
        }
    }

    /// What only a CONNACK that accepts can do wrong.
    fn check_acceptance(&mut self, connack: &ConnAck<'_>, packet: &Packet<'_>) {
        let terms = self.link.terms;
        let own = Limits::of(&connack.properties);
        if !self.link.is_v5() {
            return;
        }
        if terms.is_nameless && connack.properties.assigned_client_identifier().is_none() {
            let words = format_args!("no identifier is assigned");
            self.report.broken(Rule::AssignedClientIdentifier, Some(packet), words);
        }
        if let Some((qos, retain)) = terms.will {
            if qos > own.qos {
                let words = format_args!("a will of QoS {}, the maximum is {}", qos as u8, own.qos as u8);
                self.report.broken(Rule::WillQoS, Some(packet), words);
            }
            if retain && !own.retain {
                let words = format_args!("a will with RETAIN, which is not available");
                self.report.broken(Rule::WillRetain, Some(packet), words);
            }
        }
        self.check_method_of_connack(connack, packet);
    }

    fn check_session_present(&mut self, session_present: bool, packet: &Packet<'_>) {
        let (now, lateness) = (self.now, self.settings.lateness);
        let kept = self.session.kept.after_takeover(now);
        let clean_start = self.link.terms.clean_start;
        let (rule, words) = match (session_present, kept) {
            (true, _) if clean_start => (Rule::PresentAfterCleanStart, "after a clean start"),
            (true, Kept::Nothing) => (Rule::PresentWithoutSession, "there is no session"),
            (true, Kept::Until { latest, .. }) if now > latest + lateness => {
                (Rule::PresentAfterExpiry, "the session has expired")
            }
            (false, Kept::Until { earliest, .. })
                if !clean_start && self.settings.keeps_sessions && now < earliest =>
            {
                (Rule::SessionDropped, "the session was to be kept longer")
            }
            _ => return,
        };
        self.report.broken(rule, Some(packet), format_args!("session present {session_present}: {words}"));
    }

    pub(super) fn read_connack(&mut self, connack: &ConnAck<'_>) {
        if connack.reason.is_error() {
            self.link.phase = Phase::Refused;
            self.link.is_over_since.get_or_insert(self.now);
            return;
        }
        if !self.is_right_method(connack.properties.authentication_method(), false) {
            return self.fault("another authentication method than that of CONNECT");
        }
        let is_strict = !self.settings.tolerates_session_present;
        let mut session_present = connack.session_present;
        if session_present && self.link.terms.clean_start {
            if is_strict {
                return self.fault("session present after a clean start");
            }
            session_present = false;
        }
        let is_unknown = !self.session.has_state && self.settings.view == View::Whole;
        if session_present && is_unknown && is_strict && self.link.is_v5() {
            return self.link.stop(End::ForeignSession, self.now);
        }
        self.link.peer = Limits::of(&connack.properties);
        self.accepted(connack);
        self.session.has_state = true;
        self.enter_session(session_present);
    }

    fn accepted(&mut self, connack: &ConnAck<'_>) {
        let link: &mut Link = self.link;
        link.phase = Phase::Open;
        link.accepted = self.now;
        link.keep_alive = connack.properties.server_keep_alive().unwrap_or(link.keep_alive);
        if let Some(expiry) = connack.properties.session_expiry_interval() {
            link.terms.session_expiry = expiry;
        }
        link.authentication.end();
    }
}
