//! A service that keeps a source up to date for months: single changes come by HTTP from many clients, and one run
//! pushes them.
//!
//! ```sh
//! cargo run --release --example daemon -- [OPTIONS]
//! curl -X PUT localhost:8080/item -d '{"documentId":"https://example.com/a","data":"words"}'
//! curl -X DELETE 'localhost:8080/item?documentId=https://example.com/a'
//! curl localhost:8080/metrics
//! ```
//!
//! With `--fake` it pushes into a fake service in memory. A failed batch is pushed again later, unless the service
//! rejected it: then it is written into the folder for failed batches. Ctrl-C and SIGTERM end it: new changes get 503,
//! everything that was taken is pushed, and whatever is not accepted after `--grace` is written into the same folder.
//! The next start pushes that first.

mod shared;

#[path = "daemon/failed.rs"]
mod failed;
#[path = "daemon/metrics.rs"]
mod metrics;
#[path = "daemon/server.rs"]
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use failed::FailedBatches;
use server::Service;
use shared::say;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Keeps a source up to date: takes single changes by HTTP, and pushes them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// The folder for failed batches.
    #[arg(long, value_name = "DIR", default_value = "failed")]
    failed_dir: PathBuf,
    /// After so many seconds a failed batch is pushed again.
    #[arg(long, default_value_t = 30)]
    again_after: u64,
    /// So many seconds may pass between the signal to stop and the end.
    #[arg(long, default_value_t = 20)]
    grace: u64,
    /// A change waits so many milliseconds for others to share its batch: each batch costs two calls.
    #[arg(long, default_value_t = 5_000)]
    linger_ms: u64,
    /// Pushes into a fake service in memory.
    #[arg(long)]
    fake: bool,
    /// Ends with its standard input, too.
    #[arg(long)]
    until_eof: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, shared::Failure> {
    let arguments = Arguments::parse();
    let setup = shared::Setup::of_program(arguments.fake)?;
    let items = setup.client.items(setup.source_id()?);
    // First: from here on no signal ends the program.
    let stop = tokio::spawn(shared::stop_signal_or_eof(arguments.until_eof)?);

    shared::try_writing(&arguments.failed_dir)?;
    // Old changes before new ones.
    failed::push_saved(&items, &arguments.failed_dir).await?;
    let failed = FailedBatches::new(arguments.failed_dir, Duration::from_secs(arguments.again_after));
    let linger = Duration::from_millis(arguments.linger_ms);
    let pusher = items.pusher().linger(linger).batch_bytes(1 << 20).on_failed_batch(failed.handler()).start();
    let keeper = failed.keep((*pusher).clone());

    let service = Arc::new(Service::new((*pusher).clone(), setup.client.clone()));
    let listener = TcpListener::bind(&arguments.listen).await?;
    say!("listening on http://{}", listener.local_addr()?);
    let connections = server::serve(listener, Arc::clone(&service), stop).await?;

    say!("stopping: pushing the queued changes");
    let ending = async {
        // The requests that came in time.
        connections.join_all().await;
        pusher.flush().await
    };
    let report = match timeout(Duration::from_secs(arguments.grace), ending).await {
        Ok(_) => pusher.finish().await,
        // The handler gets the unsent changes.
        Err(_) => pusher.abort().await,
    };
    let text = report.to_string();
    let saved = keeper.end(report.failed_batches).await;
    say!("{text}");
    saved.problems.iter().for_each(|problem| say!("{problem}"));
    say!("{} batches are in files", saved.batches);
    let is_clean = saved.problems.is_empty();
    let is_held = setup.print_held()?;
    Ok(if is_clean && is_held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
