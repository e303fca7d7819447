//! The outcomes of the identities of a run, by the security cache.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::ask::AsksOutcomes;
use super::ask::sealed::Sealed;
use super::asked::AskedRun;
use crate::api::Identities;
use crate::api::call::request_builder;
use crate::error::{ConfigError, Error};
use crate::kernel::call_settings::CallSettings;
use crate::model::platform::IdentityState;
use crate::model::words::one_line;
use crate::push::RunTarget;

/// How many identities are printed.
const PRINTED: usize = 20;

impl Sealed for Identities {
    type Request = FindIdentityOutcomes;

    fn outcomes_of(&self, run: AskedRun<'_>) -> FindIdentityOutcomes {
        FindIdentityOutcomes {
            identities: self.clone(),
            target: run.push.target.clone(),
            accepted: run.push.totals.accepted,
            since: run.from(self.kernel.shared.now()),
            settings: CallSettings::default(),
        }
    }
}

impl AsksOutcomes for Identities {}

request_builder! {
    /// Finds out which identities are in error since a run:
    /// [`PushReport::outcomes`](crate::report::PushReport::outcomes) of an [`Identities`] handle.
    ///
    /// The security cache is asked once. [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to the request of each
    /// page.
    FindIdentityOutcomes -> IdentityOutcomes {
        identities: Identities,
        target: Option<RunTarget>,
        accepted: u64,
        since: SystemTime,
        settings: CallSettings,
    }
    settings: settings;
}

impl FindIdentityOutcomes {
    async fn send(self) -> Result<IdentityOutcomes, Error> {
        let Self { identities, target, accepted, since, settings } = self;
        let provider = identities.provider_id().to_owned();
        match target {
            Some(RunTarget::Provider(id)) if id == provider => {}
            Some(RunTarget::Provider(id)) => {
                let why =
                    format!("the report is of the provider `{id}`, and not of `{provider}`: ask the handle of its own");
                return Err(ConfigError::new(why).into());
            }
            _ => {
                let why =
                    "the report is not of security identities: for items ask the client, `report.outcomes(&client)`";
                return Err(ConfigError::new(why).into());
            }
        }
        let mut in_error = Vec::new();
        if accepted > 0 {
            let mut search = identities.in_error().since(since);
            search.settings = settings;
            in_error = search.await?;
        }
        Ok(IdentityOutcomes { provider, accepted, in_error })
    }
}

/// Which identities of a provider are in error since a run.
///
/// An identity that is not listed has no error *yet*: the security cache takes minutes, and that it is silent is no
/// success. [`Identities::state`] tells whether an identity is [up to date](IdentityState::is_up_to_date_since).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdentityOutcomes {
    /// The security identity provider.
    pub provider: String,
    /// How many operations of the run the service accepted.
    pub accepted: u64,
    /// The identities whose last update failed since the beginning of the run, whoever pushed them.
    pub in_error: Vec<IdentityState>,
}

/// A summary in one line, and the first twenty identities with their errors.
impl fmt::Display for IdentityOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, accepted, in_error } = self;
        let count = in_error.len();
        write!(f, "identities in error in {provider} since the run of {accepted} accepted operations: {count}")?;
        for identity in in_error.iter().take(PRINTED) {
            f.write_str("\n    ")?;
            if let Some(identity_type) = identity.identity_type() {
                write!(f, "{identity_type} ")?;
            }
            let detail = identity.error_detail().unwrap_or("no reason is given");
            write!(f, "{}: {}", one_line(identity.name()), one_line(detail))?;
        }
        match count.checked_sub(PRINTED) {
            Some(more @ 1..) => write!(f, "\n    and {more} more"),
            _ => Ok(()),
        }
    }
}
