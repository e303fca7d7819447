//! Where the Push API is: regions, base URLs, and the URL that the administration console shows.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::error::{ConfigError, Error};
use crate::model::words::words;

/// The characters that are percent-encoded in a path segment or a query value: all but the unreserved ones of
/// RFC 3986, so that no id can leave its segment.
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The regions in which the service runs ([article 2976](https://docs.coveo.com/en/2976/)).
///
/// As text it is one of the words that `COVEO_REGION` takes: `us`, `ca`, `eu`, `au`, `hipaa`. They are
/// read in any case, so a command line or a file of settings can choose one:
///
/// ```
/// use coveo_push::Region;
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     region: Region,
/// }
///
/// let settings: Settings = serde_json::from_str(r#"{"region": "eu"}"#).unwrap();
/// assert_eq!(settings.region, Region::Europe);
/// assert_eq!(" EU\n".parse(), Ok(Region::Europe));
/// assert_eq!(Region::Europe.to_string(), "eu");
/// ```
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

words!(Region: "region" {
    UsEast => "us",
    Canada => "ca",
    Europe => "eu",
    Australia => "au",
    Hipaa => "hipaa",
});

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
        let url =
            Url::parse(text.trim()).map_err(|error| ConfigError::with_source("the base URL is not a URL", error))?;
        let host = url.host_str().ok_or_else(|| refuse("has no host"))?;
        let is_loopback = is_loopback(host);
        let is_https = match url.scheme() {
            "https" => true,
            "http" if is_loopback || allow_plain_http => false,
            "http" => return Err(refuse("is plain http, which would show the API key to the network; use https")),
            _ => return Err(refuse("is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has user info; give the API key separately"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment; it is everything before `/organizations`"));
        }
        if url.path_segments().is_some_and(|mut segments| segments.any(|segment| segment == "organizations")) {
            return Err(refuse("contains `/organizations`; it must end before that (PushApiUrl reads the whole URL)"));
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
/// It is read from that text, by serde too, and written as the URL of the source, which it can be read
/// from again.
///
/// ```
/// use coveo_push::{ApiKey, PushApiUrl, PushClient};
///
/// let url: PushApiUrl =
///     "https://api-eu.cloud.coveo.com/push/v1/organizations/my-org/sources/my-source/documents".parse()?;
/// assert_eq!(url.source_id(), "my-source");
/// assert_eq!(url.to_string(), "https://api-eu.cloud.coveo.com/push/v1/organizations/my-org/sources/my-source");
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
        let refuse = || ConfigError::new("not a Push API URL: expected the form `…/organizations/…/sources/…`");
        let url = Url::parse(text.trim())
            .map_err(|error| ConfigError::with_source("the Push API URL is not a URL", error))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::new("the Push API URL has user info; give the API key separately").into());
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(ConfigError::new("the Push API URL must start with https://").into());
        }
        let segments: Vec<&str> = url.path_segments().ok_or_else(refuse)?.collect();
        let at = segments.iter().position(|segment| *segment == "organizations").ok_or_else(refuse)?;
        let (before, after) = segments.split_at_checked(at).ok_or_else(refuse)?;
        let ["organizations", organization, "sources", source, ..] = after else { return Err(refuse().into()) };
        let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        if organization.is_empty() || source.is_empty() {
            return Err(refuse().into());
        }
        let mut base = url.clone();
        base.set_path(&format!("/{}", before.join("/")));
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
        let encode = |id| utf8_percent_encode(id, ENCODED);
        let (organization, source) = (encode(&self.organization_id), encode(&self.source_id));
        write!(f, "{}/organizations/{organization}/sources/{source}", self.base_url)
    }
}

impl Serialize for PushApiUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PushApiUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Result<BaseUrl, String> {
        BaseUrl::parse(text, false).map_err(|error| error.to_string())
    }

    fn push_api_url(text: &str) -> Result<(String, String, String), String> {
        let url: PushApiUrl = text.parse().map_err(|error: Error| error.to_string())?;
        Ok((url.base_url().to_owned(), url.organization_id().to_owned(), url.source_id().to_owned()))
    }

    #[test]
    fn every_region_has_its_host_and_its_word() {
        let known = [
            (Region::UsEast, "us", "https://api.cloud.coveo.com/push/v1"),
            (Region::Canada, "ca", "https://api-ca.cloud.coveo.com/push/v1"),
            (Region::Europe, "eu", "https://api-eu.cloud.coveo.com/push/v1"),
            (Region::Australia, "au", "https://api-au.cloud.coveo.com/push/v1"),
            (Region::Hipaa, "hipaa", "https://apihipaa.cloud.coveo.com/push/v1"),
        ];
        for (region, word, url) in known {
            assert_eq!(region.base_url(), url);
            assert_eq!(base(url).unwrap().as_str(), url);
            assert_eq!((region.as_str(), region.to_string().as_str()), (word, word));
            assert_eq!(serde_json::to_value(region).unwrap(), word);
            for word in [word.to_owned(), word.to_uppercase(), format!(" {word}\n")] {
                assert_eq!(word.parse(), Ok(region));
                assert_eq!(serde_json::from_value::<Region>(word.into()).unwrap(), region);
            }
        }
        assert_eq!(Region::default(), Region::UsEast);
    }

    #[test]
    fn a_word_that_is_no_region_is_refused_with_those_that_are() {
        for word in ["", "us-east", "europe", "u s", "eu1"] {
            let expected = format!("unknown region `{word}`; expected one of us, ca, eu, au, hipaa");
            let error = word.parse::<Region>().unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(serde_json::from_value::<Region>(word.into()).unwrap_err().to_string(), expected);
            let error = Error::from(error);
            assert!(matches!(error, Error::Config(_)) && error.to_string().contains(&expected), "{error}");
        }
    }

    #[test]
    fn a_base_url_loses_the_slashes_at_its_end_and_keeps_its_port() {
        for text in [
            "https://example.com:8443/push/v1",
            "https://example.com:8443/push/v1/",
            " https://EXAMPLE.com:8443/push/v1//\n",
        ] {
            assert_eq!(base(text).unwrap().as_str(), "https://example.com:8443/push/v1");
        }
        assert_eq!(base("https://example.com").unwrap().as_str(), "https://example.com");
    }

    #[test]
    fn a_base_url_knows_whether_it_is_https_and_loopback() {
        let of = |text| base(text).map(|url| (url.is_https(), url.is_loopback())).unwrap();
        assert_eq!(of("https://example.com"), (true, false));
        assert_eq!(of("https://localhost"), (true, true));
        assert_eq!(of("http://LOCALHOST:1"), (false, true));
        assert_eq!(of("http://127.255.0.1"), (false, true));
        assert_eq!(of("http://[::1]:8080/push/v1"), (false, true));
        let allowed = BaseUrl::parse("http://example.com", true).unwrap();
        assert_eq!((allowed.is_https(), allowed.is_loopback()), (false, false));
    }

    #[test]
    fn a_base_url_that_is_none_is_refused_with_the_reason() {
        let wrong = [
            ("", "base URL"),
            ("api.cloud.coveo.com/push/v1", "base URL"),
            ("https://", "base URL"),
            ("mailto:a@example.com", "base URL"),
            ("data:,x", "base URL"),
            ("ftp://example.com", "neither https nor http"),
            ("http://example.com", "plain http"),
            ("http://128.0.0.1", "plain http"),
            ("http://localhost.example.com", "plain http"),
            ("https://user@example.com", "user info"),
            ("https://user:word@example.com", "user info"),
            ("https://:word@example.com", "user info"),
            ("https://example.com/push/v1?a=b", "query or a fragment"),
            ("https://example.com/push/v1?", "query or a fragment"),
            ("https://example.com/push/v1#a", "query or a fragment"),
            ("https://example.com/push/v1/organizations/my-org", "PushApiUrl"),
        ];
        for (text, why) in wrong {
            let error = base(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("word"), "{error}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "localhost.", "localhost.example.com", "0.0.0.0", "126.0.0.1", "10.0.0.1", "::2", "example.com"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_url_of_the_console_is_read_in_every_region() {
        for region in [Region::UsEast, Region::Canada, Region::Europe, Region::Australia, Region::Hipaa] {
            let text = format!("{}/organizations/my-org/sources/my-source/documents", region.base_url());
            let read = push_api_url(&text).unwrap();
            assert_eq!(read, (region.base_url().to_owned(), "my-org".to_owned(), "my-source".to_owned()));
        }
    }

    #[test]
    fn the_url_of_the_console_may_have_a_port_encoded_ids_and_anything_behind_them() {
        let expected = ("http://localhost:80/a", "my org/x", "sö%");
        let read = |tail: &str| {
            push_api_url(&format!("{}{tail}", "http://localhost:8080/a/organizations/my%20org%2Fx/sources/s%C3%B6%25"))
        };
        for tail in ["", "/", "/documents", "/documents/batch?fileId=%7B%7D", "/status?statusType=X#y", "?a=b", "\n"] {
            let (base, organization, source) = read(tail).unwrap();
            assert_eq!(base.replace("8080", "80"), expected.0);
            assert_eq!((organization.as_str(), source.as_str()), (expected.1, expected.2));
        }
    }

    #[test]
    fn the_url_of_the_console_may_have_nothing_before_the_organization() {
        let (base, ..) = push_api_url("https://example.com/organizations/o/sources/s").unwrap();
        assert_eq!(base, "https://example.com");
    }

    #[test]
    fn the_url_of_the_console_keeps_empty_parts_of_its_path() {
        let (base, ..) = push_api_url("https://example.com//a//b/organizations/o/sources/s").unwrap();
        assert_eq!(base, "https://example.com//a//b");
    }

    #[test]
    fn an_organization_may_be_called_as_a_part_of_the_path_is() {
        let (_, organization, source) =
            push_api_url("https://example.com/organizations/sources/sources/organizations").unwrap();
        assert_eq!((organization.as_str(), source.as_str()), ("sources", "organizations"));
    }

    #[test]
    fn what_is_no_url_of_the_console_is_refused() {
        for text in [
            "",
            "my-source",
            "/organizations/o/sources/s",
            "mailto:organizations/o/sources/s",
            "https+x:/./organizations/o/sources/s",
            "ftp://example.com/organizations/o/sources/s",
            "https://example.com/push/v1",
            "https://example.com/organizations",
            "https://example.com/organizations/o",
            "https://example.com/organizations/o/sources",
            "https://example.com/organizations/o/sources/",
            "https://example.com/organizations//sources/s",
            "https://example.com/organizations/o/providers/p",
            "https://example.com/organizations/o/source/s",
            "https://user:word@example.com/organizations/o/sources/s",
        ] {
            let error = push_api_url(text).unwrap_err();
            assert!(!error.contains("word"), "{error}");
            assert!(error.contains("Push API URL"), "{text}: {error}");
        }
    }

    #[test]
    fn the_url_of_the_console_is_written_without_its_tail_and_read_from_that_again() {
        let url: PushApiUrl = "https://example.com/organizations/my%20org/sources/s%2F1/documents?x=y".parse().unwrap();
        let text = "https://example.com/organizations/my%20org/sources/s%2F1";
        assert_eq!(url.to_string(), text);
        assert_eq!(text.parse::<PushApiUrl>().unwrap(), url);
        assert_eq!(serde_json::to_value(&url).unwrap(), text);
        assert_eq!(serde_json::from_value::<PushApiUrl>(text.into()).unwrap(), url);
        let error = serde_json::from_value::<PushApiUrl>("my-source".into()).unwrap_err().to_string();
        assert!(error.contains("Push API URL"), "{error}");
    }
}
