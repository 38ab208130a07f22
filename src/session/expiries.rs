//! When queued messages expire.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::Timestamp;

/// So many notes of messages that are gone are not worth a clean-up.
const FEW: usize = 16;

/// The moments at which queued messages expire, by their order in the queue.
///
/// A message that leaves the queue in time stays noted until its note is the first one, or until most notes are of such messages.
#[derive(Debug)]
pub(super) struct Expiries(BinaryHeap<Reverse<(Timestamp, u64)>>);

impl Expiries {
    pub(super) const fn new() -> Self {
        Self(BinaryHeap::new())
    }

    /// Notes when the message of this order expires.
    pub(super) fn note(&mut self, expires: Timestamp, order: u64) {
        self.0.push(Reverse((expires, order)));
    }

    /// The queued message that expires first.
    pub(super) fn first(&self) -> Option<(Timestamp, u64)> {
        self.0.peek().map(|Reverse(first)| *first)
    }

    /// A message has left the queue, which has `count` messages now.
    pub(super) fn departed(&mut self, count: usize, is_queued: impl Fn(u64) -> bool) {
        while self.first().is_some_and(|(_, order)| !is_queued(order)) {
            self.0.pop();
        }
        if self.0.len() > 2 * count + FEW {
            self.0.retain(|Reverse((_, order))| is_queued(*order));
            self.0.shrink_to(2 * count + FEW);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_one_is_always_queued_and_notes_do_not_pile_up() {
        let mut expiries = Expiries::new();
        let mut queue = BTreeMap::new();
        let mut seed = 88_172_645_463_325_252_u64;
        for order in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let expires = Timestamp::from_secs(seed % 1000);
            expiries.note(expires, order);
            queue.insert(order, expires);
            while queue.len() > 30 {
                let leaves = *queue.keys().nth((seed >> 40) as usize % 30).unwrap();
                queue.remove(&leaves);
                expiries.departed(queue.len(), |order| queue.contains_key(&order));
            }
            let first = queue.iter().map(|(order, expires)| (*expires, *order)).min();
            assert_eq!(expiries.first(), first);
            assert!(expiries.0.len() <= 2 * 31 + FEW);
        }
    }
}
