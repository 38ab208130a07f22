//! What becomes of a published message.

use crate::packet::ReasonCode;

/// The one fate of a published QoS 1 or 2 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishOutcome {
    /// The server took it over.
    Acknowledged {
        /// Success, or *no matching subscribers*.
        reason: ReasonCode,
    },
    /// The server, or what it announced about itself, rules the message out.
    Refused {
        /// Why.
        reason: ReasonCode,
    },
    /// Its expiry passed before it was sent.
    Expired,
    /// It was sent, and then the session was lost: nobody can say whether it arrived.
    Unknown,
}

/// The fate of the message under a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) token: u64,
    pub(crate) outcome: PublishOutcome,
}

/// What happens to messages that were sent and not acknowledged when the server has lost the session. Messages that
/// were never sent stay queued in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostSession {
    /// Each is reported as [`Unknown`](crate::PublishOutcome::Unknown): nobody can say whether it arrived.
    #[default]
    Report,
    /// Each that the server has not received for certain is published once more, as a new message; it may arrive twice.
    Republish,
}
