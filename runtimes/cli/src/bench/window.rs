//! The messages of one publisher that are under way.

/// Packet identifiers are 1 to this, in turn.
const PACKET_IDS: u64 = 65_535;

/// A window that slides over a publisher's messages: from the oldest that is under way to the next one.
///
/// A message is under way until it is acknowledged and with all its subscribers.
#[derive(Debug)]
pub(super) struct Window {
    /// A power of two, so that a message finds its slot with one AND.
    slots: Box<[Slot]>,
    size: u64,
    oldest: u64,
    next: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// When the message was due, in nanoseconds.
    due: u64,
    /// How many subscribers are yet to get it.
    deliveries: u32,
    is_acknowledged: bool,
}

impl Window {
    /// At most `size` messages: 1 to 65,534, so that their packet identifiers differ.
    pub(super) fn new(size: u16) -> Self {
        let slots = vec![Slot::default(); usize::from(size).next_power_of_two()];
        Self { slots: slots.into(), size: size.into(), oldest: 0, next: 0 }
    }

    /// How many messages there is room for.
    pub(super) const fn free(&self) -> u64 {
        self.size - self.under_way()
    }

    /// How far it stretches: from the oldest message under way to the last one.
    pub(super) const fn under_way(&self) -> u64 {
        self.next - self.oldest
    }

    /// The number that the next message gets.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next message in, and tells its number. There must be room.
    pub(super) fn open(&mut self, due: u64, deliveries: u32, is_acknowledged: bool) -> u64 {
        debug_assert!(self.free() > 0, "no room");
        let sequence = self.next;
        self.next += 1;
        *self.slot(sequence) = Slot { due, deliveries, is_acknowledged };
        sequence
    }

    /// A subscriber got a message, or is known never to get it. Tells when the message was due; `None` if nobody waits for it.
    pub(super) fn delivered(&mut self, sequence: u64) -> Option<u64> {
        if !(self.oldest..self.next).contains(&sequence) {
            return None;
        }
        let slot = self.slot(sequence);
        slot.deliveries = slot.deliveries.checked_sub(1)?;
        Some(slot.due)
    }

    /// The server has acknowledged a message. Tells whether it was waited for.
    pub(super) fn acknowledged(&mut self, packet_id: u16) -> bool {
        let Some(sequence) = self.sequence(packet_id) else { return false };
        let slot = self.slot(sequence);
        !core::mem::replace(&mut slot.is_acknowledged, true)
    }

    /// Whether a message with this packet identifier is under way and not acknowledged.
    pub(super) fn awaits(&mut self, packet_id: u16) -> bool {
        self.sequence(packet_id).is_some_and(|sequence| !self.slot(sequence).is_acknowledged)
    }

    /// Slides over what is no longer under way, and tells how many messages that were.
    pub(super) fn slide(&mut self) -> u64 {
        let before = self.oldest;
        while self.oldest < self.next {
            let slot = self.slot(self.oldest);
            if slot.deliveries > 0 || !slot.is_acknowledged {
                break;
            }
            self.oldest += 1;
        }
        self.oldest - before
    }

    /// Gives up what is under way, and tells how many deliveries are missing.
    pub(super) fn abandon(&mut self) -> u64 {
        let missing =
            (self.oldest..self.next).map(|sequence| u64::from(self.slot(sequence).deliveries)).sum();
        self.oldest = self.next;
        missing
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves what an index may be")]
    fn slot(&mut self, sequence: u64) -> &mut Slot {
        let mask = self.slots.len() - 1;
        &mut self.slots[sequence as usize & mask]
    }

    /// The message under way that has a packet identifier.
    fn sequence(&self, packet_id: u16) -> Option<u64> {
        let ahead = u64::from(packet_id).checked_sub(1)? + PACKET_IDS - self.oldest % PACKET_IDS;
        let sequence = self.oldest + ahead % PACKET_IDS;
        (sequence < self.next).then_some(sequence)
    }
}

/// The packet identifier of a publisher's message.
pub(super) const fn packet_id(sequence: u64) -> u16 {
    (sequence % PACKET_IDS) as u16 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_under_way_until_it_is_acknowledged_and_with_all_subscribers() {
        let mut window = Window::new(3);
        assert_eq!((window.open(100, 2, false), window.open(101, 2, false)), (0, 1));
        assert_eq!((window.free(), window.under_way()), (1, 2));
        // The second one is done before the first.
        assert!(window.acknowledged(2) && !window.acknowledged(2));
        assert_eq!(
            (window.delivered(1), window.delivered(1), window.delivered(1)),
            (Some(101), Some(101), None)
        );
        assert_eq!(window.slide(), 0);
        assert_eq!((window.delivered(0), window.delivered(0)), (Some(100), Some(100)));
        assert_eq!(window.slide(), 0);
        assert!(window.awaits(1) && window.acknowledged(1) && !window.awaits(1));
        assert_eq!((window.slide(), window.free(), window.next()), (2, 3, 2));
        // Nobody waits for what is over, or was never sent.
        assert_eq!((window.delivered(0), window.delivered(2)), (None, None));
        assert!(!window.acknowledged(1) && !window.acknowledged(3) && !window.acknowledged(0));
    }

    #[test]
    fn packet_identifiers_come_round() {
        let mut window = Window::new(5);
        for sequence in 0..200_000 {
            assert_eq!(window.open(0, 0, false), sequence);
            if window.free() == 0 {
                // The newest first.
                for late in (window.oldest..window.next).rev() {
                    assert!(window.awaits(packet_id(late)), "{late}");
                    assert!(window.acknowledged(packet_id(late)), "{late}");
                }
                assert_eq!(window.slide(), 5);
            }
        }
        assert_eq!((packet_id(0), packet_id(65_534), packet_id(65_535)), (1, 65_535, 1));
    }

    #[test]
    fn what_is_given_up_is_counted() {
        let mut window = Window::new(8);
        for _ in 0..3 {
            window.open(5, 4, true);
        }
        window.delivered(1);
        assert_eq!((window.abandon(), window.free(), window.next()), (11, 8, 3));
        assert_eq!(window.delivered(2), None);
    }
}
