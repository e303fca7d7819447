//! Which operations of failed batches were pushed again later: pushing such a batch again must not
//! undo what came after it.

use std::collections::HashMap;
use std::sync::Arc;

use super::failed::Marks;
use super::keys::{Key, Scope};

/// The operations of failed batches that nothing later has replaced so far.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    watched: HashMap<Box<str>, Vec<Watched>>,
    /// Those of them that delete an item with its children.
    parents: Vec<(Box<str>, Watched)>,
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
            self.parents.push((key.text.into(), watched.clone()));
        }
        self.watched.entry(key.text.into()).or_default().push(watched);
    }

    /// Marks what an operation that was just taken replaces.
    pub(super) fn pushed_again(&mut self, key: Key<'_>) {
        if self.watched.is_empty() {
            return;
        }
        if let Some(watched) = self.watched.get_mut(key.text) {
            watched.retain(|watched| !replaces(key.scope, watched));
            if watched.is_empty() {
                self.watched.remove(key.text);
            }
        }
        // One that deletes children would delete this one, too, if it came after it.
        self.parents.retain(|(parent, watched)| {
            let is_below = key.text.starts_with(&**parent);
            if is_below {
                watched.marks.supersede(watched.operation);
            }
            !is_below
        });
        if key.scope == Scope::Children {
            self.watched.retain(|text, watched| {
                let is_below = text.starts_with(key.text);
                if is_below {
                    watched.iter().for_each(|watched| watched.marks.supersede(watched.operation));
                }
                !is_below
            });
        }
    }
}

fn replaces(scope: Scope, watched: &Watched) -> bool {
    let replaces = scope.shares_slot(watched.scope);
    if replaces {
        watched.marks.supersede(watched.operation);
    }
    replaces
}
