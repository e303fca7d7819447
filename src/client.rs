//! The client and its builder.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::api::{Catalog, FileContainers, Identities, Items, Logs, Platform, Sources};
use crate::credentials::{ApiKey, Credentials};
use crate::error::{ConfigError, Error};
use crate::finding::Preflight;
use crate::kernel::host::Hosts;
use crate::kernel::rate_limit::RateLimit;
use crate::kernel::reqwest_transport::{HAS_TLS, ReqwestTransport, reqwest::ClientBuilder};
use crate::kernel::retry::{Budget, RetryPolicy};
use crate::kernel::shared::{Kernel, LocalNow, Random, Shared, Timeouts};
use crate::kernel::stats::ClientStats;
use crate::kernel::transport::Transport;
use crate::outcome;
use crate::refresh::{JoinBuilder, RefreshTarget, RefreshTicket};
use crate::region::{BaseUrl, BaseUrls, PushApiUrl, Region};

/// The variables that [`PushClient::builder_from_env`] reads.
const API_KEY: &str = "COVEO_API_KEY";
const ORGANIZATION_ID: &str = "COVEO_ORGANIZATION_ID";
const REGION: &str = "COVEO_REGION";
const BASE_URL: &str = "COVEO_BASE_URL";

/// A client of the Push API for one organization.
///
/// It is cheap to clone. All clones and handles share one connection pool, one throttle and one retry
/// budget. Creating a client does no I/O.
///
/// ```
/// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
/// use coveo_push::{ApiKey, PushClient, Region};
///
/// let client = PushClient::builder("my-org", ApiKey::new("key")).region(Region::Europe).build()?;
/// let items = client.items("my-source");
/// # let _ = items; }
/// # Ok::<(), coveo_push::Error>(())
/// ```
#[derive(Clone)]
pub struct PushClient {
    kernel: Kernel,
}

impl PushClient {
    /// A client for an organization, with an [`ApiKey`] or other [`Credentials`]. The administration console
    /// creates a key together with a source.
    pub fn builder(organization_id: impl Into<String>, credentials: impl Into<Credentials>) -> PushClientBuilder {
        PushClientBuilder::new(trimmed(organization_id), credentials.into())
    }

    /// A client for the host and the organization of a "Push API URL" as the administration console
    /// shows it.
    pub fn builder_for(url: &PushApiUrl, credentials: impl Into<Credentials>) -> PushClientBuilder {
        Self::builder(url.organization_id(), credentials).base_url(url.base_url())
    }

    /// A client from the environment: see [`builder_from_env`](Self::builder_from_env).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when a variable is missing or invalid.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder_from_env()?.build()
    }

    /// A builder with the settings of the environment: `COVEO_API_KEY`, `COVEO_ORGANIZATION_ID`, and `COVEO_REGION`
    /// (`us`, `ca`, `eu`, `au`, `hipaa`) or `COVEO_BASE_URL`. Without the last two the region is US East. Nothing
    /// else in this crate reads the environment, except for the location of temporary files.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the key or the organization is not set, the region is unknown, or both a
    /// region and a base URL are set.
    pub fn builder_from_env() -> Result<PushClientBuilder, Error> {
        PushClientBuilder::from_variables(|name| match env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(ConfigError::new(format!("{name} is not Unicode text")).into()),
        })
    }

    /// The same client with other credentials, such as the key of another source. It shares the
    /// connection pool, the throttle and the retry budget with this one.
    ///
    /// ```
    /// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
    /// use coveo_push::{ApiKey, PushClient};
    ///
    /// let wiki = PushClient::builder("my-org", ApiKey::new("key of the wiki's source")).build()?;
    /// let shop = wiki.with_credentials(ApiKey::new("key of the shop's source"));
    /// # let _ = shop; }
    /// # Ok::<(), coveo_push::Error>(())
    /// ```
    #[must_use]
    pub fn with_credentials(&self, credentials: impl Into<Credentials>) -> Self {
        let shared = Arc::clone(&self.kernel.shared);
        Self { kernel: Kernel { shared, credentials: credentials.into() } }
    }

    /// What this client and its clones did so far, by host: calls, retries, failures, and the time that calls were held
    /// back. Clients that differ by their [credentials](Self::with_credentials) alone count together.
    ///
    /// ```
    /// # fn example(client: coveo_push::PushClient) {
    /// for (host, stats) in client.stats().hosts() {
    ///     println!("{host}: {} calls, {} retries, {} failures", stats.calls, stats.retries, stats.failures);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        self.kernel.shared.hosts.stats()
    }

    /// The organization.
    #[must_use]
    pub fn organization_id(&self) -> &str {
        &self.kernel.shared.organization_id
    }

    /// The sources of the organization.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources::new(self.kernel.clone())
    }

    /// The items of a source.
    #[must_use]
    pub fn items(&self, source_id: impl Into<String>) -> Items {
        Items::new(self.kernel.clone(), trimmed(source_id).into())
    }

    /// The items of a catalog source, by the Stream API. Sources of Coveo for Commerce are of this kind, and so is
    /// every source that is created with `streamEnabled`.
    #[must_use]
    pub fn catalog(&self, source_id: impl Into<String>) -> Catalog {
        Catalog::of_source(self.kernel.clone(), source_id.into())
    }

    /// The items of a data collection, by the Stream API. The service's documentation calls data collections
    /// "actively evolving", and they have not been tried with this crate.
    #[must_use]
    pub fn data_collection(&self, id: impl Into<String>) -> Catalog {
        Catalog::of_collection(self.kernel.clone(), id.into())
    }

    /// The security identities of a provider. Give its id as the console shows it, not encoded. It may
    /// contain spaces, as in `My Security Identity Provider`.
    #[must_use]
    pub fn identities(&self, provider_id: impl Into<String>) -> Identities {
        Identities::new(self.kernel.clone(), trimmed(provider_id).into())
    }

    /// The organization itself, by the platform API: its sources, providers and fields, its limits and its status.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::new(self.kernel.clone())
    }

    /// The logs of the indexing pipeline, which tell the outcome of accepted items.
    #[must_use]
    pub fn logs(&self) -> Logs {
        Logs::new(self.kernel.clone())
    }

    /// Joins a refresh that another machine started, as the worker with this index: from 0 to one less than the ticket's
    /// [workers](RefreshTicket::workers). Each worker pushes a part of the items, and no other worker the same part.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient, json: String) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, Items, Permissions, RefreshTicket};
    ///
    /// let ticket: RefreshTicket<Items> = serde_json::from_str(&json)?;
    /// let worker = client.join(&ticket, 2).pusher(|pusher| pusher.concurrency(8)).start()?;
    /// let doc = DocumentBody::text("words").permissions(Permissions::public());
    /// worker.add_or_update("https://example.com/a", &doc).await?;
    /// let report = worker.finish().await;
    /// println!("{}", serde_json::to_string(&report)?);
    /// # Ok(()) }
    /// ```
    pub fn join<T: RefreshTarget>(&self, ticket: &RefreshTicket<T>, index: u32) -> JoinBuilder<T> {
        JoinBuilder::new(self.kernel.clone(), ticket, index)
    }

    /// The file containers of the organization.
    #[must_use]
    pub fn file_containers(&self) -> FileContainers {
        FileContainers::new(self.kernel.clone())
    }
}

/// Without the white space around it, such as the line end of the file that an id was read from.
fn trimmed(id: impl Into<String>) -> String {
    id.into().trim().to_owned()
}

impl outcome::ask::sealed::Sealed for PushClient {
    type Request = <Logs as outcome::ask::sealed::Sealed>::Request;

    fn outcomes_of(&self, run: outcome::asked::AskedRun<'_>) -> Self::Request {
        self.logs().outcomes_of(run)
    }
}

impl outcome::AsksOutcomes for PushClient {}

impl fmt::Debug for PushClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kernel.fmt(f)
    }
}

/// Builds a [`PushClient`]: [`PushClient::builder`].
///
/// | | default |
/// |---|---|
/// | [`region`](Self::region), [`base_url`](Self::base_url) | US East |
/// | [`logs_url`](Self::logs_url), [`platform_url`](Self::platform_url) | as the region or the base URL implies |
/// | [`retry`](Self::retry) | 12 attempts within 2 minutes |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s |
/// | [`call_timeout`](Self::call_timeout) | 30 s an attempt |
/// | [`upload_timeout`](Self::upload_timeout) | 30 s without progress |
/// | [`logs_timeout`](Self::logs_timeout) | 90 s an attempt |
/// | [`logs_calls`](Self::logs_calls) | one request of the logs in 30 s |
/// | [`preflight`](Self::preflight) | refuse data that the service would drop |
///
/// ```
/// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
/// use std::time::Duration;
/// use coveo_push::{ApiKey, Preflight, PushClient, Region, RetryPolicy};
///
/// let client = PushClient::builder("my-org", ApiKey::new("key"))
///     .region(Region::Canada)
///     .user_agent("my-connector/1.2")
///     .retry(RetryPolicy::default().max_attempts(10).deadline(Duration::from_secs(600)))
///     .call_timeout(Duration::from_secs(10))
///     .preflight(Preflight::Warn)
///     .build()?;
/// # let _ = client; }
/// # Ok::<(), coveo_push::Error>(())
/// ```
pub struct PushClientBuilder {
    organization_id: String,
    credentials: Credentials,
    base_url: String,
    logs_url: Option<String>,
    platform_url: Option<String>,
    allow_plain_http: bool,
    user_agent: Option<String>,
    connect_timeout: Option<Duration>,
    timeouts: Timeouts,
    retry: RetryPolicy,
    preflight: Preflight,
    /// How many calls of the Stream API runs make, and in what interval.
    stream_api_calls: (u32, Duration),
    /// How many calls of the logs are made, and in what interval.
    logs_calls: (u32, Duration),
    http_client: Option<ClientBuilder>,
    transport: Option<Arc<dyn Transport>>,
    random: Random,
    /// The local clock, which a test can pause.
    pub(crate) local_now: LocalNow,
}

impl PushClientBuilder {
    fn new(organization_id: String, credentials: Credentials) -> Self {
        Self {
            organization_id,
            credentials,
            base_url: Region::default().base_url().to_owned(),
            logs_url: None,
            platform_url: None,
            allow_plain_http: false,
            user_agent: None,
            connect_timeout: None,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            preflight: Preflight::default(),
            stream_api_calls: (250, Duration::from_secs(5 * 60)),
            logs_calls: (1, Duration::from_secs(30)),
            http_client: None,
            transport: None,
            random: Arc::new(fastrand::f64),
            local_now: Arc::new(SystemTime::now),
        }
    }

    fn from_variables(read: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let given = |name: &str| {
            let value = read(name)?.map(|value| value.trim().to_owned());
            Ok::<_, Error>(value.filter(|value| !value.is_empty()))
        };
        // Taken as it is, so that no copy of it stays in memory.
        let key = read(API_KEY)?.map(ApiKey::new).filter(|key| !key.expose().is_empty());
        let (key, organization_id) = match (key, given(ORGANIZATION_ID)?) {
            (Some(key), Some(organization_id)) => (key, organization_id),
            (key, organization_id) => {
                let missing = [(API_KEY, key.is_none()), (ORGANIZATION_ID, organization_id.is_none())];
                let missing: Vec<&str> =
                    missing.iter().filter(|(_, is_missing)| *is_missing).map(|(n, _)| *n).collect();
                return Err(ConfigError::new(format!("not set in the environment: {}", missing.join(", "))).into());
            }
        };
        let builder = PushClient::builder(organization_id, key);
        match (given(REGION)?, given(BASE_URL)?) {
            (Some(_), Some(_)) => {
                Err(ConfigError::new(format!("{REGION} and {BASE_URL} are both set; set one of them")).into())
            }
            (Some(region), None) => Ok(builder.region(region.parse()?)),
            (None, Some(base_url)) => Ok(builder.base_url(base_url)),
            (None, None) => Ok(builder),
        }
    }

    /// Sets the region of the organization. It replaces an earlier region or base URL. Default: US East.
    #[must_use]
    pub fn region(self, region: Region) -> Self {
        self.base_url(region.base_url())
    }

    /// Sets the base URL: everything before `/organizations`, such as
    /// `https://api.cloud.coveo.com/push/v1`. It replaces an earlier region or base URL. A slash at the end
    /// makes no difference.
    ///
    /// It implies where the logs and the platform API are: at the hosts of a region, or, for any other URL that ends
    /// with `/push/v1`, at `/logs/v1` and `/rest` in its place. Set [`logs_url`](Self::logs_url) and
    /// [`platform_url`](Self::platform_url) if they are elsewhere. The API key is sent to these three only.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the base URL of the logs: everything before `/organizations`, such as
    /// `https://api.cloud.coveo.com/logs/v1`. Default: as the region or the [base URL](Self::base_url) implies. Without
    /// either, requests of the logs fail with [`Error::Config`].
    #[must_use]
    pub fn logs_url(mut self, url: impl Into<String>) -> Self {
        self.logs_url = Some(url.into());
        self
    }

    /// Sets the base URL of the platform API: everything before `/organizations`, such as
    /// `https://platform.cloud.coveo.com/rest`. Default: as the region or the [base URL](Self::base_url) implies.
    /// Without either, requests of the platform API fail with [`Error::Config`].
    #[must_use]
    pub fn platform_url(mut self, url: impl Into<String>) -> Self {
        self.platform_url = Some(url.into());
        self
    }

    /// Allows plain http for other hosts than this machine. Anybody on the network can then read the API
    /// key. Default: no.
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Sets the name of your program in the User-Agent, such as `my-connector/1.2`. The name of this crate
    /// follows it. Default: this crate only.
    #[must_use]
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Limits the time to connect. Default: 10 s; with [`http_client`](Self::http_client) the setting of that
    /// builder. With [`transport`](Self::transport), which connects by itself, this is an error.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Limits the duration of **one attempt** of a call, except for uploads and the logs. Default: 30 s.
    ///
    /// The duration of the whole call, with all its attempts, is limited by [`retry`](Self::retry).
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.control = timeout;
        self
    }

    /// Limits how long an upload may be **without progress**. Default: 30 s.
    ///
    /// Each 64 KiB that the transport takes is progress. Once it has taken all, the response may take as long
    /// as that took, if this is longer. A transport that takes the body whole has this time and that of its
    /// bytes at 32 KiB/s. `.timeout(..)` on an upload limits the whole attempt instead.
    ///
    /// A success that comes before all was taken is a broken upload, and retried. Below about half a megabyte
    /// nobody can tell, because the system takes that much at once.
    #[must_use]
    pub fn upload_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.upload = timeout;
        self
    }

    /// Sets how often and for how long calls are tried. Default: [`RetryPolicy::default`].
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how many calls of the Stream API all runs into catalogs make together in any interval of that length.
    /// Default: 250 in five minutes, the service's limit for production organizations; for others it is 150. It does
    /// not apply to single calls, nor to a run that has a [limit of its own](crate::PusherBuilder::max_api_calls).
    #[must_use]
    pub fn stream_api_calls(mut self, calls: u32, interval: Duration) -> Self {
        self.stream_api_calls = (calls, interval);
        self
    }

    /// Limits the duration of **one attempt** of a request of the logs, which can take a minute. Default: 90 s.
    #[must_use]
    pub fn logs_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.logs = timeout;
        self
    }

    /// Sets how many requests of the logs all clones of this client make together in any interval of that length.
    /// Default: one in 30 s, because the service asks not to send them at a high frequency
    /// ([article 59](https://docs.coveo.com/en/59/)).
    #[must_use]
    pub fn logs_calls(mut self, calls: u32, interval: Duration) -> Self {
        self.logs_calls = (calls, interval);
        self
    }

    /// Sets what to do about data that the service would accept and then drop. Default:
    /// [`Preflight::Refuse`].
    #[must_use]
    pub fn preflight(mut self, preflight: Preflight) -> Self {
        self.preflight = preflight;
        self
    }

    /// Sets the builder of the HTTP client, for proxies, certificates and pools. The crate sets three things
    /// on it last: no redirects, no Referer, no retries but its own.
    ///
    /// Its default headers are sent to the storage as well: give it no secret ones. A builder without
    /// `no_proxy()` honours `HTTP_PROXY`: that proxy sees the key and the presigned URLs of a plain http base.
    /// Without a builder, the proxies of the environment are used for https only.
    ///
    /// ```
    /// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
    /// use coveo_push::{ApiKey, PushClient, reqwest};
    ///
    /// let http = reqwest::Client::builder().proxy(reqwest::Proxy::all("http://proxy.example.com:3128")?);
    /// let client = PushClient::builder("my-org", ApiKey::new("key")).http_client(http).build()?;
    /// # let _ = client; }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn http_client(mut self, builder: ClientBuilder) -> Self {
        self.http_client = Some(builder);
        self
    }

    /// Sets what sends the requests, in place of reqwest: an existing HTTP client, or the fake service.
    /// [`Transport`] lists the guarantees that depend on it.
    ///
    /// It excludes [`http_client`](Self::http_client) and [`connect_timeout`](Self::connect_timeout), which
    /// are settings of reqwest. To wrap reqwest, build a [`ReqwestTransport`] with them.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets the source of the jitter of waits: numbers in `0.0..1.0`. For tests that measure time: with
    /// `|| 1.0` each wait has its longest duration.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Creates the client. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when a setting is wrong: an unusable base URL, plain http, an empty key or
    /// organization, no TLS for https, a transport together with settings for reqwest, or, with the feature
    /// `rustls-no-provider` as the only TLS, no crypto provider that the program has installed as its default.
    pub fn build(self) -> Result<PushClient, Error> {
        let (logs, platform) = (self.logs_url.as_deref(), self.platform_url.as_deref());
        let urls = BaseUrls::parse(&self.base_url, logs, platform, self.allow_plain_http)?;
        if let Some(key) = self.credentials.key() {
            key.authorization().map_err(|error| ConfigError::new(error.to_string()))?;
        }
        if self.organization_id.is_empty() {
            return Err(ConfigError::new("the organization id is empty").into());
        }
        let transport = match self.transport {
            Some(_) if self.http_client.is_some() || self.connect_timeout.is_some() => {
                return Err(ConfigError::new(
                    "a transport of your own connects by itself: leave out `http_client` and `connect_timeout`, or \
                     give them to a `ReqwestTransport` to wrap",
                )
                .into());
            }
            Some(transport) => transport,
            None if urls.all().any(BaseUrl::is_https) && !HAS_TLS => {
                return Err(ConfigError::new(
                    "an https base URL needs TLS: turn on the feature `rustls`, `rustls-no-provider` or `native-tls`, or \
                     give a transport",
                )
                .into());
            }
            None => Arc::new(ReqwestTransport::of_client(self.http_client, self.connect_timeout)?),
        };
        let shared = Shared {
            transport,
            urls,
            organization_id: self.organization_id.into(),
            user_agent: user_agent(self.user_agent.as_deref())?,
            timeouts: self.timeouts,
            retry: self.retry,
            preflight: self.preflight,
            hosts: Hosts::default(),
            runs: AtomicU64::default(),
            budget: Budget::new(),
            logs_limit: Arc::new(RateLimit::new(self.logs_calls.0, self.logs_calls.1)),
            stream_limit: Arc::new(RateLimit::new(self.stream_api_calls.0, self.stream_api_calls.1)),
            random: self.random,
            local_now: self.local_now,
        };
        Ok(PushClient { kernel: Kernel { shared: Arc::new(shared), credentials: self.credentials } })
    }
}

fn user_agent(product: Option<&str>) -> Result<HeaderValue, Error> {
    const OURS: &str = concat!("coveo-push/", env!("CARGO_PKG_VERSION"));
    match product.map(str::trim).filter(|product| !product.is_empty()) {
        None => Ok(HeaderValue::from_static(OURS)),
        Some(product) => HeaderValue::try_from(format!("{product} {OURS}"))
            .map_err(|error| ConfigError::with_source("the user agent is not valid in a header", error).into()),
    }
}

impl fmt::Debug for PushClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushClientBuilder")
            .field("organization_id", &self.organization_id)
            .field("credentials", &self.credentials)
            .field("base_url", &self.base_url)
            .field("logs_url", &self.logs_url)
            .field("platform_url", &self.platform_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The builder from an environment with only these variables.
    fn from(variables: &[(&str, &str)]) -> Result<PushClientBuilder, String> {
        let read = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        };
        PushClientBuilder::from_variables(read).map_err(|error| error.to_string())
    }

    fn key(builder: &PushClientBuilder) -> Option<&str> {
        builder.credentials.key().map(ApiKey::expose)
    }

    const BOTH: [(&str, &str); 2] = [(API_KEY, "xx-key"), (ORGANIZATION_ID, "my-org")];

    fn and<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        BOTH.iter().chain(more).copied().collect()
    }

    #[test]
    fn a_key_and_an_organization_are_enough_and_mean_us_east() {
        let builder = from(&BOTH).unwrap();
        assert_eq!(builder.organization_id, "my-org");
        assert_eq!(key(&builder), Some("xx-key"));
        assert_eq!(builder.base_url, Region::UsEast.base_url());
    }

    #[test]
    fn all_variables_that_are_missing_or_blank_are_named() {
        for (given, missing) in [
            (vec![(ORGANIZATION_ID, "o")], "COVEO_API_KEY"),
            (vec![(API_KEY, "k"), (ORGANIZATION_ID, "")], "COVEO_ORGANIZATION_ID"),
            (vec![(API_KEY, " \n")], "COVEO_API_KEY, COVEO_ORGANIZATION_ID"),
        ] {
            assert_eq!(from(&given).unwrap_err(), format!("configuration: not set in the environment: {missing}"));
        }
        let builder = from(&and(&[(REGION, ""), (BASE_URL, "  ")])).unwrap();
        assert_eq!(builder.base_url, Region::UsEast.base_url());
    }

    #[test]
    fn white_space_around_a_value_is_left_out() {
        let builder = from(&[(API_KEY, " k\n"), (ORGANIZATION_ID, "\to "), (REGION, " EU ")]).unwrap();
        assert_eq!((key(&builder), builder.organization_id.as_str()), (Some("k"), "o"));
        assert_eq!(builder.base_url, Region::Europe.base_url());
    }

    #[test]
    fn every_region_has_its_word() {
        let words = [
            ("us", Region::UsEast),
            ("ca", Region::Canada),
            ("eu", Region::Europe),
            ("au", Region::Australia),
            ("hipaa", Region::Hipaa),
        ];
        for (word, region) in words {
            assert_eq!(from(&and(&[(REGION, word)])).unwrap().base_url, region.base_url());
        }
    }

    #[test]
    fn a_base_url_is_taken_in_place_of_a_region() {
        let builder = from(&and(&[(BASE_URL, "http://127.0.0.1:8080/push/v1")])).unwrap();
        assert_eq!(builder.base_url, "http://127.0.0.1:8080/push/v1");
    }

    #[test]
    fn a_region_and_a_base_url_together_are_refused() {
        let error = from(&and(&[(REGION, "eu"), (BASE_URL, "https://example.com")])).unwrap_err();
        assert!(error.contains("COVEO_REGION and COVEO_BASE_URL are both set"), "{error}");
    }

    #[test]
    fn a_region_that_is_none_is_refused() {
        assert!(from(&and(&[(REGION, "mars")])).unwrap_err().contains("unknown region `mars`"));
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_an_error() {
        let read = |_: &str| Err(ConfigError::new("not Unicode").into());
        assert!(matches!(PushClientBuilder::from_variables(read), Err(Error::Config(_))));
    }

    #[test]
    fn a_key_or_an_organization_that_is_none_is_refused() {
        for key in ["", " ", "a\nb", "a\u{7f}b"] {
            let error = PushClient::builder("o", ApiKey::new(key)).build().unwrap_err();
            assert!(matches!(error, Error::Config(_)) && error.to_string().contains("the API key"), "{error}");
        }
        for (key, wrong) in [
            ("\"k\"", "has quotes around it"),
            ("'k'", "has quotes around it"),
            ("\u{feff}k", "begins with a byte order mark"),
            ("Bearer k", "begins with `Bearer `"),
            ("bearer k", "begins with `Bearer `"),
        ] {
            let error = PushClient::builder("o", ApiKey::new(key)).build().unwrap_err();
            assert!(error.to_string().contains(wrong), "{error}");
        }
        let error = PushClient::builder(" ", ApiKey::new("k")).build().unwrap_err();
        assert!(error.to_string().contains("organization"), "{error}");
    }

    #[test]
    fn a_user_agent_that_no_header_can_hold_is_refused_and_a_blank_one_is_none() {
        let builder = || PushClient::builder("o", ApiKey::new("k")).base_url("http://127.0.0.1:1");
        assert!(matches!(builder().user_agent("a\nb").build(), Err(Error::Config(_))));
        assert_eq!(user_agent(Some(" ")).unwrap(), user_agent(None).unwrap());
        assert_eq!(user_agent(Some("c/1")).unwrap(), concat!("c/1 coveo-push/", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn a_transport_beside_settings_that_it_would_not_heed_is_refused() {
        let builder = || {
            let transport = ReqwestTransport::new(ClientBuilder::new()).unwrap();
            PushClient::builder("o", ApiKey::new("k")).base_url("http://127.0.0.1:1").transport(transport)
        };
        assert!(builder().build().is_ok());
        for wrong in [builder().connect_timeout(Duration::from_secs(1)), builder().http_client(ClientBuilder::new())] {
            let error = wrong.build().unwrap_err();
            assert!(matches!(error, Error::Config(_)) && error.to_string().contains("connect_timeout"), "{error}");
        }
    }

    #[test]
    fn the_last_of_region_and_base_url_counts() {
        let builder = || PushClient::builder("o", ApiKey::new("k"));
        assert_eq!(builder().region(Region::Canada).base_url("https://a").base_url, "https://a");
        assert_eq!(builder().base_url("https://a").region(Region::Canada).base_url, Region::Canada.base_url());
    }

    #[test]
    fn a_client_and_its_handles_can_go_anywhere() {
        fn is_free<T: Clone + Send + Sync + fmt::Debug + 'static>() {}

        is_free::<PushClient>();
        is_free::<Items>();
        is_free::<Identities>();
        is_free::<Sources>();
        is_free::<FileContainers>();
    }
}
