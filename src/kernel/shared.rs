//! The parts that all handles of a client share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::host::Hosts;
use super::rate_limit::RateLimit;
use super::retry::{Budget, RetryPolicy};
use super::transport::Transport;
use crate::credentials::Credentials;
use crate::finding::Preflight;
use crate::operation::{Host, TimeoutClass};
use crate::region::BaseUrls;

/// A source of numbers in `0.0..1.0`.
pub(crate) type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The local clock.
pub(crate) type LocalNow = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The parts that all handles of a client share, and its credentials. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Kernel {
    pub(crate) shared: Arc<Shared>,
    pub(crate) credentials: Credentials,
}

/// The parts that clients with other credentials share, too.
pub(crate) struct Shared {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) urls: BaseUrls,
    pub(crate) organization_id: Arc<str>,
    pub(crate) user_agent: HeaderValue,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: RetryPolicy,
    pub(crate) preflight: Preflight,
    pub(crate) hosts: Hosts,
    /// How many bulk runs were started.
    pub(crate) runs: AtomicU64,
    pub(crate) budget: Budget,
    /// The calls of all runs into catalogs.
    pub(crate) stream_limit: Arc<RateLimit>,
    /// The calls of the logs, which are expensive for the service.
    pub(crate) logs_limit: Arc<RateLimit>,
    pub(crate) random: Random,
    pub(crate) local_now: LocalNow,
}

impl Shared {
    /// The time by the service's clock, or by the local one before the first response.
    pub(crate) fn now(&self) -> SystemTime {
        self.service_time().unwrap_or_else(&*self.local_now)
    }

    /// The time by the clock of the Push API; `None` before the first response.
    pub(crate) fn service_time(&self) -> Option<SystemTime> {
        self.hosts.get(Host::Push).clock.now()
    }
}

/// How long one attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) control: Duration,
    /// How long an upload may take without progress.
    pub(crate) upload: Duration,
    /// How long a search in the logs may take.
    pub(crate) logs: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { control: Duration::from_secs(30), upload: Duration::from_secs(30), logs: Duration::from_secs(90) }
    }
}

impl Timeouts {
    pub(crate) fn of(&self, class: TimeoutClass) -> Duration {
        match class {
            TimeoutClass::Control => self.control,
            TimeoutClass::Upload => self.upload,
            TimeoutClass::Logs => self.logs,
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new field has to be thought about here.
        let Self { shared, credentials } = self;
        let Shared {
            transport: _,
            urls,
            organization_id,
            user_agent: _,
            timeouts,
            retry,
            preflight,
            hosts: _,
            runs: _,
            budget: _,
            stream_limit: _,
            logs_limit: _,
            random: _,
            local_now: _,
        } = &**shared;
        f.debug_struct("PushClient")
            .field("base_url", &urls.push.as_str())
            .field("organization_id", organization_id)
            .field("credentials", credentials)
            .field("timeouts", timeouts)
            .field("retry", retry)
            .field("preflight", preflight)
            .finish_non_exhaustive()
    }
}
