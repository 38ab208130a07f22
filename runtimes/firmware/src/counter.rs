//! Numbers that arrive without a gap, whatever the line does.
//!
//! MQTT trusts its transport: a byte that the line loses or turns over inside a payload is acknowledged like any other. So the
//! counter is sure of a number only when it has heard it back, and says it again until then; check digits tell others which ones are
//! damaged.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_engine::{Client, PublishToken, Timestamp};

use crate::{settings, words};

/// From a number that has arrived to the next one.
const PERIOD: Duration = Duration::from_millis(500);
/// How long an acknowledged number may take to be heard back.
const ECHO_PATIENCE: Duration = Duration::from_secs(1);
/// Which number is on its way.
#[derive(Debug)]
pub(crate) struct Counter {
    number: usize,
    state: State,
    /// Whether the number was heard back.
    is_heard: bool,
}

#[derive(Debug)]
enum State {
    /// The number is due.
    Waiting { until: Timestamp },
    /// It is in the client's hands.
    Sent { token: PublishToken },
    /// It was acknowledged; its echo is not here yet.
    Acknowledged { since: Timestamp },
}

/// A number was acknowledged and never heard: it, or our subscription, was damaged.
#[derive(Debug)]
pub(crate) struct Unheard;

impl Counter {
    pub(crate) const fn new() -> Self {
        Self { number: 1, state: State::Waiting { until: Timestamp::ZERO }, is_heard: false }
    }

    /// The number that is on its way, or next.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// A message on the counter's topic came back.
    pub(crate) fn heard(&mut self, payload: &[u8], now: Timestamp) {
        if payload == &*payload_of(self.number) {
            self.is_heard = true;
            self.move_on(now);
        }
    }

    /// A message of ours met its fate.
    pub(crate) fn acknowledged(&mut self, published: PublishToken, now: Timestamp) {
        if matches!(self.state, State::Sent { token } if token == published) {
            self.state = State::Acknowledged { since: now };
            self.move_on(now);
        }
    }

    fn move_on(&mut self, now: Timestamp) {
        if self.is_heard && matches!(self.state, State::Acknowledged { .. }) {
            *self = Self {
                number: self.number.wrapping_add(1),
                state: State::Waiting { until: now + PERIOD },
                is_heard: false,
            };
        }
    }

    /// Publishes what is due.
    pub(crate) fn act(&mut self, client: &mut Client, now: Timestamp) -> Result<(), Unheard> {
        match self.state {
            State::Waiting { until } if now >= until && client.pending_publishes() == 0 => {
                let message = settings::message(settings::COUNTER, payload_of(self.number));
                // No room: later, then.
                if let Ok(token) = client.publish(message, now) {
                    self.state = State::Sent { token };
                }
            }
            State::Acknowledged { since } if now >= since + ECHO_PATIENCE => {
                self.state = State::Waiting { until: now };
                return Err(Unheard);
            }
            State::Waiting { .. } | State::Sent { .. } | State::Acknowledged { .. } => {}
        }
        Ok(())
    }
}

/// The number and its check digits: `17 4660`.
fn payload_of(number: usize) -> Bytes {
    let mut text = BytesMut::with_capacity(16);
    words::decimal(number, &mut text);
    let check = crc_16(&text);
    text.extend_from_slice(b" ");
    words::decimal(check.into(), &mut text);
    text.freeze()
}

/// CRC-16/CCITT-FALSE.
fn crc_16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8)
            .fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}
