//! Large values in order, in little memory.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{mem, ops::Range};

/// So many places are kept when all of them are empty: a burst is not paid for ever, and a message at a time is not paid again and again.
const KEEP_PLACES: usize = 8;

/// Values by a number, in its order. Finding, adding and removing cost what they cost in a `BTreeMap`, whose first node, however,
/// has room for eleven values at once: here only the numbers are in the tree, and one value needs the room of one.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    order: BTreeMap<u64, usize>,
    places: Vec<Place<T>>,
    /// The empty place to be filled next.
    free: Option<usize>,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    /// With the empty place to be filled after this one.
    Empty(Option<usize>),
}

impl<T> Place<T> {
    fn value(&self) -> Option<&T> {
        if let Self::Taken(value) = self { Some(value) } else { None }
    }
}

impl<T> Ordered<T> {
    pub(super) const fn new() -> Self {
        Self { order: BTreeMap::new(), places: Vec::new(), free: None }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a value under a number that none has.
    pub(super) fn insert(&mut self, number: u64, value: T) {
        debug_assert!(!self.order.contains_key(&number), "{number} is taken");
        let empty = self.free.and_then(|index| Some((index, self.places.get_mut(index)?)));
        let index = if let Some((index, place)) = empty {
            let filled = mem::replace(place, Place::Taken(value));
            self.free = if let Place::Empty(next) = filled { next } else { None };
            index
        } else {
            if self.places.len() == self.places.capacity() {
                // One, two, four: a device with a message at a time has one place.
                self.places.reserve_exact(self.places.len().max(1));
            }
            self.places.push(Place::Taken(value));
            self.places.len() - 1
        };
        self.order.insert(number, index);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let index = self.order.remove(&number)?;
        let left = mem::replace(self.places.get_mut(index)?, Place::Empty(self.free));
        self.free = Some(index);
        if self.order.is_empty() && self.places.capacity() > KEEP_PLACES {
            self.places = Vec::new();
            self.free = None;
        }
        if let Place::Taken(value) = left { Some(value) } else { None }
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.places.get(*self.order.get(&number)?)?.value()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = self.places.get_mut(*self.order.get(&number)?)?;
        if let Place::Taken(value) = place { Some(value) } else { None }
    }

    pub(super) fn first(&self) -> Option<(u64, &T)> {
        let (number, index) = self.order.first_key_value()?;
        Some((*number, self.places.get(*index)?.value()?))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.range(0..u64::MAX)
    }

    pub(super) fn range(&self, numbers: Range<u64>) -> impl Iterator<Item = (u64, &T)> {
        let places = &self.places;
        self.order
            .range(numbers)
            .filter_map(move |(number, index)| Some((*number, places.get(*index)?.value()?)))
    }

    /// All values in order.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        let Self { order, mut places, .. } = self;
        order.into_values().filter_map(move |index| {
            let place = mem::replace(places.get_mut(index)?, Place::Empty(None));
            if let Place::Taken(value) = place { Some(value) } else { None }
        })
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ordered: &Ordered<u64>) -> Vec<(u64, u64)> {
        ordered.iter().map(|(number, value)| (number, *value)).collect()
    }

    #[test]
    fn agrees_with_a_map_over_random_use() {
        let mut ordered = Ordered::new();
        let mut map = BTreeMap::new();
        let mut seed = 88_172_645_463_325_252_u64;
        for value in 0..50_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let number = (seed >> 32) % 40;
            if seed.is_multiple_of(2) && !map.contains_key(&number) {
                ordered.insert(number, value);
                map.insert(number, value);
            } else {
                assert_eq!(ordered.remove(number), map.remove(&number));
            }
            assert_eq!((ordered.len(), ordered.is_empty()), (map.len(), map.is_empty()));
            assert_eq!(ordered.get(number), map.get(&number));
            assert_eq!(ordered.get_mut(number), map.get_mut(&number));
            assert_eq!(ordered.first().map(|(_, value)| *value), map.values().next().copied());
            assert_eq!(
                all(&ordered),
                map.iter().map(|(number, value)| (*number, *value)).collect::<Vec<_>>()
            );
            assert!(ordered.range(10..20).map(|(number, _)| number).eq(map.range(10..20).map(|(at, _)| *at)));
            assert!(ordered.places.len() <= 40, "empty places are not filled");
        }
        assert!(ordered.into_values().eq(map.into_values()));
    }

    #[test]
    fn a_burst_is_not_paid_for_ever_and_one_value_needs_one_place() {
        let mut ordered = Ordered::new();
        ordered.insert(0, 0);
        assert_eq!(ordered.places.capacity(), 1);
        for number in 1..1000 {
            ordered.insert(number, number);
        }
        for number in 0..1000 {
            assert_eq!(ordered.remove(number), Some(number));
        }
        assert_eq!(ordered.places.capacity(), 0);
        for number in 0..8 {
            ordered.insert(number, number);
        }
        assert_eq!(ordered.into_values().count(), 8);
    }
}
