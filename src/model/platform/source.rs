use serde_json::{Map, Value};

use super::object::{date, object_model};
use crate::model::DateTime;
use crate::model::words::open_words;

/// Who sees the items of a source ([article 94](https://docs.coveo.com/en/94/)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceVisibility {
    /// The people who are named in the configuration of the source.
    Private,
    /// The people who are named in the permissions of each item.
    Secured,
    /// Everybody.
    Shared,
    /// A word that is not documented.
    Other(String),
}

open_words!(SourceVisibility {
    Private => "PRIVATE",
    Secured => "SECURED",
    Shared => "SHARED",
});

/// The current activity of a source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceState {
    /// It is being created.
    Creating,
    /// It is disabled.
    Disabled,
    /// Its content is pushed again, or crawled.
    Refreshing,
    /// It is paused.
    Paused,
    /// It is paused after an error.
    PausedOnError,
    /// Nothing.
    Idle,
    /// It failed.
    Error,
    /// A push source that waits for pushes.
    PushReady,
    /// A word that is not documented.
    Other(String),
}

open_words!(SourceState {
    Creating => "CREATING",
    Disabled => "DISABLED",
    Refreshing => "REFRESHING",
    Paused => "PAUSED",
    PausedOnError => "PAUSED_ON_ERROR",
    Idle => "IDLE",
    Error => "ERROR",
    PushReady => "PUSH_READY",
});

/// A source to create: [`Platform::create_source`](crate::Platform::create_source).
///
/// It is secured unless it says otherwise: each item says who sees it.
///
/// ```
/// use coveo_push::platform::{NewSource, SourceVisibility};
///
/// let source = NewSource::push("wiki").secured();
/// assert_eq!(source.visibility(), &SourceVisibility::Secured);
/// assert_eq!(source, NewSource::push("wiki"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSource {
    name: String,
    source_type: &'static str,
    visibility: SourceVisibility,
}

impl NewSource {
    fn new(name: String, source_type: &'static str) -> Self {
        Self { name, source_type, visibility: SourceVisibility::Secured }
    }

    /// A source that the Push API feeds. Its name can never be changed: use letters, digits, `-` and `_`.
    pub fn push(name: impl Into<String>) -> Self {
        Self::new(name.into(), "PUSH")
    }

    /// A catalog source, which the Stream API feeds. Its name can never be changed: use letters, digits, `-` and `_`.
    pub fn catalog(name: impl Into<String>) -> Self {
        Self::new(name.into(), "CATALOG")
    }

    /// Each item says who sees it. The source drops items without permissions. This is the default.
    #[must_use]
    pub fn secured(self) -> Self {
        self.with_visibility(SourceVisibility::Secured)
    }

    /// Only the people see its items who are named in the configuration of the source: nobody at first.
    #[must_use]
    pub fn private(self) -> Self {
        self.with_visibility(SourceVisibility::Private)
    }

    /// Everybody sees its items.
    #[must_use]
    pub fn shared(self) -> Self {
        self.with_visibility(SourceVisibility::Shared)
    }

    fn with_visibility(self, visibility: SourceVisibility) -> Self {
        Self { visibility, ..self }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type: `PUSH` or `CATALOG`.
    #[must_use]
    pub fn source_type(&self) -> &str {
        self.source_type
    }

    /// Who sees its items.
    #[must_use]
    pub fn visibility(&self) -> &SourceVisibility {
        &self.visibility
    }

    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let feed = if self.source_type == "PUSH" { "pushEnabled" } else { "streamEnabled" };
        [
            ("sourceType", self.source_type.into()),
            ("name", self.name.as_str().into()),
            ("sourceVisibility", self.visibility.as_str().into()),
            (feed, true.into()),
        ]
        .map(|(key, value): (&str, Value)| (key.to_owned(), value))
        .into_iter()
        .collect()
    }
}

object_model! {
    /// A source as the platform has it ([article 94](https://docs.coveo.com/en/94/)). It holds every key that the service
    /// wrote, so that [`update_source`](crate::Platform::update_source) writes back what was read.
    SourceModel needs ["id"]
}

impl SourceModel {
    /// The id, for [`PushClient::items`](crate::PushClient::items) and [`catalog`](crate::PushClient::catalog).
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// The type, such as `PUSH` or `CATALOG`.
    #[must_use]
    pub fn source_type(&self) -> Option<&str> {
        self.text("sourceType")
    }

    /// Who sees its items.
    #[must_use]
    pub fn visibility(&self) -> Option<SourceVisibility> {
        self.text("sourceVisibility").map(SourceVisibility::from)
    }

    /// Its current activity, by its `information`.
    #[must_use]
    pub fn state(&self) -> Option<SourceState> {
        self.information("sourceStatus")?.get("type")?.as_str().map(SourceState::from)
    }

    /// How many items it holds, as the service counted them last. Use it as a sanity check: it lags behind the pushes.
    #[must_use]
    pub fn number_of_documents(&self) -> Option<u64> {
        self.information("numberOfDocuments")?.as_u64()
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Option<DateTime> {
        date(self.get("createdDate")?)
    }

    fn information(&self, key: &str) -> Option<&Value> {
        self.get("information")?.get(key)
    }
}
