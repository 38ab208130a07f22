//! What one subscriber has got, and whether it is what it should have got.

use core::ops::Range;
use std::collections::BTreeMap;

/// What a message that arrives is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one of its publisher, if those before it are missing.
    Next { missing: Range<u64> },
    /// One that was missing.
    OutOfOrder,
    /// One that was here before.
    Again,
}

/// A subscriber's books.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// The publisher of the first entry of `expected`.
    first: u32,
    /// The number of the message that comes next, for each publisher.
    expected: Vec<u64>,
    /// What is missing: publisher and first number, and the number behind the last. Where a network stream keeps its order,
    /// nothing of it ever arrives.
    missing: BTreeMap<(u32, u64), u64>,
}

impl Subscriber {
    /// Of what `publishers` send.
    pub(super) fn new(publishers: Range<u32>) -> Self {
        let expected = publishers.clone().map(|_| 0).collect();
        Self { first: publishers.start, expected, missing: BTreeMap::new() }
    }

    /// Enters a message. `None` if it is of a publisher that this subscriber does not listen to.
    pub(super) fn receive(&mut self, publisher: u32, sequence: u64) -> Option<Arrival> {
        let expected = self.expected(publisher)?;
        if sequence == *expected {
            *expected += 1;
            return Some(Arrival::Next { missing: 0..0 });
        }
        if sequence > *expected {
            let missing = *expected..sequence;
            *expected = sequence + 1;
            self.missing.insert((publisher, missing.start), missing.end);
            return Some(Arrival::Next { missing });
        }
        Some(if self.take_missing(publisher, sequence) { Arrival::OutOfOrder } else { Arrival::Again })
    }

    /// Enters a message of which only the order matters; whether it comes too late.
    pub(super) fn is_late(&mut self, publisher: u32, sequence: u64) -> Option<bool> {
        let expected = self.expected(publisher)?;
        let is_late = sequence < *expected;
        *expected = (sequence + 1).max(*expected);
        Some(is_late)
    }

    /// Ends the wait for the messages of a publisher below a number; tells how many are missing at the end.
    pub(super) fn settle(&mut self, publisher: u32, next: u64) -> u64 {
        let Some(expected) = self.expected(publisher) else { return 0 };
        let missing = *expected..next.max(*expected);
        if missing.is_empty() {
            return 0;
        }
        *expected = missing.end;
        self.missing.insert((publisher, missing.start), missing.end);
        missing.end - missing.start
    }

    fn expected(&mut self, publisher: u32) -> Option<&mut u64> {
        self.expected.get_mut(usize::try_from(publisher.checked_sub(self.first)?).ok()?)
    }

    /// Takes a message out of the missing ones, if it is among them.
    fn take_missing(&mut self, publisher: u32, sequence: u64) -> bool {
        let before = self.missing.range(..=(publisher, sequence)).next_back();
        let Some((&(owner, start), &end)) = before else { return false };
        if owner != publisher || sequence >= end {
            return false;
        }
        self.missing.remove(&(publisher, start));
        if start < sequence {
            self.missing.insert((publisher, start), sequence);
        }
        if sequence + 1 < end {
            self.missing.insert((publisher, sequence + 1), end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_ORDER: Option<Arrival> = Some(Arrival::Next { missing: 0..0 });

    #[test]
    fn lost_doubled_and_late_messages_are_told_apart() {
        let mut subscriber = Subscriber::new(0..2);
        assert_eq!(subscriber.receive(0, 0), IN_ORDER);
        assert_eq!(subscriber.receive(0, 0), Some(Arrival::Again));
        assert_eq!(subscriber.receive(0, 5), Some(Arrival::Next { missing: 1..5 }));
        // Each publisher has an order of its own.
        assert_eq!(subscriber.receive(1, 0), IN_ORDER);
        assert_eq!(subscriber.receive(1, 1), IN_ORDER);
        for late in [3, 1, 4, 2] {
            assert_eq!(subscriber.receive(0, late), Some(Arrival::OutOfOrder), "{late}");
            assert_eq!(subscriber.receive(0, late), Some(Arrival::Again), "{late}");
        }
        assert!(subscriber.missing.is_empty());
        assert_eq!(subscriber.receive(0, 6), IN_ORDER);
        assert_eq!(subscriber.receive(2, 0), None);
    }

    #[test]
    fn what_is_missing_at_the_end_is_counted_once() {
        let mut subscriber = Subscriber::new(3..4);
        assert_eq!(subscriber.receive(2, 0), None);
        assert_eq!(subscriber.receive(3, 0), IN_ORDER);
        assert_eq!((subscriber.settle(3, 4), subscriber.settle(3, 4), subscriber.settle(7, 4)), (3, 0, 0));
        assert_eq!(subscriber.receive(3, 2), Some(Arrival::OutOfOrder));
        assert_eq!(subscriber.receive(3, 4), IN_ORDER);
    }

    #[test]
    fn of_a_shared_subscription_the_order_matters() {
        let mut subscriber = Subscriber::new(0..1);
        let late = [(0, false), (4, false), (3, true), (5, false)];
        for (sequence, is_late) in late {
            assert_eq!(subscriber.is_late(0, sequence), Some(is_late), "{sequence}");
        }
        assert_eq!(subscriber.is_late(1, 0), None);
    }
}
