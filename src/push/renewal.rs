//! Content that has been in its file container for too long: it is uploaded again, or its items are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::batch::{Batch, BatchBuilder, BufferPool};
use crate::content::{NotPlaced, Uploaded};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::preflight::ItemText;

/// A batch whose content is in its containers for long enough.
pub(super) struct Renewed {
    pub(super) batch: Batch,
    /// The operations that it does not hold, because their content cannot be uploaded again.
    pub(super) expired: BTreeSet<usize>,
    /// How many bytes of content were uploaded.
    pub(super) bytes: u64,
}

/// The operations whose content is too old, and cannot be read again as far as known.
pub(super) fn expired(batch: &Batch) -> BTreeSet<usize> {
    let expired = batch.contents().filter(|(_, content)| content.has_expired() && !content.is_from_file());
    expired.map(|(number, _)| number).collect()
}

/// The finding about an item that is left out because its content cannot be uploaded again.
pub(super) fn finding(id: &str) -> Finding {
    let message = "its content was uploaded more than 45 minutes ago and cannot be uploaded again, so the item is left \
                   out; push it again with its content";
    Finding::new(id, Rule::ContentExpired, message)
}

/// Uploads the old content of a batch again, of those operations that are not `left_out`. The batch that refers to it
/// is written into a buffer of the pool.
pub(super) async fn renew(
    batch: &Batch,
    left_out: &BTreeSet<usize>,
    pool: &Arc<BufferPool>,
    kernel: &Kernel,
    calls: &CallSettings,
) -> Result<Renewed, Error> {
    let mut expired = expired(batch);
    let (mut written, mut bytes) = (BTreeMap::new(), 0);
    for (number, _, json) in batch.kept().filter(|(number, ..)| !left_out.contains(number)) {
        let Some(content) = batch.content(number).filter(|content| content.is_old()) else { continue };
        match upload_again(batch, number, json, content, kernel, calls).await? {
            Some(again) => {
                bytes += again.bytes;
                written.insert(number, again);
            }
            None if content.has_expired() => drop(expired.insert(number)),
            // It is not too old yet.
            None => {}
        }
    }
    let mut builder = BatchBuilder::new(batch.lists_of(), pool);
    for (number, list, json) in batch.kept() {
        let is_kept = !left_out.contains(&number) && !expired.contains(&number);
        let Some(key) = batch.keys().get(number).filter(|_| is_kept) else { continue };
        let (json, content) = match written.get(&number) {
            Some(again) => (again.json.as_slice(), again.content.as_ref()),
            None => (json, batch.content(number)),
        };
        builder.push(list, [json, &[]], key, batch.number_of(number));
        builder.with_content(content.cloned());
        builder.with_note(batch.note(number));
    }
    Ok(Renewed { batch: builder.seal(), expired, bytes })
}

/// An operation whose content was uploaded again.
struct Again {
    json: Vec<u8>,
    content: Option<Uploaded>,
    bytes: u64,
}

/// Uploads the content of an operation again; `None` where it cannot be read again as it was.
async fn upload_again(
    batch: &Batch,
    number: usize,
    json: &[u8],
    content: &Uploaded,
    kernel: &Kernel,
    calls: &CallSettings,
) -> Result<Option<Again>, Error> {
    let id = batch.keys().get(number).map_or("", |key| key.text);
    let Some(Ok(prepared)) = content.prepare_again(id).await else { return Ok(None) };
    let Ok(mut item) = ItemText::read(String::from_utf8_lossy(json)) else { return Ok(None) };
    let bytes = prepared.uploaded_bytes();
    match prepared.place(id, kernel, calls).await {
        Ok(placed) => {
            placed.write(&mut item);
            Ok(Some(Again { json: item.into_json().into_owned(), content: placed.uploaded, bytes }))
        }
        Err(NotPlaced::Content(_)) => Ok(None),
        Err(NotPlaced::Upload(error, _)) => Err(error),
    }
}
