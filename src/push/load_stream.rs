//! The stream of a load: its containers, and how old they are.

use std::sync::{Mutex as Lock, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::Catalog;
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::model::FileContainer;

/// A stream that is opened for its first batch.
#[derive(Debug)]
pub(crate) struct LoadStream {
    catalog: Catalog,
    id: Mutex<Option<String>>,
    opened: OnceLock<Instant>,
    max_age: Lock<Duration>,
}

impl LoadStream {
    /// The containers of a stream work for 60 minutes, and it is not documented whether until the upload or until the
    /// stream is closed.
    const MAX_AGE: Duration = Duration::from_secs(50 * 60);

    pub(super) fn new(catalog: Catalog) -> Self {
        Self { catalog, id: Mutex::default(), opened: OnceLock::new(), max_age: Lock::new(Self::MAX_AGE) }
    }

    pub(crate) fn set_max_age(&self, max_age: Duration) {
        *self.max_age.lock().unwrap_or_else(PoisonError::into_inner) = max_age;
    }

    /// A container for a batch: that of the stream when it is opened, and then a chunk.
    pub(super) async fn acquire(&self, calls: &CallSettings) -> Result<FileContainer, Error> {
        let mut id = self.id.lock().await;
        if let Some(open) = id.clone() {
            drop(id);
            return self.catalog.create_chunk(open).call_settings(calls).await;
        }
        let opened = self.catalog.open_stream().call_settings(calls).await?;
        // It is set here only.
        let _ = self.opened.set(Instant::now());
        *id = Some(opened.stream_id().to_owned());
        Ok(opened.container().clone())
    }

    /// The id of the stream, once it is open.
    pub(crate) async fn id(&self) -> Option<String> {
        self.id.lock().await.clone()
    }

    /// Whether its first container is so old that the service might not take it any more.
    pub(crate) fn is_too_old(&self) -> bool {
        let max_age = *self.max_age.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened.get().is_some_and(|opened| opened.elapsed() >= max_age)
    }
}
