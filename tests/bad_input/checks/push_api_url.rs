//! Any Push API URL, base URL and region.

use coveo_push::{ApiKey, PushApiUrl, PushClient, Region};
use url::{Host, Url};

use super::Answering;

/// The text as each of them.
pub(crate) fn check(text: &str) {
    if let Ok(region) = text.parse::<Region>() {
        assert!(text.trim().len() <= 5 && is_safe(region.base_url()));
    }
    as_base_url(text);
    let Ok(url) = text.parse::<PushApiUrl>() else { return };
    assert!(!url.organization_id().is_empty() && !url.source_id().is_empty());
    let again = url.to_string();
    assert_eq!(again.parse::<PushApiUrl>().as_ref().ok(), Some(&url), "{again}");
    let client = PushClient::builder_for(&url, ApiKey::new("key")).transport(no_answer()).build();
    if client.is_ok() {
        assert!(is_safe(url.base_url()), "{url}");
    }
}

fn as_base_url(text: &str) {
    let builder = PushClient::builder("my-org", ApiKey::new("key")).base_url(text);
    if builder.transport(no_answer()).build().is_ok() {
        assert!(is_safe(text), "{text:?}");
    }
}

fn no_answer() -> Answering {
    Answering::new(http::StatusCode::ACCEPTED)
}

/// Whether a key that is sent there is seen by that host alone, and goes with no other.
fn is_safe(base: &str) -> bool {
    let url = Url::parse(base.trim()).unwrap();
    let is_here = match url.host().unwrap() {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
