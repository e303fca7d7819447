//! The secret that opens the Push API, and where it comes from.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::error::BoxError;
use crate::kernel::BoxFuture;

/// An API key or an OAuth2 access token ([article 1718](https://docs.coveo.com/en/1718/)).
///
/// It is in no `Debug` output, has neither `Display` nor `Serialize`, and is wiped from memory when
/// it is dropped.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A key. White space around it, such as the line end of the file it was read from, is left
    /// out.
    pub fn new(key: impl Into<String>) -> Self {
        let key: String = key.into();
        Self(SecretString::from(key.trim()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The header that it makes, marked as one not to show.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, BoxError> {
        if self.expose().is_empty() {
            return Err("the API key is empty".into());
        }
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.expose()))
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
/// use coveo_push::{ApiKey, BoxError, BoxFuture, CredentialsProvider};
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
/// # let _ = Vault;
/// ```
///
/// In an [`Arc`] one provider, with the token that it keeps, serves several clients:
///
/// ```
/// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
/// # use coveo_push::{ApiKey, BoxError, BoxFuture, CredentialsProvider};
/// # #[derive(Debug)]
/// # struct Vault;
/// # impl CredentialsProvider for Vault {
/// #     fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
/// #         Box::pin(async { Ok(ApiKey::new("token")) })
/// #     }
/// # }
/// use std::sync::Arc;
/// use coveo_push::PushClient;
///
/// let vault = Arc::new(Vault);
/// let test = PushClient::builder_with_provider("my-test-org", Arc::clone(&vault)).build()?;
/// let live = PushClient::builder_with_provider("my-org", vault).build()?;
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

/// Where the key of a client comes from.
#[derive(Clone)]
pub(crate) enum Credentials {
    Key(ApiKey),
    Provider(Arc<dyn CredentialsProvider>),
}

impl Credentials {
    pub(crate) async fn token(&self, refused: Option<&ApiKey>) -> Result<ApiKey, BoxError> {
        match self {
            Self::Key(key) => Ok(key.clone()),
            Self::Provider(provider) => provider.token(refused).await,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Provider(_) => f.write_str("CredentialsProvider(..)"),
        }
    }
}
