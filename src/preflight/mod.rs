//! The rules that the service holds items and identities to, checked before anything is sent.
//!
//! Some of them the service answers with an error. Others it does not: it accepts the request with
//! 202 and then drops the item, and nobody is told ([article 63](https://docs.coveo.com/en/63/)).
//! What cannot be sent is always refused; what would be dropped follows the [`Preflight`] switch
//! of the client.
//!
//! What only a whole run can see, such as a group that is pushed twice with other members, is looked for
//! where a run is told to: [`PusherBuilder`](crate::PusherBuilder).
//!
//! The functions here are those that the calls use, for a dry run:
//!
//! ```
//! use coveo_push::{DocumentBody, Rule, preflight};
//!
//! let findings = preflight::item("no uri", &DocumentBody::text("…"));
//! assert_eq!(findings[0].rule(), Rule::DocumentIdNotAUri);
//! ```

mod explain;
mod item_text;
mod json_text;
mod permissions;
pub(crate) mod run;
mod scanner;

mod values;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::finding::{Finding, Preflight, Rule};
use crate::model::date_time::is_date;
use crate::model::document_keys as key;
use crate::model::words::shortened;
use crate::model::{
    BatchDocumentBody, BatchIdentityBody, CompressionType, Identity, IdentityBody, MappedIdentityBody, OrderingId,
};

pub(crate) use item_text::{ItemText, text_of};
use item_text::{is_null, text};
pub(crate) use json_text::{InvalidText, read_model, without_mark};
use permissions::Named;
pub(crate) use run::{KnownIdentities, RunValidation, SeenIdentity};
use values::{begins_like, decoded, is_extension, is_text_of, is_uri};

/// The service's limits ([article 63](https://docs.coveo.com/en/63/)). Where it says MB and not
/// whether 1,000,000 or 1,048,576 bytes are meant, the smaller reading is taken.
pub mod limit {
    /// The longest document id in bytes. The service publishes no number; a longer one does not fit into every URL.
    pub const DOCUMENT_ID_BYTES: usize = 20_000;
    /// The largest request for one item, identity or alias, in bytes: 6 MB.
    pub const REQUEST_BYTES: usize = 6_000_000;
    /// The data inside an item is smaller than this many bytes: 5 MB.
    pub const DATA_BYTES: usize = 5_000_000;
    /// The largest item of a catalog, in bytes: 3 MB.
    pub const STREAM_ITEM_BYTES: usize = 3_000_000;
    /// The largest upload into a file container, in bytes: 256 MB.
    pub const CONTAINER_BYTES: u64 = 256_000_000;
    /// The most permissions that an item may have, over all its sets.
    pub const PERMISSIONS: usize = 5_000;
}

/// What of the findings is refused under a switch, or else the warnings that are left.
pub(crate) fn judge(findings: Vec<Finding>, switch: Preflight) -> Result<Vec<Finding>, Vec<Finding>> {
    let is_refused = |finding: &Finding| {
        let rule = finding.rule();
        !rule.is_advice() && (!rule.is_silent() || switch == Preflight::Refuse)
    };
    if findings.iter().any(is_refused) {
        return Err(findings.into_iter().filter(is_refused).collect());
    }
    Ok(if switch == Preflight::Off { Vec::new() } else { findings })
}

/// What is wrong with an item, whatever type it is.
pub fn item<T: Serialize + ?Sized>(document_id: &str, body: &T) -> Vec<Finding> {
    match ItemText::write(body) {
        Ok(text) => written_item(document_id, &text, Preflight::Refuse),
        Err(invalid) => vec![invalid.finding(document_id)],
    }
}

/// What is wrong with a batch of items, each item's own findings among it.
#[must_use]
pub fn batch(batch: &BatchDocumentBody) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        batch.add_or_update.iter().flat_map(|entry| item(&entry.document_id, &entry.body)).collect();
    for entry in &batch.delete {
        findings.extend(deletion(&entry.document_id, entry.delete_children, Preflight::Refuse));
    }
    findings.extend(ids_of_batch(batch));
    findings
}

/// What is wrong with the JSON of a batch that has these lists. Its operations are not looked at.
pub(crate) fn batch_text(batch: &[u8], lists: &[&str]) -> Vec<Finding> {
    let parsed: BTreeMap<String, &RawValue> = match serde_json::from_slice(batch) {
        Ok(parsed) => parsed,
        Err(error) => return vec![InvalidText::new(batch, &error).finding("batch")],
    };
    let is_list = |key: &str| lists.iter().any(|list| key.eq_ignore_ascii_case(list));
    if let Some(key) = parsed.keys().find(|key| !is_list(key)) {
        let message = format!("unknown list `{}`; expected one of {}", shortened(key), lists.join(", "));
        return vec![Finding::new("batch", Rule::UnknownList, message)];
    }
    let mut is_empty = true;
    for (key, list) in parsed {
        match serde_json::from_str::<Option<Vec<IgnoredAny>>>(list.get()) {
            Ok(list) => is_empty &= list.is_none_or(|list| list.is_empty()),
            Err(_) => {
                return vec![Finding::new("batch", Rule::NotAnObject, format!("`{key}` is not a list of operations"))];
            }
        }
    }
    is_empty.then(empty_batch).into_iter().collect()
}

/// What is wrong with a security identity.
#[must_use]
pub fn identity(body: &IdentityBody) -> Vec<Finding> {
    let IdentityBody { identity, members, well_knowns } = body;
    names(identity, [members, well_knowns].into_iter().flatten().flatten().map(|member| &member.name))
}

/// What is wrong with a security identity and its aliases.
#[must_use]
pub fn alias(body: &MappedIdentityBody) -> Vec<Finding> {
    let MappedIdentityBody { identity, mappings, well_knowns } = body;
    let aliases = mappings.iter().map(|alias| &alias.name);
    names(identity, aliases.chain(well_knowns.iter().flatten().map(|granted| &granted.name)))
}

/// What is wrong with a batch of security identities.
#[must_use]
pub fn identity_batch(batch: &BatchIdentityBody) -> Vec<Finding> {
    let mut findings = Vec::new();
    if batch.is_empty() {
        findings.push(empty_batch());
    }
    findings.extend(batch.members.iter().flat_map(identity));
    findings.extend(batch.mappings.iter().flat_map(alias));
    findings.extend(batch.deleted.iter().flat_map(|deleted| names(deleted, [])));
    findings
}

pub(crate) fn names<'a>(identity: &'a Identity, others: impl IntoIterator<Item = &'a String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, name) in std::iter::once(&identity.name).chain(others).enumerate() {
        let trimmed = name.trim();
        if trimmed.is_empty() {
            let message = match number {
                0 => "a security identity has no name; give it the one its provider knows",
                _ => "a member, an alias or a granted identity has no name; leave it out or name it",
            };
            return vec![Finding::new(&identity.name, Rule::IdentityNameEmpty, message)];
        }
        if findings.is_empty() && (trimmed.len() < name.len() || name.contains(char::is_control)) {
            let message = format!("the name {:?} {BLANKS}", shortened(name));
            findings.push(Finding::new(&identity.name, Rule::IdentityNameBlanks, message));
        }
    }
    findings
}

pub(crate) fn empty_batch() -> Finding {
    Finding::new("batch", Rule::BatchEmpty, "the batch holds nothing; there is nothing to push")
}

/// What is wrong with the id of a file container.
pub(crate) fn file_id(id: &str, item: &str) -> Option<Finding> {
    const LONGEST: usize = 1_000;
    let is_id = !id.is_empty() && id.len() <= LONGEST && !id.contains(|c: char| c.is_whitespace() || c.is_control());
    let message = || format!("{:?} is not the id of a file container; give the `fileId` of the service", shortened(id));
    (!is_id).then(|| Finding::new(item, Rule::FileId, message()))
}

/// A duration as the service counts it: a part of a minute is a whole one.
pub(crate) fn minutes(delay: Duration) -> u128 {
    const MINUTE: u128 = 60_000_000_000;
    delay.as_nanos().div_ceil(MINUTE)
}

/// What is wrong with the delay of a deletion.
pub(crate) fn queue_delay(delay: Duration) -> Option<Finding> {
    let (minutes, most) = (minutes(delay), i32::MAX);
    let message = || format!("the service takes at most {most} minutes; the default is 15");
    (minutes > most as u128).then(|| Finding::new(format!("{minutes} minutes"), Rule::QueueDelay, message()))
}

/// What is wrong with the size of a request for one item, identity or alias.
pub(crate) fn request_size(bytes: usize, item: &str) -> Option<Finding> {
    let most = limit::REQUEST_BYTES;
    let message = || format!("the request has {bytes} bytes and the service takes {most}; push it in a batch");
    (bytes > most).then(|| Finding::new(item, Rule::RequestTooLarge, message()))
}

/// What is wrong with the size of an upload.
pub(crate) fn container_size(bytes: u64, item: &str) -> Option<Finding> {
    let most = limit::CONTAINER_BYTES;
    let message = || format!("the upload has {bytes} bytes and a file container takes {most}; cut it into parts");
    (bytes > most).then(|| Finding::new(item, Rule::ContainerTooLarge, message()))
}

/// What is wrong with content that does not fit into a container, with its size where it was read to its end.
pub(crate) fn content_too_large(document_id: &str, name: &str, bytes: Option<u64>) -> Finding {
    let most = limit::CONTAINER_BYTES;
    let size = bytes.map_or(format!("more than {most} bytes once compressed"), |bytes| format!("{bytes} bytes"));
    let message = format!("{name} has {size} and a file container takes {most}; cut it, or push a part of it");
    Finding::new(document_id, Rule::ContainerTooLarge, message)
}

/// What is wrong with the boundary of a delete-older-than.
pub(crate) fn older_than(id: OrderingId, there: Option<SystemTime>, here: SystemTime) -> Option<Finding> {
    let (rule, clock, latest) = match there {
        Some(there) => (Rule::OrderingIdAhead, "service's", there + Duration::from_secs(2)),
        None => (Rule::OrderingIdInFuture, "local", here + Duration::from_secs(300)),
    };
    let message = format!(
        "this ordering id is ahead of the {clock} clock, read as milliseconds since 1970, and the service would ignore \
         all that is pushed until then; take an earlier one, or set `own_ordering_scheme`"
    );
    (id > OrderingId::from_time(latest)).then(|| Finding::new(id.to_string(), rule, message))
}

/// What is wrong with a document id.
pub(crate) fn document_id(id: &str, switch: Preflight) -> Option<Finding> {
    id_of("the item and drops it", id, switch)
}

/// What is wrong with the deletion of an item.
pub(crate) fn deletion(id: &str, delete_children: bool, switch: Preflight) -> Vec<Finding> {
    let prefix = children_prefix(id).filter(|_| delete_children);
    id_of("the deletion and ignores it", id, switch).into_iter().chain(prefix).collect()
}

/// What is to say of a deletion with children.
pub(crate) fn children_prefix(id: &str) -> Option<Finding> {
    let message = "the deletion takes every item whose documentId begins like this, neighbours among them; end it with \
                   `/` to take only what is below";
    (!id.ends_with('/')).then(|| Finding::new(id, Rule::ChildrenPrefixWithoutSlash, message))
}

/// What is wrong with a document id, and what the service does then.
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
    let has_blanks = id.ends_with(char::is_whitespace) || id.contains(char::is_control);
    has_blanks.then(|| Finding::new(id, Rule::DocumentIdBlanks, format!("the documentId {BLANKS}")))
}

/// How the findings about blanks end.
const BLANKS: &str = "has blanks around it, or control characters; remove them wherever it is named";

/// What is wrong with an item that was written.
pub(crate) fn written_item(id: &str, item: &ItemText<'_>, switch: Preflight) -> Vec<Finding> {
    let mut findings: Vec<Finding> = document_id(id, switch).into_iter().collect();
    let mut found = |rule, message: String| findings.push(Finding::new(id, rule, message));
    if let Some(key) = item.duplicate() {
        found(Rule::DuplicateKey, format!("the key `{key}` comes twice, and keys do not differ by case; keep one"));
    }
    for (key, error) in item.unreadable() {
        found(Rule::ValueUnreadable, format!("the value of `{key}` cannot be read: {error}"));
    }
    let mut data = 0;
    let is_on = switch != Preflight::Off;
    for (property, value) in item.properties() {
        match property {
            _ if is_null(value) => {}
            key::DATA | key::COMPRESSED_BINARY_DATA | key::PARENT_ID if !value.starts_with(b"\"") => found(
                Rule::NotText,
                format!("`{property}` is {}; write it as text, between quotes", shortened(&text(value))),
            ),
            key::DATA => {
                data += 1;
                data_size(value, &mut found);
            }
            key::COMPRESSED_BINARY_DATA => {
                data += 1;
                data_size(value, &mut found);
                if is_on {
                    binary(value, item.get(key::COMPRESSION_TYPE), &mut found);
                }
            }
            key::COMPRESSED_BINARY_DATA_FILE_ID => {
                data += 1;
                let file_id = file_id(&text_of(value).unwrap_or_default(), id);
                file_id.into_iter().for_each(|finding| found(finding.rule(), finding.message().to_owned()));
            }
            key::DATE | key::MODIFIED_DATE if is_on && text_of(value).is_some_and(|date| !is_date(&date)) => found(
                Rule::DateUnreadable,
                format!("`{property}` is {}; write it as `2017-11-08T12:18:41Z`", shortened(&text(value))),
            ),
            // An unreadable one was found as such.
            key::DOCUMENT_ID if text_of(value).is_none() && value.starts_with(b"\"") => {}
            key::DOCUMENT_ID if !is_text_of(value, id) => found(Rule::DocumentIdMismatch, mismatch(value)),
            key::FILE_EXTENSION if !is_extension(value) => found(
                Rule::FileExtension,
                format!("the fileExtension {} needs a leading dot, as in `.html`", String::from_utf8_lossy(value)),
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
    if data > 1 {
        let message = "an item has one of data, compressedBinaryData and compressedBinaryDataFileId; keep one";
        found(Rule::SeveralData, message.to_owned());
    }
    findings
}

/// The documentId of an item in text, where the caller gave none: text, or what is wrong with it.
pub(crate) fn own_id<'a>(item: &ItemText<'_>, json: &'a [u8]) -> Result<Cow<'a, str>, Finding> {
    text_of(json).ok_or_else(|| match item.unreadable().find(|(key, _)| key.eq_ignore_ascii_case(key::DOCUMENT_ID)) {
        Some((key, error)) => {
            Finding::new("", Rule::ValueUnreadable, format!("the value of `{key}` cannot be read: {error}"))
        }
        None => Finding::new("", Rule::DocumentIdMismatch, mismatch(json)),
    })
}

/// What is wrong with a documentId inside an item.
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
                found(Rule::IdentityNameBlanks, format!("the name of an identity in its permissions {BLANKS}"));
            }
        }
    }
}

/// What is wrong with the ids of a batch: none may come twice, nor below a deleted one. At most two findings an
/// operation.
pub(crate) fn ids_of_batch(batch: &BatchDocumentBody) -> Vec<Finding> {
    let mut findings = Vec::new();
    if batch.is_empty() {
        findings.push(empty_batch());
    }
    let added = batch.add_or_update.iter().map(|entry| entry.document_id.as_str());
    let deleted = batch.delete.iter().map(|entry| entry.document_id.as_str());
    let mut seen = HashSet::new();
    for id in added.clone().chain(deleted.clone()) {
        if !seen.insert(id) {
            let message =
                "the batch has the id twice, and the service gives no order to a batch; push them one after another";
            findings.push(Finding::new(id, Rule::DocumentIdTwice, message));
        }
    }
    let parents: HashSet<&str> =
        batch.delete.iter().filter(|entry| entry.delete_children).map(|entry| entry.document_id.as_str()).collect();
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

#[cfg(test)]
mod tests;
