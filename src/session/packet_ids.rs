//! The packet identifiers of one sender: one space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE.

use alloc::vec::Vec;

use crate::packet::PacketId;

/// Room for so many ranges is kept.
const KEPT: usize = 64;

/// A set of packet identifiers, as ranges: one that comes or goes in rising order costs the same however many there are.
#[derive(Debug, Default)]
pub(super) struct PacketIdSet {
    /// The first and the last of each range. They rise, and none touches the next.
    ranges: Vec<(u16, u16)>,
}

impl PacketIdSet {
    pub(super) fn contains(&self, id: PacketId) -> bool {
        let id = id.get();
        self.ranges.get(self.place_of(id)).is_some_and(|(first, _)| *first <= id)
    }

    /// Adds an identifier. One that is there already stays there.
    pub(super) fn insert(&mut self, id: PacketId) {
        let id = id.get();
        let place = self.place_of(id);
        let (lower, upper) = self.ranges.split_at_mut(place);
        let lower = lower.last_mut().filter(|(_, last)| *last + 1 == id);
        let upper = upper.first_mut();
        if upper.as_ref().is_some_and(|(first, _)| *first <= id) {
            return;
        }
        match (lower, upper.filter(|(first, _)| *first - 1 == id)) {
            (Some(lower), Some(upper)) => {
                lower.1 = upper.1;
                self.drop_range(place);
            }
            (Some(lower), None) => lower.1 = id,
            (None, Some(upper)) => upper.0 = id,
            (None, None) => self.ranges.insert(place, (id, id)),
        }
    }

    pub(super) fn remove(&mut self, id: PacketId) {
        let id = id.get();
        let place = self.place_of(id);
        let Some(range) = self.ranges.get_mut(place).filter(|(first, _)| *first <= id) else { return };
        let (first, last) = *range;
        if first < id && id < last {
            range.0 = id + 1;
            self.ranges.insert(place, (first, id - 1));
        } else if first < id {
            range.1 = id - 1;
        } else if id < last {
            range.0 = id + 1;
        } else {
            self.drop_range(place);
        }
    }

    /// Room that is not needed any more is given back.
    fn drop_range(&mut self, place: usize) {
        self.ranges.remove(place);
        let kept = self.ranges.len().max(KEPT);
        if self.ranges.capacity() / 4 > kept {
            self.ranges.shrink_to(2 * kept);
        }
    }

    /// The lowest identifier from this one on that is not in the set.
    fn first_missing_from(&self, id: u16) -> Option<PacketId> {
        match self.ranges.get(self.place_of(id)) {
            Some((first, last)) if *first <= id => last.checked_add(1).and_then(PacketId::new),
            _ => PacketId::new(id),
        }
    }

    /// The index of the first range that ends at this identifier or behind it.
    fn place_of(&self, id: u16) -> usize {
        self.ranges.partition_point(|(_, last)| *last < id)
    }
}

impl FromIterator<PacketId> for PacketIdSet {
    fn from_iter<I: IntoIterator<Item = PacketId>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

/// Which packet identifiers are in use.
///
/// Identifiers are taken in rising order and wrap around, so that one that was just released rests for as long as
/// possible: a late acknowledgement of its former use finds nothing.
#[derive(Debug)]
pub(crate) struct PacketIds {
    used: PacketIdSet,
    next: u16,
}

impl Default for PacketIds {
    fn default() -> Self {
        Self { used: PacketIdSet::default(), next: 1 }
    }
}

impl PacketIds {
    /// Takes an identifier that is not in use [MQTT-2.3.1-2] (3.1.1) [MQTT-2.2.1-3] (5.0); `None` if all 65,535 are.
    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1] (both versions), [MQTT-2.3.1-4] (3.1.1), [MQTT-2.2.1-4] (5.0)
    pub(crate) fn take(&mut self) -> Option<PacketId> {
        let id = self.used.first_missing_from(self.next).or_else(|| self.used.first_missing_from(1))?;
        self.used.insert(id);
        self.next = id.get().checked_add(1).unwrap_or(1);
        Some(id)
    }

    /// Gives an identifier back. One that is free already stays free.
    pub(crate) fn release(&mut self, id: PacketId) {
        self.used.remove(id);
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

    #[test]
    fn the_room_of_many_ranges_is_given_back() {
        let mut set = PacketIdSet::default();
        let odd = || (0..30_000).map(|half| id(2 * half + 1));
        odd().for_each(|id| set.insert(id));
        assert_eq!(set.ranges.len(), 30_000);
        odd().for_each(|id| set.remove(id));
        assert!(set.ranges.is_empty() && set.ranges.capacity() <= 4 * KEPT);
    }

    #[test]
    fn the_room_of_many_ranges_is_given_back_when_they_grow_together() {
        let mut ids = PacketIds::default();
        while ids.take().is_some() {}
        let every_other = |first: u16| (0..30_000).map(move |half| id(2 * half + first));
        every_other(1).for_each(|id| ids.release(id));
        assert_eq!(ids.used.ranges.len(), 30_000);
        every_other(2).for_each(|id| ids.release(id));
        assert_eq!(ids.used.ranges.len(), 1);
        assert!(ids.used.ranges.capacity() <= 4 * KEPT);
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
        let ranges = &ids.used.ranges;
        assert!(ranges.is_sorted_by(|(_, last), (first, _)| u32::from(*last) + 1 < u32::from(*first)));
        let used: usize = ranges.iter().map(|(first, last)| usize::from(last - first) + 1).sum();
        assert_eq!(used, live.len());
        assert!(live.iter().all(|id| ids.used.contains(*id)));
    }
}
