//! The making of a connection: CONNECT, an authentication exchange if there is one, CONNACK (sections 3.1, 3.2, 4.12).

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    Afterwards, Client, ClientConfig, ClientEvent, Connected, Deviation, DisconnectReason, Oversize, Phase,
    Profile, ServerLimits, ServerWords, text,
};
use crate::{
    QoS, Text, Timestamp,
    framing::{Frame, Framing, Oversize as Framed},
    packet::{
        self, Auth, ConnAck, Connect, Packet, Properties, Property, PropertyList, ProtocolVersion, ReasonCode,
    },
    session::{
        Link, LinkSettings, SMALLEST_PACKET_SIZE, Session, Violation, message_properties, whole_seconds,
    },
};

/// What lives with one connection, replaced whole: nothing of it can be taken for the next one's.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) framing: Framing,
    pub(super) link: Link,
    /// When the transport was opened.
    pub(super) opened: Timestamp,
    pub(super) last_sent: Timestamp,
    pub(super) last_received: Timestamp,
    /// Whether the input paused for the program's sake since time last passed, and since when it goes on.
    pub(super) was_paused: bool,
    pub(super) reading_since: Timestamp,
    /// [`Outbox::position`](crate::Outbox::position) at `last_sent`.
    pub(super) sent_position: u64,
    /// How much of the outbox was taken out when all was put in order last.
    pub(super) settled_taken: u64,
    /// When the first PINGREQ since the last answer was sent.
    pub(super) ping_sent: Option<Timestamp>,
    /// How many PINGREQs are not answered.
    pub(super) pings_due: u32,
    /// In force, in seconds.
    pub(super) keep_alive: u16,
    pub(super) session_expiry: u32,
    /// Whether CONNECT asked for a clean start.
    clean_start: bool,
    pub(super) limits: ServerLimits,
    /// Whether the server waits for our AUTH.
    authentication_due: bool,
    /// Whether the program runs a re-authentication.
    reauthenticating: bool,
    pub(super) hold: Hold,
    /// In 3.1.1, where no Receive Maximum binds the server: how many unacknowledged messages make the input pause.
    unacknowledged_maximum: usize,
}

/// How long queued messages wait after the server has lost the session, so that the program can subscribe again before they flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Nothing,
    /// Until the program takes [`Connected`], which tells it.
    UntilTold,
    /// It has taken it. Until it, or its driver, goes on: asks for the next event or for the outbox.
    UntilAnswered,
}

impl Wire {
    pub(super) fn new(config: &ClientConfig, now: Timestamp) -> Self {
        let limits = ServerLimits::default();
        let mut framing = Framing::new(config.maximum_packet_size as usize);
        framing.set_oversize(match config.oversize {
            Oversize::Discard => Framed::Skip,
            Oversize::Disconnect => Framed::Refuse,
        });
        let is_bounded_by_protocol = config.version == ProtocolVersion::V5;
        Self {
            framing,
            link: Link::new(link_settings(config, &limits)),
            opened: now,
            last_sent: now,
            last_received: now,
            was_paused: false,
            reading_since: now,
            sent_position: 0,
            settled_taken: 0,
            ping_sent: None,
            pings_due: 0,
            keep_alive: config.keep_alive,
            session_expiry: config.session_expiry,
            clean_start: config.clean_start,
            limits,
            authentication_due: false,
            reauthenticating: false,
            hold: Hold::Nothing,
            unacknowledged_maximum: if is_bounded_by_protocol {
                usize::MAX
            } else {
                config.receive_maximum.max(1).into()
            },
        }
    }

    pub(super) fn owes_too_much(&self, session: &Session) -> bool {
        session.unacknowledged() >= self.unacknowledged_maximum
    }
}

fn link_settings(config: &ClientConfig, limits: &ServerLimits) -> LinkSettings {
    LinkSettings {
        version: config.version,
        send_maximum: config.inflight_maximum.max(1).min(limits.receive_maximum),
        peer_packet_size: limits.maximum_packet_size as usize,
        outbound_aliases: config.outbound_topic_aliases.min(limits.topic_alias_maximum),
        peer_maximum_qos: limits.maximum_qos,
        peer_retains: limits.retain_available,
        receive_maximum: config.receive_maximum.max(1),
        inbound_aliases: config.topic_alias_maximum,
        outbox_bytes: config.outbox_bytes.max(1),
        // On 5.0 nothing is ever sent again on a live connection [MQTT-4.4.0-1] (5.0).
        retransmit_after: config
            .retransmit_after
            .filter(|after| config.version < ProtocolVersion::V5 && !after.is_zero()),
    }
}

impl Client {
    /// The transport that was asked for is open: CONNECT goes out.
    /// [MQTT-3.1.0-1] (both versions)
    // Rare: its place on the stack must not be kept below what each turn of a loop needs. So with others of a connection's ends.
    #[inline(never)]
    pub fn transport_opened(&mut self, now: Timestamp) {
        self.pass(now);
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.outbox.clear();
            self.wire = Wire::new(&self.config, self.now);
            // In 5.0 Clean Start is about the past only; in 3.1.1 it also keeps the session from outliving the connection.
            let is_old = self.config.version < ProtocolVersion::V5;
            let is_first = !self.was_connected || is_old;
            // Without a name there is no session to go on with [MQTT-3.1.3-7] (3.1.1).
            let is_nameless = is_old && self.config.client_id.is_empty();
            // [MQTT-3.1.2-4] (5.0)
            self.wire.clean_start = self.config.clean_start && is_first || is_nameless || self.starts_clean;
            self.phase = Phase::Connecting;
            if let Err(error) = self.write_connect() {
                self.end(DisconnectReason::Unencodable(error), Afterwards::Rest);
            }
        }
        self.settle();
    }

    fn write_connect(&mut self) -> Result<(), packet::EncodeError> {
        let config = &self.config;
        let will_properties = config.will.as_ref().map(|will| {
            let properties = &will.message.properties;
            let mut list = message_properties(properties, properties.message_expiry);
            let delay = whole_seconds(will.delay);
            list.push_some((delay > 0).then_some(Property::WillDelayInterval(delay)));
            list
        });
        let is_v5 = config.version == ProtocolVersion::V5;
        let will = config.will.as_ref().zip(will_properties.as_ref()).map(|(will, list)| packet::Will {
            topic: will.message.topic.as_str(),
            payload: &will.message.payload,
            qos: will.message.qos,
            retain: will.message.retain,
            properties: if is_v5 {
                Properties::new(list.as_slice())
                    .with_user_properties(&will.message.properties.user_properties)
            } else {
                Properties::NONE
            },
        });
        let list = connect_properties(config);
        let connect = Connect {
            version: config.version,
            clean_start: self.wire.clean_start,
            keep_alive: config.keep_alive,
            client_id: self.assigned_client_id.as_ref().unwrap_or(&config.client_id).as_str(),
            will,
            user_name: config.user_name.as_ref().map(Text::as_str),
            password: config.password.as_deref(),
            properties: if is_v5 {
                Properties::new(list.as_slice()).with_user_properties(&config.user_properties)
            } else {
                Properties::NONE
            },
        };
        Packet::Connect(connect).encode_in(config.version, |size| Some(self.outbox.room(size))).map(drop)
    }

    /// CONNACK arrived.
    #[inline(never)]
    pub(super) fn connection_answered(&mut self, connack: &ConnAck<'_>, frame: &Frame<'_>) {
        // [MQTT-3.2.0-2] (5.0)
        if self.phase != Phase::Connecting {
            return self.misbehaved(Violation::UnexpectedPacket(packet::PacketType::ConnAck));
        }
        let properties = &connack.properties;
        if connack.reason.is_error() {
            return self.fail(DisconnectReason::Refused(server_words(connack.reason, properties)), None);
        }
        let method =
            self.config.authentication.as_ref().map(|authentication| authentication.method.as_bytes());
        if properties.authentication_method().is_some_and(|named| Some(named.as_bytes()) != method) {
            return self.misbehaved(Violation::AuthenticationMethodChanged);
        }
        let limits = server_limits(properties);
        // [MQTT-3.2.2-15] (5.0)
        if (limits.maximum_packet_size as usize) < SMALLEST_PACKET_SIZE {
            return self.fail(DisconnectReason::AnswerTooLarge, None);
        }
        let Some(session_present) = self.judge_session_present(connack.session_present) else { return };
        self.wire.limits = limits;
        self.wire.link = Link::new(link_settings(&self.config, &limits));
        // [MQTT-3.1.2-21] [MQTT-3.2.2-21] (5.0)
        self.wire.keep_alive = properties.server_keep_alive().unwrap_or(self.config.keep_alive);
        self.wire.session_expiry = properties.session_expiry_interval().unwrap_or(self.config.session_expiry);
        let assigned_client_id = properties.assigned_client_identifier().map(text);
        if self.config.client_id.is_empty() && assigned_client_id.is_some() {
            self.assigned_client_id.clone_from(&assigned_client_id);
        }
        self.enter_session(session_present);
        let connected = Connected {
            session_present,
            assigned_client_id,
            keep_alive: self.wire.keep_alive,
            session_expiry: self.wire.session_expiry,
            limits,
            response_information: properties.response_information().map(text),
            server_reference: properties.server_reference().map(text),
            reason_string: properties.reason_string().map(text),
            authentication_data: properties.authentication_data().map(Bytes::copy_from_slice),
            user_properties: properties.to_user_properties(|part| frame.share(part)),
        };
        self.emit(ClientEvent::Connected(Box::new(connected)));
    }

    /// Whether the server has our session; `None` if its word ends the connection.
    fn judge_session_present(&mut self, session_present: bool) -> Option<bool> {
        let is_strict = self.config.profile == Profile::Strict;
        if session_present && self.wire.clean_start {
            // [MQTT-3.2.2-1] (3.1.1) [MQTT-3.2.2-2] (5.0)
            self.deviates(Deviation::SessionPresentAfterCleanStart, Violation::SessionPresent);
            return (!is_strict).then_some(false);
        }
        let is_v5 = self.config.version == ProtocolVersion::V5;
        if session_present && !self.has_session && is_strict && is_v5 {
            // [MQTT-3.2.2-4] (5.0): we have nothing that belongs to this session. It may be our own, if the CONNACK of an
            // earlier attempt was lost: the next attempt drops it.
            self.starts_clean = true;
            self.misbehaved(Violation::SessionPresent);
            return None;
        }
        Some(session_present)
    }

    /// Goes on with the session, or drops what a server has lost [MQTT-3.2.2-5] (5.0).
    /// [MQTT-3.1.2-4] [MQTT-3.1.2-6] (3.1.1)
    fn enter_session(&mut self, session_present: bool) {
        if !session_present && self.has_session {
            self.session.lose(self.config.lost_session, &mut self.fates);
            self.resubscribe();
            self.wire.hold = Hold::UntilTold;
        }
        self.has_session = true;
        self.was_connected = true;
        self.starts_clean = false;
        self.session.begin(&mut self.wire.link);
        self.phase = Phase::Connected;
    }

    /// AUTH arrived (5.0 section 4.12).
    /// [MQTT-4.12.0-5] [MQTT-4.12.0-6] (5.0)
    pub(super) fn authentication_answered(&mut self, auth: &Auth<'_>) {
        let Some(authentication) = &self.config.authentication else {
            return self.misbehaved(Violation::UnexpectedAuthentication);
        };
        let named = auth.properties.authentication_method();
        if named.is_some_and(|method| method.as_bytes() != authentication.method.as_bytes()) {
            return self.misbehaved(Violation::AuthenticationMethodChanged);
        }
        // The server ends the first exchange with CONNACK, a later one with AUTH and success; it never starts one.
        let goes_on = auth.reason == ReasonCode::ContinueAuthentication;
        let is_last = auth.reason == ReasonCode::Success;
        let is_expected =
            goes_on && self.phase == Phase::Connecting || (goes_on || is_last) && self.wire.reauthenticating;
        // Each step is answered before the next one.
        if !is_expected || self.wire.authentication_due {
            return self.misbehaved(Violation::UnexpectedAuthentication);
        }
        self.wire.authentication_due = goes_on;
        self.wire.reauthenticating &= self.wire.authentication_due;
        let data = auth.properties.authentication_data().map(Bytes::copy_from_slice);
        self.emit(ClientEvent::Authentication { reason: auth.reason, data });
    }

    /// Answers [`ClientEvent::Authentication`] with the method's next data (AUTH 0x18). Of no effect if the server doesn't wait
    /// for it.
    /// [MQTT-4.12.0-3] (5.0)
    pub fn authenticate(&mut self, data: Option<Bytes>, now: Timestamp) {
        self.pass(now);
        if self.wire.authentication_due && matches!(self.phase, Phase::Connecting | Phase::Connected) {
            self.wire.authentication_due = false;
            self.write_auth(ReasonCode::ContinueAuthentication, data);
        }
        self.settle();
    }

    /// Starts a re-authentication on the live connection (AUTH 0x19, 5.0 section 4.12.1). Of no effect while not connected, without an
    /// authentication method, or while one runs.
    /// [MQTT-4.12.0-7] [MQTT-4.12.1-1] (5.0)
    pub fn reauthenticate(&mut self, data: Option<Bytes>, now: Timestamp) {
        self.pass(now);
        let is_possible = self.config.version == ProtocolVersion::V5 && self.config.authentication.is_some();
        if self.is_connected() && is_possible && !self.wire.reauthenticating {
            self.wire.reauthenticating = true;
            self.write_auth(ReasonCode::ReAuthenticate, data);
        }
        self.settle();
    }

    /// [MQTT-3.15.2-2] [MQTT-3.15.2-3] [MQTT-4.12.0-5] (5.0)
    fn write_auth(&mut self, reason: ReasonCode, data: Option<Bytes>) {
        let Some(authentication) = &self.config.authentication else { return };
        let mut list = PropertyList::<2>::new();
        list.push(Property::AuthenticationMethod(authentication.method.as_str()));
        list.push_some(data.as_deref().map(Property::AuthenticationData));
        let auth = Packet::Auth(Auth { reason, properties: Properties::new(list.as_slice()) });
        if let Err(error) = auth.size(self.config.version) {
            self.end(DisconnectReason::Unencodable(error), Afterwards::Rest);
        } else if !self.wire.link.write(&auth, &mut self.outbox) {
            self.end(DisconnectReason::Unencodable(packet::EncodeError::TooLarge), Afterwards::Rest);
        }
    }
}

/// The properties of CONNECT that differ from what their absence means.
fn connect_properties(config: &ClientConfig) -> PropertyList<'_, 8> {
    let mut list = PropertyList::new();
    list.push_some(
        (config.session_expiry > 0).then_some(Property::SessionExpiryInterval(config.session_expiry)),
    );
    let receive_maximum = config.receive_maximum.max(1);
    list.push_some((receive_maximum < u16::MAX).then_some(Property::ReceiveMaximum(receive_maximum)));
    list.push(Property::MaximumPacketSize(config.maximum_packet_size.max(1)));
    list.push_some(
        (config.topic_alias_maximum > 0).then_some(Property::TopicAliasMaximum(config.topic_alias_maximum)),
    );
    list.push_some(config.request_response_information.then_some(Property::RequestResponseInformation(true)));
    list.push_some(
        (!config.request_problem_information).then_some(Property::RequestProblemInformation(false)),
    );
    if let Some(authentication) = &config.authentication {
        list.push(Property::AuthenticationMethod(authentication.method.as_str()));
        list.push_some(authentication.data.as_deref().map(Property::AuthenticationData));
    }
    list
}

fn server_limits(properties: &Properties<'_>) -> ServerLimits {
    let default = ServerLimits::default();
    ServerLimits {
        receive_maximum: properties.receive_maximum().unwrap_or(default.receive_maximum),
        maximum_packet_size: properties.maximum_packet_size().unwrap_or(default.maximum_packet_size),
        topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(default.topic_alias_maximum),
        maximum_qos: properties.maximum_qos().unwrap_or(QoS::ExactlyOnce),
        retain_available: properties.retain_available().unwrap_or(default.retain_available),
        wildcard_subscriptions: properties
            .wildcard_subscription_available()
            .unwrap_or(default.wildcard_subscriptions),
        subscription_identifiers: properties
            .subscription_identifier_available()
            .unwrap_or(default.subscription_identifiers),
        shared_subscriptions: properties
            .shared_subscription_available()
            .unwrap_or(default.shared_subscriptions),
    }
}

/// What a refusing CONNACK or a DISCONNECT says.
pub(super) fn server_words(reason: ReasonCode, properties: &Properties<'_>) -> ServerWords {
    ServerWords {
        reason,
        reason_string: properties.reason_string().map(text),
        server_reference: properties.server_reference().map(text),
    }
}
