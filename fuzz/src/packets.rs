//! Packets of a fuzzer's choice. Nearly all of them can be sent: an AUTH of 3.1.1 can't.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use mqtt_engine::{
    PayloadFormat, QoS, TopicFilter, TopicName,
    packet::{
        Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, PacketType, Properties, Property,
        ProtocolVersion, Publish, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe, Subscription,
        TopicFilters, UnsubAck, Unsubscribe, Will,
    },
};

/// All kinds of packets.
pub(crate) const KINDS: [PacketType; 15] = [
    PacketType::Connect,
    PacketType::ConnAck,
    PacketType::Publish,
    PacketType::PubAck,
    PacketType::PubRec,
    PacketType::PubRel,
    PacketType::PubComp,
    PacketType::Subscribe,
    PacketType::SubAck,
    PacketType::Unsubscribe,
    PacketType::UnsubAck,
    PacketType::PingReq,
    PacketType::PingResp,
    PacketType::Disconnect,
    PacketType::Auth,
];

/// The most elements of a list, other than reason codes.
const LONGEST_LIST: usize = 8;

/// Makes a packet of one of these kinds and hands it to `then`.
///
/// # Errors
///
/// There are too few bytes to choose by.
pub(crate) fn with_packet<'a, T>(
    kinds: &[PacketType],
    version: ProtocolVersion,
    choices: &mut Unstructured<'a>,
    then: impl FnOnce(&Packet<'_>) -> T,
) -> Result<T> {
    let kind = *choices.choose(kinds)?;
    let lists = Lists {
        filters: list(choices, |choices| subscription(version, choices))?,
        names: list(choices, filter)?,
        reasons: list(choices, |choices| reason(kind, version, choices))?,
    };
    let bare = bare(kind, version, &lists, choices)?;

    let mut properties = Vec::new();
    for property in list(choices, property)? {
        keep_if(&mut properties, property, |all| with_properties(bare, all, &[]).size(version).is_ok());
    }
    let mut of_will = Vec::new();
    for property in list(choices, property)? {
        keep_if(&mut of_will, property, |all| with_properties(bare, &[], all).size(version).is_ok());
    }
    Ok(then(&with_properties(bare, &properties, &of_will)))
}

/// What the lists of a packet refer to.
struct Lists<'a> {
    filters: Vec<Subscription<'a>>,
    names: Vec<&'a str>,
    reasons: Vec<ReasonCode>,
}

fn list<'a, T>(
    choices: &mut Unstructured<'a>,
    mut one: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = choices.int_in_range(0..=LONGEST_LIST)?;
    (0..count).map(|_| one(choices)).collect()
}

fn keep_if<T>(list: &mut Vec<T>, new: T, fits: impl FnOnce(&[T]) -> bool) {
    list.push(new);
    if !fits(list) {
        list.pop();
    }
}

/// A packet without properties.
fn bare<'l, 'a: 'l>(
    kind: PacketType,
    version: ProtocolVersion,
    lists: &'l Lists<'a>,
    choices: &mut Unstructured<'a>,
) -> Result<Packet<'l>> {
    let packet_id = PacketId::new(choices.int_in_range(0..=4)?).unwrap_or(PacketId::MAX);
    let properties = Properties::NONE;
    Ok(match kind {
        PacketType::Connect => Packet::Connect(connect(version, choices)?),
        PacketType::ConnAck => {
            let reason = reason(kind, version, choices)?;
            let session_present = bool::arbitrary(choices)? && reason == ReasonCode::Success;
            Packet::ConnAck(ConnAck { session_present, reason, properties })
        }
        PacketType::Publish => Packet::Publish(publish(packet_id, choices)?),
        PacketType::PubAck => Packet::PubAck(Ack::new(packet_id, reason(kind, version, choices)?)),
        PacketType::PubRec => Packet::PubRec(Ack::new(packet_id, reason(kind, version, choices)?)),
        PacketType::PubRel => Packet::PubRel(Ack::new(packet_id, reason(kind, version, choices)?)),
        PacketType::PubComp => Packet::PubComp(Ack::new(packet_id, reason(kind, version, choices)?)),
        PacketType::Subscribe => {
            const ANY: &[Subscription<'_>] = &[Subscription::new("#", QoS::ExactlyOnce)];
            let filters = Filters::new(if lists.filters.is_empty() { ANY } else { &lists.filters });
            Packet::Subscribe(Subscribe { packet_id, properties, filters })
        }
        PacketType::Unsubscribe => {
            let filters = TopicFilters::new(if lists.names.is_empty() { &["#"] } else { &lists.names });
            Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters })
        }
        PacketType::SubAck => Packet::SubAck(SubAck { packet_id, properties, reasons: reasons(lists, true) }),
        PacketType::UnsubAck => {
            let carries_reasons = version == ProtocolVersion::V5;
            Packet::UnsubAck(UnsubAck { packet_id, properties, reasons: reasons(lists, carries_reasons) })
        }
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => {
            Packet::Disconnect(Disconnect { reason: reason(kind, version, choices)?, properties })
        }
        PacketType::Auth => Packet::Auth(Auth { reason: reason(kind, version, choices)?, properties }),
    })
}

/// The codes of a list, one at least; none if the packet carries none.
fn reasons<'a>(lists: &'a Lists<'_>, carried: bool) -> ReasonCodes<'a> {
    match (carried, &*lists.reasons) {
        (false, _) => ReasonCodes::new(&[]),
        (true, []) => ReasonCodes::new(&[ReasonCode::Success]),
        (true, reasons) => ReasonCodes::new(reasons),
    }
}

/// The same with other properties; and with those for its will, if it has one.
pub(crate) fn with_properties<'b>(
    packet: Packet<'b>,
    list: &'b [Property<'b>],
    of_will: &'b [Property<'b>],
) -> Packet<'b> {
    let mut packet = packet;
    if let Packet::Connect(Connect { will: Some(will), .. }) = &mut packet {
        will.properties = Properties::new(of_will);
    }
    if let Some(properties) = properties_mut(&mut packet) {
        *properties = Properties::new(list);
    }
    packet
}

/// The properties of a packet; a PINGREQ or PINGRESP has none.
pub(crate) const fn properties_mut<'p, 'a>(packet: &'p mut Packet<'a>) -> Option<&'p mut Properties<'a>> {
    Some(match packet {
        Packet::Connect(connect) => &mut connect.properties,
        Packet::ConnAck(ack) => &mut ack.properties,
        Packet::Publish(publish) => &mut publish.properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &mut ack.properties
        }
        Packet::Subscribe(subscribe) => &mut subscribe.properties,
        Packet::SubAck(ack) => &mut ack.properties,
        Packet::Unsubscribe(unsubscribe) => &mut unsubscribe.properties,
        Packet::UnsubAck(ack) => &mut ack.properties,
        Packet::Disconnect(disconnect) => &mut disconnect.properties,
        Packet::Auth(auth) => &mut auth.properties,
        Packet::PingReq | Packet::PingResp => return None,
    })
}

fn connect<'a>(version: ProtocolVersion, choices: &mut Unstructured<'a>) -> Result<Connect<'a>> {
    let will = if choices.arbitrary()? {
        Some(Will {
            topic: topic(choices)?,
            payload: choices.arbitrary()?,
            qos: qos(choices)?,
            retain: choices.arbitrary()?,
            properties: Properties::NONE,
        })
    } else {
        None
    };
    let user_name = if choices.arbitrary()? { Some(text(choices)?) } else { None };
    let has_password = choices.arbitrary()? && (user_name.is_some() || version == ProtocolVersion::V5);
    let password = if has_password { Some(choices.arbitrary()?) } else { None };
    Ok(Connect {
        version,
        clean_start: choices.arbitrary()?,
        keep_alive: choices.arbitrary()?,
        client_id: choices.choose(&["", "a", "b"])?,
        will,
        user_name,
        password,
        properties: Properties::NONE,
    })
}

fn publish<'a>(packet_id: PacketId, choices: &mut Unstructured<'a>) -> Result<Publish<'a>> {
    let qos = qos(choices)?;
    let has_id = qos > QoS::AtMostOnce;
    Ok(Publish {
        duplicate: has_id && choices.arbitrary()?,
        qos,
        retain: choices.arbitrary()?,
        topic: topic(choices)?,
        packet_id: has_id.then_some(packet_id),
        properties: Properties::NONE,
        payload: choices.arbitrary()?,
    })
}

/// A code that the packet may have in this version.
fn reason(kind: PacketType, version: ProtocolVersion, choices: &mut Unstructured<'_>) -> Result<ReasonCode> {
    const OF_OLD_CONNACK: [ReasonCode; 6] = [
        ReasonCode::Success,
        ReasonCode::UnsupportedProtocolVersion,
        ReasonCode::ClientIdentifierNotValid,
        ReasonCode::ServerUnavailable,
        ReasonCode::BadUserNameOrPassword,
        ReasonCode::NotAuthorized,
    ];
    const OF_OLD_SUBACK: [ReasonCode; 4] =
        [ReasonCode::Success, ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2, ReasonCode::UnspecifiedError];
    match (version, kind) {
        (ProtocolVersion::V5, _) => {
            let code = ReasonCode::from_u8(choices.arbitrary()?).filter(|code| code.is_allowed_in(kind));
            // The one code that is in the table of AUTH and of no other packet's is not success.
            Ok(code.unwrap_or(ReasonCode::Success))
        }
        (_, PacketType::ConnAck) => Ok(*choices.choose(&OF_OLD_CONNACK)?),
        (_, PacketType::SubAck) => Ok(*choices.choose(&OF_OLD_SUBACK)?),
        _ => Ok(ReasonCode::Success),
    }
}

fn subscription<'a>(version: ProtocolVersion, choices: &mut Unstructured<'a>) -> Result<Subscription<'a>> {
    let plain = Subscription::new(filter(choices)?, qos(choices)?);
    if version < ProtocolVersion::V5 {
        return Ok(plain);
    }
    let is_shared = plain.filter.starts_with("$share/");
    Ok(Subscription {
        no_local: choices.arbitrary()? && !is_shared,
        retain_as_published: choices.arbitrary()?,
        retain_handling: RetainHandling::from_u8(choices.int_in_range(0..=2)?).unwrap_or_default(),
        ..plain
    })
}

fn qos(choices: &mut Unstructured<'_>) -> Result<QoS> {
    Ok(QoS::from_u8(choices.int_in_range(0..=2)?).unwrap_or_default())
}

/// Few names, so that what is said about one meets what is said about it elsewhere; and now and then any name.
fn topic<'a>(choices: &mut Unstructured<'a>) -> Result<&'a str> {
    let known = *choices.choose(&["a", "a/b", "/", "$SYS/a", ""])?;
    if !known.is_empty() {
        return Ok(known);
    }
    let any = text(choices)?;
    Ok(if TopicName::try_from(any).is_ok() { any } else { "b" })
}

fn filter<'a>(choices: &mut Unstructured<'a>) -> Result<&'a str> {
    let known = *choices.choose(&["a", "a/b", "a/+", "#", "+/b", "$share/g/#", "$share/g/a", ""])?;
    if !known.is_empty() {
        return Ok(known);
    }
    let any = text(choices)?;
    Ok(if TopicFilter::try_from(any).is_ok() { any } else { "b/#" })
}

fn text<'a>(choices: &mut Unstructured<'a>) -> Result<&'a str> {
    let any: &str = choices.arbitrary()?;
    Ok(any.split('\0').next().unwrap_or_default())
}

fn property<'a>(choices: &mut Unstructured<'a>) -> Result<Property<'a>> {
    Ok(match choices.int_in_range(0..=26)? {
        0 => Property::PayloadFormatIndicator(
            *choices.choose(&[PayloadFormat::Unspecified, PayloadFormat::Utf8])?,
        ),
        1 => Property::MessageExpiryInterval(choices.arbitrary()?),
        2 => Property::ContentType(text(choices)?),
        3 => Property::ResponseTopic(topic(choices)?),
        4 => Property::CorrelationData(choices.arbitrary()?),
        5 => Property::SubscriptionIdentifier(choices.arbitrary()?),
        6 => Property::SessionExpiryInterval(choices.arbitrary()?),
        7 => Property::AssignedClientIdentifier(text(choices)?),
        8 => Property::ServerKeepAlive(choices.arbitrary()?),
        9 => Property::AuthenticationMethod(if choices.arbitrary()? { "m" } else { text(choices)? }),
        10 => Property::AuthenticationData(choices.arbitrary()?),
        11 => Property::RequestProblemInformation(choices.arbitrary()?),
        12 => Property::WillDelayInterval(choices.arbitrary()?),
        13 => Property::RequestResponseInformation(choices.arbitrary()?),
        14 => Property::ResponseInformation(text(choices)?),
        15 => Property::ServerReference(text(choices)?),
        16 => Property::ReasonString(text(choices)?),
        17 => Property::ReceiveMaximum(choices.arbitrary()?),
        18 => Property::TopicAliasMaximum(choices.arbitrary()?),
        19 => Property::TopicAlias(choices.int_in_range(0..=4)?),
        20 => Property::MaximumQoS(qos(choices)?),
        21 => Property::RetainAvailable(choices.arbitrary()?),
        22 => Property::UserProperty(text(choices)?, text(choices)?),
        23 => Property::MaximumPacketSize(choices.arbitrary()?),
        24 => Property::WildcardSubscriptionAvailable(choices.arbitrary()?),
        25 => Property::SubscriptionIdentifierAvailable(choices.arbitrary()?),
        _ => Property::SharedSubscriptionAvailable(choices.arbitrary()?),
    })
}
