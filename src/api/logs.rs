//! The logs of the indexing pipeline.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures_core::Stream;
use serde::Deserialize;

use super::call::{query, request_builder};
use super::log_filter::{DocumentIdMatching, LogQuery, close, log_filters};
use crate::error::Error;
use crate::kernel::BoxFuture;
use crate::kernel::decode;
use crate::kernel::shared::Kernel;
use crate::model::{LogCounts, LogEntry, LogOperation, LogResult, LogTask, fingerprint};
use crate::operation::Operation;

/// The logs of the indexing pipeline ([article 1893](https://docs.coveo.com/en/1893/)):
/// [`PushClient::logs`](crate::PushClient::logs).
///
/// The service accepts an item before it looks at it, and tells its outcome only here. Entries appear within
/// minutes, and are kept for about two weeks. Security identities are not in the logs.
///
/// A request can take a minute, and the service asks not to send many: by default all clones of a client send [one in
/// 30 s](crate::PushClientBuilder::logs_calls), and an attempt has [90 s](crate::PushClientBuilder::logs_timeout).
///
/// The key needs the privileges View on *Organization* and View on all *Sources*.
#[derive(Debug, Clone)]
pub struct Logs {
    pub(crate) kernel: Kernel,
}

impl Logs {
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel }
    }

    /// Searches the log ([article 59](https://docs.coveo.com/en/59/)): all entries of a time range, by the service's
    /// clock. `.await` gets all of them; [`entries`](SearchLogs::entries) gets them page by page.
    ///
    /// A range of more than a week is split, because the service takes a week at most. Each entry is returned once.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use std::time::{Duration, SystemTime};
    ///
    /// let now = SystemTime::now();
    /// let search = client.logs().search(now - Duration::from_secs(3_600), now).source("my-source").errors();
    /// let mut entries = search.entries();
    /// while let Some(entry) = entries.next().await {
    ///     let entry = entry?;
    ///     println!("{} {} {}: {}", entry.datetime, entry.id, entry.result, entry.reason());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the range ends before it begins, or the [URL](crate::PushClientBuilder::logs_url) of the
    /// logs is not known.
    pub fn search(&self, from: SystemTime, to: SystemTime) -> SearchLogs {
        SearchLogs { query: LogQuery::new(&self.kernel, from, to), per_page: SearchLogs::PER_PAGE }
    }

    /// Counts the entries of a time range, without getting them. It takes the same filters as
    /// [`search`](Self::search).
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use std::time::{Duration, SystemTime};
    ///
    /// let now = SystemTime::now();
    /// let counts = client.logs().counts(now - Duration::from_secs(3_600), now).source("my-source").await?;
    /// println!("{} entries say that something went wrong", counts.troubles());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    pub fn counts(&self, from: SystemTime, to: SystemTime) -> CountLogs {
        CountLogs { query: LogQuery::new(&self.kernel, from, to) }
    }
}

request_builder! {
    /// Searches the logs: [`Logs::search`].
    SearchLogs -> Vec<LogEntry> { pub(crate) query: LogQuery, per_page: u32 }
    settings: query.settings;
}

request_builder! {
    /// Counts the entries of the logs: [`Logs::counts`].
    CountLogs -> LogCounts { query: LogQuery }
    settings: query.settings;
}

log_filters!(SearchLogs, CountLogs);

impl SearchLogs {
    const PER_PAGE: u32 = 1_000;

    /// How many entries each request gets. Default: 1,000. The service's documentation names no maximum.
    pub fn per_page(mut self, entries: u32) -> Self {
        self.per_page = entries.max(1);
        self
    }

    /// The entries as a stream, in the order in which the service returns them. Each page is one request.
    #[must_use = "a stream does nothing unless it is polled"]
    pub fn entries(self) -> LogEntries {
        LogEntries { state: StreamState::Ready(Some(Box::new(self.pages()))), entries: VecDeque::new() }
    }

    pub(crate) fn pages(self) -> LogPages {
        LogPages { query: self.query, per_page: self.per_page, page: 0, windows: None, seen: HashSet::new() }
    }

    async fn send(self) -> Result<Vec<LogEntry>, Error> {
        let (mut pages, mut all) = (self.pages(), Vec::new());
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

impl CountLogs {
    async fn send(self) -> Result<LogCounts, Error> {
        let mut all = LogCounts::default();
        let mut windows = self.query.windows()?;
        while let Some(window) = windows.pop_front() {
            let (success, _) = self.query.request(Operation::CountLogs, window).send().await?;
            all.add(decode::json(&success)?);
            close(&mut windows, success.server_time);
        }
        Ok(all)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Page {
    document_log_entries: Vec<LogEntry>,
    has_next_page: bool,
}

/// The pages of a search.
pub(crate) struct LogPages {
    query: LogQuery,
    per_page: u32,
    page: u32,
    /// The ranges that are left. Their first response closes the last of them.
    windows: Option<VecDeque<(SystemTime, SystemTime)>>,
    seen: HashSet<u128>,
}

impl LogPages {
    /// The new entries of the next page; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<LogEntry>>, Error> {
        let windows = match &mut self.windows {
            Some(windows) => windows,
            empty => empty.insert(self.query.windows()?),
        };
        let Some(window) = windows.front().copied() else { return Ok(None) };
        let request = self.query.request(Operation::SearchLogs, window);
        let request = request.with(query::PAGE, self.page).with(query::PER_PAGE, self.per_page);
        let (success, _) = request.send().await?;
        let Page { document_log_entries: mut entries, has_next_page } = decode::json(&success)?;
        if self.page == 0 {
            // The range that is being read stays, whatever the service's clock says.
            windows.pop_front();
            close(windows, success.server_time);
            let mut first = VecDeque::from([window]);
            close(&mut first, success.server_time);
            windows.push_front(first.pop_front().unwrap_or(window));
        }
        // An empty page is the last one, whatever it says: else the search might never end.
        if has_next_page && !entries.is_empty() {
            self.page += 1;
        } else {
            self.page = 0;
            windows.pop_front();
        }
        let Self { query, seen, .. } = self;
        entries.retain(|entry| query.filter.matches(entry) && seen.insert(identity(entry)));
        Ok(Some(entries))
    }
}

/// What tells an entry from all others.
fn identity(entry: &LogEntry) -> u128 {
    if entry.guid.is_empty() { fingerprint(&format!("{entry:?}")) } else { fingerprint(&entry.guid) }
}

/// The entries of a search, one after the other: [`SearchLogs::entries`]. It ends after an error.
///
/// It is a [`Stream`], and has [`next`](Self::next) for programs without a crate for streams.
#[must_use = "a stream does nothing unless it is polled"]
pub struct LogEntries {
    state: StreamState,
    entries: VecDeque<LogEntry>,
}

type NextPage = (Box<LogPages>, Result<Option<Vec<LogEntry>>, Error>);

enum StreamState {
    /// `None` at the end.
    Ready(Option<Box<LogPages>>),
    Asking(BoxFuture<'static, NextPage>),
}

impl LogEntries {
    /// The next entry; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<LogEntry, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for LogEntries {
    type Item = Result<LogEntry, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match &mut self.state {
                StreamState::Ready(pages) => {
                    let Some(mut pages) = pages.take() else { return Poll::Ready(None) };
                    self.state = StreamState::Asking(Box::pin(async move {
                        let page = pages.next().await;
                        (pages, page)
                    }));
                }
                StreamState::Asking(asking) => {
                    let (pages, page) = ready!(asking.as_mut().poll(context));
                    self.state = StreamState::Ready(None);
                    match page {
                        Ok(None) => {}
                        Ok(Some(entries)) => {
                            self.state = StreamState::Ready(Some(pages));
                            self.entries.extend(entries);
                        }
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

impl fmt::Debug for LogEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEntries").field("ready", &self.entries.len()).finish_non_exhaustive()
    }
}
