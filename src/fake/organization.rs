//! The state of the organization itself: its keys, its fields, its limits, and whether it is paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::model::Identity;

/// Fields that every organization has.
const SYSTEM_FIELDS: [(&str, &str); 14] = [
    ("author", "STRING"),
    ("clickableuri", "STRING"),
    ("date", "DATE"),
    ("filetype", "STRING"),
    ("foldingchild", "STRING"),
    ("foldingcollection", "STRING"),
    ("foldingparent", "STRING"),
    ("language", "STRING"),
    ("permanentid", "STRING"),
    ("printableuri", "STRING"),
    ("size", "LONG"),
    ("source", "STRING"),
    ("title", "STRING"),
    ("uri", "STRING"),
];

/// The section of the limits that have to do with content.
pub(super) const CONTENT: &str = "content";
pub(super) const SOURCES: &str = "numberOfSourcesLimit";
pub(super) const PROVIDERS: &str = "numberOfSecurityProvidersLimit";
pub(super) const DAILY_ITEMS: &str = "pushApiMaximumDailyDocumentLimit";

/// Decides which identities cannot be processed, and why.
pub(super) type RejectIdentity = Arc<dyn Fn(&str, &Identity) -> Option<String> + Send + Sync>;

pub(super) struct OrganizationState {
    /// Keys that can push, and have no privilege of the platform.
    pub(super) push_keys: BTreeSet<String>,
    pub(super) fields: BTreeMap<String, Map<String, Value>>,
    /// By the keys in the section `content`.
    pub(super) limits: BTreeMap<String, u64>,
    pub(super) is_paused: bool,
    pub(super) reject_identity: Option<RejectIdentity>,
}

impl OrganizationState {
    pub(super) fn new(push_keys: BTreeSet<String>, limits: BTreeMap<String, u64>) -> Self {
        let defaults = [(SOURCES, 25), (PROVIDERS, 15), (DAILY_ITEMS, 500_000)];
        let mut all: BTreeMap<String, u64> = defaults.map(|(key, limit)| (key.to_owned(), limit)).into();
        all.extend(limits);
        let field = |(name, field_type): (&str, &str)| {
            let model = json!({"name": name, "type": field_type, "system": true, "includeInResults": true});
            (name.to_owned(), model.as_object().cloned().unwrap_or_default())
        };
        let fields = SYSTEM_FIELDS.map(field).into();
        Self { push_keys, fields, limits: all, is_paused: false, reject_identity: None }
    }

    pub(super) fn limit(&self, key: &str) -> u64 {
        self.limits.get(key).copied().unwrap_or(u64::MAX)
    }
}
