//! Takes each packet to its rules.

use mqtt_engine::{
    Timestamp,
    packet::{DecodeError, Fault, Packet, PacketType, ProtocolVersion},
};

use super::{
    Role, Rule, Settings, View,
    link::{Link, Phase},
    report::Report,
    session::Session,
};

/// One connection of the session at one moment. The rules are methods of it, by topic in the files of this module.
pub(super) struct Scene<'a> {
    pub(super) role: Role,
    pub(super) settings: &'a Settings,
    pub(super) now: Timestamp,
    pub(super) link: &'a mut Link,
    pub(super) session: &'a mut Session,
    pub(super) report: Report<'a>,
}

impl Scene<'_> {
    /// The party wrote a packet, or something that is none.
    pub(super) fn wrote(&mut self, frame: Result<&[u8], DecodeError>) {
        let version = self.version_of(frame.unwrap_or_default());
        self.report.version = version;
        match frame.and_then(|frame| Packet::decode(frame, version)) {
            Ok(packet) => self.wrote_packet(&packet, frame.unwrap_or_default().len()),
            Err(error) => {
                let default = Rule::Malformed.statements(self.role, version);
                let statement = error.statement(version).unwrap_or(default);
                self.report.broken_of(Rule::Malformed, statement, None, format_args!("{error}"));
            }
        }
        self.note_written();
        self.doubt_if_over();
    }

    /// The party read a packet, or something that is none. Once it has to stop, it need not look any more, and may.
    pub(super) fn read(&mut self, frame: Result<&[u8], DecodeError>) {
        let version = self.version_of(frame.unwrap_or_default());
        let is_over = self.link.is_over_since.is_some();
        match frame.and_then(|frame| Packet::decode(frame, version)) {
            Ok(packet) if is_over => self.note_late(&packet),
            Ok(packet) => self.read_packet(&packet),
            Err(_) if is_over => {}
            Err(error) => {
                if self.role == Role::Server && self.link.phase == Phase::New {
                    let level = if let Fault::UnsupportedProtocolLevel(level) = error.fault {
                        Some(level)
                    } else {
                        None
                    };
                    self.link.malformed_connect = Some(level);
                }
                self.fault("a malformed packet");
            }
        }
        self.note_read();
        self.doubt_if_over();
    }

    /// What the connection speaks. Before a CONNECT was understood the only packet to tell apart is a CONNACK, which is of
    /// four bytes in 3.1.1 and of more in 5.0.
    fn version_of(&self, frame: &[u8]) -> ProtocolVersion {
        let guess = if frame.len() == 4 { ProtocolVersion::V3_1_1 } else { ProtocolVersion::V5 };
        self.link.version.unwrap_or(guess)
    }

    fn wrote_packet(&mut self, packet: &Packet<'_>, size: usize) {
        if !(self.check_direction(packet) && self.check_may_write(packet) && self.check_phase(packet)) {
            return;
        }
        self.check_size(packet, size);
        match packet {
            Packet::Connect(connect) => self.wrote_connect(connect, packet),
            Packet::ConnAck(connack) => self.wrote_connack(connack, packet),
            Packet::Publish(_) | Packet::PubRel(_) if self.was_under_way() => {}
            Packet::Publish(publish) => self.wrote_publish(publish, packet, size),
            Packet::PubAck(ack) | Packet::PubRec(ack) => self.wrote_answer(ack.packet_id, packet),
            Packet::PubRel(ack) => self.wrote_pubrel(ack.packet_id, packet),
            Packet::PubComp(ack) => self.wrote_pubcomp(ack.packet_id, packet),
            Packet::Subscribe(subscribe) => self.wrote_subscribe(subscribe, packet),
            Packet::Unsubscribe(unsubscribe) => self.wrote_request(unsubscribe.packet_id, packet),
            Packet::SubAck(ack) => self.wrote_suback(ack, packet),
            Packet::UnsubAck(ack) => self.wrote_unsuback(ack, packet),
            Packet::PingReq => {}
            Packet::PingResp => self.wrote_pingresp(packet),
            Packet::Disconnect(disconnect) => self.wrote_disconnect(disconnect, packet),
            Packet::Auth(auth) => self.wrote_auth(auth, packet),
        }
    }

    fn read_packet(&mut self, packet: &Packet<'_>) {
        if self.is_misplaced(packet) {
            return;
        }
        match packet {
            Packet::Connect(connect) => self.read_connect(connect),
            Packet::ConnAck(connack) => self.read_connack(connack),
            Packet::Publish(publish) => self.read_publish(publish),
            Packet::PubAck(ack) => self.read_puback(ack),
            Packet::PubRec(ack) => self.read_pubrec(ack),
            Packet::PubRel(ack) => self.read_pubrel(ack.packet_id),
            Packet::PubComp(ack) => self.read_pubcomp(ack.packet_id),
            Packet::Subscribe(subscribe) => self.read_subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.read_unsubscribe(unsubscribe),
            Packet::SubAck(ack) => self.read_request_answer(ack.packet_id),
            Packet::UnsubAck(ack) => self.read_request_answer(ack.packet_id),
            Packet::PingReq => self.link.answers.pings += 1,
            Packet::PingResp => {}
            Packet::Disconnect(disconnect) => self.read_disconnect(disconnect),
            Packet::Auth(auth) => self.read_auth(auth),
        }
    }

    /// Whether what is written now was under way when the connection lost its session: to a new one, or on a wire to a newer
    /// connection, where it was sent again by now.
    fn was_under_way(&self) -> bool {
        let Some(number) = self.link.session else { return false };
        let is_superseded = self.session.current.is_some_and(|current| current != self.link.id);
        number != self.session.number || self.settings.view == View::Wire && is_superseded
    }

    fn check_direction(&mut self, packet: &Packet<'_>) -> bool {
        let kind = packet.packet_type();
        let is_own = is_sent_by(self.role, kind, self.report.version);
        if !is_own {
            let role = self.role;
            self.report.broken(Rule::Direction, Some(packet), format_args!("written by a {role:?}"));
        }
        is_own
    }

    /// Whether the peer must not send this packet, or not now; the party must close then.
    fn is_misplaced(&mut self, packet: &Packet<'_>) -> bool {
        let kind = packet.packet_type();
        let (peer, version) = match self.role {
            Role::Client => (Role::Server, self.link.version.unwrap_or_default()),
            Role::Server => (Role::Client, self.link.version.unwrap_or_default()),
        };
        let is_handshake = match self.role {
            Role::Client => {
                self.link.phase == Phase::Connecting
                    && (kind == PacketType::ConnAck || kind == PacketType::Auth)
            }
            Role::Server => self.link.phase == Phase::New && kind == PacketType::Connect,
        };
        let is_first = match self.role {
            Role::Client => self.link.phase != Phase::Open,
            Role::Server => self.link.phase == Phase::New,
        };
        // [MQTT-3.1.2-30] (5.0)
        let is_authenticating = self.role == Role::Server
            && self.link.phase == Phase::Connecting
            && self.link.authentication.method.is_some();
        let fault = if !is_sent_by(peer, kind, version) {
            "a packet that only the party itself sends"
        } else if is_first && !is_handshake {
            "a packet before CONNECT or CONNACK"
        } else if !is_first && matches!(kind, PacketType::Connect | PacketType::ConnAck) {
            "a second CONNECT or CONNACK"
        } else if is_authenticating && !matches!(kind, PacketType::Auth | PacketType::Disconnect) {
            "a packet other than AUTH before CONNACK"
        } else {
            return false;
        };
        self.fault(fault);
        true
    }
}

fn is_sent_by(role: Role, kind: PacketType, version: ProtocolVersion) -> bool {
    match role {
        Role::Client => kind.is_sent_by_client(),
        Role::Server => {
            kind.is_sent_by_server() && (kind != PacketType::Disconnect || version >= ProtocolVersion::V5)
        }
    }
}
