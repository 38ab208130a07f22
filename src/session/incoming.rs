//! The receiver of messages: what is to be acknowledged, and which QoS 2 messages were received already (section 4.3).

mod at_least_once;
mod exactly_once;

use alloc::boxed::Box;

use self::{at_least_once::AtLeastOnce, exactly_once::ExactlyOnce};
use super::{Arrival, Known, Link, Violation};
use crate::{
    Outbox, QoS,
    packet::{Ack, PacketType, Publish, ReasonCode},
};

/// Messages from the peer.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    tokens: Tokens,
    at_least_once: AtLeastOnce,
    /// Made when it is needed first: few sessions receive at QoS 2.
    exactly_once: Option<Box<ExactlyOnce>>,
}

/// Names for messages, in order of receipt.
#[derive(Debug, Default)]
struct Tokens(u64);

impl Tokens {
    fn take(&mut self) -> u64 {
        let token = self.0;
        self.0 += 1;
        token
    }
}

impl Incoming {
    /// How many messages the program has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.at_least_once.len() + self.exactly_once.as_ref().map_or(0, |held| held.len())
    }

    /// [MQTT-3.3.4-1] (both versions), [MQTT-4.3.2-2] (3.1.1), [MQTT-4.3.2-5] (5.0)
    pub(super) fn received(
        &mut self,
        publish: &Publish<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Arrival, Violation> {
        let Some(id) = publish.packet_id else { return Ok(Arrival::New(self.tokens.take())) };
        if publish.qos == QoS::ExactlyOnce {
            let exactly_once = self.exactly_once.get_or_insert_default();
            return exactly_once.received(id, &mut self.tokens, link, outbox);
        }
        if publish.duplicate && self.at_least_once.holds(id) {
            // Repeated on a live connection while the program holds it: one answer is enough.
            return Ok(Arrival::Duplicate);
        }
        link.count_received()?;
        let token = self.tokens.take();
        self.at_least_once.deliver(token, id);
        Ok(Arrival::New(token))
    }

    /// The program has taken a message over, or refuses it with an error. A second word on the same message is ignored.
    pub(super) fn acknowledge(
        &mut self,
        token: u64,
        reason: ReasonCode,
        link: Option<&mut Link>,
        outbox: &mut Outbox,
    ) {
        let reason = sendable(reason);
        if self.at_least_once.acknowledge(token, reason) {
            if let Some(link) = link {
                self.at_least_once.answer(link, outbox);
            }
        } else if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.acknowledge(token, reason, link, outbox);
        }
    }

    /// Takes a message for not received, whose connection is gone: the peer's repetition is a new one.
    pub(super) fn forget(&mut self, token: u64) {
        if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.forget(token);
        }
    }

    /// PUBREL arrived: answered with PUBCOMP also if nothing is known of it, so that the peer can finish.
    pub(super) fn released(
        &mut self,
        ack: &Ack<'_>,
        link: &mut Link,
        outbox: &mut Outbox,
    ) -> Result<Known, Violation> {
        self.exactly_once.get_or_insert_default().released(ack, link, outbox)
    }

    /// The connection is gone, and with it the peer's wait for answers. Unanswered QoS 1 messages come again as new ones.
    pub(super) fn suspend(&mut self) {
        self.at_least_once = AtLeastOnce::default();
        if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.suspend();
        }
    }

    /// The peer has lost the session: its identifiers stand for new messages.
    pub(super) fn lose(&mut self) {
        self.at_least_once = AtLeastOnce::default();
        self.exactly_once = None;
    }
}

/// A reason that PUBACK and PUBREC can carry [MQTT-3.4.2-1] [MQTT-3.5.2-1] (5.0): the program may have named any.
const fn sendable(reason: ReasonCode) -> ReasonCode {
    if reason.is_allowed_in(PacketType::PubAck) {
        reason
    } else if reason.is_error() {
        ReasonCode::UnspecifiedError
    } else {
        ReasonCode::Success
    }
}
