//! The filters that one session subscribes to.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::TopicFilter;

/// So many are kept side by side.
const FEW: usize = 8;

/// A sorted set of filters that is small while they are few, as they are for most sessions: the smallest node of a tree has room for
/// eleven.
#[derive(Clone, Debug, Default)]
pub(super) struct FilterSet {
    /// Empty when there were more.
    few: Vec<TopicFilter>,
    many: BTreeSet<TopicFilter>,
}

impl FilterSet {
    pub(super) fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn contains(&self, filter: &TopicFilter) -> bool {
        self.few.binary_search(filter).is_ok() || self.many.contains(filter)
    }

    pub(super) fn insert(&mut self, filter: TopicFilter) {
        if !self.many.is_empty() || self.few.len() == FEW {
            self.many.extend(core::mem::take(&mut self.few));
            self.many.insert(filter);
        } else if let Err(place) = self.few.binary_search(&filter) {
            self.few.reserve_exact(1);
            self.few.insert(place, filter);
        }
    }

    pub(super) fn remove(&mut self, filter: &TopicFilter) {
        match self.few.binary_search(filter) {
            Ok(place) => drop(self.few.remove(place)),
            Err(_) => drop(self.many.remove(filter)),
        }
    }

    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&TopicFilter) -> bool) {
        self.few.retain(&mut is_kept);
        self.many.retain(is_kept);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TopicFilter> {
        self.few.iter().chain(&self.many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_tree_while_filters_come_and_go() {
        let (mut set, mut reference) = (FilterSet::default(), BTreeSet::new());
        let mut seed = 88_172_645_463_325_252_u64;
        let mut was_empty = 0;
        for step in 0..5_000_u64 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let filter = TopicFilter::try_from(alloc::format!("a/{}", seed % 20).as_str()).unwrap();
            // It fills for a while, then it empties.
            let odds = if step / 200 % 2 == 0 { 800 } else { 100 };
            if seed >> 32 & 1023 < odds {
                set.insert(filter.clone());
                reference.insert(filter.clone());
            } else {
                set.remove(&filter);
                reference.remove(&filter);
            }
            assert_eq!(set.contains(&filter), reference.contains(&filter));
            assert_eq!((set.len(), set.is_empty()), (reference.len(), reference.is_empty()));
            assert!(set.iter().eq(&reference));
            was_empty += u32::from(set.is_empty());
        }
        assert!(was_empty > 10, "{was_empty}");
        set.retain(|filter| filter.as_bytes().ends_with(b"1"));
        reference.retain(|filter| filter.as_bytes().ends_with(b"1"));
        assert!(set.iter().eq(&reference));
    }
}
