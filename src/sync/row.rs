//! The row of one id in the ledger, and the rows of an operation.

use std::borrow::Cow;
use std::iter;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fingerprint::{self, Fingerprint};
use crate::push::journal::Change;

/// Separates the id of an identity from the mark of its aliases, which are a row of their own.
pub(super) const ALIASES: &str = "\0aliases";

/// The row whose fingerprint tells whether an operation is needed.
pub(super) fn row_id(id: &str, change: Change) -> Cow<'_, str> {
    match change {
        Change::Aliases => Cow::Owned([id, ALIASES].concat()),
        _ => Cow::Borrowed(id),
    }
}

/// The rows that an operation changes, except for those below a tree.
pub(super) fn rows(id: &str, change: Change) -> impl Iterator<Item = Cow<'_, str>> {
    let aliases = (change == Change::DeleteIdentity).then(|| row_id(id, Change::Aliases));
    iter::once(row_id(id, change)).chain(aliases)
}

/// The state of an id that the service was last known to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fingerprint: Fingerprint,
    /// The fingerprint by the times of its file, where these could be trusted.
    pub(super) file_times: Option<Fingerprint>,
    /// When it was recorded, in seconds since 1970 by the local clock.
    pub(super) recorded: u64,
}

const RECORDED: usize = 8;
const FINGERPRINT: usize = 32;

impl Row {
    pub(super) fn new(fingerprint: Fingerprint, file_times: Option<Fingerprint>, now: SystemTime) -> Self {
        let recorded = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { fingerprint, file_times, recorded }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.recorded.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.fingerprint);
        bytes.extend_from_slice(self.file_times.as_ref().map_or(&[], |times| times.as_slice()));
        bytes
    }

    /// `None` for bytes that are not a row.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (recorded, rest) = bytes.split_first_chunk::<RECORDED>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<FINGERPRINT>()?;
        let file_times = match rest {
            [] => None,
            rest => Some(rest.try_into().ok()?),
        };
        Some(Self { fingerprint: *fingerprint, file_times, recorded: u64::from_le_bytes(*recorded) })
    }

    /// Whether it is so old that its item is pushed again: from half of the age on, spread by the id.
    pub(super) fn is_old(&self, id: &str, age: Duration, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (is_for, half) = (u128::from(now.saturating_sub(self.recorded)), u128::from(age.as_secs() / 2));
        if is_for < half {
            return false;
        }
        let [spread, ..] = fingerprint::of_bytes(id.as_bytes());
        is_for >= half + half * u128::from(spread) / u128::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for file_times in [None, Some([9; 32])] {
            let row = Row::new([7; 32], file_times, now);
            assert_eq!(Row::read(&row.to_bytes()), Some(row));
        }
        for bytes in [&[][..], &[0; 39], &[0; 41], &[0; 73]] {
            assert_eq!(Row::read(bytes), None, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn items_grow_old_between_half_of_the_age_and_all_of_it() {
        let (day, born) = (Duration::from_secs(86_400), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let old_after = |days: u32| {
            // They all say the same.
            let row = Row::new([7; 32], None, born);
            (0..256).filter(|id| row.is_old(&format!("a://{id}"), 30 * day, born + days * day)).count()
        };
        assert_eq!(old_after(14), 0);
        assert_eq!(old_after(30), 256);
        let middle = old_after(22);
        assert!((90..166).contains(&middle), "{middle}");
    }
}
