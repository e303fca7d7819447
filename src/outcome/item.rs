//! The outcome of one item.

use std::time::{Duration, SystemTime};

use super::verdict::Outcome;
use crate::api::call::request_builder;
use crate::api::{Catalog, Items, Logs, SearchLogs};
use crate::error::Error;
use crate::kernel::shared::Kernel;
use crate::model::{LogEntry, LogTask};

/// How far back to look by default: as far as one request of the logs can.
const BACK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const AHEAD: Duration = Duration::from_secs(60 * 60);
/// How much the clocks of the service's servers may differ.
const CLOCKS: Duration = Duration::from_secs(2);

impl Items {
    /// The outcome of an item, by the logs of the last week, or [since](FindOutcome::since) another time. A request of
    /// the logs can take a minute; for many items see [`outcomes`](crate::report::PushReport::outcomes).
    ///
    /// The entry of the last operation on the item counts, by whomever it was pushed.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::Outcome;
    ///
    /// match client.items("my-source").outcome("https://example.com/a").await? {
    ///     Outcome::Indexed => println!("it can be found"),
    ///     other => println!("{other}"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn outcome(&self, document_id: impl Into<String>) -> FindOutcome {
        FindOutcome::new(&self.kernel, self.source_id(), document_id.into(), false)
    }
}

impl Catalog {
    /// The outcome of an item, as [`Items::outcome`].
    pub fn outcome(&self, document_id: impl Into<String>) -> FindOutcome {
        FindOutcome::new(&self.kernel, self.id(), document_id.into(), true)
    }
}

request_builder! {
    /// Finds the outcome of an item: [`Items::outcome`].
    FindOutcome -> Outcome { search: SearchLogs, document_id: String, is_catalog: bool }
    settings: search.query.settings;
}

impl FindOutcome {
    fn new(kernel: &Kernel, source: &str, document_id: String, is_catalog: bool) -> Self {
        let now = kernel.shared.now();
        // The service's clock may be ahead of this one: the range is a week in any case, and so one request.
        let to = now.checked_add(AHEAD).unwrap_or(now);
        let from = to.checked_sub(BACK).unwrap_or(now);
        let search = Logs::new(kernel.clone()).search(from, to).source(source).document_id(&document_id);
        Self { search, document_id, is_catalog }
    }

    /// Looks at entries from this time on, by the service's clock, such as the
    /// [time](crate::Accepted::server_time) of the push. Default: a week ago.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.search.query.from = time;
        self
    }

    async fn send(self) -> Result<Outcome, Error> {
        let Self { search, document_id, is_catalog } = self;
        let mut entries = search.await?;
        entries.retain(|entry| entry.id == document_id);
        Ok(last(entries, is_catalog))
    }
}

/// The outcome of the last operation on the item of these entries.
pub(super) fn last(mut entries: Vec<LogEntry>, is_catalog: bool) -> Outcome {
    entries.sort_by_key(|entry| (entry.time(), entry.task.clone() == LogTask::Indexing));
    let mut outcome = Outcome::Unknown;
    let mut decided = None;
    for entry in &entries {
        let Some(said) = Outcome::of(entry, is_catalog) else { continue };
        let is_start = matches!(entry.task, LogTask::Streaming | LogTask::Consuming | LogTask::StreamingExtension);
        let later = |time: SystemTime| decided.is_some_and(|before: SystemTime| time > before + CLOCKS);
        let begins = said == Outcome::Pending && is_start && entry.time().is_some_and(later);
        let replaces = matches!((&outcome, &said), (Outcome::Removed, Outcome::Indexed));
        if begins || replaces || said.weight() >= outcome.weight() {
            decided = entry.time().filter(|_| said.is_final()).or(decided);
            outcome = said;
        }
    }
    outcome
}
