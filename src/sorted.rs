//! Maps whose keys mostly rise.

use alloc::vec::Vec;
use core::{borrow::Borrow, mem};

/// So much room, in bytes, is kept for entries to come.
const KEPT: usize = 4096;

/// A map in the order of its keys, in one piece of memory.
///
/// What a session remembers comes with rising keys, and goes mostly in order. An entry that goes leaves a gap, which takes a new entry
/// that belongs there, until half of all are gaps: nothing moves then but for a new key amid others. A steady flow allocates nothing, and
/// what a burst needed is given back. Beside `BTreeMap` an entry costs no node of eleven, and the code for one more type of entry is a
/// tenth, both of which count on a microcontroller.
#[derive(Debug)]
pub(crate) struct SortedMap<K, V> {
    /// A key without a value is a gap.
    entries: Vec<(K, Option<V>)>,
    /// How many of them have a value.
    len: usize,
    /// The first that has.
    start: usize,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// An empty map. Allocates nothing.
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), len: 0, start: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.at_or_behind(self.start)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (K, V)> {
        self.entries.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&K, &V) -> bool) {
        self.entries.retain(|entry| live(entry).is_some_and(|(key, value)| is_kept(key, value)));
        self.compacted();
    }

    /// No gap is left. Room that is not needed any more is given back.
    fn compacted(&mut self) {
        self.len = self.entries.len();
        self.start = 0;
        let kept = KEPT / size_of::<(K, Option<V>)>().max(1);
        if self.entries.capacity() / 4 > self.len.max(kept) {
            self.entries.shrink_to(2 * self.len.max(kept));
        }
    }

    fn at_or_behind(&self, index: usize) -> impl Iterator<Item = (&K, &V)> {
        self.entries.get(index..).unwrap_or_default().iter().filter_map(live)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        self.entries.get(index)?.1.as_ref()
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        self.entries.get_mut(index)?.1.as_mut()
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Adds an entry, or puts the value in the place of the key's former one.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.entries.last().is_none_or(|(last, _)| *last < key) {
            return self.push(key, value);
        }
        let (Ok(index) | Err(index)) = self.find(&key);
        let is_gap = |index: &usize| self.entries.get(*index).is_some_and(|(_, value)| value.is_none());
        let known = self.entries.get(index).is_some_and(|(found, _)| *found == key);
        // A gap on either side may take it, and the keys still rise.
        let place =
            [Some(index), index.checked_sub(1)].into_iter().flatten().find(|index| known || is_gap(index));
        let former = match place.and_then(|place| self.entries.get_mut(place)) {
            Some(entry) => mem::replace(entry, (key, Some(value))).1,
            None => {
                self.make_room();
                self.entries.insert(index, (key, Some(value)));
                None
            }
        };
        if former.is_none() {
            let index = place.unwrap_or(index);
            self.start = self.start.min(index);
            self.len += 1;
        }
    }

    /// Adds an entry with the highest key.
    fn push(&mut self, key: K, value: V) {
        let entry = (key, Some(value));
        match self.entries.last_mut() {
            Some(last) if last.1.is_none() => *last = entry,
            _ => {
                self.make_room();
                self.entries.push(entry);
            }
        }
        self.len += 1;
    }

    /// Twice the room, from one entry on: `Vec` starts with four, which a board with 8 KiB of RAM has no room for.
    fn make_room(&mut self) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len().max(1));
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        let value = self.entries.get_mut(index)?.1.take()?;
        self.len -= 1;
        if self.is_empty() {
            self.entries.clear();
            self.compacted();
        } else if self.entries.len() > 2 * self.len {
            self.retain(|_, _| true);
        } else if index == self.start {
            self.start += self.entries.iter().skip(index).take_while(|entry| entry.1.is_none()).count();
        }
        Some(value)
    }

    /// The entries from this key on.
    pub(crate) fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        self.at_or_behind(self.first_at(key))
    }

    /// The first entry from this key on.
    pub(crate) fn first_from(&self, key: &K) -> Option<(&K, &V)> {
        self.from(key).next()
    }

    pub(crate) fn first_from_mut(&mut self, key: &K) -> Option<(&K, &mut V)> {
        let first = self.first_at(key);
        self.entries.get_mut(first..)?.iter_mut().find_map(|(key, value)| Some((&*key, value.as_mut()?)))
    }

    /// Where to look for the first entry from this key on.
    fn first_at(&self, key: &K) -> usize {
        let (Ok(index) | Err(index)) = self.find(key);
        index.max(self.start)
    }

    /// Where the key is, or where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // Most keys that are looked for are the lowest.
        if self.entries.get(self.start).is_some_and(|(first, _)| first.borrow() == key) {
            return Ok(self.start);
        }
        self.entries.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }
}

fn live<K, V>((key, value): &(K, Option<V>)) -> Option<(&K, &V)> {
    value.as_ref().map(|value| (key, value))
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;

    #[test]
    fn agrees_with_an_ordered_map_over_random_use() {
        let mut map = SortedMap::new();
        let mut reference = BTreeMap::new();
        let mut seed = 88_172_645_463_325_252_u64;
        for value in 0..20_000_u32 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let key = u16::try_from(seed % 64).unwrap();
            match seed >> 40 & 3 {
                0 | 1 => {
                    map.insert(key, value);
                    reference.insert(key, value);
                }
                2 => assert_eq!(map.remove(&key), reference.remove(&key)),
                _ => {
                    if let Some(value) = map.get_mut(&key) {
                        *value += 1;
                    }
                    reference.entry(key).and_modify(|value| *value += 1);
                }
            }
            assert_eq!(map.get(&key), reference.get(&key));
            assert_eq!(map.contains(&key), reference.contains_key(&key));
            assert_eq!(map.len(), reference.len());
            assert!(map.entries.len() <= 2 * map.len() && map.iter().eq(reference.iter()));
            assert!(map.from(&key).eq(reference.range(key..)));
            assert_eq!(map.first_from_mut(&key), reference.range_mut(key..).next());
        }
        assert!(map.iter().eq(reference.iter()) && map.keys().eq(reference.keys()));
        assert_eq!(map.len(), reference.len());
        map.retain(|key, _| key % 2 == 0);
        reference.retain(|key, _| key % 2 == 0);
        assert!(map.into_entries().eq(reference));
    }
    /// One that nobody removes must not keep the room of all that come after it, and identifiers that wrap around find gaps.
    #[test]
    fn gaps_are_few_and_filled() {
        let mut map = SortedMap::new();
        map.insert(0_u16, ());
        for key in 1..=u16::MAX {
            map.insert(key, ());
            assert_eq!(map.remove(&key), Some(()));
        }
        assert_eq!((map.len(), map.entries.len()), (1, 2));
        map.clear();
        (60_000..60_100).for_each(|key| map.insert(key, ()));
        (60_000..60_040).for_each(|key| assert_eq!(map.remove(&key), Some(())));
        assert_eq!((map.len(), map.entries.len()), (60, 100));
        (0..40).for_each(|key| map.insert(key, ()));
        assert_eq!((map.len(), map.entries.len()), (100, 100));
        assert!(map.keys().copied().eq((0..40).chain(60_040..60_100)));
    }

    #[test]
    fn the_room_of_a_burst_is_given_back() {
        let mut map = SortedMap::new();
        map.insert(0_u32, [0_u8; 60]);
        assert_eq!(map.entries.capacity(), 1);
        (1..10_000).for_each(|key| map.insert(key, [0; 60]));
        (0..9_990).for_each(|key| assert!(map.remove(&key).is_some()));
        assert!(map.entries.capacity() * size_of::<(u32, Option<[u8; 60]>)>() <= 4 * KEPT);
    }
}
