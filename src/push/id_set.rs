//! A set of ids that takes little more than their hashes.

/// Hashes of 128 bits in many short, sorted lists. A list grows by an eighth of itself, so the set takes at most 18
/// bytes an id, where a hash table takes up to 50 while it doubles.
#[derive(Default)]
pub(super) struct IdSet {
    /// Empty until the first id comes.
    lists: Vec<Vec<u128>>,
}

impl IdSet {
    const LISTS: usize = 1 << Self::BITS;
    /// The first bits of a hash are the number of its list. With a million ids a list has a thousand.
    const BITS: u32 = 10;

    pub(super) fn contains(&self, id: u128) -> bool {
        self.lists.get(Self::list(id)).is_some_and(|list| list.binary_search(&id).is_ok())
    }

    pub(super) fn insert(&mut self, id: u128) {
        if self.lists.is_empty() {
            self.lists.resize_with(Self::LISTS, Vec::new);
        }
        let Some(list) = self.lists.get_mut(Self::list(id)) else { return };
        if let Err(at) = list.binary_search(&id) {
            if list.len() == list.capacity() {
                list.reserve_exact(list.len() / 8 + 4);
            }
            list.insert(at, id);
        }
    }

    /// Inserts a value in place of one that differs in the last bit alone.
    pub(super) fn replace(&mut self, id: u128) {
        let list = self.lists.get_mut(Self::list(id));
        let known = list.and_then(|list| {
            let at = list.binary_search_by_key(&(id >> 1), |known| known >> 1).ok()?;
            list.get_mut(at)
        });
        match known {
            Some(known) => *known = id,
            None => self.insert(id),
        }
    }

    /// The value that differs in the last bit at most, and its place among all.
    pub(super) fn find(&self, id: u128) -> Option<(usize, u128)> {
        let number = Self::list(id);
        let list = self.lists.get(number)?;
        let at = list.binary_search_by_key(&(id >> 1), |known| known >> 1).ok()?;
        let before: usize = self.lists.iter().take(number).map(Vec::len).sum();
        Some((before + at, *list.get(at)?))
    }

    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    fn list(id: u128) -> usize {
        (id >> (u128::BITS - Self::BITS)) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_the_ids_that_were_inserted_and_no_others(
            ids in prop::collection::vec((0..4_u128, 0..40_u128), 0..200),
        ) {
            let (mut set, mut model) = (IdSet::default(), HashSet::new());
            for (high, low) in ids {
                let id = high << 118 | low;
                prop_assert_eq!(set.contains(id), model.contains(&id));
                set.insert(id);
                model.insert(id);
                prop_assert!(set.contains(id) && set.contains(u128::MAX) == model.contains(&u128::MAX));
            }
        }
    }

    #[test]
    fn its_lists_have_little_more_room_than_ids() {
        let mut set = IdSet::default();
        for number in 0..200_000_u64 {
            set.insert(crate::model::fingerprint(&number.to_string()));
        }
        let room: usize = set.lists.iter().map(Vec::capacity).sum();
        assert_eq!(set.len(), 200_000);
        assert!(room * 8 <= set.len() * 9 + IdSet::LISTS * 8 * 5, "{room}");
    }

    #[test]
    fn a_value_takes_the_place_of_one_that_differs_in_the_last_bit_and_is_found_by_either() {
        let mut set = IdSet::default();
        let all: Vec<u128> = (0..2_000_u64).map(|number| crate::model::fingerprint(&number.to_string()) & !1).collect();
        all.iter().for_each(|id| set.replace(*id));
        all.iter().step_by(2).for_each(|id| set.replace(*id | 1));
        assert_eq!(set.len(), all.len());
        let mut places = HashSet::new();
        for (number, id) in all.iter().enumerate() {
            let (place, found) = set.find(*id).unwrap();
            assert_eq!((set.find(*id | 1), found), (Some((place, found)), id | u128::from(number % 2 == 0)));
            assert!(place < all.len() && places.insert(place));
        }
        assert_eq!(set.find(crate::model::fingerprint("another")), None);
    }
}
