//! Pushes lines in their order, and knows how far it came.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use coveo_push::{CatalogItem, CatalogOperation, PartialUpdate, PushQueue, PushTarget, Pushed};
use memchr::memmem;
use serde_json::Value;

use crate::shared::lines::{self, Block};
use crate::stop::Stop;

/// Where pushing is, and in the end how far it came.
#[derive(Default)]
pub(crate) struct Place {
    /// The file; empty before the first.
    name: Arc<str>,
    /// How many of its lines are done.
    line: u64,
    /// Lines that are not UTF-8, and unreadable files.
    unread: u64,
    /// Lines that were read but not pushed, because of the stop.
    left: u64,
    has_stopped: bool,
    /// The first refused items, with their places.
    refused: Vec<String>,
}

/// How many refused items are kept for the end.
const MOST_REFUSED: usize = 100;

/// Pushes all lines of the files, or those before the stop. `make` makes an operation of a line, which is text.
pub(crate) async fn push_lines<T: PushTarget, O: Into<T::Operation>>(
    queue: &PushQueue<T>,
    files: Vec<PathBuf>,
    make: fn(&str) -> Line<O>,
    stop: &Stop,
) -> Place {
    let mut blocks = lines::read(files);
    let mut place = Place::default();
    loop {
        let block = tokio::select! {
            biased;
            () = stop.wait() => {
                place.has_stopped = true;
                return place;
            }
            block = blocks.recv() => block,
        };
        match block {
            None => return place,
            Some(Ok(block)) => place.push_block(&block, make, queue, stop).await,
            Some(Err(error)) => {
                eprintln!("{error}");
                place.unread += 1;
            }
        }
    }
}

impl Place {
    async fn push_block<T: PushTarget, O: Into<T::Operation>>(
        &mut self,
        block: &Block,
        make: fn(&str) -> Line<O>,
        queue: &PushQueue<T>,
        stop: &Stop,
    ) {
        let name = &block.name;
        // Not by text: the same file can be given twice.
        if !Arc::ptr_eq(&self.name, name) {
            (self.name, self.line) = (Arc::clone(name), 0);
        }
        for line in block.lines() {
            if stop.is_set() {
                self.left += 1;
                continue;
            }
            let number = self.line + 1;
            match to_operation(line, make) {
                Ok(None) => {}
                Ok(Some(operation)) => match queue.push(operation).await {
                    Ok(Pushed::Refused(refused)) => {
                        let refused = in_options(&format!("{name}:{number}: {refused}"));
                        eprintln!("{refused}");
                        if self.refused.len() < MOST_REFUSED {
                            self.refused.push(refused);
                        }
                    }
                    Ok(_) => {}
                    Err(stopped) => {
                        stop.set(&stopped.to_string());
                        self.left += 1;
                        continue;
                    }
                },
                Err(error) => {
                    eprintln!("{name}:{number}: {error}");
                    self.unread += 1;
                }
            }
            self.line = number;
        }
    }

    /// Whether every line of every file was pushed, or refused.
    pub(crate) fn is_whole(&self) -> bool {
        self.unread == 0 && !self.has_stopped && self.left == 0
    }

    /// The lines that were not pushed.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let Self { name, line, unread, left, has_stopped, refused } = self;
        let unread = (*unread > 0).then(|| format!("{unread} lines or files could not be read"));
        let after = if name.is_empty() { "before the first line".to_owned() } else { format!("after {name}:{line}") };
        let stopped = has_stopped.then(|| {
            format!(
                "stopped {after}: nothing that follows was pushed ({left} lines of it had been read), and earlier \
                 items might not have been accepted; push the whole input again"
            )
        });
        let refused = refused.iter().map(|refused| format!("refused {refused}"));
        refused.chain(unread).chain(stopped)
    }
}

/// The operation of a line; `None` for a blank line.
pub(crate) type Line<O> = Result<Option<O>, String>;

fn to_operation<O>(line: &[u8], make: fn(&str) -> Line<O>) -> Line<O> {
    let line = str::from_utf8(line).map_err(|error| error.to_string())?;
    if line.trim_ascii().is_empty() { Ok(None) } else { make(line) }
}

/// A line that is an item.
pub(crate) fn to_item(line: &str) -> Line<CatalogItem> {
    let uri = uri_without_id(line)?;
    let item = CatalogItem::json(line);
    Ok(Some(match uri {
        Some(uri) => item.document_id(uri),
        None => item,
    }))
}

/// A line that is an item or a partial update.
pub(crate) fn to_update(line: &str) -> Line<CatalogOperation> {
    // Most lines need no second reading.
    if memmem::find(line.as_bytes(), br#""operator""#).is_some()
        && let Some(keys) = read(line)
        && is_partial_update(&keys)
    {
        let update = serde_json::from_str::<PartialUpdate>(unmarked(line));
        return update.map(|update| Some(update.into())).map_err(|error| format!("no partial update: {error}"));
    }
    Ok(to_item(line)?.map(Into::into))
}

/// Whether an object has the keys of a partial update and no others: an item can have a key `operator`, too.
fn is_partial_update(keys: &BTreeMap<String, Value>) -> bool {
    const KEYS: [&str; 4] = ["documentId", "operator", "field", "value"];
    let is_known = |key: &String| KEYS.iter().any(|name| key.eq_ignore_ascii_case(name));
    keys.keys().all(is_known) && KEYS.iter().take(3).all(|name| value(keys, name).is_some())
}

/// Advice in the words of this program.
fn in_options(message: &str) -> String {
    message.replace("`batch_bytes`", "`--batch-bytes`")
}

/// Keys that a line has which holds many items.
const WRAPPERS: [&str; 5] = ["addOrUpdate", "delete", "items", "documents", "results"];

/// The `uri` of an item that has no `documentId`. Both keys may be in any case.
///
/// # Errors
///
/// The line has neither, and holds a list of items.
fn uri_without_id(line: &str) -> Result<Option<String>, String> {
    // Most lines need no second reading.
    if line.starts_with(r#"{"documentId""#) {
        return Ok(None);
    }
    // The pusher refuses invalid JSON.
    let Some(item) = read(line) else { return Ok(None) };
    match (value(&item, "documentId"), value(&item, "uri")) {
        (None | Some(Value::Null), Some(Value::String(uri))) => Ok(Some(uri.clone())),
        (None, None) => match WRAPPERS.into_iter().find(|name| matches!(value(&item, name), Some(Value::Array(_)))) {
            Some(name) => Err(format!("the line holds a list of items (`{name}`); write one item a line, without it")),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn read(line: &str) -> Option<BTreeMap<String, Value>> {
    serde_json::from_str(unmarked(line)).ok()
}

/// A line without a byte order mark.
fn unmarked(line: &str) -> &str {
    line.strip_prefix('\u{feff}').unwrap_or(line)
}

/// The value of a key in any case.
fn value<'a>(item: &'a BTreeMap<String, Value>, name: &str) -> Option<&'a Value> {
    item.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The lines of the items with these ids. The files are read again for this, so that a successful run
/// keeps no places; standard input cannot be read again.
pub(crate) async fn places(files: Vec<PathBuf>, ids: HashSet<String>) -> HashMap<String, String> {
    let mut places = HashMap::new();
    if files.is_empty() || ids.is_empty() {
        return places;
    }
    let find = move |line: &[u8]| {
        let item = read(str::from_utf8(line).ok()?)?;
        let id = value(&item, "documentId").and_then(Value::as_str).or_else(|| value(&item, "uri")?.as_str())?;
        ids.get(id).cloned()
    };
    let (mut blocks, mut number, mut name) = (lines::read(files), 0_u64, Arc::<str>::default());
    while let Some(block) = blocks.recv().await {
        // An unreadable file was told before.
        let Ok(block) = block else { continue };
        if !Arc::ptr_eq(&name, &block.name) {
            (name, number) = (Arc::clone(&block.name), 0);
        }
        for line in block.lines() {
            number += 1;
            places.extend(find(line).map(|id| (id, format!("{name}:{number}"))));
        }
    }
    places
}
