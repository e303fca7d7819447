use super::call::{ApiRequest, query, request_builder};
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::SourceStatus;
use crate::operation::Operation;

/// The sources of the organization: [`PushClient::sources`](crate::PushClient::sources).
///
/// The Push API sets the status of a source, and nothing else. Sources are created in the administration
/// console.
#[derive(Debug, Clone)]
pub struct Sources {
    kernel: Kernel,
}

impl Sources {
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel }
    }

    /// Sets the activity of a source ([article 35](https://docs.coveo.com/en/35/)). The activity log shows
    /// it, and usage is counted by it.
    ///
    /// A source keeps its status until another is set, so set it to [`Idle`](SourceStatus::Idle) whether
    /// the work before succeeded or not. A [refresh](super::Items::refresh) does this by itself.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::SourceStatus;
    ///
    /// let sources = client.sources();
    /// sources.set_status("my-source", SourceStatus::Incremental).await?;
    /// let work = async { /* … push … */ Ok::<(), coveo_push::Error>(()) }.await;
    /// sources.set_status("my-source", SourceStatus::Idle).await?;
    /// work
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`](crate::Error::PreconditionFailed) when there is no such source.
    pub fn set_status(&self, source_id: impl Into<String>, status: SourceStatus) -> SetSourceStatus {
        let params = PathParams::source(source_id.into());
        let request = ApiRequest::new(&self.kernel, Operation::SetSourceStatus, params);
        SetSourceStatus { request: request.with(query::STATUS_TYPE, status) }
    }
}

request_builder! {
    /// Sets the activity of a source: [`Sources::set_status`].
    SetSourceStatus with call_settings
}
