//! Packets in words.

use core::fmt::{self, Display as _, Write as _};

use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, FieldValue, Packet, PacketId, PacketType, Properties, Property,
    Publish, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe,
    Will,
};
use crate::{PayloadFormat, QoS};

/// One line in words, for diaries and logs: `PUBLISH id=1 qos=1 topic="a/b" payload=3 bytes`.
///
/// Passwords and authentication data are told by their length only.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packet_type().fmt(f)?;
        match self {
            Self::Connect(connect) => connect.words(f),
            Self::ConnAck(ack) => ack.words(f),
            Self::Publish(publish) => publish.words(f),
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => ack.words(f),
            Self::Subscribe(subscribe) => subscribe.words(f),
            Self::SubAck(ack) => ack.words(f),
            Self::Unsubscribe(unsubscribe) => unsubscribe.words(f),
            Self::UnsubAck(ack) => ack.words(f),
            Self::PingReq | Self::PingResp => Ok(()),
            Self::Disconnect(disconnect) => disconnect.words(f),
            Self::Auth(auth) => auth.words(f),
        }
    }
}

impl Connect<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} id={:?}", self.version, self.client_id)?;
        if self.clean_start {
            f.write_str(" clean_start")?;
        }
        write!(f, " keep_alive={}", self.keep_alive)?;
        if let Some(will) = &self.will {
            will.words(f)?;
        }
        if let Some(user_name) = self.user_name {
            write!(f, " user_name={user_name:?}")?;
        }
        if let Some(password) = self.password {
            write!(f, " password={} bytes", password.len())?;
        }
        properties(&self.properties, f)
    }
}

impl Will<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " will=(qos={}", self.qos as u8)?;
        if self.retain {
            f.write_str(" retain")?;
        }
        write!(f, " topic={:?} payload={} bytes", self.topic, self.payload.len())?;
        properties(&self.properties, f)?;
        f.write_char(')')
    }
}

impl ConnAck<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} session_present={}", self.reason.words(), self.session_present)?;
        properties(&self.properties, f)
    }
}

impl Publish<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packet_id) = self.packet_id {
            id(packet_id, f)?;
        }
        write!(f, " qos={}", self.qos as u8)?;
        if self.duplicate {
            f.write_str(" dup")?;
        }
        if self.retain {
            f.write_str(" retain")?;
        }
        write!(f, " topic={:?} payload={} bytes", self.topic, self.payload.len())?;
        properties(&self.properties, f)
    }
}

impl Ack<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id(self.packet_id, f)?;
        write!(f, " {}", self.reason.words())?;
        properties(&self.properties, f)
    }
}

impl Subscribe<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id(self.packet_id, f)?;
        for (index, subscription) in self.filters.iter().enumerate() {
            write!(f, "{} {subscription}", if index == 0 { "" } else { "," })?;
        }
        properties(&self.properties, f)
    }
}

/// `"app_topic" qos=0`, and the options of 5.0 where they are not those of 3.1.1.
impl fmt::Display for Subscription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} qos={}", self.filter, self.qos as u8)?;
        if self.no_local {
            f.write_str(" no_local")?;
        }
        if self.retain_as_published {
            f.write_str(" retain_as_published")?;
        }
        if self.retain_handling != RetainHandling::SendAtSubscribe {
            write!(f, " retain_handling={}", self.retain_handling as u8)?;
        }
        Ok(())
    }
}

impl SubAck<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id(self.packet_id, f)?;
        reasons(self.reasons, PacketType::SubAck, f)?;
        properties(&self.properties, f)
    }
}

impl Unsubscribe<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id(self.packet_id, f)?;
        for (index, filter) in self.filters.iter().enumerate() {
            write!(f, "{} {filter:?}", if index == 0 { "" } else { "," })?;
        }
        properties(&self.properties, f)
    }
}

impl UnsubAck<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        id(self.packet_id, f)?;
        reasons(self.reasons, PacketType::UnsubAck, f)?;
        properties(&self.properties, f)
    }
}

impl Disconnect<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.reason == ReasonCode::Success { "normal" } else { self.reason.words() };
        write!(f, " {words}")?;
        properties(&self.properties, f)
    }
}

impl Auth<'_> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.reason.words())?;
        properties(&self.properties, f)
    }
}

fn id(packet_id: PacketId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " id={packet_id}")
}

fn reasons(reasons: ReasonCodes<'_>, packet: PacketType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, reason) in reasons.iter().enumerate() {
        let is_grant = packet == PacketType::SubAck && reason == ReasonCode::Success;
        let words = if is_grant { "granted QoS 0" } else { reason.words() };
        write!(f, "{} {words}", if index == 0 { "" } else { "," })?;
    }
    Ok(())
}

/// ` [topic_alias=1 user_property="a":"b"]`
fn properties(properties: &Properties<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, property) in properties.iter().enumerate() {
        f.write_str(if index == 0 { " [" } else { " " })?;
        property.fmt(f)?;
    }
    f.write_str(if properties.is_empty() { "" } else { "]" })
}

/// `topic_alias=1`; authentication data by its length only.
impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.name().split(' ').enumerate() {
            write!(f, "{}{word}", if index == 0 { "" } else { "_" })?;
        }
        f.write_char('=')?;
        if let Self::AuthenticationData(data) = self {
            return write!(f, "{} bytes", data.len());
        }
        self.value(f)
    }
}

impl Property<'_> {
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PayloadFormatIndicator(PayloadFormat::Unspecified) => f.write_str("bytes"),
            Self::PayloadFormatIndicator(PayloadFormat::Utf8) => f.write_str("text"),
            Self::MessageExpiryInterval(number)
            | Self::SubscriptionIdentifier(number)
            | Self::SessionExpiryInterval(number)
            | Self::WillDelayInterval(number)
            | Self::MaximumPacketSize(number) => number.fmt(f),
            Self::ServerKeepAlive(number)
            | Self::ReceiveMaximum(number)
            | Self::TopicAliasMaximum(number)
            | Self::TopicAlias(number) => number.fmt(f),
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => fmt::Debug::fmt(text, f),
            Self::CorrelationData(data) | Self::AuthenticationData(data) => bytes(data, f),
            Self::RequestProblemInformation(flag)
            | Self::RequestResponseInformation(flag)
            | Self::RetainAvailable(flag)
            | Self::WildcardSubscriptionAvailable(flag)
            | Self::SubscriptionIdentifierAvailable(flag)
            | Self::SharedSubscriptionAvailable(flag) => flag.fmt(f),
            Self::MaximumQoS(qos) => (qos as u8).fmt(f),
            Self::UserProperty(name, value) => write!(f, "{name:?}:{value:?}"),
        }
    }
}

/// As a person would like to read it: strings in quotes, bytes as a string where they are printable ASCII and else in
/// hexadecimal. Nothing is left out, passwords neither.
impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Text(text) => fmt::Debug::fmt(text, f),
            Self::Bytes(data) => bytes(data, f),
            Self::PacketType(packet_type) => packet_type.fmt(f),
            Self::Version(version) => version.fmt(f),
            Self::QoS(qos) => write!(
                f,
                "{} ({})",
                qos as u8,
                match qos {
                    QoS::AtMostOnce => "at most once",
                    QoS::AtLeastOnce => "at least once",
                    QoS::ExactlyOnce => "exactly once",
                }
            ),
            Self::Reason(reason) => reason.fmt(f),
            Self::RetainHandling(handling) => write!(
                f,
                "{} ({})",
                handling as u8,
                match handling {
                    RetainHandling::SendAtSubscribe => "send at subscribe",
                    RetainHandling::SendIfNew => "send if new",
                    RetainHandling::DoNotSend => "do not send",
                }
            ),
            Self::Property(property) => property.value(f),
        }
    }
}

fn bytes(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_printable = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match core::str::from_utf8(bytes) {
        Ok(text) if is_printable => fmt::Debug::fmt(text, f),
        _ => {
            for (index, byte) in bytes.iter().enumerate() {
                write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
            }
            Ok(())
        }
    }
}
