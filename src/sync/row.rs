//! The row of one id in the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fingerprint::Fingerprint;

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
    pub(super) fn is_old(&self, age: Duration, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let spread = u64::from(u16::from_le_bytes([self.fingerprint[0], self.fingerprint[1]]));
        let half = age.as_secs() / 2;
        let limit = half.saturating_add(
            half / u64::from(u16::MAX) * spread + half % u64::from(u16::MAX) * spread / u64::from(u16::MAX),
        );
        now.saturating_sub(self.recorded) >= limit
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
            let is_old = |n: &u8| Row::new([*n; 32], None, born).is_old(30 * day, born + days * day);
            (0..=u8::MAX).filter(is_old).count()
        };
        assert_eq!(old_after(14), 0);
        assert_eq!(old_after(30), 256);
        let middle = old_after(22);
        assert!((90..166).contains(&middle), "{middle}");
    }
}
