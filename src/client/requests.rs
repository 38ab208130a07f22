//! Subscribe and unsubscribe requests: they survive a reconnect, and each is answered once.

use alloc::{collections::VecDeque, vec::Vec};

use super::{
    Client, ClientEvent, Deviation, RequestError, ServerLimits, Subscribe, SubscribeToken, Subscription,
    Unsubscribe, UnsubscribeToken,
};
use crate::{
    Text, Timestamp, TopicFilter, UserProperties,
    packet::{
        self, EncodeError, Filters, Packet, PacketId, PacketType, Properties, Property, PropertyList,
        ProtocolVersion, ReasonCode, ReasonCodes, RetainHandling, TopicFilters, VariableByteInteger,
    },
    session::{Link, Session, Violation},
    sorted::SortedMap,
};

/// How many filters go into one packet when subscriptions are made again.
const FILTERS_PER_PACKET: usize = 64;

/// What was asked for and is not answered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pending: SortedMap<u64, Request>,
    /// Those that were sent on the present connection.
    sent: SortedMap<PacketId, u64>,
    /// Those that were not, in order.
    unsent: VecDeque<u64>,
}

#[derive(Debug)]
enum Request {
    Subscribe { request: Subscribe, by_program: bool },
    Unsubscribe(Unsubscribe),
}

impl Request {
    const fn is_by_program(&self) -> bool {
        !matches!(self, Self::Subscribe { by_program: false, .. })
    }
}

impl Requests {
    fn push(&mut self, token: u64, request: Request) {
        self.pending.insert(token, request);
        self.unsent.push_back(token);
    }

    /// The connection is gone: what it left unanswered is asked again on the next one.
    pub(super) fn suspend(&mut self, session: &mut Session) {
        for id in self.sent.keys() {
            session.release_id(*id);
        }
        self.sent.clear();
        // Subscriptions that are made again come before what the program asked for since.
        let (program, again): (Vec<_>, Vec<_>) =
            self.pending.iter().partition(|(_, request)| request.is_by_program());
        self.unsent = again.into_iter().chain(program).map(|(token, _)| *token).collect();
    }

    /// Forgets the subscriptions that were being made again: all of them are to be made again.
    fn start_over(&mut self) {
        self.pending.retain(|_, request| request.is_by_program());
    }
}

impl Client {
    /// Asks for messages. The request survives a reconnect until it is answered with
    /// [`Subscribed`](ClientEvent::Subscribed).
    ///
    /// # Errors
    ///
    /// Says what is wrong with the request, or that the connected server announced to refuse it.
    pub fn subscribe(&mut self, request: Subscribe, now: Timestamp) -> Result<SubscribeToken, RequestError> {
        self.pass(now);
        let result = self.admit_request(Request::Subscribe { request, by_program: true });
        self.settle();
        result.map(SubscribeToken)
    }

    /// Asks for no more messages. The request survives a reconnect until it is answered with
    /// [`Unsubscribed`](ClientEvent::Unsubscribed).
    ///
    /// # Errors
    ///
    /// Says what is wrong with the request.
    pub fn unsubscribe(
        &mut self,
        request: Unsubscribe,
        now: Timestamp,
    ) -> Result<UnsubscribeToken, RequestError> {
        self.pass(now);
        let result = self.admit_request(Request::Unsubscribe(request));
        self.settle();
        result.map(UnsubscribeToken)
    }

    fn admit_request(&mut self, request: Request) -> Result<u64, RequestError> {
        if filter_count(&request) == 0 {
            // [MQTT-3.10.3-2] (both versions), [MQTT-3.8.3-3] (3.1.1), [MQTT-3.8.3-2] (5.0)
            return Err(RequestError::NoFilter);
        }
        if let Request::Subscribe { request, .. } = &request {
            check_subscribe(request)?;
        }
        if self.is_connected() {
            match refusal(&request, &self.wire.limits) {
                None => {}
                Some(ReasonCode::WildcardSubscriptionsNotSupported) => {
                    return Err(RequestError::WildcardsNotSupported);
                }
                Some(ReasonCode::SharedSubscriptionsNotSupported) => {
                    return Err(RequestError::SharedNotSupported);
                }
                Some(_) => return Err(RequestError::IdentifiersNotSupported),
            }
        }
        self.check_size(&request)?;
        let token = self.token();
        self.requests.push(token, request);
        Ok(token)
    }

    fn check_size(&self, request: &Request) -> Result<(), RequestError> {
        if self.requests.pending.len() >= self.config.queue_count.max(1) {
            return Err(RequestError::TooManyRequests);
        }
        let limit = if self.is_connected() { self.wire.link.settings.peer_packet_size } else { usize::MAX };
        if fits(request, self.config.version, limit) { Ok(()) } else { Err(RequestError::TooLarge) }
    }

    /// Moves what was not sent on this connection to the outbox.
    #[inline]
    pub(super) fn send_requests(&mut self) {
        if !self.requests.unsent.is_empty() {
            self.send_unsent();
        }
    }

    #[inline(never)]
    fn send_unsent(&mut self) {
        while let Some(token) = self.requests.unsent.front().copied() {
            let Some(request) = self.requests.pending.get(&token) else {
                self.requests.unsent.pop_front();
                continue;
            };
            if let Some(reason) = refusal(request, &self.wire.limits) {
                // Asked for while offline: a server may close the connection for it, again and again.
                let reasons = alloc::vec![reason; filter_count(request)];
                self.requests.unsent.pop_front();
                self.finish_request(token, reasons);
                continue;
            }
            let Some(id) = self.session.take_id() else { return };
            self.requests.unsent.pop_front();
            if write_request(request, id, &self.wire.link, &mut self.outbox) {
                self.requests.sent.insert(id, token);
                continue;
            }
            self.session.release_id(id);
            let reasons = alloc::vec![ReasonCode::PacketTooLarge; filter_count(request)];
            self.finish_request(token, reasons);
        }
    }

    /// SUBACK or UNSUBACK arrived.
    pub(super) fn request_answered(&mut self, id: PacketId, kind: PacketType, reasons: &ReasonCodes<'_>) {
        let token = self.requests.sent.get(&id).copied();
        let Some((token, request)) =
            token.and_then(|token| Some((token, self.requests.pending.get(&token)?)))
        else {
            return self.deviates(Deviation::UnknownPacketIdentifier, Violation::UnknownPacketIdentifier);
        };
        let expected = match request {
            Request::Subscribe { .. } => PacketType::SubAck,
            Request::Unsubscribe(_) => PacketType::UnsubAck,
        };
        if kind != expected {
            return self.misbehaved(Violation::WrongAcknowledgement);
        }
        let count = filter_count(request);
        let is_silent = kind == PacketType::UnsubAck && self.config.version < ProtocolVersion::V5;
        let mut reasons = Vec::from_iter(reasons.iter());
        if is_silent {
            reasons.resize(count, ReasonCode::Success);
        }
        if reasons.len() != count {
            self.deviates(Deviation::WrongNumberOfReasonCodes, Violation::WrongNumberOfReasonCodes);
            if !self.is_connected() {
                return;
            }
            reasons.resize(count, ReasonCode::UnspecifiedError);
        }
        // [MQTT-2.3.1-3] (3.1.1)
        self.requests.sent.remove(&id);
        self.session.release_id(id);
        self.finish_request(token, reasons);
    }

    fn finish_request(&mut self, token: u64, reasons: Vec<ReasonCode>) {
        match self.requests.pending.remove(&token) {
            Some(Request::Subscribe { request, by_program }) => {
                let identifier = request.identifier;
                let mut filters = Vec::new();
                for (subscription, reason) in request.filters.into_iter().zip(&reasons) {
                    if !by_program {
                        filters.push(subscription.filter.clone());
                    }
                    if !reason.is_error() {
                        self.subscriptions.insert(subscription.filter.clone(), (subscription, identifier));
                    } else if !by_program {
                        // A refused change leaves an earlier subscription in force; a refused renewal ends it.
                        self.subscriptions.remove(&subscription.filter);
                    }
                }
                self.emit(if by_program {
                    ClientEvent::Subscribed { token: SubscribeToken(token), reasons }
                } else {
                    ClientEvent::Resubscribed { filters, reasons }
                });
            }
            Some(Request::Unsubscribe(request)) => {
                for (filter, reason) in request.filters.iter().zip(&reasons) {
                    if !reason.is_error() {
                        self.subscriptions.remove(filter);
                    }
                }
                self.emit(ClientEvent::Unsubscribed { token: UnsubscribeToken(token), reasons });
            }
            None => {}
        }
    }

    /// Asks again for what the server has granted and lost; before everything that waits.
    pub(super) fn resubscribe(&mut self) {
        if !self.config.resubscribe {
            self.subscriptions.clear();
            return;
        }
        let mut by_identifier: SortedMap<Option<u32>, Vec<Subscription>> = SortedMap::new();
        for (subscription, identifier) in self.subscriptions.values() {
            if let Some(group) = by_identifier.get_mut(identifier) {
                group.push(subscription.clone());
            } else {
                by_identifier.insert(*identifier, Vec::from([subscription.clone()]));
            }
        }
        self.requests.start_over();
        let waiting = core::mem::take(&mut self.requests.unsent);
        for (&identifier, subscriptions) in by_identifier.iter() {
            for filters in subscriptions.chunks(FILTERS_PER_PACKET) {
                let request = again(filters, identifier);
                if fits(&request, self.config.version, self.wire.link.settings.peer_packet_size) {
                    let token = self.token();
                    self.requests.push(token, request);
                    continue;
                }
                // Each was granted alone or in other company.
                for filter in filters.chunks(1) {
                    let token = self.token();
                    self.requests.push(token, again(filter, identifier));
                }
            }
        }
        self.requests.unsent.extend(waiting);
    }
}

/// Whether the packet for a request is no larger than `limit`, and can be written at all.
fn fits(request: &Request, version: ProtocolVersion, limit: usize) -> bool {
    with_packet(request, PacketId::MAX, version, |packet| packet.size(version))
        .is_ok_and(|size| size <= limit)
}

/// A request to make subscriptions again.
fn again(filters: &[Subscription], identifier: Option<u32>) -> Request {
    let user_properties = UserProperties::new();
    let request = Subscribe { filters: filters.to_vec(), identifier, user_properties };
    Request::Subscribe { request, by_program: false }
}

fn check_subscribe(request: &Subscribe) -> Result<(), RequestError> {
    if request.filters.iter().any(|one| one.no_local && one.filter.share_name().is_some()) {
        return Err(RequestError::NoLocalOnShared);
    }
    if request.identifier.is_some_and(|id| !(1..=VariableByteInteger::MAX).contains(&id)) {
        return Err(RequestError::IdentifierOutOfRange);
    }
    Ok(())
}

/// Why the server would refuse a request, by what CONNACK rules out (5.0 sections 3.2.2.3.11 to 13).
fn refusal(request: &Request, limits: &ServerLimits) -> Option<ReasonCode> {
    let Request::Subscribe { request, .. } = request else { return None };
    let filters = &request.filters;
    if !limits.wildcard_subscriptions && filters.iter().any(|one| one.filter.has_wildcard()) {
        Some(ReasonCode::WildcardSubscriptionsNotSupported)
    } else if !limits.shared_subscriptions && filters.iter().any(|one| one.filter.share_name().is_some()) {
        Some(ReasonCode::SharedSubscriptionsNotSupported)
    } else if !limits.subscription_identifiers && request.identifier.is_some() {
        Some(ReasonCode::SubscriptionIdentifiersNotSupported)
    } else {
        None
    }
}

fn filter_count(request: &Request) -> usize {
    match request {
        Request::Subscribe { request, .. } => request.filters.len(),
        Request::Unsubscribe(request) => request.filters.len(),
    }
}

/// Writes a request, unless it is larger than the server takes.
fn write_request(request: &Request, id: PacketId, link: &Link, outbox: &mut crate::Outbox) -> bool {
    matches!(with_packet(request, id, link.version(), |packet| Ok(link.write(packet, outbox))), Ok(true))
}

/// Builds the packet for a request and hands it to `then`.
fn with_packet<R>(
    request: &Request,
    packet_id: PacketId,
    version: ProtocolVersion,
    then: impl FnOnce(&Packet<'_>) -> Result<R, EncodeError>,
) -> Result<R, EncodeError> {
    let is_v5 = version == ProtocolVersion::V5;
    let mut list = PropertyList::<1>::new();
    let user_properties = match request {
        Request::Subscribe { request, .. } => {
            list.push_some(request.identifier.filter(|_| is_v5).map(Property::SubscriptionIdentifier));
            &request.user_properties
        }
        Request::Unsubscribe(request) => &request.user_properties,
    };
    let properties = Properties::new(list.as_slice());
    let properties = if is_v5 { properties.with_user_properties(user_properties) } else { Properties::NONE };
    match request {
        Request::Subscribe { request, .. } => {
            let filters: Vec<_> = request.filters.iter().map(|one| wire_subscription(one, is_v5)).collect();
            then(&Packet::Subscribe(packet::Subscribe {
                packet_id,
                properties,
                filters: Filters::new(&filters),
            }))
        }
        Request::Unsubscribe(request) => {
            let filters: Vec<_> = request.filters.iter().map(TopicFilter::as_str).collect();
            let filters = TopicFilters::new(&filters);
            then(&Packet::Unsubscribe(packet::Unsubscribe { packet_id, properties, filters }))
        }
    }
}

/// 3.1.1 has no option but the QoS.
fn wire_subscription(subscription: &Subscription, is_v5: bool) -> packet::Subscription<'_> {
    packet::Subscription {
        filter: subscription.filter.as_str(),
        qos: subscription.qos,
        no_local: is_v5 && subscription.no_local,
        retain_as_published: is_v5 && subscription.retain_as_published,
        retain_handling: if is_v5 { subscription.retain_handling } else { RetainHandling::default() },
    }
}

/// The granted filters, for a program that wants to look.
impl Client {
    /// The filters that the server has granted and that were not given back, in order.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Text> {
        self.subscriptions.keys().map(TopicFilter::as_text)
    }
}
