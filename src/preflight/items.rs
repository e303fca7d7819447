//! The rules for items and batches of items.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use super::item_text::{ItemText, is_null, text, text_of};
use super::limit;
use super::permissions::Named;
use super::values::{begins_like, decoded, is_extension, is_text_of, is_uri};
use crate::finding::{Finding, Preflight, Rule};
use crate::model::date_time::is_date;
use crate::model::document_keys as key;
use crate::model::words::{has_blanks, shortened};
use crate::model::{BatchDocumentBody, CompressionType, DeletedDocument};

/// The findings about an item, whatever type it is.
pub fn item<T: Serialize + ?Sized>(document_id: &str, body: &T) -> Vec<Finding> {
    match ItemText::write(body) {
        Ok(text) => written_item(document_id, &text, Preflight::Refuse),
        Err(invalid) => vec![invalid.finding(document_id)],
    }
}

/// The findings about a batch of items, each item's own findings among it.
#[must_use]
pub fn batch(batch: &BatchDocumentBody) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        batch.add_or_update.iter().flat_map(|entry| item(&entry.document_id, &entry.body)).collect();
    for entry in &batch.delete {
        findings.extend(deletion(&entry.document_id, entry.delete_children, Preflight::Refuse));
    }
    findings.extend(batch_ids(batch));
    findings
}

/// The findings about the ids of a batch of items, or with an empty one.
pub(crate) fn batch_ids(batch: &BatchDocumentBody) -> Vec<Finding> {
    let mut findings = ids_of_batch(batch.add_or_update.iter().map(|entry| entry.document_id.as_str()), &batch.delete);
    findings.extend(batch.is_empty().then(empty_batch));
    findings
}

pub(super) fn empty_batch() -> Finding {
    Finding::new("batch", Rule::BatchEmpty, "the batch holds nothing; there is nothing to push")
}

/// The findings about the id of a file container.
pub(crate) fn file_id(id: &str, item: &str) -> Option<Finding> {
    const LONGEST: usize = 1_000;
    let is_id = !id.is_empty() && id.len() <= LONGEST && !id.contains(|c: char| c.is_whitespace() || c.is_control());
    let message = || format!("{:?} is not the id of a file container; give the `fileId` of the service", shortened(id));
    (!is_id).then(|| Finding::new(item, Rule::FileId, message()))
}

/// The findings about a document id.
pub(crate) fn document_id(id: &str, switch: Preflight) -> Option<Finding> {
    id_of("the item and drops it", id, switch)
}

/// The findings about the deletion of an item.
pub(crate) fn deletion(id: &str, delete_children: bool, switch: Preflight) -> Vec<Finding> {
    let prefix = children_prefix(id).filter(|_| delete_children);
    id_of("the deletion and ignores it", id, switch).into_iter().chain(prefix).collect()
}

/// The advice about a deletion with children.
pub(crate) fn children_prefix(id: &str) -> Option<Finding> {
    let message = "the deletion takes every item whose documentId begins like this, neighbours among them; end it with \
                   `/` to delete only the children";
    (!id.ends_with('/')).then(|| Finding::new(id, Rule::ChildrenPrefixWithoutSlash, message))
}

/// The findings about a document id, and the reaction of the service.
fn id_of(accepts: &str, id: &str, switch: Preflight) -> Option<Finding> {
    if id.is_empty() {
        return Some(Finding::new(id, Rule::DocumentIdEmpty, "an item needs a documentId: its URI"));
    }
    let (length, most) = (id.len(), limit::DOCUMENT_ID_BYTES);
    if length > most {
        let message = format!("the documentId has {length} bytes and at most {most} are allowed; shorten it");
        return Some(Finding::new(id, Rule::DocumentIdTooLong, message));
    }
    if switch == Preflight::Off {
        return None;
    }
    if !is_uri(id) {
        let message =
            format!("the service accepts {accepts}, because the documentId is not a URI; write it as `scheme://…`");
        return Some(Finding::new(id, Rule::DocumentIdNotAUri, message));
    }
    has_blanks(id).then(|| Finding::new(id, Rule::DocumentIdBlanks, format!("the documentId {BLANKS}")))
}

/// How the findings about blanks end.
pub(super) const BLANKS: &str = "has blanks around it, or control characters; remove them wherever it is named";

/// The findings about an item that was written.
pub(crate) fn written_item(id: &str, item: &ItemText<'_>, switch: Preflight) -> Vec<Finding> {
    let mut findings: Vec<Finding> = document_id(id, switch).into_iter().collect();
    let mut found = |rule, message: String| findings.push(Finding::new(id, rule, message));
    if let Some(key) = item.duplicate() {
        found(
            Rule::DuplicateKey,
            format!("the key `{}` comes twice, and keys do not differ by case; keep one", shortened(&key)),
        );
    }
    for (key, error) in item.unreadable() {
        found(Rule::ValueUnreadable, unreadable(&key, &error));
    }
    let mut data = HashSet::new();
    let is_on = switch != Preflight::Off;
    for (property, value) in item.properties() {
        match property {
            _ if is_null(value) => {}
            // Text that no parser can read was found as such.
            key::DOCUMENT_ID | key::PARENT_ID | key::FILE_EXTENSION | key::DATE | key::MODIFIED_DATE
                if value.starts_with(b"\"") && text_of(value).is_none() => {}
            key::DATA | key::COMPRESSED_BINARY_DATA | key::PARENT_ID if !value.starts_with(b"\"") => {
                found(Rule::NotText, not_text(property, value));
            }
            key::PARENT_ID if is_on && text_of(value).is_some_and(|parent| has_blanks(&parent)) => {
                found(Rule::DocumentIdBlanks, format!("the parentId {BLANKS}"));
            }
            key::DATA => {
                data.insert(property);
                data_size(value, &mut found);
            }
            key::COMPRESSED_BINARY_DATA => {
                data.insert(property);
                data_size(value, &mut found);
                if is_on {
                    binary(value, item.get(key::COMPRESSION_TYPE), &mut found);
                }
            }
            key::COMPRESSED_BINARY_DATA_FILE_ID => {
                data.insert(property);
                match text_of(value) {
                    Some(text) => {
                        let file_id = file_id(&text, id);
                        file_id.into_iter().for_each(|finding| found(finding.rule(), finding.message().to_owned()));
                    }
                    None => found(Rule::FileId, not_text(property, value)),
                }
            }
            key::DATE | key::MODIFIED_DATE if is_on && !text_of(value).is_some_and(|date| is_date(&date)) => found(
                Rule::DateUnreadable,
                format!("`{property}` is {}; write it as `2017-11-08T12:18:41Z`", shortened(&text(value))),
            ),
            key::DOCUMENT_ID if !is_text_of(value, id) => found(Rule::DocumentIdMismatch, mismatch(value)),
            key::FILE_EXTENSION if !is_extension(value) => found(
                Rule::FileExtension,
                format!("the fileExtension {} needs a leading dot, as in `.html`", shortened(&text(value))),
            ),
            key::COMPRESSION_TYPE => {
                if let Err(error) = serde_json::from_slice::<CompressionType>(value) {
                    found(Rule::CompressionType, format!("`{property}`: {}", item.explain(property, &error)));
                }
            }
            key::PERMISSIONS => {
                let named = item.named(value).map_err(|error| item.explain(property, &error));
                permissions(named, switch, &mut found);
            }
            _ => {}
        }
    }
    if data.len() > 1 {
        let message = "an item has one of data, compressedBinaryData and compressedBinaryDataFileId; keep one";
        found(Rule::SeveralData, message.to_owned());
    }
    findings
}

/// The documentId of an item in text, where the caller gave none, or the finding.
pub(crate) fn own_id<'a>(item: &ItemText<'_>, json: &'a [u8]) -> Result<Cow<'a, str>, Finding> {
    text_of(json).ok_or_else(|| match item.unreadable().find(|(key, _)| key.eq_ignore_ascii_case(key::DOCUMENT_ID)) {
        Some((key, error)) => Finding::new("", Rule::ValueUnreadable, unreadable(&key, &error)),
        None => Finding::new("", Rule::DocumentIdMismatch, mismatch(json)),
    })
}

/// The finding for a value that cannot be read.
fn unreadable(key: &str, error: &str) -> String {
    format!("the value of `{}` cannot be read: {error}", shortened(key))
}

/// The finding for a value that is not text, although the property is.
fn not_text(property: &str, value: &[u8]) -> String {
    format!("`{property}` is {}; write it as text, between quotes", shortened(&text(value)))
}

/// The findings about a documentId inside an item.
fn mismatch(json: &[u8]) -> String {
    match text_of(json) {
        Some(own) => format!("the item itself says that its documentId is `{}`; give one of them", shortened(&own)),
        None => {
            format!("the item says that its documentId is {}; write it as text, between quotes", shortened(&text(json)))
        }
    }
}

fn binary(base64: &[u8], compression: Option<&[u8]>, found: &mut impl FnMut(Rule, String)) {
    let bytes = match decoded(base64) {
        Ok(bytes) => bytes,
        Err(why) => return found(Rule::NotBase64, format!("compressedBinaryData is not standard base64: {why}")),
    };
    // An invalid type is found as such.
    let compression = compression.map_or(Ok(CompressionType::ZLib), serde_json::from_slice);
    if let Some(compression) = compression.ok().filter(|compression| !begins_like(&bytes, *compression)) {
        let message = format!(
            "the service accepts the item and drops it, because the bytes are not {compression}; compress them, or \
             give their compressionType, which is ZLIB by default"
        );
        found(Rule::NotCompressed, message);
    }
}

fn data_size(json: &[u8], found: &mut impl FnMut(Rule, String)) {
    const QUOTES: usize = 2;
    let (length, most) = (json.len().saturating_sub(QUOTES), limit::DATA_BYTES);
    if length >= most {
        let message = format!("the data has {length} bytes and an item takes less than {most}; push it as content");
        found(Rule::DataTooLarge, message);
    }
}

fn permissions(named: Result<Named, String>, switch: Preflight, found: &mut impl FnMut(Rule, String)) {
    const DROPS: &str = "the service accepts the item and drops it, because";
    let most = limit::PERMISSIONS;
    match named {
        Err(error) => {
            let message = format!("its permissions are neither permission sets nor levels of them: {error}");
            found(Rule::PermissionsUnreadable, message);
        }
        Ok(_) if switch == Preflight::Off => {}
        Ok(Named { identities, has_one_without_name, has_blanks, .. }) => {
            if identities > most {
                let why =
                    format!("it has {identities} permissions and {most} are allowed; put the identities into a group");
                found(Rule::TooManyPermissions, format!("{DROPS} {why}"));
            }
            if has_one_without_name {
                found(Rule::PermissionIdentityEmpty, format!("{DROPS} a permission names no identity"));
            } else if has_blanks {
                found(
                    Rule::IdentityNameBlanks,
                    format!("the name of an identity or of a provider in its permissions {BLANKS}"),
                );
            }
        }
    }
}

pub(super) const DOCUMENT_ID_TWICE: &str =
    "the batch has the id twice, and the service gives no order to a batch; push them one after another";

/// The findings about the ids of a batch: none may come twice, nor below a deleted one. At most two findings an
/// operation.
pub(super) fn ids_of_batch<'a>(
    pushed: impl IntoIterator<Item = &'a str>,
    deleted: &'a [DeletedDocument],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    for id in pushed.into_iter().chain(deleted.iter().map(|entry| entry.document_id.as_str())) {
        if !seen.insert(id) {
            findings.push(Finding::new(id, Rule::DocumentIdTwice, DOCUMENT_ID_TWICE));
        }
    }
    let parents: HashSet<&str> =
        deleted.iter().filter(|entry| entry.delete_children).map(|entry| entry.document_id.as_str()).collect();
    let mut ids: Vec<&str> = seen.into_iter().collect();
    ids.sort_unstable();
    // What begins with a parent follows it.
    let mut outermost: Option<&str> = None;
    for id in ids {
        if let Some(parent) = outermost.filter(|parent| id.starts_with(*parent)) {
            let parent = shortened(parent);
            let message = format!("the batch also deletes `{parent}` with its children; push them one after another");
            findings.push(Finding::new(id, Rule::DocumentIdTwice, message));
        } else {
            outermost = parents.get(id).copied();
        }
    }
    findings
}
