//! The part of an id's data that an operation changes, and whether it must keep its order with earlier operations.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

/// The part of an id's data that an operation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affects {
    /// An item, or the members of an identity.
    Item,
    /// The aliases of an identity, which are replaced apart from its members.
    Aliases,
    /// An identity with its members and aliases.
    Identity,
    /// An item and all items whose id begins with its id.
    Subtree,
    /// Some keys of an item, by a hash of all of them.
    Keys(u64),
    /// One field of an item, by a hash of both.
    Field { field: u64, change: FieldChange },
}

/// How an operation changes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldChange {
    Replace,
    Append,
    /// Removes values from a list.
    Remove,
    /// Puts some keys of a dictionary, by a hash of all of them.
    Put(u64),
    /// Removes some keys of a dictionary.
    Take(u64),
}

/// How an operation fits in with an earlier one on the same data that was not applied, so that it would come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overlap {
    /// It says everything that the earlier one says.
    Covers,
    /// The earlier one would undo it, and says something that it does not say.
    Conflicts,
}

impl Affects {
    pub(super) fn field_of(id: &str, field: &str, change: FieldChange) -> Self {
        // Fields do not differ by case.
        Self::Field { field: hash((id, field.to_lowercase())), change }
    }

    /// Whether two operations on the same id must keep their order.
    pub(super) fn shares_slot(self, other: Self) -> bool {
        if let (Some(field), Some(other)) = (self.field(), other.field()) {
            return field == other;
        }
        self.slots().iter().any(|slot| other.slots().contains(slot))
    }

    /// Whether an operation says everything that an earlier one on the same id says.
    pub(super) fn covers(self, earlier: Self) -> bool {
        match (self, earlier) {
            (Self::Subtree | Self::Identity, _)
            | (Self::Item, Self::Item | Self::Keys(_) | Self::Field { .. })
            | (Self::Aliases, Self::Aliases) => true,
            (Self::Keys(keys), Self::Keys(earlier)) => keys == earlier,
            (Self::Field { field, change }, Self::Field { field: same, change: earlier }) => {
                field == same && change.covers(earlier)
            }
            _ => false,
        }
    }

    /// How an operation overlaps with an earlier one on the same id; `None` where both take effect in either order.
    pub(super) fn overlap(self, earlier: Self) -> Option<Overlap> {
        if !self.shares_slot(earlier) {
            return None;
        }
        match (self, earlier) {
            _ if self.covers(earlier) => Some(Overlap::Covers),
            (Self::Field { change, .. }, Self::Field { change: earlier, .. }) if change.commutes_with(earlier) => None,
            _ => Some(Overlap::Conflicts),
        }
    }

    pub(super) fn field(self) -> Option<u64> {
        match self {
            Self::Field { field, .. } => Some(field),
            _ => None,
        }
    }

    /// The parts of an id's data that it concerns.
    pub(super) fn slots(self) -> &'static [u8] {
        match self {
            Self::Item | Self::Subtree | Self::Keys(_) | Self::Field { .. } => &[0],
            Self::Aliases => &[1],
            Self::Identity => &[0, 1],
        }
    }
}

impl FieldChange {
    fn covers(self, earlier: Self) -> bool {
        match (self, earlier) {
            (Self::Replace, _) => true,
            (Self::Put(keys) | Self::Take(keys), Self::Put(earlier) | Self::Take(earlier)) => keys == earlier,
            _ => false,
        }
    }

    fn commutes_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Append, Self::Append) | (Self::Remove, Self::Remove) | (Self::Take(_), Self::Take(_))
        )
    }
}

/// A hash of some keys, in whatever order they come.
pub(super) fn hash_of_keys<T: Ord + Hash>(keys: impl IntoIterator<Item = T>) -> u64 {
    let mut keys: Vec<T> = keys.into_iter().collect();
    keys.sort_unstable();
    keys.dedup();
    hash(keys)
}

/// The same in all runs: one can push the failed batches of another one again.
fn hash(value: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::Affects::{Aliases, Identity, Item, Keys, Subtree};
    use super::FieldChange::{Append, Put, Remove, Replace, Take};
    use super::Overlap::{Conflicts, Covers};
    use super::*;

    const fn field(field: u64, change: FieldChange) -> Affects {
        Affects::Field { field, change }
    }

    #[test]
    fn guarantee_5_a_later_operation_covers_what_it_says_itself_and_conflicts_with_what_would_undo_it() {
        let table = [
            // Whole items, identities and deletions with children.
            (Item, Item, Some(Covers)),
            (Item, Aliases, None),
            (Item, Identity, Some(Conflicts)),
            (Item, Subtree, Some(Conflicts)),
            (Aliases, Aliases, Some(Covers)),
            (Aliases, Item, None),
            (Aliases, Identity, Some(Conflicts)),
            (Identity, Item, Some(Covers)),
            (Identity, Aliases, Some(Covers)),
            (Identity, Identity, Some(Covers)),
            (Subtree, Item, Some(Covers)),
            (Subtree, Subtree, Some(Covers)),
            // Merges.
            (Keys(1), Keys(1), Some(Covers)),
            (Keys(1), Keys(2), Some(Conflicts)),
            // A change of a field, and the whole item.
            (Item, field(7, Append), Some(Covers)),
            (Subtree, field(7, Append), Some(Covers)),
            (field(7, Replace), Item, Some(Conflicts)),
            (field(7, Append), Item, Some(Conflicts)),
            (field(7, Replace), Subtree, Some(Conflicts)),
            // Two changes of one field.
            (field(7, Replace), field(8, Replace), None),
            (field(7, Replace), field(7, Replace), Some(Covers)),
            (field(7, Replace), field(7, Append), Some(Covers)),
            (field(7, Replace), field(7, Put(1)), Some(Covers)),
            (field(7, Append), field(7, Replace), Some(Conflicts)),
            (field(7, Append), field(7, Append), None),
            (field(7, Append), field(7, Remove), Some(Conflicts)),
            (field(7, Remove), field(7, Append), Some(Conflicts)),
            (field(7, Remove), field(7, Remove), None),
            (field(7, Put(1)), field(7, Replace), Some(Conflicts)),
            (field(7, Put(1)), field(7, Put(1)), Some(Covers)),
            (field(7, Put(1)), field(7, Put(2)), Some(Conflicts)),
            (field(7, Put(1)), field(7, Take(1)), Some(Covers)),
            (field(7, Put(1)), field(7, Take(2)), Some(Conflicts)),
            (field(7, Take(1)), field(7, Put(1)), Some(Covers)),
            (field(7, Take(1)), field(7, Put(2)), Some(Conflicts)),
            (field(7, Take(1)), field(7, Take(1)), Some(Covers)),
            (field(7, Take(1)), field(7, Take(2)), None),
        ];
        for (later, earlier, expected) in table {
            assert_eq!(later.overlap(earlier), expected, "{later:?} after {earlier:?}");
        }
    }

    #[test]
    fn keys_have_one_hash_in_whatever_order_and_another_than_other_keys() {
        assert_eq!(hash_of_keys(["a", "b", "a"]), hash_of_keys(["b", "a"]));
        assert_ne!(hash_of_keys(["a", "b"]), hash_of_keys(["ab"]));
    }
}
