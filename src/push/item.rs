//! What one push of an item writes.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;

use super::items::{ADD_OR_UPDATE, DELETE};
use super::json;
use super::keys::Scope;
use super::pushing::{Pushing, Unfinished};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::write::{Draft, Reader, Write, Written};
use crate::finding::{Finding, Preflight, Rule};
use crate::model::DeletedDocument;
use crate::model::document_keys::DOCUMENT_ID;
use crate::model::object::{self, Layout, ObjectError};
use crate::preflight::{self, RunChecks, WrittenItem};

/// One push of an item: [`ItemPusher::add_or_update`](super::ItemPusher::add_or_update). Nothing is
/// pushed before it is awaited.
///
/// It counts against the budget that tokio gives a task, so that a loop of pushes lets others of its
/// thread run: it may be pending for a moment although there is room.
#[must_use = "nothing is pushed before it is awaited"]
pub struct PushItem<'a> {
    pushing: Pushing<'a, AddOrUpdate<'a>>,
}

impl<'a> PushItem<'a> {
    pub(super) fn new(run: &'a Arc<Run>, item: Item<'a>) -> Self {
        Self { pushing: Pushing::new(run, AddOrUpdate::new(run, item)) }
    }

    pub(super) fn into_parts(self) -> (&'a Arc<Run>, AddOrUpdate<'a>, Unfinished<'a>) {
        self.pushing.into_parts()
    }

    /// Checks and writes the item now, instead of when it is awaited, which then only gives it its
    /// place in the order: so threads can do the work of many items at the same time, and the order
    /// stays that in which they are awaited.
    ///
    /// Where nothing else bounds a run it also saves time: let a few tasks each prepare a hundred items or so,
    /// and then await them one after another.
    ///
    /// What is prepared is held in memory beside the batches. An item that is refused is counted when
    /// it is awaited.
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher, lines: Vec<String>) -> Result<(), coveo_push::PushError> {
    /// let prepared: Vec<_> = lines.iter().map(|line| pusher.add_or_update_json_with_id(line).prepare()).collect();
    /// for item in prepared {
    ///     item.await?;
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use = "nothing is pushed before it is awaited"]
    pub fn prepare(mut self) -> Self {
        self.pushing.prepare();
        self
    }
}

impl Future for PushItem<'_> {
    type Output = Result<Pushed, PushError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.pushing).poll(context)
    }
}

impl fmt::Debug for PushItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushItem").finish_non_exhaustive()
    }
}

/// An item as its caller has it.
pub(super) enum Item<'a> {
    Typed {
        document_id: &'a str,
        item: &'a dyn WriteObject,
    },
    /// Without an id the text has its own.
    Json {
        document_id: Option<&'a str>,
        json: &'a str,
    },
}

/// Any type that serialises.
pub(super) trait WriteObject: Sync {
    fn write_object(&self, draft: &mut Draft<'_>, layout: &mut Layout) -> Result<(), ObjectError>;
}

impl<T: Serialize + Sync> WriteObject for T {
    fn write_object(&self, Draft { id, buffer }: &mut Draft<'_>, layout: &mut Layout) -> Result<(), ObjectError> {
        object::write(buffer, layout, Some(id), self)
    }
}

/// Adds or updates an item.
pub(super) struct AddOrUpdate<'a> {
    item: Item<'a>,
    switch: Preflight,
    checks: &'a RunChecks,
}

impl<'a> Write<'a> for AddOrUpdate<'a> {
    fn list(&self) -> usize {
        ADD_OR_UPDATE
    }

    fn scope(&self) -> Scope {
        Scope::Main
    }

    fn remedy(&self) -> &'static str {
        "push its data as content"
    }

    fn write(&self, draft: &mut Draft<'a>, reader: &mut Reader) -> Result<Written<'a>, Vec<Finding>> {
        let (tail, findings) = match self.item {
            Item::Typed { document_id, item } => {
                draft.id = Cow::Borrowed(document_id);
                item.write_object(draft, &mut reader.layout)
                    .map_err(|error| vec![preflight::unwritable(document_id, &error)])?;
                let item = reader.keys.read(&draft.buffer, &reader.layout);
                ("", self.findings(document_id, item))
            }
            Item::Json { document_id, json } => {
                draft.id = Cow::Borrowed(document_id.unwrap_or_default());
                self.write_json(json, document_id.is_none(), draft, reader)?
            }
        };
        let warnings = preflight::judge(findings, self.switch)?;
        Ok(Written { tail: tail.as_bytes(), warnings })
    }
}

impl<'a> AddOrUpdate<'a> {
    pub(super) fn new(run: &'a Run, item: Item<'a>) -> Self {
        Self { item, switch: run.kernel.shared.preflight, checks: &run.settings.checks }
    }

    /// Writes what has to stand before a text that is in hand, and returns what of it is left.
    fn write_json(
        &self,
        text: &'a str,
        has_own_id: bool,
        Draft { id, buffer }: &mut Draft<'a>,
        Reader { layout, keys }: &mut Reader,
    ) -> Result<(&'a str, Vec<Finding>), Vec<Finding>> {
        let (text, scanned) = json::check(text, layout).map_err(|error| no_object(id, &error))?;
        let item = match scanned {
            Some(scanned) => keys.read_scanned(text.as_bytes(), layout, scanned),
            None => keys.read(text.as_bytes(), layout),
        };
        let own_id = item.range(DOCUMENT_ID).and_then(|range| text.as_bytes().get(range));
        if has_own_id && let Some(own_id) = own_id.and_then(preflight::text_of) {
            *id = own_id;
        } else if own_id.is_some_and(object::is_null) {
            let message = "the text itself says that its documentId is null; leave it out, or give the same";
            return Err(vec![Finding::new(&**id, Rule::DocumentIdMismatch, message)]);
        }
        let findings = self.findings(id, item);
        let rest = match own_id {
            Some(_) => text,
            None => json::put_in(buffer, layout, id, text).map_err(|error| no_object(id, &error))?,
        };
        Ok((rest, findings))
    }

    fn findings(&self, id: &str, item: WrittenItem<'_>) -> Vec<Finding> {
        let mut findings = preflight::written_item(id, item, self.switch);
        if self.switch != Preflight::Off {
            findings.extend(self.checks.item(id, item));
        }
        findings
    }
}

/// Deletes an item.
pub(super) struct Delete<'a> {
    pub(super) document_id: &'a str,
    pub(super) delete_children: bool,
    pub(super) switch: Preflight,
}

impl<'a> Write<'a> for Delete<'a> {
    fn list(&self) -> usize {
        DELETE
    }

    fn scope(&self) -> Scope {
        if self.delete_children { Scope::Children } else { Scope::Main }
    }

    fn remedy(&self) -> &'static str {
        "give the item a shorter documentId"
    }

    fn write(&self, draft: &mut Draft<'a>, _: &mut Reader) -> Result<Written<'a>, Vec<Finding>> {
        draft.id = Cow::Borrowed(self.document_id);
        let findings = preflight::document_id(self.document_id, self.switch).into_iter().collect();
        let warnings = preflight::judge(findings, self.switch)?;
        let deleted =
            DeletedDocument { document_id: self.document_id.to_owned(), delete_children: self.delete_children };
        object::write_value(&mut draft.buffer, &deleted).map_err(|error| no_object(self.document_id, &error))?;
        Ok(Written { tail: &[], warnings })
    }
}

pub(super) fn no_object(id: &str, error: &serde_json::Error) -> Vec<Finding> {
    vec![Finding::new(id, Rule::NotAnObject, error.to_string())]
}
