//! How long a client may be silent (section 3.1.2.10).

use crate::Timestamp;

/// Watches for one and a half times the keep alive without a packet [MQTT-3.1.2-24] (3.1.1) [MQTT-3.1.2-22] (5.0).
///
/// Whole packets count, not bytes: who sends a packet byte by byte does not stay for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// 0 for no limit.
    seconds: u16,
    last_packet: Timestamp,
}

impl KeepAlive {
    /// No limit.
    pub(super) const fn off() -> Self {
        Self { seconds: 0, last_packet: Timestamp::ZERO }
    }

    /// A limit for this keep alive in seconds; 0 for none.
    pub(super) const fn new(seconds: u16, now: Timestamp) -> Self {
        Self { seconds, last_packet: now }
    }

    /// A packet arrived.
    pub(super) const fn received(&mut self, now: Timestamp) {
        self.last_packet = now;
    }

    /// When the client has been silent for too long.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        (self.seconds > 0).then(|| self.last_packet.plus_micros(u64::from(self.seconds) * 1_500_000))
    }
}
