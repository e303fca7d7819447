//! Where the service is: regions, base URLs, and the URL that the administration console shows.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::error::{ConfigError, Error};
use crate::model::words::words;
use crate::operation::Host;

/// The characters that are percent-encoded in a path segment or a query value: all but the unreserved ones of
/// RFC 3986, so that no id can leave its segment.
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The regions in which the service runs ([article 2976](https://docs.coveo.com/en/2976/)). Each has three hosts:
/// the [Push API](Self::base_url), the [logs](Self::logs_url) and the [platform API](Self::platform_url).
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
    const ALL: [Self; 5] = [Self::UsEast, Self::Canada, Self::Europe, Self::Australia, Self::Hipaa];

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

    /// The base URL of the logs there.
    #[must_use]
    pub fn logs_url(self) -> &'static str {
        match self {
            Self::UsEast => "https://api.cloud.coveo.com/logs/v1",
            Self::Canada => "https://api-ca.cloud.coveo.com/logs/v1",
            Self::Europe => "https://api-eu.cloud.coveo.com/logs/v1",
            Self::Australia => "https://api-au.cloud.coveo.com/logs/v1",
            Self::Hipaa => "https://apihipaa.cloud.coveo.com/logs/v1",
        }
    }

    /// The base URL of the platform API there.
    #[must_use]
    pub fn platform_url(self) -> &'static str {
        match self {
            Self::UsEast => "https://platform.cloud.coveo.com/rest",
            Self::Canada => "https://platform-ca.cloud.coveo.com/rest",
            Self::Europe => "https://platform-eu.cloud.coveo.com/rest",
            Self::Australia => "https://platform-au.cloud.coveo.com/rest",
            Self::Hipaa => "https://platformhipaa.cloud.coveo.com/rest",
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
    /// Checks the base URL of a host. Plain http is refused, unless the host is loopback or the caller allows it.
    pub(crate) fn parse(host: Host, text: &str, allow_plain_http: bool) -> Result<Self, Error> {
        let name = host.url_name();
        let refuse = |why: &str| Error::from(ConfigError::new(format!("the {name} {why}")));
        let url = Url::parse(text.trim())
            .map_err(|error| ConfigError::with_source(format!("the {name} is not a URL"), error))?;
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

/// The base URLs of the hosts to which keys are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrls {
    pub(crate) push: BaseUrl,
    logs: Option<BaseUrl>,
    platform: Option<BaseUrl>,
}

impl BaseUrls {
    /// Checks the base URLs. Those that are not given follow from that of the Push API: by its region, or on its
    /// origin where it ends with `/push/v1`.
    pub(crate) fn parse(
        push: &str,
        logs: Option<&str>,
        platform: Option<&str>,
        allow_plain_http: bool,
    ) -> Result<Self, Error> {
        let push = BaseUrl::parse(Host::Push, push, allow_plain_http)?;
        let region = Region::ALL.into_iter().find(|region| region.base_url() == push.text);
        let url = |host: Host, given: Option<&str>, of_region: fn(Region) -> &'static str| {
            let before = push.text.strip_suffix(Host::Push.base_path());
            let implied = region.map(|region| of_region(region).to_owned());
            let implied = implied.or_else(|| Some(format!("{}{}", before?, host.base_path())));
            let text = given.map(str::to_owned).or(implied);
            text.map(|text| BaseUrl::parse(host, &text, allow_plain_http)).transpose()
        };
        let logs = url(Host::Logs, logs, Region::logs_url)?;
        let platform = url(Host::Platform, platform, Region::platform_url)?;
        Ok(Self { push, logs, platform })
    }

    fn get(&self, host: Host) -> Option<&BaseUrl> {
        match host {
            Host::Push | Host::Storage => Some(&self.push),
            Host::Logs => self.logs.as_ref(),
            Host::Platform => self.platform.as_ref(),
        }
    }

    /// The base URL of a host; an error where it is not known.
    pub(crate) fn of(&self, host: Host) -> Result<&BaseUrl, Error> {
        self.get(host).ok_or_else(|| {
            let (name, setter) = (host.url_name(), host.url_name().replace(' ', "_").to_lowercase());
            let why = "the base URL is not that of a region, and does not end with `/push/v1`";
            ConfigError::new(format!("the {name} is not known: {why}; set it with `{setter}`")).into()
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &BaseUrl> {
        [Some(&self.push), self.logs.as_ref(), self.platform.as_ref()].into_iter().flatten()
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
        BaseUrl::parse(Host::Push, text, false).map_err(|error| error.to_string())
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

    fn urls(push: &str, logs: Option<&str>, platform: Option<&str>) -> [Option<String>; 3] {
        let urls = BaseUrls::parse(push, logs, platform, false).unwrap();
        [Host::Push, Host::Logs, Host::Platform].map(|host| urls.of(host).ok().map(|url| url.as_str().to_owned()))
    }

    #[test]
    fn every_region_has_three_hosts_and_its_base_url_implies_the_others() {
        let hosts = [
            (Region::UsEast, "api.cloud", "platform.cloud"),
            (Region::Canada, "api-ca.cloud", "platform-ca.cloud"),
            (Region::Europe, "api-eu.cloud", "platform-eu.cloud"),
            (Region::Australia, "api-au.cloud", "platform-au.cloud"),
            (Region::Hipaa, "apihipaa.cloud", "platformhipaa.cloud"),
        ];
        assert_eq!(hosts.map(|(region, ..)| region), Region::ALL);
        for (region, api, platform) in hosts {
            let logs = format!("https://{api}.coveo.com/logs/v1");
            let platform = format!("https://{platform}.coveo.com/rest");
            assert_eq!((region.logs_url(), region.platform_url()), (&*logs, &*platform));
            let expected = [region.base_url().to_owned(), logs, platform].map(Some);
            assert_eq!(urls(region.base_url(), None, None), expected);
            assert_eq!(urls(&format!(" {}/", region.base_url()), None, None), expected);
        }
    }

    #[test]
    fn a_base_url_of_its_own_implies_the_other_hosts_where_it_ends_as_the_service_does() {
        let some = |text: &str| Some(text.to_owned());
        #[rustfmt::skip]
        let table = [
            ("http://localhost:1/push/v1",  None, None, [some("http://localhost:1/push/v1"), some("http://localhost:1/logs/v1"), some("http://localhost:1/rest")]),
            ("https://a.com/x/push/v1/",    None, None, [some("https://a.com/x/push/v1"), some("https://a.com/x/logs/v1"), some("https://a.com/x/rest")]),
            ("https://a.com/push",          None, None, [some("https://a.com/push"), None, None]),
            ("https://a.com",               Some("https://b.com/l/"), None, [some("https://a.com"), some("https://b.com/l"), None]),
            ("https://a.com/push/v1",       None, Some("https://c.com"), [some("https://a.com/push/v1"), some("https://a.com/logs/v1"), some("https://c.com")]),
            ("https://api.cloud.coveo.com/push/v1", Some("https://b.com"), None, [some("https://api.cloud.coveo.com/push/v1"), some("https://b.com"), some("https://platform.cloud.coveo.com/rest")]),
        ];
        for (push, logs, platform, expected) in table {
            assert_eq!(urls(push, logs, platform), expected, "{push}");
        }
    }

    #[test]
    fn a_host_whose_url_is_wrong_or_not_known_is_named_with_its_setter() {
        let wrong = |logs, platform| BaseUrls::parse("https://a.com", logs, platform, false).unwrap_err().to_string();
        assert!(wrong(Some("http://b.com"), None).contains("the logs URL is plain http"));
        assert!(wrong(None, Some("b.com")).contains("the platform URL is not a URL"));
        let urls = BaseUrls::parse("https://a.com", None, None, false).unwrap();
        for (host, setter) in [(Host::Logs, "`logs_url`"), (Host::Platform, "`platform_url`")] {
            let error = urls.of(host).unwrap_err().to_string();
            assert!(error.contains(setter) && error.contains(host.url_name()), "{error}");
        }
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
        let allowed = BaseUrl::parse(Host::Push, "http://example.com", true).unwrap();
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
