//! Conversations as tables: who says what, and which rules the judged party breaks.

use core::time::Duration;

use mqtt_engine::{
    QoS, Timestamp,
    packet::{
        Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, Properties, Property,
        ProtocolVersion, Publish, ReasonCode, ReasonCodes, SubAck, Subscribe, Subscription, TopicFilters,
        UnsubAck, Unsubscribe, Will,
    },
};
use mqtt_engine_sim::checker::{Checker, Role, Rule, Settings, Violation};

pub const V31: ProtocolVersion = ProtocolVersion::V3_1;
pub const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
pub const V5: ProtocolVersion = ProtocolVersion::V5;
pub const VERSIONS: [ProtocolVersion; 2] = [V3, V5];
/// Every party in every version.
pub const ALL: [(Role, ProtocolVersion); 4] =
    [(Role::Client, V3), (Role::Client, V5), (Role::Server, V3), (Role::Server, V5)];

#[derive(Clone, Debug)]
enum Step {
    Open(u64),
    Write(u64, Vec<u8>),
    Read(u64, Vec<u8>),
    Close(u64),
    Pass(Duration),
    Forget,
    Settle,
}

/// A conversation, as the judged party sees it.
#[derive(Clone, Debug)]
pub struct Talk {
    pub name: &'static str,
    pub role: Role,
    pub version: ProtocolVersion,
    pub settings: Settings,
    pub expected: Vec<Rule>,
    link: u64,
    steps: Vec<Step>,
}

impl Talk {
    pub fn new(name: &'static str, role: Role, version: ProtocolVersion) -> Self {
        let (settings, expected) = (Settings::default(), Vec::new());
        Self { name, role, version, settings, expected, link: 1, steps: vec![Step::Open(1)] }
    }

    /// A 5.0 conversation.
    pub fn v5(name: &'static str, role: Role) -> Self {
        Self::new(name, role, V5)
    }

    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The judged party writes a packet.
    pub fn me(self, packet: &Packet<'_>) -> Self {
        let bytes = encode(packet, self.version);
        self.me_bytes(&bytes)
    }

    /// It reads one.
    pub fn peer(self, packet: &Packet<'_>) -> Self {
        let bytes = encode(packet, self.version);
        self.peer_bytes(&bytes)
    }

    pub fn me_bytes(mut self, bytes: &[u8]) -> Self {
        self.steps.push(Step::Write(self.link, bytes.to_vec()));
        self
    }

    pub fn peer_bytes(mut self, bytes: &[u8]) -> Self {
        self.steps.push(Step::Read(self.link, bytes.to_vec()));
        self
    }

    /// The client sends a packet, whoever is judged.
    pub fn client(self, packet: &Packet<'_>) -> Self {
        if self.role == Role::Client { self.me(packet) } else { self.peer(packet) }
    }

    pub fn server(self, packet: &Packet<'_>) -> Self {
        if self.role == Role::Server { self.me(packet) } else { self.peer(packet) }
    }

    /// A connection with a session that may go on, and no limits.
    pub fn connected(self) -> Self {
        let version = self.version;
        self.client(&connect(version)).server(&accepted(false))
    }

    /// The same in 5.0 with properties in CONNECT or CONNACK: in those of the peer, or of the party.
    pub fn limited(self, peer: &[Property<'_>], own: &[Property<'_>]) -> Self {
        let (of_client, of_server) = if self.role == Role::Client { (own, peer) } else { (peer, own) };
        self.client(&connect_with(of_client)).server(&connack(ReasonCode::Success, of_server))
    }

    /// The connection breaks, and another one goes on with the session or not.
    pub fn reconnected(self, session_present: bool) -> Self {
        let version = self.version;
        self.broken().client(&connect(version)).server(&accepted(session_present))
    }

    /// The connection breaks, and another one begins.
    pub fn broken(mut self) -> Self {
        self.steps.push(Step::Close(self.link));
        self.again()
    }

    /// Another connection begins beside the present one.
    pub fn again(mut self) -> Self {
        self.link += 1;
        self.steps.push(Step::Open(self.link));
        self
    }

    /// What follows is on this connection.
    pub fn on(mut self, link: u64) -> Self {
        self.link = link;
        self
    }

    pub fn closed(mut self) -> Self {
        self.steps.push(Step::Close(self.link));
        self
    }

    pub fn pass(mut self, millis: u64) -> Self {
        self.steps.push(Step::Pass(Duration::from_millis(millis)));
        self
    }

    pub fn forgets(mut self) -> Self {
        self.steps.push(Step::Forget);
        self
    }

    pub fn settles(mut self) -> Self {
        self.steps.push(Step::Settle);
        self
    }

    pub fn breaks(mut self, rules: &[Rule]) -> Self {
        self.expected = rules.to_vec();
        self
    }

    /// Plays it, a microsecond for each step, with the streams in pieces of at most `piece` bytes.
    pub fn play(&self, piece: usize) -> (Checker, Vec<Violation>) {
        let mut checker = Checker::with_settings(self.role, self.settings.clone());
        let mut now = Timestamp::from_secs(100);
        for step in &self.steps {
            now = now + Duration::from_micros(1);
            match step {
                Step::Open(link) => checker.opened(*link, now),
                Step::Write(link, bytes) => {
                    bytes.chunks(piece).for_each(|part| checker.wrote(*link, part, now));
                }
                Step::Read(link, bytes) => {
                    bytes.chunks(piece).for_each(|part| checker.read(*link, part, now));
                }
                Step::Close(link) => checker.closed(*link, now),
                Step::Pass(span) => {
                    now = now + *span;
                    checker.time(now);
                }
                Step::Forget => checker.forgot(now),
                Step::Settle => checker.settled(now),
            }
        }
        let violations = checker.violations();
        (checker, violations)
    }

    /// All bytes of it, with the connection and whether the party wrote them.
    pub fn bytes(&self) -> impl Iterator<Item = (u64, bool, &[u8])> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write(link, bytes) => Some((*link, true, &bytes[..])),
            Step::Read(link, bytes) => Some((*link, false, &bytes[..])),
            Step::Open(_) | Step::Close(_) | Step::Pass(_) | Step::Forget | Step::Settle => None,
        })
    }
}

pub fn encode(packet: &Packet<'_>, version: ProtocolVersion) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).unwrap();
    bytes
}

pub fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// A CONNECT whose session may go on.
pub fn connect_of(version: ProtocolVersion) -> Connect<'static> {
    const FOR_EVER: &[Property<'static>] = &[Property::SessionExpiryInterval(u32::MAX)];
    let properties = if version == V5 { Properties::new(FOR_EVER) } else { Properties::NONE };
    Connect {
        version,
        clean_start: false,
        keep_alive: 0,
        client_id: "c",
        will: None,
        user_name: None,
        password: None,
        properties,
    }
}

pub fn connect(version: ProtocolVersion) -> Packet<'static> {
    Packet::Connect(connect_of(version))
}

pub fn clean(version: ProtocolVersion) -> Packet<'static> {
    Packet::Connect(Connect { clean_start: true, ..connect_of(version) })
}

pub fn connect_with<'a>(list: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Connect(Connect { properties: Properties::new(list), ..connect_of(V5) })
}

pub fn with_keep_alive(version: ProtocolVersion, keep_alive: u16) -> Packet<'static> {
    Packet::Connect(Connect { keep_alive, ..connect_of(version) })
}

pub fn nameless(version: ProtocolVersion, clean_start: bool) -> Packet<'static> {
    Packet::Connect(Connect { client_id: "", clean_start, ..connect_of(version) })
}

pub fn with_will(qos: QoS, retain: bool) -> Packet<'static> {
    let will = Will { topic: "w", payload: b"", qos, retain, properties: Properties::NONE };
    Packet::Connect(Connect { will: Some(will), ..connect_of(V5) })
}

pub fn accepted(session_present: bool) -> Packet<'static> {
    let (reason, properties) = (ReasonCode::Success, Properties::NONE);
    Packet::ConnAck(ConnAck { session_present, reason, properties })
}

pub fn connack<'a>(reason: ReasonCode, list: &'a [Property<'a>]) -> Packet<'a> {
    Packet::ConnAck(ConnAck { session_present: false, reason, properties: Properties::new(list) })
}

pub fn refused() -> Packet<'static> {
    connack(ReasonCode::NotAuthorized, &[])
}

pub fn resumed<'a>(list: &'a [Property<'a>]) -> Packet<'a> {
    let (reason, properties) = (ReasonCode::Success, Properties::new(list));
    Packet::ConnAck(ConnAck { session_present: true, reason, properties })
}

/// A message with its number, or 0 for QoS 0, which is its payload, too.
pub fn message(number: u16, qos: QoS) -> Publish<'static> {
    const PAYLOADS: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
    Publish {
        duplicate: false,
        qos,
        retain: false,
        topic: "t",
        packet_id: PacketId::new(number),
        properties: Properties::NONE,
        payload: PAYLOADS[usize::from(number % 10)],
    }
}

pub fn qos0() -> Packet<'static> {
    Packet::Publish(message(0, QoS::AtMostOnce))
}

pub fn qos1(number: u16) -> Packet<'static> {
    Packet::Publish(message(number, QoS::AtLeastOnce))
}

pub fn qos2(number: u16) -> Packet<'static> {
    Packet::Publish(message(number, QoS::ExactlyOnce))
}

pub fn dup(packet: &Packet<'static>) -> Packet<'static> {
    let Packet::Publish(publish) = *packet else { panic!("a PUBLISH") };
    Packet::Publish(Publish { duplicate: true, ..publish })
}

/// Another message under the same identifier.
pub fn other(packet: &Packet<'static>) -> Packet<'static> {
    let Packet::Publish(publish) = *packet else { panic!("a PUBLISH") };
    Packet::Publish(Publish { payload: b"other", ..publish })
}

pub fn aliased<'a>(topic: &'a str, alias: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Publish(Publish { topic, properties: Properties::new(alias), ..message(0, QoS::AtMostOnce) })
}

pub fn puback(number: u16) -> Packet<'static> {
    Packet::PubAck(Ack::new(id(number), ReasonCode::Success))
}

pub fn pubrec(number: u16) -> Packet<'static> {
    Packet::PubRec(Ack::new(id(number), ReasonCode::Success))
}

pub fn pubrec_error(number: u16) -> Packet<'static> {
    Packet::PubRec(Ack::new(id(number), ReasonCode::QuotaExceeded))
}

pub fn pubrel(number: u16) -> Packet<'static> {
    Packet::PubRel(Ack::new(id(number), ReasonCode::Success))
}

pub fn pubcomp(number: u16) -> Packet<'static> {
    Packet::PubComp(Ack::new(id(number), ReasonCode::Success))
}

pub fn subscribe(number: u16, filters: &'static [Subscription<'static>]) -> Packet<'static> {
    let properties = Properties::NONE;
    Packet::Subscribe(Subscribe { packet_id: id(number), properties, filters: Filters::new(filters) })
}

/// To one filter, with QoS 1.
pub fn subscribe_one(number: u16) -> Packet<'static> {
    const ONE: &[Subscription<'static>] = &[Subscription::new("t", QoS::AtLeastOnce)];
    subscribe(number, ONE)
}

pub fn identified(number: u16, list: &'static [Property<'static>]) -> Packet<'static> {
    const ONE: &[Subscription<'static>] = &[Subscription::new("t", QoS::AtLeastOnce)];
    let (packet_id, properties) = (id(number), Properties::new(list));
    Packet::Subscribe(Subscribe { packet_id, properties, filters: Filters::new(ONE) })
}

pub fn suback(number: u16, codes: &'static [ReasonCode]) -> Packet<'static> {
    let (packet_id, properties) = (id(number), Properties::NONE);
    Packet::SubAck(SubAck { packet_id, properties, reasons: ReasonCodes::new(codes) })
}

pub fn granted(number: u16) -> Packet<'static> {
    suback(number, &[ReasonCode::GrantedQoS1])
}

pub fn unsubscribe(number: u16) -> Packet<'static> {
    let (packet_id, properties) = (id(number), Properties::NONE);
    Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: TopicFilters::new(&["t"]) })
}

pub fn unsuback(number: u16, codes: &'static [ReasonCode]) -> Packet<'static> {
    let (packet_id, properties) = (id(number), Properties::NONE);
    Packet::UnsubAck(UnsubAck { packet_id, properties, reasons: ReasonCodes::new(codes) })
}

pub fn unsubscribed(number: u16) -> Packet<'static> {
    unsuback(number, &[ReasonCode::Success])
}

pub fn disconnect() -> Packet<'static> {
    disconnect_with(ReasonCode::Success, &[])
}

pub fn disconnect_with<'a>(reason: ReasonCode, list: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Disconnect(Disconnect { reason, properties: Properties::new(list) })
}

pub fn auth<'a>(reason: ReasonCode, list: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Auth(Auth { reason, properties: Properties::new(list) })
}
