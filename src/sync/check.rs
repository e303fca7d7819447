//! Whether a source holds the items of the ledger, before a sync skips anything.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::report::SyncError;
use super::store::Store;
use super::target::TargetName;
use crate::api::Platform;
use crate::error::Error;
use crate::kernel::shared::Kernel;

/// A record this old counts: the service indexes an item some time after it accepted it, and counts items later still.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// How many items the source of a target must hold by the ledger. It reads all of its rows, and blocks.
pub(super) fn known_items(store: &Store, target: u64, now: SystemTime) -> Result<u64, super::LedgerError> {
    let settled = now.checked_sub(SETTLED).and_then(|settled| settled.duration_since(UNIX_EPOCH).ok());
    store.certain_until(target, settled.map_or(0, |since| since.as_secs()))
}

/// Fails when the source holds less than 90 % of the known items. Nothing is said where the key cannot read it.
pub(super) async fn check(kernel: &Kernel, name: &TargetName, known: u64) -> Result<(), SyncError> {
    if known == 0 {
        return Ok(());
    }
    let source = match Platform::new(kernel.clone()).source(&name.id).await {
        Ok(source) => source,
        Err(error) if cannot_read(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match source.number_of_documents() {
        Some(held) if is_less(held, known) => Err(SyncError::SourceHoldsLess { target: name.id.clone(), held, known }),
        _ => Ok(()),
    }
}

/// Whether the key or the client has no access to the source. A source that is really gone fails with the first push.
fn cannot_read(error: &Error) -> bool {
    let is_closed = |status: http::StatusCode| matches!(status.as_u16(), 401 | 403 | 404);
    matches!(error, Error::Config(_)) || error.status().is_some_and(is_closed)
}

fn is_less(held: u64, known: u64) -> bool {
    u128::from(held) * 10 < u128::from(known) * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_are_enough() {
        for (held, known, expected) in
            [(0, 1, true), (9, 10, false), (8, 10, true), (10, 10, false), (20, 10, false), (u64::MAX, u64::MAX, false)]
        {
            assert_eq!(is_less(held, known), expected, "{held} of {known}");
        }
    }
}
