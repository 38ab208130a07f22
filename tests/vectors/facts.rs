//! A decoded packet as facts, in the names of the vectors.

use std::borrow::Cow;

use mqtt_engine::{
    QoS,
    packet::{Connect, Packet, Properties, Property, ProtocolVersion, ReasonCode, Subscription},
};

/// A field's path and value.
pub(crate) type Fact<'a> = (String, Cow<'a, [u8]>);

/// The facts of a packet, sorted by path; fields of one path stay in their order.
pub(crate) fn facts<'a>(packet: &Packet<'a>, version: ProtocolVersion) -> Vec<Fact<'a>> {
    let mut facts = List { facts: Vec::new(), version };
    facts.packet(packet);
    facts.facts.sort_by(|(one, _), (other, _)| one.cmp(other));
    facts.facts
}

struct List<'a> {
    facts: Vec<Fact<'a>>,
    version: ProtocolVersion,
}

impl<'a> List<'a> {
    fn text(&mut self, path: &str, value: impl ToString) {
        self.facts.push((path.to_owned(), value.to_string().into_bytes().into()));
    }

    fn bytes(&mut self, path: &str, value: &'a [u8]) {
        self.facts.push((path.to_owned(), value.into()));
    }

    fn packet(&mut self, packet: &Packet<'a>) {
        let command = format!("{}", packet.packet_type()).to_lowercase();
        self.text("cmd", command);
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::ConnAck(connack) => {
                self.text("sessionPresent", connack.session_present);
                if self.version == ProtocolVersion::V5 {
                    self.reason(connack.reason);
                } else {
                    self.text("returnCode", return_code(connack.reason));
                }
                self.properties("", connack.properties);
            }
            Packet::Publish(publish) => {
                self.text("dup", publish.duplicate);
                self.text("qos", publish.qos as u8);
                self.text("retain", publish.retain);
                self.text("topic", publish.topic);
                if let Some(id) = publish.packet_id {
                    self.text("messageId", id.get());
                }
                self.properties("", publish.properties);
                self.bytes("payload", publish.payload);
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
                self.text("messageId", ack.packet_id.get());
                self.reason(ack.reason);
                self.properties("", ack.properties);
            }
            Packet::Subscribe(subscribe) => {
                self.text("messageId", subscribe.packet_id.get());
                for (number, subscription) in subscribe.filters.iter().enumerate() {
                    self.subscription(number, &subscription);
                }
                self.properties("", subscribe.properties);
            }
            Packet::SubAck(suback) => {
                self.text("messageId", suback.packet_id.get());
                suback.reasons.iter().for_each(|reason| self.text("granted", reason.as_u8()));
                self.properties("", suback.properties);
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.text("messageId", unsubscribe.packet_id.get());
                unsubscribe.filters.iter().for_each(|filter| self.text("unsubscriptions", filter));
                self.properties("", unsubscribe.properties);
            }
            Packet::UnsubAck(unsuback) => {
                self.text("messageId", unsuback.packet_id.get());
                unsuback.reasons.iter().for_each(|reason| self.text("granted", reason.as_u8()));
                self.properties("", unsuback.properties);
            }
            Packet::PingReq | Packet::PingResp => {}
            Packet::Disconnect(disconnect) => {
                self.reason(disconnect.reason);
                self.properties("", disconnect.properties);
            }
            Packet::Auth(auth) => {
                self.reason(auth.reason);
                self.properties("", auth.properties);
            }
        }
    }

    fn connect(&mut self, connect: &Connect<'a>) {
        self.text("protocolVersion", connect.version as u8);
        self.text("clean", connect.clean_start);
        self.text("keepalive", connect.keep_alive);
        self.text("clientId", connect.client_id);
        self.properties("", connect.properties);
        if let Some(will) = &connect.will {
            self.text("will.retain", will.retain);
            self.text("will.qos", will.qos as u8);
            self.text("will.topic", will.topic);
            self.bytes("will.payload", will.payload);
            self.properties("will.", will.properties);
        }
        if let Some(user_name) = connect.user_name {
            self.text("username", user_name);
        }
        if let Some(password) = connect.password {
            self.bytes("password", password);
        }
    }

    fn subscription(&mut self, number: usize, subscription: &Subscription<'a>) {
        let at = format!("subscriptions.{number}");
        self.text(&format!("{at}.topic"), subscription.filter);
        self.text(&format!("{at}.qos"), subscription.qos as u8);
        if self.version == ProtocolVersion::V5 {
            self.text(&format!("{at}.nl"), subscription.no_local);
            self.text(&format!("{at}.rap"), subscription.retain_as_published);
            self.text(&format!("{at}.rh"), subscription.retain_handling as u8);
        }
    }

    fn reason(&mut self, reason: ReasonCode) {
        if self.version == ProtocolVersion::V5 {
            self.text("reasonCode", reason.as_u8());
        }
    }

    fn properties(&mut self, before: &str, properties: Properties<'a>) {
        for property in properties.iter() {
            let (name, value) = name_and_value(&property);
            self.facts.push((format!("{before}properties.{name}"), value));
        }
    }
}

/// 3.1.1's number for what a CONNACK says (3.1.1 section 3.2.2.3).
fn return_code(reason: ReasonCode) -> u8 {
    let codes = [
        ReasonCode::Success,
        ReasonCode::UnsupportedProtocolVersion,
        ReasonCode::ClientIdentifierNotValid,
        ReasonCode::ServerUnavailable,
        ReasonCode::BadUserNameOrPassword,
        ReasonCode::NotAuthorized,
    ];
    u8::try_from(codes.iter().position(|code| *code == reason).unwrap()).unwrap()
}

fn name_and_value<'a>(property: &Property<'a>) -> (&'static str, Cow<'a, [u8]>) {
    let number = |value: u32| Cow::from(value.to_string().into_bytes());
    let flag = |value: bool| Cow::from(value.to_string().into_bytes());
    let text = |value: &'a str| Cow::from(value.as_bytes());
    match *property {
        Property::PayloadFormatIndicator(format) => ("payloadFormatIndicator", flag(format as u8 == 1)),
        Property::MessageExpiryInterval(seconds) => ("messageExpiryInterval", number(seconds)),
        Property::ContentType(value) => ("contentType", text(value)),
        Property::ResponseTopic(value) => ("responseTopic", text(value)),
        Property::CorrelationData(value) => ("correlationData", value.into()),
        Property::SubscriptionIdentifier(value) => ("subscriptionIdentifier", number(value)),
        Property::SessionExpiryInterval(seconds) => ("sessionExpiryInterval", number(seconds)),
        Property::AssignedClientIdentifier(value) => ("assignedClientIdentifier", text(value)),
        Property::ServerKeepAlive(seconds) => ("serverKeepAlive", number(seconds.into())),
        Property::AuthenticationMethod(value) => ("authenticationMethod", text(value)),
        Property::AuthenticationData(value) => ("authenticationData", value.into()),
        Property::RequestProblemInformation(value) => ("requestProblemInformation", flag(value)),
        Property::WillDelayInterval(seconds) => ("willDelayInterval", number(seconds)),
        Property::RequestResponseInformation(value) => ("requestResponseInformation", flag(value)),
        Property::ResponseInformation(value) => ("responseInformation", text(value)),
        Property::ServerReference(value) => ("serverReference", text(value)),
        Property::ReasonString(value) => ("reasonString", text(value)),
        Property::ReceiveMaximum(value) => ("receiveMaximum", number(value.into())),
        Property::TopicAliasMaximum(value) => ("topicAliasMaximum", number(value.into())),
        Property::TopicAlias(value) => ("topicAlias", number(value.into())),
        Property::MaximumQoS(value) => ("maximumQoS", number((value as u8).into())),
        Property::RetainAvailable(value) => ("retainAvailable", flag(value)),
        Property::UserProperty(name, value) => {
            ("userProperties", format!("{name}:{value}").into_bytes().into())
        }
        Property::MaximumPacketSize(value) => ("maximumPacketSize", number(value)),
        Property::WildcardSubscriptionAvailable(value) => ("wildcardSubscriptionAvailable", flag(value)),
        Property::SubscriptionIdentifierAvailable(value) => ("subscriptionIdentifiersAvailable", flag(value)),
        Property::SharedSubscriptionAvailable(value) => ("sharedSubscriptionAvailable", flag(value)),
    }
}

/// Written out so that a change of the type's numbers is noticed here.
const _: () =
    assert!(QoS::AtMostOnce as u8 == 0 && QoS::AtLeastOnce as u8 == 1 && QoS::ExactlyOnce as u8 == 2);
