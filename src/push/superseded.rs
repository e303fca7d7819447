//! Which operations of failed batches were pushed again later: pushing such a batch again must not
//! undo what came after it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::failed::Marks;
use super::keys::{Key, Scope};

/// The operations of failed batches that nothing later has replaced so far.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    watched: BTreeMap<Box<str>, Vec<Watched>>,
    /// Those of them that delete an item with its children.
    parents: BTreeMap<Box<str>, Vec<Watched>>,
}

#[derive(Debug, Clone)]
struct Watched {
    scope: Scope,
    operation: usize,
    marks: Arc<Marks>,
}

impl Superseded {
    pub(super) fn watch(&mut self, key: Key<'_>, operation: usize, marks: &Arc<Marks>) {
        let watched = Watched { scope: key.scope, operation, marks: Arc::clone(marks) };
        if key.scope == Scope::Children {
            self.parents.entry(key.text.into()).or_default().push(watched.clone());
        }
        self.watched.entry(key.text.into()).or_default().push(watched);
    }

    /// Marks what an operation that was just taken replaces.
    pub(super) fn pushed_again(&mut self, key: Key<'_>) {
        if let Some(watched) = self.watched.get_mut(key.text) {
            watched.retain(|watched| !replaces(key.scope, watched));
            if watched.is_empty() {
                self.watched.remove(key.text);
            }
        }
        // One that deletes children would delete this one, too, if it came after it.
        if !self.parents.is_empty() {
            let ends = key.text.char_indices().map(|(start, char)| start + char.len_utf8());
            for above in ends.filter_map(|end| key.text.get(..end)) {
                supersede(self.parents.remove(above));
            }
        }
        if key.scope == Scope::Children {
            let from = (Bound::Included(key.text), Bound::Unbounded);
            let below = self.watched.range::<str, _>(from).map(|(text, _)| text.clone());
            let below = below.take_while(|text| text.starts_with(key.text));
            for text in below.collect::<Vec<_>>() {
                supersede(self.watched.remove(&text));
            }
        }
    }
}

fn supersede(watched: Option<Vec<Watched>>) {
    watched.into_iter().flatten().for_each(|watched| watched.marks.supersede(watched.operation));
}

fn replaces(scope: Scope, watched: &Watched) -> bool {
    let replaces = scope.shares_slot(watched.scope);
    if replaces {
        watched.marks.supersede(watched.operation);
    }
    replaces
}
