//! `--confirm`: the outcome of the accepted items.

use std::time::Duration;

use coveo_push::PushClient;
use coveo_push::report::PushReport;

use crate::shared::{Failure, say};

/// The exit code of a program whose items were accepted, and some of them dropped.
pub(crate) const DROPPED: u8 = 3;
/// How many dropped items are printed.
const MOST: usize = 100;

/// Waits for the outcome of the items, and prints it. Returns whether any was dropped.
pub(crate) async fn tells_of_drops(report: &PushReport, client: &PushClient, minutes: u32) -> Result<bool, Failure> {
    let wait = Duration::from_secs(u64::from(minutes) * 60);
    let outcomes = report.outcomes(client).wait(wait).await?;
    say!("{outcomes}");
    for dropped in outcomes.dropped_items().take(MOST) {
        say!("    {:?}: {}", dropped.id, dropped.outcome);
    }
    Ok(outcomes.dropped() > 0 || !outcomes.failed_batches.is_empty())
}
