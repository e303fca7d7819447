//! What the examples have in common: where the service is, requests that print themselves, and
//! errors that print with their causes.
//!
//! `COVEO_API_KEY`, `COVEO_ORGANIZATION_ID`, and `COVEO_REGION` or `COVEO_BASE_URL` say where the
//! service is; `COVEO_SOURCE_ID` and `COVEO_PROVIDER_ID` what to push to. With none of them set
//! there is a fake service in memory.

#![allow(dead_code, reason = "each example uses a part of it")]

pub(crate) mod lines;

use std::env;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::{
    Body, BoxError, BoxFuture, PushClient, PushClientBuilder, ReqwestTransport, SendError, Transport, reqwest,
};

const SOURCE_ID: &str = "COVEO_SOURCE_ID";
const PROVIDER_ID: &str = "COVEO_PROVIDER_ID";
const VARIABLES: [&str; 6] =
    ["COVEO_API_KEY", "COVEO_ORGANIZATION_ID", "COVEO_REGION", "COVEO_BASE_URL", SOURCE_ID, PROVIDER_ID];

/// Where an example pushes to.
pub(crate) struct Setup {
    pub(crate) client: PushClient,
    /// The fake service, when it is one.
    pub(crate) fake: Option<FakePushApi>,
    source_id: Option<String>,
    provider_id: Option<String>,
}

impl Setup {
    /// The service that the environment names, or else a fake one. Each request is printed.
    pub(crate) fn new() -> Result<Self, Failure> {
        Self::with(true)
    }

    /// The same, without printing.
    pub(crate) fn quiet() -> Result<Self, Failure> {
        Self::with(false)
    }

    fn with(prints: bool) -> Result<Self, Failure> {
        if VARIABLES.iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty())) {
            let builder = PushClientBuilder::from_env().map_err(|error| half_given(&error.to_string()))?;
            let connect_timeout = Duration::from_secs(10);
            let http = ReqwestTransport::new(reqwest::Client::builder().connect_timeout(connect_timeout))?;
            let builder = if prints { builder.transport(Printing(http)) } else { builder.transport(http) };
            Ok(Self {
                client: builder.build()?,
                fake: None,
                source_id: given(SOURCE_ID),
                provider_id: given(PROVIDER_ID),
            })
        } else {
            println!("No COVEO_ variable is set: this is a fake Push API in memory.");
            let (source, provider) = ("my-source", "My Security Identity Provider");
            let fake = FakePushApi::builder().secured_source(source).provider(provider).build();
            let builder = fake.client_builder();
            let builder = if prints { builder.transport(Printing(fake.clone())) } else { builder };
            Ok(Self {
                client: builder.build()?,
                fake: Some(fake),
                source_id: Some(source.to_owned()),
                provider_id: Some(provider.to_owned()),
            })
        }
    }

    /// The source to push items to.
    pub(crate) fn source_id(&self) -> Result<&str, Failure> {
        self.source_id.as_deref().ok_or_else(|| half_given(&format!("the variable {SOURCE_ID} is not set")))
    }

    /// The provider to push identities to.
    pub(crate) fn provider_id(&self) -> Result<&str, Failure> {
        self.provider_id.as_deref().ok_or_else(|| half_given(&format!("the variable {PROVIDER_ID} is not set")))
    }
}

/// A variable that is set to something.
fn given(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn half_given(what: &str) -> Failure {
    Failure(format!("{what} (with no COVEO_ variable set at all there is a fake service)").into())
}

/// A transport that prints each attempt with its answer: method and path, and never the query, which
/// is a signature where the bytes of a container go.
struct Printing<T>(T);

impl<T: Transport> Transport for Printing<T> {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        let line = format!("{:<6} {}", request.method().as_str(), request.uri().path());
        let answer = self.0.send(request);
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                Ok(answer) => println!("  {line}  ->  {}", answer.status()),
                Err(error) => println!("  {line}  ->  {error}"),
            }
            answer
        })
    }
}

/// Waits for Ctrl-C, or for SIGTERM, by which services are stopped. Neither ends the program from then on.
pub(crate) async fn stop_signal() -> Result<(), std::io::Error> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Does some work, unless the program is told to stop before it is done.
pub(crate) async fn unless_stopped<T, E: Into<Failure>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    tokio::select! {
        // First: from its first poll on, no signal ends the program.
        biased;
        signal = stop_signal() => {
            signal?;
            Err(std::io::Error::other("stopped by a signal").into())
        }
        done = work => done.map_err(Into::into),
    }
}

/// Any error, to return from `main`: printed in one line, with its causes.
pub(crate) struct Failure(BoxError);

impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What Rust prints of an error that `main` returns.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
