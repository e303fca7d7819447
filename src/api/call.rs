//! What all request builders have in common.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Accepted;
use crate::error::{Error, InvalidError};
use crate::finding::Finding;
use crate::kernel::decode::Answer;
use crate::kernel::request::{PathParams, RequestTemplate};
use crate::kernel::send::CallSettings;
use crate::kernel::shared::{Kernel, Shared};
use crate::kernel::trace;
use crate::model::OrderingId;
use crate::model::object::Buffer;
use crate::operation::Operation;
use crate::preflight;

/// The names of the query parameters.
pub(super) mod query {
    pub(crate) const COMPRESSION_TYPE: &str = "compressionType";
    pub(crate) const DELETE_CHILDREN: &str = "deleteChildren";
    pub(crate) const DOCUMENT_ID: &str = "documentId";
    pub(crate) const FILE_ID: &str = "fileId";
    pub(crate) const ORDERING_ID: &str = "orderingId";
    pub(crate) const QUEUE_DELAY: &str = "queueDelay";
    pub(crate) const STATUS_TYPE: &str = "statusType";
    pub(crate) const USE_VIRTUAL_HOSTED_STYLE_URL: &str = "useVirtualHostedStyleUrl";
}

/// A call of the Push API as it is being put together.
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
            json: None,
            findings: Vec::new(),
            settings: CallSettings::default(),
        }
    }

    /// Gives the call a body, or the reason why there is none.
    pub(super) fn json(mut self, json: Result<Vec<u8>, serde_json::Error>, item: &str) -> Self {
        match json {
            Ok(json) => self.body(json, item),
            Err(error) => self.findings.push(Finding::new(item, crate::finding::Rule::NotAnObject, error.to_string())),
        }
        self
    }

    pub(super) fn body(&mut self, json: impl Into<Bytes>, item: &str) {
        let json = json.into();
        self.findings.extend(preflight::request_size(json.len(), item));
        self.set_body(json);
    }

    /// Takes the body out, to be changed and set again.
    pub(super) fn take_body(&mut self) -> Buffer {
        self.json.take().map(Buffer::from).unwrap_or_default()
    }

    pub(super) fn set_body(&mut self, json: impl Into<Bytes>) {
        self.json = Some(json.into());
    }

    pub(crate) fn body_length(&self) -> usize {
        self.json.as_ref().map_or(0, Bytes::len)
    }

    pub(crate) fn found(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Sets a query parameter, in place of an earlier value.
    pub(super) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
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

    pub(super) fn ordering_id(&mut self, id: OrderingId) {
        self.set(query::ORDERING_ID, id);
    }

    /// The service counts the delay in minutes; a part of one is rounded up.
    pub(super) fn queue_delay(&mut self, delay: Duration) {
        const MINUTE: u128 = 60_000_000_000;
        self.set(query::QUEUE_DELAY, delay.as_nanos().div_ceil(MINUTE));
    }

    /// Refuses what sending it would refuse, for calls that have much to do before.
    pub(crate) fn check(&self) -> Result<(), Error> {
        refuse(&self.kernel, self.operation, self.findings.clone()).map(drop)
    }

    pub(super) async fn send(self) -> Result<(Answer, Vec<Finding>), Error> {
        let Self { kernel, operation, params, query, json, findings, settings } = self;
        let warnings = judge(&kernel, operation, findings)?;
        let Shared { base_url, organization_id, .. } = &*kernel.shared;
        let template = RequestTemplate::api(operation, base_url, organization_id, &params, &query, json)?;
        let answer = kernel.send(&template, &settings).await?;
        Ok((answer, warnings))
    }

    pub(crate) async fn accepted(self) -> Result<Accepted, Error> {
        let (answer, warnings) = self.send().await?;
        Ok(Accepted::new(&answer, warnings))
    }
}

/// Refuses what the client's switch refuses, and gives back the warnings that are left.
pub(super) fn judge(kernel: &Kernel, operation: Operation, findings: Vec<Finding>) -> Result<Vec<Finding>, Error> {
    let warnings = refuse(kernel, operation, findings)?;
    for warning in &warnings {
        trace::found(operation, warning);
    }
    Ok(warnings)
}

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

/// Gives a request builder the setters that all have, and `.await`.
///
/// The builder holds its [`CallSettings`] at the path that is named, and has an `async fn send`.
macro_rules! call {
    ($name:ident($($settings:ident).+) -> $output:ty) => {
        impl $name {
            /// How long **one attempt** may take, instead of what the client has set. How long the call
            /// may take with all its attempts is a matter of [`retry`](Self::retry).
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.$($settings).+.timeout = Some(timeout);
                self
            }

            /// How often and for how long to try, instead of what the client has set.
            pub fn retry(mut self, policy: crate::RetryPolicy) -> Self {
                self.$($settings).+.retry = Some(policy);
                self
            }
        }

        impl IntoFuture for $name {
            type Output = Result<$output, crate::Error>;
            type IntoFuture = crate::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

pub(crate) use call;
