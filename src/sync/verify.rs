//! Marks items that the logs report as dropped, so that the next sync pushes them again.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::error::LedgerError;
use super::ledger::Ledger;
use super::report::SyncReport;
use super::store::Tables;
use super::target::LedgerTarget;
use crate::model::LogOperation;
use crate::outcome::{AsksOutcomes, Outcomes, OutcomesOf};

impl SyncReport {
    /// Finds the outcomes of the pushed items, by the logs of the indexing pipeline: which ones were dropped, and
    /// why. Skipped items are not asked for. See [`PushReport::outcomes`](crate::report::PushReport::outcomes), and
    /// [`Ledger::verify_with`] for what to do with them.
    pub fn outcomes<A: AsksOutcomes>(&self, service: &A) -> OutcomesOf<A> {
        self.push.outcomes(service)
    }
}

impl Ledger {
    /// Puts the items in doubt that the service accepted and then dropped, so that the next sync pushes them again, or
    /// deletes them if they are gone. A dropped deletion is sent again, too. Returns how many ids are in doubt by it.
    ///
    /// Only dropped items count ([`Outcomes::dropped_items`]): indexed, warned and unknown ones stay as they are. The
    /// outcomes can be those of several syncs ago, and a sync may be under way. The outcomes of a run that does not
    /// [track](crate::PusherBuilder::track_outcomes) its items also tell of other writers: of these, ids that the ledger
    /// does not know are left alone.
    ///
    /// A batch that failed as a whole ([`failed_batches`](Outcomes::failed_batches)) does not name its items, and
    /// outcomes name at most 10,000 items: in these cases, run a sync with
    /// [`push_all`](crate::SyncBuilder::push_all).
    ///
    /// ```no_run
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use coveo_push::{DocumentBody, Ledger};
    ///
    /// let (items, ledger) = (client.items("my-source"), Ledger::open("wiki.ledger")?);
    /// let run = items.sync(&ledger).pusher(|pusher| pusher.track_outcomes()).start().await?;
    /// run.add_or_update("https://example.com/a", &DocumentBody::text("words")).await?;
    /// let report = run.finish().await.into_result()?;
    ///
    /// let outcomes = report.outcomes(&client).wait(Duration::from_secs(900)).await?;
    /// let dropped = ledger.verify_with(&items, &outcomes).await?;
    /// println!("{outcomes}\n{dropped} items are pushed again by the next sync");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LedgerError::OtherTarget`] when the outcomes are not those of this source or catalog; an error of the file.
    pub async fn verify_with(&self, target: &impl LedgerTarget, outcomes: &Outcomes) -> Result<u64, LedgerError> {
        let name = target.name();
        if outcomes.target != name.id {
            return Err(LedgerError::OtherTarget { outcomes: outcomes.target.clone(), target: name.id });
        }
        // The ids, and whether they count although the ledger does not know them: it forgot them with their deletion.
        let dropped: Vec<(String, bool)> = outcomes
            .dropped_items()
            .map(|item| (item.id.clone(), outcomes.is_tracked && item.operation == LogOperation::Delete))
            .collect();
        if dropped.is_empty() {
            return Ok(0);
        }
        let store = Arc::clone(&self.store);
        let marked = spawn_blocking(move || {
            let number = store.target(&name.to_key())?;
            store.write(|transaction| {
                let mut tables = Tables::open(transaction, number)?;
                let mut marked = 0;
                for (id, is_own_deletion) in &dropped {
                    if *is_own_deletion || tables.is_known(id)? {
                        tables.doubt(id)?;
                        marked += 1;
                    }
                }
                Ok(marked)
            })
        });
        marked.await.unwrap_or_else(|gone| Err(LedgerError::io(self.path(), gone)))
    }
}
