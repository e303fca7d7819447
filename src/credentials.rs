//! The secret that opens the Push API, and where it comes from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::BoxError;
use crate::kernel::BoxFuture;

/// An API key or an OAuth2 access token ([article 1718](https://docs.coveo.com/en/1718/)).
///
/// The key never shows in `Debug` output, and there is no `Display` and no `Serialize`. The copies that this crate
/// makes are wiped from memory when they are dropped: this type, a `String` that it was made from, and the header of
/// each request. Those of the HTTP client, of TLS and of the operating system are not. It is read by serde from text, so a struct of settings can derive
/// `Deserialize`:
///
/// ```
/// use coveo_push::{ApiKey, Preflight, Region, RetryPolicy};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     api_key: ApiKey,
///     #[serde(default)]
///     region: Region,
///     #[serde(default)]
///     preflight: Preflight,
///     #[serde(default)]
///     retry: RetryPolicy,
/// }
///
/// let text = r#"{"api_key": "xx-key", "region": "eu", "preflight": "warn", "retry": {"deadline": 600}}"#;
/// let settings: Settings = serde_json::from_str(text)?;
/// assert_eq!(settings.api_key, ApiKey::new("xx-key"));
/// # assert_eq!((settings.region, settings.preflight), (Region::Europe, Preflight::Warn));
/// # assert_eq!(settings.retry.deadline.as_secs(), 600);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A key. Surrounding white space, such as the line end of the file it was read from, is removed.
    pub fn new(key: impl Into<String>) -> Self {
        let mut text: String = key.into();
        let key = Self(SecretString::from(text.trim()));
        text.zeroize();
        key
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// A usual mistake in copying the key.
    fn is_copied_with(&self) -> Option<&'static str> {
        let key = self.expose();
        match key.get(..7) {
            _ if key.starts_with('\u{feff}') => Some("begins with a byte order mark"),
            _ if key.starts_with(['"', '\'']) || key.ends_with(['"', '\'']) => Some("has quotes around it"),
            Some(start) if start.eq_ignore_ascii_case("Bearer ") => Some("begins with `Bearer `"),
            _ => None,
        }
    }

    /// The header that it makes, marked as one not to show.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, BoxError> {
        if self.expose().is_empty() {
            return Err("the API key is empty".into());
        }
        if let Some(wrong) = self.is_copied_with() {
            return Err(format!("the API key {wrong}; give the key alone").into());
        }
        const SCHEME: &str = "Bearer ";
        // Of its full size at once, because growing would leave a copy behind.
        let mut text = Zeroizing::new(Vec::with_capacity(SCHEME.len() + self.expose().len()));
        text.extend_from_slice(SCHEME.as_bytes());
        text.extend_from_slice(self.expose().as_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
            .map_err(|_| BoxError::from("the API key has a character that no HTTP header can hold"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

/// So that a provider can tell whether the token that was refused is the one it keeps. How long it
/// takes does not tell where two keys differ.
impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.expose().as_bytes(), other.expose().as_bytes());
        let differences = one.iter().zip(two).fold(0, |differences, (a, b)| differences | (a ^ b));
        one.len() == two.len() && std::hint::black_box(differences) == 0
    }
}

impl Eq for ApiKey {}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

/// Reads the key from text. The error does not show what was there instead, which may be the key.
impl<'de> Deserialize<'de> for ApiKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer).map_err(|_| D::Error::custom("an API key must be text"))?;
        Ok(Self::new(key))
    }
}

/// Gives a token for each attempt: for OAuth2, whose tokens expire.
///
/// It is asked before every attempt, so it should keep the token until it is about to expire. When
/// the service does not take a token (401 `INVALID_TOKEN`) the provider is asked once more, with
/// the token that was refused.
///
/// **An error is final for the call**, which ends with [`Error::Credentials`](crate::Error::Credentials):
/// the crate cannot tell whether asking again would help. A provider that asks over a network tries
/// again itself, within the [time of an attempt](crate::PushClientBuilder::call_timeout).
///
/// ```
/// use coveo_push::transport::BoxFuture;
/// use coveo_push::{ApiKey, BoxError, CredentialsProvider};
///
/// #[derive(Debug)]
/// struct Vault;
///
/// impl CredentialsProvider for Vault {
///     fn token<'a>(&'a self, refused: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
///         Box::pin(async move {
///             let fresh = refused.is_some();
///             // … ask the vault, past its cache when `fresh` …
///             # let _ = fresh;
///             Ok(ApiKey::new("token"))
///         })
///     }
/// }
/// let credentials = coveo_push::Credentials::provider(Vault);
/// # let _ = credentials;
/// ```
///
/// In an [`Arc`] one provider, with the token that it keeps, serves several clients:
///
/// ```
/// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
/// # use coveo_push::transport::BoxFuture;
/// # use coveo_push::{ApiKey, BoxError, CredentialsProvider};
/// # #[derive(Debug)]
/// # struct Vault;
/// # impl CredentialsProvider for Vault {
/// #     fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
/// #         Box::pin(async { Ok(ApiKey::new("token")) })
/// #     }
/// # }
/// use std::sync::Arc;
/// use coveo_push::{Credentials, PushClient};
///
/// let vault = Arc::new(Vault);
/// let test = PushClient::builder("my-test-org", Credentials::provider(Arc::clone(&vault))).build()?;
/// let live = PushClient::builder("my-org", Credentials::provider(vault)).build()?;
/// # let _ = (test, live); }
/// # Ok::<(), coveo_push::Error>(())
/// ```
pub trait CredentialsProvider: Send + Sync + 'static {
    /// A token to send now; `refused` is one that the service has just refused.
    ///
    /// # Errors
    ///
    /// Whatever kept the provider from giving one. It ends the call.
    fn token<'a>(&'a self, refused: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>>;
}

impl<T: CredentialsProvider + ?Sized> CredentialsProvider for Arc<T> {
    fn token<'a>(&'a self, refused: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        (**self).token(refused)
    }
}

/// What a client authenticates with: an [`ApiKey`], or a [`CredentialsProvider`] that gives a token for
/// each attempt.
///
/// Every function that takes credentials takes an [`ApiKey`] as it is. Plain text is not taken: a key
/// has to be named as one.
///
/// ```
/// use coveo_push::{ApiKey, Credentials};
///
/// let credentials = Credentials::from(ApiKey::new("key"));
/// assert_eq!(format!("{credentials:?}"), "ApiKey([redacted])");
/// ```
#[derive(Clone)]
pub struct Credentials(TokenSource);

#[derive(Clone)]
enum TokenSource {
    Key(ApiKey),
    Provider(Arc<dyn CredentialsProvider>),
}

impl Credentials {
    /// Credentials from a provider of tokens, for OAuth2.
    pub fn provider(provider: impl CredentialsProvider) -> Self {
        Self(TokenSource::Provider(Arc::new(provider)))
    }

    /// The token for the next attempt.
    pub(crate) async fn token(&self, refused: Option<&ApiKey>) -> Result<ApiKey, BoxError> {
        match &self.0 {
            TokenSource::Key(key) => Ok(key.clone()),
            TokenSource::Provider(provider) => provider.token(refused).await,
        }
    }

    /// The key, unless a provider gives tokens.
    pub(crate) fn key(&self) -> Option<&ApiKey> {
        match &self.0 {
            TokenSource::Key(key) => Some(key),
            TokenSource::Provider(_) => None,
        }
    }
}

impl From<ApiKey> for Credentials {
    fn from(key: ApiKey) -> Self {
        Self(TokenSource::Key(key))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TokenSource::Key(key) => key.fmt(f),
            TokenSource::Provider(_) => f.write_str("CredentialsProvider(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_text_without_white_space() {
        let key: ApiKey = serde_json::from_str(r#"" xx-key\n""#).unwrap();
        assert_eq!(key.expose(), "xx-key");
    }

    #[test]
    fn a_key_that_is_no_text_is_refused_and_not_shown() {
        for json in ["12345", r#"{"12345":1}"#, r#"["12345"]"#] {
            let error = serde_json::from_str::<ApiKey>(json).unwrap_err().to_string();
            assert!(error.starts_with("an API key must be text") && !error.contains("12345"), "{error}");
        }
    }
}
