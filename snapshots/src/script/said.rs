//! The packets of a script: what it sends, and what it expects.

use mqtt_engine::{
    QoS,
    packet::{
        Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, PacketType, Properties, Property,
        ProtocolVersion, Publish, ReasonCode, ReasonCodes, SubAck, Subscribe, Subscription, TopicFilters,
        UnsubAck, Unsubscribe, Will,
    },
};

/// A packet, or any other bytes, that a script sends or expects. It becomes bytes in the version of its flow; 3.1.1 has no
/// properties, so there they are left out, and reasons of acknowledgements with them.
///
/// ```
/// use mqtt_engine::packet::ProtocolVersion;
/// use mqtt_engine_diary::script::publish;
///
/// let again = publish("led", "on").qos1(1).dup();
/// assert_eq!(again.wire(ProtocolVersion::V3_1_1)[0], 0x3A);
/// ```
#[derive(Clone, Debug)]
pub struct Said {
    form: Form,
    properties: Vec<Property<'static>>,
}

#[derive(Clone, Debug)]
enum Form {
    Connect(ConnectForm),
    ConnAck { session_present: bool, reason: ReasonCode },
    Publish(PublishForm),
    Ack { kind: PacketType, id: u16, reason: ReasonCode },
    Subscribe { id: u16, filters: Vec<Subscription<'static>> },
    SubAck { id: u16, reasons: Vec<ReasonCode> },
    Unsubscribe { id: u16, filters: Vec<&'static str> },
    UnsubAck { id: u16, reasons: Vec<ReasonCode> },
    PingReq,
    PingResp,
    Disconnect(ReasonCode),
    Auth(ReasonCode),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
struct ConnectForm {
    client_id: &'static str,
    clean_start: bool,
    keep_alive: u16,
    will: Option<Will<'static>>,
    will_properties: Vec<Property<'static>>,
    user: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
struct PublishForm {
    duplicate: bool,
    qos: QoS,
    retain: bool,
    topic: String,
    id: Option<u16>,
    payload: Vec<u8>,
}

/// CONNECT with a clean start and no keep alive.
#[must_use]
pub fn connect(client_id: &'static str) -> Said {
    let (will, will_properties, user) = (None, Vec::new(), None);
    Said::new(Form::Connect(ConnectForm {
        client_id,
        clean_start: true,
        keep_alive: 0,
        will,
        will_properties,
        user,
    }))
}

/// CONNACK that accepts.
#[must_use]
pub fn connack(session_present: bool) -> Said {
    Said::new(Form::ConnAck { session_present, reason: ReasonCode::Success })
}

/// CONNACK that refuses. In 3.1.1 the reason is one of its return codes.
#[must_use]
pub fn refusal(reason: ReasonCode) -> Said {
    Said::new(Form::ConnAck { session_present: false, reason })
}

/// PUBLISH with QoS 0.
#[must_use]
pub fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Said {
    let (topic, payload) = (topic.into(), payload.as_ref().into());
    let (duplicate, qos, retain) = (false, QoS::AtMostOnce, false);
    Said::new(Form::Publish(PublishForm { duplicate, qos, retain, topic, id: None, payload }))
}

/// PUBACK of success.
#[must_use]
pub fn puback(id: u16) -> Said {
    Said::ack(PacketType::PubAck, id)
}

/// PUBREC of success.
#[must_use]
pub fn pubrec(id: u16) -> Said {
    Said::ack(PacketType::PubRec, id)
}

/// PUBREL of success.
#[must_use]
pub fn pubrel(id: u16) -> Said {
    Said::ack(PacketType::PubRel, id)
}

/// PUBCOMP of success.
#[must_use]
pub fn pubcomp(id: u16) -> Said {
    Said::ack(PacketType::PubComp, id)
}

/// SUBSCRIBE without a filter; [`filter`](Said::filter) adds one.
#[must_use]
pub fn subscribe(id: u16) -> Said {
    Said::new(Form::Subscribe { id, filters: Vec::new() })
}

/// SUBACK with a code for each filter.
#[must_use]
pub fn suback(id: u16, reasons: &[ReasonCode]) -> Said {
    Said::new(Form::SubAck { id, reasons: reasons.into() })
}

/// UNSUBSCRIBE.
#[must_use]
pub fn unsubscribe(id: u16, filters: &[&'static str]) -> Said {
    Said::new(Form::Unsubscribe { id, filters: filters.into() })
}

/// UNSUBACK; 5.0 has a code for each filter.
#[must_use]
pub fn unsuback(id: u16, reasons: &[ReasonCode]) -> Said {
    Said::new(Form::UnsubAck { id, reasons: reasons.into() })
}

/// PINGREQ.
#[must_use]
pub const fn pingreq() -> Said {
    Said::new(Form::PingReq)
}

/// PINGRESP.
#[must_use]
pub const fn pingresp() -> Said {
    Said::new(Form::PingResp)
}

/// DISCONNECT; 3.1.1 has no reasons.
#[must_use]
pub const fn disconnect(reason: ReasonCode) -> Said {
    Said::new(Form::Disconnect(reason))
}

/// AUTH; 5.0 only.
#[must_use]
pub const fn auth(reason: ReasonCode) -> Said {
    Said::new(Form::Auth(reason))
}

/// Any bytes, packets or not.
#[must_use]
pub fn bytes(bytes: &[u8]) -> Said {
    Said::new(Form::Bytes(bytes.into()))
}

impl Said {
    const fn new(form: Form) -> Self {
        Self { form, properties: Vec::new() }
    }

    fn ack(kind: PacketType, id: u16) -> Self {
        Self::new(Form::Ack { kind, id, reason: ReasonCode::Success })
    }

    /// With a property; left out in 3.1.1.
    #[must_use]
    pub fn with(mut self, property: Property<'static>) -> Self {
        self.properties.push(property);
        self
    }

    /// CONNECT: the session is to be resumed.
    #[must_use]
    pub fn resumes(mut self) -> Self {
        self.connect().clean_start = false;
        self
    }

    /// CONNECT: in seconds.
    #[must_use]
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.connect().keep_alive = seconds;
        self
    }

    /// CONNECT: with a will.
    #[must_use]
    pub fn will(mut self, topic: &'static str, payload: &'static str, qos: QoS, retain: bool) -> Self {
        let payload = payload.as_bytes();
        self.connect().will = Some(Will { topic, payload, qos, retain, properties: Properties::NONE });
        self
    }

    /// CONNECT: with a property of the will; left out in 3.1.1.
    #[must_use]
    pub fn will_with(mut self, property: Property<'static>) -> Self {
        self.connect().will_properties.push(property);
        self
    }

    /// CONNECT: with user name and password.
    #[must_use]
    pub fn user(mut self, name: &'static str, password: &'static str) -> Self {
        self.connect().user = Some((name, password));
        self
    }

    fn connect(&mut self) -> &mut ConnectForm {
        let Form::Connect(connect) = &mut self.form else { panic!("only a CONNECT has it") };
        connect
    }

    /// PUBLISH: QoS 1.
    #[must_use]
    pub fn qos1(self, id: u16) -> Self {
        self.numbered(QoS::AtLeastOnce, id)
    }

    /// PUBLISH: QoS 2.
    #[must_use]
    pub fn qos2(self, id: u16) -> Self {
        self.numbered(QoS::ExactlyOnce, id)
    }

    fn numbered(mut self, qos: QoS, id: u16) -> Self {
        let publish = self.publish();
        (publish.qos, publish.id) = (qos, Some(id));
        self
    }

    /// PUBLISH: with the DUP flag.
    #[must_use]
    pub fn dup(mut self) -> Self {
        self.publish().duplicate = true;
        self
    }

    /// PUBLISH: with the RETAIN flag.
    #[must_use]
    pub fn retain(mut self) -> Self {
        self.publish().retain = true;
        self
    }

    fn publish(&mut self) -> &mut PublishForm {
        let Form::Publish(publish) = &mut self.form else { panic!("only a PUBLISH has it") };
        publish
    }

    /// SUBSCRIBE: one more filter.
    #[must_use]
    pub fn filter(self, filter: &'static str, qos: QoS) -> Self {
        self.subscription(Subscription::new(filter, qos))
    }

    /// SUBSCRIBE: one more filter, with its options.
    #[must_use]
    pub fn subscription(mut self, subscription: Subscription<'static>) -> Self {
        let Form::Subscribe { filters, .. } = &mut self.form else {
            panic!("only a SUBSCRIBE has filters, not {self:?}")
        };
        filters.push(subscription);
        self
    }

    /// PUBACK, PUBREC, PUBREL, PUBCOMP: with a reason; left out in 3.1.1.
    #[must_use]
    pub fn reason(mut self, code: ReasonCode) -> Self {
        let Form::Ack { reason, .. } = &mut self.form else {
            panic!("only an acknowledgement has it, not {self:?}")
        };
        *reason = code;
        self
    }

    /// Whether it is a CONNECT.
    #[must_use]
    pub const fn is_connect(&self) -> bool {
        matches!(self.form, Form::Connect(_))
    }

    /// The bytes.
    ///
    /// # Panics
    ///
    /// If there is no such packet.
    #[must_use]
    pub fn wire(&self, version: ProtocolVersion) -> Vec<u8> {
        if let Form::Bytes(bytes) = &self.form {
            return bytes.clone();
        }
        let mut wire = Vec::new();
        let written = self.packet(version).map(|packet| packet.encode(version, &mut wire));
        assert_eq!(written, Some(Ok(())), "{self:?} is no packet");
        wire
    }

    fn packet(&self, version: ProtocolVersion) -> Option<Packet<'_>> {
        let is_v5 = version == ProtocolVersion::V5;
        let properties = if is_v5 { Properties::new(&self.properties) } else { Properties::NONE };
        let spoken = |reason: ReasonCode| if is_v5 { reason } else { ReasonCode::Success };
        Some(match &self.form {
            Form::Connect(connect) => Packet::Connect(connect.packet(version, properties)),
            Form::ConnAck { session_present, reason } => {
                Packet::ConnAck(ConnAck { session_present: *session_present, reason: *reason, properties })
            }
            Form::Publish(publish) => Packet::Publish(publish.packet(properties)),
            Form::Ack { kind, id, reason } => {
                let ack = Ack { packet_id: packet_id(*id), reason: spoken(*reason), properties };
                match kind {
                    PacketType::PubAck => Packet::PubAck(ack),
                    PacketType::PubRec => Packet::PubRec(ack),
                    PacketType::PubRel => Packet::PubRel(ack),
                    PacketType::PubComp => Packet::PubComp(ack),
                    _ => return None,
                }
            }
            Form::Subscribe { id, filters } => {
                let filters = Filters::new(filters);
                Packet::Subscribe(Subscribe { packet_id: packet_id(*id), properties, filters })
            }
            Form::SubAck { id, reasons } => {
                let reasons = ReasonCodes::new(reasons);
                Packet::SubAck(SubAck { packet_id: packet_id(*id), properties, reasons })
            }
            Form::Unsubscribe { id, filters } => {
                let filters = TopicFilters::new(filters);
                Packet::Unsubscribe(Unsubscribe { packet_id: packet_id(*id), properties, filters })
            }
            Form::UnsubAck { id, reasons } => {
                let reasons = ReasonCodes::new(if is_v5 { reasons } else { &[] });
                Packet::UnsubAck(UnsubAck { packet_id: packet_id(*id), properties, reasons })
            }
            Form::PingReq => Packet::PingReq,
            Form::PingResp => Packet::PingResp,
            Form::Disconnect(reason) => {
                Packet::Disconnect(Disconnect { reason: spoken(*reason), properties })
            }
            Form::Auth(reason) => Packet::Auth(Auth { reason: *reason, properties }),
            Form::Bytes(_) => return None,
        })
    }
}

impl ConnectForm {
    fn packet<'a>(&'a self, version: ProtocolVersion, properties: Properties<'a>) -> Connect<'a> {
        let of_will = if version == ProtocolVersion::V5 { &self.will_properties[..] } else { &[] };
        Connect {
            version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: self.client_id,
            will: self.will.map(|will| Will { properties: Properties::new(of_will), ..will }),
            user_name: self.user.map(|(name, _)| name),
            password: self.user.map(|(_, password)| password.as_bytes()),
            properties,
        }
    }
}

impl PublishForm {
    fn packet<'a>(&'a self, properties: Properties<'a>) -> Publish<'a> {
        Publish {
            duplicate: self.duplicate,
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            packet_id: self.id.map(packet_id),
            properties,
            payload: &self.payload,
        }
    }
}

fn packet_id(number: u16) -> PacketId {
    PacketId::new(number).expect("a packet identifier is not 0")
}
