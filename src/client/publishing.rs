//! Publishing: what is checked when a message is handed over.

use super::{Client, PublishError, PublishToken};
use crate::{Message, SubscriptionIdentifiers, Timestamp, packet::ReasonCode};

impl Client {
    /// Queues a message, also while offline, and gives the token under which its fate is told: for QoS 1 and 2 there will be
    /// exactly one [`Published`](super::ClientEvent::Published) event; QoS 0 has none.
    ///
    /// Messages leave in the order of these calls. Subscription identifiers are ignored.
    ///
    /// # Errors
    ///
    /// Gives the message back if the queue is full, or if it exceeds what the queue or the connected server takes.
    pub fn publish(&mut self, mut message: Message, now: Timestamp) -> Result<PublishToken, PublishError> {
        self.pass(now);
        // [MQTT-3.3.4-6] (5.0)
        message.properties.set_subscription_identifiers(SubscriptionIdentifiers::new());
        let result = self.admit(message);
        self.settle();
        result
    }

    fn admit(&mut self, message: Message) -> Result<PublishToken, PublishError> {
        let cost = message.cost();
        if cost > self.config.queue_bytes {
            return Err(PublishError::TooLarge(message));
        }
        let refusal = self.is_connected().then(|| self.wire.link.refusal(&message)).flatten();
        match refusal {
            None => {}
            Some(ReasonCode::QoSNotSupported) => return Err(PublishError::QoSNotSupported(message)),
            Some(ReasonCode::RetainNotSupported) => return Err(PublishError::RetainNotSupported(message)),
            Some(_) => return Err(PublishError::TooLarge(message)),
        }
        let token = self.next_token;
        let queued = if self.transmits() {
            self.session.publish(token, message, &mut self.wire.link, &mut self.outbox, self.now)
        } else {
            self.session.enqueue(token, message, self.now)
        };
        match queued {
            Ok(()) => Ok(PublishToken(self.token())),
            Err(message) => {
                self.blocked = Some(self.blocked.map_or(cost, |blocked| blocked.min(cost)));
                Err(PublishError::Blocked(message))
            }
        }
    }
}
