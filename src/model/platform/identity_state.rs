use std::time::SystemTime;

use super::object::{date, object_model};
use crate::model::words::open_words;
use crate::model::{DateTime, SecurityIdentityType};

/// The state of an identity in the security cache ([article 1728](https://docs.coveo.com/en/1728/)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityCacheState {
    /// It was updated, and permissions that name it work.
    UpToDate,
    /// It was never updated: another identity names it, and it was not pushed or not processed yet.
    NotUpdated,
    /// It was updated, and its last update is too long ago or failed.
    OutOfDate,
    /// Its last update failed.
    InError,
    /// It was deleted.
    Disabled,
    /// The cache does not know.
    Unknown,
    /// A word that is not documented.
    Other(String),
}

open_words!(IdentityCacheState {
    UpToDate => "UP_TO_DATE",
    NotUpdated => "NOT_UPDATED",
    OutOfDate => "OUT_OF_DATE",
    InError => "IN_ERROR",
    Disabled => "DISABLED",
    Unknown => "UNKNOWN",
});

/// How the last update of an identity in the security cache ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityUpdateResult {
    /// It succeeded.
    Success,
    /// No update yet.
    None,
    /// The provider was not allowed to read it.
    AccessDenied,
    /// It took too long.
    TimedOut,
    /// The identity is invalid.
    EntityIsInvalid,
    /// The identity could not be read.
    EntityIsUnavailable,
    /// The update failed in another way.
    UnexpectedError,
    /// A word that is not documented.
    Other(String),
}

open_words!(IdentityUpdateResult {
    Success => "SUCCESS",
    None => "NONE",
    AccessDenied => "ACCESS_DENIED",
    TimedOut => "TIMED_OUT",
    EntityIsInvalid => "ENTITY_IS_INVALID",
    EntityIsUnavailable => "ENTITY_IS_UNAVAILABLE",
    UnexpectedError => "UNEXPECTED_ERROR",
});

object_model! {
    /// An identity as the security cache has it: [`Identities::state`](crate::Identities::state).
    IdentityState needs ["name"]
}

impl IdentityState {
    /// The name of the identity.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    /// The type of the identity.
    #[must_use]
    pub fn identity_type(&self) -> Option<SecurityIdentityType> {
        self.text("type")?.parse().ok()
    }

    /// Its state in the cache. It is [`Unknown`](IdentityCacheState::Unknown) where the service did not say.
    #[must_use]
    pub fn state(&self) -> IdentityCacheState {
        self.text("state").map_or(IdentityCacheState::Unknown, IdentityCacheState::from)
    }

    /// When it was updated last.
    #[must_use]
    pub fn last_update(&self) -> Option<DateTime> {
        date(self.get("lastUpdateDate")?)
    }

    /// How its last update ended.
    #[must_use]
    pub fn last_result(&self) -> Option<IdentityUpdateResult> {
        self.text("lastUpdateResult").map(IdentityUpdateResult::from)
    }

    /// Why its last update failed.
    #[must_use]
    pub fn error_detail(&self) -> Option<&str> {
        self.text("lastUpdateErrorDetail").filter(|detail| !detail.is_empty())
    }

    /// Whether the service says that it was updated at that time or later: whether a push at that time has arrived.
    #[must_use]
    pub fn is_up_to_date_since(&self, time: SystemTime) -> bool {
        let updated = self.last_update().and_then(|date| date.to_system_time());
        self.state() == IdentityCacheState::UpToDate && updated.is_some_and(|updated| updated >= time)
    }
}
