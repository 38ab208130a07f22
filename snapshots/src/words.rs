//! Events of the machines in words, as diaries tell them: what matters, a line each.

use core::fmt::Write as _;

use mqtt_engine::{
    Answer, BrokerEvent, ClientEvent, Connected, ConnectionEvent, DisconnectReason, Message, PublishOutcome,
    Question, ServerLimits, ServerWords, Timestamp, Transport, packet::ReasonCode,
};

use crate::diary::Seconds;

/// An event of a [`Client`](mqtt_engine::Client).
#[must_use]
pub fn client_event(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Connected(connected) => self::connected(connected),
        ClientEvent::Received { token, message, duplicate } => {
            let again = if *duplicate { " duplicate" } else { "" };
            format!("Received #{} {}{again}", token.as_u64(), self::message(message))
        }
        ClientEvent::Published { token, outcome } => {
            format!("Published #{} {}", token.as_u64(), self::outcome(*outcome))
        }
        ClientEvent::Subscribed { token, reasons } => {
            format!("Subscribed #{} [{}]", token.as_u64(), self::reasons(reasons))
        }
        ClientEvent::Unsubscribed { token, reasons } => {
            format!("Unsubscribed #{} [{}]", token.as_u64(), self::reasons(reasons))
        }
        ClientEvent::Resubscribed { filters, reasons } => {
            let filters: Vec<_> = filters.iter().map(|filter| format!("{:?}", filter.as_str())).collect();
            format!("Resubscribed {} [{}]", filters.join(", "), self::reasons(reasons))
        }
        ClientEvent::Authentication { reason, data } => {
            let size = data.as_ref().map_or(0, bytes::Bytes::len);
            format!("Authentication {} data={size} bytes", reason.words())
        }
        ClientEvent::Disconnected { reason } => format!("Disconnected: {}", disconnect_reason(reason)),
        other => format!("{other:?}"),
    }
}

fn connected(connected: &Connected) -> String {
    let mut words = format!("Connected {{ session_present: {} }}", connected.session_present);
    let default = ServerLimits::default();
    let limits = &connected.limits;
    let told = [
        (limits.receive_maximum != default.receive_maximum)
            .then(|| format!("receive_maximum={}", limits.receive_maximum)),
        (limits.maximum_packet_size != default.maximum_packet_size)
            .then(|| format!("maximum_packet_size={}", limits.maximum_packet_size)),
        (limits.topic_alias_maximum != default.topic_alias_maximum)
            .then(|| format!("topic_alias_maximum={}", limits.topic_alias_maximum)),
        (limits.maximum_qos != default.maximum_qos)
            .then(|| format!("maximum_qos={}", limits.maximum_qos as u8)),
        (!limits.retain_available).then(|| "no retained messages".into()),
        (!limits.wildcard_subscriptions).then(|| "no wildcards".into()),
        (!limits.shared_subscriptions).then(|| "no shared subscriptions".into()),
        (!limits.subscription_identifiers).then(|| "no subscription identifiers".into()),
        connected.assigned_client_id.as_ref().map(|id| format!("assigned_client_id={:?}", id.as_str())),
    ];
    for one in told.iter().flatten() {
        write!(words, " {one}").expect("a String takes everything");
    }
    words
}

pub(crate) fn message(message: &Message) -> String {
    let payload = match str::from_utf8(&message.payload) {
        Ok(text) if text.len() <= 24 => format!("{text:?}"),
        _ => format!("{} bytes", message.payload.len()),
    };
    let retain = if message.retain { " retain" } else { "" };
    let mut words = format!("{:?} = {payload} qos={}{retain}", message.topic.as_str(), message.qos as u8);
    let properties = &message.properties;
    if let Some(expiry) = properties.message_expiry {
        write!(words, " expires in {} s", expiry.as_secs()).expect("a String takes everything");
    }
    words
}

fn outcome(outcome: PublishOutcome) -> String {
    match outcome {
        PublishOutcome::Acknowledged { reason: ReasonCode::Success } => "acknowledged".into(),
        PublishOutcome::Acknowledged { reason } => format!("acknowledged: {}", reason.words()),
        PublishOutcome::Refused { reason } => format!("refused: {}", reason.words()),
        PublishOutcome::Expired => "expired".into(),
        PublishOutcome::Unknown => "unknown: the session is lost".into(),
        other => format!("{other:?}"),
    }
}

fn reasons(reasons: &[ReasonCode]) -> String {
    reasons.iter().map(|reason| reason.words()).collect::<Vec<_>>().join(", ")
}

fn disconnect_reason(reason: &DisconnectReason) -> String {
    match reason {
        DisconnectReason::Requested => "requested".into(),
        DisconnectReason::TransportClosed => "transport closed".into(),
        DisconnectReason::ConnectTimeout => "no CONNACK in time".into(),
        DisconnectReason::PingTimeout => "no answer to PINGREQ".into(),
        DisconnectReason::Refused(words) => format!("refused by the server: {}", server_words(words)),
        DisconnectReason::ServerDisconnected(words) => format!("the server: {}", server_words(words)),
        DisconnectReason::AnswerTooLarge => "the server takes no packet of the size of an answer".into(),
        DisconnectReason::Malformed(error) => format!("malformed packet: {error}"),
        DisconnectReason::Misbehaved(violation) => format!("protocol error: {violation}"),
        other => format!("{other:?}"),
    }
}

fn server_words(words: &ServerWords) -> String {
    let text = words.reason_string.as_ref().map_or_else(String::new, |text| format!(" {:?}", text.as_str()));
    format!("{}{text}", words.reason.words())
}

/// An event of a [`Connection`](mqtt_engine::Connection).
#[must_use]
pub fn connection_event(event: &ConnectionEvent) -> String {
    match event {
        ConnectionEvent::Connect(request) => {
            let clean = if request.clean_start { " clean_start" } else { "" };
            let expiry = request.session_expiry;
            format!(
                "Connect {} id={:?}{clean} session_expiry={expiry}",
                request.version,
                request.client_id.as_str()
            )
        }
        ConnectionEvent::Publish { token, message, duplicate } => {
            let again = if *duplicate { " duplicate" } else { "" };
            format!("Publish #{} {}{again}", token.as_u64(), self::message(message))
        }
        ConnectionEvent::Subscribe { token, filters, identifier, .. } => {
            let filters: Vec<_> = filters
                .iter()
                .map(|one| format!("{:?} qos={}", one.filter.as_str(), one.qos as u8))
                .collect();
            let identifier = identifier.map_or_else(String::new, |number| format!(" identifier={number}"));
            format!("Subscribe #{} {}{identifier}", token.as_u64(), filters.join(", "))
        }
        ConnectionEvent::Unsubscribe { token, filters } => {
            let filters: Vec<_> = filters.iter().map(|one| format!("{:?}", one.as_str())).collect();
            format!("Unsubscribe #{} {}", token.as_u64(), filters.join(", "))
        }
        ConnectionEvent::Authentication { data, is_reauthentication } => {
            let again = if *is_reauthentication { " again" } else { "" };
            format!("Authentication{again} data={} bytes", data.as_ref().map_or(0, bytes::Bytes::len))
        }
        ConnectionEvent::Disconnected { cause } => format!("Disconnected: {cause}"),
        other => format!("{other:?}"),
    }
}

/// An event of a [`Broker`](mqtt_engine::Broker). `name` is what the diary calls the connection that it is about.
#[must_use]
pub fn broker_event(event: &BrokerEvent, name: &str) -> String {
    match event {
        BrokerEvent::Connected { client_id, version, session_present, .. } => {
            format!(
                "Connected {name}: {version} id={:?} session_present={session_present}",
                client_id.as_str()
            )
        }
        BrokerEvent::Disconnected { client_id, reason, .. } => {
            let id = client_id.as_ref().map_or_else(String::new, |id| format!(" id={:?}", id.as_str()));
            format!("Disconnected {name}:{id} {reason}")
        }
        BrokerEvent::Question { about, .. } => format!("Question of {name}: {}", question(about)),
        BrokerEvent::Dropped { client_id, topic, why } => {
            format!("Dropped {:?} for {:?}: {why}", topic.as_str(), client_id.as_str())
        }
        other => format!("{other:?}"),
    }
}

fn question(question: &Question) -> String {
    match question {
        Question::Authenticate { client_id, user_name, .. } => {
            let user = user_name.as_ref().map_or("nobody", |name| name.as_str());
            format!("authenticate {:?} as {user:?}", client_id.as_str())
        }
        Question::EnhancedAuthentication { client_id, method, data, is_reauthentication, .. } => {
            let again = if *is_reauthentication { " again" } else { "" };
            let size = data.as_ref().map_or(0, bytes::Bytes::len);
            format!("authenticate {:?}{again} by {:?} data={size} bytes", client_id.as_str(), method.as_str())
        }
        Question::Publish { client_id, topic, qos, retain, .. } => {
            let retain = if *retain { " retain" } else { "" };
            format!("may {:?} publish {:?} qos={}{retain}", client_id.as_str(), topic.as_str(), *qos as u8)
        }
        Question::Subscribe { client_id, filter, qos, .. } => {
            format!("may {:?} subscribe {:?} qos={}", client_id.as_str(), filter.as_str(), *qos as u8)
        }
        other => format!("{other:?}"),
    }
}

pub(crate) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Allow => "yes".into(),
        Answer::Refuse(reason) => format!("no: {}", reason.words()),
        Answer::RefuseWith(dismissal) => format!("no: {}", dismissal.reason.words()),
        Answer::Authenticated { .. } => "authenticated".into(),
        Answer::Continue { data } => {
            format!("another step, data={} bytes", data.as_ref().map_or(0, bytes::Bytes::len))
        }
        other => format!("{other:?}"),
    }
}

/// What a machine wants of its transport, unless it is to keep it.
pub(crate) fn transport(transport: Transport, now: Timestamp) -> Option<String> {
    match transport {
        Transport::Keep => None,
        Transport::Open { not_before } if not_before <= now => Some("open".into()),
        Transport::Open { not_before } => Some(format!("open, not before {}", Seconds(not_before))),
        Transport::FlushThenClose => Some("write what is left, then close".into()),
        Transport::None => Some("none".into()),
        other => Some(format!("{other:?}")),
    }
}
