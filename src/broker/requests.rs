//! PUBLISH, SUBSCRIBE and UNSUBSCRIBE of clients (sections 3.3, 3.8 and 3.10).

use alloc::{boxed::Box, vec::Vec};
use core::str;

use super::{
    Broker, Question,
    questions::{Asked, Publishing},
    routing::Publisher,
    sessions::SessionKey,
    slab::Key,
    subscriptions::Options,
};
use crate::{
    Dismissal, FilterRequest, Message, PayloadFormat, QoS, RequestToken, Text, TopicFilter,
    packet::{ReasonCode, RetainHandling},
};

/// A SUBSCRIBE whose filters are being decided, one after the other.
#[derive(Debug)]
pub(super) struct Subscribing {
    token: RequestToken,
    filters: Vec<FilterRequest>,
    identifier: Option<u32>,
    /// Of the filters decided so far.
    reasons: Vec<ReasonCode>,
    /// Why one was refused, for people.
    words: Option<Text>,
}

impl Subscribing {
    /// Decides the next filter: it is granted, or refused with an error.
    /// [MQTT-3.8.4-5] (3.1.1), [MQTT-3.8.4-7] (5.0)
    pub(super) fn decide(&mut self, refusal: Option<Dismissal>) {
        let Some(filter) = self.filters.get(self.reasons.len()) else { return };
        let (refusal, words) = refusal.map_or((None, None), |why| (Some(why.reason), why.reason_string));
        self.words = self.words.take().or(words);
        self.reasons.push(refusal.unwrap_or(match filter.qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }));
    }
}

impl Broker {
    pub(super) fn publish_request(&mut self, key: Key, token: RequestToken, message: Message) {
        let fault = self.publish_fault(&message);
        let Some(peer) = self.connections.get_mut(key) else { return };
        let Some(session) = peer.session else { return };
        if let Some(reason) = fault {
            return peer.connection.finish_publish(token, reason, self.now);
        }
        if self.config.ask_publish
            && let Some(stored) = self.sessions.get(session)
        {
            let about = Question::Publish {
                client_id: stored.client_id.clone(),
                user_name: stored.user_name.clone(),
                topic: message.topic.clone(),
                qos: message.qos,
                retain: message.retain,
            };
            let publishing = Publishing { connection: key, session, token, message };
            return self.ask(key, about, Asked::Publish(Box::new(publishing)));
        }
        self.accept_request(key, session, token, &message);
    }

    /// Routes a client's message, and acknowledges it: now, or when a slow receiver has read.
    pub(super) fn accept_request(
        &mut self,
        key: Key,
        session: SessionKey,
        token: RequestToken,
        message: &Message,
    ) {
        let receivers = self.accept_message(message, Publisher::Session(session));
        if message.qos > QoS::AtMostOnce && self.hold(key, token, session) {
            return;
        }
        let reason = if receivers == 0 { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success };
        self.finish_publish(key, token, reason);
    }

    pub(super) fn finish_publish(&mut self, key: Key, token: RequestToken, reason: ReasonCode) {
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.finish_publish(token, reason, self.now);
        }
    }

    pub(super) fn subscribe_request(
        &mut self,
        key: Key,
        token: RequestToken,
        mut filters: Vec<FilterRequest>,
        identifier: Option<u32>,
    ) {
        for request in &mut filters {
            // [MQTT-3.2.2-10] (5.0)
            request.qos = request.qos.min(self.config.connection.maximum_qos);
        }
        let reasons = Vec::with_capacity(filters.len());
        self.subscribe_on(key, Box::new(Subscribing { token, filters, identifier, reasons, words: None }));
    }

    /// Decides the filters that are left; stops at a question.
    /// [MQTT-3.8.4-4] (3.1.1), [MQTT-3.8.4-5] (5.0)
    pub(super) fn subscribe_on(&mut self, key: Key, mut subscribing: Box<Subscribing>) {
        while let Some(request) = subscribing.filters.get(subscribing.reasons.len()) {
            let fault = self.subscribe_fault(&request.filter);
            if fault.is_none() && self.config.ask_subscribe {
                let (filter, qos) = (request.filter.clone(), request.qos);
                let Some(stored) = self.session_of(key) else { return };
                let (client_id, user_name) = (stored.client_id.clone(), stored.user_name.clone());
                let about = Question::Subscribe { client_id, user_name, filter, qos };
                return self.ask(key, about, Asked::Subscribe { connection: key, subscribing });
            }
            subscribing.decide(fault.map(Dismissal::new));
        }
        self.subscribe(key, *subscribing);
    }

    /// Makes the subscriptions that were granted, all at once: SUBACK comes before the retained messages and before anything
    /// that is routed later.
    fn subscribe(&mut self, key: Key, subscribing: Subscribing) {
        let Subscribing { token, filters, identifier, mut reasons, words } = subscribing;
        let Some(session) = self.connections.get(key).and_then(|peer| peer.session) else { return };
        let mut with_retained = Vec::new();
        for (request, reason) in filters.into_iter().zip(&mut reasons) {
            if reason.is_error() {
                continue;
            }
            let options = Options {
                qos: request.qos,
                no_local: request.no_local,
                retain_as_published: request.retain_as_published,
                identifier,
            };
            match self.add_subscription(session, &request.filter, options) {
                // None for a shared subscription (5.0 section 4.8.2).
                Ok(is_new)
                    if request.filter.share_name().is_none()
                        && wants_retained(request.retain_handling, is_new) =>
                {
                    with_retained.push((request.filter, options));
                }
                Ok(_) => {}
                Err(refusal) => *reason = refusal,
            }
        }
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.finish_subscribe_with(token, &reasons, words.as_ref(), self.now);
        }
        if let Some(stored) = self.sessions.get_mut(session) {
            with_retained.into_iter().for_each(|(filter, options)| stored.replay(filter, options));
        }
        self.replay_retained(session);
    }

    /// Whether the subscription is new, or why there is none.
    fn add_subscription(
        &mut self,
        session: SessionKey,
        filter: &TopicFilter,
        options: Options,
    ) -> Result<bool, ReasonCode> {
        let stored = self.sessions.get_mut(session).ok_or(ReasonCode::UnspecifiedError)?;
        if !stored.subscriptions.contains(filter) {
            if stored.subscriptions.len() >= self.config.subscriptions_per_session {
                return Err(ReasonCode::QuotaExceeded);
            }
            stored.subscriptions.insert(filter.clone());
        }
        Ok(self.subscriptions.insert(filter, session, options))
    }

    /// [MQTT-3.10.4-2] [MQTT-3.10.4-5] [MQTT-3.10.4-6] (both versions)
    pub(super) fn unsubscribe_request(&mut self, key: Key, token: RequestToken, filters: &[TopicFilter]) {
        let Some(session) = self.connections.get(key).and_then(|peer| peer.session) else { return };
        let mut reasons = Vec::with_capacity(filters.len());
        for filter in filters {
            // Compared byte by byte; what is queued already is still delivered [MQTT-3.10.4-1] [MQTT-3.10.4-3] (both versions).
            let removed = self.remove_subscription(session, filter);
            reasons.push(if removed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
        }
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.finish_unsubscribe(token, &reasons, self.now);
        }
    }

    /// Ends a subscription, if there is one. What is queued already is still delivered; of a shared one it may go to another
    /// member.
    pub(super) fn remove_subscription(&mut self, session: SessionKey, filter: &TopicFilter) -> bool {
        let removed = self.subscriptions.remove(filter, session);
        if let Some(stored) = self.sessions.get_mut(session) {
            stored.subscriptions.remove(filter);
            stored.stop_replay(filter);
        }
        if removed {
            self.leave_group(session, filter);
        }
        removed
    }

    /// Why a client may not publish a message, if so.
    pub(super) fn publish_fault(&self, message: &Message) -> Option<ReasonCode> {
        let topic = message.topic.as_bytes();
        if exceeds(topic, self.config.topic_levels) {
            return Some(ReasonCode::TopicNameInvalid);
        }
        // The server's own topics (3.1.1 section 4.7.2).
        if is_under(topic, b"$SYS") {
            return Some(ReasonCode::NotAuthorized);
        }
        let is_text = message.properties.payload_format == Some(PayloadFormat::Utf8);
        if self.config.check_payload_format && is_text && str::from_utf8(&message.payload).is_err() {
            return Some(ReasonCode::PayloadFormatInvalid);
        }
        None
    }

    fn subscribe_fault(&self, filter: &TopicFilter) -> Option<ReasonCode> {
        let is_shared = filter.share_name().is_some();
        if is_shared && !self.config.connection.shared_subscriptions {
            Some(ReasonCode::SharedSubscriptionsNotSupported)
        } else if !self.config.connection.wildcard_subscriptions && filter.has_wildcard() {
            // [MQTT-3.8.3-2] (3.1.1)
            Some(ReasonCode::WildcardSubscriptionsNotSupported)
        } else if !is_shared && is_under(filter.as_bytes(), b"$share") {
            // 5.0 clients don't come so far with it.
            Some(ReasonCode::TopicFilterInvalid)
        } else if exceeds(filter.pattern().as_bytes(), self.config.topic_levels) {
            Some(ReasonCode::TopicFilterInvalid)
        } else {
            None
        }
    }
}

/// Whether this is the first level of a topic.
fn is_under(topic: &[u8], level: &[u8]) -> bool {
    topic.strip_prefix(level).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether a topic has more levels than this.
fn exceeds(topic: &[u8], levels: usize) -> bool {
    // Short topics, which most are, need not be counted.
    topic.len() >= levels && topic.iter().filter(|byte| **byte == b'/').count() >= levels
}

/// [MQTT-3.3.1-6] (3.1.1), [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] (5.0).
/// [MQTT-3.8.4-4] (5.0)
const fn wants_retained(handling: RetainHandling, is_new: bool) -> bool {
    match handling {
        RetainHandling::SendAtSubscribe => true,
        RetainHandling::SendIfNew => is_new,
        RetainHandling::DoNotSend => false,
    }
}
