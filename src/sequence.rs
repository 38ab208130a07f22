//! Values with rising numbers.

use alloc::collections::VecDeque;

/// So many empty places are not worth a clean-up.
const FEW: usize = 16;
/// Room for so many entries is kept when they are gone.
const KEPT: usize = 64;

/// Values by a number that only rises: what is added comes behind all others, and what is removed leaves from anywhere.
///
/// Adding and removing cost no more than finding, whose steps grow with the logarithm of the count: a value that leaves the middle
/// leaves an empty place, and when most places are empty they are cleaned up at once. It is one piece of memory: a steady flow
/// allocates nothing, and what a burst needed is given back.
#[derive(Debug)]
pub(crate) struct Sequence<V> {
    /// Neither the first nor the last place is empty.
    places: VecDeque<(u64, Option<V>)>,
    count: usize,
}

impl<V> Default for Sequence<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Sequence<V> {
    /// Without values. Allocates nothing.
    pub(crate) const fn new() -> Self {
        Self { places: VecDeque::new(), count: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a value behind all others; its number is higher than any before.
    pub(crate) fn push(&mut self, number: u64, value: V) {
        debug_assert!(
            self.places.back().is_none_or(|(last, _)| *last < number),
            "{number} is not the highest"
        );
        make_room(&mut self.places);
        self.places.push_back((number, Some(value)));
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<V> {
        let index = self.find(number).ok()?;
        let value = self.places.get_mut(index)?.1.take()?;
        self.count -= 1;
        while self.places.pop_front_if(|(_, value)| value.is_none()).is_some() {}
        while self.places.pop_back_if(|(_, value)| value.is_none()).is_some() {}
        if self.places.len() > 2 * self.count + FEW {
            self.places.retain(|(_, value)| value.is_some());
        }
        give_back(&mut self.places);
        Some(value)
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(u64, &V) -> bool) {
        self.places.retain(|(number, value)| value.as_ref().is_some_and(|value| is_kept(*number, value)));
        self.count = self.places.len();
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.count = 0;
    }

    pub(crate) fn get(&self, number: u64) -> Option<&V> {
        self.places.get(self.find(number).ok()?)?.1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        let index = self.find(number).ok()?;
        self.places.get_mut(index)?.1.as_mut()
    }

    /// The oldest value and its number.
    pub(crate) fn first(&self) -> Option<(u64, &V)> {
        let (number, value) = self.places.front()?;
        Some((*number, value.as_ref()?))
    }

    /// All values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.from(0)
    }

    /// The values from this number on, in order.
    pub(crate) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &V)> {
        let start = self.find(number).unwrap_or_else(|index| index);
        self.places.range(start..).filter_map(|(number, value)| Some((*number, value.as_ref()?)))
    }

    /// All values in order, without their numbers.
    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.places.into_iter().filter_map(|(_, value)| value)
    }

    /// The place of a number, or where it would be.
    fn find(&self, number: u64) -> Result<usize, usize> {
        self.places.binary_search_by_key(&number, |(number, _)| *number)
    }
}

/// Makes room for one more: for one, two, four at first, because a device has one at a time, and its memory is small.
pub(crate) fn make_room<T>(entries: &mut VecDeque<T>) {
    if entries.len() == entries.capacity() {
        entries.reserve_exact(entries.len().max(1));
    }
}

/// Gives memory back that is by far too much for what is left.
pub(crate) fn give_back<T>(entries: &mut VecDeque<T>) {
    if entries.capacity() > KEPT && entries.len() < entries.capacity() / 8 {
        entries.shrink_to(entries.capacity() / 4);
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec::Vec};

    use super::*;

    #[test]
    fn agrees_with_an_ordered_map_over_random_use() {
        let mut sequence = Sequence::new();
        let mut map = BTreeMap::new();
        let mut seed = 88_172_645_463_325_252_u64;
        let mut next = 0_u64;
        for step in 0..30_000_u64 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let number = (next + 4).saturating_sub(seed % 200);
            // It grows, and shrinks, and grows again.
            if seed >> 40 & 7 < if step / 1000 % 2 == 0 { 5 } else { 3 } {
                next += 1 + (seed >> 50 & 1);
                sequence.push(next, step);
                map.insert(next, step);
            } else {
                assert_eq!(sequence.remove(number), map.remove(&number));
            }
            assert_eq!((sequence.len(), sequence.is_empty()), (map.len(), map.is_empty()));
            assert_eq!(sequence.get(number), map.get(&number));
            assert_eq!(sequence.get_mut(number), map.get_mut(&number));
            assert_eq!(sequence.first(), map.first_key_value().map(|(number, value)| (*number, value)));
            assert!(sequence.from(number).eq(map.range(number..).map(|(number, value)| (*number, value))));
            assert!(sequence.places.len() <= 2 * map.len() + FEW, "empty places pile up");
        }
        sequence.retain(|number, _| number % 3 == 0);
        map.retain(|number, _| number % 3 == 0);
        assert_eq!(sequence.len(), map.len());
        assert!(sequence.iter().eq(map.iter().map(|(number, value)| (*number, value))));
        assert_eq!(sequence.into_values().collect::<Vec<_>>(), map.into_values().collect::<Vec<_>>());
    }

    /// One that nobody removes must not keep the places of all that come after it.
    #[test]
    fn an_old_value_costs_no_more_than_itself() {
        let mut sequence = Sequence::new();
        sequence.push(0, ());
        for number in 1..100_000 {
            sequence.push(number, ());
            assert_eq!(sequence.remove(number), Some(()));
        }
        assert_eq!((sequence.len(), sequence.places.len()), (1, 1));
        assert!(sequence.places.capacity() <= KEPT);
    }

    #[test]
    fn one_at_a_time_needs_one_place_and_more_double_it() {
        let mut sequence = Sequence::new();
        let mut grown = 0;
        for number in 0..1000_u64 {
            let before = sequence.places.capacity();
            sequence.push(number, number);
            let after = sequence.places.capacity();
            assert!(number > 0 || after == 1);
            grown += u32::from(after != before);
        }
        assert_eq!(grown, 11);
    }

    #[test]
    fn a_burst_is_given_back() {
        let mut sequence = Sequence::new();
        (0..10_000).for_each(|number| sequence.push(number, ()));
        (0..10_000).for_each(|number| assert_eq!(sequence.remove(number), Some(())));
        assert!(sequence.places.capacity() <= KEPT);
    }
}
