//! The packet identifiers of one sender: one space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use crate::{packet::PacketId, sorted::SortedMap};

/// Which packet identifiers are free, as ranges, so that taking and releasing one costs the same however many are live.
///
/// Identifiers are taken in rising order and wrap around, so that one that was just released rests for as long as
/// possible: a late acknowledgement of its former use finds nothing.
#[derive(Debug)]
pub(crate) struct PacketIds {
    /// The last identifier of each free range, and the first.
    free: SortedMap<u16, u16>,
    next: u16,
}

impl Default for PacketIds {
    fn default() -> Self {
        let mut free = SortedMap::new();
        free.insert(u16::MAX, 1);
        Self { free, next: 1 }
    }
}

impl PacketIds {
    /// Takes an identifier that is not in use [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0); `None` if all 65,535 are.
    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1] (both versions), [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0)
    pub(crate) fn take(&mut self) -> Option<PacketId> {
        let (last, first) = self.range_from(self.next).or_else(|| self.range_from(1))?;
        let id = if last < self.next { first } else { first.max(self.next) };
        if first < id {
            self.free.insert(id - 1, first);
        }
        if id < last {
            self.free.insert(last, id + 1);
        } else {
            self.free.remove(&last);
        }
        self.next = id.checked_add(1).unwrap_or(1);
        PacketId::new(id)
    }

    /// Gives an identifier back. One that is free already stays free.
    pub(crate) fn release(&mut self, id: PacketId) {
        let id = id.get();
        let behind = self.range_from(id);
        if behind.is_some_and(|(_, first)| first <= id) {
            return;
        }
        let last = behind.filter(|(_, first)| *first - 1 == id).map_or(id, |(last, _)| last);
        let first = self.free.remove(&(id - 1)).unwrap_or(id);
        self.free.insert(last, first);
    }

    /// The first range that ends at this identifier or behind it: its last and its first identifier.
    fn range_from(&self, id: u16) -> Option<(u16, u16)> {
        self.free.from(&id).next().map(|(last, first)| (*last, *first))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, vec::Vec};

    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    /// A released identifier rests until the counter comes round.
    #[test]
    fn s32_identifiers_rise_and_wrap() {
        let mut ids = PacketIds::default();
        assert_eq!(ids.take(), Some(id(1)));
        ids.release(id(1));
        assert_eq!(ids.take(), Some(id(2)));
        for expected in 3..=u16::MAX {
            assert_eq!(ids.take(), Some(id(expected)));
        }
        assert_eq!(ids.take(), Some(id(1)));
    }

    #[test]
    fn s31_exhaustion_is_told_and_recovers_after_one_release() {
        let mut ids = PacketIds::default();
        for _ in 0..u16::MAX {
            ids.take().unwrap();
        }
        assert_eq!(ids.take(), None);
        assert_eq!(ids.take(), None);
        ids.release(id(777));
        assert_eq!(ids.take(), Some(id(777)));
        assert_eq!(ids.take(), None);
    }

    /// [MQTT-2.3.1-2] [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-3] [MQTT-2.2.1-4] (5.0)
    #[test]
    fn agrees_with_a_set_over_random_use() {
        let mut ids = PacketIds::default();
        let mut live = BTreeSet::new();
        let mut seed = 88_172_645_463_325_252_u64;
        for _ in 0..200_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            if seed.is_multiple_of(3) && !live.is_empty() {
                let all: Vec<PacketId> = live.iter().copied().take(16).collect();
                let gone = all[usize::try_from(seed >> 32).unwrap() % all.len()];
                live.remove(&gone);
                ids.release(gone);
                ids.release(gone);
            } else if let Some(new) = ids.take() {
                assert!(live.insert(new), "{new} was live");
            } else {
                assert_eq!(live.len(), 65_535);
            }
        }
        let free: usize = ids.free.iter().map(|(last, first)| usize::from(last - first) + 1).sum();
        assert_eq!(free + live.len(), 65_535);
    }
}
