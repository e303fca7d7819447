//! The common part of all request builders.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Accepted;
use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode::Success;
use crate::kernel::request::{PathParams, RequestTemplate};
use crate::kernel::shared::{Kernel, Shared};
use crate::kernel::trace;
use crate::model::OrderingId;
use crate::operation::Operation;
use crate::preflight;

/// The names of the query parameters.
pub(crate) mod query {
    pub(crate) const COMPRESSION_TYPE: &str = "compressionType";
    pub(crate) const DELETE_CHILDREN: &str = "deleteChildren";
    pub(crate) const DOCUMENT_ID: &str = "documentId";
    pub(crate) const DOCUMENT_ID_MATCHING: &str = "documentIdMatching";
    pub(crate) const FILE_ID: &str = "fileId";
    pub(crate) const FILTER: &str = "filter";
    pub(crate) const FROM: &str = "from";
    pub(crate) const ORDERING_ID: &str = "orderingId";
    pub(crate) const PAGE: &str = "page";
    pub(crate) const PER_PAGE: &str = "perPage";
    pub(crate) const QUEUE_DELAY: &str = "queueDelay";
    pub(crate) const REBUILD: &str = "rebuild";
    pub(crate) const STATES: &str = "states";
    pub(crate) const STATUS_TYPE: &str = "statusType";
    pub(crate) const STRING_FILTER_TYPE: &str = "stringFilterType";
    pub(crate) const USE_PAGE_MODEL: &str = "usePageModel";
    pub(crate) const TO: &str = "to";
    pub(crate) const USE_VIRTUAL_HOSTED_STYLE_URL: &str = "useVirtualHostedStyleUrl";
}

/// A call of the Push API that is being built.
#[derive(Clone)]
pub(crate) struct ApiRequest {
    pub(crate) kernel: Kernel,
    pub(crate) operation: Operation,
    params: PathParams,
    query: Vec<(&'static str, String)>,
    json: Option<Bytes>,
    findings: Vec<Finding>,
    pub(crate) settings: CallSettings,
}

impl ApiRequest {
    pub(super) fn new(kernel: &Kernel, operation: Operation, params: PathParams) -> Self {
        Self {
            kernel: kernel.clone(),
            operation,
            params,
            query: Vec::new(),
            // The contract wants a content type on each call of the Stream API, and the documentation sends this with it.
            json: operation.is_of_streams().then(|| Bytes::from_static(b"{}")),
            findings: Vec::new(),
            settings: CallSettings::default(),
        }
    }

    /// Sets the body, or a finding when it cannot be written.
    pub(super) fn json(mut self, json: Result<Vec<u8>, serde_json::Error>, item: &str) -> Self {
        match json {
            Ok(json) => {
                self.findings.extend(preflight::request_size(json.len(), item));
                self.set_body(json);
            }
            Err(error) => self.findings.push(Finding::new(item, Rule::NotAnObject, error.to_string())),
        }
        self
    }

    pub(super) fn set_body(&mut self, json: impl Into<Bytes>) {
        self.json = Some(json.into());
    }

    pub(crate) fn found(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Sets a query parameter, in place of an earlier value.
    pub(crate) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
        let value = value.to_string();
        match self.query.iter_mut().find(|(known, _)| *known == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.query.push((name, value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.set(name, value);
        self
    }

    /// Sets the file container.
    pub(super) fn file_id(self, id: String) -> Self {
        let findings = preflight::file_id(&id, &id);
        self.with(query::FILE_ID, id).found(findings)
    }

    /// Sets the id below which everything is deleted.
    pub(super) fn older_than(self, id: OrderingId) -> Self {
        self.boundary(id).with(query::ORDERING_ID, id)
    }

    /// Checks the id below which everything is deleted.
    pub(super) fn boundary(self, id: OrderingId) -> Self {
        let shared = &self.kernel.shared;
        let findings = preflight::older_than(id, shared.service_time(), (shared.local_now)());
        self.found(findings)
    }

    /// Accepts ids in the future.
    pub(crate) fn own_ordering_scheme(&mut self, own: bool) {
        let is_about_time = |rule| matches!(rule, Rule::OrderingIdAhead | Rule::OrderingIdInFuture);
        self.findings.retain(|finding| !own || !is_about_time(finding.rule()));
    }

    /// Sets how long the service waits before it deletes, in minutes.
    pub(crate) fn queue_delay(&mut self, delay: Duration) {
        self.findings.retain(|finding| finding.rule() != Rule::QueueDelay);
        self.findings.extend(preflight::queue_delay(delay));
        self.set(query::QUEUE_DELAY, preflight::minutes(delay));
    }

    /// Fails with the findings that [`send`](Self::send) would refuse, for calls of several steps.
    pub(crate) fn check(&self) -> Result<(), Error> {
        refuse(&self.kernel, self.operation, self.findings.clone()).map(drop)
    }

    pub(super) async fn send(self) -> Result<(Success, Vec<Finding>), Error> {
        let Self { kernel, operation, params, query, json, findings, settings } = self;
        let warnings = refuse(&kernel, operation, findings)?;
        warnings.iter().for_each(|warning| trace::found(operation, warning));
        let Shared { urls, organization_id, .. } = &*kernel.shared;
        let base_url = urls.of(operation.host())?;
        let template = RequestTemplate::api(operation, base_url, organization_id, &params, &query, json)?;
        let success = kernel.send(&template, &settings).await?;
        Ok((success, warnings))
    }

    /// Sends a deletion. One that was carried out by an attempt without a response finds nothing at the next attempt.
    pub(super) async fn send_deletion(self) -> Result<(), Error> {
        match self.send().await {
            Err(Error::NotFound(error)) if error.call().may_have_been_applied() => Ok(()),
            sent => sent.map(drop),
        }
    }

    pub(crate) async fn accepted(self) -> Result<Accepted, Error> {
        let file_id = self.get(query::FILE_ID).map(str::to_owned);
        let (success, warnings) = self.send().await?;
        Ok(Accepted::new(&success, warnings, file_id))
    }
}

/// Fails with the findings that the client's switch refuses; returns the others as warnings.
fn refuse(kernel: &Kernel, operation: Operation, findings: Vec<Finding>) -> Result<Vec<Finding>, Error> {
    preflight::judge(findings, kernel.shared.preflight)
        .map_err(|refused| InvalidError::new(Some(operation), refused).into())
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel: _, operation, params, query, json, findings, settings } = self;
        f.debug_struct("ApiRequest")
            .field("operation", operation)
            .field("params", params)
            .field("query", query)
            .field("body_bytes", &json.as_ref().map(Bytes::len))
            .field("findings", findings)
            .field("settings", settings)
            .finish()
    }
}

/// Defines a request builder: its struct, `timeout`, `retry`, the setters that are named, and `.await`.
///
/// The long form is told where the builder keeps its [`CallSettings`], and gets an `async fn send`
/// beside it. The short form is a call of the API that returns [`Accepted`].
macro_rules! request_builder {
    ($(#[$doc:meta])* $name:ident with $($setter:ident)*) => {
        crate::api::call::request_builder! {
            $(#[$doc])*
            $name -> crate::Accepted { request: crate::api::call::ApiRequest }
            settings: request.settings; $($setter: request;)*
        }

        impl $name {
            async fn send(self) -> Result<crate::Accepted, crate::Error> {
                self.request.accepted().await
            }
        }
    };
    (
        $(#[$doc:meta])* $name:ident -> $output:ty { $($vis:vis $field:ident: $type:ty),+ $(,)? }
        settings: $($settings:ident).+; $($setter:ident: $($request:ident).+;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "a request is sent by `.await`"]
        pub struct $name {
            $($vis $field: $type,)+
        }

        impl $name {
            /// Limits the duration of **one attempt**, and how long it may wait for its place among the 64 that
            /// may be in flight. Default: the client's timeout, and no limit for the place. The duration of the
            /// whole call, with all its attempts, is limited by [`retry`](Self::retry).
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.$($settings).+.timeout = Some(timeout);
                self
            }

            /// Sets how often and for how long to try. Default: the client's policy.
            pub fn retry(mut self, policy: crate::RetryPolicy) -> Self {
                self.$($settings).+.retry = Some(policy);
                self
            }

            $(crate::api::call::setter!($setter: $($request).+);)*
        }

        impl IntoFuture for $name {
            type Output = Result<$output, crate::Error>;
            type IntoFuture = crate::kernel::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

/// A setter that several request builders have, for the [`ApiRequest`] at a path.
macro_rules! setter {
    (ordering_id: $($request:ident).+) => {
        /// Sets the place of the operation among others on the same item or identity. Default: the
        /// service's clock, in milliseconds, which is best in nearly all cases
        /// ([article 147](https://docs.coveo.com/en/147/)).
        ///
        /// An item that was pushed with a higher id survives a later deletion without one, which the service accepts and
        /// then ignores: set it everywhere or nowhere.
        pub fn ordering_id(mut self, id: impl Into<crate::OrderingId>) -> Self {
            self.$($request).+.set(crate::api::call::query::ORDERING_ID, id.into());
            self
        }
    };
    (queue_delay: $($request:ident).+) => {
        /// Sets how long the service waits before it deletes, so that it carries out queued operations
        /// first. Default of the service: 15 minutes. The service counts minutes: a part of a minute
        /// counts as a whole one. More than [`i32::MAX`] of them are refused.
        pub fn queue_delay(mut self, delay: std::time::Duration) -> Self {
            self.$($request).+.queue_delay(delay);
            self
        }

        /// Fails as the call would before it is sent.
        pub(crate) fn check(&self) -> Result<(), crate::Error> {
            self.$($request).+.check()
        }
    };
    (own_ordering_scheme: $($request:ident).+) => {
        /// Whether the ordering ids of the source count nanoseconds or ticks, for example, in place of milliseconds
        /// since 1970. They are always ahead of the clock, and not compared with it. Default: no.
        pub fn own_ordering_scheme(mut self, own: bool) -> Self {
            self.$($request).+.own_ordering_scheme(own);
            self
        }
    };
    (call_settings: $($request:ident).+) => {
        pub(crate) fn call_settings(mut self, settings: &crate::kernel::call_settings::CallSettings) -> Self {
            self.$($request).+.settings = settings.clone();
            self
        }
    };
}

pub(crate) use {request_builder, setter};
