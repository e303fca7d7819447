//! Code that the examples share: the address of the service, requests that print themselves, and
//! errors that print with their causes.
//!
//! `COVEO_API_KEY`, `COVEO_ORGANIZATION_ID`, and `COVEO_REGION` or `COVEO_BASE_URL` say where the
//! service is; `COVEO_SOURCE_ID` and `COVEO_PROVIDER_ID` what to push to. With none of them set the
//! small examples push into a fake service in memory; the programs want `--fake` for that.

#![allow(dead_code, unused_imports, reason = "each example uses a part of it")]

/// Prints a line. A closed output, as behind `| head`, does not end the work.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

pub(crate) use say;

pub(crate) mod lines;

use std::error::Error as StdError;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fmt, io};

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::transport::{Body, BoxFuture, ReqwestTransport, SendError, Transport};
use coveo_push::{BoxError, PushClient, reqwest};
use tokio::sync::watch;

const SOURCE_ID: &str = "COVEO_SOURCE_ID";
const PROVIDER_ID: &str = "COVEO_PROVIDER_ID";
const VARIABLES: [&str; 6] =
    ["COVEO_API_KEY", "COVEO_ORGANIZATION_ID", "COVEO_REGION", "COVEO_BASE_URL", SOURCE_ID, PROVIDER_ID];

/// The variables that a program needs.
const NEEDED: [&str; 3] = ["COVEO_API_KEY", "COVEO_ORGANIZATION_ID", SOURCE_ID];
/// How many dropped items are printed.
const MOST_DROPPED: usize = 20;

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

    /// For a program that a person may run by mistake without credentials: the fake service only where it is asked
    /// for.
    pub(crate) fn of_program(fake: bool) -> Result<Self, Failure> {
        if fake { Self::in_memory(false) } else { Self::of_given_service() }
    }

    /// The same, for a program that pushes into a catalog.
    pub(crate) fn of_catalog_program(fake: bool) -> Result<Self, Failure> {
        if !fake {
            return Self::of_given_service();
        }
        let source = "my-catalog";
        let fake = FakePushApi::builder().catalog_source(source).build();
        let client = fake.client_builder().logs_calls(1_000, Duration::from_secs(1)).build()?;
        let source_id = Some(source.to_owned());
        Ok(Self { client, fake: Some(fake), source_id, provider_id: None })
    }

    fn of_given_service() -> Result<Self, Failure> {
        let missing: Vec<&str> = NEEDED.into_iter().filter(|name| given(name).is_none()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Failure(
                format!("not set in the environment: {missing} (`--fake` pushes into a fake service instead)").into(),
            ));
        }
        Self::of_service(false)
    }

    /// The organization that the environment names, or else a fake one without sources.
    pub(crate) fn of_organization() -> Result<Self, Failure> {
        if VARIABLES.iter().any(|name| given(name).is_some()) {
            return Self::of_service(true);
        }
        println!("No COVEO_ variable is set: this is a fake organization in memory.");
        let fake = FakePushApi::builder().build();
        let builder = fake.client_builder().logs_calls(1_000, Duration::from_secs(1));
        let client = builder.transport(Printing(fake.clone())).build()?;
        Ok(Self { client, fake: Some(fake), source_id: None, provider_id: None })
    }

    fn with(prints: bool) -> Result<Self, Failure> {
        if VARIABLES.iter().any(|name| given(name).is_some()) {
            return Self::of_service(prints);
        }
        println!("No COVEO_ variable is set: this is a fake Push API in memory.");
        Self::in_memory(prints)
    }

    /// The service that the environment names.
    fn of_service(prints: bool) -> Result<Self, Failure> {
        let builder = PushClient::builder_from_env().map_err(|error| half_given(&error.to_string()))?;
        let connect_timeout = Duration::from_secs(10);
        let http = ReqwestTransport::new(reqwest::Client::builder().connect_timeout(connect_timeout))?;
        let builder = if prints { builder.transport(Printing(http)) } else { builder.transport(http) };
        Ok(Self { client: builder.build()?, fake: None, source_id: given(SOURCE_ID), provider_id: given(PROVIDER_ID) })
    }

    fn in_memory(prints: bool) -> Result<Self, Failure> {
        let (source, provider) = ("my-source", "My Security Identity Provider");
        let fake = FakePushApi::builder().secured_source(source).provider(provider).build();
        // A real service asks for fewer requests of its logs.
        let builder = fake.client_builder().logs_calls(1_000, Duration::from_secs(1));
        let builder = if prints { builder.transport(Printing(fake.clone())) } else { builder };
        Ok(Self {
            client: builder.build()?,
            fake: Some(fake),
            source_id: Some(source.to_owned()),
            provider_id: Some(provider.to_owned()),
        })
    }

    /// Prints the number of items in the fake service, and the dropped ones. Returns whether it dropped none. A real
    /// service never tells.
    pub(crate) fn print_held(&self) -> Result<bool, Failure> {
        let Some(fake) = &self.fake else { return Ok(true) };
        let source = fake.source(self.source_id()?);
        say!("the fake service holds {} items and dropped {}", source.len(), source.dropped().len());
        for dropped in source.dropped().iter().take(MOST_DROPPED) {
            say!("dropped {}: {}", dropped.document_id(), dropped.reason());
        }
        Ok(source.dropped().is_empty())
    }

    /// The source to push items to.
    pub(crate) fn source_id(&self) -> Result<&str, Failure> {
        let how = "`cargo run --example setup -- --keep NAME` creates a source with this key and prints its id";
        self.source_id.as_deref().ok_or_else(|| half_given(&format!("the variable {SOURCE_ID} is not set: {how}")))
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

/// Makes a folder, and tries whether a file can be written into it.
pub(crate) fn try_writing(folder: &Path) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(named)?;
    let file = folder.join(format!("try-{}.tmp", std::process::id()));
    std::fs::write(&file, "batch").and_then(|()| std::fs::remove_file(&file)).map_err(named)
}

/// Ctrl-C, and SIGTERM, by which services are stopped.
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// From now on neither ends the program.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

/// Waits for Ctrl-C or SIGTERM, neither of which ends the program from this call on; or, when the program is to end with
/// whoever started it, for the end of the standard input.
pub(crate) fn stop_signal_or_eof(until_eof: bool) -> io::Result<impl Future<Output = io::Result<()>> + Send> {
    let mut signals = StopSignals::listen()?;
    let (ended, has_ended) = tokio::sync::oneshot::channel();
    if until_eof {
        // A thread of its own: a runtime waits for those that it has lent out, and this one may never end.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = ended.send(());
        });
    }
    Ok(async move {
        tokio::select! {
            signal = signals.next() => signal,
            Ok(()) = has_ended => Ok(()),
        }
    })
}

/// Whether Ctrl-C or SIGTERM came.
static IS_STOPPED: OnceLock<watch::Receiver<bool>> = OnceLock::new();

/// From now on the first Ctrl-C or SIGTERM only ends the work of [`unless_stopped`], even when it comes before that work.
/// The second one ends the program at once. Call this before the program sets the status of a source.
pub(crate) fn hold_signals() -> io::Result<watch::Receiver<bool>> {
    if let Some(is_stopped) = IS_STOPPED.get() {
        return Ok(is_stopped.clone());
    }
    let mut signals = StopSignals::listen()?;
    let (sender, is_stopped) = watch::channel(false);
    tokio::spawn(async move {
        if signals.next().await.is_ok() {
            sender.send_replace(true);
        }
        if signals.next().await.is_ok() {
            std::process::exit(130);
        }
    });
    Ok(IS_STOPPED.get_or_init(|| is_stopped).clone())
}

/// Does some work, unless the program is told to stop before it is done.
pub(crate) async fn unless_stopped<T, E: Into<Failure>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let mut is_stopped = hold_signals()?;
    tokio::select! {
        biased;
        Ok(_) = is_stopped.wait_for(|is_stopped| *is_stopped) => Err(io::Error::other("stopped by a signal").into()),
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
