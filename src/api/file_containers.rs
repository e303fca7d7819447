use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::call::{ApiRequest, query, request_builder};
use crate::error::{Error, InvalidError};
use crate::kernel::body::Body;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::{PathParams, RequestTemplate};
use crate::kernel::shared::Kernel;
use crate::model::FileContainer;
use crate::operation::Operation;
use crate::preflight;

/// The file containers of the organization, which carry batches and large data:
/// [`PushClient::file_containers`](crate::PushClient::file_containers).
#[derive(Debug, Clone)]
pub struct FileContainers {
    kernel: Kernel,
}

impl FileContainers {
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel }
    }

    /// Creates a file container ([article 43](https://docs.coveo.com/en/43/)). It can be filled for
    /// about an hour, and goes away by itself. [`store`](Self::store) does this and the upload.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient, batch: String) -> Result<(), coveo_push::Error> {
    /// let containers = client.file_containers();
    /// let container = containers.create().await?;
    /// containers.upload(&container, batch).await?;
    /// client.items("my-source").push_container(container.file_id()).await?;
    /// # Ok(()) }
    /// ```
    pub fn create(&self) -> CreateFileContainer {
        let request = ApiRequest::new(&self.kernel, Operation::CreateFileContainer, PathParams::organization());
        CreateFileContainer { request: request.with(query::USE_VIRTUAL_HOSTED_STYLE_URL, true) }
    }

    /// Uploads bytes into a file container ([article 43](https://docs.coveo.com/en/43/)), up to
    /// 256 MB. For an item's data these are the bytes themselves, compressed or not, and not base64
    /// ([article 69](https://docs.coveo.com/en/69/)).
    ///
    /// It goes to the storage behind the service, with the headers that the container asks for and
    /// without the API key.
    ///
    /// # Errors
    ///
    /// [`Error::Upload`] when the storage refuses it. Where
    /// [`needs_fresh_container`](crate::UploadError::needs_fresh_container) says so, the container
    /// has expired; [`store`](Self::store) takes a fresh one by itself.
    pub fn upload(&self, container: &FileContainer, body: impl Into<Body>) -> UploadToContainer {
        UploadToContainer {
            kernel: self.kernel.clone(),
            container: container.clone(),
            body: body.into(),
            settings: CallSettings::default(),
        }
    }

    /// Creates a file container and uploads bytes into it; when the storage says that it has
    /// expired, once more into a fresh one. It returns the container that holds
    /// the bytes.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient, pdf: Vec<u8>) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{CompressionType, DocumentBody};
    ///
    /// let container = client.file_containers().store(pdf).await?;
    /// let doc = DocumentBody::container(container.file_id(), CompressionType::Uncompressed)
    ///     .file_extension(".pdf");
    /// client.items("my-source").add_or_update("https://example.com/a.pdf", &doc).await?;
    /// # Ok(()) }
    /// ```
    pub fn store(&self, body: impl Into<Body>) -> StoreBytes {
        StoreBytes { kernel: self.kernel.clone(), body: body.into(), settings: CallSettings::default() }
    }
}

request_builder! {
    /// Creates a file container: [`FileContainers::create`].
    CreateFileContainer -> FileContainer { request: ApiRequest }
    settings: request.settings; call_settings: request;
}

impl CreateFileContainer {
    /// Whether the upload URI names the storage's bucket in its host, and not in its path. Default:
    /// yes, which the service recommends.
    pub fn use_virtual_hosted_style_url(mut self, virtual_hosted: bool) -> Self {
        self.request.set(query::USE_VIRTUAL_HOSTED_STYLE_URL, virtual_hosted);
        self
    }

    async fn send(self) -> Result<FileContainer, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Uploads bytes into a file container: [`FileContainers::upload`].
    UploadToContainer -> () { kernel: Kernel, container: FileContainer, body: Body, settings: CallSettings }
    settings: settings;
}

impl UploadToContainer {
    async fn send(self) -> Result<(), Error> {
        upload(&self.kernel, &self.container, self.body, &self.settings).await
    }
}

request_builder! {
    /// Creates a file container and fills it: [`FileContainers::store`].
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of the two steps. A timeout
    /// that is set limits the whole upload instead of the time without progress.
    StoreBytes -> FileContainer { kernel: Kernel, body: Body, settings: CallSettings }
    settings: settings;
}

impl StoreBytes {
    async fn send(self) -> Result<FileContainer, Error> {
        store(&self.kernel, self.body, &self.settings).await.map(|stored| stored.container)
    }
}

/// A container, and when it was created.
pub(crate) struct DatedContainer {
    pub(crate) container: FileContainer,
    pub(crate) created: Instant,
}

impl DatedContainer {
    /// Containers last about an hour. One of this age is not pushed any more.
    const LONGEST: Duration = Duration::from_secs(55 * 60);
    /// How often a batch is uploaded anew because its container would have been pushed too late.
    pub(crate) const MOST_REFILLS: u32 = 3;

    /// One that was created just now.
    pub(crate) fn new(container: FileContainer) -> Self {
        Self { container, created: Instant::now() }
    }

    /// Until when it may be pushed.
    pub(crate) fn latest_push(&self) -> Instant {
        self.created + Self::LONGEST
    }
}

pub(crate) async fn create(kernel: &Kernel, settings: &CallSettings) -> Result<DatedContainer, Error> {
    creation(kernel, settings).send().await.map(DatedContainer::new)
}

/// Creates a container only for the `Date` of the response; it expires unused.
pub(crate) async fn server_time(kernel: &Kernel, settings: &CallSettings) -> Result<Option<SystemTime>, Error> {
    let (success, _) = creation(kernel, settings).request.send().await?;
    Ok(success.server_time)
}

fn creation(kernel: &Kernel, settings: &CallSettings) -> CreateFileContainer {
    FileContainers::new(kernel.clone()).create().call_settings(settings)
}

pub(crate) async fn upload(
    kernel: &Kernel,
    container: &FileContainer,
    body: Body,
    settings: &CallSettings,
) -> Result<(), Error> {
    check_size(&body, container.file_id())?;
    let template = RequestTemplate::upload(container, body, &kernel.shared.urls.push)?;
    kernel.send(&template, settings).await.map(|_| ())
}

/// Creates a container and fills it.
pub(crate) async fn store(kernel: &Kernel, body: Body, settings: &CallSettings) -> Result<DatedContainer, Error> {
    check_size(&body, "file container")?;
    let container = create(kernel, settings).await?;
    fill(kernel, container, body, settings, create(kernel, settings)).await
}

/// Fills a container, or the `fresh` one in its place where it has expired.
pub(crate) async fn fill(
    kernel: &Kernel,
    container: DatedContainer,
    body: Body,
    settings: &CallSettings,
    fresh: impl Future<Output = Result<DatedContainer, Error>>,
) -> Result<DatedContainer, Error> {
    match upload(kernel, &container.container, body.clone(), settings).await {
        Ok(()) => Ok(container),
        Err(Error::Upload(error)) if error.needs_fresh_container() && may_try_again(kernel, settings) => {
            let fresh = fresh.await?;
            upload(kernel, &fresh.container, body, settings).await.map(|()| fresh)
        }
        Err(error) => Err(error),
    }
}

fn may_try_again(kernel: &Kernel, settings: &CallSettings) -> bool {
    !settings.retry.unwrap_or(kernel.shared.retry).is_none()
}

fn check_size(body: &Body, item: &str) -> Result<(), Error> {
    match preflight::container_size(body.len(), item) {
        None => Ok(()),
        Some(finding) => Err(InvalidError::new(Some(Operation::UploadToContainer), vec![finding]).into()),
    }
}
