//! Where the Push API is: regions, base URLs, and the URL that the administration console shows.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{ConfigError, Error};

/// The regions in which the service runs ([article 2976](https://docs.coveo.com/en/2976/)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// `api.cloud.coveo.com`, the default.
    #[default]
    UsEast,
    /// `api-ca.cloud.coveo.com`
    Canada,
    /// `api-eu.cloud.coveo.com`, in Ireland.
    Europe,
    /// `api-au.cloud.coveo.com`
    Australia,
    /// `apihipaa.cloud.coveo.com`: one host, whatever the region.
    Hipaa,
}

impl Region {
    /// The Push API's base URL there, everything before `/organizations`.
    #[must_use]
    pub fn base_url(self) -> &'static str {
        match self {
            Self::UsEast => "https://api.cloud.coveo.com/push/v1",
            Self::Canada => "https://api-ca.cloud.coveo.com/push/v1",
            Self::Europe => "https://api-eu.cloud.coveo.com/push/v1",
            Self::Australia => "https://api-au.cloud.coveo.com/push/v1",
            Self::Hipaa => "https://apihipaa.cloud.coveo.com/push/v1",
        }
    }
}

/// Reads the words that `COVEO_REGION` takes: `us`, `ca`, `eu`, `au`, `hipaa`.
impl FromStr for Region {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        match word.trim().to_ascii_lowercase().as_str() {
            "us" => Ok(Self::UsEast),
            "ca" => Ok(Self::Canada),
            "eu" => Ok(Self::Europe),
            "au" => Ok(Self::Australia),
            "hipaa" => Ok(Self::Hipaa),
            _ => Err(ConfigError::new(format!("`{word}` is no region; it is one of us, ca, eu, au, hipaa")).into()),
        }
    }
}

/// A base URL that was checked: everything before `/organizations`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: String,
    is_loopback: bool,
    is_https: bool,
}

impl BaseUrl {
    /// Checks a base URL. Plain http is refused, unless the host is loopback or the caller allows it.
    pub(crate) fn parse(text: &str, allow_plain_http: bool) -> Result<Self, Error> {
        let refuse = |why: &str| Error::from(ConfigError::new(format!("the base URL {why}")));
        let url = Url::parse(text.trim()).map_err(|error| ConfigError::with_source("the base URL is no URL", error))?;
        let host = url.host_str().ok_or_else(|| refuse("has no host"))?;
        let is_loopback = is_loopback(host);
        let is_https = match url.scheme() {
            "https" => true,
            "http" if is_loopback || allow_plain_http => false,
            "http" => return Err(refuse("is plain http, which would show the API key to the network; use https")),
            _ => return Err(refuse("is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has user info; the API key is given apart"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment; it is everything before `/organizations`"));
        }
        if url.path_segments().is_some_and(|mut segments| segments.any(|segment| segment == "organizations")) {
            return Err(refuse("goes on into `/organizations`; it ends before that (PushApiUrl reads the whole)"));
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), is_loopback, is_https })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }
}

/// Whether a host is this machine: `localhost`, 127.0.0.0/8 or ::1.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The "Push API URL" that the administration console shows for a source: it names the host, the
/// organization and the source at once ([article 1546](https://docs.coveo.com/en/1546/)).
///
/// ```
/// use coveo_push::{ApiKey, PushApiUrl, PushClient};
///
/// let url: PushApiUrl =
///     "https://api-eu.cloud.coveo.com/push/v1/organizations/my-org/sources/my-source/documents".parse()?;
/// assert_eq!(url.source_id(), "my-source");
/// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
/// let client = PushClient::builder_for(&url, ApiKey::new("key")).build()?;
/// let items = client.items(url.source_id());
/// # let _ = items; }
/// # Ok::<(), coveo_push::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PushApiUrl {
    base_url: String,
    organization_id: String,
    source_id: String,
}

impl PushApiUrl {
    /// Everything before `/organizations`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The organization.
    #[must_use]
    pub fn organization_id(&self) -> &str {
        &self.organization_id
    }

    /// The source.
    #[must_use]
    pub fn source_id(&self) -> &str {
        &self.source_id
    }
}

impl FromStr for PushApiUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || ConfigError::new("this is no Push API URL; it has the form `…/organizations/…/sources/…`");
        let url =
            Url::parse(text.trim()).map_err(|error| ConfigError::with_source("the Push API URL is no URL", error))?;
        let segments: Vec<&str> = url.path_segments().ok_or_else(refuse)?.collect();
        let at = segments.iter().position(|segment| *segment == "organizations").ok_or_else(refuse)?;
        let (before, after) = segments.split_at_checked(at).ok_or_else(refuse)?;
        let ["organizations", organization, "sources", source, ..] = after else { return Err(refuse().into()) };
        let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        if organization.is_empty() || source.is_empty() {
            return Err(refuse().into());
        }
        let mut base = url.clone();
        base.set_path(&before.join("/"));
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self {
            base_url: base.as_str().trim_end_matches('/').to_owned(),
            organization_id: decode(organization),
            source_id: decode(source),
        })
    }
}

impl fmt::Display for PushApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (organization {}, source {})", self.base_url, self.organization_id, self.source_id)
    }
}
