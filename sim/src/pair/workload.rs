//! What the programs do.

use std::time::Duration;

use mqtt_engine::{
    Disconnect, Message, PublishError, RequestError, Subscribe, Subscription, Transport, Unsubscribe,
    packet::{ProtocolVersion, ReasonCode, RetainHandling},
};

use super::{World, filter, setup::qos};
use crate::{
    coverage::Row,
    names::{FILTERS, PUBLISHABLE, SHARED_S, TOPICS, payload},
    reference::{Published, Source, matching::shared},
    violation::{Checked, ensure},
};

impl World<'_> {
    pub(super) fn publish(
        &mut self,
        index: usize,
        topic: u8,
        level: u8,
        retain: bool,
        size: u16,
        expiry: u8,
    ) -> Checked {
        let is_v5 = self.people[index].config.version == ProtocolVersion::V5;
        let limit = self.config.connection.maximum_packet_size;
        // An older client is not told of the limit, and would try for ever.
        let size = if is_v5 || size == u16::MAX || u32::from(size) + 60 < limit { size } else { 5 };
        // An empty message has no number, so it must not be one that is suppressed when it is repeated.
        let level = if size == u16::MAX { level.min(1) } else { level };
        let topic = topic % PUBLISHABLE as u8;
        let number = self.model.next_number();
        let mut message = self.message(topic, level, retain, (size != u16::MAX).then_some(size));
        if is_v5 && expiry > 0 {
            message.properties.message_expiry = Some(Duration::from_secs(expiry.into()));
        }
        let now = self.clock();
        let person = &mut self.people[index];
        let published = Published::new(Some(index), topic, &message, person.incarnation, now);
        let is_connected = person.client.is_connected();
        match person.client.publish(message, now) {
            Ok(token) => {
                if published.qos > mqtt_engine::QoS::AtMostOnce {
                    person.tokens.insert(token.as_u64(), number);
                }
                self.model.publish(published, is_connected);
                self.trace.note(self.now, || format!("p{index} publishes {number}, {token:?}"));
            }
            Err(PublishError::Blocked(_)) => {
                person.is_blocked = true;
                person.blocked_calls += 1;
                self.count(Row::WriteRefused);
            }
            Err(PublishError::TooLarge(message)) => {
                let is_large = message.payload.len() + 60 >= limit as usize;
                ensure!(is_large, "too large", "p{index}: {message:?}");
                self.count(Row::OversizeRefused);
            }
            Err(error) => ensure!(false, "publish", "p{index}: {error:?}"),
        }
        Ok(())
    }

    fn message(&self, topic: u8, level: u8, retain: bool, size: Option<u16>) -> Message {
        let payload = payload(self.model.next_number(), size);
        let mut message = Message::new(TOPICS[usize::from(topic)], payload).expect("a topic of the list");
        message.qos = qos(level);
        message.retain = retain;
        message
    }

    pub(super) fn own_publish(&mut self, topic: u8, level: u8, retain: bool) -> Checked {
        let topic = topic % PUBLISHABLE as u8;
        let message = self.message(topic, level, retain, Some(3));
        let now = self.clock();
        self.model.publish(Published::new(None, topic, &message, 0, now), true);
        self.count(Row::OwnMessage);
        let qos = message.qos;
        self.broker.publish(message, now);
        self.after_broker(Source { publisher: None, qos })
    }

    /// Subscribes to filters that follow each other in the list. `options` are No Local, Retain As Published and Retain Handling.
    pub(super) fn subscribe(
        &mut self,
        index: usize,
        (first, count): (u8, u8),
        level: u8,
        options: u8,
        identifier: u8,
    ) -> Checked {
        let now = self.clock();
        let person = &mut self.people[index];
        let is_v5 = person.config.version == ProtocolVersion::V5;
        let filters = (0..count).map(|place| {
            let name = FILTERS[usize::from(first + place) % FILTERS.len()];
            let level = if name == SHARED_S { 2 } else { level };
            let mut one = Subscription::new(filter(name), qos(level));
            if is_v5 {
                one.no_local = options & 1 > 0 && shared(name).is_none();
                one.retain_as_published = options & 2 > 0;
                one.retain_handling = RetainHandling::from_u8(options >> 2).unwrap_or_default();
            }
            one
        });
        let mut request = Subscribe::all(filters);
        request.identifier = (is_v5 && identifier > 0).then_some(identifier.into());
        match person.client.subscribe(request, now) {
            Ok(_) => person.requests += 1,
            Err(RequestError::TooManyRequests) => {}
            Err(error) => ensure!(false, "subscribe", "p{index}: {error:?}"),
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, index: usize, place: u8) -> Checked {
        let now = self.clock();
        let person = &mut self.people[index];
        let name = FILTERS[usize::from(place) % FILTERS.len()];
        match person.client.unsubscribe(Unsubscribe::new([filter(name)]), now) {
            Ok(_) => person.requests += 1,
            Err(RequestError::TooManyRequests) => {}
            Err(error) => ensure!(false, "unsubscribe", "p{index}: {error:?}"),
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, index: usize, with_will: bool) -> Checked {
        let mut request = Disconnect::default();
        if with_will {
            request.reason = ReasonCode::DisconnectWithWill;
        }
        let now = self.clock();
        self.people[index].client.disconnect(request, now);
        self.tell_client(index);
        Ok(())
    }

    /// A driver opens a transport, if its client wants one.
    pub(super) fn connect(&mut self, index: usize) -> Checked {
        let now = self.clock();
        let client = &mut self.people[index].client;
        if client.transport() == Transport::None {
            client.connect(now);
        }
        if client.transport() == Transport::FlushThenClose {
            self.flush(index, usize::MAX)?;
            self.hang_up(index)?;
        }
        let Transport::Open { not_before } = self.people[index].client.transport() else { return Ok(()) };
        self.pass(not_before - self.now, super::schedule::Timers::OnTime)?;
        let Transport::Open { .. } = self.people[index].client.transport() else { return Ok(()) };
        self.open(index)
    }
}
