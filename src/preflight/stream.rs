//! The rules for catalogs.

use std::collections::HashSet;

use super::item_text::ItemText;
use super::items::{DOCUMENT_ID_TWICE, deletion, document_id, empty_batch, ids_of_batch, written_item};
use super::limit;
use crate::finding::{Finding, Preflight, Rule};
use crate::model::document_keys::{self as key, IS_NOT_FINITE};
use crate::model::words::shortened;
use crate::model::{BatchDocument, BatchMergeBody, BatchUpdateBody, MetadataValue, PartialUpdate};

/// The findings about an item of a catalog that was written.
pub(crate) fn stream_item(id: &str, item: &ItemText<'_>, switch: Preflight) -> Vec<Finding> {
    let mut findings = written_item(id, item, switch);
    findings.extend(stream_item_size(id, item, switch));
    findings
}

/// The findings about the size of an item of a catalog.
pub(crate) fn stream_item_size(id: &str, item: &ItemText<'_>, switch: Preflight) -> Option<Finding> {
    const KEY: usize = r#"{"documentId":,"#.len();
    let most = limit::STREAM_ITEM_BYTES;
    let own_id =
        if item.get(key::DOCUMENT_ID).is_some() { 0 } else { KEY + serde_json::Value::from(id).to_string().len() };
    let bytes = item.json().len() - usize::from(own_id > 0) + own_id;
    let message = || {
        format!(
            "the item has {bytes} bytes and an item of a catalog may have {most}; give it less metadata, or its data as \
             a file container"
        )
    };
    (switch != Preflight::Off && bytes > most).then(|| Finding::new(id, Rule::ItemTooLarge, message()))
}

/// The findings about a partial update.
#[must_use]
pub fn partial_update(update: &PartialUpdate) -> Vec<Finding> {
    checked_partial_update(update, Preflight::Refuse)
}

pub(crate) fn checked_partial_update(update: &PartialUpdate, switch: Preflight) -> Vec<Finding> {
    let PartialUpdate { document_id: id, operator, field, value } = update;
    let mut findings: Vec<Finding> = document_id(id, switch).into_iter().collect();
    let mut found = |rule, message: String| findings.push(Finding::new(id, rule, message));
    if field.is_empty() {
        found(Rule::PartialUpdate, "it names no field; give the key of the item's metadata".to_owned());
    } else if key::property(field.as_bytes()).is_some() {
        found(Rule::PartialUpdate, format!("`{}` is a property of the item, which is pushed whole", shortened(field)));
    }
    match value.as_ref().map(|value| (value, value.not_finite())) {
        Some((_, Some(number))) => {
            found(
                Rule::NumberNotFinite,
                format!("the value of `{}` contains {number}, {IS_NOT_FINITE}", shortened(field)),
            );
        }
        Some((MetadataValue::Null, _)) => {
            let message = format!("null would clear `{}`; say that with `PartialUpdate::clear`", shortened(field));
            found(Rule::PartialUpdate, message);
        }
        _ if !operator_takes(update, value.as_ref()) => {
            found(
                Rule::PartialUpdate,
                format!("the value for `{}` is not of the type that {operator} takes", shortened(field)),
            );
        }
        _ => {}
    }
    findings
}

fn operator_takes(update: &PartialUpdate, value: Option<&MetadataValue>) -> bool {
    use crate::model::PartialUpdateOperator::{
        ArrayAppend, ArrayRemove, DictionaryPut, DictionaryRemove, FieldValueReplace,
    };

    match update.operator {
        FieldValueReplace => true,
        ArrayAppend | ArrayRemove => matches!(value, Some(MetadataValue::Array(_))),
        DictionaryPut => matches!(value, Some(MetadataValue::Dictionary(_))),
        DictionaryRemove => matches!(value, Some(MetadataValue::String(_) | MetadataValue::Array(_))),
    }
}

/// The findings about a batch of updates, each operation's own findings among it.
#[must_use]
pub fn update_batch(batch: &BatchUpdateBody) -> Vec<Finding> {
    checked_update_batch(batch, Preflight::Refuse)
}

pub(crate) fn checked_update_batch(batch: &BatchUpdateBody, switch: Preflight) -> Vec<Finding> {
    let BatchUpdateBody { add_or_update, partial_update, delete } = batch;
    let mut findings = items(add_or_update, switch);
    findings.extend(partial_update.iter().flat_map(|update| checked_partial_update(update, switch)));
    let deletions = delete.iter().flat_map(|entry| deletion(&entry.document_id, entry.delete_children, switch));
    findings.extend(deletions);
    let mut fields = HashSet::new();
    // Of one item, several fields may change.
    let updated: HashSet<&str> = partial_update.iter().map(|update| update.document_id.as_str()).collect();
    let ids = add_or_update.iter().map(|entry| entry.document_id.as_str()).chain(updated);
    findings.extend(ids_of_batch(ids, delete));
    for PartialUpdate { document_id: id, field, .. } in partial_update {
        if !fields.insert((id, field.to_lowercase())) {
            findings.push(Finding::new(id, Rule::DocumentIdTwice, DOCUMENT_ID_TWICE));
        }
    }
    findings.extend(batch.is_empty().then(empty_batch));
    findings
}

/// The findings about a batch of merges, each item's own findings among it.
#[must_use]
pub fn merge_batch(batch: &BatchMergeBody) -> Vec<Finding> {
    checked_merge_batch(batch, Preflight::Refuse)
}

pub(crate) fn checked_merge_batch(batch: &BatchMergeBody, switch: Preflight) -> Vec<Finding> {
    let mut findings = items(&batch.add_or_merge, switch);
    findings.extend(ids_of_batch(batch.add_or_merge.iter().map(|entry| entry.document_id.as_str()), &[]));
    findings.extend(batch.is_empty().then(empty_batch));
    findings
}

fn items(entries: &[BatchDocument], switch: Preflight) -> Vec<Finding> {
    let findings = entries.iter().flat_map(|entry| match ItemText::write(&entry.body) {
        Ok(text) => stream_item(&entry.document_id, &text, switch),
        Err(invalid) => vec![invalid.finding(&entry.document_id)],
    });
    findings.collect()
}
