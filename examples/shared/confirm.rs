//! `--confirm`: the outcome of the accepted items.

use std::time::Duration;

use coveo_push::report::PushReport;
use coveo_push::{Outcomes, PushClient};

use crate::shared::{Failure, say};

/// The exit code of a program whose items were accepted, and some of them dropped.
pub(crate) const DROPPED: u8 = 3;
/// How many dropped items are printed.
const MOST: usize = 100;

/// Waits for the outcome of the items, and prints it.
pub(crate) async fn outcomes(report: &PushReport, client: &PushClient, minutes: u32) -> Result<Outcomes, Failure> {
    let wait = Duration::from_secs(u64::from(minutes) * 60);
    let outcomes = report.outcomes(client).wait(wait).await?;
    say!("{outcomes}");
    for dropped in outcomes.dropped_items().take(MOST) {
        say!("    {:?}: {}", dropped.id, dropped.outcome);
    }
    Ok(outcomes)
}

/// Whether any item was dropped.
pub(crate) fn tells_of_drops(outcomes: &Outcomes) -> bool {
    outcomes.dropped() > 0 || !outcomes.failed_batches.is_empty()
}
