//! When the content was uploaded to which the items of a saved batch refer. It is in a file beside that of the batch, so
//! that the latter is a body that can be uploaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::batch::Batch;
use crate::content::Uploaded;
use crate::model::document_keys as key;
use crate::preflight::{self, ItemText};

/// Ids, and when their content was uploaded, in milliseconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ContentTimes(BTreeMap<String, u64>);

/// The rest of a saved batch.
pub(super) struct Fresh {
    /// `None` when no operation is left.
    pub(super) body: Option<Vec<u8>>,
    /// The ids of the items that are left out, because their content may have expired.
    pub(super) expired: Vec<String>,
}

/// Where the times of the content of a batch are.
pub(super) fn times_of(path: &Path) -> PathBuf {
    path.with_extension("contents")
}

impl ContentTimes {
    /// The times of the content of a batch.
    pub(super) fn of(batch: &Batch) -> Self {
        let now = SystemTime::now();
        let times = batch.contents().filter_map(|(number, content)| {
            let uploaded = now.checked_sub(content.age())?.duration_since(UNIX_EPOCH).ok()?;
            Some((batch.keys().get(number)?.text.to_owned(), u64::try_from(uploaded.as_millis()).ok()?))
        });
        Self(times.collect())
    }

    /// As JSON; `None` without content.
    pub(super) fn to_json(&self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then(|| serde_json::to_vec(&self.0).ok()).flatten()
    }

    fn has_expired(&self, id: &str) -> bool {
        let uploaded = self.0.get(id).and_then(|time| UNIX_EPOCH.checked_add(Duration::from_millis(*time)));
        let age = uploaded.and_then(|uploaded| SystemTime::now().duration_since(uploaded).ok());
        age.is_some_and(|age| age > Uploaded::LONGEST)
    }

    /// The body of a saved batch without the items whose content may have expired.
    pub(super) fn fresh(&self, body: Vec<u8>) -> serde_json::Result<Fresh> {
        let mut lists: BTreeMap<&str, Vec<&RawValue>> = serde_json::from_slice(&body)?;
        let mut expired = Vec::new();
        for list in lists.values_mut().filter(|_| !self.0.is_empty()) {
            list.retain(|operation| {
                let id = id_of(operation).filter(|id| self.has_expired(id));
                let is_kept = id.is_none();
                expired.extend(id);
                is_kept
            });
        }
        let is_empty = lists.values().all(Vec::is_empty);
        let rest = if expired.is_empty() { None } else { Some(serde_json::to_vec(&lists)?) };
        Ok(Fresh { body: (!is_empty).then(|| rest.unwrap_or(body)), expired })
    }
}

/// The id of an item.
fn id_of(operation: &RawValue) -> Option<String> {
    let item = ItemText::read(operation.get().into()).ok()?;
    preflight::text_of(item.get(key::DOCUMENT_ID)?).map(Into::into)
}
