//! How the operations on items are written.

use std::borrow::Cow;

use serde::Serialize;

use super::account::Account;
use super::affects::{Affects, hash_of_keys};
use super::destination::{DestinationKind, List, ListKind, Repeated};
use super::intake::QueuedOperation;
use super::report::Refused;
use crate::finding::{Finding, Preflight};
use crate::model::{DeletedDocument, document_keys as key};
use crate::preflight::{self, InvalidText, ItemText};

/// The lists of a batch of items, by their numbers.
pub(super) const ADD_OR_UPDATE: usize = 0;
const DELETE: usize = 1;

/// A source.
pub(super) static ITEMS: DestinationKind = DestinationKind {
    lists: &[
        List { key: "addOrUpdate", kind: ListKind::Upsert, repeated: Repeated::Replaces },
        List { key: "delete", kind: ListKind::Delete, repeated: Repeated::Replaces },
    ],
    item_bytes: None,
    learn: None,
};

/// An item as its caller has it.
pub(super) enum Item<'a> {
    Typed(&'a dyn WriteItem),
    Json(Cow<'a, str>),
    /// It was written before.
    Written(Result<ItemText<'a>, InvalidText>),
}

/// Any type that serialises.
pub(super) trait WriteItem: Sync {
    fn write_item(&self) -> Result<ItemText<'static>, InvalidText>;
}

impl<T: Serialize + Sync> WriteItem for T {
    fn write_item(&self) -> Result<ItemText<'static>, InvalidText> {
        ItemText::write(self)
    }
}

/// An item to add or update, read and checked.
pub(super) struct CheckedItem<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) text: ItemText<'a>,
    /// Whether the text itself has the id.
    has_id: bool,
    pub(super) warnings: Vec<Finding>,
}

impl<'a> CheckedItem<'a> {
    /// Writes an item, and holds it to the rules. Without an id it has its own.
    pub(super) fn check(account: &Account, id: Option<Cow<'a, str>>, item: Item<'a>) -> Result<Self, Refused> {
        let text = match item {
            Item::Typed(item) => item.write_item(),
            Item::Json(json) => ItemText::read(json),
            Item::Written(text) => text,
        };
        let mut text = match text {
            Ok(text) => text,
            Err(invalid) => {
                let id = id.unwrap_or_default();
                return Err(Refused::new(&id, vec![invalid.finding(&id)]));
            }
        };
        let own_id = text.get(key::DOCUMENT_ID);
        let has_id = own_id.is_some();
        let id = match (id, own_id) {
            (Some(id), _) => id,
            (None, Some(own_id)) => match preflight::own_id(&text, own_id) {
                Ok(own_id) => Cow::Owned(own_id.into_owned()),
                Err(finding) => return Err(Refused::new("", vec![finding])),
            },
            (None, None) => Cow::default(),
        };
        let switch = account.kernel.shared.preflight;
        let mut findings = preflight::written_item(&id, &text, switch);
        if account.destination.kind.item_bytes.is_some() {
            findings.extend(preflight::stream_item_size(&id, &text, switch));
        }
        if switch != Preflight::Off {
            findings.extend(account.settings.validation.item(&id, &text));
        }
        let warnings = preflight::judge(findings, switch).map_err(|findings| Refused::new(&id, findings))?;
        if !has_id {
            // One that is null counts as absent.
            text.take_out(key::DOCUMENT_ID);
        }
        if text.get(key::DATA).is_some() {
            // Text is not compressed.
            text.take_out(key::COMPRESSION_TYPE);
        }
        Ok(Self { id, text, has_id, warnings })
    }

    /// The id, and the text of the item with the id in it.
    pub(super) fn into_parts(self) -> (String, ItemText<'static>, Vec<Finding>) {
        let Self { id, text, has_id, warnings } = self;
        let mut text = text.into_owned();
        if !has_id {
            text.put(key::DOCUMENT_ID, serde_json::Value::from(&*id).to_string().as_bytes());
        }
        (id.into_owned(), text, warnings)
    }

    /// The operation, with the id in front of the item's text.
    pub(super) fn into_operation(self, kind: &DestinationKind, remedy: &'static str) -> QueuedOperation<'a> {
        let Self { id, text, has_id, warnings } = self;
        let affects = affects_of(&text, kind);
        let (is_empty, lacks_permissions) = (text.is_empty(), !text.has_permissions());
        let json = text.into_json();
        let mut head = Vec::new();
        if !has_id {
            head = format!("{{\"{}\":{}", key::DOCUMENT_ID, serde_json::Value::from(&*id)).into_bytes();
            head.extend_from_slice(if is_empty { b"" } else { b"," });
        }
        let list = ADD_OR_UPDATE;
        let (content, note) = (None, None);
        QueuedOperation { id, list, affects, head, json, lacks_permissions, content, warnings, remedy, note }
    }
}

/// The part of the data that an item changes: all of it, or its own keys.
pub(super) fn affects_of(text: &ItemText<'_>, kind: &DestinationKind) -> Affects {
    match kind.lists.get(ADD_OR_UPDATE).map(|list| list.kind) {
        Some(ListKind::Patch) => Affects::Keys(hash_of_keys(text.other_keys(key::DOCUMENT_ID))),
        _ => Affects::Item,
    }
}

/// Writes the deletion of an item.
pub(super) fn deletion<'a>(
    account: &Account,
    id: Cow<'a, str>,
    delete_children: bool,
) -> Result<QueuedOperation<'a>, Refused> {
    let switch = account.kernel.shared.preflight;
    let findings = preflight::deletion(&id, delete_children, switch);
    let warnings = preflight::judge(findings, switch).map_err(|findings| Refused::new(&id, findings))?;
    let deleted = DeletedDocument { document_id: id.clone().into_owned(), delete_children };
    let json =
        serde_json::to_vec(&deleted).map_err(|error| Refused::new(&id, vec![InvalidText::from(error).finding(&id)]))?;
    let affects = if delete_children { Affects::Subtree } else { Affects::Item };
    let remedy = "give the item a shorter documentId";
    let (head, json, lacks_permissions) = (Vec::new(), json.into(), false);
    let (content, note) = (None, None);
    Ok(QueuedOperation { id, list: DELETE, affects, head, json, lacks_permissions, content, warnings, remedy, note })
}
