//! Maps for few entries whose keys mostly rise.

use alloc::collections::VecDeque;
use core::borrow::Borrow;

/// A map in the order of its keys, in one piece of memory that grows with its entries.
///
/// What a session remembers comes and goes mostly in order: entries are added behind the last one and removed before the first one in
/// constant time. Elsewhere the shorter side moves. Compared with `BTreeMap`, an entry costs no node of eleven, and the code of one map
/// is a tenth, which counts on a microcontroller.
#[derive(Debug)]
pub(crate) struct SortedMap<K, V> {
    entries: VecDeque<(K, V)>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// An empty map. Allocates nothing.
    pub(crate) const fn new() -> Self {
        Self { entries: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entry of the lowest key.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.at(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.entries.into_iter().map(|(_, value)| value)
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&K, &V) -> bool) {
        self.entries.retain(|(key, value)| is_kept(key, value));
    }

    fn at(&self, index: usize) -> Option<(&K, &V)> {
        self.entries.get(index).map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        Some(&self.entries.get(index)?.1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        Some(&mut self.entries.get_mut(index)?.1)
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Adds an entry, or puts the value in the place of the key's former one.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(index) => {
                if let Some(entry) = self.entries.get_mut(index) {
                    entry.1 = value;
                }
            }
            Err(index) => self.entries.insert(index, (key, value)),
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let index = self.find(key).ok()?;
        self.entries.remove(index).map(|(_, value)| value)
    }

    /// The entries from this key on.
    pub(crate) fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let start = self.find(key).unwrap_or_else(|index| index);
        self.entries.range(start..).map(|(key, value)| (key, value))
    }

    /// The last entry up to and with this key.
    pub(crate) fn last_to(&self, key: &K) -> Option<(&K, &V)> {
        match self.find(key) {
            Ok(index) => self.at(index),
            Err(index) => self.at(index.checked_sub(1)?),
        }
    }

    /// Where the key is, or where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // Most new keys are the highest.
        if self.entries.back().is_none_or(|(last, _)| last.borrow() < key) {
            return Err(self.entries.len());
        }
        self.entries.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec::Vec};

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
            assert_eq!(map.first(), reference.first_key_value());
            assert_eq!(map.last_to(&key), reference.range(..=key).next_back());
            assert!(map.from(&key).eq(reference.range(key..)));
        }
        assert!(map.iter().eq(reference.iter()) && map.keys().eq(reference.keys()));
        assert_eq!(map.len(), reference.len());
        map.retain(|key, _| key % 2 == 0);
        reference.retain(|key, _| key % 2 == 0);
        assert_eq!(map.into_values().collect::<Vec<_>>(), reference.into_values().collect::<Vec<_>>());
    }
}
